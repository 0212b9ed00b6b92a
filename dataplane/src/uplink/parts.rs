//! What an uplink is made of.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use channel::{Doorbell, Mark, Publisher};
use ledger::cell::CreditCell;
use link::{Hello, Outbox, Publication, StatusReport, ToControl};
use seal::MasterKeys;
use units::{UnixMillis, Usd};

use super::dead::Dead;
use super::outbound::Outbound;
use super::resolve;
use super::saved::Saver;
use crate::local::published::Published;
use crate::messages::{LinkGauge, Notice, ToJournal};

/// The cores, as the uplink sees them.
pub struct Cores {
    /// Where generations are published.
    pub publisher: Publisher<Published>,
    /// Which generation each core serves from.
    pub applied: Vec<Arc<Mark>>,
    /// What wakes each core.
    pub doorbells: Vec<Doorbell>,
}

/// What an uplink is made of.
pub struct Parts {
    /// What is said first on the link.
    pub hello: Hello,
    /// The way to the control plane.
    pub control: Outbox<ToControl>,
    /// The cores.
    pub cores: Cores,
    /// The way to the journal thread.
    pub journal: ToJournal,
    /// The way to the resolver.
    pub resolver: Sender<resolve::Order>,
    /// The records on their way.
    pub outbound: Outbound,
    /// Epochs of dead processes, and of such that still drain.
    pub dead: Dead,
    /// Where publications are kept, if the control plane is another process.
    pub saver: Option<Saver>,
    /// What is served from unless the control plane publishes by then.
    pub fallback: Option<(Instant, Publication)>,
    /// What is left of the epoch's leases, where an earlier process wrote it: the cell, and what
    /// was granted in all.
    pub leases: Vec<(Arc<CreditCell>, Usd)>,
    /// When the control plane was last heard of, by this start or an earlier one.
    pub heard: UnixMillis,
    /// What opens sealed provider keys.
    pub master_keys: Option<MasterKeys>,
    /// How the data plane is.
    pub status: Box<dyn FnMut() -> StatusReport + Send>,
    /// Where the composition is told what it must know.
    pub notices: Sender<Notice>,
    /// What others may see of the link.
    pub gauge: Arc<LinkGauge>,
}
