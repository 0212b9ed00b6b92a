//! Records of everyday values.

use ledger::Record;
use ledger::record::{
    Attempt, Attempts, Excess, FinishCode, Flags, Hold, Outcome, Post, UpstreamId, UsageSource,
};
use units::{AccountId, KeyId, OfferId, TokenClass, Tokens, UnixMillis, Usd};

const HELD: Usd = Usd::from_pico(18_400_000_000);

/// A hold of some cents.
pub(crate) fn hold(account: u64, offer: u32) -> Record {
    Record::Hold(Hold {
        account: AccountId(account),
        key: KeyId(account),
        key_limited: false,
        free_request: false,
        amount: HELD,
        offer: OfferId(offer),
        output_cap: 4096,
        at: UnixMillis(1_800_000_000_000),
    })
}

/// The end of such a hold, with every field that a streamed answer fills.
pub(crate) fn post(account: u64, offer: u32, hold_seq: u64) -> Record {
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = 1873;
    tokens[TokenClass::CacheRead] = 1024;
    tokens[TokenClass::Output] = 412;
    tokens[TokenClass::Reasoning] = 256;
    let mut attempts = Attempts::new();
    attempts.push(Attempt { offer: OfferId(offer), status: 200, ms: 412 });
    Record::Post(Post {
        hold_seq,
        account: AccountId(account),
        key: KeyId(account),
        key_limited: false,
        free_request: false,
        held: HELD,
        charge: Usd::from_pico(4_120_000_000),
        excess: Excess::default(),
        list_cost: Usd::from_pico(20_600_000_000),
        own_key: false,
        offer: OfferId(offer),
        tokens,
        source: UsageSource::Reported,
        outcome: Outcome::Complete,
        flags: Flags::NONE,
        service_tier: 0,
        stream: true,
        finish: FinishCode::Stop,
        upstream_id: UpstreamId::new(b"chatcmpl-9xTz1AbCdEfGhIjKlMnOpQrStUvWx"),
        attempts,
        created_at: UnixMillis(1_800_000_000_000),
        first_byte_ms: 312,
        total_ms: 4120,
        output_cap: 4096,
        status: 200,
        hashes: None,
    })
}
