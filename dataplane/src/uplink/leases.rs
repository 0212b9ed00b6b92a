//! What this process has borrowed, as the uplink looks after it.
//!
//! Owns the cells. Invariants: a grant is taken once, however often the ledger tells of it; credit
//! that goes back is out of its cell before the ledger hears of it; leases that have outlived the
//! last contact, or were taken away, are spent no more.
//!
//! ```text
//!   LIVE -- no answer for a day --> ASLEEP (free credit is set aside) -- an answer --> LIVE
//!    +----- welcome says: fenced --> FENCED (free credit is set aside for good)
//!    +----- others serve on -------> RETIRING (what comes free goes back)
//! ```
//! Left out on purpose: holds, which are the cores', and when a record is durable.

use std::sync::Arc;

use ledger::Purse;
use ledger::cell::CreditCell;
use ledger::contact;
use ledger::grants::Grants;
use rustc_hash::FxHashMap;
use units::{UnixMillis, Usd};

use super::cells::Cells;
use crate::messages::{LedgerAnswer, ToCommitter, ToJournal};

/// Looks after which credit that nobody used goes back, where others borrow too.
const IDLE_LOOKS: u32 = 5;

/// The leases of the running epoch.
pub struct Leases {
    /// The cells of this process.
    pub cells: Cells,
    journal: ToJournal,
    grants: Grants,
    state: State,
    /// Free credit that was set aside: it is still borrowed, and nobody can spend it.
    aside: Vec<(Arc<CreditCell>, i64)>,
    heard: UnixMillis,
    shared: bool,
    idle: FxHashMap<Purse, Idle>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    Asleep,
    Fenced,
    Retiring,
}

/// For how many looks a purse's free credit was the same.
#[derive(Clone, Copy)]
struct Idle {
    free: i64,
    looks: u32,
}

impl Leases {
    /// Those of an epoch whose ledger was last heard of at `heard`: each cell that has some
    /// already, with what was granted in all.
    pub fn new(journal: ToJournal, heard: UnixMillis, left: Vec<(Arc<CreditCell>, Usd)>) -> Self {
        let grants = Grants::known(left.iter().map(|(cell, granted)| (cell.purse(), *granted)));
        let mut cells = Cells::default();
        left.into_iter().for_each(|(cell, _)| cells.add(cell));
        Self {
            cells,
            journal,
            grants,
            state: State::Live,
            aside: Vec::new(),
            heard,
            shared: false,
            idle: FxHashMap::default(),
        }
    }

    /// The ledger answers what was said to it then, by our own clock: it has not taken the leases
    /// away for want of contact since. What lay about for a day before it arrived wakes nothing.
    pub fn hear(&mut self, said: UnixMillis, now: UnixMillis) {
        self.heard = said;
        if self.state == State::Asleep && contact::may_spend(said, now) {
            self.state = State::Live;
            for (cell, amount) in self.aside.drain(..) {
                cell.undo_excess(amount);
            }
        }
    }

    /// When it was last.
    pub const fn heard(&self) -> UnixMillis {
        self.heard
    }

    /// Whether others borrow too.
    pub fn share(&mut self, shared: bool) {
        self.shared = shared;
    }

    /// Whether the ledger has taken the leases away.
    pub fn is_fenced(&self) -> bool {
        self.state == State::Fenced
    }

    /// The ledger has lent so much in all.
    pub fn granted(&mut self, purse: Purse, total: Usd) {
        if let Some(amount) = self.grants.take(purse, total) {
            self.pass_on(purse, LedgerAnswer::Granted(amount));
        }
    }

    /// The ledger lends no more now.
    pub fn denied(&mut self, purse: Purse, unlent: Usd, elsewhere: Usd) {
        self.pass_on(purse, LedgerAnswer::Denied(unlent, elsewhere));
    }

    fn pass_on(&mut self, purse: Purse, answer: LedgerAnswer) {
        self.journal.tell(ToCommitter::Answered(self.cells.credit(purse), answer));
    }

    /// Takes free credit out of its cell at once, so that a lowered limit holds when it is
    /// published; the ledger has it back when the record is settled.
    pub fn give_back(&mut self, purse: Purse, up_to: Usd) {
        let cell = self.cells.credit(purse);
        let taken = cell.take_back(up_to.pico_i64().unwrap_or(i64::MAX));
        if taken > 0 {
            // Not lent to anyone for now: whoever needs it is to ask again.
            cell.answered(cell.unlent().saturating_add(taken), cell.elsewhere());
            let amount = Usd::from_pico(i128::from(taken));
            self.journal.tell(ToCommitter::Returned(purse, amount));
        }
    }

    /// The link is up; true if the ledger says only now that it has taken the leases away.
    pub fn welcome(&mut self, is_fenced: bool) -> bool {
        let is_news = is_fenced && self.state != State::Fenced;
        if is_news {
            self.state = State::Fenced;
            self.set_aside();
        }
        is_news
    }

    /// Gives half of what is free back, for another process that is about to serve.
    pub fn give_half(&mut self) {
        self.give_back_each(|free| free / 2);
    }

    /// Others serve on: what is free goes back, now and as holds end.
    pub fn retire(&mut self) {
        if self.state == State::Live {
            self.state = State::Retiring;
            self.give_back_each(|free| free);
        }
    }

    /// To be called about once a second.
    pub fn look(&mut self, now: UnixMillis) {
        if self.state == State::Live && !contact::may_spend(self.heard, now) {
            if self.heard > UnixMillis(0) {
                let what = "its leases are left alone";
                notice::warn!("no contact with the ledger for a day: {what}");
            }
            self.state = State::Asleep;
        }
        match self.state {
            // Holds that end give credit free again.
            State::Asleep | State::Fenced => self.set_aside(),
            State::Retiring => self.give_back_each(|free| free),
            State::Live if self.shared => self.return_idle(),
            State::Live => {}
        }
    }

    fn give_back_each(&mut self, part: impl Fn(i64) -> i64) {
        let each: Vec<(Purse, i64)> =
            self.cells.each_credit().map(|cell| (cell.purse(), part(cell.free()))).collect();
        for (purse, amount) in each.into_iter().filter(|(_, amount)| *amount > 0) {
            self.give_back(purse, Usd::from_pico(i128::from(amount)));
        }
    }

    fn set_aside(&mut self) {
        for cell in self.cells.each_credit() {
            let taken = cell.take_back(i64::MAX);
            if taken > 0 {
                self.aside.push((Arc::clone(cell), taken));
            }
        }
    }

    fn return_idle(&mut self) {
        let mut idle = Vec::new();
        for cell in self.cells.each_credit() {
            let free = cell.free();
            let seen = self.idle.entry(cell.purse()).or_insert(Idle { free, looks: 0 });
            let is_same = seen.free == free && free > 0 && cell.held() == 0;
            *seen = Idle { free, looks: if is_same { seen.looks + 1 } else { 0 } };
            if seen.looks >= IDLE_LOOKS {
                idle.push(cell.purse());
            }
        }
        for purse in idle {
            self.give_back(purse, Usd::from_pico(i128::from(i64::MAX)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use units::AccountId;

    use super::*;

    const PURSE: Purse = Purse::Account(AccountId(1));
    const DAY_MS: u64 = contact::BORROWER_STOPS_MS;

    fn leases() -> (Leases, Receiver<ToCommitter>) {
        let (orders, told) = mpsc::channel();
        let (_, waker) = channel::parker();
        (Leases::new(ToJournal { orders, waker }, UnixMillis(0), Vec::new()), told)
    }

    fn returned(told: &Receiver<ToCommitter>) -> Vec<Usd> {
        let amount = |order| match order {
            ToCommitter::Returned(_, amount) => Some(amount),
            _ => None,
        };
        told.try_iter().filter_map(amount).collect()
    }

    #[test]
    fn after_a_day_without_contact_nothing_is_spent_until_the_ledger_is_back() {
        let (mut leases, _told) = leases();
        let cell = leases.cells.credit(PURSE);
        cell.grant(10);
        assert!(cell.try_hold(4));
        leases.look(UnixMillis(DAY_MS - 1));
        assert_eq!(cell.free(), 6);
        leases.look(UnixMillis(DAY_MS));
        cell.end_hold(4, 1);
        leases.look(UnixMillis(DAY_MS + 1));
        assert!(cell.free() == 0 && !cell.try_hold(1));
        assert!(!leases.welcome(false));
        // An answer that lay about while the process stood still says nothing of now.
        leases.hear(UnixMillis(1), UnixMillis(DAY_MS + 2));
        assert_eq!(cell.free(), 0);
        leases.hear(UnixMillis(DAY_MS + 1), UnixMillis(DAY_MS + 2));
        leases.look(UnixMillis(DAY_MS + 3));
        assert_eq!((cell.free(), cell.held()), (9, 0));
    }

    #[test]
    fn a_clock_that_was_set_forward_costs_one_answer_and_no_lease() {
        let (mut leases, _told) = leases();
        let cell = leases.cells.credit(PURSE);
        cell.grant(10);
        let (before, after) = (UnixMillis(5), UnixMillis(3 * DAY_MS));
        leases.hear(before, before);
        leases.look(after);
        assert_eq!(cell.free(), 0);
        leases.hear(after, after);
        leases.look(after);
        assert_eq!(cell.free(), 10);
        // Nor does one that is set back.
        leases.look(before);
        leases.hear(before, before);
        assert_eq!(cell.free(), 10);
    }

    #[test]
    fn what_was_taken_away_stays_so_whatever_is_answered_later() {
        let (mut leases, _told) = leases();
        let cell = leases.cells.credit(PURSE);
        cell.grant(10);
        leases.look(UnixMillis(DAY_MS));
        assert!(leases.welcome(true));
        leases.hear(UnixMillis(DAY_MS), UnixMillis(DAY_MS));
        leases.look(UnixMillis(DAY_MS));
        assert_eq!(cell.free(), 0);
    }

    #[test]
    fn what_was_taken_away_is_never_spent_again() {
        let (mut leases, _told) = leases();
        let cell = leases.cells.credit(PURSE);
        cell.grant(10);
        assert!(leases.welcome(true) && !leases.welcome(true) && leases.is_fenced());
        assert!(!leases.welcome(false) && cell.free() == 0);
    }

    #[test]
    fn who_retires_gives_back_half_before_and_the_rest_as_it_comes_free() {
        let (mut leases, told) = leases();
        let cell = leases.cells.credit(PURSE);
        cell.grant(10);
        assert!(cell.try_hold(4));
        leases.give_half();
        assert_eq!(returned(&told), [Usd::from_pico(3)]);
        leases.retire();
        assert_eq!(returned(&told), [Usd::from_pico(3)]);
        cell.end_hold(4, 1);
        leases.look(UnixMillis(0));
        assert_eq!(returned(&told), [Usd::from_pico(3)]);
        assert_eq!((cell.free(), cell.held()), (0, 0));
    }

    #[test]
    fn idle_credit_goes_back_where_others_borrow_too() {
        let (mut leases, told) = leases();
        leases.cells.credit(PURSE).grant(10);
        (0..20).for_each(|_| leases.look(UnixMillis(0)));
        assert_eq!(returned(&told), []);
        leases.share(true);
        (1..IDLE_LOOKS).for_each(|_| leases.look(UnixMillis(0)));
        assert_eq!(returned(&told), []);
        leases.look(UnixMillis(0));
        assert_eq!(returned(&told), [Usd::from_pico(10)]);
        assert_eq!(leases.cells.credit(PURSE).free(), 0);
    }
}
