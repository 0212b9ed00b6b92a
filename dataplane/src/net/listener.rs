//! A listening socket of one core.
//!
//! Invariants: accepting is never raced and never cancelled, or an accepted descriptor could be
//! lost; closing shuts the socket down, and the parked accept returns an error. Sockets come out
//! with the write delay already off: they inherit it, which saves a system call each.
//! Left out on purpose: connection limits and what becomes of an accepted socket.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::fd::AsRawFd;
use std::rc::Rc;

use monoio::net::TcpListener;
use nix::sys::socket::{Shutdown, shutdown};
use socket2::{Domain, Protocol, SockRef, Type};

use super::deadline::Deadlines;
use super::ring::{Driver, driver};
use super::socket::Socket;

/// A socket that accepts on one core.
pub struct Listener {
    listener: TcpListener,
}

/// Binds a listening socket that other cores and processes may share the port with.
///
/// # Errors
/// The address is not ours or is taken by someone who does not share it.
pub fn bind_shared(address: SocketAddr, backlog: i32) -> io::Result<StdTcpListener> {
    let socket = socket2::Socket::new(
        Domain::for_address(address),
        Type::STREAM.cloexec(),
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

impl Listener {
    /// Takes over a bound and listening socket. Call it on the core that accepts.
    ///
    /// # Errors
    /// The runtime cannot register the descriptor.
    pub fn from_std(listener: StdTcpListener) -> io::Result<Self> {
        SockRef::from(&listener).set_tcp_nodelay(true)?;
        listener.set_nonblocking(driver() == Driver::Epoll)?;
        Ok(Self { listener: TcpListener::from_std(listener)? })
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// The kernel does not know the socket any more.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection. *whole*
    ///
    /// # Errors
    /// Descriptors ran out, the peer gave up, or [`Self::close`] was called.
    pub async fn accept(&self, deadlines: &Rc<Deadlines>) -> io::Result<(Socket, SocketAddr)> {
        let (stream, peer) = self.listener.accept().await?;
        Ok((Socket::accepted(stream, deadlines), peer))
    }

    /// Stops listening: a parked accept returns an error, connections not yet accepted are reset.
    pub fn close(&self) {
        let _ = shutdown(self.listener.as_raw_fd(), Shutdown::Both);
    }
}
