//! Who is lent how much: the ledger's side of leases, as pure answers.
//!
//! Purpose: says what to lend when a data plane needs credit, whom to tell when credit came in, and
//! whom to ask for credit back. Whoever keeps the ledger's journal writes the events that follow.
//! Invariants: no answer lends more than is unlent; no lease grows beyond [`LEASE_MAX`], so that a
//! cell's word can count it; nobody is counted on who cannot be asked.
//! Left out on purpose: time and links. Whether a data plane is there, and whether one that was
//! lost loses its leases, is known to whoever has a clock.

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
        /// What of it is lent to others, and may come back while a request waits or is tried again.
        elsewhere: Usd,
    },
}

/// What to answer to an epoch that needs `need` of a purse. An unknown purse has nothing.
/// `is_there` says which data planes settle and give back; what others have borrowed is gone until
/// they are heard of.
pub fn answer(
    books: &Books,
    (dataplane, epoch): (DataPlaneId, Epoch),
    purse: Purse,
    need: Usd,
    policy: LendPolicy,
    is_there: impl Fn(DataPlaneId) -> bool,
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
    let others = books.lent(purse).filter(|(other, at, _)| (*other, *at) != (dataplane, epoch));
    let coming = others.filter(|(other, ..)| is_there(*other));
    Answer::Deny { unlent, elsewhere: coming.map(|(_, _, lease)| lease.outstanding()).sum() }
}

/// What to tell every open epoch after a purse gained credit: those that had a lease of it are lent
/// their part, the others hear what there is, as an earlier answer may have told them that there
/// was nothing.
///
/// The answers do not count on each other: apply each loan before asking for the next.
pub fn after_credit(
    books: &Books,
    name: (DataPlaneId, Epoch),
    purse: Purse,
    policy: LendPolicy,
    is_there: impl Fn(DataPlaneId) -> bool,
) -> Answer {
    let need = match books.lease(name.0, name.1, purse) {
        Some(_) => Usd::from_pico(1),
        None => Usd::ZERO,
    };
    answer(books, name, purse, need, policy, is_there)
}

/// Whom to ask for credit of a purse, and for how much, so that `wanted` becomes unlent: the
/// largest leases first, of those epochs that `may_ask` names. What open holds need is not asked
/// for. Empty if enough is unlent, or nobody has any who can be asked.
pub fn recall(
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
        let ask = |need, policy| answer(&books, (OTHER, EPOCH), PURSE, usd(need), policy, |_| true);
        assert_eq!(ask(1, LendPolicy::All), Answer::Lend(usd(100)));
        assert_eq!(ask(1, LendPolicy::Share), Answer::Lend(usd(25)));
        assert_eq!(ask(60, LendPolicy::Share), Answer::Lend(usd(60)));
        assert_eq!(ask(160, LendPolicy::Share), Answer::Lend(usd(100)));
    }

    #[test]
    fn a_denial_says_what_there_is_elsewhere() {
        let books = books(0);
        let ask = |plane, is_there: fn(DataPlaneId) -> bool| {
            answer(&books, (plane, EPOCH), PURSE, usd(1), LendPolicy::All, is_there)
        };
        let elsewhere = usd(100);
        let denied = ask(OTHER, |_| true);
        assert_eq!(denied, Answer::Deny { unlent: usd(0), elsewhere });
        let own = ask(PLANE, |_| true);
        let nothing = Answer::Deny { unlent: usd(0), elsewhere: usd(0) };
        assert_eq!(own, nothing);
        assert_eq!(ask(OTHER, |plane| plane == OTHER), nothing, "nobody is there who has it");
    }

    #[test]
    fn new_credit_goes_to_those_who_had_some_and_the_rest_hear_of_it() {
        let books = books(80);
        let tell = |plane| after_credit(&books, (plane, EPOCH), PURSE, LendPolicy::All, |_| true);
        assert_eq!(tell(PLANE), Answer::Lend(usd(80)));
        assert_eq!(tell(OTHER), Answer::Deny { unlent: usd(80), elsewhere: usd(100) });
    }

    #[test]
    fn a_recall_asks_for_what_is_missing_and_free() {
        let books = books(10);
        let asked = |wanted| recall(&books, PURSE, usd(wanted), |_, _| true);
        assert_eq!(asked(10), []);
        assert_eq!(asked(30), [(PLANE, EPOCH, usd(20))]);
        assert_eq!(asked(500), [(PLANE, EPOCH, usd(60))]);
    }

    #[test]
    fn who_cannot_be_asked_stands_in_for_nobody() {
        let mut books = books(60);
        let (dataplane, epoch) = (OTHER, EPOCH);
        let lent = Event::Lent { dataplane, epoch, purse: PURSE, amount: usd(50) };
        books.apply(&lent).unwrap();
        let asked = |wanted, plane| recall(&books, PURSE, usd(wanted), |it, _| it == plane);
        assert_eq!(asked(40, OTHER), [(OTHER, EPOCH, usd(30))]);
        assert_eq!(asked(100, OTHER), [(OTHER, EPOCH, usd(50))]);
        assert_eq!(asked(100, DataPlaneId(9)), []);
    }

    #[test]
    fn no_lease_grows_beyond_what_a_cell_counts() {
        let books = books(LEASE_MAX.pico() * 2);
        let lent = answer(&books, (PLANE, EPOCH), PURSE, usd(1), LendPolicy::All, |_| true);
        assert_eq!(lent, Answer::Lend(LEASE_MAX.checked_sub(usd(100)).unwrap()));
    }
}
