//! Providers that fail for a while: others are asked first, nobody is asked too often, and nobody
//! is refused because of it.

use std::thread;
use std::time::Instant;

use sandbox::Settings;
use tollgate_tests::admin::Customer;
use tollgate_tests::client::chat_request;
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::stand::{Stand, hello};
use tollgate_tests::upstream::Upstream;

/// One model at three providers; the first of them is the cheapest.
struct Trio {
    gateway: Gateway,
    customer: Customer,
    upstreams: [Upstream; 3],
}

impl Trio {
    fn start(cores: usize) -> Self {
        let settings = Settings { requests_kept: 20_000, ..Settings::burst() };
        let upstreams = [(); 3].map(|()| Upstream::with(settings.clone()));
        let mut config = Config::new();
        config.cores = cores;
        for (name, upstream) in ["a", "b", "c"].into_iter().zip(&upstreams) {
            config = config.provider(name, &upstream.base_url(), "");
        }
        let endpoints = ["a", "b", "c"].map(|name| (name, "chat"));
        let config = config.model("up/chat", &endpoints, &Prices::new("1", "10"), "");
        let gateway = Gateway::start(config);
        let customer = gateway.admin.customer("customer", "1000");
        Self { gateway, customer, upstreams }
    }

    /// Sends so many requests on each of some connections; answers their statuses.
    fn send(&self, connections: usize, each: usize) -> Vec<u16> {
        let request = chat_request(&self.customer.key, &hello());
        let one = || {
            let mut client = self.gateway.connect();
            let ask = |_| {
                client.send(&request);
                client.read_answer().unwrap().status()
            };
            (0..each).map(ask).collect::<Vec<_>>()
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..connections).map(|_| scope.spawn(one)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        })
    }

    fn asked(&self) -> [usize; 3] {
        [0, 1, 2].map(|at| self.upstreams[at].requests().len())
    }
}

#[test]
fn a_dead_provider_costs_no_answer_and_is_left_alone() {
    const CONNECTIONS: usize = 8;
    let trio = Trio::start(2);
    trio.upstreams[0].fault("status:500");
    let started = Instant::now();
    let statuses = trio.send(CONNECTIONS, 1250);
    assert_eq!(statuses.len(), 10_000);
    assert!(statuses.iter().all(|status| *status == 200));
    let [dead, ..] = trio.asked();
    // Five in a row, those on their way then, and a probe or two whenever a rest is over.
    let probes = 2 * (1 + started.elapsed().as_secs() as usize / 30);
    assert!((5..=5 + CONNECTIONS + probes).contains(&dead), "{dead} were sent to it");
}

#[test]
fn where_everybody_fails_nobody_is_asked_again_and_again() {
    let trio = Trio::start(1);
    trio.upstreams.iter().for_each(|upstream| upstream.fault("status:500"));
    let started = Instant::now();
    let statuses = trio.send(4, 250);
    assert!(statuses.iter().all(|status| *status == 502));
    let attempts: usize = trio.asked().into_iter().sum();
    let retries = 100 + 1000 / 5 + 10 * (1 + started.elapsed().as_secs() as usize);
    assert!(attempts > 1100, "{attempts}: at first each is tried elsewhere");
    assert!(attempts <= 1000 + retries, "{attempts} for 1,000 requests");
}

#[test]
fn the_last_candidate_is_asked_however_it_did() {
    let stand = Stand::start();
    stand.upstream.fault("status:500");
    (0..20).for_each(|_| assert_eq!(stand.chat(&hello()).status(), 502));
    stand.upstream.fault("");
    assert_eq!(stand.chat(&hello()).status(), 200);
    assert_eq!(stand.upstream.requests().len(), 21);
}

#[test]
fn a_key_that_is_refused_makes_way_for_another_and_rests() {
    let settings = Settings { api_key: Some("good".to_owned()), ..Settings::burst() };
    let upstream = Upstream::with(settings);
    let config = Config::new()
        .provider("up", &upstream.base_url(), "api_keys = [\"bad\", \"good\"]")
        .model("up/chat", &[("up", "chat")], &Prices::new("1", "10"), "");
    let gateway = Gateway::start(config);
    let customer = gateway.admin.customer("customer", "100");
    for _ in 0..20 {
        assert_eq!(gateway.chat(&customer.key, &hello()).status(), 200);
    }
    let heads = upstream.requests();
    let is_bad = |head: &[u8]| String::from_utf8_lossy(head).contains("Bearer bad");
    let bad = heads.iter().filter(|request| is_bad(&request.head)).count();
    assert!((1..=4).contains(&bad), "{bad} of {} with the refused key", heads.len());
}

#[test]
fn a_provider_that_asks_for_a_pause_gets_it_while_another_answers() {
    let trio = Trio::start(1);
    trio.upstreams[0].fault_next(&["status:429:retry-after=600"]);
    assert!(trio.send(1, 20).iter().all(|status| *status == 200));
    let [paused, second, _] = trio.asked();
    assert_eq!((paused, second), (1, 20));
}
