//! The data planes that are linked now.
//!
//! ```text
//!   attach ──▶ STRANGER ── Hello ──▶ LINKED ── a send fails, detached ──▶ gone
//!                 └── turned away ──▶ gone      (for good, or for now: another link lives)
//!                                      │ ▲
//!                           Publish ───┘ └── Applied: that generation; the same again: all of it
//! ```
//!
//! Invariants: a stranger is told nothing; messages to one link keep their order; a link that does
//! not take a message is dropped, and finds everything again with its next Hello; of several links
//! under one number each knows the others as processes of its own directory, so that no copy of a
//! directory speaks for what lives.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ledger::contact;
use link::{EndpointReport, Hello, Outbox, StatusReport, ToData};
use units::{DataPlaneId, Epoch, UnixMillis};

use super::counters::Counters;

/// A link over which something came so lately lives; a socket that is silent for longer is closed.
const LIVES: Duration = Duration::from_secs(5);

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
    process: u64,
    beside: Vec<Epoch>,
    spoke: Instant,
    /// The last generation sent.
    pub(crate) published: u64,
    /// The last generation that every core has.
    pub(crate) applied: u64,
    /// The newest report, from the start an empty one.
    pub(crate) report: StatusReport,
    /// What it said last of each endpoint.
    pub(crate) endpoints: BTreeMap<u64, EndpointReport>,
    /// What its cores counted.
    pub(crate) counters: Counters,
    /// All that its epoch admitted before then, but for what runs, is settled.
    pub(crate) told_to: UnixMillis,
}

impl Linked {
    /// Takes a report; what that does not tell of endpoints stays as it was.
    pub(crate) fn take_report(&mut self, mut report: StatusReport) {
        let told = std::mem::take(&mut report.endpoints);
        self.endpoints.extend(told.into_iter().map(|endpoint| (endpoint.endpoint, endpoint)));
        self.report = report;
    }
}

impl Links {
    /// No links yet; whoever was linked before counts as heard of now.
    pub(crate) fn new(now: UnixMillis) -> Self {
        Self { begun: now, ..Self::default() }
    }

    /// Something came over a link.
    pub(crate) fn hear(&mut self, link: u64, now: UnixMillis) {
        if let Some(linked) = self.linked.get_mut(&link) {
            linked.spoke = Instant::now();
            self.heard.insert(linked.dataplane, now);
        }
    }

    /// Whether a data plane is lost: the last contact is longer ago than its leases live. Who is
    /// linked is there, however the clock was set since it last spoke.
    pub(crate) fn is_lost(&self, dataplane: DataPlaneId, now: UnixMillis) -> bool {
        !self.is_linked(dataplane) && contact::is_lost(self.heard_of(dataplane), now)
    }

    /// Whether what a data plane has borrowed may come back soon.
    pub(crate) fn is_there(&self, dataplane: DataPlaneId, now: UnixMillis) -> bool {
        contact::is_there(self.heard_of(dataplane), now)
    }

    /// When a data plane was last heard of.
    fn heard_of(&self, dataplane: DataPlaneId) -> UnixMillis {
        self.heard.get(&dataplane).copied().unwrap_or(self.begun)
    }

    /// Whether any link of a data plane is up.
    pub(crate) fn is_linked(&self, dataplane: DataPlaneId) -> bool {
        self.linked.values().any(|linked| linked.dataplane == dataplane)
    }

    /// The epoch of another link under the same number that lives, and is not one of those that
    /// may speak beside who says hello: one of the two runs on a copy of the other's directory.
    pub(crate) fn copied(&self, link: u64, hello: &Hello) -> Option<Epoch> {
        let others = self.linked.iter().filter(|(other, linked)| {
            **other != link && linked.dataplane == hello.dataplane && linked.lives()
        });
        let is_copy = |linked: &&Linked| {
            let is_again = (linked.epoch, linked.process) == (hello.epoch, hello.process);
            let is_beside =
                hello.beside.contains(&linked.epoch) || linked.beside.contains(&hello.epoch);
            !is_again && !is_beside
        };
        others.map(|(_, linked)| linked).find(is_copy).map(|linked| linked.epoch)
    }

    /// Whether another link that lives runs this epoch: nobody else speaks for it.
    pub(crate) fn is_run_by_another(&self, link: u64, epoch: Epoch) -> bool {
        let Some(dataplane) = self.linked.get(&link).map(|linked| linked.dataplane) else {
            return false;
        };
        self.linked.iter().any(|(other, linked)| {
            *other != link
                && (linked.dataplane, linked.epoch) == (dataplane, epoch)
                && linked.lives()
        })
    }

    /// Tells a link why it ends.
    pub(crate) fn turn_away(&mut self, link: u64, last: ToData) {
        let known = self.linked.remove(&link).map(|linked| linked.outbox);
        if let Some(outbox) = self.strangers.remove(&link).or(known) {
            // One that is gone need not hear why.
            let _ = outbox.send(last);
        }
    }

    pub(crate) fn attach(&mut self, link: u64, outbox: Outbox<ToData>) {
        self.strangers.insert(link, outbox);
    }

    /// A stranger says who it is, or a linked one says it again.
    pub(crate) fn greet(&mut self, link: u64, hello: Hello, counters: Counters, now: UnixMillis) {
        let Hello { dataplane, epoch, process, beside, .. } = hello;
        self.heard.insert(dataplane, now);
        let known = self.linked.remove(&link).map(|linked| linked.outbox);
        let Some(outbox) = self.strangers.remove(&link).or(known) else { return };
        // A link that was cut and made again: the epoch speaks over the newest.
        self.linked.retain(|_, old| (old.dataplane, old.epoch) != (dataplane, epoch));
        let linked = Linked {
            outbox,
            dataplane,
            epoch,
            process,
            beside,
            spoke: Instant::now(),
            published: 0,
            applied: 0,
            report: StatusReport::default(),
            endpoints: BTreeMap::new(),
            counters,
            told_to: UnixMillis(0),
        };
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

impl Linked {
    fn lives(&self) -> bool {
        self.spoke.elapsed() < LIVES
    }
}

#[cfg(test)]
mod tests {
    use link::VERSION;

    use super::*;

    const PLANE: DataPlaneId = DataPlaneId(1);

    fn hello(epoch: u32, process: u64, beside: &[u32]) -> Hello {
        Hello {
            version: VERSION,
            dataplane: PLANE,
            epoch: Epoch(epoch),
            directory: 1,
            process,
            beside: beside.iter().copied().map(Epoch).collect(),
        }
    }

    fn linked(links: &mut Links, link: u64, hello: Hello) {
        links.attach(link, Outbox::new(|_| Ok(())));
        links.greet(link, hello, Counters::begin(true), UnixMillis(0));
    }

    #[test]
    fn nobody_speaks_for_an_epoch_that_lives_but_its_own_process() {
        let mut links = Links::new(UnixMillis(0));
        linked(&mut links, 1, hello(5, 50, &[]));
        // The same process dials again; another start on a copy of its directory does not pass.
        assert_eq!(links.copied(2, &hello(5, 50, &[])), None);
        assert_eq!(links.copied(2, &hello(5, 51, &[])), Some(Epoch(5)));
        assert_eq!(links.copied(2, &hello(6, 60, &[])), Some(Epoch(5)));
        // A start on the same directory finds the journal of epoch 5 locked.
        let next = hello(6, 60, &[5]);
        assert_eq!(links.copied(2, &next), None);
        linked(&mut links, 2, next);
        assert!(links.is_run_by_another(2, Epoch(5)) && !links.is_run_by_another(1, Epoch(5)));
        // The older of the two dials again.
        assert_eq!(links.copied(3, &hello(5, 50, &[])), None);
        links.drop_link(1);
        assert!(!links.is_run_by_another(2, Epoch(5)));
    }

    #[test]
    fn who_is_linked_is_never_lost_however_the_clock_is_set() {
        let mut links = Links::new(UnixMillis(0));
        linked(&mut links, 1, hello(5, 50, &[]));
        let later = UnixMillis(contact::LENDER_RECLAIMS_MS);
        assert!(!links.is_lost(PLANE, UnixMillis(10 * later.0)));
        links.hear(1, UnixMillis(1));
        links.drop_link(1);
        assert!(!links.is_lost(PLANE, later) && links.is_lost(PLANE, UnixMillis(later.0 + 1)));
        // Of who has not been heard of since the start, the start is the last that is known.
        assert!(links.is_lost(DataPlaneId(2), later));
    }
}
