//! Usage objects as providers send them, each with its vector worked out by hand.

use units::TokenClass::{
    AudioInput, AudioOutput, CacheRead, CacheWrite, CacheWrite1h, ImageInput, ImageOutput, Input,
    Output, Reasoning, Search,
};
use units::{TokenClass, Tokens};

use super::*;

type Classes = [(TokenClass, u64)];

fn vector(classes: &Classes) -> Tokens {
    let mut tokens = Tokens::ZERO;
    classes.iter().for_each(|(class, count)| tokens[*class] = *count);
    tokens
}

#[track_caller]
fn is(told: Result<Usage, UsageFault>, classes: &Classes, is_odd: bool) {
    assert_eq!(told, Ok(Usage { tokens: vector(classes), is_odd }));
}

fn chat(usage: &str) -> Result<Usage, UsageFault> {
    chat_usage(usage.as_bytes(), true)
}

fn messages(usages: &[&str]) -> Result<Usage, UsageFault> {
    let mut all = MessagesUsage::default();
    for usage in usages {
        all.read(usage.as_bytes())?;
    }
    all.usage()
}

fn gemini(usage: &str) -> Result<Usage, UsageFault> {
    gemini_usage(usage.as_bytes())
}

#[test]
fn chat_usage_as_openai_tells_it() {
    is(
        chat(
            r#"{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,
            "prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":192,"audio_tokens":0,
                "accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#,
        ),
        &[(Input, 86), (CacheRead, 1920), (Output, 108), (Reasoning, 192)],
        false,
    );
    is(
        chat(
            r#"{"prompt_tokens":5000,"completion_tokens":10,"total_tokens":5010,
            "prompt_tokens_details":{"cached_tokens":1024,"cache_write_tokens":3000}}"#,
        ),
        &[(Input, 976), (CacheRead, 1024), (CacheWrite, 3000), (Output, 10)],
        false,
    );
    is(
        chat(
            r#"{"prompt_tokens":120,"completion_tokens":90,"total_tokens":210,
            "prompt_tokens_details":{"text_tokens":20,"audio_tokens":100},
            "completion_tokens_details":{"text_tokens":30,"audio_tokens":60}}"#,
        ),
        &[(Input, 20), (AudioInput, 100), (Output, 30), (AudioOutput, 60)],
        false,
    );
    is(
        chat(
            r#"{"prompt_tokens":1100,"completion_tokens":1290,"total_tokens":2390,
            "prompt_tokens_details":{"image_tokens":1000},
            "completion_tokens_details":{"image_tokens":1290}}"#,
        ),
        &[(Input, 100), (ImageInput, 1000), (ImageOutput, 1290)],
        false,
    );
    let plain = r#"{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,
        "prompt_tokens_details":null,"completion_tokens_details":null}"#;
    is(chat(plain), &[(Input, 9), (Output, 12)], false);
    is(embeddings_usage(br#"{"prompt_tokens":8,"total_tokens":8}"#), &[(Input, 8)], false);
}

#[test]
fn responses_usage_as_openai_tells_it() {
    let usage = br#"{"input_tokens":36,"input_tokens_details":{"cached_tokens":16,
        "cache_write_tokens":8},"output_tokens":87,
        "output_tokens_details":{"reasoning_tokens":64},"total_tokens":123}"#;
    is(
        responses_usage(usage, true),
        &[(Input, 12), (CacheRead, 16), (CacheWrite, 8), (Output, 23), (Reasoning, 64)],
        false,
    );
    assert_eq!(responses_usage(br#"{"prompt_tokens":1}"#, true), Err(UsageFault::Missing));
}

#[test]
fn chat_usage_of_those_who_tell_it_almost_so() {
    let deepseek = r#"{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
        "prompt_tokens_details":{"cached_tokens":64},
        "prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36}"#;
    for included in [true, false] {
        let told = chat_usage(deepseek.as_bytes(), included);
        is(told, &[(Input, 36), (CacheRead, 64), (Output, 20)], false);
    }
    let parts = r#"{"completion_tokens":2,"prompt_cache_hit_tokens":3,
        "prompt_cache_miss_tokens":4}"#;
    is(chat(parts), &[(Input, 4), (CacheRead, 3), (Output, 2)], false);
    // A relay in front of a provider that leaves the cache out of its input.
    let relay = r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,
        "prompt_tokens_details":{"cached_tokens":4000}}"#;
    is(chat(relay), &[(Input, 10), (CacheRead, 4000), (Output, 5)], true);
    let told = chat_usage(relay.as_bytes(), false);
    is(told, &[(Input, 10), (CacheRead, 4000), (Output, 5)], false);
    // Cached tokens beside the totals, and what a relay passes on of Anthropic's names.
    let beside = r#"{"prompt_tokens":19,"completion_tokens":21,"total_tokens":40,
        "cached_tokens":10}"#;
    is(chat(beside), &[(Input, 9), (CacheRead, 10), (Output, 21)], false);
    let passed_on = r#"{"prompt_tokens":100,"completion_tokens":5,"total_tokens":105,
        "prompt_tokens_details":{"cached_tokens":60},
        "cache_read_input_tokens":60,"cache_creation_input_tokens":25}"#;
    let vector = [(Input, 15), (CacheRead, 60), (CacheWrite, 25), (Output, 5)];
    is(chat(passed_on), &vector, false);
    let for_an_hour = |lifetimes: &str| {
        format!(
            r#"{{"prompt_tokens":100,"completion_tokens":5,"cache_creation_input_tokens":25,
            "prompt_tokens_details":{{"cached_tokens":60}},{lifetimes}}}"#
        )
    };
    let both = r#""cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":20}"#;
    let vector = [(Input, 15), (CacheRead, 60), (CacheWrite, 5), (CacheWrite1h, 20), (Output, 5)];
    is(chat(&for_an_hour(both)), &vector, false);
    let hour = r#""cache_creation":{"ephemeral_1h_input_tokens":20}"#;
    is(chat(&for_an_hour(hour)), &vector, false);
    let among_details = r#"{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{
        "cached_tokens":60,"cache_creation_tokens":25,"cache_creation_token_details":{
        "ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":20}}}"#;
    is(chat(among_details), &vector, false);
    let beyond = r#""cache_creation":{"ephemeral_1h_input_tokens":30}"#;
    let cut = [(Input, 15), (CacheRead, 60), (CacheWrite1h, 25), (Output, 5)];
    is(chat(&for_an_hour(beyond)), &cut, true);
    // Reasoning beside the output, as the grand total shows.
    let beside = r#"{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,
        "completion_tokens_details":{"reasoning_tokens":94}}"#;
    is(chat(beside), &[(Input, 32), (Output, 9), (Reasoning, 94)], false);
    let beside = r#"{"prompt_tokens":32,"completion_tokens":500,"total_tokens":582,
        "completion_tokens_details":{"reasoning_tokens":50}}"#;
    is(chat(beside), &[(Input, 32), (Output, 500), (Reasoning, 50)], false);
}

#[test]
fn parts_of_a_chat_usage_that_cannot_be_are_cut_and_marked() {
    let with = |details: &str| {
        chat(&format!(r#"{{"prompt_tokens":100,"completion_tokens":50,{details}}}"#))
    };
    let plain = [(Input, 100), (Output, 50)];
    for no_count in ["-3", "1.5", "\"4\"", "[]", "true", "99999999999999999999"] {
        let details = format!(r#""prompt_tokens_details":{{"cached_tokens":{no_count}}}"#);
        is(with(&details), &plain, true);
        let details = format!(r#""completion_tokens_details":{{"reasoning_tokens":{no_count}}}"#);
        is(with(&details), &plain, true);
    }
    is(with(r#""total_tokens":151"#), &plain, true);
    is(
        with(r#""completion_tokens_details":{"audio_tokens":40,"image_tokens":40}"#),
        &[(Input, 100), (AudioOutput, 40), (ImageOutput, 10)],
        true,
    );
    is(
        with(r#""completion_tokens_details":{"reasoning_tokens":60}"#),
        &[(Input, 100), (Output, 50), (Reasoning, 60)],
        true,
    );
    // What was cached may have been spoken; more than all of it may not.
    is(
        with(r#""prompt_tokens_details":{"cached_tokens":80,"audio_tokens":90}"#),
        &[(AudioInput, 20), (CacheRead, 80), (Output, 50)],
        false,
    );
    is(
        with(r#""prompt_tokens_details":{"audio_tokens":101}"#),
        &[(AudioInput, 100), (Output, 50)],
        true,
    );
}

#[test]
fn a_total_that_is_no_count_is_a_fault_and_never_a_zero() {
    for wrong in ["-1", "1.5", "\"7\"", "{}", "1e30", "9223372036854775807"] {
        let usage = format!(r#"{{"prompt_tokens":{wrong},"completion_tokens":1}}"#);
        assert_eq!(chat(&usage), Err(UsageFault::NotACount), "{usage}");
        let usage = format!(r#"{{"input_tokens":5,"output_tokens":{wrong}}}"#);
        assert_eq!(messages(&[&usage]), Err(UsageFault::NotACount), "{usage}");
        let usage = format!(r#"{{"promptTokenCount":2,"candidatesTokenCount":{wrong}}}"#);
        assert_eq!(gemini(&usage), Err(UsageFault::NotACount), "{usage}");
    }
    for nothing in ["{}", r#"{"prompt_tokens":null,"completion_tokens":3}"#] {
        assert_eq!(chat(nothing), Err(UsageFault::Missing));
        assert_eq!(messages(&[nothing]), Err(UsageFault::Missing));
        assert_eq!(gemini(nothing), Err(UsageFault::Missing));
    }
    assert_eq!(chat(r#"{"prompt_tokens":1"#), Err(UsageFault::NotACount));
}

#[test]
fn messages_usage_as_anthropic_tells_it() {
    let whole = r#"{"input_tokens":2095,"cache_creation_input_tokens":2051,
        "cache_read_input_tokens":1200,"cache_creation":{"ephemeral_5m_input_tokens":1500,
        "ephemeral_1h_input_tokens":500},"output_tokens":503,
        "output_tokens_details":{"thinking_tokens":120},
        "server_tool_use":{"web_search_requests":2},"service_tier":"standard"}"#;
    let vector = [
        (Input, 2095),
        (CacheRead, 1200),
        (CacheWrite, 1551),
        (CacheWrite1h, 500),
        (Output, 383),
        (Reasoning, 120),
        (Search, 2),
    ];
    is(messages(&[whole]), &vector, false);
    let start = r#"{"input_tokens":25,"cache_creation_input_tokens":100,
        "cache_read_input_tokens":7,"output_tokens":1}"#;
    let stream = [(Input, 25), (CacheRead, 7), (CacheWrite, 100), (Output, 15)];
    is(messages(&[start, r#"{"output_tokens":15}"#]), &stream, false);
    let repeats = r#"{"input_tokens":25,"cache_creation_input_tokens":0,
        "cache_read_input_tokens":null,"output_tokens":15}"#;
    is(messages(&[start, repeats]), &stream, false);
    // Known only at the end.
    let late = r#"{"input_tokens":25,"cache_read_input_tokens":7,
        "cache_creation_input_tokens":100,"output_tokens":15}"#;
    is(messages(&[r#"{"input_tokens":0,"output_tokens":0}"#, late]), &stream, false);
    is(
        messages(&[start, r#"{"input_tokens":20,"output_tokens":15}"#]),
        &[(Input, 20), (CacheRead, 7), (CacheWrite, 100), (Output, 15)],
        true,
    );
    let hour = r#"{"input_tokens":5,"cache_creation":{"ephemeral_1h_input_tokens":9},
        "output_tokens":1}"#;
    is(messages(&[hour]), &[(Input, 5), (CacheWrite1h, 9), (Output, 1)], false);
}

#[test]
fn parts_of_a_messages_usage_that_cannot_be_are_cut_and_marked() {
    let split = r#"{"input_tokens":5,"cache_creation_input_tokens":10,"cache_creation":
        {"ephemeral_5m_input_tokens":8,"ephemeral_1h_input_tokens":8},"output_tokens":1}"#;
    is(messages(&[split]), &[(Input, 5), (CacheWrite, 2), (CacheWrite1h, 8), (Output, 1)], true);
    let thinking = r#"{"input_tokens":5,"output_tokens":3,
        "output_tokens_details":{"thinking_tokens":4},"cache_read_input_tokens":-2}"#;
    is(messages(&[thinking]), &[(Input, 5), (Reasoning, 3)], true);
    let mut usage = MessagesUsage::default();
    usage.read(br#"{"input_tokens":5,"output_tokens":3}"#).unwrap();
    assert!(usage.read(br#"{"output_tokens":-4}"#).is_err());
    is(usage.usage(), &[(Input, 5), (Output, 3)], false);
}

#[test]
fn gemini_usage_as_google_tells_it() {
    is(
        gemini(
            r#"{"promptTokenCount":1000,"cachedContentTokenCount":600,"candidatesTokenCount":80,
            "thoughtsTokenCount":40,"toolUsePromptTokenCount":30,"totalTokenCount":1150,
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":1000}],
            "cacheTokensDetails":[{"modality":"TEXT","tokenCount":600}],
            "candidatesTokensDetails":[{"modality":"TEXT","tokenCount":80}]}"#,
        ),
        &[(Input, 430), (CacheRead, 600), (Output, 80), (Reasoning, 40)],
        false,
    );
    // Cached images are not paid for twice.
    is(
        gemini(
            r#"{"promptTokenCount":900,"cachedContentTokenCount":520,"candidatesTokenCount":10,
            "totalTokenCount":910,"promptTokensDetails":[{"modality":"TEXT","tokenCount":100},
            {"modality":"IMAGE","tokenCount":516},{"modality":"AUDIO","tokenCount":284}],
            "cacheTokensDetails":[{"modality":"IMAGE","tokenCount":258},
            {"modality":"AUDIO","tokenCount":262}]}"#,
        ),
        &[(Input, 100), (ImageInput, 258), (AudioInput, 22), (CacheRead, 520), (Output, 10)],
        false,
    );
    is(
        gemini(
            r#"{"promptTokenCount":14,"candidatesTokenCount":1300,"totalTokenCount":1314,
            "promptTokensDetails":[{"modality":"VIDEO","tokenCount":9}],
            "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290}]}"#,
        ),
        &[(Input, 14), (ImageOutput, 1290), (Output, 10)],
        false,
    );
    // Counts of zero are left out: an answer of thoughts alone, and one that was blocked.
    let thoughts = r#"{"promptTokenCount":5,"thoughtsTokenCount":70,"totalTokenCount":75}"#;
    is(gemini(thoughts), &[(Input, 5), (Reasoning, 70)], false);
    is(gemini(r#"{"promptTokenCount":5,"totalTokenCount":5}"#), &[(Input, 5)], false);
    // Thoughts among the candidates, as the grand total shows.
    let inside = r#"{"promptTokenCount":5,"candidatesTokenCount":100,"thoughtsTokenCount":70,
        "totalTokenCount":105}"#;
    is(gemini(inside), &[(Input, 5), (Output, 30), (Reasoning, 70)], true);
}

#[test]
fn parts_of_a_gemini_usage_that_cannot_be_are_cut_and_marked() {
    let cached = r#"{"promptTokenCount":5,"cachedContentTokenCount":9,"candidatesTokenCount":1}"#;
    is(gemini(cached), &[(CacheRead, 5), (Output, 1)], true);
    let spoken = r#"{"promptTokenCount":5,"candidatesTokenCount":1,
        "promptTokensDetails":[{"modality":"AUDIO","tokenCount":-9},7]}"#;
    is(gemini(spoken), &[(Input, 5), (Output, 1)], true);
    is(gemini(r#"{"promptTokenCount":5,"totalTokenCount":99}"#), &[(Input, 5)], true);
}

/// Whatever a provider sends: an answer or a fault, and no class beyond what was told.
#[test]
fn no_usage_object_breaks_a_reader_or_makes_tokens() {
    const OBJECT: &str = r#"{"prompt_tokens":50,"completion_tokens":40,"total_tokens":90,
        "prompt_tokens_details":{"cached_tokens":8,"audio_tokens":7},"input_tokens":50,
        "output_tokens":40,"cache_read_input_tokens":9,"cache_creation":{
        "ephemeral_1h_input_tokens":6},"promptTokenCount":50,"candidatesTokenCount":40,
        "thoughtsTokenCount":5,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":3}]}"#;
    const SIGNS: &[u8] = br#"{}[]":,-.0e9\n "#;
    for at in 0..OBJECT.len() {
        for sign in SIGNS {
            let mut object = OBJECT.as_bytes().to_vec();
            object[at] = *sign;
            let mut message = MessagesUsage::default();
            let read = message.read(&object).and_then(|()| message.usage());
            for told in [
                chat_usage(&object, true),
                chat_usage(&object, false),
                responses_usage(&object, true),
                gemini_usage(&object),
                read,
            ] {
                // One sign can turn a count of two digits into one of at most 9e9.
                let most = |tokens: &Tokens| tokens.input_total().max(tokens.output_total());
                assert!(told.is_ok_and(|usage| most(&usage.tokens) < 1 << 36) || told.is_err());
            }
        }
    }
}
