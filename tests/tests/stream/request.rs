//! What the provider gets: every byte of the request but those that we bill and route by.

use tollgate_tests::config::{Config, Prices};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand};
use tollgate_tests::upstream::Upstream;

const MESSAGES: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

/// The body that the provider got for this one.
#[track_caller]
fn sent(stand: &Stand, path: &str, body: &str) -> String {
    let answer = stand.post(path, body.as_bytes());
    assert_eq!(answer.status(), 200, "{body}: {}", answer.text());
    let last = stand.upstream.requests().pop().unwrap();
    String::from_utf8(last.body).unwrap()
}

#[test]
fn what_we_do_not_know_goes_through_byte_for_byte() {
    let stand = Stand::start();
    for path in [CHAT, ROUTED_CHAT] {
        for body in [
            r#"{"model":"up/chat",M,"max_completion_tokens":20}"#,
            r#"{"max_completion_tokens":20,"zeta":1.000,"alpha":-0.0,"model":"up/chat",M}"#,
            r#"{"top_p":1e0,"big":12345678901234567890,"small":1E-7,M,"model":"up/chat","max_completion_tokens":20}"#,
            r#"{ "model" :  "up/chat" , "x" : { "b" : [ 1 , 2.50 ] , "a" : null } , M , "max_completion_tokens" : 20 }"#,
            "\r\n\t{\"model\":\"up/chat\",\n M,\n\t\"max_completion_tokens\":20\n}\n",
            r#"{"model":"up/chat","user":"\u00e9\/\ud83d\ude00 \"q\" \\ \b\f\n\r\t",M,"max_completion_tokens":20}"#,
            r#"{"model":"up/chat","métadonnées":"é😀","nested":{"model":"mine","n":9,"usage":1},M,"max_completion_tokens":20}"#,
            r#"{"model":"up/chat","logit_bias":{"50256":-100,"50256":100},M,"max_completion_tokens":20}"#,
            r#"{"model":"up/chat","prompt_cache_key":"k","safety_identifier":"s","user":"u","store":false,M,"max_completion_tokens":20}"#,
        ] {
            let body = body.replace('M', MESSAGES);
            let expected = body.replacen("\"up/chat\"", "\"chat\"", 1);
            assert_eq!(sent(&stand, path, &body), expected);
        }
    }
}

#[test]
fn the_model_is_replaced_however_it_was_escaped() {
    let stand = Stand::start();
    for (key, value) in
        [(r"mod\u0065l", "up/chat"), ("model", r"up\/chat"), ("model", r"\u0075p/chat")]
    {
        let rest = format!("{MESSAGES},\"max_completion_tokens\":20}}");
        let body = format!("{{\"{key}\":\"{value}\",{rest}");
        assert_eq!(sent(&stand, CHAT, &body), format!("{{\"{key}\":\"chat\",{rest}"));
    }
}

#[test]
fn there_is_always_one_cap_in_the_member_that_this_provider_reads() {
    let cap = "\"max_completion_tokens\":";
    let stand = Stand::start();
    let with = |more: &str| format!("{{\"model\":\"up/chat\",{MESSAGES}{more}}}");
    let expected = |more: &str| format!("{{\"model\":\"chat\",{MESSAGES}{more}}}");
    for (given, written) in [
        ("", format!(",{cap}16384")),
        (",\"max_tokens\":null", format!(",{cap}16384")),
        (",\"max_tokens\":20", format!(",{cap}20")),
        (",\"max_tokens\":20.0", format!(",{cap}20")),
        (",\"max_completion_tokens\":2e1", format!(",{cap}20")),
        (",\"max_tokens\":20,\"max_completion_tokens\":20", format!(",{cap}20")),
        (",\"max_completion_tokens\":99999999", format!(",{cap}16384")),
    ] {
        assert_eq!(sent(&stand, CHAT, &with(given)), expected(&written), "{given}");
    }
    let old = Stand::on(Upstream::start(), |config| {
        let catalog = config.catalog.replace("\"max_completion_tokens\"", "\"max_tokens\"");
        Config { catalog, ..config }
    });
    for (given, written) in [
        ("", ",\"max_tokens\":16384"),
        (",\"max_completion_tokens\":20", ",\"max_tokens\":20"),
        (",\"max_tokens\":20", ",\"max_tokens\":20"),
    ] {
        assert_eq!(sent(&old, CHAT, &with(given)), expected(written), "{given}");
    }
}

#[test]
fn a_stream_always_asks_for_its_usage() {
    let cap = "\"max_completion_tokens\":20";
    let asks = "\"stream_options\":{\"include_usage\":true}";
    let body = |more: &str| format!("{{\"model\":\"up/chat\",{MESSAGES},{cap}{more}}}");
    let expected = |more: &str| body(more).replace("up/chat", "chat");
    let stand = Stand::start();
    for (given, written) in [
        ("", String::new()),
        (",\"stream\":false", ",\"stream\":false".to_owned()),
        (",\"stream\":true", format!(",\"stream\":true,{asks}")),
        (",\"stream\":true,\"stream_options\":null", format!(",\"stream\":true,{asks}")),
        (
            ",\"stream\":true,\"stream_options\":{\"include_usage\":false,\"x\":1.0}",
            ",\"stream\":true,\"stream_options\":{\"include_usage\":true,\"x\":1.0}".to_owned(),
        ),
        (
            ",\"stream_options\":{ \"include_usage\" : true },\"stream\":true",
            ",\"stream_options\":{ \"include_usage\" : true },\"stream\":true".to_owned(),
        ),
    ] {
        for path in [CHAT, ROUTED_CHAT] {
            assert_eq!(sent(&stand, path, &body(given)), expected(&written), "{given}");
        }
    }
    let old = Stand::on(Upstream::start(), |config| {
        let catalog = config.catalog.replace("stream_usage = true", "stream_usage = false");
        Config { catalog, ..config }
    });
    let given = ",\"stream\":true,\"stream_options\":{\"include_usage\":true}";
    assert_eq!(sent(&old, CHAT, &body(given)), expected(",\"stream\":true"));
}

#[test]
fn what_is_ours_alone_never_leaves() {
    let stand = Stand::start();
    let cap = "\"max_completion_tokens\":20";
    let ours = "\"usage\":{\"include\":true},\"session_id\":\"s\",\"trace\":{\"a\":1},\
                \"debug\":{},\"models\":null,\"provider\":null,\"route\":null,\"plugins\":null,\
                \"transforms\":null,\"routing\":null";
    let expected = format!("{{\"model\":\"chat\",{MESSAGES},{cap}}}");
    for body in [
        format!("{{\"model\":\"up/chat\",{MESSAGES},{cap},{ours}}}"),
        format!("{{{ours},\"model\":\"up/chat\",{MESSAGES},{cap}}}"),
        format!("{{\"model\":\"up/chat\",{MESSAGES},{ours},{cap}}}"),
        format!("{{\"us\\u0061ge\":{{}},\"model\":\"up/chat\",{MESSAGES},{cap}}}"),
    ] {
        for path in [CHAT, ROUTED_CHAT] {
            assert_eq!(sent(&stand, path, &body), expected, "{body}");
        }
    }
}

#[test]
fn each_provider_gets_the_name_that_it_knows() {
    let stand = Stand::with(|config| {
        let odd = "odd \\\"name\\\"/é:1";
        config.model("alias/x/y:free", &[("up", odd)], &Prices::new("1", "2"), "")
    });
    let body = format!("{{\"model\":\"alias/x/y:free\",{MESSAGES},\"max_completion_tokens\":20}}");
    let got = sent(&stand, CHAT, &body);
    assert!(got.starts_with("{\"model\":\"odd \\\"name\\\"/é:1\","), "{got}");
}

#[test]
fn a_long_request_arrives_whole() {
    let stand = Stand::on(Upstream::start(), |config| Config {
        catalog: config.catalog.replace("context = 128000", "context = 4000000"),
        ..config
    });
    for size in [1_000, 16_384, 65_536, 1 << 20, 5 << 20] {
        let text = "é\\n😀x".chars().cycle().take(size / 3).collect::<String>();
        let text = text.trim_end_matches('\\');
        let body = format!(
            "{{\"model\":\"up/chat\",\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}],\
             \"max_completion_tokens\":20}}"
        );
        let got = sent(&stand, CHAT, &body);
        assert!(got == body.replacen("up/chat", "chat", 1), "{size}: {} bytes", got.len());
    }
}
