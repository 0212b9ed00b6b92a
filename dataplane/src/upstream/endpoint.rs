//! Where a provider is reached.
//!
//! Invariants: addresses only, at least one; whether TLS is spoken and to whom is part of the
//! endpoint, so a connection to it is never used for another.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use socket2::{Domain, SockAddr};

use crate::net::trust::PeerName;

/// One place to connect to.
#[derive(Clone)]
pub struct Address {
    pub(super) domain: Domain,
    pub(super) place: SockAddr,
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self { domain: Domain::for_address(address), place: address.into() }
    }
}

impl Address {
    /// A Unix socket.
    ///
    /// # Errors
    /// The path is too long for one.
    pub fn unix(path: &Path) -> std::io::Result<Self> {
        Ok(Self { domain: Domain::UNIX, place: SockAddr::unix(path)? })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_socket() {
            Some(address) => address.fmt(f),
            None => fmt::Debug::fmt(&self.place.as_pathname(), f),
        }
    }
}

/// What is spoken below HTTP.
#[derive(Clone, Debug)]
pub enum Cover {
    /// Nothing: for the loopback and for trusted networks.
    Plain,
    /// TLS, with a server that proves this name.
    Tls(PeerName),
}

/// A provider's way in: made once per generation, outside the request path.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The first address, and the others that are tried after it.
    pub addresses: (Address, Vec<Address>),
    /// Plain or TLS.
    pub cover: Cover,
}

impl Endpoint {
    /// Every address in the order of trial.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        std::iter::once(&self.addresses.0).chain(&self.addresses.1)
    }
}

/// Stands for one endpoint in a pool: connections under one key are interchangeable.
///
/// Whoever numbers endpoints gives the same number only to the same addresses, cover and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolKey(pub u64);
