//! A change holds when its answer arrives, arrives soon, and leaves running streams alone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_tests::client::{Client, chat_request};
use tollgate_tests::config::Config;
use tollgate_tests::stand::{Stand, hello, hello_stream};
use tollgate_tests::upstream::Upstream;

/// The most that a change may take on a machine that is busy; 200 ms is what it should.
const MOST: Duration = Duration::from_secs(1);

fn two_cores(config: Config) -> Config {
    Config { cores: 2, ..config }
}

fn hash_of(stand: &Stand) -> String {
    let path = format!("/admin/v1/accounts/{}/keys", stand.customer.account);
    stand.gateway.admin.get(&path)["data"][0]["hash"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_lives_and_dies_with_the_answer_that_says_so() {
    let stand = Stand::with(two_cores);
    let admin = &stand.gateway.admin;
    let path = format!("/admin/v1/keys/{}", hash_of(&stand));
    let mut times = Vec::new();
    for _ in 0..10 {
        let key = admin.make_key(&stand.customer.account, &Value::Null);
        assert_eq!(stand.gateway.chat(&key, &hello()).status(), 200);
        for (disabled, status) in [(true, 401), (false, 200)] {
            let begun = Instant::now();
            admin.patch(&path, &json!({ "disabled": disabled }));
            times.push(begun.elapsed());
            // Connections are spread over both cores.
            for _ in 0..4 {
                assert_eq!(stand.chat(&hello()).status(), status);
            }
        }
    }
    times.sort();
    println!("a change takes {:?}, at most {:?}", times[times.len() / 2], times[times.len() - 1]);
    assert!(times[times.len() / 2] < MOST, "{times:?}");
}

/// A stream of which the first event was read.
fn running(stand: &Stand) -> Client {
    let mut client = stand.gateway.connect();
    client.send(&chat_request(&stand.customer.key, &hello_stream()));
    assert_eq!(client.read_head().unwrap().status, 200);
    assert!(client.read_event().unwrap().is_some());
    client
}

/// Reads to the end; it must be a good one.
fn ends_well(mut client: Client) {
    let mut last = String::new();
    while let Some(event) = client.read_event().expect("the stream goes on") {
        assert!(!event.contains("\"error\""), "{event}");
        last = event;
    }
    assert_eq!(last, "[DONE]");
}

#[test]
fn a_change_does_not_touch_a_running_stream() {
    let stand = Stand::on(Upstream::paced(10, 12), two_cores);
    let admin = &stand.gateway.admin;
    let model = admin.get("/admin/v1/models/up/chat");
    let running = [(); 3].map(|()| running(&stand));
    // A dearer model, another address of its provider, no key any more.
    let mut dearer = model;
    for table in ["list", "price"] {
        dearer["endpoint"][0][table]["output"] = "1000".into();
    }
    let begun = Instant::now();
    admin.put("/admin/v1/models/up/chat", &dearer);
    assert!(begun.elapsed() < MOST, "{:?}", begun.elapsed());
    let mut provider = admin.get("/admin/v1/providers/up");
    provider["base_url"] = "http://127.0.0.1:1/v1".into();
    admin.put("/admin/v1/providers/up", &provider);
    assert_eq!(stand.chat(&hello()).status(), 502, "new requests go to the new address");
    admin.patch(&format!("/admin/v1/keys/{}", hash_of(&stand)), &json!({ "disabled": true }));
    assert_eq!(stand.chat(&hello()).status(), 401);
    running.into_iter().for_each(ends_well);
    let account = stand.gateway.settled(&stand.customer.account, |a| !a.spent.is_zero());
    let generations = admin.generations(&account.id);
    let finished: Vec<_> = generations.iter().filter(|one| one["status"] == 200).collect();
    assert_eq!(finished.len(), 3);
    for generation in finished {
        let output = generation["usage"]["output"].as_u64().unwrap();
        assert_eq!(output, 12, "{generation}");
        let charged: f64 = generation["charged"].as_str().unwrap().parse().unwrap();
        assert!(charged < 0.001, "the prices of its beginning hold: {generation}");
    }
}

#[test]
fn a_model_is_there_and_gone_with_the_answer_that_says_so() {
    let stand = Stand::with(two_cores);
    let admin = &stand.gateway.admin;
    let mut model = admin.get("/admin/v1/models/up/chat");
    let mut body = hello();
    body["model"] = "up/new".into();
    for _ in 0..5 {
        assert_eq!(stand.chat(&body).status(), 400);
        model["id"] = "up/new".into();
        admin.put("/admin/v1/models/up/new", &model);
        for _ in 0..4 {
            assert_eq!(stand.chat(&body).status(), 200);
        }
        admin.delete("/admin/v1/models/up/new");
        for _ in 0..4 {
            assert_eq!(stand.chat(&body).status(), 400);
        }
    }
}

#[test]
fn a_provider_can_be_called_when_the_answer_that_names_it_arrives() {
    let stand = Stand::with(two_cores);
    let admin = &stand.gateway.admin;
    let mut provider = admin.get("/admin/v1/providers/up");
    let url = provider["base_url"].as_str().unwrap().to_owned();
    for round in 0..10 {
        // Another name of the same place, which has to be looked up.
        let host = if round % 2 == 0 { "localhost" } else { "127.0.0.1" };
        provider["base_url"] = url.replace("127.0.0.1", host).into();
        admin.put("/admin/v1/providers/up", &provider);
        for _ in 0..4 {
            let answer = stand.chat(&hello());
            assert_eq!(answer.status(), 200, "{host}: {}", answer.text());
        }
    }
}
