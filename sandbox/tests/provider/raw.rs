//! A client of bytes: sends what it is told, and says exactly how the answer ended.
#![expect(clippy::unwrap_used, reason = "tests only: what fails here fails the test")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use sandbox::{Handle, Settings};
use serde_json::Value;
use wire::body::BodyDecoder;
use wire::head::{HeadLimits, Parsed, ResponseHead};

const LIMITS: HeadLimits = HeadLimits { bytes: 60_000, fields: 100 };
const PATIENCE: Duration = Duration::from_secs(5);

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    /// The connection was closed before the body's end.
    Closed,
    Reset,
    /// The framing is broken.
    Broken,
    /// Nothing more came.
    Silent,
}

/// An answer, or as much of it as came.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) informational: usize,
    pub(crate) end: End,
    /// How many reads it took.
    pub(crate) reads: usize,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The JSON of all events but `[DONE]`; the second value says whether that came.
    pub(crate) fn events(&self) -> (Vec<Value>, bool) {
        let text = self.text().trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let text = text.replace('\r', "\n");
        let lines = text.split('\n').filter_map(|line| line.strip_prefix("data: "));
        let (done, events): (Vec<_>, Vec<_>) = lines.partition(|line| *line == "[DONE]");
        let events = events.iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
        (events, done.len() == 1)
    }

    /// The text of one choice of a stream.
    pub(crate) fn said(&self, index: u64) -> String {
        let (events, _) = self.events();
        let choices = events.iter().filter_map(|event| event["choices"].get(0));
        let ours = choices.filter(|choice| choice["index"] == index);
        ours.filter_map(|choice| choice["delta"]["content"].as_str()).collect()
    }

    /// All usages of a stream that are not null.
    pub(crate) fn usages(&self) -> Vec<Value> {
        let (events, _) = self.events();
        events.into_iter().map(|mut e| e["usage"].take()).filter(|usage| !usage.is_null()).collect()
    }
}

impl Got {
    /// The usage of a stream or of a whole answer.
    pub(crate) fn usages_of_any_kind(&self) -> Value {
        match self.head.contains("event-stream") {
            true => self.usages().remove(0),
            false => self.json()["usage"].take(),
        }
    }
}

/// Whether the answer came to its end.
pub(crate) fn end_is_whole(got: &Got) -> bool {
    got.end == End::Whole && got.status == 200
}

pub(crate) fn start() -> Handle {
    start_with(Settings::burst())
}

pub(crate) fn start_with(settings: Settings) -> Handle {
    sandbox::spawn(SocketAddr::from(([127, 0, 0, 1], 0)), settings).unwrap()
}

/// A chat body with `rest` after the messages.
pub(crate) fn chat(rest: &str) -> String {
    format!(r#"{{"model":"chat","messages":[{{"role":"user","content":"why is it so?"}}]{rest}}}"#)
}

pub(crate) fn streamed(rest: &str) -> String {
    chat(&format!(r#","stream":true,"stream_options":{{"include_usage":true}}{rest}"#))
}

/// A request's bytes; `headers` end in CR LF.
pub(crate) fn request(headers: &str, body: &str) -> Vec<u8> {
    request_to("/v1/chat/completions", headers, body)
}

/// The same to another path.
pub(crate) fn request_to(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\n");
    format!("{head}{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// One request to a path, on a connection of its own.
pub(crate) fn ask_at(to: &Handle, path: &str, headers: &str, body: &Value) -> Got {
    let mut line = connect(to);
    line.send(&request_to(path, headers, &body.to_string()));
    line.read()
}

/// The first value with the members of the second in place of its own.
pub(crate) fn with(mut body: Value, rest: Value) -> Value {
    if let (Some(members), Value::Object(rest)) = (body.as_object_mut(), rest) {
        members.extend(rest);
    }
    body
}

/// A connection, and what was read from it too early.
pub(crate) struct Line {
    pub(crate) stream: TcpStream,
    ahead: Vec<u8>,
}

pub(crate) fn connect(to: &Handle) -> Line {
    let stream = TcpStream::connect(to.addr()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    Line { stream, ahead: Vec::new() }
}

/// One request on a connection of its own.
pub(crate) fn ask(to: &Handle, headers: &str, body: &str) -> Got {
    let mut line = connect(to);
    line.send(&request(headers, body));
    line.read()
}

/// One request that wishes for a fault.
pub(crate) fn ask_with(to: &Handle, fault: &str, body: &str) -> Got {
    ask(to, &format!("x-sandbox-fault: {fault}\r\n"), body)
}

pub(crate) fn get(to: &Handle, path: &str) -> Got {
    let mut line = connect(to);
    line.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
    line.read()
}

impl Line {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Reads one answer.
    pub(crate) fn read(&mut self) -> Got {
        let mut got = Got {
            status: 0,
            head: String::new(),
            body: Vec::new(),
            informational: 0,
            end: End::Whole,
            reads: 0,
        };
        if let Err(end) = self.read_into(&mut got) {
            got.end = end;
        }
        got
    }

    fn read_into(&mut self, got: &mut Got) -> Result<(), End> {
        let framing = loop {
            match ResponseHead::parse(&self.ahead, &LIMITS, false).map_err(|_| End::Broken)? {
                Parsed::Complete(head) if head.status < 200 => {
                    got.informational += 1;
                    self.ahead.drain(..head.len);
                }
                Parsed::Complete(head) => {
                    got.status = head.status;
                    got.head = String::from_utf8(self.ahead.drain(..head.len).collect()).unwrap();
                    break head.framing;
                }
                Parsed::Partial => self.more(got)?,
            }
        };
        let mut decoder = BodyDecoder::new(framing);
        while !decoder.is_done() {
            let decoded = decoder.decode(&self.ahead).map_err(|_| End::Broken)?;
            got.body.extend_from_slice(&self.ahead[decoded.body]);
            self.ahead.drain(..decoded.consumed);
            if decoded.consumed == 0 {
                self.more(got)?;
            }
        }
        Ok(())
    }

    fn more(&mut self, got: &mut Got) -> Result<(), End> {
        let mut piece = [0; 65536];
        got.reads += 1;
        match self.stream.read(&mut piece) {
            Ok(0) => Err(End::Closed),
            Ok(read) => {
                self.ahead.extend_from_slice(&piece[..read]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(End::Reset),
            Err(_) => Err(End::Silent),
        }
    }
}
