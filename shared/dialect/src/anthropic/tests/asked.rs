//! What is read of a request for its plan, and what of it is relayed.

use super::*;

#[test]
fn a_plain_request_is_read_whole() {
    let body = r#"{"model":"a/b","stream":true,"max_tokens":2000,"system":"be brief",
        "messages":[{"role":"user","content":"hi"}],"service_tier":"standard_only",
        "thinking":{"type":"enabled","budget_tokens":1024},
        "metadata":{"user_id":"user_1_session_2"},"session_id":"s","provider":{"sort":"price"}}"#;
    let intent = intent(body).unwrap();
    assert_eq!((&*intent.model, intent.stream), ("a/b", true));
    assert_eq!((intent.output_limit, intent.thinking_budget), (Some(2000), Some(1024)));
    assert_eq!(intent.service_tier.as_deref(), Some("default"));
    assert_eq!(intent.input.text_bytes, body.len() as u64);
    assert!(intent.session.is_some() && intent.cache_key.is_some() && intent.wishes.is_some());
    assert!(!intent.parameters.both(catalog::Parameters::REASONING).is_empty());
    assert!(!intent.continues && intent.choices == 1);
}

#[test]
fn parts_are_counted_wherever_they_stand() {
    let body = r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[
        {"type":"im\u0061ge","source":{"type":"base64","data":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}},
        {"type":"document","source":{"type":"url","url":"https://x"}},
        {"type":"document","source":{"type":"text","data":"plain"}},
        {"type":"document","source":{"type":"content","content":[{"type":"image","source":{}}]}},
        {"type":"tool_result","content":[{"type":"image","source":{}},{"type":"text","text":"t"}]},
        {"type":"thinking"},{"type":"hologram"},{"content":[{"type":"image"}]},7]}]}"#;
    let input = intent(body).unwrap().input;
    assert_eq!((input.images, input.files, input.audios, input.unknown_parts), (4, 1, 0, 2));
    assert!(input.text_bytes < body.len() as u64 - 150, "{}", input.text_bytes);
}

#[test]
fn what_readers_differ_in_is_never_taken_for_text() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":[
        {"type":"image","type":"text","source":{"type":"url","url":"https://x"}},
        {"type":"document","source":{"type":"base64","type":"text","data":"x"}},
        {"type":"web_fetch_tool_result","content":{"type":"web_fetch_result","content":
            {"type":"document","source":{"type":"base64","data":"x"}}}}]}],
        "tools":[{"type":"custom","type":"web_search_20250305"}]}"#;
    let intent = intent(body).unwrap();
    assert_eq!((intent.input.files, intent.input.unknown_parts), (2, 1));
    assert!(intent.foreign_tools);
}

#[test]
fn a_conversation_is_known_by_its_system_and_its_first_message() {
    let number = |system: &str, rest: &str| {
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}{rest}],"system":"{system}"}}"#
        );
        let intent = intent(&body).unwrap();
        (intent.conversation, intent.continues)
    };
    let (one, continues) = number("a", "");
    assert!(!continues);
    assert_eq!(number("a", r#",{"role":"assistant","content":"ho"}"#), (one, true));
    assert_ne!(number("b", "").0, one);
}

#[test]
fn what_cannot_be_honoured_is_refused_with_a_remedy() {
    let file = r#"[{"type":"image","source":{"type":"file","file_id":"f"}}]"#;
    let result = format!(r#"[{{"type":"tool_result","content":{file}}}]"#);
    for (content, more, param) in [
        (r#""x""#, r#","container":"c""#, "container"),
        (r#""x""#, r#","mcp_servers":[{}]"#, "mcp_servers"),
        (r#""x""#, r#","inference_geo":"us""#, "inference_geo"),
        (r#""x""#, r#","workspace_id":"w""#, "workspace_id"),
        (r#""x""#, r#","speed":"fast""#, "speed"),
        (
            r#""x""#,
            r#","context_management":{"edits":[{"type":"clear_thinking_20251015"},
                {"type":"compact_20260112"}]}"#,
            "context_management",
        ),
        (file, "", "messages"),
        (&result, "", "messages"),
        (r#"[{"type":"container_upload","file_id":"f"}]"#, "", "messages"),
    ] {
        let body =
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]{more}}}"#);
        let fault = intent(&body).unwrap_err();
        assert!(fault.unsupported, "{body}");
        assert_eq!(fault.param, Some(param));
    }
    let good = r#"{"model":"m","messages":[{}],"container":null,"speed":"standard",
        "context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}}"#;
    assert!(intent(good).is_ok());
}

#[test]
fn wrong_members_name_themselves() {
    for (body, param) in [
        (r#"{"messages":[{}]}"#, "model"),
        (r#"{"model":"m"}"#, "messages"),
        (r#"{"model":"m","messages":[]}"#, "messages"),
        (r#"{"model":"m","messages":["x"]}"#, "messages"),
        (r#"{"model":"m","messages":[{}],"max_tokens":0}"#, "max_tokens"),
        (r#"{"model":"m","messages":[{}],"Max_Tokens":5}"#, "max_tokens"),
        (r#"{"model":"m","messages":[{}],"thinking":{}}"#, "thinking"),
        (r#"{"model":"m","messages":[{}],"system":7}"#, "system"),
    ] {
        let fault = intent(body).unwrap_err();
        assert_eq!((fault.param, fault.unsupported), (Some(param), false), "{body}");
    }
}

#[test]
fn fallbacks_are_the_models_to_ask_next() {
    let with = |more: &str| intent(&format!(r#"{{"model":"m","messages":[{{}}]{more}}}"#));
    let intent = with(r#","fallbacks":[{"model":"a"},{"model":"b/c"}]"#).unwrap();
    let models = &intent.wishes.unwrap().models;
    assert_eq!(models.iter().map(|name| &**name).collect::<Vec<_>>(), ["a", "b/c"]);
    assert!(with(r#","fallbacks":null"#).unwrap().wishes.is_none());
    for wrong in [
        r#","fallbacks":[{"model":"a"}],"models":["b"]"#,
        r#","fallbacks":[{"model":""}]"#,
        r#","fallbacks":[{"name":"a"}]"#,
        r#","fallbacks":["a"]"#,
        r#","fallbacks":[{"model":"a"},{"model":"a"},{"model":"a"},{"model":"a"}]"#,
    ] {
        assert_eq!(with(wrong).unwrap_err().param, Some("fallbacks"), "{wrong}");
    }
}

#[test]
fn tools_that_the_provider_runs_are_foreign() {
    for (kind, is_foreign) in [
        (r#""name":"f","input_schema":{}"#, false),
        (r#""type":"custom","name":"f""#, false),
        (r#""type":"bash_20250124""#, false),
        (r#""type":"tool_search_tool_bm25_20251119""#, false),
        (r#""type":"web_search_20250305""#, true),
        (r#""type":"code_execution_20250825""#, true),
        (r#""type":"of_tomorrow""#, true),
    ] {
        let body = format!(r#"{{"model":"m","messages":[{{}}],"tools":[{{{kind}}}]}}"#);
        let intent = intent(&body).unwrap();
        assert_eq!(intent.foreign_tools, is_foreign, "{kind}");
        assert!(!intent.parameters.both(catalog::Parameters::SHAPING).is_empty());
    }
}

#[test]
fn a_relayed_body_keeps_its_bytes_but_for_model_cap_and_what_is_private() {
    let body = r#"{ "model":"a/b", "max_tokens" : 7, "messages":[{"role":"user","content":"é"}],
        "provider":{"sort":"price"}, "x":1e40, "temperature":0.70}"#;
    assert_eq!(
        relayed(body, &OLD),
        r#"{ "model":"claude-sonnet-4-20250514", "max_tokens" : 10000, "messages":[{"role":"user","content":"é"}],
        "x":1e40, "temperature":0.70}"#
    );
    let bare = relayed(r#"{"models":["a"],"messages":[{}]}"#, &OLD);
    assert_eq!(bare, r#"{"messages":[{}],"model":"claude-sonnet-4-20250514","max_tokens":10000}"#);
}

#[test]
fn a_thinking_variant_asks_as_the_model_understands() {
    let body = r#"{"model":"m","messages":[{}]}"#;
    let asks = |terms: UpstreamTerms<'_>| {
        let value: Value =
            serde_json::from_str(&relayed(body, &UpstreamTerms { thinks: true, ..terms })).unwrap();
        value["thinking"].to_string()
    };
    assert_eq!(asks(OLD), r#"{"budget_tokens":5000,"type":"enabled"}"#);
    assert_eq!(asks(NEW), r#"{"type":"adaptive"}"#);
    assert_eq!(asks(terms(b"\"claude-2\"", 1024)), "null");
    let own = r#"{"model":"m","messages":[{}],"thinking":{"type":"disabled"}}"#;
    let own = relayed(own, &UpstreamTerms { thinks: true, ..NEW });
    assert!(own.contains(r#""thinking":{"type":"disabled"}"#) && !own.contains("adaptive"));
}

#[test]
fn thoughts_of_other_makers_never_reach_anthropic() {
    let body = r#"{"model":"m","messages":[{"role":"assistant","content":[
        {"type":"thinking","thinking":"a","signature":"tg-g.xyz"},
        {"type":"thinking","thinking":"b","signature":"own+/="},
        {"type":"redacted_thinking","data":"tg-o."},
        {"type":"text","text":"tg-o."}]}]}"#;
    let sent: Value = serde_json::from_str(&relayed(body, &OLD)).unwrap();
    let kept = &sent["messages"][0]["content"];
    assert_eq!(kept.as_array().unwrap().len(), 2, "{kept}");
    assert_eq!((&kept[0]["thinking"], &kept[1]["text"]), (&"b".into(), &"tg-o.".into()));
}

#[test]
fn a_count_is_asked_for_what_is_input_alone() {
    let body = r#"{"model":"m","max_tokens":9,"stream":true,"temperature":1,"provider":{},
        "system":"s","messages":[{"role":"user","content":"x"}],"tools":[]}"#;
    let mut out = Vec::new();
    write_count_request(&intent(body).unwrap(), body.as_bytes(), &OLD, &mut out).unwrap();
    let asked: Value = serde_json::from_slice(&out).unwrap();
    let names: Vec<&String> = asked.as_object().unwrap().keys().collect();
    assert_eq!(names, ["messages", "model", "system", "tools"]);
    assert_eq!(asked["model"], "claude-sonnet-4-20250514");
    assert_eq!(read_count(br#"{"input_tokens":42}"#), Some(42));
    assert_eq!(read_count(br#"{"error":{}}"#), None);
    assert_eq!(count_body(7), br#"{"input_tokens":7}"#);
}
