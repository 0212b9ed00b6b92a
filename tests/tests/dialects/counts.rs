//! Tokens counted before they are paid for.

use serde_json::{Value, json};

use crate::shop::{MODELS, open, send};

const SAID: &str = "How many tokens are in this sentence, and who would know?";

fn asked(stand: &tollgate_tests::stand::Stand, model: &str) -> [(u64, String); 2] {
    let messages = json!({ "model": model, "messages": [{ "role": "user", "content": SAID }] });
    let contents = json!({ "contents": [{ "role": "user", "parts": [{ "text": SAID }] }] });
    let read = |path: &str, body: &Value, name: &str| {
        let answer = send(stand, path, body);
        assert_eq!(answer.status(), 200, "{model}: {}", answer.text());
        let how = answer.head.header("x-token-count").unwrap().to_owned();
        (answer.json()[name].as_u64().unwrap(), how)
    };
    [
        read("/v1/messages/count_tokens", &messages, "input_tokens"),
        read(&format!("/v1beta/models/{model}:countTokens"), &contents, "totalTokens"),
    ]
}

#[test]
fn a_count_is_exact_where_the_provider_counts_and_estimated_elsewhere() {
    let stand = open();
    for model in MODELS {
        let expected = if model == "o/chat" { "estimated" } else { "exact" };
        let counts = asked(&stand, model);
        for (tokens, how) in &counts {
            assert_eq!((how.as_str(), *tokens > 0), (expected, true), "{model}: {counts:?}");
        }
    }
    // A provider that cannot be asked is no reason to answer nothing.
    stand.upstream.fault("status:500");
    for (tokens, how) in asked(&stand, "a/chat") {
        assert_eq!((how.as_str(), tokens > 0), ("estimated", true));
    }
    let account = stand.gateway.admin.account(&stand.customer.account);
    assert!(account.spent.is_zero() && account.held.is_zero(), "{account:?}");
}
