//! Legacy completions and embeddings: relayed as they are, to models and providers that know them.

use serde_json::{Value, json};
use tollgate_tests::client::Answer;
use tollgate_tests::config::Prices;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::Stand;

const COMPLETIONS: &str = "/v1/completions";
const EMBEDDINGS: &str = "/v1/embeddings";

/// `up/chat`, `up/vectors`, and `ant/talker` of another dialect.
fn open() -> Stand {
    Stand::with(|config| {
        let vectors = "kind = \"embedding\"\ncontext = 100\nmax_output = 0";
        let prices = Prices::new("1", "2").and(units::TokenClass::CacheRead, "1");
        let prices = prices.and(units::TokenClass::CacheWrite, "1");
        config
            .model("up/vectors", &[("up", "vec-1")], &Prices::new("0.02", "0"), vectors)
            .provider("ant", "http://127.0.0.1:9", "dialect = \"anthropic\"")
            .model("ant/talker", &[("ant", "talker-1")], &prices, "")
    })
}

fn post(stand: &Stand, path: &str, body: &Value) -> Answer {
    stand.post(path, body.to_string().as_bytes())
}

#[test]
fn embeddings_of_every_form_pass_through() {
    let stand = open();
    for (input, count, tokens) in [
        (json!("hello"), 1, None),
        (json!(["hello", "you there"]), 2, None),
        (json!([1, 2, 3]), 1, Some(3)),
        (json!([[1, 2, 3], [4]]), 2, Some(4)),
        (json!(vec!["x"; 2048]), 2048, None),
    ] {
        for path in [EMBEDDINGS, "/api/v1/embeddings"] {
            for format in ["float", "base64"] {
                let body = json!({
                    "model": "up/vectors", "input": input, "dimensions": 4,
                    "encoding_format": format, "user": "u",
                });
                let answer = post(&stand, path, &body);
                assert_eq!(answer.status(), 200, "{}", answer.text());
                let told = answer.json();
                assert_eq!(told["model"], "up/vectors");
                let data = told["data"].as_array().unwrap();
                assert_eq!(data.len(), count);
                for (index, vector) in data.iter().enumerate() {
                    assert_eq!(vector["index"], index);
                    let vector = &vector["embedding"];
                    let fits = match format {
                        "float" => vector.as_array().is_some_and(|vector| vector.len() == 4),
                        _ => vector.as_str().is_some_and(|text| text.len() == 24),
                    };
                    assert!(fits, "{format}: {vector}");
                }
                let used = told["usage"]["prompt_tokens"].as_u64().unwrap();
                assert!(tokens.is_none_or(|tokens| tokens == used), "{used}");
                let mut sent = body;
                sent["model"] = "vec-1".into();
                assert_eq!(stand.upstream.last_body(), sent);
                let head = stand.upstream.last_head();
                assert!(head.starts_with("post /v1/embeddings http/1.1\r\n"), "{head}");
            }
        }
    }
    stand.gateway.settled(&stand.customer.account, |account| !account.spent.is_zero());
}

#[test]
fn an_embedding_whose_usage_is_wrong_or_missing_is_estimated() {
    let stand = open();
    let body = json!({ "model": "up/vectors", "input": ["hello", "you"] });
    for fault in ["no-usage", "wrong-usage:huge", "wrong-usage:null"] {
        stand.upstream.fault(fault);
        let answer = post(&stand, EMBEDDINGS, &body);
        assert_eq!(answer.status(), 200, "{fault}: {}", answer.text());
    }
    let booked = |account: &tollgate_tests::admin::Account| {
        stand.gateway.admin.generations(&account.id).len() == 3
    };
    let account = stand.gateway.settled(&stand.customer.account, booked);
    for generation in stand.gateway.admin.generations(&account.id) {
        assert_eq!(generation["usage_source"], "estimated", "{generation}");
        assert!(generation["usage"]["input"].as_u64().is_some_and(|count| count > 0));
        assert_eq!(generation["usage"].get("output"), None, "{generation}");
    }
}

#[test]
fn each_kind_of_model_is_asked_where_it_answers() {
    let stand = open();
    let hi = json!([{ "role": "user", "content": "hi" }]);
    for (path, body, word) in [
        (EMBEDDINGS, json!({ "model": "up/chat", "input": "x" }), "/v1/chat/completions"),
        ("/v1/chat/completions", json!({ "model": "up/vectors", "messages": hi }), EMBEDDINGS),
        (COMPLETIONS, json!({ "model": "up/vectors", "prompt": "x" }), EMBEDDINGS),
        (COMPLETIONS, json!({ "model": "ant/talker", "prompt": "x" }), "/v1/chat/completions"),
    ] {
        let answer = post(&stand, path, &body);
        let error = check_refusal(&answer, Form::OpenAi, 400, "unsupported_for_model");
        assert!(error["message"].as_str().unwrap().contains(word), "{error}");
        assert_eq!(error["param"], "model");
    }
    let long = json!({ "model": "up/vectors", "input": vec![1; 101] });
    let answer = post(&stand, EMBEDDINGS, &long);
    let error = check_refusal(&answer, Form::OpenAi, 400, "context_length_exceeded");
    assert_eq!(error["param"], "input");
    let many = json!({ "model": "up/vectors", "input": vec!["x"; 2049] });
    let error =
        check_refusal(&post(&stand, EMBEDDINGS, &many), Form::OpenAi, 400, "invalid_request");
    assert_eq!(error["param"], "input");
    assert!(stand.upstream.requests().is_empty());
}

#[test]
fn completions_pass_through_whole_and_as_a_stream() {
    let stand = open();
    let body = json!({
        "model": "up/chat", "prompt": ["hello", "you"], "n": 2, "max_tokens": 9, "seed": 7,
        "logprobs": null, "best_of": 2,
    });
    let whole = post(&stand, COMPLETIONS, &body);
    assert_eq!(whole.status(), 200, "{}", whole.text());
    let told = whole.json();
    assert_eq!((&told["object"], &told["model"]), (&"text_completion".into(), &"up/chat".into()));
    let choices = told["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 4);
    assert!(choices.iter().all(|choice| choice["text"].as_str().is_some_and(|t| !t.is_empty())));
    assert_eq!(told["usage"]["completion_tokens"], 36);
    let mut sent = body.clone();
    sent["model"] = "chat".into();
    assert_eq!(stand.upstream.last_body(), sent);
    assert!(stand.upstream.last_head().starts_with("post /v1/completions http/1.1\r\n"));

    for asks in [false, true] {
        let mut streamed = body.clone();
        streamed["stream"] = true.into();
        if asks {
            streamed["stream_options"] = json!({ "include_usage": true });
        }
        let answer = post(&stand, COMPLETIONS, &streamed);
        let events = answer.events();
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"), "{}", answer.text());
        let mut texts = [const { String::new() }; 4];
        let mut usages = 0;
        for event in &events[..events.len() - 1] {
            let event: Value = serde_json::from_str(event).unwrap();
            assert_eq!(event["model"], "up/chat");
            usages += usize::from(event["usage"].is_object());
            for choice in event["choices"].as_array().unwrap() {
                let index = choice["index"].as_u64().unwrap() as usize;
                texts[index].push_str(choice["text"].as_str().unwrap());
            }
        }
        assert_eq!(usages, usize::from(asks));
        for (text, choice) in texts.iter().zip(choices) {
            assert_eq!(text, choice["text"].as_str().unwrap());
        }
        assert_eq!(stand.upstream.last_body()["stream_options"]["include_usage"], true);
    }
}

#[test]
fn a_completion_has_one_limit_and_none_that_is_named_is_sixteen() {
    let stand = open();
    for (more, limit) in [(json!({}), 16), (json!({ "max_tokens": null }), 16)] {
        let mut body = json!({ "model": "up/chat", "prompt": [1, 2, 3] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = post(&stand, COMPLETIONS, &body);
        assert_eq!(answer.json()["usage"]["completion_tokens"], limit, "{}", answer.text());
        let sent = stand.upstream.last_body();
        assert_eq!(sent["max_tokens"], limit);
        assert_eq!(sent.get("max_completion_tokens"), None);
    }
    for (more, param) in [
        (json!({ "best_of": 3 }), "best_of"),
        (json!({ "max_completion_tokens": 3 }), "max_completion_tokens"),
        (json!({ "n": 129 }), "n"),
        (json!({ "prompt": {} }), "prompt"),
        (json!({ "stream": "yes" }), "stream"),
    ] {
        let mut body = json!({ "model": "up/chat", "prompt": "x" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = post(&stand, COMPLETIONS, &body);
        assert_eq!(answer.status(), 400, "{more}: {}", answer.text());
        assert_eq!(answer.json()["error"]["param"], param);
    }
}

#[test]
fn a_completion_that_ignores_its_limit_is_cut_in_its_own_words() {
    let stand = open();
    stand.upstream.fault("ignore-cap");
    let body = json!({ "model": "up/chat", "prompt": "x", "max_tokens": 5, "stream": true });
    let answer = post(&stand, COMPLETIONS, &body);
    let events = answer.events();
    let last: Value = serde_json::from_str(&events[events.len() - 2]).unwrap();
    assert_eq!(last["object"], "text_completion", "{last}");
    assert_eq!(last["choices"][0]["finish_reason"], "length", "{last}");
    assert_eq!(last["choices"][0]["text"], "", "{last}");
    stand.upstream.fault("cut");
    let answer = post(&stand, COMPLETIONS, &body);
    assert!(answer.text().contains("\"error\""), "{}", answer.text());
}
