//! Makes a connection to an endpoint: addresses in turn, then TLS, each under its deadline.
//!
//! Invariants: the descriptor is ours from its first moment, so a deadline closes a connection that
//! is still being made, as it closes any other; nothing is cancelled.
//! Left out on purpose: trying addresses at the same time.

use std::io;
use std::rc::Rc;

use nix::errno::Errno;
use socket2::{Domain, Protocol, Type};

use super::endpoint::{Address, Cover, Endpoint};
use super::fault::{Cause, Phase, Reached, UpstreamFault};
use crate::net::buffer::Pool;
use crate::net::deadline::Deadlines;
use crate::net::socket::{Socket, connected};
use crate::net::trust::Trust;

/// What a core needs to dial.
pub struct Dialler {
    /// Where sockets are watched.
    pub deadlines: Rc<Deadlines>,
    /// Where buffers come from.
    pub pool: Rc<Pool>,
    /// Which servers are trusted.
    pub trust: Trust,
    /// Connecting to one address, at most.
    pub connect_ms: u64,
    /// A TLS handshake, at most.
    pub handshake_ms: u64,
}

impl Dialler {
    /// A fresh connection to the first address that takes one. *abandon closes*
    ///
    /// # Errors
    /// No address answered in time (the last one's reason is told), or the handshake failed.
    pub async fn dial(&self, endpoint: &Endpoint) -> Result<Socket, UpstreamFault> {
        let mut outcome = Err(fault(Phase::Connect, Cause::Closed));
        for address in endpoint.addresses() {
            outcome = self.connect(address).await;
            if outcome.is_ok() {
                break;
            }
        }
        let mut socket = outcome?;
        if let Cover::Tls(peer) = &endpoint.cover {
            let broken = |reason| fault(Phase::Tls, Cause::Broken(reason));
            let session = self.trust.session(peer, &self.pool).map_err(broken)?;
            socket.watch().arm(self.handshake_ms);
            let shaken = socket.secure(session).await;
            shaken.map_err(|reason| overdue(&socket, Phase::Tls, reason))?;
        }
        socket.watch().disarm();
        Ok(socket)
    }

    async fn connect(&self, address: &Address) -> Result<Socket, UpstreamFault> {
        let broken = |reason| fault(Phase::Connect, Cause::Broken(reason));
        let stream = begin(address).map_err(broken)?;
        let watch = self.deadlines.watch_socket(&stream);
        watch.arm(self.connect_ms);
        let made = connected(&stream).await;
        if watch.expired() {
            return Err(fault(Phase::Connect, Cause::TimedOut));
        }
        drop(watch);
        made.and_then(|()| finish(stream, address, &self.deadlines)).map_err(broken)
    }
}

/// Sends the first packet of a connection, without waiting for the second.
fn begin(address: &Address) -> io::Result<socket2::Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let protocol = if address.domain == Domain::UNIX { None } else { Some(Protocol::TCP) };
    let stream = socket2::Socket::new(address.domain, kind, protocol)?;
    match stream.connect(&address.place) {
        Err(fault) if fault.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(fault),
        Ok(()) | Err(_) => Ok(stream),
    }
}

fn finish(
    stream: socket2::Socket,
    address: &Address,
    deadlines: &Rc<Deadlines>,
) -> io::Result<Socket> {
    if address.domain == Domain::UNIX {
        Socket::from_unix(stream.into(), deadlines)
    } else {
        Socket::from_tcp(stream.into(), deadlines)
    }
}

fn fault(phase: Phase, cause: Cause) -> UpstreamFault {
    UpstreamFault { phase, cause, reached: Reached::Nothing }
}

fn overdue(socket: &Socket, phase: Phase, reason: io::Error) -> UpstreamFault {
    let cause = if socket.watch().expired() { Cause::TimedOut } else { Cause::Broken(reason) };
    fault(phase, cause)
}
