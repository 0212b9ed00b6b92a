//! Who is lent how much: the ledger's side of leases, as pure answers.
//!
//! Purpose: says what to lend when a data plane needs credit, whom to tell when credit came in, and
//! whom to ask for credit back. Whoever keeps the ledger's journal writes the events that follow.
//! Invariants: no answer lends more than is unlent; no lease grows beyond [`LEASE_MAX`], so that a
//! cell's word can count it.
//! Left out on purpose: time. Reclaiming leases of a data plane that was lost is a decision of
//! whoever has a clock.

use units::{DataPlaneId, Epoch, Usd};

use crate::books::Books;
use crate::purse::Purse;

/// The most that one epoch may have outstanding of one purse: four million dollars.
pub const LEASE_MAX: Usd = Usd::from_dollars(4_000_000);

/// How much is lent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LendPolicy {
    /// All that is there: one process serves alone.
    All,
    /// What is needed, and at least a quarter of what is there.
    Share,
}

/// What to say to a data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Lend this much. It may be less than was needed, if no more is there: the next question is
    /// then denied.
    Lend(Usd),
    /// Lend nothing.
    Deny {
        /// What the purse has that is not lent.
        unlent: Usd,
        /// What of it is lent to others.
        elsewhere: Usd,
    },
}

/// What to answer to an epoch that needs `need` of a purse. An unknown purse has nothing.
pub fn answer(
    books: &Books,
    dataplane: DataPlaneId,
    epoch: Epoch,
    purse: Purse,
    need: Usd,
    policy: LendPolicy,
) -> Answer {
    let unlent = books.unlent(purse).unwrap_or(Usd::ZERO);
    let outstanding = books.lease(dataplane, epoch, purse).map_or(Usd::ZERO, |l| l.outstanding());
    let room = LEASE_MAX.checked_sub(outstanding).unwrap_or(Usd::ZERO).max(Usd::ZERO);
    let share = match policy {
        LendPolicy::All => unlent,
        LendPolicy::Share => Usd::from_pico(unlent.pico() / 4).max(need),
    };
    let lend = share.min(unlent).min(room);
    if lend > Usd::ZERO && need > Usd::ZERO {
        return Answer::Lend(lend);
    }
    Answer::Deny { unlent, elsewhere: elsewhere(books, dataplane, epoch, purse) }
}

/// What to tell every open epoch after a purse gained credit: those that had a lease of it are lent
/// their part, the others hear what there is, as an earlier answer may have told them that there
/// was nothing.
///
/// The answers do not count on each other: apply each loan before asking for the next.
pub fn after_credit(
    books: &Books,
    dataplane: DataPlaneId,
    epoch: Epoch,
    purse: Purse,
    policy: LendPolicy,
) -> Answer {
    let need = match books.lease(dataplane, epoch, purse) {
        Some(_) => Usd::from_pico(1),
        None => Usd::ZERO,
    };
    answer(books, dataplane, epoch, purse, need, policy)
}

/// Whom to ask for credit of a purse, and for how much, so that `wanted` becomes unlent: the
/// largest leases first. What open holds need is not asked for. Empty if enough is unlent.
pub fn recall(books: &Books, purse: Purse, wanted: Usd) -> Vec<(DataPlaneId, Epoch, Usd)> {
    recall_from(books, purse, wanted, |_, _| true)
}

/// As [`recall`], for an epoch that needs `wanted`: only others are asked.
pub fn recall_for(
    books: &Books,
    dataplane: DataPlaneId,
    epoch: Epoch,
    purse: Purse,
    wanted: Usd,
) -> Vec<(DataPlaneId, Epoch, Usd)> {
    recall_from(books, purse, wanted, |other, at| (other, at) != (dataplane, epoch))
}

fn recall_from(
    books: &Books,
    purse: Purse,
    wanted: Usd,
    may_ask: impl Fn(DataPlaneId, Epoch) -> bool,
) -> Vec<(DataPlaneId, Epoch, Usd)> {
    let unlent = books.unlent(purse).unwrap_or(Usd::ZERO);
    let mut missing = wanted.checked_sub(unlent).unwrap_or(Usd::ZERO);
    let mut leases: Vec<(DataPlaneId, Epoch, Usd)> = books
        .lent(purse)
        .filter(|(dataplane, epoch, _)| may_ask(*dataplane, *epoch))
        .filter_map(|(dataplane, epoch, lease)| {
            let free = lease.outstanding().checked_sub(lease.held)?;
            (free > Usd::ZERO).then_some((dataplane, epoch, free))
        })
        .collect();
    leases.sort_by_key(|(_, _, free)| std::cmp::Reverse(*free));
    leases.retain_mut(|(_, _, free)| {
        *free = (*free).min(missing);
        missing = missing.checked_sub(*free).unwrap_or(Usd::ZERO);
        *free > Usd::ZERO
    });
    leases
}

fn elsewhere(books: &Books, dataplane: DataPlaneId, epoch: Epoch, purse: Purse) -> Usd {
    let others = books.lent(purse).filter(|(other, at, _)| (*other, *at) != (dataplane, epoch));
    others.map(|(_, _, lease)| lease.outstanding()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::books::tests::{EPOCH, PLANE, PURSE, credit, hold, opened, settled, usd};
    use crate::event::CreditKind;

    const OTHER: DataPlaneId = DataPlaneId(2);

    /// Books with 100 lent to one epoch, 40 of it held, and `unlent` more that is not lent.
    fn books(unlent: i128) -> Books {
        let mut books = opened();
        let other = Event::EpochOpened { dataplane: OTHER, epoch: EPOCH };
        for event in [settled(0, &[hold(40)]), other] {
            books.apply(&event).unwrap();
        }
        if unlent > 0 {
            books.apply(&credit(2, CreditKind::TopUp, unlent, "more")).unwrap();
        }
        books
    }

    #[test]
    fn a_lender_gives_all_or_a_share_and_never_more_than_is_there() {
        let books = books(100);
        let ask = |need, policy| answer(&books, OTHER, EPOCH, PURSE, usd(need), policy);
        assert_eq!(ask(1, LendPolicy::All), Answer::Lend(usd(100)));
        assert_eq!(ask(1, LendPolicy::Share), Answer::Lend(usd(25)));
        assert_eq!(ask(60, LendPolicy::Share), Answer::Lend(usd(60)));
        assert_eq!(ask(160, LendPolicy::Share), Answer::Lend(usd(100)));
    }

    #[test]
    fn a_denial_says_what_there_is_elsewhere() {
        let books = books(0);
        let elsewhere = usd(100);
        let denied = answer(&books, OTHER, EPOCH, PURSE, usd(1), LendPolicy::All);
        assert_eq!(denied, Answer::Deny { unlent: usd(0), elsewhere });
        let own = answer(&books, PLANE, EPOCH, PURSE, usd(1), LendPolicy::All);
        assert_eq!(own, Answer::Deny { unlent: usd(0), elsewhere: usd(0) });
    }

    #[test]
    fn new_credit_goes_to_those_who_had_some_and_the_rest_hear_of_it() {
        let books = books(80);
        let tell = |plane| after_credit(&books, plane, EPOCH, PURSE, LendPolicy::All);
        assert_eq!(tell(PLANE), Answer::Lend(usd(80)));
        assert_eq!(tell(OTHER), Answer::Deny { unlent: usd(80), elsewhere: usd(100) });
    }

    #[test]
    fn a_recall_asks_for_what_is_missing_and_free() {
        let books = books(10);
        assert_eq!(recall(&books, PURSE, usd(10)), []);
        assert_eq!(recall(&books, PURSE, usd(30)), [(PLANE, EPOCH, usd(20))]);
        assert_eq!(recall(&books, PURSE, usd(500)), [(PLANE, EPOCH, usd(60))]);
        assert_eq!(recall_for(&books, OTHER, EPOCH, PURSE, usd(30)), [(PLANE, EPOCH, usd(20))]);
        assert_eq!(recall_for(&books, PLANE, EPOCH, PURSE, usd(30)), []);
    }

    #[test]
    fn no_lease_grows_beyond_what_a_cell_counts() {
        let books = books(LEASE_MAX.pico() * 2);
        let lent = answer(&books, PLANE, EPOCH, PURSE, usd(1), LendPolicy::All);
        assert_eq!(lent, Answer::Lend(LEASE_MAX.checked_sub(usd(100)).unwrap()));
    }
}
