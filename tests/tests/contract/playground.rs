//! The playground: who has no key may send a little, each by where it comes from, all within the
//! day's money.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};
use tollgate_tests::client::{Answer, Client, request};
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{Stand, hello};
use units::Usd;

const PATH: &str = "/playground/v1/chat/completions";

fn stand(playground: &str) -> Stand {
    let profile = format!("[playground]\nmodels = [\"up/chat\"]\n{playground}\n");
    Stand::with(|config| config.on_terms(&profile))
}

/// A request without a key, from an address of this machine.
fn ask_from(stand: &Stand, number: u8, headers: &[(&str, &str)], body: &Value) -> Answer {
    let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, number));
    let mut client = Client::connect_from(stand.gateway.config.data_addr, from);
    let mut fields = vec![("content-type", "application/json")];
    fields.extend(headers);
    client.send(&request("POST", PATH, &fields, body.to_string().as_bytes()));
    client.read_answer().unwrap()
}

fn ask(stand: &Stand, number: u8) -> Answer {
    ask_from(stand, number, &[], &hello())
}

/// The account that pays for guests.
fn account(stand: &Stand) -> String {
    let accounts = stand.gateway.admin.list("/admin/v1/accounts");
    let playground = accounts.iter().find(|account| account["name"] == "playground").unwrap();
    playground["id"].as_str().unwrap().to_owned()
}

#[test]
fn without_a_word_in_the_profile_there_is_no_playground() {
    let stand = Stand::start();
    check_refusal(&ask(&stand, 1), Form::OpenAi, 404, "not_found");
    let answer = stand.post(PATH, hello().to_string().as_bytes());
    check_refusal(&answer, Form::OpenAi, 404, "not_found");
}

#[test]
fn a_guest_has_two_requests_a_minute_and_others_have_theirs() {
    let stand = stand("spend_per_day = \"1\"");
    for left in [1, 0] {
        // No key is asked for, and none is looked at.
        let answer = ask_from(&stand, 2, &[("authorization", "Bearer nobody")], &hello());
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let header = |name: &str| answer.head.header(name).unwrap().to_owned();
        assert_eq!(header("x-ratelimit-limit"), "2");
        assert_eq!(header("x-ratelimit-remaining"), left.to_string());
    }
    let refused = ask(&stand, 2);
    let error = check_refusal(&refused, Form::OpenAi, 429, "rate_limit_exceeded");
    assert!(error["message"].as_str().unwrap().starts_with("a guest may send 2"), "{error}");
    let pause: u64 = refused.head.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&pause), "{pause}");
    assert_eq!(ask(&stand, 3).status(), 200);
    let (account, requests) = (account(&stand), stand.upstream.requests().len());
    assert_eq!(requests, 3);
    let told = stand.gateway.settled(&account, |told| told.spent > Usd::ZERO);
    assert_eq!(told.granted, Usd::from_dollars(1), "what guests use is in the books");
}

#[test]
fn a_guest_has_so_many_a_day_and_the_models_of_the_list() {
    let stand = stand("rpm = 100\nper_day = 2\nspend_per_day = \"1\"");
    let mut other = hello();
    other["model"] = "up/none".into();
    let unknown = ask_from(&stand, 4, &[], &other);
    check_refusal(&unknown, Form::OpenAi, 400, "model_not_found");
    let answer = ask(&stand, 4);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.head.header("x-ratelimit-remaining-day"), Some("0"));
    let error = check_refusal(&ask(&stand, 4), Form::OpenAi, 429, "rate_limit_exceeded");
    assert!(error["message"].as_str().unwrap().contains("midnight UTC"), "{error}");
    let admin = &stand.gateway.admin;
    admin.patch(&format!("/admin/v1/accounts/{}", account(&stand)), &json!({ "zdr": true }));
    check_refusal(&ask(&stand, 5), Form::OpenAi, 404, "privacy_restricted");
}

#[test]
fn an_answer_to_one_guest_is_not_repeated_to_another() {
    let stand = stand("rpm = 100\nspend_per_day = \"1\"");
    let name = [("idempotency-key", "the same"), ("authorization", "Bearer the-same")];
    for number in [6, 7] {
        let answer = ask_from(&stand, number, &name, &hello());
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.head.header("idempotent-replayed"), None);
    }
    assert_eq!(stand.upstream.requests().len(), 2);
}

#[test]
fn the_money_of_a_day_ends_it_for_all_guests() {
    let stand = stand("rpm = 1000\nspend_per_day = \"0.001\"");
    let mut served = 0;
    let refused = loop {
        let answer = ask(&stand, 8);
        match answer.status() {
            200 => served += 1,
            // What the answers before held is on its way back.
            429 if answer.text().contains("credits_reserved") => {}
            _ => break answer,
        }
        assert!(served < 900, "a tenth of a cent does not last for ever");
    };
    let error = check_refusal(&refused, Form::OpenAi, 429, "rate_limit_exceeded");
    assert!(served > 0 && error["message"].as_str().unwrap().contains("midnight UTC"), "{error}");
    check_refusal(&ask(&stand, 9), Form::OpenAi, 429, "rate_limit_exceeded");
    let told = stand.gateway.settled(&account(&stand), |told| told.spent > Usd::ZERO);
    assert!(told.spent <= told.granted && told.balance >= Usd::ZERO);
}
