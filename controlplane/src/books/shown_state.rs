//! What is answered about the state of things: audits, data planes, the journal.
//!
//! Plain values in the operator's shape; the numbers behind `/metrics` as well.

use std::collections::BTreeMap;

use link::{End, EndCounts, EndpointState};
use serde::{Serialize, Serializer};
use units::{DataPlaneId, Epoch, OfferId, Usd};

/// One identity with its two sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentityView {
    /// What is claimed.
    pub name: String,
    /// One side.
    pub left: String,
    /// The other.
    pub right: String,
    /// Whether they agree.
    pub ok: bool,
}

/// The result of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditView {
    /// Whether every identity holds.
    pub ok: bool,
    /// Each of them.
    pub identities: Vec<IdentityView>,
    /// What a full audit folded again; a quick one folds nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recomputed: Vec<RecomputedView>,
}

/// A part of the journal that was folded again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecomputedView {
    /// The beginning of the journal, or a checkpoint by its last batch.
    pub from: String,
    /// Batches behind that.
    pub batches: u64,
    /// Their events.
    pub events: u64,
}

/// A data plane that linked at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaneView {
    /// Its number.
    pub id: DataPlaneId,
    /// Whether it is attached now.
    pub connected: bool,
    /// Its open epochs, oldest first.
    pub epochs: Vec<Epoch>,
    /// Those of them whose leases were taken back; what they still tell of is written off.
    pub fenced: Vec<Epoch>,
    /// The configuration generation that it serves by.
    pub generation: u64,
    /// What it has borrowed and not yet settled or returned.
    pub lent: Usd,
}

/// How the planes are doing.
#[derive(Clone, Debug, Serialize)]
pub struct StatusView {
    /// The configuration generation.
    pub generation: u64,
    /// Rows of the catalog.
    pub providers: usize,
    /// Models in the catalog.
    pub models: usize,
    /// Keys that exist.
    pub keys: usize,
    /// Accounts that exist.
    pub accounts: usize,
    /// What requests cost above what their customers paid, of all accounts together.
    pub written_off: Usd,
    /// The totals of double entry: what is owed to customers, and income, is positive. They sum to
    /// zero.
    pub totals: BTreeMap<&'static str, Usd>,
    /// The ledger's own disk.
    pub journal: JournalView,
    /// The data planes.
    pub dataplanes: Vec<PlaneView>,
    /// The newest report of each attached data plane.
    pub reports: Vec<PlaneReport>,
}

/// What a data plane last said of itself.
#[derive(Clone, Debug, Serialize)]
pub struct PlaneReport {
    /// Which one.
    pub dataplane: DataPlaneId,
    /// Which start of it.
    pub epoch: Epoch,
    /// Whether it takes no new requests.
    pub draining: bool,
    /// Its cores.
    pub cores: Vec<CoreView>,
    /// The endpoints it has used.
    pub endpoints: Vec<HealthView>,
    /// Its journal.
    pub journal: PlaneJournalView,
}

/// One core of a data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CoreView {
    /// The CPU.
    pub core: u32,
    /// Open client connections.
    pub connections: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests since the start.
    pub requests: u64,
    /// How they ended, by name.
    #[serde(serialize_with = "by_name")]
    pub ends: EndCounts,
}

/// Counts as an object.
fn by_name<S: Serializer>(ends: &EndCounts, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(End::ALL.map(|end| (end.name(), ends.0[end as usize])))
}

/// How one endpoint does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthView {
    /// The provider's id.
    pub provider: String,
    /// The model's id in the catalog.
    pub model: String,
    /// The number of the offer that was served last.
    pub offer: OfferId,
    /// Whether requests are sent to it as to any other.
    pub healthy: bool,
    /// How it is asked, in a word.
    pub state: EndpointState,
    /// Requests in flight.
    pub in_flight: u32,
    /// Requests that it is known to take at once; null where it never had too many.
    pub concurrency_limit: Option<u32>,
    /// Requests since the start.
    pub requests: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// At what they failed.
    pub failures_by_phase: PhasesView,
    /// Milliseconds to the first event of a stream, of the last minutes.
    pub latency_ms: PercentilesView,
    /// Tokens a second that so many get at least, of the last minutes.
    pub throughput: PercentilesView,
}

/// Failures by what the endpoint was at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PhasesView {
    /// Taking the connection.
    pub connect: u64,
    /// Beginning to answer.
    pub first_byte: u64,
    /// Going on to the end.
    pub mid_stream: u64,
}

impl From<[u64; 3]> for PhasesView {
    fn from([connect, first_byte, mid_stream]: [u64; 3]) -> Self {
        Self { connect, first_byte, mid_stream }
    }
}

/// Four points of a distribution; null where nothing was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PercentilesView {
    /// Half.
    pub p50: Option<u64>,
    /// Three quarters.
    pub p75: Option<u64>,
    /// Nine tenths.
    pub p90: Option<u64>,
    /// All but one in a hundred.
    pub p99: Option<u64>,
}

impl PercentilesView {
    /// Of thousandths, as wholes.
    pub(crate) fn of_thousandths(points: [Option<u64>; 4]) -> Self {
        let [p50, p75, p90, p99] = points.map(|point| point.map(|thousandths| thousandths / 1000));
        Self { p50, p75, p90, p99 }
    }
}

/// A data plane's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PlaneJournalView {
    /// Whether it can be written.
    pub writable: bool,
    /// Batches since the start.
    pub batches: u64,
    /// Records not yet acknowledged by the ledger.
    pub unsettled: u64,
    /// The longest commit of the last minute.
    pub slowest_commit_us: u64,
}

/// The ledger's journal and its view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JournalView {
    /// The last batch on disk.
    pub batch: u64,
    /// The last batch in the view.
    pub applied: u64,
    /// Bytes since the last checkpoint.
    pub since_checkpoint: u64,
    /// Events booked since the start.
    pub events: u64,
    /// Records settled since the start.
    pub records: u64,
    /// Syncs since the start.
    pub syncs: u64,
    /// Nanoseconds spent in them.
    pub sync_ns: u64,
    /// Runs that the books refused since the start.
    pub refused: u64,
}
