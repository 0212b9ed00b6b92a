//! From the control plane to a data plane.

use ledger::Purse;
use serde::{Deserialize, Serialize};
use units::{Epoch, UnixMillis, Usd};

use crate::publication::Publication;

/// What the control plane says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToData {
    /// The answer to `Hello`: what the ledger knows of this data plane.
    Welcome {
        /// Its epochs that are not closed, with what was settled of each. Records from there on
        /// are to be sent (again).
        open_epochs: Vec<EpochMark>,
        /// What was lent to the running epoch in all, of each purse: a grant that was lost with
        /// an earlier link comes with this.
        lent: Vec<(Purse, Usd)>,
    },
    /// The answer to a `Hello` that cannot be let in: why, and what to do. The link ends.
    Refused {
        /// The reason.
        why: String,
    },
    /// Not now: another link under this number lives, and must not be spoken for. The link ends,
    /// and may be made again at once; whoever hears this for long runs on a copy of a directory.
    Busy {
        /// The reason.
        why: String,
    },
    /// The answer to `Status`: the control plane is there.
    Contact {
        /// The report's `said`: the ledger has heard of the data plane then or later, so that a
        /// lease may be spent for as long from then on, however late this arrives.
        said: UnixMillis,
        /// Whether others borrow too, so that idle credit should go back.
        shared: bool,
    },
    /// What to serve by from now on. Answered by `Applied`.
    Publish(Publication),
    /// Credit is lent to the running epoch, durably.
    Granted {
        /// Whose.
        purse: Purse,
        /// How much.
        amount: Usd,
        /// How much in all, this included: a total that was taken already is no news.
        total: Usd,
    },
    /// No more is lent now, or news of how much there would be.
    Denied {
        /// Whose.
        purse: Purse,
        /// What of it is not lent to anyone.
        unlent: Usd,
        /// What of it is lent to others.
        elsewhere: Usd,
    },
    /// Please give back free credit, as a `Record::Return`; what requests hold stays.
    Recall {
        /// Whose.
        purse: Purse,
        /// At most this much.
        up_to: Usd,
    },
    /// Records of a ring are in the ledger's journal.
    Acknowledged {
        /// The epoch.
        epoch: Epoch,
        /// The ring.
        ring: u16,
        /// Everything below is settled.
        seq: u64,
    },
}

/// What the ledger has of an open epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochMark {
    /// The epoch.
    pub epoch: Epoch,
    /// Ring and mark: everything below is settled. A ring that is not listed has its mark at 0.
    pub watermarks: Vec<(u16, u64)>,
    /// Its leases were taken back: it may spend nothing more, and what it tells of is written off.
    pub fenced: bool,
}
