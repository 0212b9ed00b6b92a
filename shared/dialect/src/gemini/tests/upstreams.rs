//! The body that an upstream of this dialect gets.

use super::*;

fn sent(body: &str, thinks: bool) -> String {
    let mut out = Vec::new();
    let terms = UpstreamTerms { thinks, ..terms(b"\"gemini-2.5-flash\"") };
    write_upstream(&intent(body).unwrap(), body.as_bytes(), &terms, &mut out);
    String::from_utf8(out).unwrap()
}

fn parsed(body: &str, thinks: bool) -> Value {
    serde_json::from_str(&sent(body, thinks)).unwrap()
}

#[test]
fn the_cap_is_the_priced_one_and_all_else_goes_as_it_came() {
    let body = r#"{ "contents":[{"parts":[{"text":"\u00e9"}]}], "generation_config" :{"temperature":1.000,"max_output_tokens":5,"x":[1, 2]},"model":"models/other","provider":{"sort":"price"},"session_id":"s"}"#;
    let out = sent(body, false);
    assert!(out.contains(
        r#""generation_config" :{"temperature":1.000,"max_output_tokens":4000,"x":[1, 2]}"#
    ));
    assert!(out.contains(r#""\u00e9""#));
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 2, "{out}");
}

#[test]
fn a_cap_is_added_where_none_stands() {
    for (body, name) in [
        (r#"{"contents":[{}]}"#, "generationConfig"),
        (r#"{"contents":[{}],"generationConfig":null}"#, "generationConfig"),
        (r#"{"contents":[{}],"generation_config":{}}"#, "generation_config"),
        (r#"{"contents":[{}],"generationConfig":{"maxOutputTokens":null}}"#, "generationConfig"),
    ] {
        let value = parsed(body, false);
        assert_eq!(value[name], json!({ "maxOutputTokens": 4_000 }), "{body}");
    }
}

#[test]
fn a_model_that_is_to_think_is_told_so_unless_the_client_says_otherwise() {
    let told = |body| parsed(body, true)["generationConfig"]["thinkingConfig"].clone();
    let usual = json!({ "thinkingBudget": 2_000, "includeThoughts": true });
    assert_eq!(told(r#"{"contents":[{}]}"#), usual);
    assert_eq!(told(r#"{"contents":[{}],"generationConfig":{"thinkingConfig":null}}"#), usual);
    let own = r#"{"contents":[{}],"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}}"#;
    assert_eq!(told(own), json!({ "thinkingBudget": 0 }));
}

#[test]
fn a_request_to_count_holds_all_that_counts() {
    let plain = r#"{"contents":[{"parts":[]}],"systemInstruction":{},"provider":{}}"#;
    let wrapped = r#"{"generateContentRequest":{"model":"models/mine",
        "contents":[{"parts":[]}],"systemInstruction":{}}}"#;
    for body in [plain, wrapped] {
        let mut out = Vec::new();
        let terms = terms(b"\"gemini-2.5-flash\"");
        write_count_request(&intent(body).unwrap(), body.as_bytes(), &terms, &mut out).unwrap();
        let value: Value = serde_json::from_slice(&out).unwrap();
        let request = json!({ "model": "models/gemini-2.5-flash", "contents": [{ "parts": [] }],
            "systemInstruction": {} });
        assert_eq!(value, json!({ "generateContentRequest": request }));
    }
    assert_eq!(read_count(br#"{"totalTokens":31,"promptTokensDetails":[]}"#), Some(31));
    assert_eq!(read_count(br#"{"error":{}}"#), None);
    assert_eq!(count_body(31), br#"{"totalTokens":31}"#);
}

#[test]
fn an_answer_is_renamed_where_it_names_its_model() {
    let renamed = |json: &str| {
        let mut out = Vec::new();
        rename(json.as_bytes(), b"\"shop/model\"", &mut out);
        String::from_utf8(out).unwrap()
    };
    let told = r#"{"candidates":[{"content":{"parts":[{"text":"\"modelVersion\":\"x\""}]}}], "modelVersion" : "gemini-x","responseId":"1"}"#;
    assert_eq!(renamed(told), told.replace("\"gemini-x\"", "\"shop/model\""));
    assert_eq!(renamed(r#"{"error":{}}"#), r#"{"error":{}}"#);
}
