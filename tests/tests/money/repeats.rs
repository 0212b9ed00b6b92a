//! `Idempotency-Key`: one call of the provider and one charge, whoever asks again, when, and on
//! whichever core its connection came in.

use std::time::Duration;

use serde_json::Value;
use tollgate_tests::client::{Answer, Client, request};
use tollgate_tests::config::Config;
use tollgate_tests::refusal::Form;
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello, hello_stream};
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

/// A request with an idempotency key.
fn named(stand: &Stand, path: &str, name: &str, body: &Value) -> Vec<u8> {
    named_by(&stand.customer.key, path, name, body)
}

fn named_by(key: &str, path: &str, name: &str, body: &Value) -> Vec<u8> {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", name),
    ];
    request("POST", path, &headers, body.to_string().as_bytes())
}

/// Two cores, so that a key has a home that is not always where its connection is.
fn on_two_cores(limits: &str) -> impl FnOnce(Config) -> Config + '_ {
    move |config| Config { cores: 2, limits: limits.to_owned(), ..config }
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.head.header(name).unwrap_or("")
}

fn is_replayed(answer: &Answer) -> bool {
    header(answer, "idempotent-replayed") == "true"
}

/// An answer is the same as the first one, but for what says that it is a repeat.
#[track_caller]
fn assert_repeats(again: &Answer, first: &Answer) {
    assert_eq!(again.cut, None);
    assert_eq!(again.status(), first.status(), "{}", again.text());
    assert_eq!(again.text(), first.text());
    for name in ["x-generation-id", "x-request-id", "content-type", "x-output-cap"] {
        assert_eq!(header(again, name), header(first, name), "{name}");
    }
}

/// The generations of the customer that were charged, once none runs any more.
fn charged(stand: &Stand) -> usize {
    stand.gateway.settled(&stand.customer.account, |_| true);
    let generations = stand.gateway.admin.generations(&stand.customer.account);
    generations.iter().filter(|generation| generation["charged"] != "0").count()
}

/// The provider was called so often, and as often was charged, to the picodollar.
#[track_caller]
fn assert_served(stand: &Stand, times: usize) {
    assert_eq!(stand.upstream.truths().len(), times, "calls of the provider");
    wait_for("the charges show", Duration::from_secs(5), || {
        (charged(stand) == times).then_some(())
    });
    let account = stand.gateway.settled(&stand.customer.account, |_| true);
    let cost =
        |truth: &sandbox::Truth| stand.gateway.config.prices[0].1.cost(&truth.billed.tokens());
    assert_eq!(account.spent, stand.upstream.truths().iter().map(cost).sum());
}

#[test]
fn a_repeat_after_the_end_is_replayed_on_every_core_and_charged_once() {
    for (path, body) in [(CHAT, hello()), (CHAT, hello_stream()), (ROUTED_CHAT, hello_stream())] {
        let stand = Stand::with(on_two_cores(""));
        let first = stand.send(&named(&stand, path, "a", &body));
        assert_eq!(first.status(), 200, "{}", first.text());
        assert!(!is_replayed(&first) && header(&first, "x-should-retry").is_empty());
        for _ in 0..12 {
            let again = stand.send(&named(&stand, path, "a", &body));
            assert_repeats(&again, &first);
            assert!(is_replayed(&again));
            assert_eq!(header(&again, "x-should-retry"), "false", "it is paid for");
        }
        assert_served(&stand, 1);
    }
}

#[test]
fn one_connection_takes_many_keys_to_their_cores() {
    let stand = Stand::with(on_two_cores(""));
    let mut client = stand.gateway.connect();
    let mut first = Vec::new();
    for number in 0..16 {
        client.send(&named(&stand, CHAT, &format!("key-{number}"), &hello()));
        first.push(client.read_answer().unwrap());
    }
    // All at once on one connection: what was read ahead goes along.
    let all: Vec<Vec<u8>> =
        (0..16).map(|number| named(&stand, CHAT, &format!("key-{number}"), &hello())).collect();
    client.send(&all.concat());
    for before in &first {
        assert_repeats(&client.read_answer().unwrap(), before);
    }
    client.send(&stand.request("POST", CHAT, hello().to_string().as_bytes()));
    assert_eq!(client.read_answer().unwrap().status(), 200, "without a key it is served anew");
    assert_served(&stand, 17);
}

#[test]
fn repeats_in_flight_join_the_answer_from_its_beginning() {
    let upstream = Upstream::paced(100, 40);
    let stand = Stand::on(upstream, on_two_cores(""));
    for body in [hello_stream(), hello()] {
        let name = body.to_string().len().to_string();
        let sent = named(&stand, CHAT, &name, &body);
        let mut clients: Vec<Client> = (0..8).map(|_| stand.gateway.connect()).collect();
        let (first, rest) = clients.split_first_mut().unwrap();
        first.send(&sent);
        if body["stream"] == true {
            first.read_head().unwrap();
            let beginning = first.read_piece().unwrap().unwrap();
            rest.iter_mut().for_each(|client| client.send(&sent));
            let mut whole = beginning;
            while let Some(piece) = first.read_piece().unwrap() {
                whole.extend(piece);
            }
            for client in rest {
                let again = client.read_answer().unwrap();
                assert!(is_replayed(&again) && header(&again, "x-should-retry").is_empty());
                assert_eq!(again.text(), String::from_utf8(whole.clone()).unwrap());
            }
        } else {
            rest.iter_mut().for_each(|client| client.send(&sent));
            let answer = first.read_answer().unwrap();
            rest.iter_mut()
                .for_each(|client| assert_repeats(&client.read_answer().unwrap(), &answer));
        }
    }
    assert_served(&stand, 2);
}

#[test]
fn the_answer_goes_on_for_those_who_joined_when_the_first_has_left() {
    let upstream = Upstream::paced(50, 10);
    let stand = Stand::on(upstream, on_two_cores(""));
    let sent = named(&stand, CHAT, "left", &hello_stream());
    let mut first = stand.gateway.connect();
    first.send(&sent);
    first.read_head().unwrap();
    first.read_event().unwrap();
    let mut second = stand.gateway.connect();
    second.send(&sent);
    second.read_head().unwrap();
    let mut joined = second.read_piece().unwrap().unwrap();
    first.reset();
    while let Some(piece) = second.read_piece().unwrap() {
        joined.extend(piece);
    }
    let joined = String::from_utf8(joined).unwrap();
    assert!(joined.ends_with("data: [DONE]\n\n"), "{joined}");
    let third = stand.send(&sent);
    assert_eq!(third.text(), joined);
    assert_served(&stand, 1);
    let generation = &stand.gateway.admin.generations(&stand.customer.account)[0];
    assert_eq!(generation["outcome"], "complete", "someone got all of it");
}

#[test]
fn when_everyone_has_left_the_policy_holds_and_a_repeat_is_told_what_it_was() {
    let upstream = Upstream::paced(50, 10);
    let stand = Stand::on(upstream, on_two_cores(""));
    let sent = named(&stand, CHAT, "left", &hello_stream());
    let mut first = stand.gateway.connect();
    first.send(&sent);
    let head = first.read_head().unwrap();
    first.read_event().unwrap();
    first.reset();
    stand.gateway.settled(&stand.customer.account, |account| !account.spent.is_zero());
    let again = stand.send(&sent);
    let error = refused(&again, 409, "idempotency_conflict");
    assert_eq!(error["generation"], head.header("x-generation-id").unwrap());
    assert_eq!(header(&again, "x-generation-id"), error["generation"]);
    assert_eq!(charged(&stand), 1);
}

/// Checks a refusal that a retry does not change.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(header(answer, "x-should-retry"), "false");
    Form::OpenAi.check_error(&answer.json(), status, code)
}

#[test]
fn another_body_another_path_and_another_customer_are_not_the_same_request() {
    let stand = Stand::with(on_two_cores(""));
    let first = stand.send(&named(&stand, CHAT, "a", &hello()));
    let mut other = hello();
    other["max_tokens"] = 11.into();
    refused(&stand.send(&named(&stand, CHAT, "a", &other)), 422, "idempotency_key_reused");
    assert_eq!(stand.send(&named(&stand, ROUTED_CHAT, "a", &hello())).status(), 422);
    let stranger = stand.gateway.admin.customer("stranger", "1");
    let theirs = stand.send(&named_by(&stranger.key, CHAT, "a", &hello()));
    assert_eq!(theirs.status(), 200);
    assert_ne!(header(&theirs, "x-generation-id"), header(&first, "x-generation-id"));
    for name in ["", &"x".repeat(256)] {
        let answer = stand.send(&named(&stand, CHAT, name, &hello()));
        Form::OpenAi.check_error(&answer.json(), 400, "invalid_request");
    }
    assert_eq!(stand.send(&named(&stand, CHAT, &"x".repeat(255), &hello())).status(), 200);
    assert_eq!(stand.upstream.truths().len(), 3);
}

#[test]
fn what_was_not_charged_is_tried_afresh() {
    let stand = Stand::with(on_two_cores(""));
    stand.upstream.fault("status:500");
    let failed = stand.send(&named(&stand, CHAT, "a", &hello()));
    assert_eq!(failed.status(), 502, "{}", failed.text());
    stand.upstream.fault("");
    let first = stand.send(&named(&stand, CHAT, "a", &hello()));
    assert_eq!(first.status(), 200);
    assert!(!is_replayed(&first));
    assert_repeats(&stand.send(&named(&stand, CHAT, "a", &hello())), &first);

    let poor = stand.gateway.admin.open_account("poor");
    let key = stand.gateway.admin.make_key(&poor, &Value::Null);
    let sent = named_by(&key, CHAT, "b", &hello());
    assert_eq!(stand.send(&sent).status(), 402);
    stand.gateway.admin.credit(&poor, "1", "late");
    assert_eq!(stand.send(&sent).status(), 200, "the money is there now");
    wait_for("the charge shows", Duration::from_secs(5), || (charged(&stand) == 1).then_some(()));
}

#[test]
fn an_answer_that_is_not_kept_is_a_conflict_that_names_its_generation() {
    let limits = "replay_answer_bytes = 500\nreplay_ms = 300\n";
    let stand = Stand::with(on_two_cores(limits));
    let long = stand.send(&named(&stand, CHAT, "long", &hello_stream()));
    assert_eq!(long.status(), 200);
    assert!(long.body.len() > 500, "{} bytes", long.body.len());
    let again = stand.send(&named(&stand, CHAT, "long", &hello_stream()));
    let error = refused(&again, 409, "idempotency_conflict");
    assert_eq!(error["generation"], header(&long, "x-generation-id"));

    let mut short = hello();
    short["max_tokens"] = 1.into();
    let sent = named(&stand, CHAT, "short", &short);
    let first = stand.send(&sent);
    assert_eq!(first.status(), 200);
    let told = wait_for("it is not kept any more", Duration::from_secs(5), || {
        Some(stand.send(&sent)).filter(|answer| answer.status() == 409)
    });
    let error = refused(&told, 409, "idempotency_conflict");
    assert_eq!(error["generation"], header(&first, "x-generation-id"));
    assert_served(&stand, 2);
}

#[test]
fn a_joined_answer_that_fails_fails_for_all() {
    let stand = Stand::with(on_two_cores(""));
    stand.upstream.fault("stall:700+status:500");
    let sent = named(&stand, CHAT, "a", &hello());
    let mut clients: Vec<Client> = (0..4).map(|_| stand.gateway.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(&sent));
    for client in &mut clients {
        assert_eq!(client.read_answer().unwrap().status(), 502);
    }
    assert_eq!(charged(&stand), 0);
}

#[test]
fn what_a_joiner_has_whole_is_on_disk_where_the_operator_asks_for_it() {
    let durable = |config: Config| Config {
        dataplane: "drain_seconds = 5\ndurability = \"before_final\"\n".to_owned(),
        ..on_two_cores("")(config)
    };
    let mut stand = Stand::on(Upstream::paced(20, 200), durable);
    for round in 1..=5 {
        let sent = named(&stand, CHAT, &format!("round {round}"), &hello_stream());
        let mut first = stand.gateway.connect();
        first.send(&sent);
        first.read_head().unwrap();
        let mut second = stand.gateway.connect();
        second.send(&sent);
        let answer = second.read_answer().unwrap();
        stand.gateway.strike();
        assert!(answer.text().ends_with("data: [DONE]\n\n"));
        stand.gateway.kill();
        stand.gateway.restart();
        assert_served(&stand, round);
    }
}

#[test]
fn a_crash_forgets_what_was_in_memory_and_books_both() {
    let mut stand = Stand::with(on_two_cores(""));
    let sent = named(&stand, CHAT, "a", &hello());
    let first = stand.send(&sent);
    stand.gateway.settled(&stand.customer.account, |account| !account.spent.is_zero());
    stand.gateway.kill();
    stand.gateway.restart();
    let again = stand.send(&sent);
    assert_eq!(again.status(), 200);
    assert!(!is_replayed(&again));
    assert_ne!(header(&again, "x-generation-id"), header(&first, "x-generation-id"));
    assert_served(&stand, 2);
}

/// Customers who ask for the same things at once.
const CROWD: usize = 24;
/// Things that they ask for, each by its own key.
const KEYS: usize = 30;

#[test]
fn a_crowd_with_the_same_keys_is_served_each_of_them_once() {
    let stand = Stand::on(Upstream::paced(5, 400), on_two_cores(""));
    let body = |key: usize| if key.is_multiple_of(2) { hello() } else { hello_stream() };
    let ask = |member: usize| {
        let mut client = stand.gateway.connect();
        let mut read = Vec::new();
        // Everyone begins elsewhere, so that each key has its first, those who join, and repeats.
        for key in (0..KEYS).map(|key| (key + 7 * member) % KEYS) {
            client.send(&named(&stand, CHAT, &format!("key {key}"), &body(key)));
            let answer = client.read_answer().unwrap();
            assert_eq!((answer.status(), answer.cut), (200, None), "{}", answer.text());
            read.push((key, answer.text().to_owned()));
        }
        read
    };
    let read: Vec<(usize, String)> = std::thread::scope(|scope| {
        let crowd: Vec<_> = (0..CROWD).map(|member| scope.spawn(move || ask(member))).collect();
        crowd.into_iter().flat_map(|member| member.join().unwrap()).collect()
    });
    for key in 0..KEYS {
        let mut answers = read.iter().filter(|(of, _)| *of == key).map(|(_, answer)| answer);
        let first = answers.next().unwrap();
        assert!(answers.all(|answer| answer == first), "key {key}");
    }
    assert_served(&stand, KEYS);
    let repeats = (CROWD - 1) * KEYS;
    wait_for("the replays are counted", Duration::from_secs(5), || {
        let counted = stand.gateway.admin.metric("tollgate_replays_total");
        (counted == repeats as f64).then_some(())
    });
}
