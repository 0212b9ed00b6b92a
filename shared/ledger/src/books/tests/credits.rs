//! Credits as lots: what is spent first, what ends, what goes back, and what is told of it.

use super::*;

fn credited(id: u64, kind: CreditKind, amount: i128) -> Event {
    credit(id, kind, amount, &format!("reference {id}"))
}

fn expiry(id: u64, lot: u64, amount: i128, at: u64) -> Event {
    let (transaction, lot) = (TransactionId(id), TransactionId(lot));
    Event::Expired { transaction, lot, amount: usd(amount), at: UnixMillis(at) }
}

fn paid_back(id: u64, lot: u64, amount: i128, at: u64) -> Event {
    Event::PaidBack {
        transaction: TransactionId(id),
        lot: TransactionId(lot),
        amount: usd(amount),
        reference: "back".into(),
        reason: "changed my mind".into(),
        at: UnixMillis(at),
    }
}

/// Books with 100 topped up, and nothing lent.
fn unlent() -> Books {
    let mut books = opened();
    books.apply(&settled(0, &[Record::Return { purse: PURSE, amount: usd(100) }])).unwrap();
    books
}

fn left(books: &Books) -> Vec<(u64, i128)> {
    books.lots(ACCOUNT).iter().map(|lot| (lot.id.0, lot.left.pico())).collect()
}

#[test]
fn a_reference_names_one_transaction_for_ever() {
    let mut books = opened();
    let again = books.apply(&credit(2, CreditKind::TopUp, 100, "first")).unwrap();
    assert!(matches!(again, Applied::Repeated(earlier) if earlier.id == TransactionId(1)));
    let other = refused(&mut books, &credit(2, CreditKind::TopUp, 99, "first"));
    let (transaction, amount) = (TransactionId(1), usd(100));
    assert_eq!(other, BooksError::ReferenceTaken { transaction, amount });
    refused(&mut books, &credit(2, CreditKind::Grant, 100, "first"));
    let read = Books::decode(&books.encode()).unwrap();
    assert!(read.transaction_by_reference(ACCOUNT, "first").is_some());
}

#[test]
fn an_adjustment_takes_only_what_is_not_lent() {
    let mut books = opened();
    books.apply(&credited(2, CreditKind::Grant, 10)).unwrap();
    let error = refused(&mut books, &credited(3, CreditKind::Adjustment, -11));
    assert_eq!(error.blame(), Blame::Caller);
    books.apply(&credited(3, CreditKind::Adjustment, -4)).unwrap();
    assert_eq!(books.account(ACCOUNT).unwrap().balance, usd(106));
    assert_eq!(left(&books), [(2, 6), (1, 100)], "what was given goes first");
    let out_of_order = refused(&mut books, &credited(9, CreditKind::TopUp, 1));
    assert_eq!(out_of_order.blame(), Blame::Ledger);
}

#[test]
fn charges_use_up_what_was_given_before_what_was_paid() {
    let mut books = opened();
    books.apply(&credited(2, CreditKind::Grant, 10)).unwrap();
    books.apply(&credited(3, CreditKind::Signup, 5)).unwrap();
    books.apply(&settled(0, &[hold(60), post(0, 60, 20)])).unwrap();
    assert_eq!(left(&books), [(2, 0), (3, 0), (1, 95)]);
    books.apply(&credited(4, CreditKind::Grant, 7)).unwrap();
    books.apply(&settled(2, &[hold(60), post(2, 60, 3)])).unwrap();
    assert_eq!(left(&books), [(2, 0), (4, 4), (3, 0), (1, 95)], "no charge moves to a later lot");
    let view = books.account(ACCOUNT).unwrap();
    assert_eq!((view.granted, view.balance), (usd(22), usd(99)));
    assert!(audit(&books).ok, "{:#?}", audit(&books));
}

#[test]
fn credit_ends_in_its_time_and_never_more_than_is_left() {
    let mut books = opened();
    books.apply(&credited(2, CreditKind::Grant, 10)).unwrap();
    refused(&mut books, &expiry(3, 2, 10, 99));
    refused(&mut books, &expiry(3, 2, 11, 100));
    refused(&mut books, &expiry(3, 2, 0, 100));
    books.apply(&expiry(3, 2, 7, 100)).unwrap();
    assert_eq!(books.left_of(TransactionId(2)), usd(3));
    books.apply(&expiry(4, 2, 3, 101)).unwrap();
    refused(&mut books, &expiry(5, 2, 1, 102));
    refused(&mut books, &expiry(5, 1, 1, 102));
    refused(&mut books, &expiry(5, 3, 1, 102));
    assert_eq!(books.account(ACCOUNT).unwrap().expired, usd(10));
    assert!(audit(&books).ok);
}

#[test]
fn a_fee_is_paid_beside_the_credit_and_stays() {
    let mut books = opened();
    let mut event = credited(2, CreditKind::TopUp, 50);
    if let Event::Credited { fee, method, .. } = &mut event {
        (*fee, *method) = (usd(3), "card".into());
    }
    books.apply(&event).unwrap();
    let view = books.account(ACCOUNT).unwrap();
    assert_eq!((view.balance, view.topped_up, view.fees), (usd(150), usd(150), usd(3)));
    let total = |account| books.trial().total(account);
    assert_eq!(total(LedgerAccount::TopUps), usd(-153));
    assert_eq!(total(LedgerAccount::Fees), usd(3));
    books.apply(&paid_back(3, 2, 50, 50)).unwrap();
    assert_eq!(books.account(ACCOUNT).unwrap().fees, usd(3), "a fee does not come back");
    for kind in [CreditKind::Grant, CreditKind::Adjustment, CreditKind::Signup] {
        if let Event::Credited { kind: of, reference, transaction, .. } = &mut event {
            (*of, *reference, *transaction) = (kind, "free".into(), TransactionId(4));
        }
        refused(&mut books, &event);
    }
    assert!(audit(&books).ok);
}

#[test]
fn what_is_left_of_a_top_up_goes_back_within_its_time() {
    let mut books = unlent();
    books.apply(&credited(2, CreditKind::Grant, 10)).unwrap();
    books.apply(&lent(40)).unwrap();
    books.apply(&settled(1, &[hold(40), post(1, 40, 30)])).unwrap();
    assert_eq!(left(&books), [(2, 0), (1, 80)]);
    assert_eq!(
        refused(&mut books, &paid_back(3, 2, 1, 2)),
        BooksError::NotPayable(TransactionId(2))
    );
    refused(&mut books, &paid_back(3, 1, 1, 51));
    refused(&mut books, &paid_back(3, 1, 81, 50));
    assert!(matches!(
        refused(&mut books, &paid_back(3, 1, 80, 50)),
        BooksError::NotEnough { unlent, .. } if unlent == usd(70)
    ));
    books.apply(&paid_back(3, 1, 70, 50)).unwrap();
    let again = books.apply(&paid_back(4, 1, 70, 99)).unwrap();
    assert!(matches!(again, Applied::Repeated(row) if row.id == TransactionId(3)));
    refused(&mut books, &paid_back(4, 1, 10, 50));
    let mut other = books.clone();
    other.apply(&credited(4, CreditKind::TopUp, 70)).unwrap();
    let taken = refused(&mut other, &paid_back(5, 4, 70, 50));
    assert!(matches!(taken, BooksError::ReferenceTaken { .. }), "of another top-up");
    let view = books.account(ACCOUNT).unwrap();
    assert_eq!((view.paid_back, view.balance, view.unlent), (usd(70), usd(10), usd(0)));
    assert_eq!(books.trial().total(LedgerAccount::PayBacks), usd(70));
    let read = Books::decode(&books.encode()).unwrap();
    assert!(audit(&read).ok && read.lots(ACCOUNT) == books.lots(ACCOUNT));
}

#[test]
fn a_statement_runs_from_nothing_to_the_balance() {
    let mut books = unlent();
    books.apply(&lent(40)).unwrap();
    books.apply(&settled(1, &[hold(40), post(1, 40, 30)])).unwrap();
    books.apply(&refund(2, 1, 5, "a")).unwrap();
    books.apply(&paid_back(3, 1, 20, 50)).unwrap();
    let rows: Vec<_> = books.statement(ACCOUNT).unwrap().collect();
    let told: Vec<_> =
        rows.iter().map(|row| (row.amount.pico(), row.balance_after.pico())).collect();
    assert_eq!(told, [(-30, 55), (-20, 85), (5, 105), (100, 100)]);
    assert!(rows.is_sorted_by(|newer, older| newer.place > older.place));
    let RowEntry::Usage(_, day) = rows[0].entry else { panic!("{:?}", rows[0]) };
    assert_eq!((day.requests, day.charged), (1, usd(30)));
}
