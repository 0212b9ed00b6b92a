//! What Gemini refuses, and what it makes of what it takes.

use serde_json::{Value, json};

use super::*;

fn read(rest: Value) -> Result<Ask<'static>, Refused> {
    let mut body = json!({"contents": [{"parts": [{"text": "12345678"}]}]});
    if let (Some(members), Value::Object(rest)) = (body.as_object_mut(), rest) {
        members.extend(rest);
    }
    contents(body.to_string().as_bytes(), "gemini-2.5-pro")
}

fn part(part: Value) -> Result<Ask<'static>, Refused> {
    read(json!({"contents": [{"role": "user", "parts": [part]}]}))
}

#[test]
fn both_spellings_are_read() {
    let camel = json!({"generationConfig": {"maxOutputTokens": 5, "stopSequences": ["x"]},
        "systemInstruction": {"role": "system", "parts": [{"text": "abcd"}]}});
    let snake = json!({"generation_config": {"max_output_tokens": "5", "stop_sequences": ["x"]},
        "system_instruction": {"parts": [{"text": "abcd"}]}});
    for rest in [camel, snake] {
        let ask = read(rest).unwrap();
        assert_eq!((ask.cap, ask.stop.len(), ask.prompt.as_str()), (Some(5), 1, "12345678"));
        assert_eq!(ask.prompt_tokens, 1 + 2 + 2 * tokens::PER_MESSAGE + tokens::PER_REQUEST);
    }
}

#[test]
fn members_that_nobody_knows_are_refused() {
    let unknown = read(json!({"generationConfig": {"max_tokens": 5}})).unwrap_err().message;
    assert!(unknown.contains("Unknown name \"max_tokens\" at 'generationConfig'"), "{unknown}");
    for rest in [
        json!({"messages": []}),
        json!({"contents": []}),
        json!({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}),
        json!({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}),
        json!({"contents": [{"role": "user", "parts": []}]}),
        json!({"generationConfig": {"temperature": 2.5}}),
        json!({"generationConfig": {"seed": 4_294_967_296_u64}}),
        json!({"generationConfig": {"stopSequences": ["a", "b", "c", "d", "e", "f"]}}),
        json!({"generationConfig": {"responseJsonSchema": {}}}),
        json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 99999}}}),
        json!({"cachedContent": "cachedContents/x"}),
        json!({"toolConfig": {"functionCallingConfig": {"mode": "any"}}}),
        json!({"serviceTier": "auto"}),
    ] {
        assert!(read(rest.clone()).is_err(), "{rest}");
    }
}

#[test]
fn parts_are_read_strictly() {
    let inline = |kind: &str| json!({"inlineData": {"mimeType": kind, "data": "AAAA"}});
    for (kind, tokens) in [("image/png", tokens::IMAGE), ("application/pdf", tokens::FILE)] {
        let plain = tokens::PER_MESSAGE + tokens::PER_REQUEST;
        assert_eq!(part(inline(kind)).unwrap().prompt_tokens, plain + tokens);
    }
    assert_eq!(part(inline("audio/wav")).unwrap().audio_tokens, tokens::AUDIO);
    for odd in [
        inline("image/gif"),
        json!({"inlineData": {"mimeType": "image/png", "data": "data:x"}}),
        json!({"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}}),
        json!({"text": "x", "functionCall": {"name": "a"}}),
        json!({"type": "text", "text": "x"}),
        json!({}),
        json!({"functionResponse": {"name": "a", "response": "x"}}),
        json!({"functionResponse": {"name": "a", "response": {}}}),
        json!({"text": "x", "thoughtSignature": "!"}),
    ] {
        assert!(part(odd.clone()).is_err(), "{odd}");
    }
}

#[test]
fn schemas_hold_what_openapi_holds() {
    let declared = |name: &str, schema: Value| {
        read(json!({"tools": [{"functionDeclarations": [{"name": "a", name: schema}]}]}))
    };
    let object = |of: Value| json!({"type": "object", "properties": {"p": of}});
    assert!(declared("parameters", object(json!({"type": "STRING", "nullable": true}))).is_ok());
    for odd in [
        json!({"$ref": "#/$defs/x"}),
        json!({"type": ["string", "null"]}),
        json!({"const": "x"}),
        json!({"oneOf": [{"type": "string"}]}),
        json!({"type": "integer", "exclusiveMinimum": 1}),
        json!({"type": "array"}),
        json!({"type": "object", "properties": {}}),
        json!({"type": "integer", "enum": ["1"]}),
        json!({"type": "string", "format": "uri"}),
        json!({"type": "object", "properties": {"q": {}}, "required": ["r"]}),
    ] {
        assert!(declared("parameters", object(odd.clone())).is_err(), "{odd}");
        assert!(declared("parametersJsonSchema", object(odd)).is_ok());
    }
    let closed = json!({"type": "object", "properties": {"p": {}}, "additionalProperties": false});
    assert!(declared("parameters", closed).unwrap_err().message.contains("Unknown name"));
    let typed = json!({"generationConfig": {"responseMimeType": "application/json",
        "responseSchema": {"type": "ARRAY", "items": {"type": "INTEGER"}}}});
    let small = json!({"type": "array", "items": {"type": "integer"}});
    assert_eq!(read(typed).unwrap().shape, Shape::Schema(small));
}

#[test]
fn the_functions_to_call_follow_from_the_mode() {
    let called = |calling: Value| {
        let tools = json!([{"functionDeclarations": [{"name": "a"}, {"name": "b"}]}]);
        let rest = json!({"tools": tools, "toolConfig": {"functionCallingConfig": calling}});
        read(rest).map(|ask| ask.calls.into_iter().map(|call| call.name).collect::<Vec<_>>())
    };
    assert_eq!(called(json!({})).unwrap(), ["a"]);
    assert_eq!(called(json!({"mode": "ANY"})).unwrap(), ["a", "b"]);
    assert_eq!(called(json!({"mode": "NONE"})).unwrap(), [""; 0]);
    let one = json!({"mode": "ANY", "allowedFunctionNames": ["b"]});
    assert_eq!(called(one).unwrap(), ["b"]);
    assert!(called(json!({"mode": "AUTO", "allowedFunctionNames": ["b"]})).is_err());
    assert!(called(json!({"mode": "ANY", "allowedFunctionNames": ["c"]})).is_err());
    let json = json!({"tools": [{"functionDeclarations": [{"name": "a"}]}],
        "generationConfig": {"responseMimeType": "application/json"}});
    assert!(read(json).is_err());
}
