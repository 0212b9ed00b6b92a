//! Receipts: what one generation was and cost, signed so that anyone can check it without us.
//!
//! A receipt is JSON: `payload` is a text, itself JSON with its members in one fixed order;
//! `signature` is the Ed25519 signature (RFC 8032) of that text's UTF-8 bytes; `public_key` is the
//! signer's; both are lower-case hex. Invariants: made from what the ledger recorded and nothing
//! that may change later, so that the same generation gives the same bytes each time; money is
//! decimal text; a hash that was not taken is null, never a guess.
//! The signing key is made at the first start and kept in `<data>/receipt.key`, for its owner
//! alone; whoever replaces it signs all receipts anew.

mod check;
#[cfg(test)]
mod tests;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::Serialize;
use serde_json::value::RawValue;
use units::{AccountId, GenerationId, OfferId, Tokens, UnixMillis, Usd, as_text};

use crate::books::{EndpointView, GenerationView};
use crate::refuse::Refusal;
use crate::settings::StartError;
pub use check::{Body, Checked, PublicKey, ReceiptFault, check};

/// What a payload of this form says it is.
const KIND: &str = "tollgate.receipt.v1";
/// The signing key's file in the data directory.
const KEY_FILE: &str = "receipt.key";

/// What signs receipts.
pub(crate) struct Signer(Ed25519KeyPair);

/// A signed receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Receipt {
    payload: String,
    algorithm: &'static str,
    signature: String,
    public_key: String,
}

/// What receipts are checked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ShownKey {
    algorithm: &'static str,
    public_key: String,
}

/// What is signed. The order of the members is part of the form.
#[derive(Serialize)]
struct Payload<'g> {
    r#type: &'static str,
    generation: GenerationId,
    account: AccountId,
    model: &'g str,
    endpoint: &'g EndpointView,
    upstream_id: Option<&'g str>,
    offer: OfferId,
    price: &'g RawValue,
    service_tier: Option<&'g str>,
    usage: Tokens,
    usage_source: &'static str,
    charged: Usd,
    /// Said where a customer's own provider key served: the charge is a fee.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_byok: bool,
    outcome: &'g str,
    finish_reason: Option<&'g str>,
    status: u16,
    stream: bool,
    #[serde(serialize_with = "as_text")]
    created_at: UnixMillis,
    first_byte_ms: u32,
    total_ms: u32,
    request_sha256: Option<&'g str>,
    response_sha256: Option<&'g str>,
}

impl<'g> Payload<'g> {
    fn of(generation: &'g GenerationView) -> Self {
        Self {
            r#type: KIND,
            generation: generation.id,
            account: generation.account,
            model: &generation.model,
            endpoint: &generation.endpoint,
            upstream_id: generation.upstream_id.as_deref(),
            offer: generation.offer,
            price: &generation.price,
            service_tier: generation.service_tier.as_deref(),
            usage: generation.usage,
            usage_source: generation.usage_source,
            charged: generation.charged,
            is_byok: generation.is_byok,
            outcome: &generation.outcome,
            finish_reason: generation.finish_reason.as_deref(),
            status: generation.status,
            stream: generation.stream,
            created_at: generation.created_at,
            first_byte_ms: generation.first_byte_ms,
            total_ms: generation.total_ms,
            request_sha256: generation.request_sha256.as_deref(),
            response_sha256: generation.response_sha256.as_deref(),
        }
    }
}

impl Signer {
    /// The key of the data directory, where it is made on the first start.
    pub(crate) fn open(data: &Path) -> Result<Self, StartError> {
        let path = data.join(KEY_FILE);
        let fault = |why: String| StartError::Data { path: path.clone(), why };
        let seed = match fs::read_to_string(&path) {
            Ok(text) => check::bytes::<32>(text.trim()).ok_or_else(|| {
                fault("it is no signing key: 64 hex digits; remove it, and one is made".into())
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let seed = fresh_seed()?;
                store(&path, &seed).map_err(|error| fault(error.to_string()))?;
                seed
            }
            Err(error) => return Err(fault(error.to_string())),
        };
        Self::of(&seed).map_err(|why| fault(why.to_string()))
    }

    fn of(seed: &[u8; 32]) -> Result<Self, ring::error::KeyRejected> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self)
    }

    /// The key that checks what this one signs.
    pub(crate) fn shown(&self) -> ShownKey {
        let public_key = check::hex(self.0.public_key().as_ref());
        ShownKey { algorithm: check::ALGORITHM, public_key }
    }

    /// The receipt of a generation that has ended.
    pub(crate) fn receipt(&self, generation: &GenerationView) -> Result<Receipt, Refusal> {
        let payload = serde_json::to_string(&Payload::of(generation))
            .map_err(|error| Refusal::Unavailable(error.to_string()))?;
        let signature = check::hex(self.0.sign(payload.as_bytes()).as_ref());
        let ShownKey { algorithm, public_key } = self.shown();
        Ok(Receipt { payload, algorithm, signature, public_key })
    }
}

fn fresh_seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| StartError::System(format!("no randomness: {error}")))?;
    Ok(seed)
}

fn store(path: &Path, seed: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", check::hex(seed))?;
    file.sync_all()
}
