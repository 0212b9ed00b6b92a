//! From a data plane to the control plane.

use ledger::{Purse, Run};
use serde::{Deserialize, Serialize};
use units::{DataPlaneId, Epoch, UnixMillis, Usd};

use crate::report::{StatusReport, UsageRow};

/// The version of these messages: a link speaks one, and refuses another.
pub const VERSION: u16 = 1;

/// What a data plane says.
///
/// There is no message for credit that goes back: a return is a `Record::Return` in the lease
/// ring's runs, so that it counts once however often it is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToControl {
    /// A link is up: who speaks. The first message on it; answered by `Welcome`, `Refused` or
    /// `Busy`.
    Hello(Hello),
    /// A request needs more credit than is free here. Answered by `Granted` or `Denied`.
    Need {
        /// Whose.
        purse: Purse,
        /// The least that would do.
        amount: Usd,
    },
    /// Records that are durable here, in the order in which they were written.
    #[serde(skip)]
    Settlement {
        /// The epoch that wrote them.
        epoch: Epoch,
        /// Its runs.
        runs: Vec<Run>,
    },
    /// An adopted epoch of a dead process has ended all its holds, and all of it was settled: what
    /// is left of its leases goes back.
    EpochDone {
        /// The epoch.
        epoch: Epoch,
    },
    /// Every core has this generation.
    Applied {
        /// Its number.
        generation: u64,
    },
    /// Usage since the last report, for counters that must be fresh.
    Usage {
        /// What was used.
        rows: Vec<UsageRow>,
        /// The records that `rows` covers: ring and mark.
        covered: Vec<(u16, u64)>,
    },
    /// How the data plane is. Answered by `Contact`.
    Status {
        /// How.
        report: StatusReport,
        /// When this is said, by the data plane's own clock.
        said: UnixMillis,
    },
}

/// Who speaks on a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version that it speaks: [`VERSION`].
    pub version: u16,
    /// The data plane.
    pub dataplane: DataPlaneId,
    /// Its running epoch, which it has made durable before.
    pub epoch: Epoch,
    /// The mark of its data directory, never zero.
    pub directory: u64,
    /// A number that this start has drawn: a link that is made again is told from another process.
    pub process: u64,
    /// Epochs that other processes held in this directory when this one began: those may speak
    /// beside it. Whoever else has a link under this number runs on a copy of the directory.
    pub beside: Vec<Epoch>,
}
