//! What a journal says of an epoch whose process died.

use units::{OfferId, Tokens};

use super::*;
use crate::books::tests::{PURSE, hold, post, usd, void};
use crate::run::LEASE_RING;

fn grant(amount: i128) -> Run {
    Run::of(LEASE_RING, 0, &[Record::Grant { purse: PURSE, amount: usd(amount) }])
}

/// Served by the fourth offer at the second tier, for half of what is charged.
fn progress(hold_seq: u64, charge: i128) -> Record {
    Record::Progress(Progress {
        hold_seq,
        tokens: Tokens::ZERO,
        charge: usd(charge),
        list_cost: usd(charge / 2),
        own_key: false,
        offer: OfferId(4),
        service_tier: 2,
    })
}

fn ends(runs: &[Run]) -> Vec<Record> {
    let ends = recover(runs, &[]).unwrap().ends(UnixMillis(9));
    ends.iter().flat_map(Run::records).map(|entry| entry.unwrap().decode().unwrap()).collect()
}

#[test]
fn holds_without_progress_are_voided_and_the_rest_pay_for_what_was_delivered() {
    let records = [hold(10), hold(20), hold(30), post(0, 10, 4), progress(1, 7), progress(2, 99)];
    let runs = [grant(100), Run::of(0, 0, &records), Run::of(1, 0, &[hold(5)])];
    let recovered = recover(&runs, &[]).unwrap();
    let rest = recovered.purses().next().unwrap().1;
    assert_eq!((rest.left, rest.held), (usd(96), usd(55)));
    let ended: Vec<_> = ends(&runs)
        .into_iter()
        .map(|record| match record {
            Record::Post(post) => {
                assert_eq!((post.offer, post.service_tier), (OfferId(4), 2));
                let is_recovered = post.outcome == Outcome::Recovered;
                (post.hold_seq, is_recovered, post.charge, post.list_cost)
            }
            Record::Void(void) => (void.hold_seq, void.reason != VoidReason::Crash, usd(0), usd(0)),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected =
        [(1, true, usd(7), usd(3)), (2, true, usd(30), usd(49)), (0, false, usd(0), usd(0))];
    assert_eq!(ended, expected);
}

#[test]
fn its_ends_go_on_with_the_records_of_their_rings() {
    let runs = [grant(100), Run::of(0, 0, &[hold(10), void(0, 10), hold(7)])];
    let mut recovered = recover(&runs, &[]).unwrap();
    for run in recovered.ends(UnixMillis(9)) {
        assert_eq!((run.ring, run.first_seq), (0, 3));
        recovered.apply(&run).unwrap();
    }
    assert_eq!((recovered.open().count(), recovered.ends(UnixMillis(9)).len()), (0, 0));
}

#[test]
fn records_that_cannot_be_are_refused() {
    let gap = [Run::of(0, 0, &[hold(1)]), Run::of(0, 2, &[hold(1)])];
    let expected = RecoverFault::Gap { ring: 0, expected: 1, found: 2 };
    assert_eq!(recover(&gap, &[]), Err(expected));
    let twice = [grant(9), Run::of(0, 0, &[hold(1), void(0, 1), void(0, 1)])];
    assert_eq!(recover(&twice, &[]), Err(RecoverFault::NotOpen { ring: 0, seq: 0 }));
    let more = [grant(9), Run::of(0, 0, &[hold(10)])];
    assert_eq!(recover(&more, &[]), Err(RecoverFault::Overdrawn(PURSE)));
    assert!(recover(&more, &[(PURSE, usd(1))]).is_ok(), "one was left from before");
}

#[test]
fn what_older_segments_said_is_taken_from_where_it_was_written_down() {
    let mut borrower = recover(&[grant(100), Run::of(0, 0, &[hold(10)])], &[]).unwrap();
    // Since the beginning 100 more were granted, and 60 charged.
    borrower.rebase(&[(PURSE, usd(200), usd(140))]);
    borrower.apply(&Run::of(0, 1, &[post(0, 10, 4)])).unwrap();
    let rest = borrower.purses().next().unwrap().1;
    assert_eq!((rest.granted, rest.left, rest.held), (usd(200), usd(136), usd(0)));
    borrower.rebase(&[]);
    assert_eq!(borrower.purses().next().unwrap().1.left, usd(0));
}
