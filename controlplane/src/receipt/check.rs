//! Checking a receipt: without a server, a network or a clock.
//!
//! Invariant: nothing of a payload is told before its signature was found good.
//! Left out on purpose: whom to trust. A receipt names its key; whether that is the operator's is
//! for whoever checks to say, by giving the key.

use std::fmt;
use std::str::FromStr;

use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(super) const ALGORITHM: &str = "Ed25519";

/// A key that checks receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for PublicKey {
    type Err = ReceiptFault;

    /// Reads 64 hex digits, or the answer of `GET /api/v1/receipt-key`.
    fn from_str(text: &str) -> Result<Self, ReceiptFault> {
        if let Some(key) = bytes(text.trim()) {
            return Ok(Self(key));
        }
        let answer: Value = serde_json::from_str(text).map_err(|_| ReceiptFault::NoKey)?;
        answer["public_key"].as_str().and_then(bytes).map(Self).ok_or(ReceiptFault::NoKey)
    }
}

/// Which body a hash is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// What the client sent.
    Request,
    /// What the client was sent.
    Response,
}

impl Body {
    const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// Why a receipt is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptFault {
    /// The file is not one.
    NotAReceipt,
    /// A later version's, or something else that was signed with the key.
    UnknownForm,
    /// The text is no public key.
    NoKey,
    /// It is signed with another key than the one that is trusted.
    OtherKey,
    /// The signature is not that of the payload.
    BadSignature,
    /// The receipt has no hash of this body.
    NoHash(Body),
    /// The body is not the one that the receipt is for.
    OtherBody(Body),
}

impl fmt::Display for ReceiptFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAReceipt => {
                f.write_str("this is no receipt: JSON with payload, signature and public_key")
            }
            Self::UnknownForm => f.write_str("the payload is of no form that is known here"),
            Self::NoKey => f.write_str("a public key is 64 hex digits, or a file that holds them"),
            Self::OtherKey => f.write_str("it is signed with another key than the one given"),
            Self::BadSignature => f.write_str("the signature is not that of the payload"),
            Self::NoHash(body) => {
                write!(f, "the receipt has no hash of the {}: none was taken", body.name())
            }
            Self::OtherBody(body) => {
                write!(f, "the {} is not the one that the receipt is for", body.name())
            }
        }
    }
}

impl std::error::Error for ReceiptFault {}

/// A receipt whose signature is good.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What was signed.
    pub payload: Value,
    /// With which key.
    pub key: PublicKey,
}

#[derive(Deserialize)]
struct Given {
    payload: String,
    algorithm: String,
    signature: String,
    public_key: String,
}

/// Checks a receipt's text; with a key that is trusted, also that it is signed with that one.
///
/// # Errors
/// It is not good, and why.
pub fn check(text: &str, trusted: Option<&PublicKey>) -> Result<Checked, ReceiptFault> {
    let given: Given = serde_json::from_str(text).map_err(|_| ReceiptFault::NotAReceipt)?;
    if given.algorithm != ALGORITHM {
        return Err(ReceiptFault::UnknownForm);
    }
    let key = bytes(&given.public_key).map(PublicKey).ok_or(ReceiptFault::NotAReceipt)?;
    let signature = bytes::<64>(&given.signature).ok_or(ReceiptFault::NotAReceipt)?;
    if trusted.is_some_and(|trusted| *trusted != key) {
        return Err(ReceiptFault::OtherKey);
    }
    UnparsedPublicKey::new(&ED25519, key.0)
        .verify(given.payload.as_bytes(), &signature)
        .map_err(|_| ReceiptFault::BadSignature)?;
    let payload: Value =
        serde_json::from_str(&given.payload).map_err(|_| ReceiptFault::UnknownForm)?;
    if payload["type"] != super::KIND {
        return Err(ReceiptFault::UnknownForm);
    }
    Ok(Checked { payload, key })
}

impl Checked {
    /// Whether the receipt is for this body: as it was sent, without transfer coding.
    ///
    /// # Errors
    /// It is for another one, or has no hash of it.
    pub fn covers(&self, body: Body, sent: &[u8]) -> Result<(), ReceiptFault> {
        let named = &self.payload[format!("{}_sha256", body.name())];
        let named = named.as_str().ok_or(ReceiptFault::NoHash(body))?;
        let is_it = hex(&Sha256::digest(sent)) == named;
        if is_it { Ok(()) } else { Err(ReceiptFault::OtherBody(body)) }
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of exactly so much lower-case hex.
pub(super) fn bytes<const COUNT: usize>(text: &str) -> Option<[u8; COUNT]> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 2 * COUNT || !text.bytes().all(is_hex) {
        return None;
    }
    let mut bytes = [0; COUNT];
    for (byte, at) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}
