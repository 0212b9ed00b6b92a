//! The client's side of one connection, inwards: heads and bodies of requests.
//!
//! Invariants: a head stays at the front of the input until its body is read or skipped; memory is
//! taken for bytes that did arrive, not for those that were announced; each wait has its deadline.

use wire::body::BodyDecoder;
use wire::head::{Framing, HeadLimits, Method, Parsed, RequestHead};

use super::{Client, Sending};
use crate::fault::{Code, Fault};
use crate::limits::Limits;
use crate::net::buffer::Buffer;

/// Memory is taken for a body in steps of this size: it is paid for by bytes that did arrive.
const BODY_ROOM_MAX: usize = 256 << 10;

/// A request body, read whole.
pub enum Body {
    /// It stands at the front of what came in, which is lent out with it.
    InPlace(Buffer, usize),
    /// It came in chunks and was put together.
    Decoded(Buffer),
}

impl Client {
    /// Reads the next request's head, which stays in `input`; `None` when the client closed or
    /// stayed silent. *abandon closes*
    ///
    /// # Errors
    /// A head that is malformed, too large or too slow.
    pub async fn read_head(&mut self, limits: &Limits) -> Result<Option<Box<RequestHead>>, Fault> {
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
                let head = Box::new(head);
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

fn too_large(limits: &Limits) -> Fault {
    let message = format!("the body is larger than {} bytes", limits.body_bytes);
    Fault::new(Code::PayloadTooLarge, message).closing()
}
