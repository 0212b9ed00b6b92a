//! Requests through the form that all dialects share, and what becomes of them upstream.

use super::*;
use crate::prompt::{Call, Part, PartKind, Prompt, Role, Source, Tool, ToolAnswer, ToolChoice};

const GEMINI_3: &str = "gemini-3-pro-preview";
const GEMINI_2: &str = "gemini-2.5-flash";

pub(super) fn written(prompt: &Prompt<'_>, model: &str) -> Result<Value, RequestFault> {
    let (model, mut out) = (format!("\"{model}\""), Vec::new());
    let intent = Intent::of(ClientDialect::Chat);
    let mut dropped = Dropped::default();
    write_prompt(prompt, &intent, &terms(model.as_bytes()), &mut dropped, &mut out)?;
    Ok(serde_json::from_slice(&out).unwrap())
}

fn call<'a>(id: &'a str, signature: Option<&'a str>) -> Part<'a> {
    let (id, name, arguments) = (id.into(), "f".into(), "{\"a\": 1}".into());
    Part::new(PartKind::Call(Call { id, name, arguments, signature: signature.map(Into::into) }))
}

fn answer<'a>(id: &'a str, text: &'a str, is_error: bool) -> Part<'a> {
    let parts = vec![Part::text(text)];
    let answer = ToolAnswer { id: id.into(), name: "f".into(), parts, is_error };
    Part::new(PartKind::Answer(answer))
}

#[test]
fn parallel_calls_are_answered_in_one_turn_in_their_order() {
    let mut prompt = Prompt::default();
    prompt.say(Role::User, Part::text("go"));
    prompt.say(Role::Assistant, call("a", None));
    prompt.say(Role::Assistant, call("b", None));
    prompt.say(Role::System, Part::text("hurry"));
    prompt.say(Role::User, answer("b", "plain", false));
    prompt.say(Role::User, Part::text("and?"));
    prompt.say(Role::User, answer("a", "{\"x\":[1]}", false));
    let value = written(&prompt, GEMINI_2).unwrap();
    let part = |id: &str, response: Value| {
        let told = json!({ "id": id, "name": "f", "response": response });
        json!({ "functionResponse": told })
    };
    assert_eq!(
        value["contents"][2],
        json!({ "role": "user", "parts": [
        part("a", json!({ "x": [1] })), part("b", json!({ "result": "plain" })),
        { "text": "hurry" }, { "text": "and?" } ] })
    );
    assert_eq!(value["contents"].as_array().unwrap().len(), 3);
}

#[test]
fn a_result_is_an_object_and_a_failure_says_so() {
    for (text, is_error, response) in [
        ("7", false, json!({ "result": "7" })),
        ("[1]", false, json!({ "result": "[1]" })),
        ("", false, json!({ "result": "" })),
        ("{broken", false, json!({ "result": "{broken" })),
        ("{\"a\":1}", true, json!({ "error": "{\"a\":1}" })),
    ] {
        let mut prompt = Prompt::default();
        prompt.say(Role::Assistant, call("a", None));
        prompt.say(Role::User, answer("a", text, is_error));
        let value = written(&prompt, GEMINI_2).unwrap();
        assert_eq!(value["contents"][1]["parts"][0]["functionResponse"]["response"], response);
    }
}

#[test]
fn a_call_keeps_googles_proof_and_a_lost_one_is_stood_in_for_once_a_turn() {
    let own = crate::signature::marked(Dialect::Gemini, "Ab+/=");
    let foreign = crate::signature::marked(Dialect::Anthropic, "xyz");
    for (first, model, told) in [
        (Some(&own), GEMINI_3, json!("Ab+/=")),
        (Some(&own), GEMINI_2, json!("Ab+/=")),
        (Some(&foreign), GEMINI_3, json!("skip_thought_signature_validator")),
        (None, GEMINI_3, json!("skip_thought_signature_validator")),
        (None, GEMINI_2, Value::Null),
    ] {
        let mut prompt = Prompt::default();
        prompt.say(Role::Assistant, call("a", first.map(String::as_str)));
        prompt.say(Role::Assistant, call("b", None));
        prompt.say(Role::User, answer("a", "1", false));
        prompt.say(Role::User, answer("b", "1", false));
        prompt.say(Role::Assistant, call("c", None));
        let contents = written(&prompt, model).unwrap()["contents"].clone();
        assert_eq!(contents[0]["parts"][0]["thoughtSignature"], told);
        assert_eq!(contents[0]["parts"][1]["thoughtSignature"], Value::Null);
        assert_eq!(contents[2]["parts"][0]["thoughtSignature"].is_null(), model == GEMINI_2);
    }
}

#[test]
fn only_googles_thoughts_go_back_each_proof_where_it_was() {
    let thought = |text: &'static str, proof: Option<String>| {
        let signature = proof.map(Into::into);
        Part::new(PartKind::Thought { text: text.into(), signature })
    };
    let own = |proof: &str| Some(crate::signature::marked(Dialect::Gemini, proof));
    let mut prompt = Prompt::default();
    prompt.say(Role::User, Part::text("q"));
    prompt.say(Role::Assistant, thought("unsigned", None));
    prompt.say(Role::Assistant, thought("theirs", Some("tg-a.x".into())));
    prompt.say(Role::Assistant, Part::new(PartKind::Redacted("tg-a.y".into())));
    prompt.say(Role::Assistant, thought("ours", own("AA==")));
    prompt.say(Role::Assistant, Part::text("answer"));
    prompt.say(Role::Assistant, thought("", own("BB==")));
    let parts = written(&prompt, GEMINI_3).unwrap()["contents"][1]["parts"].clone();
    assert_eq!(
        parts,
        json!([
        { "thought": true, "text": "ours" },
        { "text": "answer", "thoughtSignature": "AA==" },
        { "text": "", "thoughtSignature": "BB==" } ])
    );
}

#[test]
fn turns_of_one_role_are_one_and_instructions_alone_are_a_turn() {
    let mut prompt = Prompt::default();
    prompt.say(Role::System, Part::text("be brief"));
    let value = written(&prompt, GEMINI_2).unwrap();
    let user = json!({ "role": "user", "parts": [{ "text": "be brief" }] });
    assert_eq!((&value["contents"], &value["systemInstruction"]), (&json!([user]), &Value::Null));
    prompt.say(Role::User, Part::text("a"));
    prompt.say(Role::Assistant, Part::new(PartKind::Redacted("tg-a.y".into())));
    prompt.say(Role::User, Part::text("b"));
    let value = written(&prompt, GEMINI_2).unwrap();
    let user = json!({ "role": "user", "parts": [{ "text": "a" }, { "text": "b" }] });
    assert_eq!(value["contents"], json!([user]));
    assert_eq!(value["systemInstruction"], json!({ "parts": [{ "text": "be brief" }] }));
}

#[test]
fn pictures_and_files_are_sent_whole_or_refused_with_the_remedy() {
    let image = |source| Part::new(PartKind::Image { source, detail: None });
    let file = |source| Part::new(PartKind::File { name: None, source });
    let bytes = |media_type: &'static str| Source::Data {
        media_type: media_type.into(),
        data: "AAAA".into(),
    };
    for (part, told) in [
        (image(bytes("image/png")), Ok("image/png")),
        (file(bytes("application/pdf")), Ok("application/pdf")),
        (image(bytes("image/gif")), Err("PNG")),
        (image(Source::Url("https://a/b.png".into())), Err("data: URL")),
        (file(Source::Url("https://a/b.pdf".into())), Err("data: URL")),
    ] {
        let mut prompt = Prompt::default();
        prompt.say(Role::User, part);
        match (written(&prompt, GEMINI_2), told) {
            (Ok(value), Ok(media_type)) => {
                let blob = json!({ "mimeType": media_type, "data": "AAAA" });
                assert_eq!(value["contents"][0]["parts"], json!([{ "inlineData": blob }]));
            }
            (Err(fault), Err(remedy)) => {
                assert!(fault.unsupported && fault.message.contains(remedy), "{fault}");
                assert_eq!(fault.param, Some("messages"));
            }
            (told, _) => panic!("{told:?}"),
        }
    }
}

#[test]
fn a_tool_choice_is_a_mode_and_names() {
    let names = || vec!["a".into()];
    for (choice, config, tools) in [
        (ToolChoice::Auto, json!({ "mode": "AUTO" }), 2),
        (ToolChoice::None, json!({ "mode": "NONE" }), 2),
        (ToolChoice::Required, json!({ "mode": "ANY" }), 2),
        (ToolChoice::Named("a".into()), json!({ "mode": "ANY", "allowedFunctionNames": ["a"] }), 2),
        (
            ToolChoice::Allowed { names: names(), required: true },
            json!({ "mode": "ANY", "allowedFunctionNames": ["a"] }),
            2,
        ),
        (ToolChoice::Allowed { names: names(), required: false }, json!({ "mode": "AUTO" }), 1),
    ] {
        let tool = |name: &'static str| Tool {
            name: name.into(),
            description: None,
            schema: None,
            strict: None,
            cache: None,
        };
        let mut prompt = Prompt::default();
        prompt.say(Role::User, Part::text("a"));
        prompt.tool_choice = Some(choice);
        assert!(written(&prompt, GEMINI_2).unwrap().get("toolConfig").is_none());
        prompt.tools = vec![tool("a"), tool("b")];
        let value = written(&prompt, GEMINI_2).unwrap();
        assert_eq!(value["toolConfig"], json!({ "functionCallingConfig": config }));
        let declared = value["tools"][0]["functionDeclarations"].as_array().unwrap();
        assert_eq!(declared.len(), tools);
    }
}
