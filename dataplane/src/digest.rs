//! SHA-256 of bodies, for receipts: of a request whole, of an answer as it is queued.
//!
//! What counts are a body's bytes without its transfer coding, as `curl -o` writes them; in a
//! stream that is every comment and error too. Left out on purpose: what a digest is good for.

use sha2::{Digest, Sha256};

/// The digest of a body that is not complete yet.
#[derive(Clone, Default)]
pub struct Digesting(Sha256);

impl Digesting {
    /// Adds the body's next bytes.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of it.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The digest of a whole body.
pub fn digest(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}
