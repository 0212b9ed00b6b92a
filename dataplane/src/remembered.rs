//! The digest of the key that a connection sends with every request.
//!
//! Invariants: a key is looked up by its SHA-256 alone; the text is kept only to be compared with
//! what the same connection sends next, and goes with the connection.

use sha2::{Digest, Sha256};
use units::KeyDigest;

/// The last key seen on a connection, which most send with every request: kept as long as the
/// connection, so that it is hashed once.
#[derive(Default)]
pub struct Remembered(Option<(Vec<u8>, KeyDigest)>);

impl Remembered {
    /// The SHA-256 of a presented key.
    pub fn digest(&mut self, presented: &[u8]) -> KeyDigest {
        if let Some((key, digest)) = &self.0
            && key == presented
        {
            return *digest;
        }
        let digest = KeyDigest(Sha256::digest(presented).into());
        self.0 = Some((presented.to_vec(), digest));
        digest
    }
}
