//! What Anthropic refuses, and what it makes of what it takes.

use serde_json::{Value, json};

use super::*;

fn read(rest: Value) -> Result<Ask<'static>, Refused> {
    let mut body = json!({"model": "claude", "max_tokens": 2000,
        "messages": [{"role": "user", "content": "12345678"}]});
    if let (Some(members), Value::Object(rest)) = (body.as_object_mut(), rest) {
        members.extend(rest);
    }
    messages(body.to_string().as_bytes(), Version::First, false)
}

fn said(messages: Value) -> Result<Ask<'static>, Refused> {
    read(json!({ "messages": messages }))
}

#[test]
fn a_plain_question_is_counted() {
    let ask = read(json!({"system": [{"type": "text", "text": "abcd"}]})).unwrap();
    assert_eq!(ask.prompt_tokens, 1 + 2 + tokens::PER_MESSAGE + tokens::PER_REQUEST);
    assert_eq!((ask.cap, ask.prompt.as_str()), (Some(2000), "12345678"));
}

#[test]
fn members_that_nobody_knows_are_refused() {
    for rest in [
        json!({"n": 1}),
        json!({"max_completion_tokens": 5}),
        json!({"max_tokens": null}),
        json!({"max_tokens": -1}),
        json!({"temperature": 1.5}),
        json!({"stop": ["x"]}),
        json!({"stop_sequences": [" "]}),
        json!({"metadata": {"user": "x"}}),
        json!({"service_tier": "flex"}),
        json!({"output_config": {"format": {"type": "json_object"}}}),
        json!({"system": [{"type": "text", "text": ""}]}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 1000}}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024}, "temperature": 0.5}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024}, "top_k": 5}),
        json!({"tool_choice": {"type": "auto"}}),
    ] {
        assert!(read(rest.clone()).is_err(), "{rest}");
    }
    assert!(messages(br#"{"model":"a","model":"b"}"#, Version::First, false).is_err());
}

#[test]
fn blocks_are_read_strictly() {
    let user = |block: Value| said(json!([{"role": "user", "content": [block]}]));
    let image = |kind: &str, bytes: &str| {
        let source = json!({"type": "base64", "media_type": kind, "data": bytes});
        json!({"type": "image", "source": source})
    };
    assert_eq!(user(image("image/png", "AAAA")).unwrap().prompt_tokens, 7 + tokens::IMAGE);
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": "AAAA"});
    let document = user(json!({"type": "document", "source": pdf, "title": "x"}));
    assert_eq!(document.unwrap().prompt_tokens, 7 + tokens::FILE);
    for block in [
        image("image/bmp", "AAAA"),
        image("image/png", "data:image/png;base64,AAAA"),
        json!({"type": "image_url", "image_url": {"url": "https://x"}}),
        json!({"type": "text", "text": "x", "annotations": []}),
        json!({"type": "text", "text": ""}),
        json!({"type": "tool_result", "tool_use_id": "toolu_1"}),
        json!({"type": "thinking", "thinking": "x", "signature": "y"}),
        json!({"type": "image", "source": {"type": "url", "url": "http://x"}}),
    ] {
        assert!(user(block.clone()).is_err(), "{block}");
    }
}

#[test]
fn turns_follow_one_another() {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "a", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "r"});
    let text = json!({"type": "text", "text": "x"});
    let turns = |calls: Value, results: Value| {
        said(json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": calls},
            {"role": "user", "content": results}]))
    };
    let both = turns(json!([call("a"), call("b")]), json!([result("b"), result("a"), text]));
    assert!(both.unwrap().answers_tool);
    assert!(turns(json!([call("a")]), json!([text, result("a")])).is_err());
    assert!(turns(json!([call("a"), call("a")]), json!([result("a")])).is_err());
    assert!(turns(json!([call("a.b")]), json!([result("a.b")])).is_err());
    assert!(turns(json!([call("a")]), json!([result("a"), result("a")])).is_err());
    assert!(said(json!([{"role": "assistant", "content": "x"}])).is_err());
    assert!(said(json!([{"role": "system", "content": "x"}])).is_err());
    assert!(said(json!([{"role": "user", "content": ""}])).is_err());
    let question = json!({"role": "user", "content": "x"});
    assert!(said(json!([question, {"role": "assistant", "content": "{ "}])).is_err());
    assert!(said(json!([question, question, {"role": "assistant", "content": "{"}])).is_ok());
}

#[test]
fn marks_are_few_and_in_order() {
    let marks = |ttls: &[&str]| {
        let block = |ttl: &&str| {
            json!({"type": "text", "text": "abcd",
                "cache_control": {"type": "ephemeral", "ttl": ttl}})
        };
        read(json!({"system": ttls.iter().map(block).collect::<Vec<_>>()}))
    };
    let marked = marks(&["1h", "5m"]).unwrap().marked;
    assert_eq!((marked.one_hour, marked.five_minutes), (1, 1));
    assert!(marks(&["5m", "1h"]).is_err() && marks(&["5m"; 5]).is_err());
    assert!(marks(&["24h"]).is_err() && marks(&["5m"; 4]).is_ok());
}

#[test]
fn schemas_are_closed() {
    let format = |schema: Value| {
        read(json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}))
    };
    let closed = json!({"type": "object", "properties": {"minimum": {"type": "integer"}},
        "additionalProperties": false});
    assert_eq!(format(closed.clone()).unwrap().shape, Shape::Schema(closed));
    assert!(format(json!({"type": "object", "properties": {}})).is_err());
    assert!(format(json!({"type": "integer", "minimum": 1})).is_err());
}

#[test]
fn tools_are_read_strictly() {
    let tool = |tool: Value| read(json!({ "tools": [tool] }));
    let schema = json!({"type": "object"});
    let called = tool(json!({"name": "a", "input_schema": schema})).unwrap().calls;
    assert_eq!(called[0].name, "a");
    for odd in [
        json!({"name": "a b", "input_schema": schema}),
        json!({"name": "a"}),
        json!({"name": "a", "input_schema": {"type": "string"}}),
        json!({"name": "a", "parameters": schema, "input_schema": schema}),
        json!({"type": "function", "function": {"name": "a"}}),
        json!({"name": "a", "input_schema": {"type": "object", "anyOf": []}}),
    ] {
        assert!(tool(odd.clone()).is_err(), "{odd}");
    }
    let forced = json!({"tools": [{"name": "a", "input_schema": schema}],
        "thinking": {"type": "adaptive"}, "tool_choice": {"type": "any"}});
    assert!(read(forced).is_err());
}

#[test]
fn versions_and_models_differ() {
    let at = |version, rest: Value| {
        let question = json!([{"role": "user", "content": "x"}]);
        let mut body = json!({"model": "claude", "max_tokens": 2000, "messages": question});
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        messages(body.to_string().as_bytes(), version, false)
    };
    let warm = json!({"temperature": 1.0});
    assert!(at(Version::First, warm.clone()).is_ok() && at(Version::Second, warm).is_err());
    let begun = json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "{"}]);
    let told = json!([{"role": "user", "content": "x"}, {"role": "system", "content": "y"}]);
    let budget = json!({"type": "enabled", "budget_tokens": 1024});
    for (model, rest, taken) in [
        ("claude-sonnet-4-5", json!({"messages": begun}), true),
        ("claude-sonnet-4-6", json!({"messages": begun}), false),
        ("claude-opus-4-7", json!({"messages": told}), false),
        ("claude-opus-4-8", json!({"messages": told}), true),
        ("claude-sonnet-4-6", json!({"thinking": budget}), true),
        ("claude-opus-4-7", json!({"thinking": budget}), false),
        ("claude-opus-4-7", json!({"temperature": 0.5}), false),
        ("claude-opus-5", json!({"thinking": {"type": "disabled"}}), true),
        ("claude-opus-5-5", json!({"thinking": {"type": "disabled"}}), false),
        ("claude-opus-5-5", json!({"thinking": {"type": "between_tools"}}), true),
    ] {
        let mut rest = rest;
        rest["model"] = model.into();
        assert_eq!(at(Version::First, rest.clone()).is_ok(), taken, "{rest}");
    }
    let ask = at(Version::Second, json!({"model": "claude-opus-5"})).unwrap();
    assert_eq!((ask.thinking, ask.thoughts), (160, Thoughts::Omitted));
}
