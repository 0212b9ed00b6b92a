//! What a fenced epoch still tells of: work that was done on leases that are no longer its own.
//!
//! Its customers were served, but the credit was taken back and may be spent by now. So nothing of
//! it is held or charged: every cost is written off, and the operator sees it.
//! Invariants: each record keeps its place, so that a run counts once; an end names a hold of
//! nothing, as fencing left the holds that were open; money in is money out, to the picodollar.

use units::Usd;

use crate::bytes::RecordFault;
use crate::record::{Excess, Post, Record};
use crate::run::Run;

/// The run as it is settled for a fenced epoch.
///
/// # Errors
/// Whatever is wrong with its bytes.
pub fn written_off(run: &Run) -> Result<Run, RecordFault> {
    let mut records = Vec::new();
    for entry in run.records() {
        records.push(unpaid(entry?.decode()?)?);
    }
    Ok(Run::of(run.ring, run.first_seq, &records))
}

fn unpaid(record: Record) -> Result<Record, RecordFault> {
    Ok(match record {
        Record::Hold(mut hold) => {
            (hold.amount, hold.free_request) = (Usd::ZERO, false);
            Record::Hold(hold)
        }
        Record::Void(mut void) => {
            (void.held, void.free_request) = (Usd::ZERO, false);
            Record::Void(void)
        }
        Record::Post(post) => Record::Post(unpaid_post(post)?),
        Record::Grant { purse, .. } => Record::Grant { purse, amount: Usd::ZERO },
        Record::Return { purse, .. } => Record::Return { purse, amount: Usd::ZERO },
        Record::Progress(progress) => Record::Progress(progress),
    })
}

fn unpaid_post(mut post: Post) -> Result<Post, RecordFault> {
    let charged = post.charged().ok_or(RecordFault::BadValue("charge"))?;
    let written_off = charged.checked_add(post.excess.written_off);
    let written_off = written_off.ok_or(RecordFault::BadValue("charge"))?;
    post.excess = Excess { from_free: Usd::ZERO, written_off };
    (post.held, post.charge, post.free_request) = (Usd::ZERO, Usd::ZERO, false);
    Ok(post)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::books::BooksError;
    use crate::books::audit::audit;
    use crate::books::tests::{ACCOUNT, EPOCH, PLANE, PURSE, hold, lent, opened, post, usd, void};
    use crate::run::LEASE_RING;

    fn settled(run: &Run) -> Event {
        Event::Settled { dataplane: PLANE, epoch: EPOCH, run: run.clone() }
    }

    #[test]
    fn a_fence_frees_all_credit_and_what_comes_late_is_written_off() {
        let mut books = opened();
        books.apply(&settled(&Run::of(0, 0, &[hold(40), hold(10)]))).unwrap();
        let fence = Event::EpochFenced { dataplane: PLANE, epoch: EPOCH };
        books.apply(&fence).unwrap();
        let account = books.account(ACCOUNT).unwrap();
        assert_eq!((account.unlent, account.held), (usd(100), usd(0)));
        assert_eq!(books.apply(&lent(1)), Err(BooksError::Fenced(PLANE, EPOCH)));

        let grant = Record::Grant { purse: PURSE, amount: usd(100) };
        let back = Record::Return { purse: PURSE, amount: usd(7) };
        let late = [
            Run::of(0, 2, &[post(0, 40, 25), void(1, 10), hold(5), post(4, 5, 5)]),
            Run::of(LEASE_RING, 0, &[grant, back]),
        ];
        assert!(books.apply(&settled(&late[0])).is_err(), "it pays from what is not its own");
        for run in &late {
            books.apply(&settled(&written_off(run).unwrap())).unwrap();
        }
        let account = books.account(ACCOUNT).unwrap();
        assert_eq!((account.spent, account.written_off), (usd(0), usd(30)));
        assert_eq!((account.unlent, account.balance), (usd(100), usd(100)));
        let report = audit(&books);
        assert!(report.ok, "{report:?}");
        books.apply(&Event::EpochClosed { dataplane: PLANE, epoch: EPOCH }).unwrap();
        assert!(audit(&books).ok && !books.is_fenced(PLANE, EPOCH));
    }

    #[test]
    fn what_is_written_off_keeps_its_place() {
        let run = Run::of(3, 9, &[hold(40), post(9, 40, 25), void(8, 1)]);
        let late = written_off(&run).unwrap();
        assert_eq!((late.ring, late.first_seq, late.count), (3, 9, 3));
        assert_eq!(written_off(&late), Ok(late));
    }
}
