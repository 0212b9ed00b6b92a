//! What a data plane tells of itself: usage and health.
//!
//! Left out on purpose: anything that money depends on. Usage here is what pages and counters show
//! before records are settled; the audit holds it against the books.

use units::{AccountId, OfferId, Tokens, Usd};

/// Usage of one account on one offer within one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// Whose.
    pub account: AccountId,
    /// The offer that served.
    pub offer: OfferId,
    /// The UTC day on which the requests were admitted, since 1970.
    pub day: u32,
    /// Requests that were charged.
    pub requests: u64,
    /// What they used.
    pub tokens: Tokens,
    /// What their account pays.
    pub charged: Usd,
}

/// How a data plane is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusReport {
    /// The generation that every core has.
    pub generation: u64,
    /// Whether it is taking no new requests because it is shutting down.
    pub draining: bool,
    /// Its cores.
    pub cores: Vec<CoreReport>,
    /// The endpoints that it has used.
    pub endpoints: Vec<EndpointReport>,
    /// Its journal.
    pub journal: JournalReport,
}

/// How one core is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoreReport {
    /// The CPU it is pinned to.
    pub core: u32,
    /// Open client connections.
    pub connections: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests since the start.
    pub requests: u64,
}

/// How one endpoint does, as seen from this data plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointReport {
    /// The endpoint's offer.
    pub offer: OfferId,
    /// Whether requests are sent to it now.
    pub healthy: bool,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests since the start.
    pub requests: u64,
    /// Those of them that failed before any content.
    pub failures: u64,
}

/// How the journal does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalReport {
    /// Whether it can be written; if not, nothing is admitted.
    pub writable: bool,
    /// Batches since the start.
    pub batches: u64,
    /// Records that are durable here and not yet acknowledged by the ledger.
    pub unsettled: u64,
    /// The longest commit of the last minute, in microseconds.
    pub slowest_commit_us: u64,
}
