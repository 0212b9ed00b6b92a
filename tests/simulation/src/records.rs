//! The records of simulated requests: what a data plane's stages would have written.

use ledger::Record;
use ledger::record::{
    Attempts, Excess, FinishCode, Flags, Hold, Outcome, Post, Progress, UpstreamId, UsageSource,
    Void, VoidReason,
};
use units::{OfferId, TokenClass, Tokens, UnixMillis, Usd};

/// An amount of picodollars.
pub(crate) fn usd(pico: i64) -> Usd {
    Usd::from_pico(pico.into())
}

fn tokens(output: i64) -> Tokens {
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = 1;
    tokens[TokenClass::Output] = output.unsigned_abs();
    tokens
}

/// What a request delivered so far, by what that costs.
pub(crate) fn progress(hold_seq: u64, charge: i64) -> Record {
    Record::Progress(Progress {
        hold_seq,
        tokens: tokens(charge),
        charge: usd(charge),
        list_cost: usd(charge / 2),
        own_key: false,
        offer: OfferId(0),
        service_tier: 0,
    })
}

/// The end of a request that pays `charge` of its hold and `from_free` beside it.
pub(crate) fn post(hold: &Hold, hold_seq: u64, cost: Cost, now: UnixMillis) -> Record {
    let Cost { charge, from_free, written_off, list } = cost;
    Record::Post(Post {
        hold_seq,
        account: hold.account,
        key: hold.key,
        key_limited: hold.key_limited,
        free_request: hold.free_request,
        held: hold.amount,
        charge: usd(charge),
        excess: Excess { from_free: usd(from_free), written_off: usd(written_off) },
        list_cost: usd(list),
        own_key: false,
        offer: hold.offer,
        tokens: tokens(charge),
        source: UsageSource::Reported,
        outcome: Outcome::Complete,
        flags: Flags::NONE,
        service_tier: 0,
        stream: true,
        finish: FinishCode::Stop,
        upstream_id: UpstreamId::NONE,
        attempts: Attempts::new(),
        created_at: hold.at,
        first_byte_ms: 1,
        total_ms: now.since(hold.at) as u32,
        output_cap: hold.output_cap,
        status: 200,
        hashes: None,
    })
}

/// What a request cost, in picodollars.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Paid from the hold.
    pub(crate) charge: i64,
    /// Paid from free credit, above the hold.
    pub(crate) from_free: i64,
    /// Borne by the operator.
    pub(crate) written_off: i64,
    /// Owed to the provider.
    pub(crate) list: i64,
}

/// The end of a request that pays nothing.
pub(crate) fn void(hold: &Hold, hold_seq: u64, now: UnixMillis) -> Record {
    Record::Void(Void {
        hold_seq,
        account: hold.account,
        key: hold.key,
        key_limited: hold.key_limited,
        free_request: hold.free_request,
        held: hold.amount,
        offer: hold.offer,
        reason: VoidReason::UpstreamFailed,
        status: 502,
        attempts: Attempts::new(),
        created_at: hold.at,
        total_ms: now.since(hold.at) as u32,
        stream: true,
    })
}
