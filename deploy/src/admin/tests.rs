//! The client against a listener that answers what a test says and shows what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use super::*;

/// A listener that gives one answer to each connection, and tells the heads of what it was sent.
fn answering(answers: &'static [(u16, &str)]) -> (Admin, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = thread::spawn(move || {
        let answer = |(status, body): &(u16, &str)| {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let length = body.len();
            let elsewhere = "location: http://127.0.0.1:1/\r\nconnection: close";
            write!(
                stream,
                "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n{elsewhere}\r\n\r\n"
            )
            .and_then(|()| stream.write_all(body.as_bytes()))
            .unwrap();
            head.join("\n").to_lowercase()
        };
        answers.iter().map(answer).collect()
    });
    let server = Server { admin: Some(address), config: None, data: None, json: false };
    let known = Token::Known { secret: "s3cret".to_owned(), from: "a test".to_owned() };
    (Admin { token: known, ..server.find().unwrap() }, asked)
}

#[test]
fn an_address_is_host_and_port() {
    let parsed = |text: &str| parse_address(text, "--admin").ok();
    for (text, address) in [
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("http://gate.example:8081/", "gate.example:8081"),
        ("0.0.0.0:8081", "127.0.0.1:8081"),
        ("[::1]:5", "[::1]:5"),
    ] {
        assert_eq!(parsed(text).as_deref(), Some(address), "{text}");
    }
    for text in ["", "8081", ":8081", "host:port", "https://gate:1", "gate:1/x", "a b:1"] {
        assert_eq!(parsed(text), None, "{text}");
    }
}

#[test]
fn every_page_is_asked_for_with_the_token() {
    let (admin, asked) = answering(&[
        (200, r#"{"data":[1,2],"next":"7.0 &"}"#),
        (200, r#"{"data":[3],"next":null}"#),
    ]);
    let mut seen = Vec::new();
    let take = |page: &Answer| {
        seen.extend(page.value["data"].as_array().cloned().unwrap_or_default());
        Ok(())
    };
    admin.pages("/list", take).unwrap();
    assert_eq!(seen, [1, 2, 3]);
    let asked = asked.join().unwrap();
    assert!(asked[0].starts_with("get /list?limit=1000 http/1.1\n"), "{asked:?}");
    assert!(asked[1].starts_with("get /list?limit=1000&cursor=7.0%20%26 http/1.1\n"), "{asked:?}");
    assert!(asked.iter().all(|head| head.contains("\nauthorization: bearer s3cret")));
}

#[test]
fn a_redirect_is_not_followed() {
    let (admin, asked) = answering(&[(302, "{}")]);
    let Err(Fault::Told(what)) = admin.get("/x") else { panic!("it was followed") };
    assert!(what.contains("no admin port") && what.contains("302"), "{what}");
    assert_eq!(asked.join().unwrap().len(), 1);
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let (admin, _) = answering(&[
        (409, r#"{"error":{"message":"taken","code":"conflict"}}"#),
        (400, r#"{"error":{"message":"2 mistakes","complaints":["a; b","c; d"]}}"#),
        (200, "hello"),
    ]);
    let told = |path: &str| match admin.get(path) {
        Err(fault) => Mistake::from(fault).0,
        Ok(_) => "nothing".to_owned(),
    };
    assert_eq!(told("/1"), "taken");
    assert_eq!(told("/2"), "a; b\nc; d");
    assert!(told("/3").contains("no admin port"));
}
