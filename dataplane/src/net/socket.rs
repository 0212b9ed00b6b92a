//! One connected socket: owned-buffer reads, borrowed writes, half-closes, a deadline.
//!
//! Invariants: at most one read and one write are in flight, because both borrow the socket; a
//! read's buffer is back in place before its result is looked at; a failed or abandoned operation
//! leaves the socket closed, and a closed socket offers nothing but errors.
//! Left out on purpose: resuming. How much of a failed write went out is unknown.
//!
//! ```text
//!            read_into, write          ended well
//!   idle ----------------------> busy ------------> idle
//!    |                             | failed, end of stream, or found busy by the next call
//!    +---- close ----> closed <----+
//! ```

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use monoio::net::{TcpStream, UnixStream};
use nix::sys::socket::Shutdown;

use super::buffer::{Buffer, Pool};
use super::deadline::{Deadlines, Watch};
use super::link::{Link, Peek, Stream};
use super::passage::{self, Detached};
use super::ring::{Driver, driver};
use super::tls::Session;

/// A connected byte stream, plain or under TLS. What each read and write touches comes first.
#[repr(C)]
pub struct Socket {
    state: State,
    cover: Cover,
    // Dropped before the link: a watch must not outlive its descriptor.
    watch: Watch,
    link: Link,
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
        Ok(Self::over(Stream::Tcp(TcpStream::from_std(stream)?), deadlines))
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
        Ok(Self::over(Stream::Unix(UnixStream::from_std(stream)?), deadlines))
    }

    /// An accepted stream; its listener has turned the write delay off.
    pub(super) fn accepted(stream: TcpStream, deadlines: &Rc<Deadlines>) -> Self {
        Self::over(Stream::Tcp(stream), deadlines)
    }

    fn over(stream: Stream, deadlines: &Rc<Deadlines>) -> Self {
        let link = Link::new(stream);
        let watch = deadlines.watch(link.descriptor());
        Self { watch, link, cover: Cover::Plain, state: State::Idle }
    }

    /// Another descriptor of the connection, for [`Self::detach`].
    ///
    /// # Errors
    /// Something is under way on it, or the kernel gives none.
    pub fn twin(&self) -> io::Result<std::net::TcpStream> {
        if self.state != State::Idle {
            return Err(io::ErrorKind::NotConnected.into());
        }
        passage::twin(self.link.descriptor()).map(Into::into)
    }

    /// Takes the connection off this runtime, which forgets its own descriptor.
    pub fn detach(self, twin: std::net::TcpStream) -> Detached {
        let cover = match self.cover {
            Cover::Plain => None,
            Cover::Tls(session) => Some(session.pack()),
        };
        Detached { stream: twin, cover }
    }

    /// Takes a connection onto this runtime.
    ///
    /// # Errors
    /// The runtime cannot register the descriptor.
    pub fn attach(from: Detached, pool: &Rc<Pool>, deadlines: &Rc<Deadlines>) -> io::Result<Self> {
        let mut socket = Self::from_tcp(from.stream, deadlines)?;
        if let Some(packed) = from.cover {
            socket.cover = Cover::Tls(packed.unpack(pool));
        }
        Ok(socket)
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
        // TLS takes the end that a deadline made for a broken stream; we know better.
        match outcome {
            Err(_) if self.watch.ended_reading() => self.end(Ok(0)),
            outcome => self.end(outcome),
        }
    }

    /// Waits until the peer has sent more, for which the wait may be long: `None` when it can be
    /// read; an empty buffer has no memory until then. Where that cannot be waited for apart, as
    /// under TLS, it is read, into a buffer with `room`. *abandon closes*
    ///
    /// Thousands wait here at once, and each finds its future cold in the cache when it goes on:
    /// what is seldom needed is in a box.
    ///
    /// # Errors
    /// As [`Self::read_into`].
    #[inline]
    pub async fn arrival(&mut self, buffer: &mut Buffer, room: usize) -> io::Result<Option<usize>> {
        self.begin()?;
        let outcome = match &mut self.cover {
            Cover::Plain if self.link.awaits_arrivals() => {
                if buffer.is_empty() {
                    buffer.release();
                }
                self.link.arrival().await.map(|()| None)
            }
            Cover::Plain => {
                buffer.make_room(room);
                Box::pin(self.link.read(buffer)).await.map(Some)
            }
            Cover::Tls(session) => {
                buffer.make_room(room);
                Box::pin(session.read(&mut self.link, buffer)).await.map(Some)
            }
        };
        self.end(outcome)
    }

    /// Appends what has arrived, without waiting; `None` where nothing has, and under TLS.
    ///
    /// # Errors
    /// The connection broke.
    #[inline]
    pub fn read_now(&mut self, buffer: &mut Buffer, room: usize) -> io::Result<Option<usize>> {
        if matches!(self.cover, Cover::Tls(_)) {
            return Ok(None);
        }
        self.begin()?;
        let outcome = self.link.read_now(buffer, room);
        self.end(outcome)
    }

    /// The same, if the last read filled its room and there may be more.
    ///
    /// # Errors
    /// As [`Self::read_now`].
    #[inline]
    pub fn read_rest(&mut self, buffer: &mut Buffer, room: usize) -> io::Result<Option<usize>> {
        if self.link.has_rest() { self.read_now(buffer, room) } else { Ok(None) }
    }

    /// Writes what is taken without waiting; how many bytes that were. Under TLS nothing is tried.
    ///
    /// # Errors
    /// The peer is gone.
    #[inline]
    pub fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if matches!(self.cover, Cover::Tls(_)) {
            return Ok(0);
        }
        self.begin()?;
        let outcome = self.link.write_now(bytes);
        self.end(outcome)
    }

    /// Writes all that is in `buffer`, which is empty then. *abandon closes*
    ///
    /// # Errors
    /// As [`Self::write_all`].
    #[inline]
    pub async fn write_out(&mut self, buffer: &mut Buffer) -> io::Result<()> {
        self.begin()?;
        let outcome = match &mut self.cover {
            Cover::Plain => self.link.write_out(buffer).await,
            Cover::Tls(session) => {
                let outcome = session.write_both(&mut self.link, buffer.filled(), &[]).await;
                buffer.clear();
                outcome
            }
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

    /// Appends what had arrived before a write failed, up to `bytes`: a peer that refuses a long
    /// message may have said why before it closed. The socket stays closed.
    pub fn salvage(&mut self, buffer: &mut Buffer, bytes: usize) {
        if matches!(self.cover, Cover::Plain) {
            self.link.salvage(buffer, bytes);
        }
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

    /// Whether nothing failed on it so far and nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// Whether an idle connection has nothing to say: no bytes, no end of stream.
    pub fn is_quiet(&self) -> bool {
        let holds_nothing = match &self.cover {
            Cover::Plain => true,
            Cover::Tls(session) => session.is_quiet(),
        };
        self.state == State::Idle && holds_nothing && self.link.peek() == Peek::Quiet
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

    /// The peer's address; none for a Unix socket.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.link.peer_address()
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
