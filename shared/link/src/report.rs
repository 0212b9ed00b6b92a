//! What a data plane tells of itself: usage and health.
//!
//! Left out on purpose: anything that money depends on. Usage here is what pages and counters show
//! before records are settled; the audit holds it against the books.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::{AccountId, OfferId, TokenClass, Tokens, Usd};

/// Usage of one account on one offer within one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(serialize_with = "write_counts", deserialize_with = "read_counts")]
    pub tokens: Tokens,
    /// What their account pays.
    pub charged: Usd,
}

/// How a data plane is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The generation that every core has.
    pub generation: u64,
    /// Whether it is taking no new requests because it is shutting down.
    pub draining: bool,
    /// Its cores.
    pub cores: Vec<CoreReport>,
    /// The endpoints that it has used, or some of them: what is not among them is as it was.
    pub endpoints: Vec<EndpointReport>,
    /// Its journal.
    pub journal: JournalReport,
}

/// How one core is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreReport {
    /// The CPU it is pinned to.
    pub core: u32,
    /// Open client connections.
    pub connections: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests since the start.
    pub requests: u64,
    /// How they ended.
    pub ends: EndCounts,
}

/// One way for a request to end that is counted. The number is its place in [`EndCounts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    /// It was charged.
    Charged = 0,
    /// It held credit and was not charged.
    Voided = 1,
    /// It was answered with a status of 4xx of our own.
    RefusedTheirs = 2,
    /// It was answered with a status of 5xx of our own.
    RefusedOurs = 3,
    /// It was charged by our own estimate, as the provider's count was missing or absurd.
    Estimated = 4,
    /// It cost more than its hold.
    Overrun = 5,
    /// A part of its cost was written off.
    WrittenOff = 6,
    /// It panicked.
    Panicked = 7,
    /// Its hold was dropped instead of ended, and voided for it.
    DroppedHold = 8,
    /// It got the answer of an earlier request with its idempotency key.
    Replayed = 9,
}

impl End {
    /// How many there are.
    pub const COUNT: usize = 10;

    /// Every one, in the order of their places.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Charged,
        Self::Voided,
        Self::RefusedTheirs,
        Self::RefusedOurs,
        Self::Estimated,
        Self::Overrun,
        Self::WrittenOff,
        Self::Panicked,
        Self::DroppedHold,
        Self::Replayed,
    ];

    /// The name under which it is counted.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Charged => "charged",
            Self::Voided => "voided",
            Self::RefusedTheirs => "refused_4xx",
            Self::RefusedOurs => "refused_5xx",
            Self::Estimated => "estimated",
            Self::Overrun => "overruns",
            Self::WrittenOff => "write_offs",
            Self::Panicked => "panics",
            Self::DroppedHold => "dropped_holds",
            Self::Replayed => "replays",
        }
    }
}

/// How many requests ended how, since the start; a request may be in several counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndCounts(pub [u64; End::COUNT]);

/// How one endpoint does, as seen from this data plane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointReport {
    /// Its number, the same whatever it costs.
    pub endpoint: u64,
    /// The offer of it that was served last.
    pub offer: OfferId,
    /// Whether requests are sent to it now.
    pub state: EndpointState,
    /// Requests in flight.
    pub in_flight: u32,
    /// Requests that it is known to take at once; `None` where it never had too many.
    pub bound: Option<u32>,
    /// Requests since the start.
    pub requests: u64,
    /// Those of them that failed: to connect, to begin the answer, to finish it.
    pub failures: [u64; 3],
    /// How fast it is.
    pub paces: Paces,
}

/// How fast an endpoint was in the last minutes: p50, p75, p90, p99, where they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paces {
    /// Microseconds to the first event of a stream.
    pub latency_us: [Option<u64>; 4],
    /// Thousandths of a token a second that so many get at least.
    pub throughput: [Option<u64>; 4],
}

/// Whether an endpoint is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// As any other.
    #[default]
    Well,
    /// After others, as it fails now and then.
    Degraded,
    /// Last, as it has as many requests as it takes.
    Full,
    /// Last, as it failed too often or asked for a pause.
    Resting,
    /// By one request at a time, after a rest.
    HalfOpen,
}

impl EndpointState {
    /// Whether it is asked like any other.
    pub const fn is_healthy(self) -> bool {
        matches!(self, Self::Well)
    }
}

/// How the journal does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// Tokens travel as their counts, in the order of the classes.
fn write_counts<S: Serializer>(tokens: &Tokens, to: S) -> Result<S::Ok, S::Error> {
    tokens.counts().serialize(to)
}

fn read_counts<'de, D: Deserializer<'de>>(from: D) -> Result<Tokens, D::Error> {
    <[u64; TokenClass::COUNT]>::deserialize(from).map(Tokens::from_counts)
}
