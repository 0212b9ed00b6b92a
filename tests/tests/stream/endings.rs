//! Streams whose end is told in an unusual way, or not at all: whole ones are delivered and paid
//! for, broken ones are neither.

use units::Usd;

use tollgate_tests::stand::{Stand, hello_stream};

use crate::look::{DONE, choices_of, error_at_the_end, text_of};
use crate::scripted::{EVENTS, FINISH, stand};

const TEXT: &str = r#"data: {"model":"m","choices":[{"index":0,"delta":{"content":"all of it"}}]}"#;
const LAST_TEXT: &str = r#"data: {"model":"m","choices":[{"index":0,"delta":{"content":"all of it"},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"data: {"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}}"#;

/// What the customer has spent once every hold has ended.
fn spent(stand: &Stand) -> Usd {
    stand.gateway.settled(&stand.customer.account, |_| true).spent
}

#[test]
fn a_last_event_without_its_blank_line_counts() {
    let stand = stand(vec![
        format!("{EVENTS}{TEXT}\n\n{FINISH}\n\n{USAGE}"),
        format!("{EVENTS}{TEXT}\n\n{FINISH}\n\n{USAGE}\n\ndata: [DONE]"),
        format!("{EVENTS}{LAST_TEXT}\n"),
        format!("{EVENTS}{TEXT}\n\n{FINISH}\n\n{}", &USAGE[..USAGE.len() / 2]),
    ]);
    // 5 tokens in at $1 and 3 out at $10 a million.
    let reported = Usd::from_pico(35_000_000);
    for rounds in 1..=2 {
        assert_eq!(text_of(&choices_of(&stand.chat(&hello_stream()))), "all of it");
        let told = |spent: Usd| spent == Usd::from_pico(reported.pico() * rounds);
        stand.gateway.settled(&stand.customer.account, |account| told(account.spent));
    }
    for _ in 0..2 {
        let before = spent(&stand);
        assert_eq!(text_of(&choices_of(&stand.chat(&hello_stream()))), "all of it");
        stand.gateway.settled(&stand.customer.account, |account| account.spent > before);
    }
}

#[test]
fn an_empty_reason_to_finish_is_none() {
    let chunk = |reason: &str| {
        let delta = r#""delta":{"content":"part"}"#;
        format!(r#"data: {{"choices":[{{"index":0,{delta},"finish_reason":"{reason}"}}]}}"#)
    };
    let (part, end) = (chunk(""), chunk("stop"));
    let stand = stand(vec![
        format!("{EVENTS}{part}\n\n{part}\n\n"),
        format!("{EVENTS}{part}\n\n{part}\n\n{end}\n\ndata: [DONE]\n\n"),
    ]);
    let events = error_at_the_end(&stand.chat(&hello_stream()), "provider_error");
    assert_eq!(events.len(), 2);
    assert_eq!(spent(&stand), Usd::ZERO);
    let whole = stand.chat(&hello_stream());
    assert_eq!(text_of(&choices_of(&whole)), "partpartpart");
    stand.gateway.settled(&stand.customer.account, |account| account.spent > Usd::ZERO);
}

#[test]
fn one_choice_that_ends_twice_does_not_end_another() {
    let stand = stand(vec![format!("{EVENTS}{TEXT}\n\n{FINISH}\n\n{FINISH}\n\n")]);
    let mut body = hello_stream();
    body["n"] = 2.into();
    let events = error_at_the_end(&stand.chat(&body), "provider_error");
    assert!(!events.iter().any(|event| event == DONE));
    assert_eq!(spent(&stand), Usd::ZERO);
}
