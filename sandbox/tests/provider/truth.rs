//! The truth log: what is billed, for answers that arrive and for those that do not.

use std::io::Read;
use std::time::{Duration, Instant};

use sandbox::{Outcome, Pace, Settings, Truth};

use crate::raw::{ask, chat, connect, request, start, start_with, streamed};

const SLOW: Pace = Pace { first_byte_ms: 10, tokens_per_second: 100, chunk_tokens: 1 };

#[test]
fn a_finished_answer_is_billed_as_it_says() {
    let sandbox = start();
    let headers = "x-generation-id: gen-1\r\nx-request-id: caller-2\r\n";
    for body in [chat(r#","n":2"#), streamed(r#","n":2,"max_tokens":33,"reasoning_effort":"low""#)]
    {
        let got = ask(&sandbox, headers, &body);
        let usage = got.usages_of_any_kind();
        let truth = sandbox.truth().pop().unwrap();
        assert_eq!(truth.outcome, Outcome::Finished);
        assert_eq!(usage["prompt_tokens"], truth.billed.prompt);
        assert_eq!(usage["completion_tokens"], truth.billed.completion);
        let reasoning = &usage["completion_tokens_details"]["reasoning_tokens"];
        assert_eq!(*reasoning, truth.billed.reasoning);
        assert_eq!(truth.generation.as_deref(), Some("gen-1"));
        assert_eq!(truth.caller_request.as_deref(), Some("caller-2"));
        assert!(got.text().contains(&truth.id) && got.head.contains(&truth.request));
    }
}

#[test]
fn what_was_generated_before_the_client_left_is_billed() {
    let sandbox = start_with(Settings { pace: SLOW, ..Settings::burst() });
    for body in [streamed(""), chat("")] {
        let mut line = connect(&sandbox);
        line.send(&request("x-sandbox-fault: tokens:2000\r\n", &body));
        std::thread::sleep(Duration::from_millis(200));
        let left = Instant::now();
        drop(line);
        let truth = sandbox.settled(Duration::from_secs(5)).pop().unwrap();
        assert!(left.elapsed() < Duration::from_secs(1), "noticed at once");
        assert_eq!(truth.outcome, Outcome::Aborted);
        assert!((5..=500).contains(&truth.billed.completion), "{truth:?}");
        assert!(truth.billed.prompt > 0);
    }
}

#[test]
fn a_client_that_leaves_before_the_head_is_billed_its_prompt() {
    let sandbox = start();
    let mut line = connect(&sandbox);
    line.send(&request("x-sandbox-fault: stall:5000\r\n", &streamed("")));
    std::thread::sleep(Duration::from_millis(50));
    drop(line);
    let truth = sandbox.settled(Duration::from_secs(2)).pop().unwrap();
    assert_eq!((truth.outcome, truth.billed.completion), (Outcome::Aborted, 0));
    assert!(truth.billed.prompt > 0);
}

#[test]
fn the_file_holds_every_truth() {
    let path = std::env::temp_dir().join(format!("sandbox-log-{}.jsonl", std::process::id()));
    let sandbox = start_with(Settings { truth_log: Some(path.clone()), ..Settings::burst() });
    for body in [chat(""), streamed("")] {
        ask(&sandbox, "", &body);
    }
    let truths = sandbox.settled(Duration::from_secs(2));
    sandbox.stop();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let lines: Vec<Truth> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, truths);
}

#[test]
fn stopping_closes_what_is_open() {
    let sandbox = start_with(Settings { pace: SLOW, ..Settings::burst() });
    let mut line = connect(&sandbox);
    line.send(&request("", &streamed("")));
    let mut first = [0; 10];
    line.stream.read_exact(&mut first).unwrap();
    let addr = sandbox.addr();
    sandbox.stop();
    assert!(std::net::TcpStream::connect(addr).is_err());
    let mut rest = Vec::new();
    let _ = line.stream.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("[DONE]"));
}

#[test]
fn requests_are_kept_as_they_came() {
    let sandbox = start_with(Settings { requests_kept: 2, ..Settings::burst() });
    for seed in 0..3 {
        ask(&sandbox, "x-mark: here\r\n", &chat(&format!(r#","seed":{seed}"#)));
    }
    let kept = sandbox.requests();
    assert_eq!(kept.iter().map(|kept| kept.connection).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(kept[1].body, chat(r#","seed":2"#).as_bytes());
    assert!(String::from_utf8_lossy(&kept[1].head).contains("x-mark: here\r\n"));
}
