//! Takes answers apart without reading them as JSON values: what stands where, byte for byte.

use serde_json::Value;
use tollgate_tests::client::Answer;
use wire::json::members;

pub(crate) const DONE: &str = "[DONE]";

/// The bytes of a member of an object.
pub(crate) fn member<'j>(json: &'j str, name: &str) -> Option<&'j str> {
    let bytes = json.as_bytes();
    let found = members(bytes).map(Result::unwrap).find(|member| member.is(bytes, name))?;
    Some(std::str::from_utf8(found.value.of(bytes)).unwrap())
}

/// The choices of every event that has some; `[DONE]` must be the last event and stand once.
#[track_caller]
pub(crate) fn choices_of(answer: &Answer) -> Vec<String> {
    assert_eq!((answer.status(), answer.cut), (200, None), "{}", answer.text());
    let events = answer.events();
    let done = events.iter().filter(|event| *event == DONE).count();
    assert_eq!((done, events.last().map(String::as_str)), (1, Some(DONE)), "{events:?}");
    let chunks = events[..events.len() - 1].iter();
    let choices = chunks.map(|chunk| member(chunk, "choices").unwrap().to_owned());
    choices.filter(|choices| choices != "[]").collect()
}

/// The text of a stream's first choice.
pub(crate) fn text_of(choices: &[String]) -> String {
    let deltas = choices.iter().map(|choices| serde_json::from_str::<Value>(choices).unwrap());
    deltas.filter_map(|choices| Some(choices[0]["delta"]["content"].as_str()?.to_owned())).collect()
}

/// The last event of a stream that failed: an error of this code, and no `[DONE]`.
#[track_caller]
pub(crate) fn error_at_the_end(answer: &Answer, code: &str) -> Vec<String> {
    assert_eq!((answer.status(), answer.cut), (200, None), "{}", answer.text());
    let mut events = answer.events();
    assert!(!events.iter().any(|event| event == DONE), "{events:?}");
    let last: Value = serde_json::from_str(&events.pop().expect("an event")).unwrap();
    assert_eq!(last["error"]["code"], code, "{last}");
    assert_eq!(last["error"]["origin"], "upstream", "{last}");
    assert!(!events.iter().any(|event| event.contains("\"error\"")), "{events:?}");
    events
}
