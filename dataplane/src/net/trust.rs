//! Whom we trust and who we are: rustls configurations, read from PEM once.
//!
//! Invariants: TLS 1.2 and 1.3 only; server certificates are always checked, against the web's
//! roots and at most one further file of the operator's; both sides speak HTTP/1.1 and say so.
//! Left out on purpose: reading files. Bytes come from whoever read the settings.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::buffer::Pool;
use super::tls::Session;

/// The one protocol that is negotiated.
const HTTP1: &[u8] = b"http/1.1";

/// How we check the servers that we dial.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

/// Who we are to the clients that dial us.
#[derive(Clone)]
pub struct Identity(Arc<ServerConfig>);

/// The name a server must prove, checked once.
#[derive(Clone, Debug)]
pub struct PeerName(ServerName<'static>);

impl PeerName {
    /// A DNS name or an IP address.
    ///
    /// # Errors
    /// The text is neither.
    pub fn parse(name: &str) -> io::Result<Self> {
        ServerName::try_from(name.to_owned()).map(Self).map_err(invalid)
    }
}

impl Trust {
    /// The web's roots, and the certificates of `extra_pem` if there are any.
    ///
    /// # Errors
    /// The extra text is not PEM, or holds no usable certificate.
    pub fn new(extra_pem: Option<&[u8]>) -> io::Result<Self> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(pem) = extra_pem {
            for certificate in certificates(pem)? {
                roots.add(certificate).map_err(invalid)?;
            }
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(invalid)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![HTTP1.to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// A session for one connection to `peer`.
    ///
    /// # Errors
    /// rustls refuses the configuration.
    pub fn session(&self, peer: &PeerName, pool: &Rc<Pool>) -> io::Result<Box<Session>> {
        let config = Arc::clone(&self.0);
        let connection =
            UnbufferedClientConnection::new(config, peer.0.clone()).map_err(invalid)?;
        Ok(Session::client(connection, pool))
    }
}

impl Identity {
    /// A certificate chain, leaf first, and its private key, both as PEM.
    ///
    /// # Errors
    /// One of them is not PEM, or they do not belong together.
    pub fn new(chain_pem: &[u8], key_pem: &[u8]) -> io::Result<Self> {
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(invalid)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(invalid)?
            .with_no_client_auth()
            .with_single_cert(certificates(chain_pem)?, key)
            .map_err(invalid)?;
        config.alpn_protocols = vec![HTTP1.to_vec()];
        // Tickets are sealed with keys that rotate and that all cores share: a client may come
        // back to any of them.
        config.ticketer = ring::Ticketer::new().map_err(invalid)?;
        Ok(Self(Arc::new(config)))
    }

    /// A session for one accepted connection.
    ///
    /// # Errors
    /// rustls refuses the configuration.
    pub fn session(&self, pool: &Rc<Pool>) -> io::Result<Box<Session>> {
        let config = Arc::clone(&self.0);
        let connection = UnbufferedServerConnection::new(config).map_err(invalid)?;
        Ok(Session::server(connection, pool))
    }
}

fn certificates(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(invalid)?;
    if found.is_empty() {
        return Err(invalid("the PEM text holds no certificate"));
    }
    Ok(found)
}

fn invalid(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}
