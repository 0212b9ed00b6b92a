//! Streams, whole answers, tools, aborts and every fault at once: afterwards the books are exact,
//! and stay so through a crash, a restart and the loss of the view.

use std::collections::BTreeMap;
use std::fs;

use tollgate_tests::checker::{Generation, check};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use units::TokenClass;

use crate::load::{Ending, Job, Leave, Seen, Shape, run};

const CLIENTS: usize = 32;
const TURNS: usize = 15;

/// Models whose answers are good ones, whatever is odd about them; the second column is the wish.
const GOOD: [(&str, &str); 21] = [
    ("up/chat", "chunk:1"),
    ("up/cached", "cached"),
    ("up/written", "cached+cache-write"),
    ("up/no-usage", "no-usage"),
    ("up/negative", "wrong-usage:negative"),
    ("up/huge", "wrong-usage:huge"),
    ("up/float", "wrong-usage:float"),
    ("up/string", "wrong-usage:string"),
    ("up/null", "wrong-usage:null"),
    ("up/zero", "wrong-usage:zero"),
    ("up/late", "usage-late:80"),
    ("up/early", "usage-early"),
    ("up/usage-twice", "usage-twice"),
    ("up/no-done", "fin-no-done"),
    ("up/same-id", "same-id"),
    ("up/after-done", "usage-after-done"),
    ("up/shrinks", "usage-shrinks"),
    ("up/reset-end", "reset-end"),
    ("up/beyond", "wrong-usage:beyond"),
    ("up/free", "cost-zero+crlf+comments+empty-choices"),
    ("up/pause", "stall:60+1xx:3"),
];

/// Models whose streams break after some content, and whose whole answers never come.
const BROKEN: [(&str, &str); 5] = [
    ("up/cut", "cut"),
    ("up/reset", "reset-mid"),
    ("up/bad-chunk", "bad-chunk"),
    ("up/silent", "stall-mid:4000"),
    ("up/mute", "stall:4000"),
];

/// Models that fail before any content.
const FAILING: [(&str, &str); 10] = [
    ("up/400", "status:400"),
    ("up/401", "status:401"),
    ("up/404", "status:404"),
    ("up/429", "status:429:retry-after=2"),
    ("up/500", "status:500"),
    ("up/503", "status:503"),
    ("up/529", "status:529"),
    ("up/no-head", "no-head"),
    ("up/reset-head", "reset-head"),
    ("up/error", "error-in-200"),
];

/// Models that say more than they were allowed.
const UNBOUND: [(&str, &str); 2] = [("up/unbound", "ignore-cap:1500"), ("up/endless", "endless")];

fn prices() -> Prices {
    Prices::new("1", "10")
        .and(TokenClass::CacheRead, "0.1")
        .and(TokenClass::CacheWrite, "1.25")
        .and(TokenClass::Reasoning, "12")
}

fn config(upstream: &Upstream) -> Config {
    let url = upstream.base_url();
    let prices = prices();
    let mut config = Config::new()
        .provider("up", &url, "")
        .provider("drain", &url, "on_client_abort = \"drain\"")
        .provider("away", "http://127.0.0.1:9/v1", "");
    let all = GOOD.iter().chain(&BROKEN).chain(&FAILING).chain(&UNBOUND);
    for (model, wishes) in all {
        config = config.model(model, &[("up", &format!("fault/{wishes}"))], &prices, "");
    }
    let slow = "fault/rate:100";
    config = config
        .model("up/slow", &[("up", slow)], &prices, "")
        .model("drain/slow", &[("drain", slow)], &prices, "")
        .model("drain/cut", &[("drain", "fault/rate:100+cut")], &prices, "")
        .model("up/second", &[("up", "fault/status:500"), ("up", "chat")], &prices, "")
        .model(
            "up/third",
            &[("away", "chat"), ("up", "fault/no-head"), ("up", "chat")],
            &prices,
            "",
        );
    config.cores = 2;
    config.limits = "first_byte_ms = 1000\nbetween_events_ms = 1000\n".to_owned();
    config
}

/// A third of the requests are simple ones, the others walk through everything.
fn job(client: usize, turn: usize) -> Job {
    let number = client * TURNS + turn;
    let shape = Shape::ALL[number % Shape::ALL.len()];
    let pick = |models: &[(&'static str, &str)]| models[number / 7 % models.len()].0;
    match number % 7 {
        0 | 1 => Job::of(pick(&GOOD), shape),
        2 => Job::of("up/chat", shape),
        3 => Job::of(pick(&FAILING), shape),
        4 => Job::of(
            pick(&[("up/second", ""), ("up/third", ""), UNBOUND[0], UNBOUND[1]]),
            streamed(shape),
        ),
        5 => Job::of(pick(&BROKEN), shape),
        _ => {
            let model = pick(&[("up/slow", ""), ("drain/slow", ""), ("drain/cut", "")]);
            let leave =
                [Leave::After(0), Leave::After(40), Leave::AfterEvents(1), Leave::AfterEvents(9)];
            Job { model, shape, leave: leave[number / 21 % leave.len()] }
        }
    }
}

/// An endless answer that is not streamed would be read for as long as one may take.
fn streamed(shape: Shape) -> Shape {
    if shape == Shape::Whole { Shape::Stream } else { shape }
}

#[test]
fn after_everything_at_once_the_books_are_exact_and_stay_so() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(config(&upstream));
    let customers = ["one", "two", "three"].map(|name| gateway.admin.customer(name, "25.5"));
    let accounts = customers.each_ref().map(|customer| customer.account.as_str());
    let seen = run(&gateway, &customers, CLIENTS, TURNS, job);

    let generations = check(&gateway, &[&upstream], &accounts);
    assert_eq!(judge(&seen, &generations), [""; 0]);
    assert_variety(&seen, &generations);

    gateway.kill();
    gateway.restart();
    assert_eq!(check(&gateway, &[&upstream], &accounts), generations);

    assert!(gateway.stop().success());
    fs::remove_dir_all(gateway.config.data_folder().join("view")).unwrap();
    gateway.restart();
    assert_eq!(check(&gateway, &[&upstream], &accounts), generations);

    let again = run(&gateway, &customers, 4, 5, |_, _| Job::of("up/chat", Shape::Stream));
    let now = check(&gateway, &[&upstream], &accounts);
    assert_eq!(judge(&again, &now), [""; 0]);
    assert_eq!(now.len(), generations.len() + again.len());
}

/// What each customer saw against what was charged for it.
fn judge(seen: &[Seen], generations: &[Generation]) -> Vec<String> {
    let by_id: BTreeMap<&str, &Generation> =
        generations.iter().map(|generation| (generation.id.as_str(), generation)).collect();
    let complaint = |seen: &Seen| {
        let id = seen.generation.as_deref()?;
        let Some(generation) = by_id.get(id) else { return Some(format!("lost: {seen:?}")) };
        let Generation { charged, outcome, .. } = generation;
        let is_right = match seen.ending {
            Ending::Complete => {
                !charged.is_zero() && ["complete", "cut_at_hold"].contains(&outcome.as_str())
            }
            Ending::Left => {
                !charged.is_zero() && ["client_gone", "complete"].contains(&outcome.as_str())
            }
            Ending::Refused | Ending::Broken => charged.is_zero(),
        };
        (!is_right).then(|| format!("charged {charged} ({outcome}): {seen:?}"))
    };
    seen.iter().filter_map(complaint).collect()
}

/// The run was as mixed as it is meant to be.
fn assert_variety(seen: &[Seen], generations: &[Generation]) {
    let endings = |ending| seen.iter().filter(|seen| seen.ending == ending).count();
    let all = [Ending::Complete, Ending::Refused, Ending::Broken, Ending::Left].map(endings);
    assert!(all.iter().all(|count| *count >= 10), "{all:?}");
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for generation in generations {
        *outcomes.entry(&generation.outcome).or_default() += 1;
    }
    for outcome in ["complete", "client_gone", "cut_at_hold", "upstream_failed", "partial_free"] {
        assert!(outcomes.contains_key(outcome), "none {outcome}: {outcomes:?}");
    }
    let estimated = generations.iter().filter(|it| !it.reported && !it.charged.is_zero()).count();
    println!("{} requests, {outcomes:?}, {estimated} estimated, endings {all:?}", seen.len());
    assert!(estimated >= 10, "{estimated} estimated");
}
