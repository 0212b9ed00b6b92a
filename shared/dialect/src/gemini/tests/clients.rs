//! Requests of clients of this dialect, read to be said in another.

use super::*;
use crate::prompt::{Effort, PartKind, Reasoning, Role, Shape, Source, ToolChoice};

const GEMINI_3: &str = "gemini-3-pro-preview";

#[test]
fn what_a_request_says_is_said_again() {
    let body = r#"{"systemInstruction":{"parts":[{"text":"be brief"}]},
        "contents":[{"role":"user","parts":[{"text":"hi"},
            {"inlineData":{"mimeType":"image/png","data":"AAAA"}},
            {"inlineData":{"mimeType":"audio/wav","data":"BBBB"}},
            {"inlineData":{"mimeType":"application/pdf","data":"CCCC"}}]},
        {"role":"model","parts":[{"thought":true,"text":"hm"},{"text":"yes","thoughtSignature":"AA=="},
            {"functionCall":{"id":"k","name":"f","args":{"a":1}},"thoughtSignature":"BB=="},
            {"functionCall":{"id":"l","name":"f","args":{}}}]},
        {"role":"user","parts":[
            {"functionResponse":{"id":"k","name":"f","response":{"a":[1]}}},
            {"functionResponse":{"id":"l","name":"f","response":{"result":"r"}}}]}],
        "tools":[{"functionDeclarations":[{"name":"f","description":"d",
            "parametersJsonSchema":{"type":"object","additionalProperties":false}}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
        "generationConfig":{"maxOutputTokens":4000,"temperature":0.7,"topP":0.9,"topK":40,"seed":1,
            "presencePenalty":0.1,"frequencyPenalty":0.2,"stopSequences":["x"],
            "responseMimeType":"application/json","responseJsonSchema":{"type":"object"},
            "thinkingConfig":{"includeThoughts":true,"thinkingLevel":"LOW"}},
        "serviceTier":"flex"}"#;
    let (value, dropped) = rewritten(body, GEMINI_3).unwrap();
    let expected: Value = serde_json::from_str(body).unwrap();
    assert_eq!(value, expected);
    assert_eq!(dropped.header(), None);
}

#[test]
fn googles_own_schemas_become_json_schema() {
    let body = r#"{"contents":[{"parts":[{"text":"q"}]}],"tools":[{"function_declarations":[
        {"name":"f","parameters":{"type":"OBJECT","properties":{"z":{"type":"STRING",
        "nullable":true},"a":{"type":"ARRAY","items":{"type":"INTEGER","format":"int32"}}}}}]}],
        "generation_config":{"response_mime_type":"application/json",
        "response_schema":{"type":"BOOLEAN"}}}"#;
    let prompt = read_prompt(body.as_bytes()).unwrap();
    assert_eq!(
        prompt.tools[0].schema.as_ref().unwrap().get(),
        r#"{"type":"object","properties":{"z":{"type":["string","null"]},"a":{"type":"array","items":{"type":"integer"}}}}"#
    );
    let Shape::Schema { schema, .. } = &prompt.shape else { panic!("no schema") };
    assert_eq!(schema.get(), r#"{"type":"boolean"}"#);
}

#[test]
fn bytes_in_the_alphabet_of_urls_go_out_in_the_plain_one() {
    for (told, plain) in [("_-8=", "/+8="), ("_-8", "/+8="), ("AAAA", "AAAA"), ("", "")] {
        let body = format!(
            r#"{{"contents":[{{"parts":[{{"inlineData":{{"mimeType":"image/png","data":"{told}"}}}}]}}]}}"#
        );
        let prompt = read_prompt(body.as_bytes()).unwrap();
        let kind = &prompt.turns[0].parts[0].kind;
        let PartKind::Image { source: Source::Data { data, .. }, .. } = kind else {
            panic!("{kind:?}")
        };
        assert_eq!(data, plain);
    }
}

#[test]
fn calls_without_ids_get_their_own_and_results_find_them_by_name_in_order() {
    let body = r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"n":1}}},
        {"functionCall":{"name":"g"}},{"functionCall":{"name":"f","args":{"n":2}}}]},
        {"role":"function","parts":[{"functionResponse":{"name":"f","response":{"output":"one"}}},
        {"functionResponse":{"name":"f","response":{"error":{"code":3}}}},
        {"functionResponse":{"name":"g","response":{"a":1,"b":2}}}]}]}"#;
    let prompt = read_prompt(body.as_bytes()).unwrap();
    let ids: Vec<_> = prompt.calls().map(|call| call.id.to_string()).collect();
    assert_eq!(ids, ["call_0", "call_1", "call_2"]);
    let told: Vec<_> = prompt.turns[1]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::Answer(answer) => match &answer.parts[0].kind {
                PartKind::Text(text) => (&*answer.id, &**text, answer.is_error),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        ("call_0", "one", false),
        ("call_2", r#"{"code":3}"#, true),
        ("call_1", r#"{"a":1,"b":2}"#, false),
    ];
    assert_eq!(told, expected);
    let none = r#"{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]}"#;
    assert_eq!(read_prompt(none.as_bytes()).unwrap_err().param, Some("contents"));
}

#[test]
fn a_proof_of_another_maker_comes_back_with_its_whole_thought() {
    let proof = crate::signature::to_base64("tg-a.sig");
    let redacted = crate::signature::to_base64("redacted:tg-a.blob");
    for tail in [
        format!(r#"{{"text":"yes","thoughtSignature":"{proof}"}}"#),
        format!(r#"{{"functionCall":{{"name":"f"}},"thoughtSignature":"{proof}"}}"#),
        format!(r#"{{"thought":true,"text":"","thoughtSignature":"{proof}"}}"#),
    ] {
        let body = format!(
            r#"{{"contents":[{{"role":"model","parts":[{{"thought":true,"text":"",
            "thoughtSignature":"{redacted}"}},{{"thought":true,"text":"h"}},
            {{"thought":true,"text":"m"}},{tail}]}}]}}"#
        );
        let prompt = read_prompt(body.as_bytes()).unwrap();
        let parts = &prompt.turns[0].parts;
        assert!(matches!(&parts[0].kind, PartKind::Redacted(blob) if blob == "tg-a.blob"));
        let PartKind::Thought { text, signature } = &parts[1].kind else { panic!("{parts:?}") };
        assert_eq!((&**text, signature.as_deref()), ("hm", Some("tg-a.sig")));
        let unproven = |call: &crate::prompt::Call<'_>| call.signature.is_none();
        assert!(prompt.calls().all(unproven));
    }
}

#[test]
fn what_no_other_dialect_can_say_is_refused_and_the_rest_is_named() {
    for part in [
        r#""tools":[{"googleSearch":{}}]"#,
        r#""tools":[{"codeExecution":{}}]"#,
        r#""generationConfig":{"responseModalities":["IMAGE"]}"#,
        r#""generationConfig":{"responseLogprobs":true}"#,
        r#""generationConfig":{"responseMimeType":"text/x.enum"}"#,
    ] {
        let body = format!(r#"{{"contents":[{{"parts":[{{"text":"q"}}]}}],{part}}}"#);
        assert!(read_prompt(body.as_bytes()).unwrap_err().unsupported, "{part}");
    }
    let body = r#"{"contents":[{"parts":[{"text":"q"}]}],"safetySettings":[],"session_id":"s",
        "generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_LOW","topK":null}}"#;
    let (_, dropped) = rewritten(body, GEMINI_3).unwrap();
    assert_eq!(dropped.header().as_deref(), Some("safetySettings, mediaResolution"));
}

#[test]
fn thinking_is_an_effort_in_either_form() {
    for (config, effort, budget, shown) in [
        (r#"{"thinkingBudget":0}"#, Effort::Off, None, None),
        (r#"{"thinkingBudget":-1,"includeThoughts":true}"#, Effort::Medium, None, Some(true)),
        (r#"{"thinking_budget":512}"#, Effort::Low, Some(512), None),
        (r#"{"thinkingBudget":24576}"#, Effort::High, Some(24_576), None),
        (r#"{"thinkingLevel":"minimal"}"#, Effort::Minimal, None, None),
        (r#"{"thinkingLevel":"HIGH"}"#, Effort::High, None, None),
    ] {
        let body = format!(
            r#"{{"contents":[{{"parts":[{{"text":"q"}}]}}],
            "generationConfig":{{"thinkingConfig":{config}}}}}"#
        );
        let reasoning = read_prompt(body.as_bytes()).unwrap().reasoning;
        assert_eq!(reasoning, Some(Reasoning { effort, budget, shown }), "{config}");
    }
}

#[test]
fn modes_are_tool_choices() {
    for (config, choice) in [
        (r#"{"mode":"AUTO"}"#, ToolChoice::Auto),
        (r#"{"mode":"none"}"#, ToolChoice::None),
        (r#"{"mode":"ANY"}"#, ToolChoice::Required),
        (r#"{"mode":"ANY","allowed_function_names":["f"]}"#, ToolChoice::Named("f".into())),
        (
            r#"{"mode":"VALIDATED","allowedFunctionNames":["f","g"]}"#,
            ToolChoice::Allowed { names: vec!["f".into(), "g".into()], required: false },
        ),
    ] {
        let body = format!(
            r#"{{"contents":[{{"role":"user","parts":[{{"text":"q"}}]}}],
            "tool_config":{{"function_calling_config":{config}}}}}"#
        );
        let prompt = read_prompt(body.as_bytes()).unwrap();
        assert_eq!(prompt.tool_choice, Some(choice));
        assert_eq!(prompt.turns[0].role, Role::User);
    }
}
