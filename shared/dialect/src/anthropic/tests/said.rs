//! What a prompt of this dialect, or of another, says to Anthropic.

use std::borrow::Cow;

use serde_json::json;

use super::*;
use crate::prompt::*;

fn user(text: &'static str) -> Turn<'static> {
    Turn { role: Role::User, parts: vec![Part::text(text)] }
}

fn call(id: &'static str) -> Part<'static> {
    let arguments = r#"{"a":1}"#.into();
    Part::new(PartKind::Call(Call { id: id.into(), name: "f".into(), arguments, signature: None }))
}

fn result(id: &'static str) -> Part<'static> {
    let parts = vec![Part::text("ok")];
    let answer = ToolAnswer { id: id.into(), name: "f".into(), parts, is_error: false };
    Part::new(PartKind::Answer(answer))
}

fn tool(name: &'static str) -> Tool<'static> {
    Tool { name: name.into(), description: None, schema: None, strict: None, cache: None }
}

fn reasoning(effort: Effort, budget: Option<u64>) -> Option<Reasoning> {
    Some(Reasoning { effort, budget, shown: None })
}

#[test]
fn a_whole_request_is_said_again_as_it_was() {
    let body = r#"{"model":"m","max_tokens":5,"system":[{"type":"text","text":"s",
        "cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[
        {"role":"user","content":[{"type":"text","text":"q"},
         {"type":"image","source":{"type":"base64","media_type":"image/png","data":"aa=="}},
         {"type":"document","source":{"type":"url","url":"https://x/p.pdf"},"title":"p"}]},
        {"role":"assistant","content":[{"type":"thinking","thinking":"h\n\"m","signature":"s+/="},
         {"type":"redacted_thinking","data":"d=="},{"type":"text","text":"a"},
         {"type":"tool_use","id":"toolu_1","name":"f","input":{"b": [1.50]}},
         {"type":"tool_use","id":"toolu_2","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_2","content":"no",
         "is_error":true},{"type":"tool_result","tool_use_id":"toolu_1","content":[
         {"type":"image","source":{"type":"url","url":"https://x/i"}}],
         "cache_control":{"type":"ephemeral"}},{"type":"text","text":"go on"}]}],
        "tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],
        "tool_choice":{"type":"auto","disable_parallel_tool_use":true},
        "thinking":{"type":"enabled","budget_tokens":2048},"stop_sequences":["END"],
        "output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}"#;
    let (said, dropped) = written(body, &terms(b"\"claude-opus-4-5\"", 4096)).unwrap();
    let asked: Value = serde_json::from_str(body).unwrap();
    for name in ["tools", "tool_choice", "thinking", "stop_sequences", "system"] {
        assert_eq!(said[name], asked[name], "{name}");
    }
    assert_eq!(said["messages"][1], asked["messages"][1]);
    assert_eq!(said["messages"][2]["content"][1], asked["messages"][2]["content"][1]);
    assert_eq!(said["messages"][0], asked["messages"][0]);
    let schema = json!({"type": "object", "additionalProperties": false});
    assert_eq!(said["output_config"]["format"]["schema"], schema);
    assert_eq!(dropped.header(), None);
}

#[test]
fn parallel_calls_are_answered_in_one_turn_right_behind_them() {
    let mut prompt = Prompt::default();
    prompt.say(Role::User, Part::text("q"));
    prompt.say(Role::Assistant, call("a"));
    prompt.say(Role::Assistant, call("b"));
    prompt.say(Role::User, result("b"));
    prompt.say(Role::System, Part::text("be kind"));
    prompt.say(Role::User, Part::text("and?"));
    prompt.say(Role::User, result("a"));
    let (said, _) = written_of(&prompt, &NEWEST).unwrap();
    let turns = said["messages"].as_array().unwrap();
    assert_eq!(turns.len(), 3, "{said}");
    let kinds: Vec<&Value> =
        turns[2]["content"].as_array().unwrap().iter().map(|part| &part["type"]).collect();
    assert_eq!(kinds, ["tool_result", "tool_result", "text", "text"]);
    assert_eq!(turns[2]["content"][2]["text"], "<system>\nbe kind\n</system>");
}

#[test]
fn later_instructions_stay_in_their_place() {
    let mut prompt = Prompt { turns: vec![user("q")], ..Prompt::default() };
    prompt.say(Role::System, Part::text("be kind"));
    prompt.say(Role::Assistant, Part::text("a"));
    let (said, _) = written_of(&prompt, &NEWEST).unwrap();
    assert_eq!(said["messages"][1]["role"], "system");
    let (said, _) = written_of(&prompt, &NEW).unwrap();
    assert_eq!(said["messages"][0]["content"][1]["text"], "<system>\nbe kind\n</system>");
    let alone = Prompt { system: vec![Part::text("s")], ..Prompt::default() };
    let (said, _) = written_of(&alone, &NEW).unwrap();
    assert_eq!(said["messages"][0], json!({"role":"user","content":[{"type":"text","text":"s"}]}));
    assert_eq!(said.get("system"), None);
    let begun = Prompt {
        turns: vec![Turn { role: Role::Assistant, parts: vec![Part::text("a")] }],
        ..Prompt::default()
    };
    assert_eq!(written_of(&begun, &NEW).unwrap().0["messages"][0]["role"], "user");
}

#[test]
fn white_space_is_not_said_and_tools_that_were_called_are_named() {
    let blank = Part { cache: Some(Cache::Short), ..Part::text(" \n") };
    let mut prompt = Prompt { system: vec![blank.clone()], ..Prompt::default() };
    prompt.say(Role::User, Part::text("q"));
    prompt.say(Role::Assistant, blank);
    prompt.say(Role::Assistant, call("a"));
    prompt.say(Role::User, result("a"));
    let (said, _) = written_of(&prompt, &NEW).unwrap();
    assert_eq!(said.get("system"), None);
    assert_eq!(said["messages"][1]["content"].as_array().unwrap().len(), 1);
    let schema = json!({"type":"object","properties":{}});
    assert_eq!(said["tools"], json!([{"name":"f","input_schema":schema}]));
    assert_eq!(said["tool_choice"], json!({"type":"none"}));
}

#[test]
fn thoughts_without_anthropics_proof_are_left_out() {
    let thought = |signature: Option<&'static str>| {
        Part::new(PartKind::Thought { text: "t".into(), signature: signature.map(Cow::from) })
    };
    let mut prompt = Prompt { turns: vec![user("q")], ..Prompt::default() };
    for signature in [None, Some("tg-g.x"), Some("tg-a."), Some("tg-a.own")] {
        prompt.say(Role::Assistant, thought(signature));
    }
    prompt.say(Role::Assistant, Part::new(PartKind::Redacted("tg-o.x".into())));
    prompt.say(Role::Assistant, Part::text("a"));
    let (said, _) = written_of(&prompt, &NEW).unwrap();
    let content = &said["messages"][1]["content"];
    assert_eq!(content.as_array().unwrap().len(), 2, "{content}");
    assert_eq!(content[0], json!({"type":"thinking","thinking":"t","signature":"own"}));
}

#[test]
fn the_last_four_cache_marks_are_kept_with_their_lives() {
    let marked = |cache| Part { cache: Some(cache), ..Part::text("x") };
    let prompt = Prompt {
        system: vec![marked(Cache::Hour), marked(Cache::Hour)],
        turns: vec![Turn { role: Role::User, parts: vec![marked(Cache::Short); 3] }],
        tools: vec![Tool { cache: Some(Cache::Hour), ..tool("f") }],
        ..Prompt::default()
    };
    let (said, _) = written_of(&prompt, &NEW).unwrap();
    assert_eq!(said["tools"][0].get("cache_control"), None);
    assert_eq!(said["system"][0].get("cache_control"), None);
    assert_eq!(said["system"][1]["cache_control"], json!({"type":"ephemeral","ttl":"1h"}));
    let content = &said["messages"][0]["content"];
    assert_eq!(content[2]["cache_control"], json!({"type":"ephemeral"}));
    let whole = r#"{"messages":[{"role":"user","content":"x"}],"cache_control":{}}"#;
    let (said, _) = written(whole, &NEW).unwrap();
    assert!(said["messages"][0]["content"][0].get("cache_control").is_some());
}

#[test]
fn each_family_is_asked_to_think_in_its_own_way() {
    let asked = |effort, budget, terms: UpstreamTerms<'_>| {
        let turns = vec![user("q")];
        let prompt = Prompt { turns, reasoning: reasoning(effort, budget), ..Prompt::default() };
        let (said, dropped) = written_of(&prompt, &terms).unwrap();
        let thinking = said["thinking"].to_string();
        (thinking, said["output_config"]["effort"].clone(), dropped.header())
    };
    let enabled = |tokens: u64| format!(r#"{{"budget_tokens":{tokens},"type":"enabled"}}"#);
    let none = Value::Null;
    assert_eq!(asked(Effort::High, None, OLD), (enabled(8000), none.clone(), None));
    assert_eq!(asked(Effort::High, Some(50_000), OLD), (enabled(9_999), none.clone(), None));
    assert_eq!(asked(Effort::Low, Some(5), OLD), (enabled(1024), none.clone(), None));
    let small = terms(b"\"claude-3-7-sonnet\"", 1000);
    let dropped = Some("reasoning".to_owned());
    assert_eq!(asked(Effort::Max, None, small), ("null".into(), none.clone(), dropped.clone()));
    let adaptive = |more: &str| format!(r#"{{{more}"type":"adaptive"}}"#);
    assert_eq!(asked(Effort::Max, Some(9), NEW), (adaptive(""), "max".into(), None));
    let shown = adaptive(r#""display":"summarized","#);
    assert_eq!(asked(Effort::Minimal, None, NEWEST), (shown, "low".into(), None));
    assert_eq!(asked(Effort::Off, None, NEW), ("null".into(), none.clone(), None));
    let off = r#"{"type":"disabled"}"#.to_owned();
    assert_eq!(asked(Effort::Off, None, NEWEST), (off, none.clone(), None));
    let fable = terms(b"\"claude-fable-5\"", 9000);
    assert_eq!(asked(Effort::Off, None, fable), ("null".into(), none, dropped));
}

#[test]
fn thinking_is_off_where_a_call_is_forced_or_the_thoughts_are_lost() {
    let mut prompt = Prompt {
        turns: vec![user("q")],
        tools: vec![tool("f")],
        tool_choice: Some(ToolChoice::Named("f".into())),
        reasoning: reasoning(Effort::High, None),
        ..Prompt::default()
    };
    let (said, dropped) = written_of(&prompt, &NEWEST).unwrap();
    assert_eq!(said["thinking"], json!({"type":"disabled"}));
    assert_eq!(said["tool_choice"], json!({"type":"tool","name":"f"}));
    assert_eq!(dropped.header().as_deref(), Some("reasoning"));
    let fable = terms(b"\"claude-fable-5\"", 9000);
    assert!(written_of(&prompt, &fable).unwrap_err().unsupported);
    prompt.tool_choice = None;
    prompt.say(Role::Assistant, call("a"));
    prompt.say(Role::User, result("a"));
    assert_eq!(written_of(&prompt, &OLD).unwrap().0.get("thinking"), None);
    assert_eq!(written_of(&prompt, &NEW).unwrap().0["thinking"]["type"], "adaptive");
}

#[test]
fn sampling_is_what_the_model_takes_and_the_rest_is_told() {
    let mut prompt = Prompt { turns: vec![user("q")], ..Prompt::default() };
    prompt.sampling = Sampling {
        temperature: Some(1.7),
        top_p: Some(0.5),
        top_k: Some(4),
        presence_penalty: Some(0.1),
        frequency_penalty: Some(0.1),
        seed: Some(1),
    };
    prompt.verbosity = Some("low".into());
    prompt.stop = vec!["\n".into(), "END".into()];
    let (said, dropped) = written_of(&prompt, &NEW).unwrap();
    assert_eq!((&said["temperature"], &said["top_k"]), (&json!(1), &json!(4)));
    assert_eq!((said.get("top_p"), &said["stop_sequences"]), (None, &json!(["END"])));
    let told = "top_p, presence_penalty, frequency_penalty, seed, stop, verbosity";
    assert_eq!(dropped.header().as_deref(), Some(told));
    let (said, dropped) = written_of(&prompt, &NEWEST).unwrap();
    assert!(said.get("temperature").is_none() && said.get("top_k").is_none());
    assert!(dropped.header().unwrap().starts_with("temperature, top_p, top_k, "));
    prompt.sampling.top_p = Some(0.95);
    prompt.reasoning = reasoning(Effort::Low, None);
    let (said, _) = written_of(&prompt, &OLD).unwrap();
    assert_eq!((said.get("temperature"), &said["top_p"]), (None, &json!(0.95)));
}

#[test]
fn json_is_a_format_a_forced_tool_or_an_instruction() {
    let schema = || serde_json::from_str::<&serde_json::value::RawValue>(r#"{"type":"object"}"#);
    let shape =
        Shape::Schema { name: None, schema: Cow::Borrowed(schema().unwrap()), strict: None };
    let mut prompt = Prompt { turns: vec![user("q")], shape, ..Prompt::default() };
    let (said, _) = written_of(&prompt, &NEWEST).unwrap();
    assert_eq!(said["output_config"]["format"]["type"], "json_schema");
    let (said, _) = written_of(&prompt, &OLD).unwrap();
    assert_eq!(said["tool_choice"]["name"], said["tools"][0]["name"]);
    assert_eq!(said["tools"][0]["input_schema"], json!({"type":"object"}));
    prompt.tools = vec![tool("f")];
    let (said, _) = written_of(&prompt, &OLD).unwrap();
    assert!(said["system"][0]["text"].as_str().unwrap().contains(r#"{"type":"object"}"#));
    prompt.shape = Shape::Json;
    prompt.tools.clear();
    assert_eq!(written_of(&prompt, &NEW).unwrap().0["tool_choice"]["type"], "tool");
    let (said, _) = written_of(&prompt, &NEWEST).unwrap();
    assert!(said["system"][0]["text"].as_str().unwrap().contains("JSON object"));
}

#[test]
fn tools_choices_and_tiers_are_said_in_anthropics_words() {
    let mut prompt = Prompt {
        turns: vec![user("q")],
        tools: vec![tool("f"), tool("g")],
        parallel_calls: Some(false),
        service_tier: Some("priority".into()),
        user: Some("ann@example.org".into()),
        ..Prompt::default()
    };
    let (said, _) = written_of(&prompt, &NEW).unwrap();
    let choice = json!({"type":"auto","disable_parallel_tool_use":true});
    assert_eq!((&said["tool_choice"], &said["service_tier"]), (&choice, &"auto".into()));
    assert_eq!(said["metadata"]["user_id"].as_str().unwrap().len(), 16);
    assert_eq!(said["tools"][1]["input_schema"], json!({"type":"object","properties":{}}));
    let names = vec!["g".into()];
    prompt.tool_choice = Some(ToolChoice::Allowed { names, required: true });
    prompt.service_tier = Some("default".into());
    let (said, _) = written_of(&prompt, &NEW).unwrap();
    assert_eq!(
        (&said["tool_choice"]["type"], &said["tools"][0]["name"]),
        (&"any".into(), &"g".into())
    );
    assert_eq!(said["service_tier"], "standard_only");
    prompt.tools = vec![tool("a.b")];
    prompt.tool_choice = None;
    assert_eq!(written_of(&prompt, &NEW).unwrap_err().param, Some("tools"));
}

#[test]
fn what_this_model_cannot_take_is_refused() {
    let with = |kind| {
        let turns = vec![Turn { role: Role::User, parts: vec![Part::new(kind)] }];
        written_of(&Prompt { turns, ..Prompt::default() }, &NEW)
    };
    let data = |media_type: &'static str| Source::Data {
        media_type: media_type.into(),
        data: "aa".into(),
    };
    let audio = PartKind::Audio { media_type: "audio/wav".into(), data: "aa".into() };
    assert!(with(audio).unwrap_err().unsupported);
    let tiff = PartKind::Image { source: data("image/tiff"), detail: None };
    assert!(with(tiff).unwrap_err().unsupported);
    let zip = PartKind::File { name: None, source: data("application/zip") };
    assert!(with(zip).unwrap_err().unsupported);
    let csv = Source::Data { media_type: "text/csv".into(), data: "YSxiCg==".into() };
    let (said, _) = with(PartKind::File { name: Some("t".into()), source: csv }).unwrap();
    let source = json!({"type":"text","media_type":"text/plain","data":"a,b\n"});
    assert_eq!(said["messages"][0]["content"][0]["source"], source);
    let jpg = PartKind::Image { source: data("image/jpg"), detail: None };
    let (said, _) = with(jpg).unwrap();
    assert_eq!(said["messages"][0]["content"][0]["source"]["media_type"], "image/jpeg");
}

#[test]
fn ids_are_sanitised_and_stay_apart() {
    let mut prompt = Prompt { turns: vec![user("q")], ..Prompt::default() };
    prompt.say(Role::Assistant, call("a:b"));
    prompt.say(Role::Assistant, call("a.b"));
    prompt.say(Role::User, result("a.b"));
    let (said, _) = written_of(&prompt, &NEW).unwrap();
    let ids = [0, 1].map(|place| said["messages"][1]["content"][place]["id"].clone());
    assert_eq!(ids, ["a_3a_b", "a_2e_b"]);
    assert_eq!(said["messages"][2]["content"][0]["tool_use_id"], "a_2e_b");
}

#[test]
fn a_proof_in_an_id_is_read_and_the_bare_id_is_sent() {
    let id = crate::signature::into_id("call_1", Some("tg-g.p"));
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":"q"}},{{"role":"assistant","content":[
        {{"type":"tool_use","id":"{id}","name":"f","input":{{}}}}]}},{{"role":"user","content":[
        {{"type":"tool_result","tool_use_id":"{id}"}}]}}]}}"#
    );
    let prompt = read_prompt(body.as_bytes()).unwrap();
    let read = prompt.calls().next().unwrap();
    assert_eq!((&*read.id, read.signature.as_deref()), ("call_1", Some("tg-g.p")));
    let (said, _) = written_of(&prompt, &NEW).unwrap();
    assert_eq!(said["messages"][2]["content"][0]["tool_use_id"], "call_1");
}

#[test]
fn what_no_other_dialect_can_say_is_refused_or_told() {
    for (content, tools) in [
        (r#"[{"type":"server_tool_use","id":"s","name":"web_search","input":{}}]"#, "[]"),
        (r#""x""#, r#"[{"type":"bash_20250124","name":"bash"}]"#),
    ] {
        let body =
            format!(r#"{{"messages":[{{"role":"user","content":{content}}}],"tools":{tools}}}"#);
        assert!(read_prompt(body.as_bytes()).unwrap_err().unsupported, "{body}");
    }
    let stray = r#"[{"type":"tool_result","tool_use_id":"t"}]"#;
    let stray = format!(r#"{{"messages":[{{"role":"user","content":{stray}}}]}}"#);
    assert!(!read_prompt(stray.as_bytes()).unwrap_err().unsupported);
    let body =
        r#"{"messages":[{"role":"user","content":"x"}],"context_management":{},"stream":true}"#;
    assert_eq!(read_prompt(body.as_bytes()).unwrap().unsaid, ["context_management"]);
}
