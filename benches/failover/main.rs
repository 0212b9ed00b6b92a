//! What a provider that fails costs a request that another one then answers: the time from sending
//! it to the end of the answer, on one connection, one request after the other.
//!
//! The first provider is asked each time, as nobody rests here. Figures are measured in one run and
//! printed; nothing is asserted about time.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::time::{Duration, Instant};

use tollgate_tests::client::chat_request;
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::stand::{hello, hello_stream};
use tollgate_tests::upstream::Upstream;

const REQUESTS: usize = 4_000;
const WARM: usize = 500;
const LIMITS: &str = "eject_after = 0\nretry_percent = 100\nretries_per_second = 100000\n";

fn main() {
    let upstreams = [(); 2].map(|()| Upstream::start());
    let mut config = Config::new();
    config.limits = LIMITS.to_owned();
    for (name, upstream) in ["a", "b"].into_iter().zip(&upstreams) {
        config = config.provider(name, &upstream.base_url(), "");
    }
    let endpoints = [("a", "chat"), ("b", "chat")];
    let config = config.model("up/chat", &endpoints, &Prices::new("1", "10"), "");
    let gateway = Gateway::start(config);
    let customer = gateway.admin.customer("customer", "10000");
    println!("{:<44} {:>8} {:>8}", "microseconds", "p50", "p99");
    for (what, body) in [("whole answer", hello()), ("stream of 12 tokens", hello_stream())] {
        let measure = |fault: &str, refuse: bool| {
            upstreams[0].fault(fault);
            upstreams[0].refuse(refuse);
            run(&gateway, &customer.key, &body)
        };
        for (how, [p50, p99]) in [
            ("the first provider answers", measure("", false)),
            ("it says 500, the second answers", measure("status:500", false)),
            ("it closes, the second answers", measure("no-head", false)),
            ("it takes no connection, the second answers", measure("", true)),
        ] {
            println!("{what}: {how:<44} {:>8} {:>8}", p50.as_micros(), p99.as_micros());
        }
    }
}

/// The half and all but a hundredth of the times of some requests.
fn run(gateway: &Gateway, key: &str, body: &serde_json::Value) -> [Duration; 2] {
    let mut client = gateway.connect();
    let mut times = Vec::with_capacity(REQUESTS);
    for number in 0..WARM + REQUESTS {
        let mut body = body.clone();
        // A session goes on where it was answered last; each of these is its own.
        body["session_id"] = number.to_string().into();
        body["provider"] = serde_json::json!({ "order": ["a"] });
        let request = chat_request(key, &body);
        let begun = Instant::now();
        client.send(&request);
        let answer = client.read_answer().expect("an answer");
        let took = begun.elapsed();
        assert_eq!(answer.status(), 200, "{}", answer.text());
        times.extend((number >= WARM).then_some(took));
    }
    times.sort_unstable();
    [times[REQUESTS / 2], times[REQUESTS * 99 / 100]]
}
