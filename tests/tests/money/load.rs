//! Requests of customers: what they ask, when they leave, and what they saw.
//!
//! Invariant: a job ends by itself, within the client's patience. What was seen is told plainly;
//! judging it is left to the tests.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_tests::admin::Customer;
use tollgate_tests::client::{Answer, Client, Cut, chat_request};
use tollgate_tests::gateway::Gateway;

/// Until everyone in a crowd was served or denied.
const CROWD_MOST: Duration = Duration::from_secs(30);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Whole,
    Stream,
    /// A stream whose usage is wanted.
    StreamUsage,
    /// A stream of tool calls.
    Tools,
    /// Two choices, streamed.
    Twice,
}

impl Shape {
    pub(crate) const ALL: [Self; 5] =
        [Self::Whole, Self::Stream, Self::StreamUsage, Self::Tools, Self::Twice];
}

/// When the customer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    Never,
    /// So many milliseconds after asking, before anything was read.
    After(u64),
    /// After so many events of the answer.
    AfterEvents(usize),
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub model: &'static str,
    pub shape: Shape,
    pub leave: Leave,
}

impl Job {
    /// A request that is waited for to its end.
    pub(crate) const fn of(model: &'static str, shape: Shape) -> Self {
        Self { model, shape, leave: Leave::Never }
    }

    /// The request's body; `salt` makes its answer differ from others.
    pub(crate) fn body(&self, salt: usize) -> Value {
        let text = format!("tell me about the number {salt}, please");
        let mut body = json!({
            "model": self.model,
            "messages": [{ "role": "user", "content": text }],
            "max_tokens": 400,
            "stream": self.shape != Shape::Whole,
        });
        match self.shape {
            Shape::Whole | Shape::Stream => {}
            Shape::StreamUsage => body["stream_options"] = json!({ "include_usage": true }),
            Shape::Tools => body["tools"] = tools(),
            Shape::Twice => body["n"] = json!(2),
        }
        body
    }
}

fn tools() -> Value {
    let city = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    json!([{ "type": "function", "function": { "name": "weather", "parameters": city } }])
}

/// How a request ended for its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The whole answer came.
    Complete,
    /// An error status came.
    Refused,
    /// The answer began and ended with an error, or no answer came.
    Broken,
    /// The customer left.
    Left,
}

/// What the customer saw of a request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub job: Job,
    /// 0 where no head came.
    pub status: u16,
    pub generation: Option<String>,
    pub ending: Ending,
    /// The error, where there was one.
    pub told: String,
    pub at: Instant,
}

/// Does a job on a connection of its own, for a key.
pub(crate) fn perform(gateway: &Gateway, key: &str, job: Job, salt: usize) -> Seen {
    let (told, at) = (String::new(), Instant::now());
    let mut seen = Seen { job, status: 0, generation: None, ending: Ending::Broken, told, at };
    let Ok(mut client) = Client::try_connect(gateway.config.data_addr) else { return seen };
    if client.try_send(&chat_request(key, &job.body(salt))).is_ok() {
        seen.ending = watch(&mut client, &mut seen).unwrap_or(Ending::Broken);
    }
    if seen.ending == Ending::Left && salt.is_multiple_of(2) {
        client.reset();
    }
    seen.at = Instant::now();
    seen
}

fn watch(client: &mut Client, seen: &mut Seen) -> Result<Ending, Cut> {
    let job = seen.job;
    if let Leave::After(ms) = job.leave {
        thread::sleep(Duration::from_millis(ms));
        return Ok(Ending::Left);
    }
    let head = client.read_head()?;
    seen.status = head.status;
    seen.generation = head.header("x-generation-id").map(str::to_owned);
    let is_stream = head.header("content-type").is_some_and(|kind| kind.contains("event-stream"));
    if is_stream {
        return watch_stream(client, job.leave);
    }
    let mut body = Vec::new();
    while let Some(piece) = client.read_piece()? {
        body.extend(piece);
    }
    let answer = Answer { head, body, cut: None };
    let is_good = answer.status() == 200 && answer.json()["choices"].is_array();
    if is_good {
        return Ok(Ending::Complete);
    }
    seen.told = answer.text().to_owned();
    Ok(Ending::Refused)
}

fn watch_stream(client: &mut Client, leave: Leave) -> Result<Ending, Cut> {
    let mut events = 0;
    let mut ending = Ending::Broken;
    while let Some(event) = client.read_event()? {
        events += 1;
        if leave == Leave::AfterEvents(events) {
            return Ok(Ending::Left);
        }
        if event == "[DONE]" {
            ending = Ending::Complete;
        }
    }
    Ok(ending)
}

/// Many clients at once, each doing its jobs one after the other; `job` chooses by client and turn.
pub(crate) fn run(
    gateway: &Gateway,
    customers: &[Customer],
    clients: usize,
    turns: usize,
    job: impl Fn(usize, usize) -> Job + Sync,
) -> Vec<Seen> {
    let job = &job;
    thread::scope(|scope| {
        let client = |number: usize| {
            let key = &customers[number % customers.len()].key;
            let turn = move |turn| perform(gateway, key, job(number, turn), number * turns + turn);
            scope.spawn(move || (0..turns).map(turn).collect::<Vec<_>>())
        };
        let running: Vec<_> = (0..clients).map(client).collect();
        running.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

/// How often a crash is tried: `TOLLGATE_ROUNDS`, else so many times.
pub(crate) fn rounds(usual: usize) -> usize {
    let wished = std::env::var("TOLLGATE_ROUNDS").ok();
    wished.map_or(usual, |wished| wished.parse().expect("TOLLGATE_ROUNDS is a number"))
}

/// How many of a crowd ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Crowd {
    pub served: usize,
    /// Told that the money is gone.
    pub denied: usize,
    /// How often somebody was told to try again.
    pub told_to_wait: usize,
    /// Who was still waiting when the time was over.
    pub waiting: usize,
}

/// Asks on so many connections at once, again on those that are told to try again, until each was
/// served or denied with `denial`, or the time is over.
pub(crate) fn crowd(gateway: &Gateway, key: &str, count: usize, denial: &str) -> Crowd {
    let body = json!({
        "model": "up/chat",
        "messages": [{ "role": "user", "content": "hello" }],
        "max_tokens": 40,
    });
    let request = chat_request(key, &body);
    let mut waiting: Vec<Client> = (0..count).map(|_| gateway.connect()).collect();
    let mut crowd = Crowd::default();
    let until = Instant::now() + CROWD_MOST;
    while !waiting.is_empty() && Instant::now() < until {
        waiting.iter_mut().for_each(|client| client.send(&request));
        waiting.retain_mut(|client| crowd.note(&client.read_answer().expect("an answer"), denial));
    }
    crowd.waiting = waiting.len();
    crowd
}

impl Crowd {
    /// Counts an answer; whether to try again.
    fn note(&mut self, answer: &Answer, denial: &str) -> bool {
        let told = answer.json();
        match (answer.status(), told["error"]["code"].as_str()) {
            (200, None) => self.served += 1,
            (429, Some("credits_reserved")) => {
                assert!(answer.head.header("retry-after").is_some());
                self.told_to_wait += 1;
                return true;
            }
            (402, Some(code)) if code == denial => {
                assert!(told["error"]["affordable_max_tokens"].is_u64(), "{told}");
                assert_eq!(answer.head.header("x-should-retry"), Some("false"));
                self.denied += 1;
            }
            other => panic!("{other:?}: {told}"),
        }
        false
    }
}
