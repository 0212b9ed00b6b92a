//! What the ledger does when a data plane speaks: each message as events, and what to answer.
//!
//! Purpose: the rules between the link's messages and the books, for whoever keeps the ledger's
//! journal. The answers leave when the events they rest on are on disk; that is the caller's part.
//! Invariants: a duplicate is acknowledged again and books nothing; a run that leaves a gap, or
//! breaks a promise, is never acknowledged, and neither is what follows it; what a fenced epoch
//! tells of is written off.
//! Left out on purpose: links, threads, and whom else to tell of credit that came in.

use std::collections::BTreeMap;

use units::{DataPlaneId, Epoch, Usd};

use crate::books::{Applied, Books, BooksError};
use crate::event::Event;
use crate::late;
use crate::lender::{self, Answer, LendPolicy};
use crate::purse::Purse;
use crate::run::Run;

/// Books whose events are written down.
pub trait Booking {
    /// As they are now.
    fn books(&self) -> &Books;

    /// Takes an event into the books, and into the journal's next batch.
    ///
    /// # Errors
    /// The books refused it; nothing has changed.
    fn book(&mut self, event: &Event) -> Result<Applied, BooksError>;
}

/// What became of the runs of one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Records that were new.
    pub records: u64,
    /// Each ring that the message named, with the mark below which all is settled.
    pub marks: Vec<(u16, u64)>,
    /// Whether a run began behind its ring's mark: the data plane is to send from there.
    pub has_gap: bool,
    /// Why a run was refused. Nothing behind it was looked at.
    pub refused: Option<BooksError>,
}

/// A data plane says which epoch it runs. True if the epoch is new.
///
/// # Errors
/// The epoch is over, or below one that was.
pub fn hello(
    ledger: &mut impl Booking,
    dataplane: DataPlaneId,
    epoch: Epoch,
) -> Result<bool, BooksError> {
    if ledger.books().open_epochs(dataplane).any(|open| open == epoch) {
        return Ok(false);
    }
    ledger.book(&Event::EpochOpened { dataplane, epoch }).map(|_| true)
}

/// Makes good an answer of the [`lender`]: what is lent is booked.
///
/// # Errors
/// The books refused the loan, which the lender's own answers do not cause.
pub fn lend(
    ledger: &mut impl Booking,
    (dataplane, epoch): (DataPlaneId, Epoch),
    purse: Purse,
    answer: Answer,
) -> Result<Answer, BooksError> {
    if let Answer::Lend(amount) = answer {
        ledger.book(&Event::Lent { dataplane, epoch, purse, amount })?;
    }
    Ok(answer)
}

/// An epoch needs more of a purse.
///
/// # Errors
/// As of [`lend`].
pub fn need(
    ledger: &mut impl Booking,
    name: (DataPlaneId, Epoch),
    purse: Purse,
    need: Usd,
    policy: LendPolicy,
    is_there: impl Fn(DataPlaneId) -> bool,
) -> Result<Answer, BooksError> {
    let answer = lender::answer(ledger.books(), name, purse, need, policy, is_there);
    lend(ledger, name, purse, answer)
}

/// Takes the runs of one message, in their order.
pub fn settle(
    ledger: &mut impl Booking,
    (dataplane, epoch): (DataPlaneId, Epoch),
    runs: Vec<Run>,
) -> Settlement {
    let mut settlement = Settlement::default();
    let mut ends: BTreeMap<u16, u64> = BTreeMap::new();
    let is_over = is_over(ledger.books(), dataplane, epoch);
    for run in runs {
        let end = ends.entry(run.ring).or_default();
        *end = run.end_seq().max(*end);
        let count = u64::from(run.count);
        match take_run(ledger, (dataplane, epoch), run) {
            Ok(Applied::Settled { .. }) => settlement.records += count,
            Ok(_) => {}
            Err(BooksError::Gap { .. }) => {
                // The first run of a gap tells where to go on; those behind it are repeated.
                settlement.has_gap = true;
                break;
            }
            Err(error) => {
                settlement.refused = Some(error);
                break;
            }
        }
    }
    let settled = ledger.books().watermarks(dataplane, epoch);
    let mark = |ring| settled.iter().find(|(other, _)| *other == ring).map_or(0, |(_, seq)| *seq);
    let ends = ends.into_iter();
    settlement.marks =
        ends.map(|(ring, end)| (ring, if is_over { end } else { mark(ring) })).collect();
    settlement
}

fn take_run(
    ledger: &mut impl Booking,
    (dataplane, epoch): (DataPlaneId, Epoch),
    mut run: Run,
) -> Result<Applied, BooksError> {
    if ledger.books().is_fenced(dataplane, epoch) {
        let seq = run.first_seq;
        run = late::written_off(&run).map_err(|fault| BooksError::Record { seq, fault })?;
    }
    ledger.book(&Event::Settled { dataplane, epoch, run })
}

/// Ends an epoch of which nothing more will be told: its leases go back. Answers with their purses.
///
/// Holds that are still open then stand in a journal that is gone. They are fenced first, so that
/// nothing of the leases stays behind: those requests cost their customers nothing.
///
/// # Errors
/// There never was such an epoch.
pub fn close(
    ledger: &mut impl Booking,
    (dataplane, epoch): (DataPlaneId, Epoch),
) -> Result<Vec<Purse>, BooksError> {
    let leases = ledger.books().leases(dataplane, epoch);
    let purses = leases.map(|(purse, _)| purse).collect();
    if ledger.books().open_holds(dataplane, epoch).next().is_some() {
        ledger.book(&Event::EpochFenced { dataplane, epoch })?;
    }
    ledger.book(&Event::EpochClosed { dataplane, epoch })?;
    Ok(purses)
}

/// Takes back all that an epoch that is gone had borrowed, what its open holds need included: what
/// it still tells of is written off. Answers with the purses that gained.
///
/// # Errors
/// There is no such open epoch.
pub fn fence(
    ledger: &mut impl Booking,
    (dataplane, epoch): (DataPlaneId, Epoch),
) -> Result<Vec<Purse>, BooksError> {
    let leases = ledger.books().leases(dataplane, epoch);
    let purses = leases.map(|(purse, _)| purse).collect();
    ledger.book(&Event::EpochFenced { dataplane, epoch })?;
    Ok(purses)
}

/// Whether an epoch was closed: all that it could settle was settled.
fn is_over(books: &Books, dataplane: DataPlaneId, epoch: Epoch) -> bool {
    let begun = epoch < books.next_epoch(dataplane);
    begun && !books.open_epochs(dataplane).any(|open| open == epoch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::audit::audit;
    use crate::books::tests::{ACCOUNT, EPOCH, PLANE, PURSE, hold, opened, post, usd};

    struct Ledger(Books);

    impl Booking for Ledger {
        fn books(&self) -> &Books {
            &self.0
        }

        fn book(&mut self, event: &Event) -> Result<Applied, BooksError> {
            self.0.apply(event)
        }
    }

    fn settled(ledger: &mut Ledger, runs: &[Run]) -> Settlement {
        settle(ledger, (PLANE, EPOCH), runs.to_vec())
    }

    #[test]
    fn a_duplicate_is_acknowledged_again_and_a_gap_is_not() {
        let mut ledger = Ledger(opened());
        let runs = [Run::of(0, 0, &[hold(10)]), Run::of(0, 1, &[post(0, 10, 4)])];
        assert!(settled(&mut ledger, &runs[1..]).has_gap);
        for new in [2, 0] {
            let settlement = settled(&mut ledger, &runs);
            assert_eq!((settlement.records, settlement.marks), (new, vec![(0, 2)]));
        }
        let late = settled(&mut ledger, &[Run::of(0, 5, &[hold(1)])]);
        assert_eq!((late.has_gap, late.marks), (true, vec![(0, 2)]));
    }

    #[test]
    fn a_run_that_breaks_a_promise_is_refused_with_what_follows_it() {
        let mut ledger = Ledger(opened());
        let runs = [Run::of(0, 0, &[post(7, 10, 4)]), Run::of(1, 0, &[hold(1)])];
        let settlement = settled(&mut ledger, &runs);
        assert!(settlement.refused.is_some() && settlement.records == 0);
        assert_eq!(settlement.marks, [(0, 0)]);
    }

    #[test]
    fn a_closed_epoch_acknowledges_whatever_it_sends() {
        let mut ledger = Ledger(opened());
        assert_eq!(close(&mut ledger, (PLANE, EPOCH)).unwrap().len(), 1);
        let settlement = settled(&mut ledger, &[Run::of(0, 0, &[hold(10)])]);
        assert_eq!((settlement.records, settlement.marks), (0, vec![(0, 1)]));
        assert!(hello(&mut ledger, PLANE, EPOCH).is_err());
    }

    #[test]
    fn an_epoch_whose_journal_is_gone_gives_back_all_that_it_borrowed() {
        let mut ledger = Ledger(opened());
        settled(&mut ledger, &[Run::of(0, 0, &[hold(40), hold(10)])]);
        settled(&mut ledger, &[Run::of(0, 2, &[post(1, 10, 4)])]);
        assert_eq!(close(&mut ledger, (PLANE, EPOCH)), Ok(vec![PURSE]));
        let account = ledger.0.account(ACCOUNT).unwrap();
        assert_eq!((account.unlent, account.held, account.spent), (usd(96), usd(0), usd(4)));
        assert!(audit(&ledger.0).ok && ledger.0.open_epochs(PLANE).next().is_none());
        let late = settled(&mut ledger, &[Run::of(0, 3, &[post(0, 40, 40)])]);
        assert_eq!((late.records, late.marks), (0, vec![(0, 4)]));
    }

    #[test]
    fn what_a_fenced_epoch_still_tells_of_is_written_off() {
        let mut ledger = Ledger(opened());
        settled(&mut ledger, &[Run::of(0, 0, &[hold(40)])]);
        assert_eq!(fence(&mut ledger, (PLANE, EPOCH)), Ok(vec![PURSE]));
        let late = settled(&mut ledger, &[Run::of(0, 1, &[post(0, 40, 30)])]);
        assert_eq!((late.records, late.marks), (1, vec![(0, 2)]));
        let account = ledger.0.account(ACCOUNT).unwrap();
        assert_eq!((account.unlent, account.written_off), (usd(100), usd(30)));
    }
}
