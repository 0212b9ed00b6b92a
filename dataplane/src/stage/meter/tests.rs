//! What is counted of an answer, whose count is believed, and at which tier it is charged.

use super::*;

fn meter(chunks: &[&str]) -> Meter {
    let mut meter = Meter::new(true, false);
    for chunk in chunks {
        meter.observe(chunk.as_bytes(), &Answer::read(chunk.as_bytes()).unwrap());
    }
    meter
}

fn held_for(output_cap: u64, choices: u64) -> Allowed {
    Allowed { input_tokens: 100, output_cap, choices, inputs: 1 }
}

fn told(input: u64, output: u64) -> Tokens {
    let mut tokens = Tokens::ZERO;
    (tokens[TokenClass::Input], tokens[TokenClass::Output]) = (input, output);
    tokens
}

#[test]
fn a_usage_far_beyond_what_was_held_for_is_odd() {
    let short = meter(&[r#"{"choices":[{"delta":{"content":"ten bytes."}}]}"#]);
    let likely = |input, output| short.is_likely(&told(input, output), held_for(16, 1));
    assert!(likely(90, 16) && likely(4_296, 32));
    assert!(!likely(4_297, 16) && !likely(250_000, 16));
    assert!(!likely(90, 33) && !likely(90, 250_000));
    let text = "x".repeat(500);
    let long = meter(&[&format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#)]);
    assert!(long.is_likely(&told(90, 400), held_for(16, 1)), "what was delivered shows it");
}

#[test]
fn a_prompt_that_is_repeated_is_not_the_models_work() {
    let text = "x".repeat(4000);
    let mut meter = meter(&[&format!(r#"{{"choices":[{{"text":"{text}"}}]}}"#)]);
    assert!(meter.is_beyond(held_for(16, 1).output_tokens()) && meter.output_estimate() == 1000);
    meter.echoed_bytes = 3960;
    assert!(!meter.is_beyond(held_for(16, 1).output_tokens()));
    assert_eq!(meter.output_estimate(), 10);
    meter.echoed_bytes = 12_000;
    assert_eq!((meter.output_estimate(), meter.has_content()), (0, false));
}

#[test]
fn vectors_have_no_output_and_a_chat_without_a_count_of_it_has_no_usage() {
    let answer = r#"{"data":[],"usage":{"prompt_tokens":7,"total_tokens":7}}"#;
    let mut vectors = Meter::new(false, false);
    vectors.has_vectors = true;
    vectors.observe(answer.as_bytes(), &Answer::read(answer.as_bytes()).unwrap());
    assert_eq!(vectors.usage.unwrap().unwrap().tokens, told(7, 0));
    assert_eq!(meter(&[answer]).usage, Some(Err(UsageFault::Missing)));
}

#[test]
fn what_comes_after_a_usage_that_cannot_count_it_is_added() {
    let text = |finish| {
        let content = "y".repeat(400);
        format!(r#"{{"choices":[{{"delta":{{"content":"{content}"}},"finish_reason":{finish}}}]}}"#)
    };
    let usage = r#"{"usage":{"prompt_tokens":50,"completion_tokens":1}}"#;
    let since = |meter: Meter| meter.since_usage(&told(50, 1), 1);
    assert_eq!(since(meter(&[usage, &text("null"), &text("null")])), (200, 0));
    let told_first = meter(&[usage, &text("null"), &text("\"stop\"")]);
    assert_eq!(since(told_first), (200, 0), "a count before the answer cannot be of it");
    let told_amid = meter(&[&text("null"), usage, &text("\"stop\"")]);
    assert_eq!(since(told_amid), (0, 0), "the provider counts what it delivered");
    assert_eq!(since(meter(&[&text("null"), &text("null"), usage])), (0, 0));
}

#[test]
fn the_last_usage_and_the_first_id_count() {
    let meter = meter(&[
        r#"{"id":"a","choices":[{"delta":{"content":"hi"}}],"usage":null}"#,
        r#"{"id":"b","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#,
    ]);
    assert_eq!(meter.usage.unwrap().unwrap().tokens.input_total(), 5);
    assert!(!meter.is_usage_odd);
    assert_eq!(meter.upstream_id.as_bytes(), b"a");
    assert_eq!(meter.output_estimate(), 1);
}

#[test]
fn a_usage_that_says_nothing_or_less_does_not_replace_one_in_silence() {
    let usage = |input, output| {
        format!(r#"{{"usage":{{"prompt_tokens":{input},"completion_tokens":{output}}}}}"#)
    };
    let cases = [
        ([usage(9, 1), usage(9, 4)], 4, false),
        ([usage(9, 4), usage(9, 3)], 3, true),
        ([usage(9, 4), usage(0, 0)], 4, true),
        ([usage(9, 4), usage(-1, 5)], 4, true),
        ([usage(-1, 5), usage(9, 4)], 4, false),
    ];
    for (told, output, is_odd) in cases {
        let meter = meter(&[&told[0], &told[1]]);
        let counted = meter.usage.unwrap().unwrap().tokens.output_total();
        assert_eq!((counted, meter.is_usage_odd), (output, is_odd), "{told:?}");
    }
}

#[test]
fn the_tier_that_served_is_charged_but_none_that_was_not_held_for() {
    let row = r#"{"input":"10","output":"10","service_tier":{"flex":{"input":"5"},
        "priority":{"input":"20"}}}"#;
    let table = PriceTable::from_row(&serde_json::from_str(row).unwrap());
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = 1;
    let charged = |asked, served| {
        let (tier, cost) = charged_at(&table, &tokens, served, asked);
        (tier, cost.pico() / 1_000_000)
    };
    use ServiceTier::{Default, Flex, Priority, Scale};
    assert_eq!(charged(Default, Default), (Default, 10));
    assert_eq!(charged(Priority, Priority), (Priority, 20));
    assert_eq!(charged(Priority, Default), (Default, 10));
    assert_eq!(charged(Priority, Flex), (Flex, 5));
    assert_eq!(charged(Default, Flex), (Flex, 5));
    assert_eq!(charged(Default, Priority), (Default, 10));
    assert_eq!(charged(Flex, Priority), (Default, 10));
    assert_eq!(charged(Flex, Scale), (Scale, 10), "what has no price costs as the default");
}

#[test]
fn what_a_tool_is_called_with_is_counted_and_not_the_json_around_it() {
    let call = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_123456789",
        "type":"function","function":{"name":"find","arguments":"{\"a\":"}}]}}]}"#;
    let more = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,
        "function":{"arguments":"1234"}}]}}]}"#;
    assert_eq!(meter(&[call, more]).text_bytes, 4 + 7 + 4);
    assert!(
        !meter(&[more; 100]).is_beyond(held_for(100, 1).output_tokens()),
        "one token in each chunk"
    );
}

#[test]
fn sound_is_counted_apart_from_what_is_said_in_it() {
    let chunk = format!(
        r#"{{"choices":[{{"delta":{{"audio":{{"id":"a","data":"{}","transcript":"well"}}}}}}]}}"#,
        "A".repeat(6400)
    );
    let meter = meter(&[chunk.as_str(); 3]);
    assert_eq!((meter.text_estimate(), meter.sound_estimate()), (3, 6));
    assert!(!meter.is_beyond(held_for(12, 1).output_tokens()) && meter.has_content());
}

#[test]
fn a_picture_alone_is_something_delivered() {
    let mut meter = meter(&[]);
    assert!(!meter.has_content());
    meter.hear(&Event::Image { media_type: "image/png".into(), data: "AAAA".into() });
    assert!(meter.has_content());
}

#[test]
fn tokens_that_come_in_pieces_are_not_taken_for_more() {
    let letter = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
    assert!(!meter(&[letter; 605]).is_beyond(held_for(100, 1).output_tokens()));
    assert!(meter(&[letter; 606]).is_beyond(held_for(100, 1).output_tokens()));
}

#[test]
fn an_ignored_cap_is_noticed_by_chunks_and_by_bytes() {
    let chunk = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
    assert!(!meter(&[chunk; 53]).is_beyond(held_for(8, 1).output_tokens()));
    assert!(meter(&[chunk; 54]).is_beyond(held_for(8, 1).output_tokens()));
    assert!(!meter(&[chunk; 54]).is_beyond(held_for(16, 2).output_tokens()));
    let long = format!(r#"{{"choices":[{{"delta":{{"content":"{}"}}}}]}}"#, "x".repeat(200));
    assert!(meter(&[&long]).is_beyond(held_for(8, 1).output_tokens()));
}
