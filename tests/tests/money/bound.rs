//! What a looser bound of the input can cost, and whom: never the customer more than there is.
//!
//! Under `normal` the input is held at three eighths of a token for each byte of text; a text can
//! make one token of each. So a request may cost five eighths of a token for each byte of its text
//! more than was held: that comes out of free credit, or is written off. Under `strict` nothing is.

use std::thread;

use serde_json::{Value, json};
use tollgate_tests::checker::{Generation, check};
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use units::Usd;

/// Requests at once.
const REQUESTS: usize = 24;
/// Repeats of two characters that the provider cannot put into one token: 5 bytes, 2 tokens.
const REPEATS: usize = 4_000;
const TEXT_BYTES: i128 = 5 * REPEATS as i128;
/// What an input token costs, in picodollars.
const INPUT: i128 = 1_000_000;

struct Crowd {
    served: usize,
    generations: Vec<Generation>,
    balance: Usd,
    written_off: Usd,
}

/// Asks many times at once for a dense text on a balance for two or three of them.
fn crowd(bound: &str) -> Crowd {
    let upstream = Upstream::paced(100, 0);
    let mut config = Config::simple(&upstream.base_url());
    config.dataplane.push_str(&format!("input_bound = \"{bound}\"\n"));
    let gateway = Gateway::start(config);
    let customer =
        gateway.admin.customer("dense", if bound == "strict" { "0.05" } else { "0.0155" });
    let text = "a\u{1f600}".repeat(REPEATS);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let ask = |number: usize| {
            let body = json!({
                "model": "up/chat", "max_tokens": 1, "user": number.to_string(),
                "messages": [{ "role": "user", "content": text }],
            });
            gateway.chat(&customer.key, &body).status()
        };
        let asking: Vec<_> = (0..REQUESTS).map(|number| scope.spawn(move || ask(number))).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| [200, 402, 429].contains(status)), "{statuses:?}");
    let generations = check(&gateway, &[&upstream], &[&customer.account]);
    let told: Value = gateway.admin.get(&format!("/admin/v1/accounts/{}", customer.account));
    let amount = |name: &str| told[name].as_str().unwrap().parse().unwrap();
    let served = statuses.iter().filter(|status| **status == 200).count();
    Crowd { served, generations, balance: amount("balance"), written_off: amount("written_off") }
}

#[test]
fn a_normal_bound_overspends_at_most_what_a_text_can_make_beyond_it() {
    let Crowd { served, generations, balance, written_off } = crowd("normal");
    assert!(served >= 2 && !balance.is_negative(), "{served} served, {balance} left");
    let most = TEXT_BYTES * 5 / 8 * INPUT;
    let mut beyond = 0;
    for generation in generations.iter().filter(|it| !it.charged.is_zero()) {
        let cost = generation.charged.pico() + generation.written_off.pico();
        let above = cost - generation.held.unwrap().pico();
        assert!((1..=most).contains(&above), "{above} of {most}: {generation:?}");
        assert_eq!(generation.flags, ["overrun"]);
        beyond += above;
    }
    let off = written_off.pico();
    println!("{served} served; {beyond} beyond the holds, {off} of it written off");
    assert!(off > 0 && off <= beyond && beyond <= most * served as i128, "{off} of {beyond}");
}

#[test]
fn a_strict_bound_overspends_nothing() {
    let Crowd { served, generations, balance, written_off } = crowd("strict");
    assert!(served >= 2 && !balance.is_negative(), "{served} served, {balance} left");
    assert!(written_off.is_zero(), "{written_off}");
    for generation in generations.iter().filter(|it| !it.charged.is_zero()) {
        assert!(generation.held.unwrap() >= generation.charged, "{generation:?}");
        assert!(generation.flags.is_empty(), "{generation:?}");
    }
}
