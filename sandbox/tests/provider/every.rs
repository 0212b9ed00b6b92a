//! What goes wrong in the same way in every dialect: framing, timing, ends, and usage.
#![expect(clippy::panic, reason = "tests only: what fails here fails the test")]

use std::time::Duration;

use sandbox::{Handle, Outcome, Truth};
use serde_json::{Value, json};

use crate::raw::{End, Got, ask_at, connect, end_is_whole, request_to, start};

/// A dialect: the path of its streams, and of whole answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    OpenAi,
    Anthropic,
    Gemini,
    /// Gemini's streams without server-sent events.
    Array,
}

const ALL: [Spoken; 4] = [Spoken::OpenAi, Spoken::Anthropic, Spoken::Gemini, Spoken::Array];

impl Spoken {
    fn path(self, stream: bool) -> &'static str {
        match (self, stream) {
            (Self::OpenAi, _) => "/v1/chat/completions",
            (Self::Anthropic, _) => "/v1/messages",
            (_, false) => "/v1beta/models/gemini-2.5-pro:generateContent",
            (Self::Gemini, true) => "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            (Self::Array, true) => "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
        }
    }

    fn body(self, stream: bool, cap: u64) -> Value {
        let question = json!([{"role": "user", "content": "why is it so?"}]);
        match self {
            Self::OpenAi => json!({"model": "m", "messages": question, "stream": stream,
                "max_tokens": cap, "stream_options": {"include_usage": true}}),
            Self::Anthropic => json!({"model": "m", "messages": question, "stream": stream,
                "max_tokens": cap}),
            _ => json!({"contents": [{"parts": [{"text": "why is it so?"}]}],
                "generationConfig": {"maxOutputTokens": cap}}),
        }
    }

    /// The name of the count of what was said.
    fn counted(self) -> &'static str {
        match self {
            Self::OpenAi => "completion_tokens",
            Self::Anthropic => "output_tokens",
            _ => "candidatesTokenCount",
        }
    }

    /// What only a stream that is complete holds.
    fn ends(self, got: &Got) -> bool {
        let text = got.text();
        match self {
            Self::OpenAi => text.contains("[DONE]"),
            Self::Anthropic => text.contains("message_stop"),
            Self::Gemini => text.contains("finishReason"),
            Self::Array => text.contains("finishReason") && text.ends_with(']'),
        }
    }

    fn ask(self, to: &Handle, fault: &str, stream: bool, cap: u64) -> Got {
        let headers = format!("anthropic-version: 2023-06-01\r\nx-sandbox-fault: {fault}\r\n");
        ask_at(to, self.path(stream), &headers, &self.body(stream, cap))
    }

    fn stream(self, to: &Handle, fault: &str) -> Got {
        self.ask(to, fault, true, 60)
    }
}

fn last(of: &Handle) -> Truth {
    let mut truths = of.settled(Duration::from_secs(2));
    truths.pop().unwrap_or_else(|| panic!("a request was answered"))
}

#[test]
fn streams_break_in_the_middle() {
    let sandbox = start();
    for spoken in ALL {
        for (fault, ends) in [
            ("cut", [End::Closed, End::Closed]),
            ("reset-mid", [End::Reset, End::Closed]),
            ("bad-chunk", [End::Broken, End::Broken]),
            ("wrong-length:short", [End::Whole, End::Whole]),
            ("wrong-length:long", [End::Closed, End::Closed]),
            ("reset-end", [End::Reset, End::Closed]),
            ("no-head", [End::Closed, End::Closed]),
        ] {
            let got = spoken.stream(&sandbox, fault);
            assert!(ends.contains(&got.end), "{spoken:?} {fault} {:?}", got.end);
            assert_eq!(spoken.ends(&got), fault == "wrong-length:long", "{spoken:?} {fault}");
        }
        let truth = last(&sandbox);
        assert_eq!((truth.outcome, truth.billed.completion), (Outcome::Broken, 0));
    }
}

#[test]
fn frames_come_in_every_form() {
    let sandbox = start();
    for spoken in ALL {
        let plain = spoken.stream(&sandbox, "tokens:50");
        for fault in ["crlf", "cr", "bom", "comments", "split-lines", "one-byte", "stall-mid:20"] {
            let got = spoken.stream(&sandbox, &format!("tokens:50+{fault}"));
            assert!(end_is_whole(&got) && spoken.ends(&got), "{spoken:?} {fault}");
            if spoken != Spoken::Array && fault != "split-lines" {
                assert_eq!(got.events().0.len(), plain.events().0.len(), "{spoken:?} {fault}");
            }
        }
        for fault in ["big-event:70000", "unknown-events", "empty-choices", "1xx:3", "slow-head"] {
            let got = spoken.stream(&sandbox, fault);
            assert!(end_is_whole(&got) && spoken.ends(&got), "{spoken:?} {fault}");
            assert!(fault != "big-event:70000" || got.body.len() > 70_000, "{spoken:?}");
        }
    }
}

#[test]
fn usage_is_wrong_in_every_way() {
    let sandbox = start();
    for spoken in ALL {
        let count = spoken.counted();
        for stream in [true, false] {
            for (kind, literal) in [("negative", "-7"), ("float", "12.5"), ("null", "null")] {
                let got = spoken.ask(&sandbox, &format!("wrong-usage:{kind}"), stream, 60);
                assert!(got.text().contains(&format!("\"{count}\":{literal}")), "{spoken:?}");
                assert!(last(&sandbox).billed.completion > 0);
            }
            let got = spoken.ask(&sandbox, "no-usage", stream, 60);
            assert!(end_is_whole(&got) && !got.text().contains(count), "{spoken:?}");
        }
        let told = |fault: &str| {
            let got = spoken.stream(&sandbox, fault);
            assert!(end_is_whole(&got) && spoken.ends(&got), "{spoken:?} {fault}");
            let billed = last(&sandbox).billed.completion;
            let name = format!("\"{count}\":");
            let pieces = got.text().split(&name).skip(1).map(|rest| {
                rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
            });
            (pieces.collect::<Vec<u64>>(), billed)
        };
        let (shrinks, billed) = told("usage-shrinks");
        let [.., first, second] = shrinks.as_slice() else { panic!("two usages") };
        assert_eq!([*first, *second], [2 * billed, billed], "{spoken:?}");
        let (twice, billed) = told("usage-twice");
        assert_eq!(twice[twice.len() - 2..], [billed / 2, billed], "{spoken:?}");
        for fault in ["usage-early", "usage-late:20", "usage-after-done"] {
            let (counts, billed) = told(fault);
            assert_eq!(counts.last(), Some(&billed), "{spoken:?} {fault}");
        }
    }
}

#[test]
fn caps_hold_unless_they_are_ignored() {
    let sandbox = start();
    for spoken in ALL {
        for stream in [true, false] {
            for (fault, said) in [("", 7), ("tokens:5", 5), ("ignore-cap:90", 90)] {
                let got = spoken.ask(&sandbox, fault, stream, 7);
                assert!(end_is_whole(&got), "{spoken:?} {fault}");
                assert_eq!(last(&sandbox).billed.completion, said, "{spoken:?} {fault}");
                let counted = format!("\"{}\":{said}", spoken.counted());
                assert!(got.text().contains(&counted), "{spoken:?} {fault}");
            }
        }
    }
}

#[test]
fn a_client_that_leaves_an_endless_answer_is_billed_what_was_said() {
    let sandbox = start();
    for spoken in ALL {
        let headers = "anthropic-version: 2023-06-01\r\nx-sandbox-fault: endless+rate:200\r\n";
        let body = spoken.body(true, 9).to_string();
        let mut line = connect(&sandbox);
        line.send(&request_to(spoken.path(true), headers, &body));
        std::thread::sleep(Duration::from_millis(150));
        drop(line);
        let truth = last(&sandbox);
        assert_eq!(truth.outcome, Outcome::Aborted, "{spoken:?}");
        assert!((2..1000).contains(&truth.billed.completion), "{spoken:?} {truth:?}");
    }
}
