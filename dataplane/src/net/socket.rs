//! One connected socket: owned-buffer reads, borrowed writes, half-closes, a deadline.
//!
//! Invariants: at most one read and one write are in flight, because both borrow the socket; a
//! read's buffer is back in place before its result is looked at; a failed or abandoned operation
//! leaves the socket closed, and a closed socket offers nothing but errors.
//! How bytes move: a read is given to the runtime, which parks it in the kernel until bytes come.
//! A write is tried at once on the caller's own bytes, since a socket nearly always has space;
//! only a full one waits for readiness. So no write copies, and none owns a buffer.
//! Left out on purpose: resuming. How much of a failed write went out is unknown.
//!
//! ```text
//!            read_into, write          ended well
//!   idle ----------------------> busy ------------> idle
//!    |                             | failed, end of stream, or found busy by the next call
//!    +---- close ----> closed <----+
//! ```

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

use monoio::buf::IoBufMut;
use monoio::io::AsyncReadRent;
use monoio::net::{TcpStream, UnixStream};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, recv, send, sendmsg, shutdown};

use super::buffer::Buffer;
use super::deadline::{Deadlines, Watch};
use super::ring::{Driver, driver};
use super::tls::Session;

/// A connected byte stream, plain or under TLS.
pub struct Socket {
    // Dropped before the link: a watch must not outlive its descriptor.
    watch: Watch,
    link: Link,
    cover: Cover,
    state: State,
}

enum Cover {
    Plain,
    Tls(Box<Session>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Busy,
    Closed,
}

impl Socket {
    /// Takes over a connected TCP stream and turns its write delay off.
    ///
    /// # Errors
    /// The runtime cannot register the descriptor.
    pub fn from_tcp(stream: std::net::TcpStream, deadlines: &Rc<Deadlines>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(driver() == Driver::Epoll)?;
        Ok(Self::over(Link::Tcp(TcpStream::from_std(stream)?), deadlines))
    }

    /// Takes over a connected Unix stream.
    ///
    /// # Errors
    /// The runtime cannot register the descriptor.
    pub fn from_unix(
        stream: std::os::unix::net::UnixStream,
        deadlines: &Rc<Deadlines>,
    ) -> io::Result<Self> {
        stream.set_nonblocking(driver() == Driver::Epoll)?;
        Ok(Self::over(Link::Unix(UnixStream::from_std(stream)?), deadlines))
    }

    /// An accepted stream; its listener has turned the write delay off.
    pub(super) fn accepted(stream: TcpStream, deadlines: &Rc<Deadlines>) -> Self {
        Self::over(Link::Tcp(stream), deadlines)
    }

    fn over(link: Link, deadlines: &Rc<Deadlines>) -> Self {
        let watch = deadlines.watch(link.descriptor());
        Self { watch, link, cover: Cover::Plain, state: State::Idle }
    }

    /// Puts a TLS session on the socket and shakes hands. *abandon closes*
    ///
    /// # Errors
    /// The peer is not trusted, does not speak TLS, or went away; the socket is closed.
    pub async fn secure(&mut self, mut session: Box<Session>) -> io::Result<()> {
        self.begin()?;
        let outcome = session.handshake(&mut self.link).await;
        self.cover = Cover::Tls(session);
        self.end(outcome)
    }

    /// Appends what the peer sent next; 0 is the end of the stream. *abandon closes*
    ///
    /// Takes memory for an empty buffer and grows a full one: the caller checks its bound first.
    ///
    /// # Errors
    /// The connection broke; under TLS also an end of stream without a close notice.
    #[inline]
    pub async fn read_into(&mut self, buffer: &mut Buffer) -> io::Result<usize> {
        self.begin()?;
        let outcome = match &mut self.cover {
            Cover::Plain => self.link.read(buffer).await,
            Cover::Tls(session) => session.read(&mut self.link, buffer).await,
        };
        self.end(outcome)
    }

    /// Writes all of `bytes`. *abandon closes*
    ///
    /// # Errors
    /// The peer is gone or the deadline closed the socket: how much went out is unknown.
    #[inline]
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_both(bytes, &[]).await
    }

    /// Writes all of `head`, then all of `body`, in as few packets as they fit. *abandon closes*
    ///
    /// # Errors
    /// As [`Self::write_all`].
    #[inline]
    pub async fn write_both(&mut self, head: &[u8], body: &[u8]) -> io::Result<()> {
        self.begin()?;
        let outcome = match &mut self.cover {
            Cover::Plain => self.link.write_both(head, body).await,
            Cover::Tls(session) => session.write_both(&mut self.link, head, body).await,
        };
        self.end(outcome)
    }

    /// Whether the peer has closed its side or broken the connection, found out without waiting.
    ///
    /// A peer that has sent more bytes first is there, as far as anyone can tell.
    pub fn peer_gone(&mut self) -> bool {
        if self.state != State::Idle {
            return true;
        }
        match &mut self.cover {
            Cover::Plain => matches!(self.link.peek(), Peek::Gone),
            Cover::Tls(session) => session.peer_gone(&self.link),
        }
    }

    /// Whether an idle connection has nothing to say: no bytes, no end of stream.
    pub fn is_quiet(&self) -> bool {
        self.state == State::Idle && self.link.peek() == Peek::Quiet
    }

    /// Ends our side of the stream, with a close notice under TLS. *abandon closes*
    ///
    /// # Errors
    /// The peer is gone already.
    pub async fn shutdown_write(&mut self) -> io::Result<()> {
        self.begin()?;
        let outcome = match &mut self.cover {
            Cover::Plain => Ok(()),
            Cover::Tls(session) => session.close_notify(&mut self.link).await,
        };
        self.end(outcome)?;
        self.link.shutdown(Shutdown::Write)
    }

    /// Ends the peer's side of the stream: a parked read returns 0.
    pub fn shutdown_read(&self) {
        // Not connected any more is as good as shut.
        let _ = self.link.shutdown(Shutdown::Read);
    }

    /// Closes both sides at once; the descriptor goes with the last reference to it.
    pub fn close(&mut self) {
        self.state = State::Closed;
        let _ = self.link.shutdown(Shutdown::Both);
    }

    /// Ends our side, then drops up to `bytes` of what the peer still sends, so that closing with
    /// unread bytes does not destroy an answer under way. Arm a deadline first. *abandon closes*
    pub async fn linger(&mut self, scratch: &mut Buffer, bytes: usize) {
        let mut dropped = 0;
        if self.shutdown_write().await.is_err() {
            return;
        }
        while dropped < bytes {
            scratch.clear();
            match self.read_into(scratch).await {
                Ok(0) | Err(_) => return,
                Ok(count) => dropped += count,
            }
        }
    }

    /// The deadline and nudge of this socket.
    #[inline]
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// What [`shut_read`] takes: valid as long as this socket lives.
    pub fn closer(&self) -> RawFd {
        self.link.descriptor()
    }

    /// The peer's address; none for a Unix socket.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        match &self.link {
            Link::Tcp(stream) => stream.peer_addr().ok(),
            Link::Unix(_) => None,
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.state == State::Idle {
            self.state = State::Busy;
            return Ok(());
        }
        self.close();
        Err(io::Error::new(io::ErrorKind::NotConnected, "the socket was closed or abandoned"))
    }

    fn end<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        match outcome {
            Ok(value) => {
                self.state = State::Idle;
                Ok(value)
            }
            Err(fault) => {
                self.close();
                Err(fault)
            }
        }
    }
}

/// Waits until a connection that was begun is made or has failed. *abandon closes*
///
/// # Errors
/// Why it failed.
pub async fn connected(begun: &socket2::Socket) -> io::Result<()> {
    // The runtime waits on a second descriptor of the same connection and lets go of it again.
    let polled = UnixStream::from_std(begun.try_clone()?.into())?;
    polled.writable(false).await?;
    begun.take_error()?.map_or(Ok(()), Err)
}

/// Ends the peer's side of another task's socket: its parked read returns 0.
pub fn shut_read(closer: RawFd) {
    // Not connected any more is as good as shut.
    let _ = shutdown(closer, Shutdown::Read);
}

/// The stream below any TLS.
pub(super) enum Link {
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
    pub(super) fn descriptor(&self) -> RawFd {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        }
    }

    /// Appends to `buffer`; 0 is the end. *abandon closes*
    pub(super) async fn read(&mut self, buffer: &mut Buffer) -> io::Result<usize> {
        buffer.make_room(1);
        let (bytes, start) = buffer.lend();
        let (from, to) = (bytes.len(), bytes.capacity());
        let room = bytes.slice_mut(from..to);
        let (outcome, room) = match self {
            Self::Tcp(stream) => stream.read(room).await,
            Self::Unix(stream) => stream.read(room).await,
        };
        buffer.receive(room.into_inner(), start);
        outcome
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

    fn send(&self, head: &[u8], body: &[u8]) -> nix::Result<usize> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        match (head, body) {
            (only, []) | ([], only) => send(self.descriptor(), only, flags),
            _ => {
                let parts = [IoSlice::new(head), IoSlice::new(body)];
                sendmsg::<()>(self.descriptor(), &parts, &[], flags, None)
            }
        }
    }

    /// Receives what is there into `buffer`, without waiting.
    pub(super) fn receive_now(&self, room: &mut [u8]) -> nix::Result<usize> {
        recv(self.descriptor(), room, MsgFlags::MSG_DONTWAIT)
    }

    async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.writable(false).await,
            Self::Unix(stream) => stream.writable(false).await,
        }
    }

    pub(super) fn peek(&self) -> Peek {
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        match recv(self.descriptor(), &mut [0], flags) {
            Err(Errno::EAGAIN | Errno::EINTR) => Peek::Quiet,
            Ok(0) | Err(_) => Peek::Gone,
            Ok(_) => Peek::Bytes,
        }
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Ok(shutdown(self.descriptor(), how)?)
    }
}
