//! Every fault does what its row of the table says.
#![expect(clippy::expect_used, reason = "tests only: what fails here fails the test")]

use std::io::Read;
use std::time::{Duration, Instant};

use sandbox::{Billed, Handle, Outcome, Settings, Truth, tokens};

use crate::raw::{End, Got, ask, ask_with, chat, connect, end_is_whole, request};
use crate::raw::{start, start_with, streamed};

const TRIED: [&str; 4] = [
    include_str!("faults.rs"),
    include_str!("anthropic.rs"),
    include_str!("gemini.rs"),
    include_str!("openai.rs"),
];

#[test]
fn every_fault_is_tried() {
    let page = crate::raw::get(&start(), "/faults");
    let names: Vec<_> = page.text().lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(names.len() > 30);
    for name in names {
        let tried = |end| TRIED.iter().any(|tests| tests.contains(&format!("{name}{end}")));
        assert!(tried('"') || tried(':') || tried('+') || tried('\\'), "{name}");
    }
}

fn outcome(of: &Handle) -> Outcome {
    last(of).outcome
}

fn last(of: &Handle) -> Truth {
    of.settled(Duration::from_secs(2)).pop().expect("a request was answered")
}

/// The same fault in a stream and in a whole answer.
fn both(sandbox: &Handle, fault: &str) -> [Got; 2] {
    [streamed(""), chat("")].map(|body| ask_with(sandbox, fault, &body))
}

#[test]
fn statuses_come_with_and_without_retry_after() {
    let sandbox = start();
    for status in [400, 401, 403, 404, 413, 422, 429, 500, 502, 503, 529] {
        let got = ask_with(&sandbox, &format!("status:{status}"), &streamed(""));
        assert_eq!(got.status, status);
        assert!(got.json()["error"]["message"].is_string());
        assert!(!got.head.contains("retry-after"));
    }
    let got = ask_with(&sandbox, "status:429:retry-after=2", &chat(""));
    assert!(got.head.contains("retry-after: 2\r\n"));
    let truth = last(&sandbox);
    assert_eq!((truth.outcome, truth.status, truth.billed.prompt), (Outcome::Refused, 429, 0));
}

#[test]
fn stalls_take_their_time() {
    let sandbox = start();
    for fault in ["stall:60", "stall-mid:60"] {
        for body in [streamed(""), chat("")] {
            let begun = Instant::now();
            let got = ask_with(&sandbox, fault, &body);
            assert!(end_is_whole(&got) && begun.elapsed() >= Duration::from_millis(60), "{fault}");
        }
    }
}

#[test]
fn heads_can_be_missing() {
    let sandbox = start();
    for (fault, end) in [("no-head", End::Closed), ("reset-head", End::Reset)] {
        for got in both(&sandbox, fault) {
            assert_eq!((got.status, got.end), (0, end), "{fault}");
            assert_eq!(outcome(&sandbox), Outcome::Broken);
        }
    }
    let got = ask_with(&sandbox, "endless-head", &chat(""));
    assert_eq!((got.status, got.end), (0, End::Broken));
    assert_eq!(outcome(&sandbox), Outcome::Aborted);
}

#[test]
fn answers_break_in_the_middle() {
    let sandbox = start();
    for (fault, end) in
        [("cut", End::Closed), ("reset-mid", End::Reset), ("bad-chunk", End::Broken)]
    {
        for got in both(&sandbox, fault) {
            assert!(got.end == end || (end == End::Reset && got.end == End::Closed), "{fault}");
            assert!(!got.text().contains("[DONE]"));
        }
        let truths = sandbox.settled(Duration::from_secs(2));
        let stream = &truths[truths.len() - 2];
        assert_eq!(stream.outcome, Outcome::Broken);
        assert!((20..100).contains(&stream.billed.completion));
    }
}

#[test]
fn a_stream_may_end_without_done() {
    let sandbox = start();
    let got = ask_with(&sandbox, "fin-no-done", &streamed(""));
    assert!(end_is_whole(&got) && !got.events().1 && got.usages().len() == 1);
}

#[test]
fn a_good_status_may_hide_an_error() {
    let sandbox = start();
    let [stream, whole] = both(&sandbox, "error-in-200");
    assert_eq!((stream.status, whole.status), (200, 200));
    assert!(stream.events().0[0]["error"]["message"].is_string());
    assert!(whole.json()["error"]["message"].is_string());
    assert_eq!(outcome(&sandbox), Outcome::Broken);
}

#[test]
fn an_answer_may_end_in_an_error() {
    let sandbox = start();
    for got in both(&sandbox, "finish-error") {
        assert!(end_is_whole(&got) && got.text().contains("\"finish_reason\":\"error\""));
    }
}

#[test]
fn usage_can_be_missing_early_late_or_twice() {
    let sandbox = start();
    let [stream, whole] = both(&sandbox, "no-usage");
    assert!(stream.usages().is_empty() && whole.json().get("usage").is_none());
    let early = ask_with(&sandbox, "usage-early", &streamed(""));
    let last = early.events().0.pop().unwrap();
    assert!(early.usages().len() == 1 && last["choices"][0]["finish_reason"] == "stop");
    let twice = ask_with(&sandbox, "usage-twice", &streamed("")).usages();
    assert!(twice.len() == 2 && twice[0] != twice[1]);
    let shrinks = ask_with(&sandbox, "usage-shrinks", &streamed("")).usages();
    let totals = [0, 1].map(|at| shrinks[at]["total_tokens"].as_u64().unwrap());
    assert_eq!(totals[0], 2 * totals[1]);
    let after = ask_with(&sandbox, "usage-after-done", &streamed(""));
    let (done, told) = (after.text().find("[DONE]"), after.text().find("\"usage\":{"));
    assert!(end_is_whole(&after) && done.is_some() && done < told);
    let begun = Instant::now();
    let late = ask_with(&sandbox, "usage-late:50", &streamed(""));
    assert!(late.usages().len() == 1 && begun.elapsed() >= Duration::from_millis(50));
}

#[test]
fn usage_can_be_wrong_in_every_way() {
    let sandbox = start();
    for (kind, literal) in [
        ("negative", "-7"),
        ("huge", "9223372036854775807"),
        ("beyond", "5000000"),
        ("float", "12.5"),
        ("string", "\"many\""),
        ("null", "null"),
        ("zero", "0"),
    ] {
        for got in both(&sandbox, &format!("wrong-usage:{kind}")) {
            assert!(got.text().contains(&format!("\"completion_tokens\":{literal}")), "{kind}");
            let truth = last(&sandbox);
            assert!(truth.billed.completion > 0 && truth.outcome == Outcome::Finished);
        }
    }
    assert!(both(&sandbox, "cost-zero")[1].json()["usage"]["cost"] == 0);
}

#[test]
fn caches_count_within_the_prompt() {
    let sandbox = start();
    let usage = ask_with(&sandbox, "cached:4+cache-write:3", &chat("")).json()["usage"].take();
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 4);
    assert_eq!(usage["prompt_tokens_details"]["cache_write_tokens"], 3);
    let prompt = usage["prompt_tokens"].as_u64().unwrap();
    let apart = ask_with(&sandbox, "cached:4+cached-apart", &chat("")).json()["usage"].take();
    assert_eq!(apart["prompt_tokens"], prompt - 4);
    assert_eq!(last(&sandbox).billed.prompt, prompt);
}

#[test]
fn media_count_within_prompt_and_answer_and_tiers_are_named() {
    let sandbox = start();
    for got in both(&sandbox, "audio-in:3+image-in:2+audio-out:5+image-out:4+served-tier:flex") {
        let usage = got.usages_of_any_kind();
        let details = ["prompt_tokens_details", "completion_tokens_details"];
        let count = |of: &str, what: &str| usage[of][what].as_u64();
        let counts = details.map(|of| [count(of, "audio_tokens"), count(of, "image_tokens")]);
        assert_eq!(counts, [[Some(3), Some(2)], [Some(5), Some(4)]]);
        assert!(got.text().contains("\"service_tier\":\"flex\""));
        let truth = last(&sandbox);
        let Billed { audio, image, audio_out, image_out, .. } = truth.billed;
        assert_eq!((audio, image, audio_out, image_out), (3, 2, 5, 4));
        assert_eq!(truth.tier.as_deref(), Some("flex"));
    }
}

#[test]
fn a_stream_may_break_between_its_finish_and_its_usage() {
    let sandbox = start();
    let got = ask_with(&sandbox, "reset-end", &streamed(""));
    assert!(got.text().contains("\"finish_reason\":\"stop\"") && got.usages().is_empty());
    assert_eq!((got.end, outcome(&sandbox)), (End::Reset, Outcome::Broken));
    assert!(last(&sandbox).billed.completion > 0);
}

#[test]
fn lengths_are_as_wished() {
    let sandbox = start();
    let said = |fault: &str| {
        tokens::count(&ask_with(&sandbox, fault, &streamed(r#","max_tokens":20"#)).said(0))
    };
    assert_eq!((said("tokens:9"), said("tokens:90"), said("ignore-cap:90")), (9, 20, 90));
    assert_eq!(said("ignore-cap"), 4096);
}

#[test]
fn an_endless_answer_ends_with_its_client() {
    let sandbox = start();
    for body in [streamed(r#","max_tokens":5"#), chat("")] {
        let mut line = connect(&sandbox);
        line.send(&request("x-sandbox-fault: endless\r\n", &body));
        let mut some = vec![0; 1 << 20];
        line.stream.read_exact(&mut some).unwrap();
        drop(line);
        assert_eq!(outcome(&sandbox), Outcome::Aborted);
        assert!(last(&sandbox).billed.completion > 1000);
    }
}

#[test]
fn lengths_of_bodies_can_be_wrong() {
    let sandbox = start();
    for got in both(&sandbox, "wrong-length:long") {
        assert_eq!(got.end, End::Closed);
    }
    for got in both(&sandbox, "wrong-length:short") {
        assert!(got.end == End::Whole && !got.text().ends_with('}') && !got.events().1);
    }
}

#[test]
fn bytes_can_come_one_by_one() {
    let sandbox = start();
    for got in both(&sandbox, "slow-head+tokens:5") {
        assert!(got.reads > 100 && end_is_whole(&got));
    }
    let got = ask_with(&sandbox, "one-byte", &streamed(r#","max_tokens":30,"seed":5"#));
    let plain = ask(&sandbox, "", &streamed(r#","max_tokens":30,"seed":5"#));
    assert!(end_is_whole(&got) && got.reads > 50 * plain.reads);
    assert_eq!(got.said(0), plain.said(0));
}

#[test]
fn heads_can_be_odd() {
    let sandbox = start();
    for got in both(&sandbox, "1xx") {
        assert!(got.informational == 100 && end_is_whole(&got));
    }
    assert!(both(&sandbox, "old-date")[0].head.contains("date: Thu, 01 Jan 1970"));
    assert!(both(&sandbox, "gzip-label")[1].head.contains("content-encoding: gzip"));
    let [stream, whole] = both(&sandbox, "same-id");
    assert_eq!(stream.events().0[0]["id"], whole.json()["id"]);
}

#[test]
fn lines_end_in_every_way() {
    let sandbox = start();
    let plain = ask(&sandbox, "", &streamed(""));
    for (fault, sign) in [("crlf", "\r\n\r\n"), ("cr", "\r\rdata"), ("bom", "\u{feff}data")] {
        let got = ask_with(&sandbox, fault, &streamed(""));
        assert!(got.text().contains(sign) && got.events().1, "{fault}");
        assert_eq!(got.said(0), plain.said(0));
    }
    let got = ask_with(&sandbox, "comments", &streamed(""));
    assert_eq!(got.text().matches(": sandbox\n\n").count(), got.events().0.len() + 1);
}

#[test]
fn events_can_be_odd() {
    let sandbox = start();
    let [stream, whole] = both(&sandbox, "empty-choices");
    assert_eq!(stream.events().0[0]["choices"].as_array().unwrap().len(), 0);
    assert_eq!(whole.json()["choices"].as_array().unwrap().len(), 0);
    for got in both(&sandbox, "big-event") {
        assert!(end_is_whole(&got) && got.body.len() > 2 << 20);
    }
    let shown = ask_with(&sandbox, "reasoning-text", &streamed(r#","reasoning_effort":"low""#));
    assert!(shown.text().contains("reasoning_content"));
    assert!(shown.usages()[0]["completion_tokens_details"]["reasoning_tokens"] == 24);
}

#[test]
fn a_kept_connection_can_close_at_the_next_request() {
    let sandbox = start();
    let mut line = connect(&sandbox);
    line.send(&request("x-sandbox-fault: close-on-keepalive\r\n", &chat("")));
    let got = line.read();
    assert!(end_is_whole(&got) && !got.head.contains("connection: close"));
    line.send(&request("", &chat("")));
    let next = line.read();
    assert!(next.status == 0 && matches!(next.end, End::Reset | End::Closed));
    assert_eq!(sandbox.truth().len(), 1);
}

#[test]
fn pace_can_be_wished_for() {
    let sandbox = start_with(Settings::visible());
    let begun = Instant::now();
    let got = ask_with(&sandbox, "first-byte:1+rate:0+chunk:50", &streamed(r#","max_tokens":50"#));
    assert!(begun.elapsed() < Duration::from_millis(700), "fifty tokens usually take longer");
    assert_eq!(got.events().0.len(), 4);
}

#[test]
fn faults_can_be_set_from_outside() {
    let sandbox = start();
    sandbox.fault_next(&["status:503", "status:500"]);
    let statuses = [0; 3].map(|_| ask(&sandbox, "", &chat("")).status);
    assert_eq!(statuses, [503, 500, 200]);
    sandbox.fault("same-id");
    assert_eq!(ask(&sandbox, "", &chat("")).json()["id"], "chatcmpl-duplicate");
    sandbox.fault("");
    assert_ne!(ask(&sandbox, "", &chat("")).json()["id"], "chatcmpl-duplicate");
    let by_model = chat("").replace("\"chat\"", "\"fault/tokens:3+same-id\"");
    let got = ask(&sandbox, "", &by_model).json();
    assert_eq!(
        (&got["id"], &got["model"]),
        (&"chatcmpl-duplicate".into(), &"fault/tokens:3+same-id".into())
    );
}

#[test]
fn connections_can_be_refused() {
    let sandbox = start();
    sandbox.refuse(true);
    assert!(std::net::TcpStream::connect(sandbox.addr()).is_err());
    sandbox.refuse(false);
    assert_eq!(ask(&sandbox, "", &chat("")).status, 200);
}
