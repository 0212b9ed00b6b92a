//! What is wrong in the books shows in the audit, and in which identity.

use super::*;
use crate::Event;
use crate::books::tests::{EPOCH, PLANE, hold, opened, post, settled, usd};

/// Books with a lease that has ended, of which 4 were charged.
fn ended() -> Books {
    let mut books = opened();
    let ends = Event::EpochClosed { dataplane: PLANE, epoch: EPOCH };
    for event in [settled(0, &[hold(10), post(0, 10, 4)]), ends] {
        books.apply(&event).unwrap();
    }
    assert!(audit(&books).ok);
    books
}

fn broken(books: &Books) -> Vec<&'static str> {
    let identities = audit(books).identities.into_iter();
    identities.filter(|identity| !identity.ok).map(|identity| identity.name).collect()
}

const ENDED: &str = "ever lent - granted of open leases = settled + returned of ended ones";

#[test]
fn a_lease_that_ends_must_have_come_to_something() {
    let mut books = ended();
    assert_eq!((books.lending.lent, books.lending.settled), (usd(100), usd(4)));
    assert_eq!(books.lending.returned, usd(96));
    books.lending.returned = usd(95);
    assert_eq!(broken(&books), [ENDED]);
}

#[test]
fn a_lease_that_vanishes_is_missed() {
    let mut books = opened();
    books.accounts.values_mut().for_each(|book| book.leases.rows.clear());
    assert!(broken(&books).contains(&ENDED));
}

#[test]
fn a_charge_that_no_lease_bore_is_found() {
    let mut books = ended();
    books.lending.settled = usd(3);
    books.lending.returned = usd(97);
    assert_eq!(broken(&books), ["spent = settled on leases"]);
}
