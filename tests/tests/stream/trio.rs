//! One model at three providers that fail as they are told: what tests of failing providers begin
//! with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use sandbox::Settings;
use serde_json::Value;
use tollgate_tests::admin::Customer;
use tollgate_tests::client::{Answer, chat_request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::stand::hello;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

/// One model at three providers; the first of them is the cheapest.
pub(crate) struct Trio {
    pub(crate) gateway: Gateway,
    pub(crate) customer: Customer,
    pub(crate) upstreams: [Upstream; 3],
    sessions: AtomicU64,
}

impl Trio {
    pub(crate) fn start(cores: usize) -> Self {
        Self::paced(cores, Settings::burst())
    }

    /// The same with providers that answer as these settings say.
    pub(crate) fn paced(cores: usize, settings: Settings) -> Self {
        let settings = Settings { requests_kept: 20_000, ..settings };
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
        Self { gateway, customer, upstreams, sessions: AtomicU64::new(0) }
    }

    /// Sends so many requests on each of some connections; answers their statuses.
    pub(crate) fn send(&self, connections: usize, each: usize) -> Vec<u16> {
        let one = || {
            let mut client = self.gateway.connect();
            let ask = |_| {
                client.send(&chat_request(&self.customer.key, &self.afresh(hello())));
                client.read_answer().unwrap().status()
            };
            (0..each).map(ask).collect::<Vec<_>>()
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..connections).map(|_| scope.spawn(one)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        })
    }

    pub(crate) fn asked(&self) -> [usize; 3] {
        [0, 1, 2].map(|at| self.upstreams[at].requests().len())
    }

    /// A request of a session that was not there before.
    pub(crate) fn afresh(&self, mut body: Value) -> Value {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        body["session_id"] = number.to_string().into();
        body
    }

    /// One request.
    pub(crate) fn ask(&self, body: &Value) -> Answer {
        self.gateway.chat(&self.customer.key, body)
    }

    /// Who answers a request, by its place.
    #[track_caller]
    pub(crate) fn server(&self, body: &Value) -> usize {
        let before = self.asked();
        let answer = self.ask(body);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let after = self.asked();
        let asked: Vec<usize> = (0..3).filter(|at| after[*at] > before[*at]).collect();
        *asked.last().unwrap()
    }

    /// What the operator is shown of an endpoint, by its place, once it is as told.
    pub(crate) fn shown(&self, place: usize, is_it: impl Fn(&Value) -> bool) -> Value {
        let name = ["a", "b", "c"][place];
        wait_for("the status shows it", Duration::from_secs(5), || {
            let status = self.gateway.admin.get("/admin/v1/status");
            let shown = status["reports"][0]["endpoints"].as_array()?.clone();
            shown.into_iter().find(|shown| shown["provider"] == name).filter(&is_it)
        })
    }
}
