//! Answers that wait for data planes: for a generation to be applied, or for credit to come back;
//! and what data planes are told with the next tick.
//!
//! Invariant: nobody waits longer than a second, tick included. A generation that some data plane
//! has not confirmed by then is answered all the same: it is on disk and on its way.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ledger::Purse;
use units::{DataPlaneId, Epoch, Usd};

use super::command::Command;
use super::links::Links;
use super::thread::Answer;

/// How long an answer waits for data planes.
const APPLIED_WAIT: Duration = Duration::from_millis(700);
/// How long a command waits for credit that was recalled.
const RECALL_WAIT: Duration = Duration::from_millis(700);
/// How long a data plane's need is remembered while others are asked to give back.
const WANT_WAIT: Duration = Duration::from_secs(1);

/// What an epoch needs and others were asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) dataplane: DataPlaneId,
    pub(crate) epoch: Epoch,
    pub(crate) purse: Purse,
    pub(crate) amount: Usd,
    pub(crate) since: Instant,
}

/// Everything that waits.
#[derive(Default)]
pub(crate) struct Waiting {
    applied: Vec<(u64, Instant, Answer)>,
    recalls: Vec<(Instant, Command)>,
    lowered: Vec<Purse>,
    wants: Vec<Wanted>,
    gaps: BTreeSet<u64>,
}

impl Waiting {
    /// A link sent runs that do not begin where the ledger stands. It is told so with the next
    /// tick, once for all that was on its way: each telling makes it read its journal again.
    pub(crate) fn note_gap(&mut self, link: u64) {
        self.gaps.insert(link);
    }

    /// The links that are to be told where the ledger stands.
    pub(crate) fn gaps(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.gaps)
    }

    /// Answers at once if no data plane is behind.
    pub(crate) fn until_applied(
        &mut self,
        generation: u64,
        answer: Answer,
        links: &Links,
        now: Instant,
    ) {
        if links.have_applied(generation) {
            answer();
        } else {
            self.applied.push((generation, now + APPLIED_WAIT, answer));
        }
    }

    /// Answers what has waited long enough, or for what has come.
    pub(crate) fn settle(&mut self, links: &Links, now: Instant) {
        let over = |(generation, end, _): &mut (u64, Instant, Answer)| {
            *end <= now || links.have_applied(*generation)
        };
        for (_, _, answer) in self.applied.extract_if(.., over) {
            answer();
        }
    }

    /// Keeps a command until credit has come back; `since` is when it first asked.
    pub(crate) fn until_recalled(&mut self, since: Instant, command: Command) {
        self.recalls.push((since, command));
    }

    /// Remembers a need; a second one of the same epoch and purse takes the place of the first.
    pub(crate) fn until_lent(&mut self, wanted: Wanted) {
        let name = |want: &Wanted| (want.dataplane, want.epoch, want.purse);
        self.wants.retain(|want| name(want) != name(&wanted));
        self.wants.push(wanted);
    }

    /// The needs that are not too old, to be looked at again.
    pub(crate) fn wants(&mut self, now: Instant) -> Vec<Wanted> {
        let mut wants = std::mem::take(&mut self.wants);
        wants.retain(|want| now.saturating_duration_since(want.since) < WANT_WAIT);
        wants
    }

    /// Keeps a purse of which more is lent than it may spend: requests still hold some of it.
    pub(crate) fn until_returned(&mut self, purse: Purse) {
        if !self.lowered.contains(&purse) {
            self.lowered.push(purse);
        }
    }

    /// The purses of which more is lent than they may spend, to be looked at again.
    pub(crate) fn lowered(&mut self) -> Vec<Purse> {
        std::mem::take(&mut self.lowered)
    }

    /// The commands that wait for credit, to be tried again, each with its beginning.
    pub(crate) fn recalls(&mut self) -> Vec<(Instant, Command)> {
        std::mem::take(&mut self.recalls)
    }
}

/// Whether a wait for credit that began then is over.
pub(crate) fn recall_is_over(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) >= RECALL_WAIT
}
