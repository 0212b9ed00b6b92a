//! What a data plane writes down, one record at a time.
//!
//! Purpose: the closed list of records and their binary form. A generation is named by the place of
//! its hold: data plane, epoch, ring and sequence number; ends name the sequence number of the
//! hold in their own ring.
//! Invariants: encoding is exact for every value and fits [`RECORD_BYTES_MAX`]; equal records have
//! equal bytes; decoding checks everything and never panics. Tags are never reused: a new form of a
//! record takes a new tag, and old forms stay readable as long as journals are kept.
//! Left out on purpose: request and response bodies, in whatever form.
//!
//! ```text
//!              +-- Progress* (work delivered so far; may be missing)
//!   Hold ------+-- Post   (charged; also what was recovered after a crash)
//!              +-- Void   (not charged)
//! ```

mod encode;
mod parts;
#[cfg(test)]
mod tests;

use units::{AccountId, KeyId, OfferId, Tokens, UnixMillis, Usd};

pub use crate::bytes::RecordFault;
use crate::purse::{Drawn, FREE_REQUEST, Purse};
pub use encode::RECORD_BYTES_MAX;
pub(crate) use encode::ROOM_BYTES;
pub use parts::{
    Attempt, Attempts, BodyHashes, Excess, FinishCode, Flags, Outcome, UpstreamId, UsageSource,
    VoidReason,
};

/// One record of a data plane.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "records live on the stack for a moment")]
pub enum Record {
    /// Credit was held for a request.
    Hold(Hold),
    /// A running request has delivered this much.
    Progress(Progress),
    /// A hold ended with a charge.
    Post(Post),
    /// A hold ended without a charge.
    Void(Void),
    /// The ledger lent this much to the epoch, and it may be used from here on.
    Grant {
        /// What was lent.
        purse: Purse,
        /// How much.
        amount: Usd,
    },
    /// The epoch gave this much back and does not use it any more.
    Return {
        /// What was given back.
        purse: Purse,
        /// How much.
        amount: Usd,
    },
}

/// The worst case of a request, taken from free credit before anything goes upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who pays.
    pub account: AccountId,
    /// The key that asked.
    pub key: KeyId,
    /// Whether the key has a spend limit, so that its purse was charged too.
    pub key_limited: bool,
    /// Whether it took a free request of its account.
    pub free_request: bool,
    /// How much is held; at most what an `i64` of picodollars counts.
    pub amount: Usd,
    /// The offer that the worst case was counted with.
    pub offer: OfferId,
    /// The most output tokens the request may make.
    pub output_cap: u32,
    /// When.
    pub at: UnixMillis,
}

/// What a running request has delivered so far: the lower bound if the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The hold, by its sequence number in this ring.
    pub hold_seq: u64,
    /// Tokens in and out so far.
    pub tokens: Tokens,
    /// What they cost; never above the hold.
    pub charge: Usd,
    /// What the provider charges for them.
    pub list_cost: Usd,
    /// Whether the provider charges the customer, whose own key it was called with.
    pub own_key: bool,
    /// The offer that serves.
    pub offer: OfferId,
    /// The service tier that is charged, by the catalog's number of it.
    pub service_tier: u8,
}

/// A hold that ended with a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Post {
    /// The hold, by its sequence number in this ring.
    pub hold_seq: u64,
    /// As in the hold.
    pub account: AccountId,
    /// As in the hold.
    pub key: KeyId,
    /// As in the hold.
    pub key_limited: bool,
    /// As in the hold.
    pub free_request: bool,
    /// The amount of the hold.
    pub held: Usd,
    /// What is paid from the hold: `0 <= charge <= held`.
    pub charge: Usd,
    /// What the request cost above its hold; zero unless `charge == held`.
    pub excess: Excess,
    /// What the provider charges for it.
    pub list_cost: Usd,
    /// Whether the provider charges the customer, whose own key it was called with: then only a
    /// fee is paid here, or nothing where the request is a free one.
    pub own_key: bool,
    /// The offer that served.
    pub offer: OfferId,
    /// What was used.
    pub tokens: Tokens,
    /// Whose count `tokens` is.
    pub source: UsageSource,
    /// How the request ended.
    pub outcome: Outcome,
    /// What is special about it.
    pub flags: Flags,
    /// The service tier that served, by the catalog's number of it.
    pub service_tier: u8,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// Why the model stopped.
    pub finish: FinishCode,
    /// The provider's own id of the request.
    pub upstream_id: UpstreamId,
    /// The endpoints that were tried, in order.
    pub attempts: Attempts,
    /// When the request was admitted.
    pub created_at: UnixMillis,
    /// Milliseconds from admission to the first byte of the answer.
    pub first_byte_ms: u32,
    /// Milliseconds from admission to the end.
    pub total_ms: u32,
    /// The most output tokens the request could make.
    pub output_cap: u32,
    /// The status the client got.
    pub status: u16,
    /// What the bodies were, where receipts are kept.
    pub hashes: Option<BodyHashes>,
}

impl Post {
    /// What the account pays in all, or `None` on overflow.
    pub fn charged(&self) -> Option<Usd> {
        self.charge.checked_add(self.excess.from_free)
    }

    /// What the provider charges us for it.
    pub const fn provider_cost(&self) -> Usd {
        if self.own_key { Usd::ZERO } else { self.list_cost }
    }

    /// What the provider charges the customer for it: no money of ours.
    pub const fn own_cost(&self) -> Usd {
        if self.own_key { self.list_cost } else { Usd::ZERO }
    }

    /// What is used of the free request that the hold took, if it took one: all of it, or nothing
    /// where a shared key served.
    pub const fn free_used(&self) -> Usd {
        if self.free_request && self.own_key { FREE_REQUEST } else { Usd::ZERO }
    }
}

impl Hold {
    /// What it is taken out of.
    pub fn drawn(&self) -> Drawn {
        let key = self.key_limited.then_some(self.key);
        Drawn { account: self.account, key, free_request: self.free_request }
    }
}

/// A hold that ended without a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Void {
    /// The hold, by its sequence number in this ring.
    pub hold_seq: u64,
    /// As in the hold.
    pub account: AccountId,
    /// As in the hold.
    pub key: KeyId,
    /// As in the hold.
    pub key_limited: bool,
    /// As in the hold.
    pub free_request: bool,
    /// The amount of the hold.
    pub held: Usd,
    /// The offer tried last.
    pub offer: OfferId,
    /// Why nothing is charged.
    pub reason: VoidReason,
    /// The status the client got; 0 if none.
    pub status: u16,
    /// The endpoints that were tried, in order.
    pub attempts: Attempts,
    /// When the request was admitted.
    pub created_at: UnixMillis,
    /// Milliseconds from admission to the end.
    pub total_ms: u32,
    /// Whether the answer was to be streamed.
    pub stream: bool,
}
