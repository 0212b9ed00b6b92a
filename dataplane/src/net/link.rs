//! The bytes of one connected stream, below TLS.
//!
//! How they move: a read is given to the runtime, which parks it in the kernel until bytes come;
//! only when the last read filled its room is the next one tried at once, while the bytes before
//! it are still warm. Where the wait may be long, as between two events of a stream, only the wait
//! is parked, and the read follows: its buffer would lie idle, and its first try be in vain. A
//! whole message is lent to the runtime as well and goes out when that next enters the kernel, so
//! that the core's work for several connections stays together, and the kernel's too. A piece of a
//! stream should not wait for that, and borrowed bytes cannot: they are tried at once, since a
//! socket nearly always has space; only a full one waits. So no write copies.
//! Invariants: the buffer is back in place before an operation's result is looked at; a stream that
//! is never empty gives way to other tasks every few reads.
//! Left out on purpose: states and deadlines, which are the socket's.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

use monoio::buf::{IoBuf, IoBufMut};
use monoio::io::{AsyncReadRent, AsyncWriteRent};
use monoio::net::{TcpStream, UnixStream};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, recv, send, sendmsg, shutdown};

use super::buffer::Buffer;
use super::ring::{Driver, driver};
use super::task::give_way;

/// Reads that may succeed at once, one after another, before other tasks get their turn.
const TURN: u8 = 16;

/// The longest piece that a read at once asks for: its room is cleared first.
const PIECE: usize = 64 << 10;

/// The stream below any TLS. What each read and write touches comes first.
#[repr(C)]
pub(super) struct Link {
    /// That of `stream`, which keeps its own behind a pointer.
    descriptor: RawFd,
    /// Whether the last read filled its room: more is likely to be there already.
    is_full: bool,
    /// Reads that ended at once since the last that waited.
    turns: u8,
    stream: Stream,
}

/// A descriptor that the runtime knows.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What a look at the receive queue shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peek {
    Quiet,
    Bytes,
    Gone,
}

impl Link {
    pub(super) fn new(stream: Stream) -> Self {
        let descriptor = match &stream {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        };
        Self { descriptor, is_full: false, turns: 0, stream }
    }

    pub(super) const fn descriptor(&self) -> RawFd {
        self.descriptor
    }

    pub(super) fn peer_address(&self) -> Option<SocketAddr> {
        match &self.stream {
            Stream::Tcp(stream) => stream.peer_addr().ok(),
            Stream::Unix(_) => None,
        }
    }

    /// Appends to `buffer`; 0 is the end. *abandon closes*
    #[inline]
    pub(super) async fn read(&mut self, buffer: &mut Buffer) -> io::Result<usize> {
        buffer.make_room(1);
        if self.is_full {
            if self.turns == TURN {
                give_way().await;
            } else if let Some(count) = self.read_at_once(buffer)? {
                return Ok(count);
            }
        }
        let (bytes, start) = buffer.lend();
        let (from, to) = (bytes.len(), bytes.capacity());
        let room = bytes.slice_mut(from..to);
        let (outcome, room) = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(room).await,
            Stream::Unix(stream) => stream.read(room).await,
        };
        buffer.receive(room.into_inner(), start);
        self.turns = 0;
        self.is_full = matches!(outcome, Ok(count) if count == to - from);
        outcome
    }

    /// Whether what comes can be waited for apart from reading it, and is not likely to be there
    /// already.
    pub(super) fn awaits_arrivals(&self) -> bool {
        !self.is_full && driver() != Driver::Epoll
    }

    /// Waits until something has come. *resumable*
    pub(super) async fn arrival(&mut self) -> io::Result<()> {
        self.turns = 0;
        match &self.stream {
            Stream::Tcp(stream) => stream.readable(false).await,
            Stream::Unix(stream) => stream.readable(false).await,
        }
    }

    /// Whether the last read showed that there may be more, and it may be read at once.
    pub(super) const fn has_rest(&self) -> bool {
        self.is_full && self.turns < TURN
    }

    /// Appends what is there; never waits. `None` where nothing is.
    pub(super) fn read_now(
        &mut self,
        buffer: &mut Buffer,
        room: usize,
    ) -> io::Result<Option<usize>> {
        buffer.make_room(room);
        self.read_at_once(buffer)
    }

    /// What is there already; `None` where nothing is.
    fn read_at_once(&mut self, buffer: &mut Buffer) -> io::Result<Option<usize>> {
        let room = buffer.room().min(PIECE);
        let bytes = buffer.tail();
        let filled = bytes.len();
        bytes.resize(filled + room, 0);
        let outcome = self.receive_now(&mut bytes[filled..]);
        bytes.truncate(filled + outcome.unwrap_or(0));
        self.turns += 1;
        self.is_full = outcome == Ok(room);
        match outcome {
            Ok(count) => Ok(Some(count)),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Appends what is there, without waiting, until `bytes` are filled.
    pub(super) fn salvage(&mut self, buffer: &mut Buffer, bytes: usize) {
        while buffer.len() < bytes {
            buffer.make_room(1);
            if !matches!(self.read_at_once(buffer), Ok(Some(count)) if count > 0) {
                return;
            }
        }
    }

    /// Writes all that is in `buffer`, whose memory is lent meanwhile. *abandon closes*
    pub(super) async fn write_out(&mut self, buffer: &mut Buffer) -> io::Result<()> {
        while !buffer.is_empty() {
            let (bytes, start) = buffer.lend();
            let filled = bytes.slice(start..);
            let (outcome, filled) = match &mut self.stream {
                Stream::Tcp(stream) => stream.write(filled).await,
                Stream::Unix(stream) => stream.write(filled).await,
            };
            buffer.receive(filled.into_inner(), start);
            match outcome? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => buffer.consume(count),
            }
        }
        Ok(())
    }

    /// Writes all of both. *abandon closes*
    pub(super) async fn write_both(&mut self, head: &[u8], body: &[u8]) -> io::Result<()> {
        let (mut head, mut body) = (head, body);
        while !(head.is_empty() && body.is_empty()) {
            match self.send(head, body) {
                Ok(count) => {
                    let of_head = count.min(head.len());
                    head = &head[of_head..];
                    body = &body[count - of_head..];
                }
                Err(Errno::EAGAIN) => self.writable().await?,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Writes what is taken without waiting; how many bytes that were.
    #[inline]
    pub(super) fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.send(bytes, &[]) {
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            outcome => Ok(outcome?),
        }
    }

    fn send(&self, head: &[u8], body: &[u8]) -> nix::Result<usize> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        match (head, body) {
            (only, []) | ([], only) => send(self.descriptor, only, flags),
            _ => {
                let parts = [IoSlice::new(head), IoSlice::new(body)];
                sendmsg::<()>(self.descriptor, &parts, &[], flags, None)
            }
        }
    }

    /// Receives what is there into `room`, without waiting.
    pub(super) fn receive_now(&self, room: &mut [u8]) -> nix::Result<usize> {
        recv(self.descriptor, room, MsgFlags::MSG_DONTWAIT)
    }

    async fn writable(&self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.writable(false).await,
            Stream::Unix(stream) => stream.writable(false).await,
        }
    }

    pub(super) fn peek(&self) -> Peek {
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        match recv(self.descriptor, &mut [0], flags) {
            Err(Errno::EAGAIN | Errno::EINTR) => Peek::Quiet,
            Ok(0) | Err(_) => Peek::Gone,
            Ok(_) => Peek::Bytes,
        }
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Ok(shutdown(self.descriptor(), how)?)
    }
}
