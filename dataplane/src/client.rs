//! The client's side of one connection: its socket, what it sent, what it is sent.
//!
//! Owns the two buffers and the framing of answers. Invariants: an answer's head is written once;
//! after it, bytes go out as chunks (or raw, to an HTTP/1.0 client, whose answer ends with the
//! connection); while nothing is in them the buffers own no memory; a client that failed a write
//! or was seen gone is never written to again.
//! Left out on purpose: what an answer says.

use std::rc::Rc;

use wire::body::{BodyDecoder, LAST_CHUNK};
use wire::head::{Framing, HeadLimits, Method, Parsed, RequestHead};

use crate::fault::{Code, Fault};
use crate::limits::Limits;
use crate::net::buffer::{Buffer, Pool};
use crate::net::socket::Socket;
use crate::remembered::Remembered;

/// Room for a chunk's size line in front of its bytes: eight digits, CR, LF.
const CHUNK_HEAD: usize = 10;

/// Memory is taken for a body in steps of this size: it is paid for by bytes that did arrive.
const BODY_ROOM_MAX: usize = 256 << 10;

/// One client connection.
pub struct Client {
    socket: Socket,
    /// What came in: the head of the request in hand, its body, perhaps the next request.
    pub input: Buffer,
    /// What is to go out.
    output: Buffer,
    /// The key of the last request.
    pub remembered: Remembered,
    state: Sending,
    is_gone: bool,
    /// Whether the connection may serve another request.
    pub keeps_alive: bool,
    /// HTTP/1.0 cannot take chunks.
    pub is_http10: bool,
    /// Whether only the head of the answer is asked for.
    pub is_head_only: bool,
}

/// How far the answer is.
///
/// ```text
///   Nothing --head with a length--> Whole
///   Nothing --head of a stream----> Streaming --finish--> Whole
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Nothing,
    Streaming,
    Whole,
}

/// A request body, read whole.
pub enum Body {
    /// It stands at the front of what came in, which is lent out with it.
    InPlace(Buffer, usize),
    /// It came in chunks and was put together.
    Decoded(Buffer),
}

impl Client {
    /// A fresh connection.
    pub fn new(socket: Socket, pool: &Rc<Pool>) -> Self {
        Self {
            socket,
            input: pool.buffer(),
            output: pool.buffer(),
            remembered: Remembered::default(),
            state: Sending::Nothing,
            is_gone: false,
            keeps_alive: true,
            is_http10: false,
            is_head_only: false,
        }
    }

    /// Reads the next request's head, which stays in `input`; `None` when the client closed or
    /// stayed silent. *abandon closes*
    ///
    /// # Errors
    /// A head that is malformed, too large or too slow.
    pub async fn read_head(&mut self, limits: &Limits) -> Result<Option<RequestHead>, Fault> {
        let bounds = HeadLimits { bytes: limits.head_bytes, fields: limits.head_fields };
        self.state = Sending::Nothing;
        self.is_head_only = false;
        if self.input.is_empty() {
            self.socket.watch().arm_idle(limits.idle_ms);
        } else {
            self.socket.watch().arm_reading(limits.head_ms);
        }
        loop {
            if !self.input.is_empty()
                && let Parsed::Complete(head) = RequestHead::parse(self.input.filled(), &bounds)?
            {
                self.socket.watch().disarm();
                self.keeps_alive = head.keep_alive;
                self.is_http10 = head.minor_version == 0;
                self.is_head_only = head.method == Method::Head;
                return Ok(Some(head));
            }
            let was_empty = self.input.is_empty();
            match self.socket.read_into(&mut self.input).await {
                Ok(count) if count > 0 => {}
                _ if was_empty => return Ok(None),
                _ if self.socket.watch().expired() => {
                    let message = "the request head took too long";
                    return Err(Fault::new(Code::Timeout, message).closing());
                }
                _ => return Ok(None),
            }
            if was_empty {
                self.socket.watch().arm_reading(limits.head_ms);
            }
        }
    }

    /// Reads the body that a head announced; the head's bytes are consumed. *abandon closes*
    ///
    /// # Errors
    /// A body that is malformed, too large, too slow or cut short.
    pub async fn read_body(&mut self, head: &RequestHead, limits: &Limits) -> Result<Body, Fault> {
        self.input.consume(head.len);
        match head.framing {
            Framing::Length(length) if length > limits.body_bytes as u64 => Err(too_large(limits)),
            Framing::Length(length) => {
                self.read_length(length as usize, head.expect_continue, limits).await?;
                Ok(self.lend_input(length as usize))
            }
            Framing::Chunked => self.read_chunks(head.expect_continue, limits).await,
            Framing::None | Framing::UntilClose => Ok(self.lend_input(0)),
        }
    }

    /// Drops a request whose body nobody wants; what cannot be skipped at once ends the connection.
    pub fn skip_request(&mut self, head: &RequestHead) {
        let body = match head.framing {
            Framing::None => 0,
            Framing::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
            Framing::Chunked | Framing::UntilClose => usize::MAX,
        };
        match head.len.checked_add(body) {
            Some(whole) if whole <= self.input.len() => self.input.consume(whole),
            _ => {
                self.keeps_alive = false;
                self.input.clear();
            }
        }
        if self.input.is_empty() {
            self.input.release();
        }
    }

    async fn read_length(
        &mut self,
        length: usize,
        expects: bool,
        limits: &Limits,
    ) -> Result<(), Fault> {
        if self.input.len() >= length {
            return Ok(());
        }
        self.say_continue(expects).await?;
        while self.input.len() < length {
            let missing = length - self.input.len();
            self.input.make_room(missing.min(BODY_ROOM_MAX));
            self.read_more(limits).await?;
        }
        Ok(())
    }

    async fn read_chunks(&mut self, expects: bool, limits: &Limits) -> Result<Body, Fault> {
        let mut decoder = BodyDecoder::new(Framing::Chunked);
        let mut body = self.input.sibling();
        self.say_continue(expects && self.input.is_empty()).await?;
        loop {
            let decoded = decoder
                .decode(self.input.filled())
                .map_err(|fault| Fault::new(Code::InvalidRequest, fault.to_string()).closing())?;
            body.extend(&self.input.filled()[decoded.body.clone()]);
            self.input.consume(decoded.consumed);
            if body.len() > limits.body_bytes {
                return Err(too_large(limits));
            }
            if decoder.is_done() {
                return Ok(Body::Decoded(body));
            }
            if decoded.consumed == 0 {
                self.read_more(limits).await?;
            }
        }
    }

    async fn say_continue(&mut self, expects: bool) -> Result<(), Fault> {
        if expects && self.socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_err() {
            self.is_gone = true;
            return Err(Fault::new(Code::InvalidRequest, "the connection broke").closing());
        }
        Ok(())
    }

    async fn read_more(&mut self, limits: &Limits) -> Result<(), Fault> {
        self.socket.watch().arm_reading(limits.body_ms);
        let read = self.socket.read_into(&mut self.input).await;
        let expired = self.socket.watch().expired();
        self.socket.watch().disarm();
        match read {
            Ok(count) if count > 0 => Ok(()),
            _ if expired => Err(Fault::new(Code::Timeout, "the body took too long").closing()),
            _ => {
                self.is_gone = true;
                Err(Fault::new(Code::InvalidRequest, "the body was cut short").closing())
            }
        }
    }

    fn lend_input(&mut self, length: usize) -> Body {
        let nothing = self.input.sibling();
        Body::InPlace(std::mem::replace(&mut self.input, nothing), length)
    }

    /// Takes a body back that is not needed any more, so that a long stream does not hold it.
    pub fn drop_body(&mut self, body: Body) {
        if let Body::InPlace(mut input, length) = body {
            input.consume(length);
            if !input.is_empty() {
                self.input = input;
            }
        }
    }

    /// Begins an answer whose length is known: `head` without its blank line, then `body`.
    pub fn answer(&mut self, head: &[u8], body: &[u8]) {
        debug_assert_eq!(self.state, Sending::Nothing, "an answer is given once");
        self.state = Sending::Whole;
        self.output.extend(head);
        let length = format!("content-length: {}\r\n", body.len());
        self.output.extend(length.as_bytes());
        self.end_head();
        if !self.is_head_only {
            self.output.extend(body);
        }
    }

    /// Begins an answer that has no body by its nature.
    pub fn answer_empty(&mut self, head: &[u8]) {
        self.state = Sending::Whole;
        self.output.extend(head);
        self.end_head();
    }

    /// Begins a streamed answer: `head` without its blank line.
    pub fn begin_stream(&mut self, head: &[u8]) {
        debug_assert_eq!(self.state, Sending::Nothing, "an answer is given once");
        self.state = Sending::Streaming;
        self.output.extend(head);
        if self.is_http10 {
            self.keeps_alive = false;
        } else {
            self.output.extend(b"transfer-encoding: chunked\r\n");
        }
        self.end_head();
    }

    fn end_head(&mut self) {
        if !self.keeps_alive {
            self.output.extend(b"connection: close\r\n");
        } else if self.is_http10 {
            // What a 1.0 client asked for it must also be granted.
            self.output.extend(b"connection: keep-alive\r\n");
        }
        self.output.extend(b"\r\n");
    }

    /// Whether an answer has begun: its status can no longer change.
    pub fn has_begun(&self) -> bool {
        self.state != Sending::Nothing
    }

    /// Queues one chunk of a streamed answer, made by `write`; nothing where it makes nothing.
    pub fn chunk<T>(&mut self, write: impl FnOnce(&mut Buffer) -> T) -> T {
        debug_assert_eq!(self.state, Sending::Streaming, "chunks belong to a stream");
        if self.is_http10 {
            return write(&mut self.output);
        }
        let before = self.output.len();
        self.output.extend(b"00000000\r\n");
        let made = write(&mut self.output);
        let length = self.output.len() - before - CHUNK_HEAD;
        if length == 0 {
            self.output.shorten(before);
        } else {
            write_size(&mut self.output.filled_mut()[before..before + CHUNK_HEAD], length);
            self.output.extend(b"\r\n");
        }
        made
    }

    /// Queues the end of a streamed answer.
    pub fn finish_stream(&mut self) {
        if self.state == Sending::Streaming && !self.is_http10 {
            self.output.extend(LAST_CHUNK);
        }
        self.state = Sending::Whole;
    }

    /// Bytes that are queued.
    pub fn queued(&self) -> usize {
        self.output.len()
    }

    /// Writes what is queued; a client that does not take it is gone. *abandon closes*
    pub async fn flush(&mut self, limits: &Limits) {
        if !self.output.is_empty() && !self.is_gone {
            self.socket.watch().arm(limits.write_stall_ms);
            if self.socket.write_all(self.output.filled()).await.is_err() {
                self.is_gone = true;
            }
            self.socket.watch().disarm();
        }
        self.output.clear();
    }

    /// Gives the memory of an empty output back, before a wait that may be long.
    pub fn rest(&mut self) {
        if self.output.is_empty() {
            self.output.release();
        }
    }

    /// Whether the client is known to be gone; looks at the socket.
    pub fn is_gone(&mut self) -> bool {
        self.is_gone = self.is_gone || self.socket.peer_gone();
        self.is_gone
    }

    /// Whether the client is known to be gone, as far as was noticed.
    pub const fn was_seen_gone(&self) -> bool {
        self.is_gone
    }

    /// The connection itself.
    pub const fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// Ends the connection so that an answer under way still arrives. *abandon closes*
    pub async fn close(mut self, limits: &Limits) {
        if !self.is_gone {
            self.socket.watch().arm(limits.head_ms);
            self.input.clear();
            // A body that is still being sent is read away: closing on it would reset the answer.
            self.socket.linger(&mut self.input, limits.body_bytes).await;
        }
        self.socket.close();
    }
}

impl Body {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::InPlace(input, length) => &input.filled()[..*length],
            Self::Decoded(body) => body.filled(),
        }
    }
}

/// Writes a chunk's size line over its placeholder, as wide as that is.
fn write_size(place: &mut [u8], length: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (at, digit) in place.iter_mut().take(CHUNK_HEAD - 2).enumerate() {
        *digit = DIGITS[(length >> (4 * (CHUNK_HEAD - 3 - at))) & 0xf];
    }
}

fn too_large(limits: &Limits) -> Fault {
    let message = format!("the body is larger than {} bytes", limits.body_bytes);
    Fault::new(Code::PayloadTooLarge, message).closing()
}
