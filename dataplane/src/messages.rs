//! What the threads beside the cores tell each other.
//!
//! Left out on purpose: what cores say, which goes through their rings.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::Sender;

use channel::Unparker;
use ledger::cell::CreditCell;
pub use ledger::spool::LedgerAnswer;
use ledger::{Purse, Run};
use link::{ToData, UsageRow};
use units::Usd;

/// What other threads tell the uplink.
pub enum ToUplink {
    /// From the control plane.
    Control(ToData),
    /// Runs that are on disk.
    Committed(Vec<Run>),
    /// A purse ran short.
    Need(Purse, Usd),
    /// Usage counts for records of a ring below a sequence number.
    Usage(Vec<UsageRow>, (u16, u64)),
    /// Names were resolved anew.
    Resolved(Resolved),
    /// Another process is about to serve beside this one: it needs some of the credit.
    Share,
    /// Another process serves on: nothing new is admitted here.
    Retire,
    /// Ship what is left, then end.
    Stop,
}

/// What other threads tell the journal thread.
pub enum ToCommitter {
    /// What the ledger answered; a grant may be used once it is written.
    Answered(Arc<CreditCell>, LedgerAnswer),
    /// So much was taken out of a purse's cell and goes back to the ledger.
    Returned(Purse, Usd),
    /// The ledger has everything below this sequence number of a ring.
    Acknowledged(u16, u64),
    /// Write what is left, then end.
    Stop,
}

/// The way to the journal thread.
#[derive(Clone)]
pub struct ToJournal {
    /// Orders.
    pub orders: Sender<ToCommitter>,
    /// What wakes it.
    pub waker: Unparker,
}

impl ToJournal {
    /// Gives an order.
    pub fn tell(&self, order: ToCommitter) {
        // A journal thread that is gone has stopped the cores; nothing follows from this order.
        let _ = self.orders.send(order);
        self.waker.wake();
    }
}

/// A name to look up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The host.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
    /// Whether private addresses will do.
    pub allow_private: bool,
}

/// What each name stands for; an unresolved name is absent.
pub type Resolved = HashMap<Name, Vec<SocketAddr>>;

/// What the composition must know of: each ends this process's service, or this epoch's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The control plane does not let this data plane in: why.
    Refused(String),
    /// The running epoch's leases were taken away: a new epoch is needed.
    Fenced,
}

/// What others may see of the link.
#[derive(Debug, Default)]
pub struct LinkGauge {
    /// Whether the control plane was heard of lately.
    pub is_up: AtomicBool,
    /// Records that the ledger does not have yet.
    pub unsettled: AtomicU64,
}
