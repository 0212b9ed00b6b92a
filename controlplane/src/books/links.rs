//! The data planes that are linked now.
//!
//! ```text
//!   attach ──▶ STRANGER ── Hello ──▶ LINKED ── a send fails, detached ──▶ gone
//!                 └── refused ──▶ gone
//!                                      │ ▲
//!                           Publish ───┘ └── Applied: that generation; the same again: all of it
//! ```
//!
//! Invariants: a stranger is told nothing; messages to one link keep their order; a link that does
//! not take a message is dropped, and finds everything again with its next Hello.

use std::collections::BTreeMap;

use ledger::contact;
use link::{Outbox, StatusReport, ToData};
use units::{DataPlaneId, Epoch, UnixMillis};

use super::counters::Counters;

/// The links, by their number in the order of attachment.
#[derive(Default)]
pub(crate) struct Links {
    strangers: BTreeMap<u64, Outbox<ToData>>,
    linked: BTreeMap<u64, Linked>,
    /// When each data plane was last heard of; those not listed, at the start.
    heard: BTreeMap<DataPlaneId, UnixMillis>,
    begun: UnixMillis,
}

/// A link that has said who it is.
pub(crate) struct Linked {
    outbox: Outbox<ToData>,
    pub(crate) dataplane: DataPlaneId,
    pub(crate) epoch: Epoch,
    /// The last generation sent.
    pub(crate) published: u64,
    /// The last generation that every core has.
    pub(crate) applied: u64,
    /// The newest report, from the start an empty one.
    pub(crate) report: StatusReport,
    /// What its cores counted.
    pub(crate) counters: Counters,
    /// All that its epoch admitted before then, but for what runs, is settled.
    pub(crate) told_to: UnixMillis,
}

impl Links {
    /// No links yet; whoever was linked before counts as heard of now.
    pub(crate) fn new(now: UnixMillis) -> Self {
        Self { begun: now, ..Self::default() }
    }

    /// Something came over a link.
    pub(crate) fn hear(&mut self, link: u64, now: UnixMillis) {
        if let Some(linked) = self.linked.get(&link) {
            self.heard.insert(linked.dataplane, now);
        }
    }

    /// When a data plane was last heard of.
    pub(crate) fn heard_of(&self, dataplane: DataPlaneId) -> UnixMillis {
        self.heard.get(&dataplane).copied().unwrap_or(self.begun)
    }

    /// Whether what a data plane has borrowed may come back soon.
    pub(crate) fn is_there(&self, dataplane: DataPlaneId, now: UnixMillis) -> bool {
        contact::is_there(self.heard_of(dataplane), now)
    }

    /// Tells a stranger, or a linked one that says hello again, why it cannot be let in.
    pub(crate) fn refuse(&mut self, link: u64, why: String) {
        notice::warn!("a data plane was not let in: {why}");
        let known = self.linked.remove(&link).map(|linked| linked.outbox);
        if let Some(outbox) = self.strangers.remove(&link).or(known) {
            // One that is gone need not hear why.
            let _ = outbox.send(ToData::Refused { why });
        }
    }

    pub(crate) fn attach(&mut self, link: u64, outbox: Outbox<ToData>) {
        self.strangers.insert(link, outbox);
    }

    /// A stranger says who it is, or a linked one says it again.
    pub(crate) fn greet(
        &mut self,
        link: u64,
        (dataplane, epoch): (DataPlaneId, Epoch),
        counters: Counters,
        now: UnixMillis,
    ) {
        self.heard.insert(dataplane, now);
        let known = self.linked.remove(&link).map(|linked| linked.outbox);
        let Some(outbox) = self.strangers.remove(&link).or(known) else { return };
        // A link that was cut and made again: the epoch speaks over the newest.
        self.linked.retain(|_, old| (old.dataplane, old.epoch) != (dataplane, epoch));
        let report = StatusReport::default();
        let (published, applied) = (0, 0);
        let told_to = UnixMillis(0);
        let linked =
            Linked { outbox, dataplane, epoch, published, applied, report, counters, told_to };
        self.linked.insert(link, linked);
        notice::info!("data plane {} is linked, epoch {}", dataplane.0, epoch.0);
    }

    pub(crate) fn get(&mut self, link: u64) -> Option<&mut Linked> {
        self.linked.get_mut(&link)
    }

    /// The links that have said who they are.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Linked)> {
        self.linked.iter().map(|(link, linked)| (*link, linked))
    }

    /// The link of a running epoch.
    pub(crate) fn of(&self, dataplane: DataPlaneId, epoch: Epoch) -> Option<u64> {
        let of = |linked: &Linked| (linked.dataplane, linked.epoch) == (dataplane, epoch);
        self.iter().find(|(_, linked)| of(linked)).map(|(link, _)| link)
    }

    /// An epoch has settled something that it admitted then; its records come in their order.
    pub(crate) fn told(&mut self, name: (DataPlaneId, Epoch), admitted: UnixMillis) {
        let of_it = |linked: &&mut Linked| (linked.dataplane, linked.epoch) == name;
        if let Some(linked) = self.linked.values_mut().find(of_it) {
            linked.told_to = linked.told_to.max(admitted);
        }
    }

    /// Up to when an epoch has told of all; the beginning of time for one that is not linked.
    pub(crate) fn told_to(&self, name: (DataPlaneId, Epoch)) -> UnixMillis {
        let of_it = |linked: &&Linked| (linked.dataplane, linked.epoch) == name;
        self.linked.values().find(of_it).map_or(UnixMillis(0), |linked| linked.told_to)
    }

    pub(crate) fn send(&mut self, link: u64, message: ToData) {
        if self.linked.get(&link).is_some_and(|linked| linked.outbox.send(message).is_err()) {
            self.drop_link(link);
        }
    }

    pub(crate) fn drop_link(&mut self, link: u64) {
        self.strangers.remove(&link);
        self.linked.remove(&link);
    }

    /// Whether every linked data plane has a generation.
    pub(crate) fn have_applied(&self, generation: u64) -> bool {
        self.linked.values().all(|linked| linked.applied >= generation)
    }
}
