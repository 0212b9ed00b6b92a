//! Who is told the usage: whoever asked, and everyone under `/api/v1`; nobody else.

use serde_json::{Value, json};
use tollgate_tests::client::Answer;
use tollgate_tests::config::Config;
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello_stream};
use tollgate_tests::upstream::Upstream;

use crate::look::{DONE, choices_of};

fn chunks(answer: &Answer) -> Vec<Value> {
    choices_of(answer);
    let events = answer.events();
    let chunks = events.iter().filter(|event| *event != DONE);
    chunks.map(|chunk| serde_json::from_str(chunk).unwrap()).collect()
}

fn streamed(stand: &Stand, path: &str, asks: &Value) -> Vec<Value> {
    let mut body = hello_stream();
    body.as_object_mut().unwrap().extend(asks.as_object().unwrap().clone());
    chunks(&stand.post(path, body.to_string().as_bytes()))
}

/// The usage stands in one chunk, the last, which has no choices.
#[track_caller]
fn told_once(chunks: &[Value]) -> Value {
    let (last, rest) = chunks.split_last().unwrap();
    assert!(rest.iter().all(|chunk| chunk["usage"].is_null()), "{rest:?}");
    assert_eq!(last["choices"], json!([]), "{last}");
    let usage = &last["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap_or_else(|| panic!("{name}: {last}"));
    assert!(count("prompt_tokens") > 0 && count("completion_tokens") > 0);
    assert_eq!(count("total_tokens"), count("prompt_tokens") + count("completion_tokens"));
    usage.clone()
}

#[test]
fn the_usage_is_told_to_whoever_asked_and_to_nobody_else() {
    let stand = Stand::start();
    let asked = json!({ "stream_options": { "include_usage": true } });
    let not_asked = [
        json!({}),
        json!({ "stream_options": null }),
        json!({ "stream_options": { "include_usage": false } }),
        json!({ "stream_options": { "include_obfuscation": false } }),
    ];
    assert_eq!(told_once(&streamed(&stand, CHAT, &asked))["completion_tokens"], 12);
    told_once(&streamed(&stand, CHAT, &json!({ "usage": { "include": true } })));
    for asks in &not_asked {
        for chunk in streamed(&stand, CHAT, asks) {
            assert!(chunk.get("usage").is_none(), "{asks}: {chunk}");
            assert_ne!(chunk["choices"], json!([]), "{asks}: {chunk}");
        }
        told_once(&streamed(&stand, ROUTED_CHAT, asks));
    }
    told_once(&streamed(&stand, ROUTED_CHAT, &asked));
}

#[test]
fn a_provider_that_tells_its_usage_early_or_twice_tells_nobody_who_did_not_ask() {
    let stand = Stand::start();
    for fault in ["usage-early", "usage-twice", "usage-late:200", "empty-choices"] {
        stand.upstream.fault(fault);
        for chunk in streamed(&stand, CHAT, &json!({})) {
            assert!(chunk.get("usage").is_none(), "{fault}: {chunk}");
        }
    }
}

#[test]
fn where_the_provider_tells_no_usage_whoever_is_owed_one_gets_what_is_charged() {
    let silent = Stand::start();
    silent.upstream.fault("no-usage");
    let old = Stand::on(Upstream::start(), |config| {
        let catalog = config.catalog.replace("stream_usage = true", "stream_usage = false");
        Config { catalog, ..config }
    });
    let asked = json!({ "stream_options": { "include_usage": true } });
    for stand in [&silent, &old] {
        told_once(&streamed(stand, CHAT, &asked));
        let usage = told_once(&streamed(stand, ROUTED_CHAT, &json!({})));
        for chunk in streamed(stand, CHAT, &json!({})) {
            assert!(chunk.get("usage").is_none(), "{chunk}");
        }
        let account = stand.gateway.settled(&stand.customer.account, |a| !a.spent.is_zero());
        let generations = stand.gateway.admin.generations(&account.id);
        assert!(
            generations.iter().any(|one| {
                one["usage"]["input"] == usage["prompt_tokens"]
                    && one["usage"]["output"] == usage["completion_tokens"]
            }),
            "{usage} of {generations:?}"
        );
    }
}
