//! The client's side of one connection: its socket, what it sent (`reading`), what it is sent.
//!
//! Owns the two buffers and the framing of answers. Invariants: an answer's head is written once;
//! after it, bytes go out as chunks (or raw, to an HTTP/1.0 client, whose answer ends with the
//! connection); while nothing is in them the buffers own no memory; a client that failed a write
//! or was seen gone is never written to again.
//! Left out on purpose: what an answer says.

mod parcel;
mod reading;

use std::rc::Rc;

use units::GenerationId;
use wire::body::LAST_CHUNK;
use wire::decimal;

use crate::digest::Digesting;
use crate::limits::Limits;
use crate::local::recording::Writer;
use crate::net::buffer::{Buffer, Pool};
use crate::net::socket::Socket;
use crate::remembered::Remembered;
pub use parcel::Parcel;
pub use reading::Body;

/// Room for a chunk's size line in front of its bytes: eight digits, CR, LF.
const CHUNK_HEAD: usize = 10;

/// Enough for the head of nearly every answer.
const HEAD_ROOM: usize = 1024;

/// Taken at once for a flood: what is queued need not move each time it outgrows its memory.
const FLOOD_ROOM: usize = 32 << 10;

/// One client connection. What each piece of a stream touches comes first.
#[repr(C)]
pub struct Client {
    /// What is to go out.
    output: Buffer,
    state: Sending,
    is_gone: bool,
    /// Whether the connection may serve another request.
    pub keeps_alive: bool,
    /// HTTP/1.0 cannot take chunks.
    pub is_http10: bool,
    /// Whether only the head of the answer is asked for.
    pub is_head_only: bool,
    /// The digest of the answer's body, where one is wanted.
    pub digest: Option<Box<Digesting>>,
    /// Where the answer is written down for those who ask for the same, if any may.
    pub recording: Option<Writer>,
    socket: Socket,
    /// What came in: the head of the request in hand, its body, perhaps the next request.
    pub input: Buffer,
    /// The key of the last request.
    pub remembered: Remembered,
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

impl Client {
    /// A fresh connection.
    pub fn new(socket: Socket, pool: &Rc<Pool>) -> Self {
        Self {
            output: pool.buffer(),
            state: Sending::Nothing,
            is_gone: false,
            keeps_alive: true,
            is_http10: false,
            is_head_only: false,
            digest: None,
            recording: None,
            socket,
            input: pool.buffer(),
            remembered: Remembered::default(),
        }
    }

    /// Begins an answer whose length is known: `head` without its blank line, then `body`.
    pub fn answer(&mut self, head: &[u8], body: &[u8]) {
        self.answer_under(|out| out.extend_from_slice(head), body);
    }

    /// The same, its head made by `write_head` where it goes out.
    pub fn answer_under(&mut self, write_head: impl FnOnce(&mut Vec<u8>), body: &[u8]) {
        debug_assert_eq!(self.state, Sending::Nothing, "an answer is given once");
        self.state = Sending::Whole;
        self.output.make_room(HEAD_ROOM + body.len());
        let before = self.output.len();
        write_head(self.output.tail());
        if let Some(recording) = &self.recording {
            recording.begin(&self.output.filled()[before..], false);
        }
        self.output.extend(b"content-length: ");
        decimal::push(body.len() as u64, self.output.tail());
        self.output.extend(b"\r\n");
        self.end_head();
        if !self.is_head_only {
            let before = self.output.len();
            self.output.extend(body);
            self.copy_from(before);
        }
        self.recording.as_ref().inspect(|recording| recording.finish());
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
        self.recording.as_ref().inspect(|recording| recording.begin(head, true));
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
            let before = self.output.len();
            let made = write(&mut self.output);
            self.copy_from(before);
            return made;
        }
        let before = self.output.len();
        self.output.extend(b"00000000\r\n");
        let made = write(&mut self.output);
        let length = self.output.len() - before - CHUNK_HEAD;
        if length == 0 {
            self.output.shorten(before);
        } else {
            write_size(&mut self.output.filled_mut()[before..before + CHUNK_HEAD], length);
            self.copy_from(before + CHUNK_HEAD);
            self.output.extend(b"\r\n");
        }
        made
    }

    /// Takes note of the body's bytes that were just queued.
    #[inline]
    fn copy_from(&mut self, at: usize) {
        if let Some(digest) = &mut self.digest {
            digest.add(&self.output.filled()[at..]);
        }
        if let Some(recording) = &self.recording {
            recording.body(&self.output.filled()[at..]);
        }
    }

    /// Queues the end of a streamed answer.
    pub fn finish_stream(&mut self) {
        if self.state == Sending::Streaming && !self.is_http10 {
            self.output.extend(LAST_CHUNK);
        }
        self.state = Sending::Whole;
        self.recording.as_ref().inspect(|recording| recording.finish());
    }

    /// Bytes that are queued.
    pub fn queued(&self) -> usize {
        self.output.len()
    }

    /// Writes what is queued; a client that does not take it is gone. Whoever joined the answer may
    /// have it too. *abandon closes*
    pub async fn flush(&mut self, limits: &Limits) {
        if !self.flush_now() {
            self.socket.watch().arm(limits.write_stall_ms);
            let written = self.socket.write_out(&mut self.output).await;
            self.is_gone = written.is_err();
            self.socket.watch().disarm();
            self.output.clear();
        }
    }

    /// The same as far as the client takes it without waiting; whether nothing is left to write.
    pub fn flush_now(&mut self) -> bool {
        self.recording.as_ref().inspect(|recording| recording.publish());
        // The next piece of a stream, unlike an answer's end, is worth a call of its own.
        if self.state == Sending::Streaming && !self.output.is_empty() && !self.is_gone {
            let sent = self.socket.write_now(self.output.filled());
            self.is_gone = sent.is_err();
            self.output.consume(sent.unwrap_or_default());
        }
        if self.is_gone {
            self.output.clear();
        }
        self.output.is_empty()
    }

    /// Makes room for as much as a stream queues that comes faster than it is passed on.
    pub fn expect_flood(&mut self) {
        if self.output.room() < FLOOD_ROOM && self.output.len() < FLOOD_ROOM {
            self.output.make_room(FLOOD_ROOM);
        }
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

    /// Whether nobody waits for the answer any more: the client is gone, and none who asked for
    /// the same has joined; looks at the socket.
    pub fn is_deserted(&mut self) -> bool {
        self.is_gone() && !self.has_joined()
    }

    /// The same as far as was noticed.
    pub fn was_seen_deserted(&self) -> bool {
        self.is_gone && !self.has_joined()
    }

    /// Says which generation the answer is of, for those who ask for it again.
    pub fn name_answer(&self, generation: GenerationId) {
        self.recording.as_ref().inspect(|recording| recording.set_generation(generation));
    }

    fn has_joined(&self) -> bool {
        self.recording.as_ref().is_some_and(|recording| recording.readers() > 0)
    }

    /// Gives an answer up in its middle: the connection breaks, so that it does not look whole.
    pub fn cut_off(&mut self) {
        self.keeps_alive = false;
        self.is_gone = true;
    }

    /// The connection itself.
    pub const fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// Ends the connection so that an answer under way still arrives. *abandon closes*
    pub async fn close(mut self, limits: &Limits) {
        self.recording = None;
        if !self.is_gone {
            self.socket.watch().arm(limits.head_ms);
            self.input.clear();
            // A body that is still being sent is read away: closing on it would reset the answer.
            self.socket.linger(&mut self.input, limits.body_bytes).await;
        }
        self.socket.close();
    }
}

/// Writes a chunk's size line over its placeholder, as wide as that is.
fn write_size(place: &mut [u8], length: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (at, digit) in place.iter_mut().take(CHUNK_HEAD - 2).enumerate() {
        *digit = DIGITS[(length >> (4 * (CHUNK_HEAD - 3 - at))) & 0xf];
    }
}
