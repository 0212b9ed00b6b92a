//! A non-blocking socket under edge-triggered epoll, with what is still to be written.
//!
//! Invariant: after an event, bytes are read and written until the kernel has no more to give or
//! take, so no edge is missed.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags, EpollTimeout};

/// Bytes read at once; a shorter read means that the socket is empty.
const READ_BYTES: usize = 64 * 1024;

/// Waits for events; how many there are. A process that was stopped and goes on waits again.
pub(crate) fn wait(
    epoll: &Epoll,
    events: &mut [EpollEvent],
    timeout: EpollTimeout,
) -> nix::Result<usize> {
    loop {
        match epoll.wait(events, timeout) {
            Err(Errno::EINTR) => {}
            outcome => return outcome,
        }
    }
}

/// One side of a connection.
pub(crate) struct Connection {
    socket: TcpStream,
    /// What has been read and not yet been used.
    pub received: Vec<u8>,
    unsent: Vec<u8>,
    sent: usize,
}

impl Connection {
    /// Takes a socket into `epoll`, where its events carry `token`.
    pub(crate) fn watch(socket: TcpStream, epoll: &Epoll, token: u64) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP;
        epoll.add(&socket, EpollEvent::new(flags | EpollFlags::EPOLLET, token))?;
        Ok(Self { socket, received: Vec::new(), unsent: Vec::new(), sent: 0 })
    }

    /// Writes as much as the socket takes, keeps the rest for the next event.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.sent < self.unsent.len() {
            self.unsent.extend_from_slice(bytes);
            return Ok(());
        }
        let written = write_most(&mut self.socket, bytes)?;
        self.unsent.clear();
        self.unsent.extend_from_slice(&bytes[written..]);
        self.sent = 0;
        Ok(())
    }

    /// Writes what is left over; to be called on every event.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.sent < self.unsent.len() {
            self.sent += write_most(&mut self.socket, &self.unsent[self.sent..])?;
        }
        Ok(())
    }

    /// Reads what there is into `received`; `false` when the other side has closed.
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; READ_BYTES];
        loop {
            match self.socket.read(&mut piece) {
                Ok(0) => return Ok(false),
                Ok(len) => {
                    self.received.extend_from_slice(&piece[..len]);
                    if len < READ_BYTES {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn write_most(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match socket.write(&bytes[written..]) {
            Ok(len) => written += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}
