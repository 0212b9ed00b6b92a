//! Answers that only some providers give, written out byte by byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tollgate_tests::client::Answer;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello, hello_stream};
use tollgate_tests::upstream::Upstream;

use crate::look::{DONE, error_at_the_end, member};

/// A provider that gives these answers, one a connection, whatever it is asked.
fn scripted(answers: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept() else { return };
            if read_request(&mut stream).is_some() {
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    addr
}

/// Reads a request to the end of its body.
fn read_request(stream: &mut TcpStream) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        // Every body that the gateway sends ends its object, and nothing else ends so.
        if bytes.ends_with(b"}") {
            return Some(());
        }
    }
}

/// A gateway before a provider of these answers.
pub(crate) fn stand(answers: Vec<String>) -> Stand {
    limited(answers, "")
}

/// The same, with these limits.
pub(crate) fn limited(answers: Vec<String>, limits: &str) -> Stand {
    let url = format!("http://{}/v1", scripted(answers));
    let unused = Upstream::start();
    let (from, to) = (unused.base_url(), url);
    Stand::on(unused, |mut config| {
        config.catalog = config.catalog.replace(&from, &to);
        config.limits = limits.to_owned();
        config
    })
}

pub(crate) const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
                       connection: close\r\n\r\n";
pub(crate) const FINISH: &str =
    r#"data: {"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

/// A stream of one event and a good end, which lasts until its connection does.
fn stream_of(event: &str) -> String {
    format!("{EVENTS}{event}\n\n{FINISH}\n\ndata: [DONE]\n\n")
}

/// The first event that the client got.
#[track_caller]
fn first_event(answer: &Answer) -> String {
    assert_eq!((answer.status(), answer.cut), (200, None), "{}", answer.text());
    let events = answer.events();
    assert_eq!(events.last().map(String::as_str), Some(DONE), "{events:?}");
    events[0].clone()
}

#[test]
fn an_event_is_passed_on_however_it_is_written() {
    let choices = r#""choices":[{"index":0,"delta":{"content":"x: \"y\"\\n"}}]"#;
    let cases = [
        (
            format!(r#"data:{{"model":"m",{choices}}}"#),
            format!(r#"{{"model":"up/chat",{choices}}}"#),
        ),
        (
            format!("event: message\nid: 7\nretry: 9\ndata: {{\"model\":\"m\",{choices}}}\nodd"),
            format!(r#"{{"model":"up/chat",{choices}}}"#),
        ),
        (
            format!("data: {{\"model\":\"m\",\ndata:  {choices},\ndata: \"last\":1}}"),
            format!("{{\"model\":\"up/chat\",  {choices}, \"last\":1}}"),
        ),
        (
            format!("data: {{ \"model\" : \"m\" , {choices} , \"z\" : 1.0 }} "),
            format!("{{ \"model\" : \"up/chat\" , {choices} , \"z\" : 1.0 }} "),
        ),
        (format!("data: {{{choices}}}"), format!("{{{choices}}}")),
        (
            format!(
                r#"data: {{"error":null,{choices},"usage":{{"prompt_tokens":1}},"model":"m"}}"#
            ),
            format!(r#"{{{choices},"model":"up/chat"}}"#),
        ),
        (
            format!(r#"data: {{"usage":null,"error":null,"model":null,{choices}}}"#),
            format!(r#"{{"model":"up/chat",{choices}}}"#),
        ),
    ];
    let stand = stand(cases.iter().map(|(event, _)| stream_of(event)).collect());
    for (event, expected) in cases {
        assert_eq!(first_event(&stand.chat(&hello_stream())), expected, "{event}");
    }
}

#[test]
fn a_streams_body_may_end_in_any_way_that_http_knows() {
    let events = format!("{FINISH}\n\ndata: [DONE] \n\n");
    let kind = "content-type: Text/Event-Stream";
    let chunk = |text: &str| format!("{:X}\r\n{text}\r\n", text.len());
    let (front, back) = events.split_at(20);
    let stand = stand(vec![
        format!("HTTP/1.0 200 Fine\r\n{kind}\r\n\r\n{events}"),
        format!("HTTP/1.1 200 \r\n{kind}\r\nContent-Length: {}\r\n\r\n{events}", events.len()),
        format!(
            "HTTP/1.1 200 OK\r\n{kind}\r\nTransfer-Encoding: Chunked\r\n\r\n{}{}0\r\nx: y\r\n\r\n",
            chunk(front),
            chunk(back)
        ),
        format!("HTTP/1.1 200 OK\r\n{kind}\r\n\r\n{FINISH}\n\n"),
    ]);
    for _ in 0..4 {
        let event = first_event(&stand.chat(&hello_stream()));
        assert_eq!(member(&event, "model"), Some("\"up/chat\""), "{event}");
    }
}

#[test]
fn a_whole_answer_is_read_as_json_and_nothing_else() {
    let body =
        "{\n  \"id\": \"x\",\n  \"model\": \"m\",\n  \"error\": null,\n  \"choices\": [ {} ]\n}\n";
    let ok = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
    let fails = ["<html>fine</html>", "", "[]", "{\"choices\":[]}", "{\"choices\":[{}]"];
    let mut answers = vec![ok.clone(), ok];
    answers.extend(fails.map(|body| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}")));
    answers.push("HTTP/1.1 204 No Content\r\n\r\n".to_owned());
    answers
        .push("HTTP/1.1 302 Found\r\nlocation: http://x/\r\ncontent-length: 0\r\n\r\n".to_owned());
    let count = answers.len();
    let stand = stand(answers);
    let good = stand.chat(&hello());
    let expected = body.replace("\"m\"", "\"up/chat\"").replace(",\n  \"error\": null", "");
    assert_eq!(good.text(), expected);
    let routed = stand.post(ROUTED_CHAT, hello().to_string().as_bytes());
    assert_eq!(routed.status(), 200, "{}", routed.text());
    assert!(routed.json()["usage"]["prompt_tokens"].is_u64(), "told though nobody told us");
    for _ in 2..count {
        check_refusal(&stand.chat(&hello()), Form::OpenAi, 502, "provider_error");
    }
}

#[test]
fn a_providers_words_are_passed_on_as_far_as_there_are_any() {
    let refuse = |status: u16, body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 {status} No\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
    };
    let long = format!("{{\"error\":{{\"message\":\"{}\"}}}}", "é".repeat(5000));
    let cases = [
        (refuse(400, "[{\"error\":{\"message\":\"in a list\"}}]"), 400, "in a list"),
        (refuse(422, "{\"error\":\"a text\"}"), 422, "a text"),
        (refuse(400, "{\"message\":\"bare\"}"), 400, "bare"),
        (refuse(400, "<html>no</html>"), 400, "the provider answered 400"),
        (refuse(413, ""), 413, "the provider answered 413"),
        (refuse(400, &long), 400, "éé"),
        (refuse(500, "{\"error\":{\"message\":\"deep\"}}"), 502, "deep"),
        (refuse(401, "{\"error\":{\"message\":\"key sk-secret\"}}"), 502, "own key"),
    ];
    let stand = stand(cases.iter().map(|(answer, ..)| answer.clone()).collect());
    for (_, status, message) in cases {
        let answer = stand.post(CHAT, hello().to_string().as_bytes());
        let code = if status == 502 { "provider_error" } else { "invalid_request" };
        let error: Value = check_refusal(&answer, Form::OpenAi, status, code);
        let said = error["message"].as_str().unwrap();
        assert!(said.contains(message) && said.len() < 2000, "{said}");
        assert!(!said.contains("sk-secret"), "{said}");
        assert_eq!(error["origin"], "upstream");
    }
}

#[test]
fn an_error_after_content_ends_the_stream_and_one_before_is_a_status() {
    let content = r#"data: {"model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
    let error = r#"data: {"error":{"message":"too hot","code":500}}"#;
    let stand = stand(vec![
        format!("{EVENTS}{content}\n\n{error}\n\n{content}\n\ndata: [DONE]\n\n"),
        format!("{EVENTS}: hello\n\n{error}\n\ndata: [DONE]\n\n"),
        format!("{EVENTS}data: [DONE]\n\n"),
        format!("{EVENTS}data: no json\n\n"),
        stream_of(content),
        format!("{EVENTS}{content}\n\ndata: no json\n\n"),
    ]);
    let events = error_at_the_end(&stand.chat(&hello_stream()), "provider_error");
    assert_eq!(events.len(), 1, "what came before was passed on, what came after was not");
    for said in ["too hot", "before its first event", "not a JSON object"] {
        let answer = stand.chat(&hello_stream());
        let error = check_refusal(&answer, Form::OpenAi, 502, "provider_error");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
    }
    let answer = stand.chat(&hello());
    check_refusal(&answer, Form::OpenAi, 502, "provider_error");
    error_at_the_end(&stand.chat(&hello_stream()), "provider_error");
}

#[test]
fn chunks_that_differ_in_nothing_but_their_text_are_told_from_those_that_differ_elsewhere() {
    let chunk = |delta: &str, rest: &str| {
        format!(r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{delta}{rest}}}]}}"#)
    };
    let text = |content: &str| format!(r#"{{"content":"{content}"}}"#);
    let chunks = [
        chunk(r#"{"role":"assistant","content":""}"#, ""),
        chunk(&text("plain"), ""),
        chunk(&text(""), ""),
        chunk(&text(r#"\"}}],\"usage\":{}"#), ""),
        chunk(&text(r"back\\slash\u00e9 é 😀"), ""),
        chunk(r#"{"content":"two","model":"m"}"#, ""),
        chunk(&text("plain"), r#","logprobs":null"#),
        chunk(&text("other"), ""),
        chunk(&text("plain"), r#","finish_reason":null"#),
        chunk(r#"{"content":null}"#, ""),
        chunk(r#"{"content":"a","content":"b"}"#, ""),
        chunk(&text("plain"), "").replace("\"index\":0", "\"index\":1"),
        chunk(&text("last"), ""),
        chunk("{}", r#","finish_reason":"stop""#),
    ];
    let sent: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    let stand = stand(vec![format!("{EVENTS}{sent}data: [DONE]\n\n")]);
    let events = stand.chat(&hello_stream()).events();
    let expected = chunks.map(|chunk| chunk.replacen("\"m\"", "\"up/chat\"", 1));
    assert_eq!(events[..events.len() - 1], expected);
}
