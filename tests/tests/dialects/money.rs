//! Each pair charges what its provider would bill, in every class, and tells its client the same.

use tollgate_tests::checker::check;

use crate::shop::{open, pairs, send};
use crate::speech::{Ask, Client, Counts};

/// What a provider's usage holds, and how long the prompt is.
const CASES: [(&str, &str, bool); 7] = [
    ("plain", "", false),
    ("read from a cache", "cached", false),
    ("written to a cache", "cache-write", false),
    ("written for an hour", "cache-write-1h:9", false),
    ("of all classes", "cached:5+cache-write:3", true),
    ("told twice", "usage-twice", false),
    ("reasoned", "", true),
];

#[test]
fn every_pair_charges_what_its_provider_bills_and_tells_it() {
    let stand = open();
    for (what, fault, thinks) in CASES {
        for (client, model) in pairs() {
            // What only one dialect tells no other provider bills.
            if model != "a/chat" && fault.contains("1h")
                || model == "g/chat" && fault.contains("write")
            {
                continue;
            }
            for stream in [false, true] {
                stand.upstream.fault(fault);
                let before = stand.upstream.truths().len();
                let ask = Ask { stream, cap: if thinks { 4096 } else { 12 }, thinks };
                let body = client.body(model, "How much does this cost?", ask);
                let answer = send(&stand, &client.path(model, stream), &body);
                let case = format!("{what}: {client:?} to {model}, stream {stream}");
                assert_eq!(answer.status(), 200, "{case}: {}", answer.text());
                let heard = client.hear(&answer, stream);
                let truths = stand.upstream.truths();
                let [truth] = &truths[before..] else { panic!("{case}: asked once") };
                let mut billed = Counts::of(&truth.billed);
                if client == Client::Gemini {
                    // Gemini's usage has no place for what was written to a cache.
                    billed.written = 0;
                }
                if client == Client::Messages && model != "a/chat" || heard.usage.reasoning == 0 {
                    // Nor have all messages one for thoughts.
                    billed.reasoning = heard.usage.reasoning;
                }
                assert_eq!(heard.usage, billed, "{case}: {}", answer.text());
                assert_eq!(heard.model, model, "{case}");
                assert!(!heard.text.is_empty(), "{case}: {}", answer.text());
                assert_eq!(heard.error, None, "{case}");
                if !thinks {
                    assert_eq!(heard.finish, client.cut(), "{case}: {}", answer.text());
                }
            }
        }
    }
    check(&stand.gateway, &[&stand.upstream], &[&stand.customer.account]);
}

#[test]
fn a_long_prompt_has_its_own_price_in_every_pair() {
    let stand = open();
    let text = "word ".repeat(1_500);
    for (client, model) in pairs() {
        let ask = Ask { stream: true, cap: 20, thinks: false };
        let answer = send(&stand, &client.path(model, true), &client.body(model, &text, ask));
        assert_eq!(answer.status(), 200, "{client:?} {model}: {}", answer.text());
    }
    let generations = check(&stand.gateway, &[&stand.upstream], &[&stand.customer.account]);
    assert_eq!(generations.len(), 12);
}

#[test]
fn a_usage_that_is_missing_or_absurd_is_estimated_in_every_pair() {
    let stand = open();
    for fault in ["no-usage", "wrong-usage:negative", "wrong-usage:huge"] {
        stand.upstream.fault(fault);
        for (client, model) in pairs() {
            for stream in [false, true] {
                let ask = Ask { stream, cap: 30, thinks: false };
                let body = client.body(model, "Who counts this?", ask);
                let answer = send(&stand, &client.path(model, stream), &body);
                assert_eq!(answer.status(), 200, "{fault} {client:?} {model}: {}", answer.text());
                let id = answer.head.header("x-generation-id").unwrap().to_owned();
                let generation = tollgate_tests::wait_for(
                    "the generation is settled",
                    std::time::Duration::from_secs(10),
                    || {
                        let all = stand.gateway.admin.generations(&stand.customer.account);
                        all.into_iter().find(|generation| generation["id"] == id.as_str())
                    },
                );
                let case = format!("{fault} {client:?} {model} {stream}: {generation}");
                assert_eq!(generation["usage_source"], "estimated", "{case}");
                assert_ne!(generation["charged"], "0", "{case}");
            }
        }
    }
}
