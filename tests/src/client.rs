//! An HTTP/1.1 client of bytes: sends what it is told, right or wrong, and says exactly how what
//! came back ended.
//!
//! Blocking, one connection each, every read bounded by the client's patience. Invariant: it reads
//! only what it is asked for, so a test decides when the gateway meets a full socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, SockRef, Socket, Type};
use wire::body::BodyDecoder;
use wire::head::{Framing, HeadLimits, Parsed, ResponseHead};
use wire::sse::{FrameKind, FrameScanner, joined_data};

const LIMITS: HeadLimits = HeadLimits { bytes: 60_000, fields: 100 };
const EVENT_MAX: usize = 16 << 20;
/// How long a read waits, unless the test says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How an answer ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The connection was closed.
    Closed,
    /// The connection was reset.
    Reset,
    /// What came is not HTTP.
    Broken,
    /// Nothing came for as long as the client waits.
    Silent,
}

/// An answer's head.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// Its bytes as text, the blank line included.
    pub text: String,
    /// How many informational answers came before it.
    pub informational: usize,
}

impl Head {
    /// A header's value; the first one of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().skip(1).find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A whole answer, or what came of it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its head.
    pub head: Head,
    /// Its body without framing.
    pub body: Vec<u8>,
    /// How it ended, if not well.
    pub cut: Option<Cut>,
}

impl Answer {
    /// The status.
    pub const fn status(&self) -> u16 {
        self.head.status
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        let read = serde_json::from_slice(&self.body);
        read.unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The data of all events of a stream.
    pub fn events(&self) -> Vec<String> {
        let mut scanner = FrameScanner::new(EVENT_MAX);
        let mut rest = self.body.as_slice();
        let mut events = Vec::new();
        while let Some(frame) = scanner.next(rest).expect("a stream of events") {
            if matches!(frame.kind, FrameKind::Data | FrameKind::MultiData) {
                events.push(String::from_utf8(joined_data(rest, &frame).into_owned()).unwrap());
            }
            rest = &rest[frame.len..];
        }
        events
    }
}

/// A request's bytes, with `host` and, where there is a body, its length.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: tollgate.test\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// A request for an answer of a model, as an OpenAI SDK sends it.
pub fn chat_request(key: &str, body: &Value) -> Vec<u8> {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    request("POST", "/v1/chat/completions", &headers, body.to_string().as_bytes())
}

/// One request on a connection of its own.
pub fn ask(addr: SocketAddr, request: &[u8]) -> Answer {
    let mut client = Client::connect(addr);
    client.send(request);
    client.read_answer().expect("an answer")
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// Bytes received and not used yet.
    ahead: Vec<u8>,
    /// What is left of the body that is being read.
    body: BodyDecoder,
    /// Decoded bytes of a stream that are not a whole event yet.
    text: Vec<u8>,
    scanner: FrameScanner,
}

impl Client {
    /// Connects; panics where nobody listens.
    pub fn connect(addr: SocketAddr) -> Self {
        Self::try_connect(addr).unwrap_or_else(|error| panic!("{addr}: {error}"))
    }

    /// Connects from another address of this machine.
    pub fn connect_from(addr: SocketAddr, from: IpAddr) -> Self {
        let connected = || {
            let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
            socket.bind(&SocketAddr::new(from, 0).into())?;
            socket.connect(&addr.into())?;
            Ok::<_, io::Error>(Self::over(socket.into()))
        };
        connected().unwrap_or_else(|error| panic!("{addr} from {from}: {error}"))
    }

    /// Connects, if somebody listens.
    pub fn try_connect(addr: SocketAddr) -> io::Result<Self> {
        TcpStream::connect(addr).map(Self::over)
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        let client = Self {
            stream,
            ahead: Vec::new(),
            body: BodyDecoder::new(Framing::None),
            text: Vec::new(),
            scanner: FrameScanner::new(EVENT_MAX),
        };
        client.set_patience(PATIENCE);
        client
    }

    /// How long a read or a write waits from now on.
    pub fn set_patience(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).unwrap();
        self.stream.set_write_timeout(Some(patience)).unwrap();
    }

    /// How many bytes the kernel keeps of what is not read: small, to stop a writer early.
    pub fn set_receive_buffer(&self, bytes: usize) {
        SockRef::from(&self.stream).set_recv_buffer_size(bytes).unwrap();
    }

    /// Sends bytes as they are; panics when the other side has closed already.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the other side still reads");
    }

    /// Sends bytes as they are.
    pub fn try_send(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        self.stream.write_all(bytes).map_err(|error| cut_of(&error))
    }

    /// Reads a whole answer. The error says that not even a head came.
    pub fn read_answer(&mut self) -> Result<Answer, Cut> {
        let head = self.read_head()?;
        let mut body = Vec::new();
        let cut = loop {
            match self.read_piece() {
                Ok(None) => break None,
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Err(cut) => break Some(cut),
            }
        };
        Ok(Answer { head, body, cut })
    }

    /// Reads a head; the body is read by what is called next.
    pub fn read_head(&mut self) -> Result<Head, Cut> {
        let mut informational = 0;
        loop {
            match ResponseHead::parse(&self.ahead, &LIMITS, false).map_err(|_| Cut::Broken)? {
                Parsed::Partial => self.fill()?,
                Parsed::Complete(head) if head.status < 200 => {
                    informational += 1;
                    self.ahead.drain(..head.len);
                }
                Parsed::Complete(head) => {
                    let bytes: Vec<u8> = self.ahead.drain(..head.len).collect();
                    let text = String::from_utf8(bytes).map_err(|_| Cut::Broken)?;
                    self.body = BodyDecoder::new(head.framing);
                    self.scanner = FrameScanner::new(EVENT_MAX);
                    self.text.clear();
                    return Ok(Head { status: head.status, text, informational });
                }
            }
        }
    }

    /// Reads some of the body; `None` at its end.
    pub fn read_piece(&mut self) -> Result<Option<Vec<u8>>, Cut> {
        loop {
            if self.body.is_done() {
                return Ok(None);
            }
            let decoded = self.body.decode(&self.ahead).map_err(|_| Cut::Broken)?;
            let piece = self.ahead[decoded.body].to_vec();
            self.ahead.drain(..decoded.consumed);
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
            if decoded.consumed > 0 {
                continue;
            }
            match self.fill() {
                Err(Cut::Closed) if self.body.at_eof().is_ok() => return Ok(None),
                other => other?,
            }
        }
    }

    /// Reads the next event of a stream: its data; `None` at the body's end. Comments are passed.
    pub fn read_event(&mut self) -> Result<Option<String>, Cut> {
        loop {
            while let Some(frame) = self.scanner.next(&self.text).map_err(|_| Cut::Broken)? {
                let event = joined_data(&self.text, &frame).into_owned();
                self.text.drain(..frame.len);
                if matches!(frame.kind, FrameKind::Data | FrameKind::MultiData) {
                    return String::from_utf8(event).map(Some).map_err(|_| Cut::Broken);
                }
            }
            match self.read_piece()? {
                Some(piece) => self.text.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }

    /// Says that nothing more will be sent, and still reads.
    pub fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Whether the other side has closed; waits for it as long as the client's patience.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.fill(), Err(Cut::Closed | Cut::Reset))
    }

    fn fill(&mut self) -> Result<(), Cut> {
        let mut piece = [0; 65536];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(Cut::Closed),
            Ok(read) => {
                self.ahead.extend_from_slice(&piece[..read]);
                Ok(())
            }
            Err(error) => Err(cut_of(&error)),
        }
    }
}

fn cut_of(error: &io::Error) -> Cut {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Cut::Silent,
        ErrorKind::BrokenPipe => Cut::Closed,
        _ => Cut::Reset,
    }
}

#[cfg(test)]
mod tests;
