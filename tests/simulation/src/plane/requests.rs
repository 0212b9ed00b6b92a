//! What cores do: hold, tell of progress, end. A core only takes from cells; what an end gives back
//! waits for the journal.

use std::sync::Arc;

use ledger::cell::{self, CreditCell, Release};
use ledger::record::Hold;
use ledger::{Page, Purse, Record};
use units::{AccountId, GenerationId, KeyId, OfferId, UnixMillis};

use super::{Core, Entry, PAGE_RECORDS, Process, RING_SLOTS};
use crate::random::Random;
use crate::records::{self, Cost, usd};
use crate::truth::{Deed, Fate, Truth};

/// A request that came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// Which core serves it.
    pub(crate) core: u16,
    /// Who pays.
    pub(crate) account: AccountId,
    /// With which key.
    pub(crate) key: KeyId,
    /// Whether the key has a limit.
    pub(crate) limited: bool,
    /// What it may cost at worst.
    pub(crate) worst: i64,
}

/// How a request ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// The provider reports a usage of this cost, whatever was agreed on.
    Cost(i64),
    /// It failed before any content.
    Nothing,
}

/// A running request.
pub(super) struct Request {
    id: GenerationId,
    hold: Hold,
    credit: Arc<CreditCell>,
    allowance: Option<Arc<CreditCell>>,
    shown: i64,
}

impl Process {
    /// Admits a request; false if there is too little credit here, the ring is full, or the
    /// journal takes nothing. What is missing is asked for.
    pub(crate) fn admit(&mut self, ask: &Ask, now: UnixMillis, truth: &mut Truth) -> bool {
        // What is free needs no lease. Before its first welcome an epoch is in no books.
        let is_early = ask.worst == 0 && !self.is_welcome;
        if self.stalled.is_some() || is_early {
            return false;
        }
        let credit = self.cell(Purse::Account(ask.account));
        let allowance = ask.limited.then(|| self.cell(Purse::Key(ask.key)));
        let core = &mut self.cores[usize::from(ask.core)];
        if !cell::try_hold(&credit, allowance.as_deref(), ask.worst) {
            for cell in [Some(&credit), allowance.as_ref()].into_iter().flatten() {
                core.need(cell, ask.worst);
            }
            return false;
        }
        if core.slots() + core.requests.len() + 2 > RING_SLOTS {
            credit.undo_hold(ask.worst);
            allowance.inspect(|allowance| allowance.undo_hold(ask.worst));
            return false;
        }
        let hold = Hold {
            account: ask.account,
            key: ask.key,
            key_limited: ask.limited,
            free_request: false,
            amount: usd(ask.worst),
            offer: OfferId(0),
            output_cap: 100,
            at: now,
        };
        let (dataplane, epoch) = self.name;
        let id = GenerationId { dataplane, epoch, ring: ask.core, seq: core.next_seq };
        core.record(|page| page.hold(&Record::Hold(hold)));
        core.requests.push(Request { id, hold, credit, allowance, shown: 0 });
        truth.deeds.insert(
            id,
            Deed {
                account: ask.account,
                key: ask.key,
                held: ask.worst,
                progress: Vec::new(),
                end: None,
                fate: Fate::Open,
                is_written_off: truth.fenced.contains(&self.name),
            },
        );
        true
    }

    /// A running request has delivered something.
    pub(crate) fn progress(&mut self, core: u16, random: &mut Random, truth: &mut Truth) {
        let core = &mut self.cores[usize::from(core)];
        let free = RING_SLOTS.saturating_sub(core.slots() + core.requests.len());
        let picked = random.below(core.requests.len());
        let Some(request) = core.requests.get_mut(picked).filter(|_| free > 0) else { return };
        let held = request.hold.amount.pico() as i64;
        // An upstream that passes its cap shows more than was held.
        let most = if random.one_in(5) { held * 2 } else { held };
        request.shown = random.amount(request.shown, most.max(request.shown));
        let (id, shown) = (request.id, request.shown);
        let deed = truth.deeds.get_mut(&id).expect("every request is known");
        deed.progress.push((core.next_seq, shown));
        core.record(|page| page.other(&records::progress(id.seq, shown)));
    }

    /// A running request ends.
    pub(crate) fn end(
        &mut self,
        core: u16,
        (ending, now): (Ending, UnixMillis),
        random: &mut Random,
        truth: &mut Truth,
    ) {
        let core = &mut self.cores[usize::from(core)];
        if core.requests.is_empty() {
            return;
        }
        let picked = random.below(core.requests.len());
        let Request { id, hold, credit, allowance, .. } = core.requests.swap_remove(picked);
        let held = hold.amount.pico() as i64;
        let (record, cost) = match ending {
            Ending::Nothing => (records::void(&hold, id.seq, now), Cost::default()),
            Ending::Cost(cost) => {
                let cost = split(cost, held, allowance.is_none().then_some(&credit));
                (records::post(&hold, id.seq, cost, now), cost)
            }
        };
        let deed = truth.deeds.get_mut(&id).expect("every request is known");
        deed.end = Some((core.next_seq, cost.charge + cost.from_free, cost.written_off));
        let release = Release::new(credit, allowance, held, cost.charge);
        core.record(|page| page.end(&record, id.seq, release));
    }

    /// Requests that run on a core.
    pub(crate) fn running(&self, core: u16) -> usize {
        self.cores[usize::from(core)].requests.len()
    }
}

/// Who bears what of a cost: the hold, free credit, the operator.
fn split(cost: i64, held: i64, free: Option<&Arc<CreditCell>>) -> Cost {
    let above = (cost - held).max(0);
    let from_free = free.map_or(0, |cell| cell.take_back(above));
    Cost { charge: cost.min(held), from_free, written_off: above - from_free, list: cost / 2 }
}

impl Core {
    /// Writes a record on the newest page, or on the next when that is full.
    fn record(&mut self, write: impl FnOnce(&mut Page)) {
        if !matches!(self.ring.back(), Some(Entry::Records(page)) if page.count() < PAGE_RECORDS) {
            self.ring.push_back(Entry::Records(Page::default()));
        }
        if let Some(Entry::Records(page)) = self.ring.back_mut() {
            write(page);
            self.next_seq += 1;
        }
    }

    fn slots(&self) -> usize {
        let slots = |entry: &Entry| match entry {
            Entry::Records(page) => page.count() as usize,
            Entry::Need(..) => 1,
        };
        self.ring.iter().map(slots).sum()
    }

    /// Asks for credit, once for each purse and answer.
    fn need(&mut self, cell: &CreditCell, amount: i64) {
        if cell.free() >= amount || !cell.ask_once() {
            return;
        }
        if self.slots() + self.requests.len() < RING_SLOTS {
            self.ring.push_back(Entry::Need(cell.purse(), usd(amount)));
        } else {
            cell.unask();
        }
    }
}
