//! The checker finds what it is there to find.

use sandbox::{Billed, Dialect};
use serde_json::json;

use super::*;

fn config() -> Config {
    Config::simple("http://127.0.0.1:1/v1")
}

fn truth(id: &str, outcome: Outcome) -> Truth {
    Truth {
        request: format!("req_{id}"),
        id: id.into(),
        dialect: Dialect::OpenAi,
        path: "/v1/chat/completions".into(),
        generation: None,
        caller_request: None,
        model: "chat".into(),
        stream: true,
        max_tokens: None,
        tier: None,
        status: 200,
        fault: String::new(),
        outcome,
        billed: Billed { prompt: 30, cached: 10, completion: 5, ..Billed::default() },
    }
}

/// A generation of that truth: 20 at $1, 10 at $0.1 and 5 at $10 a million.
fn generation(id: &str, charged: &str) -> Generation {
    Generation::read(&json!({
        "id": format!("gen-{id}"),
        "model": "up/chat",
        "usage": {"input": 20, "cache_read": 10, "output": 5},
        "usage_source": "reported",
        "charged": charged,
        "held": "1",
        "upstream_id": id,
        "outcome": "completed",
    }))
}

const RIGHT: &str = "0.000071";

#[test]
fn right_books_raise_no_complaint() {
    let generations = [generation("a", RIGHT)];
    let truths = [truth("a", Outcome::Finished), truth("b", Outcome::Broken)];
    assert_eq!(check_generations(&generations, &truths, &config()), [""; 0]);
}

#[test]
fn a_picodollar_is_noticed() {
    let generations = [generation("a", "0.000071000001")];
    let truths = [truth("a", Outcome::Finished)];
    assert_eq!(check_generations(&generations, &truths, &config()).len(), 1);
}

#[test]
fn a_usage_that_is_not_the_truth_is_noticed() {
    let mut wrong = truth("a", Outcome::Finished);
    wrong.billed.completion += 1;
    let complaints = check_generations(&[generation("a", RIGHT)], &[wrong], &config());
    assert!(complaints[0].contains("the truth costs"), "{complaints:?}");
}

#[test]
fn lost_and_doubled_charges_are_noticed() {
    let truths = [truth("a", Outcome::Finished)];
    let twice = [generation("a", RIGHT), generation("a", RIGHT)];
    assert!(check_generations(&twice, &truths, &config())[0].contains("2 generations"));
    assert!(check_generations(&[], &truths, &config())[0].contains("0 generations"));
    let unknown = [generation("z", RIGHT)];
    assert!(check_generations(&unknown, &[], &config())[0].contains("by whom"));
}

#[test]
fn a_finished_answer_for_nothing_is_noticed() {
    let free = [generation("a", "0")];
    let truths = [truth("a", Outcome::Finished)];
    assert!(check_generations(&free, &truths, &config())[0].contains("charged 0"));
    assert!(check_generations(&free, &[truth("a", Outcome::Broken)], &config()).is_empty());
}

#[test]
fn an_estimate_is_charged_by_its_own_usage() {
    let mut estimated = generation("a", RIGHT);
    estimated.reported = false;
    let mut told_nothing = truth("a", Outcome::Finished);
    told_nothing.billed.completion = 6;
    assert!(check_generations(&[estimated.clone()], &[told_nothing.clone()], &config()).is_empty());
    estimated.charged = Usd::ZERO;
    assert_eq!(check_generations(&[estimated], &[told_nothing], &config()).len(), 1);
}

#[test]
fn of_several_tries_the_one_that_answered_counts() {
    let mut tries = ["x", "a"].map(|id| truth(id, Outcome::Refused));
    tries[1].outcome = Outcome::Finished;
    for made in &mut tries {
        made.generation = Some("gen-a".into());
    }
    assert_eq!(check_generations(&[generation("a", RIGHT)], &tries, &config()), [""; 0]);
}

#[test]
fn an_estimate_above_its_hold_is_noticed() {
    let mut above = generation("a", RIGHT);
    above.held = Some("0.00007".parse().unwrap());
    let truths = [truth("a", Outcome::Finished)];
    assert!(check_generations(&[above.clone()], &truths, &config()).is_empty());
    above.reported = false;
    assert!(check_generations(&[above], &truths, &config())[0].contains("hold"));
}

#[test]
fn a_crash_may_lose_an_answer_but_never_charge_it_wrong_or_twice() {
    let truths = [truth("a", Outcome::Finished), truth("b", Outcome::Finished)];
    let lost = [generation("a", RIGHT), generation("b", "0")];
    assert!(check_charges(&lost[..1], &truths, &config()).is_empty());
    assert!(check_charges(&lost, &truths, &config()).is_empty());
    assert_eq!(check_charges(&[generation("a", "0.00007")], &truths, &config()).len(), 1);
    let twice = [generation("a", RIGHT), generation("a", RIGHT)];
    assert!(check_charges(&twice, &truths, &config())[0].contains("2 generations"));
}

#[test]
fn an_account_has_to_add_up() {
    let told = |spent: &str, balance: &str| {
        serde_json::from_value::<Account>(json!({
            "id": "acct_1", "balance": balance, "held": "0", "available": balance,
            "spent": spent, "topped_up": "1", "granted": "0", "refunded": "0", "expired": "0",
        }))
        .unwrap()
    };
    let generations = [generation("a", RIGHT)];
    assert_eq!(check_account(&told(RIGHT, "0.999929"), &generations), [""; 0]);
    assert_eq!(check_account(&told("0.00007", "0.99993"), &generations).len(), 1);
    assert_eq!(check_account(&told(RIGHT, "0.999928999999"), &generations).len(), 1);
}
