//! Ways for a client to send and to read: none of them changes the answer.

use std::thread::sleep;
use std::time::Duration;

use tollgate_tests::client::{Answer, Client, Cut};
use tollgate_tests::stand::{CHAT, Stand, hello, hello_stream};

use crate::look::{choices_of, member};

/// Long enough that two writes are two packets.
const PAUSE: Duration = Duration::from_millis(1);

/// What of an answer is the same each time.
#[track_caller]
fn gist(answer: &Answer) -> String {
    assert_eq!((answer.status(), answer.cut), (200, None), "{}", answer.text());
    if answer.head.header("content-type") == Some("application/json") {
        return member(answer.text(), "choices").unwrap().to_owned();
    }
    choices_of(answer).concat()
}

fn read(client: &mut Client) -> Answer {
    client.read_answer().expect("an answer")
}

/// The same request in chunks of these sizes, the last one repeated.
fn in_chunks(stand: &Stand, body: &str, sizes: &[usize]) -> Vec<u8> {
    let key = &stand.customer.key;
    let mut request = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: t\r\nx-api-key: {key}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    let (mut rest, mut sizes) = (body.as_bytes(), sizes.iter().copied());
    let mut size = 1;
    while !rest.is_empty() {
        size = sizes.next().unwrap_or(size).min(rest.len());
        let (chunk, after) = rest.split_at(size);
        request.extend_from_slice(format!("{size:x};ext=v\r\n").as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
        rest = after;
    }
    request.extend_from_slice(b"0\r\nx-trailer: y\r\n\r\n");
    request
}

#[test]
fn a_request_split_at_any_byte_gets_the_same_answer() {
    let stand = Stand::start();
    let key = &stand.customer.key;
    let body = r#"{"model":"up/chat","messages":[{"role":"user","content":"hi"}],"seed":7,"max_tokens":4}"#;
    let whole = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: t\r\nx-api-key: {key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes();
    let chunked = in_chunks(&stand, body, &[3, 20, 1, 40]);
    let expected = gist(&stand.send(&whole));
    let mut client = stand.gateway.connect();
    for request in [&whole, &chunked] {
        for split in 1..request.len() {
            let (first, second) = request.split_at(split);
            client.send(first);
            sleep(PAUSE);
            client.send(second);
            assert_eq!(gist(&read(&mut client)), expected, "split at {split}");
        }
        for byte in request {
            client.send(std::slice::from_ref(byte));
            sleep(PAUSE / 5);
        }
        assert_eq!(gist(&read(&mut client)), expected);
    }
}

#[test]
fn a_body_in_chunks_is_the_same_body() {
    let stand = Stand::start();
    let body = hello().to_string();
    let expected = gist(&stand.chat(&hello()));
    let mut client = stand.gateway.connect();
    for sizes in [&[1][..], &[2, 3, 5], &[body.len()], &[body.len() - 1, 1], &[16, 1]] {
        client.send(&in_chunks(&stand, &body, sizes));
        assert_eq!(gist(&read(&mut client)), expected, "{sizes:?}");
        let last = stand.upstream.requests().pop().unwrap();
        assert!(String::from_utf8(last.head).unwrap().contains("content-length: "));
    }
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    let stand = Stand::start();
    let post = |body: &str| stand.request("POST", CHAT, body.as_bytes());
    let unknown = |name: &str| post(&hello().to_string().replace("up/chat", name));
    let requests = [
        post(&hello().to_string()),
        unknown("first"),
        post(&hello_stream().to_string()),
        stand.request("GET", "/health", b""),
        in_chunks(&stand, &hello().to_string(), &[7]),
        unknown("second"),
        stand.request("GET", "/v1/models", b""),
        post(&hello_stream().to_string()),
    ];
    let whole = gist(&stand.chat(&hello()));
    let streamed = gist(&stand.chat(&hello_stream()));
    let check = |client: &mut Client| {
        let answers: Vec<_> = requests.iter().map(|_| read(client)).collect();
        for place in [0, 4] {
            assert_eq!(gist(&answers[place]), whole);
        }
        for place in [2, 7] {
            assert_eq!(gist(&answers[place]), streamed);
        }
        assert!(answers[1].text().contains("`first`") && answers[5].text().contains("`second`"));
        assert!(answers[3].text().contains("ok") && answers[6].text().contains("up/chat"));
    };
    let mut client = stand.gateway.connect();
    client.send(&requests.concat());
    check(&mut client);
    for piece in requests.concat().chunks(97) {
        client.send(piece);
        sleep(PAUSE);
    }
    check(&mut client);
}

#[test]
fn a_client_that_waits_for_leave_gets_it() {
    let stand = Stand::start();
    let body = hello().to_string();
    let head = |key: &str| {
        let length = body.len();
        format!(
            "POST {CHAT} HTTP/1.1\r\nhost: t\r\nx-api-key: {key}\r\nexpect: 100-continue\r\n\
             content-length: {length}\r\n\r\n"
        )
    };
    let expected = gist(&stand.chat(&hello()));
    let mut client = stand.gateway.connect();
    client.send(head(&stand.customer.key).as_bytes());
    sleep(Duration::from_millis(100));
    client.send(body.as_bytes());
    let answer = read(&mut client);
    assert_eq!((answer.head.informational, gist(&answer)), (1, expected.clone()));
    client.send(format!("{}{body}", head(&stand.customer.key)).as_bytes());
    assert_eq!(gist(&read(&mut client)), expected, "who did not wait is answered all the same");
    // Who will not be served is told so before the body is sent.
    let mut refused = stand.gateway.connect();
    refused.send(head("sk-nobody").as_bytes());
    let answer = read(&mut refused);
    assert_eq!((answer.status(), answer.head.informational), (401, 0));
    assert!(refused.is_closed(), "the body that was announced will not be read");
}

#[test]
fn an_old_client_gets_what_it_can_read() {
    let stand = Stand::start();
    let expected = gist(&stand.chat(&hello_stream()));
    let request = |keep: &str, body: &str| {
        let key = &stand.customer.key;
        let length = body.len();
        format!(
            "POST {CHAT} HTTP/1.0\r\nx-api-key: {key}\r\n{keep}content-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    };
    let mut client = stand.gateway.connect();
    for _ in 0..2 {
        client.send(&request("connection: keep-alive\r\n", &hello().to_string()));
        let answer = read(&mut client);
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.head.header("connection"), Some("keep-alive"));
    }
    client.send(&request("connection: keep-alive\r\n", &hello_stream().to_string()));
    let streamed = read(&mut client);
    assert_eq!(gist(&streamed), expected);
    assert_eq!(streamed.head.header("transfer-encoding"), None);
    assert_eq!(streamed.head.header("connection"), Some("close"));
    let mut client = stand.gateway.connect();
    client.send(&request("", &hello().to_string()));
    assert_eq!(read(&mut client).status(), 200);
    assert!(client.is_closed());
}

#[test]
fn the_last_request_of_a_connection_is_answered_whole() {
    let stand = Stand::start();
    for body in [hello(), hello_stream()] {
        let expected = gist(&stand.chat(&body));
        let request = stand.request("POST", CHAT, body.to_string().as_bytes());
        let text = String::from_utf8(request.clone()).unwrap();
        let mut client = stand.gateway.connect();
        client.send(text.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes());
        let answer = read(&mut client);
        assert_eq!(gist(&answer), expected);
        assert_eq!(answer.head.header("connection"), Some("close"));
        assert!(client.is_closed());
        // Who says that it will send no more still reads.
        let mut client = stand.gateway.connect();
        client.send(&request);
        client.half_close();
        assert_eq!(gist(&read(&mut client)), expected);
        assert!(client.is_closed());
    }
}

#[test]
fn a_body_that_ends_too_soon_is_no_request() {
    let stand = Stand::start();
    let request = stand.request("POST", CHAT, hello().to_string().as_bytes());
    let mut client = stand.gateway.connect();
    client.send(&request[..request.len() - 1]);
    client.half_close();
    match client.read_answer() {
        Ok(answer) => assert_eq!(answer.status(), 400),
        Err(cut) => assert_eq!(cut, Cut::Closed),
    }
    assert!(stand.upstream.requests().is_empty());
    assert_eq!(stand.chat(&hello()).status(), 200);
}
