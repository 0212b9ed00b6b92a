//! Limits under 64 connections and all cores: never one request too many, and every head what a
//! model of the limit says.
//!
//! The models know nothing of the limiter's code. A day is a number that goes down by one. A minute
//! is a bucket that the first request begins to fill: the time at which it is empty again moves by
//! one interval with each request that passes, and all that heads say follows from it. The gateway
//! reads its clock once a turn of its loop, so a head may be as old as [`LAG_NS`].

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tollgate_tests::client::{Answer, Client, chat_request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::stand::{Stand, hello};

const CONNECTIONS: usize = 64;
const LAG_NS: u64 = 400_000_000;
const SECOND_NS: u64 = 1_000_000_000;

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// One request: when it was sent and answered, in nanoseconds, and what the answer was.
struct Asked {
    sent: u64,
    heard: u64,
    answer: Answer,
}

impl Asked {
    fn number(&self, name: &str) -> u64 {
        let head = &self.answer.head;
        let value = head.header(name).unwrap_or_else(|| panic!("{name}: {}", head.text));
        value.parse().unwrap()
    }

    fn has_passed(&self) -> bool {
        let status = self.answer.status();
        assert!(matches!(status, 200 | 429), "{status}: {}", self.answer.text());
        status == 200
    }
}

/// All cores of this machine.
fn stand(change: impl FnOnce(Config) -> Config) -> Stand {
    let cores = thread::available_parallelism().unwrap().get();
    Stand::with(|config| change(Config { cores, ..config }))
}

/// Sends `each` requests on each of the connections, at once; connection `n` sends `requests[n]`,
/// and begins again where there are fewer.
fn flood(stand: &Stand, requests: &[Vec<u8>], each: usize) -> Vec<Asked> {
    let start = Barrier::new(CONNECTIONS);
    let one = |number: usize| {
        let mut client = stand.gateway.connect();
        client.set_patience(Duration::from_secs(60));
        start.wait();
        let request = &requests[number % requests.len()];
        (0..each).map(|_| ask(&mut client, request)).collect::<Vec<_>>()
    };
    let one = &one;
    thread::scope(|scope| {
        let begin = |number| scope.spawn(move || one(number));
        let threads: Vec<_> = (0..CONNECTIONS).map(begin).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn ask(client: &mut Client, request: &[u8]) -> Asked {
    let sent = now_ns();
    client.send(request);
    let answer = client.read_answer().unwrap();
    Asked { sent, heard: now_ns(), answer }
}

fn key(stand: &Stand, limits: Value) -> String {
    stand.gateway.admin.make_key(&stand.customer.account, &limits)
}

/// A day that ends while a test runs would begin another: such a moment is waited out.
fn wait_for_room_in_the_day() {
    let left = 86_400 - now_ns() / SECOND_NS % 86_400;
    if left < 90 {
        thread::sleep(Duration::from_secs(left));
    }
}

/// Checks that so many passed, that heads counted each of them down once, and what they say of the
/// end of the day; `names` are the fields of limit, remaining and reset.
fn check_day(asked: &[Asked], limit: u64, names: [&str; 3]) {
    let midnight = (now_ns() / SECOND_NS / 86_400 + 1) * 86_400;
    let passed: Vec<_> = asked.iter().filter(|asked| asked.has_passed()).collect();
    assert_eq!(passed.len() as u64, limit);
    let mut left: Vec<u64> = passed.iter().map(|asked| asked.number(names[1])).collect();
    left.sort_unstable();
    assert!(left.into_iter().eq(0..limit), "each place of the day was told once");
    for asked in asked {
        assert_eq!(asked.number(names[0]), limit);
        assert_eq!(asked.number(names[2]), midnight);
        if !asked.has_passed() {
            assert_eq!(asked.number(names[1]), 0);
            let wait = asked.number("retry-after");
            let [soonest, latest] = [asked.heard, asked.sent - LAG_NS].map(|at| at / SECOND_NS);
            assert!((midnight - soonest - 1..=midnight - latest + 1).contains(&wait), "{wait}");
        }
    }
}

#[test]
fn a_day_of_a_key_is_exact_and_told_exactly() {
    wait_for_room_in_the_day();
    let stand = stand(|config| config);
    let key = key(&stand, json!({ "rpd": 500 }));
    let asked = flood(&stand, &[chat_request(&key, &hello())], 12);
    let names = ["x-ratelimit-limit-day", "x-ratelimit-remaining-day", "x-ratelimit-reset-day"];
    check_day(&asked, 500, names);
    assert_eq!(stand.upstream.truths().len(), 500);
}

#[test]
fn a_minute_of_a_key_is_exact_and_told_as_the_model_says() {
    const RPM: u64 = 30;
    let interval = 60 * SECOND_NS / RPM;
    let stand = stand(|config| config);
    let key = key(&stand, json!({ "rpm": RPM }));
    let asked = flood(&stand, &[chat_request(&key, &hello())], 8);
    let (mut passed, refused): (Vec<_>, Vec<_>) =
        asked.iter().partition(|asked| asked.has_passed());
    passed.sort_unstable_by_key(|asked| asked.number("x-ratelimit-reset"));
    let first = passed.iter().map(|asked| asked.sent).min().unwrap() - LAG_NS;
    let last = asked.iter().map(|asked| asked.heard).max().unwrap();
    let most = RPM + (last - first) / interval;
    assert!((RPM..=most).contains(&(passed.len() as u64)), "{} of {most}", passed.len());
    assert_eq!(stand.upstream.requests().len(), passed.len());

    // The first request came at one instant; each reset tells of it what second that was in.
    let heard = passed.iter().map(|asked| asked.heard).min().unwrap();
    let (mut from, mut to) = (first, heard);
    for (place, asked) in (1..).zip(&passed) {
        let reset = asked.number("x-ratelimit-reset") * SECOND_NS;
        from = from.max((reset - SECOND_NS + 1).saturating_sub(place * interval));
        to = to.min(reset - place * interval);
    }
    assert!(from <= to, "no time of the first request explains what was told: {from} {to}");
    for (place, asked) in (1..).zip(&passed) {
        let full_at = |first: u64| first + place * interval;
        let left = |now: u64, first: u64| {
            (60 * SECOND_NS).saturating_sub(full_at(first).saturating_sub(now)) / interval
        };
        let told = asked.number("x-ratelimit-remaining");
        let possible = left(asked.sent - LAG_NS, to)..=left(asked.heard, from);
        assert!(possible.contains(&told), "{told} left at {place}, not {possible:?}");
    }
    for asked in refused {
        assert_eq!(asked.number("x-ratelimit-remaining"), 0);
        assert!((1..=2).contains(&asked.number("retry-after")));
    }
    assert!(asked.iter().all(|asked| asked.number("x-ratelimit-limit") == RPM));
}

#[test]
fn so_many_run_at_once_and_not_one_more() {
    let slow = |config: Config| {
        let slow = [("up", "fault/rate:20+tokens:60")];
        config.model("up/slow", &slow, &Prices::new("1", "10"), "")
    };
    let stand = stand(slow);
    let key = key(&stand, json!({ "concurrency": 7 }));
    let mut body = hello();
    (body["model"], body["stream"]) = ("up/slow".into(), true.into());
    let request = chat_request(&key, &body);
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| stand.gateway.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(&request));
    let statuses = clients.iter_mut().map(|client| client.read_head().unwrap().status);
    let statuses: Vec<u16> = statuses.collect();
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(200), count(429)), (7, CONNECTIONS - 7));
    assert_eq!(stand.upstream.requests().len(), 7);
}

#[test]
fn free_requests_are_an_account_s_whatever_key_asks_and_more_are_bought() {
    wait_for_room_in_the_day();
    let profile = "[free]\nper_day = 150\nbought = \"10\"\nper_day_bought = 200\n";
    let free = Prices::new("0", "0");
    let stand =
        stand(|config| config.model("up/gift", &[("up", "chat")], &free, "").on_terms(profile));
    let admin = &stand.gateway.admin;
    let account = admin.open_account("frugal");
    let keys: Vec<String> = (0..3).map(|_| admin.make_key(&account, &Value::Null)).collect();
    let mut body = hello();
    body["model"] = "up/gift".into();
    let requests: Vec<_> = keys.iter().map(|key| chat_request(key, &body)).collect();
    let asked = flood(&stand, &requests, 4);
    let names = ["x-ratelimit-limit-free", "x-ratelimit-remaining-free", "x-ratelimit-reset-free"];
    check_day(&asked, 150, names);

    body["models"] = json!(["up/chat"]);
    let poor = stand.gateway.chat(&keys[0], &body);
    assert_eq!(poor.status(), 402, "what has a price may be asked for: {}", poor.text());
    admin.credit(&account, "10", "bought");
    let answer = stand.gateway.chat(&keys[0], &body);
    assert_eq!(answer.json()["model"], "up/gift", "fifty more are free at once");
    let asked = flood(&stand, &requests, 1);
    assert_eq!(asked.iter().filter(|asked| asked.has_passed()).count(), 49);
    assert_eq!(stand.gateway.chat(&keys[1], &body).json()["model"], "up/chat");
    stand.gateway.settled(&account, |told| told.spent > units::Usd::ZERO);
}
