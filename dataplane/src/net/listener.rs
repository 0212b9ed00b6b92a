//! A listening socket of one core.
//!
//! Invariants: accepting is never raced, or an accepted descriptor could be lost; who waits for it
//! hears how it ended. Other processes may hold the socket too: it is let go of and dropped, never
//! shut down, and closes with the last holder. Letting go calls the parked accept back, which
//! returns an error or the connection that came first. Sockets come out with the write delay
//! already off: they inherit it, which saves a system call each.
//! Left out on purpose: connection limits and what becomes of an accepted socket.

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::rc::Rc;

use monoio::io::Canceller;
use monoio::net::TcpListener;
use socket2::{Domain, Protocol, SockRef, Type};

use super::deadline::Deadlines;
use super::ring::{Driver, driver};
use super::socket::Socket;

/// A socket that accepts on one core.
pub struct Listener {
    listener: TcpListener,
    canceller: RefCell<Canceller>,
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
        let listener = TcpListener::from_std(listener)?;
        Ok(Self { listener, canceller: RefCell::new(Canceller::new()) })
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
    /// Descriptors ran out, the peer gave up, or [`Self::let_go`] was called.
    pub async fn accept(&self, deadlines: &Rc<Deadlines>) -> io::Result<(Socket, SocketAddr)> {
        let handle = self.canceller.borrow().handle();
        let (stream, peer) = self.listener.cancelable_accept(handle).await?;
        Ok((Socket::accepted(stream, deadlines), peer))
    }

    /// Accepts no more here; the socket goes on listening for whoever else holds it.
    pub fn let_go(&self) {
        let canceller = self.canceller.take();
        self.canceller.replace(canceller.cancel());
    }
}
