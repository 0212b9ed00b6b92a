//! A whole answer as a chat completion, and the words and pieces that its chunks use too.

use std::io::Write;

use units::Tokens;
use wire::splice::write_string;

use super::details::bare;
use super::made::add_usage;
use crate::frames::Label;
use crate::intent::Finish;
use crate::message::{Block, Message};
use crate::signature::into_id;

/// Appends a completion.
pub(crate) fn write_whole(
    label: &Label<'_>,
    message: &Message,
    tokens: &Tokens,
    out: &mut Vec<u8>,
) {
    write_id(label, out);
    // Writing into a vector does not fail, here and below.
    let _ = write!(out, r#"","object":"chat.completion","created":{},"model":"#, label.created);
    out.extend_from_slice(label.model_json);
    if label.own_id {
        // OpenRouter's clients want to see it.
        out.extend(br#","system_fingerprint":null"#);
    }
    out.extend(br#","choices":[{"index":0,"message":{"role":"assistant","content":"#);
    write_all(message, out, |block| match block {
        Block::Text(text) => Some(text),
        _ => None,
    });
    out.extend(br#","refusal":"#);
    write_all(message, out, |block| match block {
        Block::Refusal(text) => Some(text),
        _ => None,
    });
    write_thoughts(message, out);
    write_calls(message, out);
    write_pictures(message, out);
    let finish = match message.finish {
        Finish::Stop if message.calls_tools() => Finish::ToolCalls,
        finish => finish,
    };
    let word = finish_word(finish);
    let _ = write!(out, r#"}},"logprobs":null,"finish_reason":"{word}","native_finish_reason":"#);
    write_string(if message.native.is_empty() { word } else { &message.native }, out);
    out.extend(b"}]");
    if let Some(tier) = message.tier.as_deref().and_then(tier_word) {
        let _ = write!(out, r#","service_tier":"{tier}""#);
    }
    out.push(b'}');
    add_usage(tokens, out);
}

/// Appends all texts of one kind as one string; null where there are none.
fn write_all(message: &Message, out: &mut Vec<u8>, text: impl Fn(&Block) -> Option<&String>) {
    let texts: Vec<&str> = message.blocks.iter().filter_map(text).map(|it| &**it).collect();
    match texts[..] {
        [] => out.extend(b"null"),
        [text] => write_string(text, out),
        _ => write_string(&texts.concat(), out),
    }
}

fn write_thoughts(message: &Message, out: &mut Vec<u8>) {
    let thinks = |block: &&Block| matches!(block, Block::Thought { .. } | Block::Redacted(_));
    let thoughts: Vec<&Block> = message.blocks.iter().filter(thinks).collect();
    if thoughts.is_empty() {
        return;
    }
    out.extend(br#","reasoning_content":"#);
    let start = out.len();
    write_all(message, out, |block| match block {
        Block::Thought { text, .. } => Some(text),
        _ => None,
    });
    let text = start..out.len();
    out.extend(br#","reasoning":"#);
    out.extend_from_within(text);
    out.extend(br#","reasoning_details":["#);
    for (place, block) in thoughts.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        match block {
            Block::Thought { text, signature } => {
                let _ = write!(out, r#"{{"type":"reasoning.text","index":{place},"text":"#);
                write_string(text, out);
                if let Some(proof) = signature.as_deref().filter(|proof| !is_empty_proof(proof)) {
                    out.extend(br#","signature":"#);
                    write_string(proof, out);
                }
                out.push(b'}');
            }
            Block::Redacted(hidden) => write_proof("encrypted", hidden, place as u64, out),
            _ => {}
        }
    }
    out.push(b']');
}

fn write_calls(message: &Message, out: &mut Vec<u8>) {
    let mut is_first = true;
    for block in &message.blocks {
        let Block::Call { id, name, arguments, signature } = block else { continue };
        out.extend(if is_first { &br#","tool_calls":["#[..] } else { b"," });
        is_first = false;
        out.extend(br#"{"id":"#);
        write_string(&into_id(id, signature.as_deref()), out);
        out.extend(br#","type":"function","function":{"name":"#);
        write_string(name, out);
        out.extend(br#","arguments":"#);
        write_string(if arguments.is_empty() { "{}" } else { arguments }, out);
        out.push(b'}');
        if let Some(proof) = signature {
            out.extend(br#","extra_content":{"google":{"thought_signature":"#);
            write_string(proof, out);
            out.extend(b"}}");
        }
        out.push(b'}');
    }
    if !is_first {
        out.push(b']');
    }
}

fn write_pictures(message: &Message, out: &mut Vec<u8>) {
    let mut is_first = true;
    for block in &message.blocks {
        let Block::Image { media_type, data } = block else { continue };
        out.extend(if is_first { &br#","images":["#[..] } else { b"," });
        is_first = false;
        picture(media_type, data, out);
    }
    if !is_first {
        out.push(b']');
    }
}

/// Appends the beginning of an object with the answer's id, up to the id's end.
pub(super) fn write_id(label: &Label<'_>, out: &mut Vec<u8>) {
    let (prefix, id) =
        if label.own_id { ("", label.generation) } else { ("chatcmpl-", label.digits()) };
    out.extend(br#"{"id":""#);
    out.extend(prefix.as_bytes());
    out.extend(id.as_bytes());
}

/// Appends the proof of a thought, or a hidden one, as a detail: `text` or `encrypted`.
pub(super) fn write_proof(kind: &str, proof: &str, place: u64, out: &mut Vec<u8>) {
    let member = if kind == "encrypted" { "data" } else { "signature" };
    let _ = write!(out, r#"{{"type":"reasoning.{kind}","index":{place},"{member}":"#);
    write_string(proof, out);
    out.push(b'}');
}

/// Appends a picture as OpenRouter tells one.
pub(super) fn picture(media_type: &str, base64: &str, out: &mut Vec<u8>) {
    out.extend(br#"{"type":"image_url","image_url":{"url":"#);
    write_string(&["data:", media_type, ";base64,", base64].concat(), out);
    out.extend(b"}}");
}

/// Whether a proof says no more than that an upstream of this dialect made the thought: clients of
/// this dialect need not bring that back.
pub(super) fn is_empty_proof(proof: &str) -> bool {
    bare(proof) == Some("")
}

/// A service tier in OpenAI's words, where it has one of those.
pub(crate) fn tier_word(tier: &str) -> Option<&'static str> {
    Some(match tier {
        "standard" | "default" => "default",
        "flex" => "flex",
        "priority" => "priority",
        "scale" => "scale",
        "fast" => "fast",
        _ => return None,
    })
}

/// OpenAI's word for how an answer ended. One that did not come to its end ended in an error.
pub(super) const fn finish_word(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Other => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
        Finish::Error | Finish::None => "error",
    }
}
