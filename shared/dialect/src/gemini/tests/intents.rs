//! What is billed and routed by, in either spelling.

use super::*;

#[test]
fn both_spellings_are_read_alike() {
    let camel = r#"{"contents":[{"role":"user","parts":[{"text":"hi"},
        {"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}],
        "generationConfig":{"maxOutputTokens":7,"candidateCount":2,
        "thinkingConfig":{"thinkingBudget":5},"responseModalities":["TEXT","AUDIO"]},
        "systemInstruction":{"parts":[{"text":"be brief"}]},"serviceTier":"FLEX",
        "tools":[{"functionDeclarations":[{"name":"f"}]}]}"#;
    let snake = r#"{"contents":{"role":"user","parts":[{"text":"hi"},
        {"inline_data":{"mime_type":"image/png","data":"AAAA"}}]},
        "generation_config":{"max_output_tokens":7,"candidate_count":2,
        "thinking_config":{"thinking_budget":5},"response_modalities":["TEXT","AUDIO"]},
        "system_instruction":{"parts":{"text":"be brief"}},"service_tier":"service_tier_flex",
        "tools":{"function_declarations":[{"name":"f"}]}}"#;
    for body in [camel, snake] {
        let intent = intent(body).unwrap();
        assert_eq!((&*intent.model, intent.stream, intent.choices), ("a/b", true, 2));
        assert_eq!((intent.output_limit, intent.thinking_budget), (Some(7), Some(5)));
        assert_eq!(intent.service_tier.as_deref(), Some("flex"));
        assert!(intent.audio_output && !intent.foreign_tools && !intent.web_search);
        assert_eq!((intent.input.images, intent.input.unknown_parts), (1, 0));
        let names: Vec<_> = intent.parameters.names().collect();
        assert_eq!(names, ["tools", "reasoning"]);
        assert!(!intent.continues);
    }
}

#[test]
fn a_member_in_two_spellings_or_looking_like_one_is_refused() {
    for (body, param) in [
        (r#"{"contents":[{}],"generationConfig":{},"generation_config":{}}"#, "generationConfig"),
        (
            r#"{"contents":[{}],"generationConfig":{"maxOutputTokens":1,"max_output_tokens":2}}"#,
            "maxOutputTokens",
        ),
        (r#"{"contents":[{}],"generationConfig":{"MaxOutputTokens":1}}"#, "maxOutputTokens"),
        (
            r#"{"contents":[{}],"generationConfig":{"thinkingConfig":{"thinkingBudget":0,
            "thinking_budget":9}}}"#,
            "thinkingBudget",
        ),
        (r#"{"contents":[{}],"GenerationConfig":{}}"#, "generationConfig"),
        (r#"{"contents":[{}],"Provider":{}}"#, "provider"),
        (r#"{"contents":[{}],"generationConfig":{"maxOutputTokens":0}}"#, "maxOutputTokens"),
        (r#"{"contents":[{}],"generationConfig":{"candidateCount":"2"}}"#, "candidateCount"),
        (r#"{"contents":[{}],"generationConfig":[]}"#, "generationConfig"),
        (r#"{"contents":[]}"#, "contents"),
        (r#"{"contents":"hi"}"#, "contents"),
        ("{}", "contents"),
    ] {
        assert_eq!(intent(body).unwrap_err().param, Some(param), "{body}");
    }
    // The gate itself refuses a limit that stands twice.
    for config in ["generationConfig", "generation_config"] {
        let twice = format!(r#"{{"{config}":{{"maxOutputTokens":1,"maxOutputTokens":2}}}}"#);
        assert!(matches!(gated(&twice), Err(GateFault::Duplicate { .. })));
        let schema = format!(r#"{{"{config}":{{"responseSchema":{{"ID":1,"id":2}}}}}}"#);
        assert!(gated(&schema).is_ok());
    }
}

#[test]
fn parts_that_cost_more_than_their_bytes_are_counted_apart() {
    let body = r#"{"contents":[{"parts":[{"text":"x"},{"inlineData":{"mimeType":"application/pdf",
        "data":"AAAA"}},{"inlineData":{"mimeType":"audio/wav","data":"AAAA"}},
        {"inlineData":{"mimeType":"video/mp4","data":"AAAA"}},{"odd":1},
        {"fileData":{"fileUri":"https://a.b/c.png","mimeType":"image/png"}},
        {"file_data":{"file_uri":"https://www.youtube.com/watch?v=1"}},
        {"inl\u0069neData":{"mimeType":"image/jpeg","data":"AAAA"}}]},
        {"role":"model","parts":[{"functionCall":{"name":"f"}}]},
        {"role":"user","parts":[{"functionResponse":{"name":"f","response":{},
        "parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}}]}]}"#;
    let intent = intent(body).unwrap();
    let input = intent.input;
    assert_eq!((input.images, input.files, input.audios, input.unknown_parts), (3, 1, 1, 3));
    assert!(input.text_bytes < body.len() as u64 - 200 && intent.continues);
}

#[test]
fn a_media_type_that_is_told_twice_bounds_nothing() {
    let body = r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png",
        "data":"AAAA","mime_type":"text/plain"}}]}]}"#;
    assert_eq!(intent(body).unwrap().input.unknown_parts, 1);
}

#[test]
fn a_request_to_generate_holds_no_other() {
    let body = r#"{"contents":[{}],"generateContentRequest":{
        "generationConfig":{"maxOutputTokens":1}}}"#;
    assert_eq!(intent(body).unwrap().output_limit, Some(1));
    let asked = Asked { client: ClientDialect::Gemini, model: Some("m"), ..Asked::default() };
    let fault = read_intent(asked, &gated(body).unwrap(), body.as_bytes()).unwrap_err();
    assert_eq!(fault.param, Some("generateContentRequest"));
}

#[test]
fn what_lies_in_another_account_is_refused_with_the_remedy() {
    for body in [
        r#"{"contents":[{}],"cachedContent":"cachedContents/1"}"#,
        r#"{"contents":[{}],"cached_content":"cachedContents/1"}"#,
        r#"{"contents":[{"parts":[{"fileData":{"fileUri":
            "https://generativelanguage.googleapis.com/v1beta/files/a"}}]}]}"#,
        r#"{"contents":[{"parts":[{"fileData":{"fileUri":"gs://a/b","mimeType":"image/png"}}]}]}"#,
    ] {
        let fault = intent(body).unwrap_err();
        assert!(fault.unsupported && fault.message.contains("send"), "{fault}");
    }
}

#[test]
fn tools_that_google_runs_are_told_apart() {
    for (tool, searches, is_foreign) in [
        (r#"{"googleSearch":{}}"#, true, false),
        (r#"{"google_search_retrieval":{}}"#, true, false),
        (r#"{"codeExecution":{}}"#, false, true),
        (r#"{"url_context":{},"googleSearch":{}}"#, true, true),
        (r#"{"functionDeclarations":[],"googleSearch":null}"#, false, false),
    ] {
        let intent = intent(&format!(r#"{{"contents":[{{}}],"tools":[{tool}]}}"#)).unwrap();
        assert_eq!((intent.web_search, intent.foreign_tools), (searches, is_foreign), "{tool}");
    }
}

#[test]
fn turns_of_a_conversation_have_one_number() {
    let of = |body: &str| intent(body).unwrap().conversation;
    let first = r#"{"contents":[{"parts":[{"text":"a"}]}],"systemInstruction":{"parts":[]}}"#;
    let later = r#"{"systemInstruction":{"parts":[]},"contents":[{"parts":[{"text":"a"}]},
        {"role":"model","parts":[]}]}"#;
    let other = r#"{"contents":[{"parts":[{"text":"b"}]}],"systemInstruction":{"parts":[]}}"#;
    assert_eq!(of(first), of(later));
    assert_ne!(of(first), of(other));
}

#[test]
fn a_request_to_count_may_be_wrapped() {
    let body = r#"{"generateContentRequest":{"model":"models/x","contents":[{"parts":[
        {"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}]}}"#;
    assert_eq!(intent(body).unwrap().input.images, 1);
    assert_eq!(read_prompt(body.as_bytes()).unwrap().turns.len(), 1);
    let both = r#"{"contents":[{}],"generate_content_request":{"contents":[{}]}}"#;
    assert_eq!(intent(both).unwrap_err().param, Some("contents"));
}
