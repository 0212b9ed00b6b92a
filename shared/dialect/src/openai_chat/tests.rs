//! The chat dialect against bodies as SDKs and providers write them.

mod laws;
mod prompt;
mod stream;

use serde_json::{Value, json};
use wire::gate::{Gate, GateLimits};

use super::*;
use crate::{Intent, RequestFault, UpstreamTerms};

fn intent(body: &str) -> Result<Box<Intent>, RequestFault> {
    let mut gate = Gate::new();
    let top = gate.check(body.as_bytes(), &GateLimits::default()).unwrap();
    read_intent(&top, body.as_bytes())
}

fn upstream(body: &str, terms: &UpstreamTerms<'_>) -> String {
    let mut out = Vec::new();
    write_upstream(&intent(body).unwrap(), body.as_bytes(), terms, &mut out);
    String::from_utf8(out).unwrap()
}

const TERMS: UpstreamTerms<'_> = UpstreamTerms {
    dialect: catalog::Dialect::OpenAi,
    model_json: b"\"up\"",
    output_cap: 9,
    cap_as_completion_tokens: true,
    stream_usage: true,
    thinks: false,
};

#[test]
fn a_plain_request_is_read_whole() {
    let body = r#"{"model":"a/b","stream":true,"messages":[{"role":"user","content":"hi"}],
        "max_tokens":5,"n":2,"stream_options":{"include_usage":true}}"#;
    let intent = intent(body).unwrap();
    assert_eq!(&*intent.model, "a/b");
    assert!(intent.stream && intent.include_usage);
    assert_eq!((intent.output_limit, intent.choices), (Some(5), 2));
    assert_eq!(intent.input.text_bytes, body.len() as u64);
}

#[test]
fn parts_are_counted_apart_from_text() {
    let body = r#"{"model":"m","messages":[{"content":[{"type":"text","text":"x"},
        {"type":"im\u0061ge_url","image_url":{"url":"data:..."}},{"type":"file","file":{}},
        {"type":"input_audio"},{"type":"video_url"},{}]},
        {"role":"assistant","audio":{"id":"audio_1"}},{"audio":null}]}"#;
    let input = intent(body).unwrap().input;
    assert_eq!((input.images, input.files, input.audios, input.unknown_parts), (1, 1, 2, 2));
    assert!(input.text_bytes < body.len() as u64 - 50);
}

#[test]
fn what_readers_differ_in_is_never_taken_for_text() {
    let body = r#"{"model":"m","messages":[{"content":[
        {"type":"text","text":"x","type":"image_url","image_url":{"url":"https://x"}},
        {"Type":"image_url","type":"text"}]},{"content":{"type":"image_url"}},
        {"role":"assistant","images":[{"type":"image_url","image_url":{"url":"https://x"}}]}]}"#;
    let input = intent(body).unwrap().input;
    assert_eq!((input.images, input.unknown_parts), (2, 2));
    for tool in
        [r#"{"type":"function","type":"web_search"}"#, r#"{"type":"function","Type":"web_search"}"#]
    {
        let body = format!(r#"{{"model":"m","messages":[{{}}],"tools":[{tool}]}}"#);
        assert!(intent(&body).unwrap().foreign_tools, "{tool}");
    }
    let body = r#"{"model":"m","messages":[{}],"modalities":"audio"}"#;
    assert!(intent(body).unwrap().audio_output);
}

#[test]
fn what_is_billed_beside_the_answer_is_read() {
    let body = r#"{"model":"m","messages":[{}],"max_tokens":4000,"best_of":1,
        "prediction":{"type":"content","content":"long"},"reasoning":{"max_tokens":2000}}"#;
    let read = intent(body).unwrap();
    assert_eq!((read.input.predicted_bytes, read.thinking_budget), (35, Some(2000)));
    let fault = intent(r#"{"model":"m","messages":[{}],"best_of":5}"#).unwrap_err();
    assert_eq!((fault.param, fault.unsupported), (Some("best_of"), true));
}

#[test]
fn wrong_members_name_themselves() {
    for (body, param) in [
        (r#"{"messages":[{}]}"#, "model"),
        (r#"{"model":7,"messages":[{}]}"#, "model"),
        (r#"{"model":"m"}"#, "messages"),
        (r#"{"model":"m","messages":[]}"#, "messages"),
        (r#"{"model":"m","messages":["x"]}"#, "messages"),
        (r#"{"model":"m","messages":[{}],"stream":1}"#, "stream"),
        (r#"{"model":"m","messages":[{}],"max_tokens":0}"#, "max_tokens"),
        (r#"{"model":"m","messages":[{}],"max_tokens":1.5}"#, "max_tokens"),
        (r#"{"model":"m","messages":[{}],"n":129}"#, "n"),
        (r#"{"model":"m","messages":[{}],"N":2}"#, "n"),
        (r#"{"model":"m","messages":[{}],"Tools":[]}"#, "tools"),
        (r#"{"model":"m","messages":[{}],"Web_Search_Options":{}}"#, "web_search_options"),
        (r#"{"model":"m","messages":[{}],"Max_Tokens":2}"#, "max_tokens"),
        (r#"{"model":"m","messages":[{}],"routing":[]}"#, "routing"),
        (r#"{"model":"m","messages":[{}],"max_tokens":1,"max_completion_tokens":2}"#, "max_tokens"),
    ] {
        assert_eq!(intent(body).unwrap_err().param, Some(param), "{body}");
    }
}

#[test]
fn the_upstream_sees_what_was_priced_and_all_else_unchanged() {
    let body = r#"{ "x":1.000, "model" : "a/b","stream":true,"messages":[{"content":"\u00e9"}],"max_tokens":5,"usage":{"include":true},"y":[1, 2]}"#;
    let sent = upstream(body, &TERMS);
    let value: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(value["model"], "up");
    assert_eq!(value["max_completion_tokens"], 9);
    assert_eq!(value["stream_options"], json!({ "include_usage": true }));
    assert!(value.get("max_tokens").is_none() && value.get("usage").is_none());
    assert!(sent.contains(r#""x":1.000"#) && sent.contains(r#"\u00e9"#), "{sent}");
    assert!(sent.contains(r#""y":[1, 2]"#), "{sent}");
}

#[test]
fn stream_options_keep_what_else_they_hold() {
    let body = r#"{"model":"m","stream":true,"messages":[{}],"stream_options":{"include_obfuscation":false,"include_usage":false}}"#;
    let value: Value = serde_json::from_str(&upstream(body, &TERMS)).unwrap();
    let expected = json!({ "include_usage": true, "include_obfuscation": false });
    assert_eq!(value["stream_options"], expected);
    let plain = UpstreamTerms { stream_usage: false, cap_as_completion_tokens: false, ..TERMS };
    let value: Value = serde_json::from_str(&upstream(body, &plain)).unwrap();
    assert!(value.get("stream_options").is_none());
    assert_eq!(value["max_tokens"], 9);
}

#[test]
fn a_chunk_is_rewritten_outside_its_choices_only() {
    let chunk = br#"{"id":"c1","usage":null,"model":"up","choices":[{"index":0,"delta":{"content":"\"model\":\"up\""},"finish_reason":"stop"}],"service_tier":"flex"}"#;
    let answer = Answer::read(chunk).unwrap();
    assert!(answer.has_choices && !answer.is_error && answer.usage_object().is_none());
    assert_eq!(answer.finish, crate::Finish::Stop);
    assert_eq!(answer.text_bytes, 16);
    let mut out = Vec::new();
    let rewrite = Rewrite { model_json: Some(b"\"a/b\""), id_json: None, drop_usage: true };
    answer.rewrite(chunk, &rewrite, &mut out);
    let expected = r#"{"id":"c1","model":"a/b","choices":[{"index":0,"delta":{"content":"\"model\":\"up\""},"finish_reason":"stop"}],"service_tier":"flex"}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn what_was_said_of_a_whole_answer_is_known_before_its_end() {
    let answer = br#"{"id":"c","choices":[{"message":{"role":"assistant","content":"well then"#;
    assert_eq!(said_so_far(answer), 9);
    assert_eq!((said_so_far(&answer[..40]), said_so_far(b"")), (0, 0));
    assert_eq!(said_so_far(br#"{"content":"#), 0);
}

#[test]
fn usage_is_removed_wherever_it_stands() {
    for (json, expected) in [
        (r#"{"usage":{"a":1},"b":2}"#, r#"{"b":2}"#),
        (r#"{"b":2 , "usage":null}"#, r#"{"b":2 }"#),
        (r#"{"usage":1}"#, "{}"),
    ] {
        let mut out = Vec::new();
        let rewrite = Rewrite { model_json: Some(b""), id_json: None, drop_usage: true };
        Answer::read(json.as_bytes()).unwrap().rewrite(json.as_bytes(), &rewrite, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn an_error_that_is_none_is_not_passed_on() {
    for (json, expected) in [
        (r#"{"usage":null,"error":null,"id":"a"}"#, r#"{"id":"a"}"#),
        (r#"{"id":"a","error":{"x":1},"error":null}"#, r#"{"id":"a","error":{"x":1}}"#),
        (r#"{"error":"","error":false}"#, "{}"),
    ] {
        let mut out = Vec::new();
        let rewrite = Rewrite { model_json: Some(b""), id_json: None, drop_usage: true };
        Answer::read(json.as_bytes()).unwrap().rewrite(json.as_bytes(), &rewrite, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn errors_and_usage_chunks_are_told_from_content() {
    let read = |json: &str| Answer::read(json.as_bytes()).unwrap();
    assert!(read(r#"{"error":{"message":"x"}}"#).is_error);
    assert!(!read(r#"{"error":null,"choices":[{}]}"#).is_error);
    assert!(read(r#"{"choices":[],"usage":{"prompt_tokens":1}}"#).is_usage_only());
    assert!(!read(r#"{"choices":[{}],"usage":{"prompt_tokens":1}}"#).is_usage_only());
    assert!(is_done(b"[DONE]"));
}

#[test]
fn chunks_read_alike_with_and_without_the_ones_before() {
    let chunk = |created: u64, rest: &str| format!(r#"{{"id":"c","created":{created}{rest}"#);
    let mut reader = ChunkReader::default();
    for json in [
        chunk(12, r#","choices":[{"delta":{"role":"assistant","content":""}}]}"#),
        chunk(12, r#","choices":[{"delta":{"content":"ab"}}],"usage":null}"#),
        chunk(123, r#","choices":[{"delta":{"content":"abc"}}]}"#),
        chunk(123, r#","model":"m","choices":[{"delta":{},"finish_reason":"stop"}]}"#),
        chunk(123, r#","choices":[],"usage":{"prompt_tokens":1}}"#),
        r#"{"choices":[{"delta":{"content":"x"}}]}"#.to_owned(),
        chunk(123, r#","error":{"message":"x"}}"#),
    ] {
        let alone = format!("{:?}", Answer::read(json.as_bytes()).unwrap());
        let in_turn = format!("{:?}", reader.read(json.as_bytes()).unwrap());
        assert_eq!(in_turn, alone, "{json}");
    }
    assert!(reader.read(br#"{"id":"c","created":123,"choices":[{]}"#).is_err());
    assert!(reader.read(b"").is_err() && reader.read(b"{}x").is_err());
}

#[test]
fn a_chunk_of_a_known_form_is_shown_as_if_it_had_been_read() {
    for (model_json, drop_usage) in [(Some(&b"\"a/b\""[..]), true), (None, true), (None, false)] {
        let rewrite = Rewrite { model_json, id_json: None, drop_usage };
        for (lead, trail) in [("id: 7\ndata:", "\r\n\r\n"), ("data: ", "\n\n")] {
            knows_its_form(&rewrite, lead, trail);
        }
    }
}

fn knows_its_form(rewrite: &Rewrite<'_>, lead: &str, trail: &str) {
    let shown = |json: &str| {
        let mut out = Vec::new();
        Answer::read(json.as_bytes()).unwrap().rewrite(json.as_bytes(), rewrite, &mut out);
        String::from_utf8(out).unwrap()
    };
    let chunk = |text: &str| {
        format!(
            r#"{{"model":"up","choices":[{{"delta":{{"content":"{text}"}}}}],"usage":null,"x":1}}"#
        )
    };
    let mut pattern = Pattern::default();
    let event = |json: &str| format!("{lead}{json}{trail}");
    assert_eq!(pattern.front(event(&chunk("a")).as_bytes()), None);
    learn(&mut pattern, &chunk("Hello"), rewrite, (lead, trail));
    for text in ["", " wörld", "Hello", "}]", "a text that is longer than two words\u{7f}"] {
        let json = chunk(text);
        let bytes = [event(&json), event(&json)].concat();
        let found = pattern.front(bytes.as_bytes()).unwrap();
        assert_eq!((found.text, found.bytes), (text.as_bytes(), event(&json).as_bytes()));
        let mut seen = Vec::new();
        pattern.show(&found, &mut seen);
        assert_eq!(seen, format!("data: {}\n\n", shown(&json)).into_bytes());
        assert!(seen.len() <= found.bytes.len() + pattern.added());
        for end in 0..found.bytes.len() {
            assert_eq!(pattern.front(&bytes.as_bytes()[..end]), None, "{text} to {end}");
        }
    }
    for other in [
        chunk(r#"a\"b"#),
        chunk(r#"a","refusal":"b"#),
        chunk("a\r"),
        chunk("a\ndata: b"),
        chunk("a").replace("up", "down"),
        chunk("a").replace(":1}", ":12}"),
        chunk("a").replace("null", "{}"),
    ] {
        assert_eq!(pattern.front(event(&other).as_bytes()), None, "{other}");
    }
    assert_eq!(pattern.front(format!("data:{}{trail}", chunk("a")).as_bytes()), None);
    assert_eq!(pattern.front(format!("{lead}{}\n\r\n", chunk("a")).as_bytes()), None);
}

fn learn(pattern: &mut Pattern, json: &str, rewrite: &Rewrite<'_>, (lead, trail): (&str, &str)) {
    let answer = Answer::read(json.as_bytes()).unwrap();
    let (lead, trail) = (lead.as_bytes(), trail.as_bytes());
    pattern.learn(Event { lead, json: json.as_bytes(), trail }, &answer, rewrite);
}

#[test]
fn chunks_without_one_text_or_with_an_end_teach_no_form() {
    let rewrite = Rewrite { model_json: Some(b"1"), id_json: None, drop_usage: false };
    for json in [
        r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","refusal":"b"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#,
        r#"{"choices":[{"delta":{"content":"a","tool_calls":[{}]}}]}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"error":null}"#,
    ] {
        let mut pattern = Pattern::default();
        learn(&mut pattern, json, &rewrite, ("data: ", "\n\n"));
        assert_eq!(pattern.front(format!("data: {json}\n\n").as_bytes()), None, "{json}");
    }
}

#[test]
fn thoughts_have_the_name_that_the_reader_knows() {
    let shown = |json: &str, id_json| {
        let rewrite = Rewrite { model_json: None, id_json, drop_usage: false };
        let mut out = Vec::new();
        Answer::read(json.as_bytes()).unwrap().rewrite(json.as_bytes(), &rewrite, &mut out);
        String::from_utf8(out).unwrap()
    };
    let delta = |members: &str| format!(r#"{{"choices":[{{"delta":{{{members}}}}}]}}"#);
    let own = Some(&b"\"gen-1\""[..]);
    let theirs = delta(r#""reasoning_content":"hm","content":null"#);
    assert_eq!(shown(&theirs, own), delta(r#""reasoning":"hm","content":null"#));
    assert_eq!(shown(&theirs, None), theirs);
    for names in [["reasoning", "reasoning_content"], ["reasoning_content", "reasoning"]] {
        let both = delta(&names.map(|name| format!(r#""{name}":"a""#)).join(","));
        assert_eq!(shown(&both, own), both);
    }
}

#[test]
fn how_hard_to_think_is_said_in_openais_words() {
    let sent = |members: &str| {
        let body = format!(r#"{{"model":"m","messages":[{{}}],{members}}}"#);
        let value: Value = serde_json::from_str(&upstream(&body, &TERMS)).unwrap();
        (value["reasoning"].clone(), value["reasoning_effort"].clone())
    };
    let said = |effort: &str| (Value::Null, Value::from(effort));
    assert_eq!(sent(r#""reasoning":{"effort":"high","exclude":true}"#), said("high"));
    assert_eq!(sent(r#""reasoning":{"enabled":true}"#), said("medium"));
    assert_eq!(sent(r#""reasoning":{"enabled":false}"#), said("none"));
    let budget = json!({ "max_tokens": 2000 });
    assert_eq!(sent(r#""reasoning":{"max_tokens":2000}"#), (budget, Value::Null));
    let both = sent(r#""reasoning":{"effort":"low"},"reasoning_effort":"high""#);
    assert_eq!(both, (json!({ "effort": "low" }), "high".into()));
}
