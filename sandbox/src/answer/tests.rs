//! What is answered, how much of it, and that it is counted to the token.

use serde_json::Value;

use super::*;

fn answer(rest: &str, wishes: &str) -> Answer {
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"why is the sky blue?"}}]{rest}}}"#
    );
    let mut script = Script::default();
    script.add(wishes).unwrap();
    compose(&crate::openai::read::chat(body.as_bytes()).unwrap(), &script, 11)
}

#[test]
fn the_cap_is_obeyed_exactly() {
    for cap in [1, 2, 3, 17, 40] {
        let answer = answer(&format!(r#","max_tokens":{cap}"#), "");
        assert_eq!(answer.billed.completion, cap);
        assert_eq!(answer.choices[0].finish, Finish::Length);
    }
    let whole = answer(r#","max_completion_tokens":5000"#, "");
    assert!((60..=140).contains(&whole.billed.completion));
    assert_eq!(whole.choices[0].finish, Finish::Stop);
}

#[test]
fn several_choices_differ_and_are_all_billed() {
    let answer = answer(r#","n":3,"max_tokens":20"#, "");
    assert_eq!(answer.billed.completion, 60);
    assert_ne!(answer.choices[0].text, answer.choices[1].text);
}

#[test]
fn reasoning_counts_within_the_cap() {
    let some = answer(r#","reasoning_effort":"low""#, "");
    assert_eq!(some.billed.reasoning, 24);
    assert!(some.billed.completion > 24);
    let all = answer(r#","reasoning_effort":"high","max_tokens":30"#, "");
    assert_eq!((all.billed.reasoning, all.billed.completion), (30, 30));
    assert_eq!((all.choices[0].text.as_str(), all.choices[0].finish), ("", Finish::Length));
}

#[test]
fn a_wished_length_may_ignore_the_cap() {
    assert_eq!(answer("", "tokens:300").billed.completion, 300);
    assert_eq!(answer(r#","max_tokens":9"#, "tokens:300").billed.completion, 9);
    assert_eq!(answer(r#","max_tokens":9"#, "ignore-cap:300").billed.completion, 300);
}

#[test]
fn cached_tokens_are_part_of_the_prompt() {
    let billed = answer("", "cached+cache-write:2").billed;
    assert_eq!((billed.cached, billed.cache_write), (billed.prompt / 2, 2));
    let all = answer("", "cached:100000").billed;
    assert_eq!((all.cached, all.cache_write), (all.prompt, 0));
}

#[test]
fn tools_are_called_with_arguments_that_fit() {
    let tools = r#","tools":[{"type":"function","function":{"name":"weather","parameters":{
        "type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]"#;
    let answered = answer(tools, "");
    let choice = &answered.choices[0];
    assert_eq!((choice.calls[0].name.as_str(), choice.finish), ("weather", Finish::ToolCalls));
    let arguments: Value = serde_json::from_str(&choice.calls[0].arguments).unwrap();
    assert!(arguments["city"].is_string());
    let cut = answer(&format!(r#"{tools},"max_tokens":2"#), "");
    assert_eq!((cut.billed.completion, cut.choices[0].finish), (2, Finish::Length));
}

#[test]
fn json_answers_are_json() {
    let object = answer(r#","response_format":{"type":"json_object"}"#, "");
    assert!(serde_json::from_str::<Value>(&object.choices[0].text).unwrap().is_object());
    let format = r#","response_format":{"type":"json_schema","json_schema":{"name":"a",
        "schema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}}"#;
    let fitted: Value = serde_json::from_str(&answer(format, "").choices[0].text).unwrap();
    assert!(fitted["n"].is_i64());
}

#[test]
fn a_stop_sequence_ends_the_text() {
    let answer = answer(r#","stop":["sky"]"#, "");
    assert!(!answer.choices[0].text.contains("sky"));
    assert_eq!(answer.choices[0].finish, Finish::Sequence);
    assert_eq!(answer.choices[0].stopped.as_deref(), Some("sky"));
}
