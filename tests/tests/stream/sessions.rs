//! Where a session goes: back to whom its prompt cache is with, unless that one is not well.

use serde_json::{Value, json};
use tollgate_tests::client::request;
use tollgate_tests::stand::CHAT;

use crate::trio::Trio;

fn turn(messages: &[&str], more: &Value) -> Value {
    let roles = ["system", "user", "assistant", "user"];
    let each = roles.iter().zip(messages);
    let messages: Vec<_> =
        each.map(|(role, text)| json!({ "role": role, "content": text })).collect();
    let mut body = json!({ "model": "up/chat", "messages": messages, "max_tokens": 5 });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[test]
fn a_conversation_stays_with_whom_it_was_last() {
    let trio = Trio::start(1);
    trio.upstreams[0].fault_next(&["status:500"]);
    let first = turn(&["be brief", "hi"], &json!({}));
    let second = turn(&["be brief", "hi", "hello", "and now?"], &json!({}));
    assert_eq!(trio.server(&first), 1, "the first failed");
    assert_eq!(trio.server(&second), 1, "what it said is cached there");
    assert_eq!(trio.server(&turn(&["be brief", "ho"], &json!({}))), 0, "another conversation");
    assert_eq!(trio.server(&first), 0, "one that only begins has nothing cached");
    trio.upstreams[0].fault_next(&["status:500"]);
    assert_eq!(trio.server(&first), 1);
    trio.upstreams[1].fault_next(&["status:500"]);
    let before = trio.asked();
    assert_eq!(trio.ask(&second).status(), 200);
    let asked = [0, 1, 2].map(|at| trio.asked()[at] - before[at]);
    assert_eq!(asked, [1, 1, 0], "it failed, and another took over");
    assert_eq!(trio.server(&second), 0);
    let ordered = turn(&["be brief", "hi"], &json!({ "provider": { "order": ["c"] } }));
    assert_eq!(trio.server(&ordered), 2);
    let sorted = turn(&["be brief", "hi"], &json!({ "provider": { "sort": "price" } }));
    assert_eq!(trio.server(&sorted), 0, "an order of its own comes first");
}

#[test]
fn a_session_that_is_named_stays_whatever_is_said_in_it() {
    for more in [json!({ "session_id": "s" }), json!({ "prompt_cache_key": "k" })] {
        let trio = Trio::start(1);
        trio.upstreams[0].fault_next(&["status:500"]);
        assert_eq!(trio.server(&turn(&["be brief", "hi"], &more)), 1);
        assert_eq!(trio.server(&turn(&["be long", "ho"], &more)), 1);
        assert_eq!(trio.server(&turn(&["be long", "ho"], &json!({}))), 0);
    }
}

#[test]
fn a_session_may_be_named_in_a_header_and_the_body_comes_before_it() {
    let trio = Trio::start(1);
    let bearer = format!("Bearer {}", trio.customer.key);
    let server = |session: &str, body: &Value| {
        let headers = [
            ("authorization", &*bearer),
            ("content-type", "application/json"),
            ("x-session-id", session),
        ];
        let bytes = request("POST", CHAT, &headers, body.to_string().as_bytes());
        let before = trio.asked();
        let mut client = trio.gateway.connect();
        client.send(&bytes);
        assert_eq!(client.read_answer().unwrap().status(), 200);
        let after = trio.asked();
        (0..3).rfind(|at| after[*at] > before[*at])
    };
    trio.upstreams[0].fault_next(&["status:500"]);
    let plain = turn(&["be brief", "hi"], &json!({}));
    assert_eq!(server("s", &plain), Some(1));
    assert_eq!(server("s", &turn(&["be long", "ho"], &json!({}))), Some(1));
    assert_eq!(server("other", &plain), Some(0));
    assert_eq!(server("s", &turn(&["be brief"], &json!({ "session_id": "other" }))), Some(0));
    assert_eq!(server(&"x".repeat(257), &turn(&["new"], &json!({}))), Some(0));
}

#[test]
fn a_session_leaves_whom_it_was_with_while_that_one_rests() {
    let trio = Trio::start(1);
    let body = turn(&["be brief", "hi"], &json!({ "session_id": "s" }));
    assert_eq!(trio.server(&body), 0);
    trio.upstreams[0].fault_next(&["status:503:retry-after=600"]);
    assert_eq!(trio.server(&body), 1);
    assert_eq!(trio.server(&body), 1);
    assert_eq!(trio.asked()[0], 2, "it rests and is not asked");
}
