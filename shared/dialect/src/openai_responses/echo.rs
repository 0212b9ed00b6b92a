//! What an answer repeats of its request.
//!
//! Invariants: the members that the answer's schema requires are always there; tools have the
//! members that it requires of them. `store` is false, for nothing is kept.

use wire::json::{Member, ValueKind, elements, members, unescape};

/// Members that are repeated, and what stands for one that was not sent; nothing, where it is left
/// out then.
const REPEATED: [(&str, &str); 14] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("prompt_cache_key", ""),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", ""),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_p", "null"),
    ("user", ""),
];
/// Members that are the same in every answer.
const FIXED: &str = concat!(
    r#","background":false,"previous_response_id":null,"store":false,"#,
    r#""top_logprobs":0,"truncation":"disabled","completed_at":null,"#,
    r#""frequency_penalty":null,"presence_penalty":null"#,
);

/// The members that answers to this request repeat, each behind a comma.
pub(super) fn echo(body: &[u8]) -> Vec<u8> {
    let mut places: [Option<Member>; REPEATED.len()] = [None; REPEATED.len()];
    for member in members(body).flatten().filter(|member| member.kind != ValueKind::Null) {
        let key = unescape(body, member.key).unwrap_or_default();
        if let Some(place) = REPEATED.iter().position(|(name, _)| *name == key) {
            places[place] = Some(member);
        }
    }
    let mut out = FIXED.as_bytes().to_vec();
    for ((name, otherwise), member) in REPEATED.iter().zip(places) {
        if member.is_none() && otherwise.is_empty() {
            continue;
        }
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        match member {
            Some(member) if *name == "tools" => write_tools(member.value.of(body), &mut out),
            Some(member) => out.extend_from_slice(member.value.of(body)),
            None => out.extend_from_slice(otherwise.as_bytes()),
        }
    }
    out
}

fn write_tools(tools: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, (tool, _)) in elements(tools).flatten().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let tool = tool.of(tools).trim_ascii();
        out.extend_from_slice(tool.strip_suffix(b"}").unwrap_or(tool));
        for name in ["parameters", "strict"] {
            if !members(tool).flatten().any(|member| member.is(tool, name)) {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":null");
            }
        }
        out.push(b'}');
    }
    out.push(b']');
}
