//! What a chat request says once it is read, and what is refused.

use super::*;

fn read(body: &str) -> Result<Ask<'_>, Refused> {
    chat(body.as_bytes())
}

#[test]
fn a_plain_question_is_counted() {
    let ask =
        read(r#"{"model":"chat","messages":[{"role":"user","content":"12345678"}]}"#).unwrap();
    assert_eq!(ask.prompt_tokens, 2 + tokens::PER_MESSAGE + tokens::PER_REQUEST);
    assert_eq!((ask.choices, ask.cap, ask.stream), (1, None, false));
    assert_eq!(ask.prompt, "12345678");
}

#[test]
fn a_prompt_never_counts_more_than_its_bytes_and_the_constants() {
    let texts = ["", "a", "\u{1f642}\u{1f642}", "caf\u{e9}", "\\u00e9\\n", "long long text"];
    for text in texts {
        let message = format!(r#"{{"role":"user","content":"{text}"}}"#);
        let body = format!(r#"{{"model":"m","messages":[{message},{message}]}}"#);
        let bound = 2 * (text.len() as u64 + tokens::PER_MESSAGE) + tokens::PER_REQUEST;
        assert!(read(&body).unwrap().prompt_tokens <= bound);
    }
}

#[test]
fn parts_count_by_their_kind() {
    let ask = read(
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"abcd"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
        {"type":"input_audio","input_audio":{"data":"","format":"wav"}},
        {"type":"file","file":{}}]}]}"#,
    )
    .unwrap();
    let parts = 1 + tokens::IMAGE + tokens::AUDIO + tokens::FILE;
    assert_eq!(ask.prompt_tokens, parts + tokens::PER_MESSAGE + tokens::PER_REQUEST);
    assert_eq!(ask.audio_tokens, tokens::AUDIO);
}

#[test]
fn the_tools_to_call_follow_from_the_choice() {
    let called = |rest: &str| {
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],"tools":[
            {{"type":"function","function":{{"name":"a"}}}},
            {{"type":"function","function":{{"name":"b","parameters":{{}}}}}}]{rest}}}"#
        );
        read(&body).map(|ask| ask.calls.into_iter().map(|call| call.name).collect::<Vec<_>>())
    };
    assert_eq!(called("").unwrap(), ["a"]);
    assert_eq!(called(r#","tool_choice":"none""#).unwrap(), [""; 0]);
    assert_eq!(called(r#","tool_choice":"required""#).unwrap(), ["a", "b"]);
    let one = r#","tool_choice":"required","parallel_tool_calls":false"#;
    assert_eq!(called(one).unwrap(), ["a"]);
    let named = r#","tool_choice":{"type":"function","function":{"name":"b"}}"#;
    assert_eq!(called(named).unwrap(), ["b"]);
    assert!(called(r#","tool_choice":{"type":"function","function":{"name":"c"}}"#).is_err());
}

#[test]
fn a_tools_result_is_answered_with_text() {
    let ask = read(
        r#"{"model":"m","messages":[{"role":"user","content":"x"},
        {"role":"assistant","content":null,"tool_calls":[
          {"id":"1","type":"function","function":{"name":"a","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"1","content":"18 degrees"}],
        "tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":"required"}"#,
    )
    .unwrap();
    assert!(ask.answers_tool && ask.calls.is_empty());
    assert_eq!(ask.prompt, "18 degrees");
}

#[test]
fn broken_requests_are_refused() {
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    for (body, param) in [
        (format!("{{{messages}}}"), Some("model")),
        (r#"{"model":"m","messages":[]}"#.into(), Some("messages")),
        (format!(r#"{{"model":"m",{messages},"max_tokens":0}}"#), Some("max_tokens")),
        (format!(r#"{{"model":"m",{messages},"max_tokens":-1}}"#), None),
        (format!(r#"{{"model":"m",{messages},"n":17}}"#), Some("n")),
        (format!(r#"{{"model":"m",{messages},"model":"n"}}"#), None),
        (format!(r#"{{"model":"m",{messages}}} "#), Some("")),
        (format!(r#"{{"model":"m",{messages}}}x"#), None),
    ] {
        let refused = read(&body).err().map(|refused| refused.param);
        let expected = if param == Some("") { None } else { Some(param) };
        assert_eq!(refused, expected, "{body}");
    }
}
