//! Wishes as customers write them, right and wrong.

use catalog::route::{Budget, Continuity, Percentiles, Sort, Strategy, Wishes};
use catalog::{Parameters, Quantization};
use units::{Price, Usd};
use wire::gate::{Gate, GateLimits};

use crate::openai_chat::{read_intent, write_upstream};
use crate::{Intent, RequestFault, UpstreamTerms};

/// A request with these members beside a message.
fn body(members: &str) -> String {
    format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],{members}}}"#)
}

fn intent(members: &str) -> Result<Box<Intent>, RequestFault> {
    let body = body(members);
    let top = Gate::new().check(body.as_bytes(), &GateLimits::default()).unwrap();
    read_intent(&top, body.as_bytes())
}

fn wishes(members: &str) -> Wishes {
    let intent = intent(&format!(r#""model":"m",{members}"#)).unwrap();
    intent.wishes.map(|wishes| *wishes).unwrap_or_default()
}

fn texts(list: &[Box<str>]) -> Vec<&str> {
    list.iter().map(|text| &**text).collect()
}

#[test]
fn a_provider_object_is_read_whole() {
    let wishes = wishes(
        r#""provider":{"order":["a","b/x"],"only":["a"],"ignore":["c"],"allow_fallbacks":false,
        "require_parameters":true,"data_collection":"deny","zdr":true,"quantizations":["fp8"],
        "sort":{"by":"throughput","partition":"none"},"enforce_distillable_text":false,
        "preferred_min_throughput":{"p50":12.5,"p90":"3"},"preferred_max_latency":1.5,
        "max_price":{"prompt":0.3,"completion":"1.2","request":"0.01","image":1e-3,"audio":2}}"#,
    );
    assert_eq!((texts(&wishes.order), texts(&wishes.only)), (vec!["a", "b/x"], vec!["a"]));
    assert_eq!(texts(&wishes.ignore), ["c"]);
    assert!(wishes.no_fallbacks && wishes.require_parameters && wishes.deny_collection);
    assert!(wishes.zdr && wishes.across_models && wishes.sort == Some(Sort::Throughput));
    let levels = wishes.quantizations.unwrap();
    assert!(levels.has(Quantization::Fp8) && !levels.has(Quantization::Int8));
    let rates = Percentiles { p50: Some(12_500), p90: Some(3_000), ..Percentiles::NONE };
    assert_eq!(wishes.min_throughput, rates);
    assert_eq!(wishes.max_latency.p50, Some(1_500_000));
    let most = wishes.max_price;
    let price = |pico| Some(Price::from_pico(pico));
    assert_eq!((most.prompt, most.completion), (price(300_000), price(1_200_000)));
    assert_eq!(most.audio, price(2_000_000));
    let fee = |pico| Some(Usd::from_pico(pico));
    assert_eq!((most.request, most.image), (fee(10_000_000_000), fee(1_000_000_000)));
}

#[test]
fn a_routing_object_is_read_whole_and_exactly() {
    let wishes = wishes(
        r#""routing":{"currency":"USD","max_input_per_1m":"0.03","max_output_per_1m":0.15,
        "max_total_per_1m":"0.1800009","min_total_per_1m":"0.0500001","rpm_cap":60,
        "strategy":"continuity","continuity_mode":"temporary_escalation",
        "allow_temporary_high_price":true}"#,
    );
    let price = |pico| Some(Price::from_pico(pico));
    let expected = Budget {
        max_input: price(30_000),
        max_output: price(150_000),
        max_total: price(180_000),
        min_total: price(50_001),
        rpm_cap: Some(60),
        strategy: Strategy::Continuity,
        continuity: Continuity::TemporaryEscalation,
        may_escalate: true,
    };
    assert_eq!(wishes.budget, Some(expected));
}

#[test]
fn going_above_a_cap_takes_both_words() {
    for (members, expected) in [
        (r#""routing":{"continuity_mode":"temporary_escalation"}"#, false),
        (r#""routing":{"allow_temporary_high_price":true}"#, false),
        (
            r#""routing":{"allow_temporary_high_price":true,"continuity_mode":"stay_within_cap"}"#,
            false,
        ),
    ] {
        assert_eq!(wishes(members).budget.unwrap().may_escalate, expected, "{members}");
    }
}

#[test]
fn models_come_after_the_model_or_in_its_place() {
    let both = intent(r#""model":"a","models":["b","c"],"route":"fallback""#).unwrap();
    assert_eq!((&*both.model, texts(&both.wishes.unwrap().models)), ("a", vec!["b", "c"]));
    let alone = intent(r#""models":["b","c"]"#).unwrap();
    assert_eq!((&*alone.model, texts(&alone.wishes.unwrap().models)), ("b", vec!["c"]));
    assert!(alone.places.model.is_none());
    assert!(intent(r#""models":["b"]"#).unwrap().wishes.is_none());
    assert_eq!(intent(r#""models":[]"#).unwrap_err().param, Some("model"));
    let split = wishes(r#""models":["b"],"routing":{"strategy":"split","weights":[3,1]}"#);
    assert_eq!(split.budget.unwrap().strategy, Strategy::Split(vec![3, 1]));
}

#[test]
fn what_auto_may_choose_is_read_from_either_place() {
    let plugin = wishes(
        r#""plugins":[{"id":"auto-router","allowed_models":["a/*"],"excluded_models":["a/b"]},
        {"id":"web","enabled":false}]"#,
    );
    assert_eq!(
        (texts(&plugin.auto.allowed), texts(&plugin.auto.excluded)),
        (vec!["a/*"], vec!["a/b"])
    );
    assert_eq!(texts(&wishes(r#""allowed_models":["x"]"#).auto.allowed), ["x"]);
}

#[test]
fn what_says_nothing_is_no_wish() {
    for members in [
        r#""provider":null,"routing":null,"models":null,"route":null,"plugins":null"#,
        r#""provider":{},"models":[],"plugins":[],"transforms":[],"route":"fallback""#,
        r#""provider":{"order":null,"sort":null,"max_price":null,"allow_fallbacks":true}"#,
        r#""provider":{"data_collection":"allow","zdr":false,"max_price":{}}"#,
    ] {
        let intent = intent(&format!(r#""model":"m",{members}"#)).unwrap();
        assert!(intent.wishes.is_none(), "{members}: {:?}", intent.wishes);
    }
}

#[test]
fn wrong_wishes_name_the_member_at_fault() {
    for (members, param) in [
        (r#""provider":[]"#, "provider"),
        (r#""provider":"a""#, "provider"),
        (r#""provider":{"zrd":true}"#, "provider"),
        (r#""provider":{"Only":["a"]}"#, "provider"),
        (r#""Provider":{"only":["a"]}"#, "provider"),
        (r#""provider":{"order":"a"}"#, "provider.order"),
        (r#""provider":{"order":[1]}"#, "provider.order"),
        (r#""provider":{"order":[""]}"#, "provider.order"),
        (r#""provider":{"only":[]}"#, "provider.only"),
        (r#""provider":{"ignore":{}}"#, "provider.ignore"),
        (r#""provider":{"allow_fallbacks":"no"}"#, "provider.allow_fallbacks"),
        (r#""provider":{"require_parameters":1}"#, "provider.require_parameters"),
        (r#""provider":{"data_collection":true}"#, "provider.data_collection"),
        (r#""provider":{"data_collection":"Deny"}"#, "provider.data_collection"),
        (r#""provider":{"zdr":"true"}"#, "provider.zdr"),
        (r#""provider":{"quantizations":["fp7"]}"#, "provider.quantizations"),
        (r#""provider":{"quantizations":[]}"#, "provider.quantizations"),
        (r#""provider":{"sort":"speed"}"#, "provider.sort"),
        (r#""provider":{"sort":{"by":"speed"}}"#, "provider.sort.by"),
        (r#""provider":{"sort":{"partition":"all"}}"#, "provider.sort.partition"),
        (r#""provider":{"sort":{"order":"price"}}"#, "provider.sort"),
        (r#""provider":{"max_price":3}"#, "provider.max_price"),
        (r#""provider":{"max_price":{"prompt":-1}}"#, "provider.max_price.prompt"),
        (r#""provider":{"max_price":{"input":1}}"#, "provider.max_price"),
        (r#""provider":{"preferred_max_latency":"soon"}"#, "provider.preferred_max_latency"),
        (
            r#""provider":{"preferred_min_throughput":{"p95":1}}"#,
            "provider.preferred_min_throughput",
        ),
        (r#""routing":[]"#, "routing"),
        (r#""routing":{"max_input":1}"#, "routing"),
        (r#""routing":{"currency":"EUR"}"#, "routing.currency"),
        (r#""routing":{"currency":"usd"}"#, "routing.currency"),
        (r#""routing":{"max_input_per_1m":"cheap"}"#, "routing.max_input_per_1m"),
        (r#""routing":{"max_output_per_1m":"-0.1"}"#, "routing.max_output_per_1m"),
        (r#""routing":{"max_total_per_1m":true}"#, "routing.max_total_per_1m"),
        (r#""routing":{"rpm_cap":0}"#, "routing.rpm_cap"),
        (r#""routing":{"rpm_cap":1.5}"#, "routing.rpm_cap"),
        (r#""routing":{"strategy":"best"}"#, "routing.strategy"),
        (r#""routing":{"strategy":"split"}"#, "routing.weights"),
        (r#""routing":{"strategy":"split","weights":[0]}"#, "routing.weights"),
        (r#""routing":{"strategy":"split","weights":[1,1]}"#, "routing.weights"),
        (r#""routing":{"weights":[1]}"#, "routing.weights"),
        (r#""routing":{"continuity_mode":"always"}"#, "routing.continuity_mode"),
        (r#""routing":{"allow_temporary_high_price":1}"#, "routing.allow_temporary_high_price"),
        (
            r#""routing":{"min_total_per_1m":"2","max_total_per_1m":"1"}"#,
            "routing.min_total_per_1m",
        ),
        (r#""models":"b""#, "models"),
        (r#""models":[7]"#, "models"),
        (r#""route":"random""#, "route"),
        (r#""allowed_models":[]"#, "allowed_models"),
        (r#""plugins":{}"#, "plugins"),
        (r#""plugins":["web"]"#, "plugins"),
        (r#""plugins":[{"id":"auto-router","cost_tier":"cheap"}]"#, "plugins.cost_tier"),
        (
            r#""plugins":[{"id":"auto-router","cost_quality_tradeoff":11}]"#,
            "plugins.cost_quality_tradeoff",
        ),
        (r#""session_id":7"#, "session_id"),
    ] {
        let fault = intent(&format!(r#""model":"m",{members}"#)).unwrap_err();
        assert_eq!((fault.param, fault.unsupported), (Some(param), false), "{members}");
    }
    let many = format!(r#""model":"m","models":[{}]"#, vec![r#""x""#; 17].join(","));
    assert_eq!(intent(&many).unwrap_err().param, Some("models"));
}

#[test]
fn what_is_not_offered_is_said_so() {
    for (members, param) in [
        (r#""plugins":[{"id":"web"}]"#, "plugins"),
        (r#""plugins":[{"id":"auto-router","pin_model":true}]"#, "plugins"),
        (r#""transforms":["middle-out"]"#, "transforms"),
        (r#""provider":{"enforce_distillable_text":true}"#, "provider"),
    ] {
        let fault = intent(&format!(r#""model":"m",{members}"#)).unwrap_err();
        assert_eq!((fault.param, fault.unsupported), (Some(param), true), "{members}");
    }
}

#[test]
fn parameters_are_known_as_far_as_they_matter() {
    let set = |members: &str| {
        let intent = intent(&format!(r#""model":"m",{members}"#)).unwrap();
        intent.parameters.names().collect::<Vec<_>>()
    };
    let some = r#""tools":[],"seed":1,"reasoning_effort":"low","verbosity":null"#;
    assert_eq!(set(some), ["tools", "reasoning"]);
    let required = format!(r#"{some},"provider":{{"require_parameters":true}}"#);
    assert_eq!(set(&required), ["seed", "tools", "reasoning"]);
}

#[test]
fn auto_takes_a_fifth_of_the_models_by_cost_or_all_below_a_ceiling() {
    let band = |members: &str| {
        let plugin = format!(r#""plugins":[{{"id":"auto-router",{members}}}]"#);
        let cost = wishes(&plugin).auto.cost.unwrap();
        (cost.from, cost.below)
    };
    assert_eq!(band(r#""cost_tier":"low""#), (0, 200));
    assert_eq!(band(r#""cost_tier":"max""#), (800, 1000));
    assert_eq!(band(r#""cost_quality_tradeoff":10"#), (0, 100));
    assert_eq!(band(r#""cost_quality_tradeoff":0"#), (0, 900));
    assert_eq!(band(r#""cost_quality_tradeoff":0,"cost_tier":"high""#), (400, 600));
}

#[test]
fn a_session_and_a_prompt_cache_are_known_again() {
    let known = |members: &str| {
        let intent = intent(&format!(r#""model":"m",{members}"#)).unwrap();
        (intent.session, intent.cache_key)
    };
    assert_eq!(known(r#""seed":1"#), (None, None));
    assert_eq!(known(r#""session_id":null,"prompt_cache_key":null"#), (None, None));
    let (one, other) = (known(r#""session_id":"a""#).0, known(r#""session_id":"b""#).0);
    assert!(one.is_some() && one != other);
    assert_eq!(known(r#""prompt_cache_key":"a""#), (None, one));
    assert_eq!(known(r#""prompt_cache_key":"b","session_id":"a""#), (one, other));
}

/// Whether anybody has answered in it yet.
fn intent_has_more(body: &str) -> bool {
    body.contains("assistant")
}

#[test]
fn the_turns_of_a_conversation_are_known_by_how_it_begins() {
    let number = |messages: &[(&str, &str)]| {
        let each = messages
            .iter()
            .map(|(role, text)| serde_json::json!({ "role": role, "content": text }).to_string());
        let messages = each.collect::<Vec<_>>().join(",");
        let body = format!(r#"{{"model":"m","messages":[{messages}]}}"#);
        let top = Gate::new().check(body.as_bytes(), &GateLimits::default()).unwrap();
        let intent = read_intent(&top, body.as_bytes()).unwrap();
        assert_eq!(intent.continues, intent_has_more(&body), "{body}");
        intent.conversation
    };
    let first = number(&[("system", "be brief"), ("user", "hi")]);
    let turns =
        [("system", "be brief"), ("user", "hi"), ("assistant", "hello"), ("user", "and now?")];
    assert_eq!(number(&turns), first);
    assert_ne!(number(&[("system", "be brief"), ("user", "ho")]), first);
    assert_ne!(number(&[("system", "be long"), ("user", "hi")]), first);
    assert_ne!(number(&[("user", "hi")]), first);
    assert_eq!(number(&[("user", "hi"), ("assistant", "x")]), number(&[("user", "hi")]));
}

#[test]
fn no_wish_goes_upstream_and_a_model_always_does() {
    let members = r#""provider":{"only":["a"]},"models":["b","c"],"routing":{},"route":"fallback",
        "plugins":[],"transforms":[],"allowed_models":["b"],"session_id":"s","seed":1"#;
    let body = body(members);
    let intent = intent(members).unwrap();
    let terms = UpstreamTerms {
        dialect: catalog::Dialect::OpenAi,
        model_json: b"\"up\"",
        output_cap: 9,
        cap_as_completion_tokens: false,
        stream_usage: true,
        thinks: true,
    };
    let sent = |intent: &Intent, body: &str, terms: &UpstreamTerms<'_>| {
        let mut out = Vec::new();
        write_upstream(intent, body.as_bytes(), terms, &mut out);
        serde_json::from_slice::<serde_json::Value>(&out).unwrap()
    };
    let value = sent(&intent, &body, &terms);
    let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["max_tokens", "messages", "model", "reasoning_effort", "seed"]);
    assert_eq!((&value["model"], &value["reasoning_effort"]), (&"up".into(), &"medium".into()));
    let plain = sent(&intent, &body, &UpstreamTerms { thinks: false, ..terms });
    assert!(plain.get("reasoning_effort").is_none());
    let own = r#""model":"m","reasoning_effort":"none""#;
    let intent = super::tests::intent(own).unwrap();
    assert_eq!(sent(&intent, &self::body(own), &terms)["reasoning_effort"], "none");
    assert!(Parameters::REASONING.both(intent.parameters) == Parameters::REASONING);
}
