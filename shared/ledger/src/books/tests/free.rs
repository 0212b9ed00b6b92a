//! Free requests on customers' own keys: lent, held and used once each.

use super::*;
use crate::purse::FREE_REQUEST;

const FREE: Purse = Purse::FreeRequests(ACCOUNT);

fn lent_free(requests: i128) -> Event {
    Event::Lent { dataplane: PLANE, epoch: EPOCH, purse: FREE, amount: usd(requests) }
}

fn took_one() -> Record {
    let Record::Hold(free) = hold(0) else { panic!() };
    Record::Hold(Hold { free_request: true, ..free })
}

fn ended(hold_seq: u64, own_key: bool) -> Record {
    Record::Post(Post { free_request: true, own_key, list_cost: usd(8), ..a_post(hold_seq, 0, 0) })
}

fn with_free(requests: u64) -> Books {
    let mut books = opened();
    books.apply(&Event::FreeRequestsSet { requests, at: UnixMillis(2) }).unwrap();
    books
}

#[test]
fn a_free_request_is_used_by_an_own_key_and_goes_back_otherwise() {
    let mut books = with_free(3);
    books.apply(&lent_free(3)).unwrap();
    assert!(matches!(refused(&mut books, &lent_free(1)), BooksError::NotEnough { .. }));
    let Record::Void(gone) = void(2, 0) else { panic!() };
    let gone = Record::Void(Void { free_request: true, ..gone });
    let run = [took_one(), took_one(), took_one(), ended(0, true), ended(1, false), gone];
    books.apply(&settled(0, &run[..3])).unwrap();
    assert_eq!(books.lease(PLANE, EPOCH, FREE).unwrap().held, usd(3));
    books.apply(&settled(3, &run[3..])).unwrap();
    let lease = *books.lease(PLANE, EPOCH, FREE).unwrap();
    assert_eq!((lease.held, lease.settled, lease.outstanding()), (usd(0), FREE_REQUEST, usd(2)));
    assert_eq!((books.free_requests_used(ACCOUNT), books.unlent(FREE)), (1, Some(usd(0))));
    let (key, account) = (books.key(KEY).unwrap(), books.account(ACCOUNT).unwrap());
    assert_eq!((key.own_cost, account.spent), (usd(8), usd(0)));
    assert_eq!(books.trial().total(LedgerAccount::ProviderOwed), usd(8), "of the shared key alone");
    assert!(audit(&books).ok, "{:?}", audit(&books));
    let decoded = Books::decode(&books.encode()).unwrap();
    assert!(decoded.encode() == books.encode() && audit(&decoded).ok);
}

#[test]
fn a_new_period_gives_all_but_what_is_still_lent() {
    let mut books = with_free(2);
    books.apply(&lent_free(2)).unwrap();
    books.apply(&settled(0, &[took_one(), ended(0, true)])).unwrap();
    books.apply(&Event::FreeRequestsBegan { at: UnixMillis(9) }).unwrap();
    assert_eq!((books.free_requests_used(ACCOUNT), books.unlent(FREE)), (0, Some(usd(1))));
    books.apply(&Event::EpochClosed { dataplane: PLANE, epoch: EPOCH }).unwrap();
    assert_eq!(books.unlent(FREE), Some(usd(2)));
    books.apply(&Event::FreeRequestsSet { requests: 1, at: UnixMillis(12) }).unwrap();
    assert_eq!(books.free_requests_began(), UnixMillis(9));
    assert!(books.unlent(FREE) == Some(usd(1)) && audit(&books).ok);
}

#[test]
fn more_free_requests_than_were_lent_are_refused_and_nothing_is_taken_in() {
    let mut books = with_free(5);
    assert!(refused(&mut books, &settled(0, &[took_one()])) == BooksError::NoLease(FREE));
    books.apply(&lent_free(1)).unwrap();
    let run = [took_one(), ended(0, true), took_one(), ended(2, true)];
    let error = refused(&mut books, &settled(0, &run));
    assert_eq!(promise(&error), Some(Promise::SettledWithinLease));
    assert_eq!(books.free_requests_used(ACCOUNT), 0);
    assert!(audit(&books).ok);
}

#[test]
fn an_own_key_is_its_account_s_until_it_is_removed() {
    let mut books = opened();
    let set = |row: Option<&str>| Event::OwnKeySet {
        id: "k".into(),
        account: ACCOUNT,
        row: row.map(str::to_owned),
    };
    books.apply(&set(Some("sealed"))).unwrap();
    let strange = Event::OwnKeySet { id: "k".into(), account: AccountId(2), row: None };
    assert!(books.apply(&strange).is_err());
    let read = Books::decode(&books.encode()).unwrap();
    assert_eq!(read.own_keys().collect::<Vec<_>>(), ["sealed"]);
    books.apply(&set(None)).unwrap();
    assert_eq!(books.own_keys().count(), 0);
}
