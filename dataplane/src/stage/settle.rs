//! Stage 8, settle: a hold and an outcome become exactly one post or void.
//!
//! Invariants: a charge never exceeds its hold; what an answer cost above it comes from free credit
//! as far as there is any, else it is written off, and either is flagged; an estimate is never
//! charged above the hold, nor any token above a price cap that the request names. With
//! `before_final` the record is on disk before the last byte goes out.
//!
//! ```text
//!   Complete, ClientGone, Drained, CutAtHold --> Post
//!   UpstreamDied --> Void, or Post of what was delivered (`partial_failure`)
//!   Failed --------> Void
//! ```

use catalog::price::ServiceTier;
use dialect::Finish;
use ledger::record::{
    BodyHashes, Excess, FinishCode, Flags, Outcome as RecordedOutcome, Post, Record, UsageSource,
    VoidReason,
};
use units::{TokenClass, Tokens, Usd};

use crate::local::Local;
use crate::settings::{Durability, PartialFailure};
use crate::stage::admission::Admission;
use crate::stage::attempt::Request;
use crate::stage::meter::Metered;
use crate::stage::outcome::{Ending, Outcome};

/// A request that is settled.
#[derive(Debug)]
pub struct Settled {
    /// What the account pays.
    pub charged: Usd,
    /// What nobody pays.
    pub written_off: Usd,
    /// What is special about the charge.
    pub flags: Flags,
    /// Whether the hold ended with a charge, if only of nothing.
    pub is_posted: bool,
    /// Its record's place in the ring.
    seq: u64,
}

/// The record that ends a hold, before it is written.
pub struct Ended {
    record: Record,
    charge: Usd,
    charged: Usd,
}

/// Decides how the hold of a request ends. Takes an excess from free credit if there is one.
pub fn decide(request: &Request<'_>, outcome: &Outcome, hashes: Option<BodyHashes>) -> Ended {
    let recorded = match outcome.ending {
        Ending::Complete => RecordedOutcome::Complete,
        Ending::ClientGone | Ending::Drained => RecordedOutcome::ClientGone,
        Ending::CutAtHold => RecordedOutcome::CutAtHold,
        Ending::UpstreamDied if charges_delivered(request, outcome) => {
            RecordedOutcome::UpstreamDied
        }
        Ending::UpstreamDied => return void(request.admission, VoidReason::PartialFree, outcome),
        Ending::Failed(reason) => return void(request.admission, reason, outcome),
    };
    match outcome.endpoint {
        Some(endpoint) => post(request, outcome, hashes, endpoint, recorded),
        None => void(request.admission, VoidReason::UpstreamFailed, outcome),
    }
}

/// Writes the end of a hold. Where the operator asks for it, wait for the disk ([`on_disk`]).
pub fn settle(local: &Local, admission: Admission, ended: &Ended) -> Settled {
    let Ended { record, charge, charged } = ended;
    let (charge, charged) = (*charge, *charged);
    let (mut written_off, mut flags) = (Usd::ZERO, Flags::NONE);
    if let Record::Post(post) = record {
        local.counters.add_usage(post, charged);
        (written_off, flags) = (post.excess.written_off, post.flags);
    }
    let seq = admission.spend(record, charge);
    let is_posted = matches!(record, Record::Post(_));
    Settled { charged, written_off, flags, is_posted, seq }
}

/// Waits until the end of a hold is on disk, where that is owed before an answer ends. *abandon
/// closes*
pub async fn on_disk(local: &Local, settled: &Settled) {
    if local.settings.durability == Durability::BeforeFinal {
        local.until_durable(settled.seq).await;
    }
}

fn charges_delivered(request: &Request<'_>, outcome: &Outcome) -> bool {
    request.local.settings.partial_failure == PartialFailure::Delivered
        && outcome.meter.has_content()
}

fn void(admission: &Admission, reason: VoidReason, outcome: &Outcome) -> Ended {
    let record = admission.void(reason, outcome.status, outcome.attempts);
    Ended { record, charge: Usd::ZERO, charged: Usd::ZERO }
}

fn post(
    request: &Request<'_>,
    outcome: &Outcome,
    hashes: Option<BodyHashes>,
    place: u32,
    recorded: RecordedOutcome,
) -> Ended {
    let admission = request.admission;
    let endpoint = &request.published.catalog().endpoints[place as usize];
    let metered = outcome.meter.price(request, place);
    let held = admission.held();
    let (charge, excess) = match outcome.ending {
        // An own key's hold may be another candidate's price.
        Ending::CutAtHold if metered.own_key => (metered.cost.min(held), Excess::default()),
        Ending::CutAtHold => (cost_of_hold(request, place), Excess::default()),
        _ => split(admission, &metered),
    };
    let charged = charge.checked_add(excess.from_free).unwrap_or(charge);
    let record = Record::Post(Post {
        hold_seq: admission.hold_seq,
        account: admission.hold.account,
        key: admission.hold.key,
        key_limited: admission.hold.key_limited,
        free_request: admission.hold.free_request,
        held,
        charge,
        excess,
        list_cost: metered.list_cost,
        own_key: metered.own_key,
        offer: endpoint.offer,
        tokens: metered.tokens,
        source: metered.source,
        outcome: recorded,
        flags: flags(admission, &metered, &excess, outcome.ending),
        service_tier: metered.tier as u8,
        stream: admission.is_stream,
        finish: finish_code(outcome.meter.finish),
        upstream_id: outcome.meter.upstream_id,
        attempts: outcome.attempts,
        created_at: admission.created_at(),
        first_byte_ms: outcome.first_byte_ms,
        total_ms: admission.elapsed_ms(),
        output_cap: admission.hold.output_cap,
        status: outcome.status,
        hashes,
    });
    Ended { record, charge, charged }
}

/// What an answer costs that was cut at its hold: all of it, but no token more than a cap that the
/// request names.
fn cost_of_hold(request: &Request<'_>, place: u32) -> Usd {
    let held = request.admission.held();
    let Some(ceiling) = request.ceiling(place) else { return held };
    let price = &request.published.catalog().endpoints[place as usize].price;
    let allowed = request.allowed();
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = allowed.input_tokens;
    tokens[TokenClass::Output] = allowed.output_cap.saturating_mul(allowed.choices);
    tokens[TokenClass::Request] = 1;
    let tiers = [ServiceTier::Default, request.plan.tier];
    let costs = tiers.map(|tier| price.cost_within(&tokens, tier, &ceiling));
    costs.into_iter().flatten().max().map_or(held, |most| most.min(held))
}

/// What of a cost the hold pays, and what is above it.
fn split(admission: &Admission, metered: &Metered) -> (Usd, Excess) {
    let held = admission.held();
    if metered.cost <= held {
        return (metered.cost, Excess::default());
    }
    if metered.source == UsageSource::Estimated {
        return (held, Excess::default());
    }
    let above = metered.cost.checked_sub(held).unwrap_or(Usd::ZERO);
    let from_free = admission.take_excess(above);
    let written_off = above.checked_sub(from_free).unwrap_or(Usd::ZERO);
    (held, Excess { from_free, written_off })
}

fn flags(admission: &Admission, metered: &Metered, excess: &Excess, ending: Ending) -> Flags {
    let mut flags = metered.flags;
    if admission.is_cap_lowered {
        flags = flags.with(Flags::CAP_LOWERED);
    }
    if *excess != Excess::default() || ending == Ending::CutAtHold {
        flags = flags.with(Flags::OVERRUN);
    }
    if ending == Ending::Drained {
        flags = flags.with(Flags::DRAINED);
    }
    flags
}

const fn finish_code(finish: Finish) -> FinishCode {
    match finish {
        Finish::None => FinishCode::Unknown,
        Finish::Stop => FinishCode::Stop,
        Finish::Length => FinishCode::Length,
        Finish::ToolCalls => FinishCode::ToolCalls,
        Finish::ContentFilter => FinishCode::ContentFilter,
        Finish::Error => FinishCode::Error,
        Finish::Other => FinishCode::Other,
    }
}
