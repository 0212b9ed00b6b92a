//! The promises of the books, one by one.

use units::{AccountId, DataPlaneId, Epoch, GenerationId, KeyId, OfferId, Tokens, UnixMillis, Usd};

mod credits;
mod free;

use super::audit::audit;
use super::*;
use crate::event::CreditKind;
use crate::postings::LedgerAccount;
use crate::purse::Purse;
use crate::record::{
    Attempts, Excess, FinishCode, Flags, Hold, Outcome, Post, Progress, Record, UpstreamId,
    UsageSource, Void, VoidReason,
};
use crate::run::Run;

pub(crate) const ACCOUNT: AccountId = AccountId(1);
pub(crate) const KEY: KeyId = KeyId(1);
pub(crate) const PURSE: Purse = Purse::Account(ACCOUNT);
pub(crate) const PLANE: DataPlaneId = DataPlaneId(1);
pub(crate) const EPOCH: Epoch = Epoch(1);

pub(crate) fn usd(pico: i128) -> Usd {
    Usd::from_pico(pico)
}

pub(crate) fn credit(transaction: u64, kind: CreditKind, amount: i128, reference: &str) -> Event {
    Event::Credited {
        transaction: TransactionId(transaction),
        account: ACCOUNT,
        kind,
        amount: usd(amount),
        fee: Usd::ZERO,
        method: String::new(),
        reference: reference.into(),
        expires_at: (kind == CreditKind::Grant).then_some(UnixMillis(100)),
        refund_until: (kind == CreditKind::TopUp).then_some(UnixMillis(50)),
        at: UnixMillis(1),
    }
}

pub(crate) fn hold(amount: i128) -> Record {
    Record::Hold(Hold {
        account: ACCOUNT,
        key: KEY,
        key_limited: false,
        free_request: false,
        amount: usd(amount),
        offer: OfferId(0),
        output_cap: 10,
        at: UnixMillis(5),
    })
}

pub(crate) fn a_post(hold_seq: u64, held: i128, charge: i128) -> Post {
    Post {
        hold_seq,
        account: ACCOUNT,
        key: KEY,
        key_limited: false,
        free_request: false,
        held: usd(held),
        charge: usd(charge),
        excess: Excess::default(),
        list_cost: usd(charge / 2),
        own_key: false,
        offer: OfferId(0),
        tokens: Tokens::from_counts([3; 12]),
        source: UsageSource::Reported,
        outcome: Outcome::Complete,
        flags: Flags::NONE,
        service_tier: 0,
        stream: true,
        finish: FinishCode::Stop,
        upstream_id: UpstreamId::new(b"chatcmpl-1"),
        attempts: Attempts::new(),
        created_at: UnixMillis(5),
        first_byte_ms: 1,
        total_ms: 2,
        output_cap: 10,
        status: 200,
        hashes: None,
    }
}

pub(crate) fn post(hold_seq: u64, held: i128, charge: i128) -> Record {
    Record::Post(a_post(hold_seq, held, charge))
}

pub(crate) fn void(hold_seq: u64, held: i128) -> Record {
    Record::Void(Void {
        hold_seq,
        account: ACCOUNT,
        key: KEY,
        key_limited: false,
        free_request: false,
        held: usd(held),
        offer: OfferId(0),
        reason: VoidReason::UpstreamFailed,
        status: 502,
        attempts: Attempts::new(),
        created_at: UnixMillis(5),
        total_ms: 2,
        stream: false,
    })
}

pub(crate) fn settled(first_seq: u64, records: &[Record]) -> Event {
    let run = Run::of(0, first_seq, records);
    Event::Settled { dataplane: PLANE, epoch: EPOCH, run }
}

pub(crate) fn lent(amount: i128) -> Event {
    Event::Lent { dataplane: PLANE, epoch: EPOCH, purse: PURSE, amount: usd(amount) }
}

fn refund(transaction: u64, seq: u64, amount: i128, reference: &str) -> Event {
    let generation = GenerationId { dataplane: PLANE, epoch: EPOCH, ring: 0, seq };
    Event::Refunded {
        transaction: TransactionId(transaction),
        generation,
        account: ACCOUNT,
        charge: usd(20),
        amount: usd(amount),
        reference: reference.into(),
        reason: "it failed".into(),
        flagged: false,
        expires_at: None,
        at: UnixMillis(9),
    }
}

/// Books with 100 topped up and all of it lent.
pub(crate) fn opened() -> Books {
    let mut books = Books::new();
    let new_offers = vec![(OfferId(0), "offer 0".to_owned())];
    let epoch = Event::EpochOpened { dataplane: PLANE, epoch: EPOCH };
    let row = String::from("{}");
    for event in [
        Event::AccountOpened { account: ACCOUNT, name: "one".into(), at: UnixMillis(0) },
        Event::AccountChanged {
            account: ACCOUNT,
            name: "one".into(),
            disabled: false,
            row: "{\"plan\":\"big\"}".into(),
        },
        Event::KeyMade { key: KEY, account: ACCOUNT, limit: None, row },
        Event::CatalogApplied { rows_json: "{}".into(), offers: vec![OfferId(0)], new_offers },
        credit(1, CreditKind::TopUp, 100, "first"),
        epoch,
        lent(100),
    ] {
        books.apply(&event).unwrap();
    }
    books
}

/// Applies an event that must be refused, and shows that nothing changed.
fn refused(books: &mut Books, event: &Event) -> BooksError {
    let before = books.encode();
    let error = books.apply(event).unwrap_err();
    assert!(books.encode() == before, "a refused event changed the books: {error}");
    error
}

fn promise(error: &BooksError) -> Option<Promise> {
    match error {
        BooksError::Broken { promise, .. } => Some(*promise),
        _ => None,
    }
}

#[test]
fn a_charge_moves_from_the_lease_to_spent() {
    let mut books = opened();
    books.apply(&settled(0, &[hold(60), hold(30)])).unwrap();
    let running = books.account(ACCOUNT).unwrap();
    assert_eq!((running.balance, running.held, running.available), (usd(100), usd(90), usd(10)));
    let applied = books.apply(&settled(2, &[post(0, 60, 20), void(1, 30)])).unwrap();
    let Applied::Settled { accounts } = applied else { panic!("{applied:?}") };
    let generations = books.ended().to_vec();
    assert_eq!((accounts, generations.len()), (vec![ACCOUNT], 2));
    assert_eq!((generations[0].kind, generations[0].used.charged), (EndKind::Posted, usd(20)));
    assert_eq!((generations[1].kind, generations[1].id.seq), (EndKind::Voided, 1));
    let after = books.account(ACCOUNT).unwrap();
    assert_eq!((after.balance, after.held, after.spent), (usd(80), usd(0), usd(20)));
    assert_eq!(books.days(ACCOUNT)[0].2.charged, usd(20));
    assert_eq!(books.key(KEY).unwrap().used, usd(20));
    assert!(audit(&books).ok);
}

#[test]
fn an_excess_is_paid_from_free_credit_or_written_off() {
    let mut books = opened();
    let mut over = a_post(0, 60, 60);
    over.excess = Excess { from_free: usd(5), written_off: usd(7) };
    books.apply(&settled(0, &[hold(60), Record::Post(over)])).unwrap();
    let view = books.account(ACCOUNT).unwrap();
    assert_eq!((view.spent, view.written_off, view.balance), (usd(65), usd(7), usd(35)));
    assert!(audit(&books).ok, "{:#?}", audit(&books));
}

#[test]
fn a_hold_ends_once_and_as_itself() {
    let mut books = opened();
    books.apply(&settled(0, &[hold(60), post(0, 60, 20)])).unwrap();
    let twice = refused(&mut books, &settled(2, &[hold(10), post(0, 60, 20)]));
    assert_eq!(promise(&twice), Some(Promise::HoldEndsOnce));
    books.apply(&settled(2, &[hold(10)])).unwrap();
    let other = refused(&mut books, &settled(3, &[void(2, 11)]));
    assert_eq!(promise(&other), Some(Promise::EndMatchesHold));
    let above = refused(&mut books, &settled(3, &[post(2, 10, 11)]));
    assert_eq!(promise(&above), Some(Promise::ChargeWithinHold));
    let mut early = a_post(2, 10, 9);
    early.excess.from_free = usd(1);
    let early = refused(&mut books, &settled(3, &[Record::Post(early)]));
    assert_eq!(promise(&early), Some(Promise::ChargeWithinHold), "the hold is not used up");
    let negative = refused(&mut books, &settled(3, &[post(2, 10, -1)]));
    assert_eq!(negative, BooksError::BadAmount(usd(-1)));
}

#[test]
fn runs_apply_once_and_in_order() {
    let mut books = opened();
    let first = settled(0, &[hold(60), post(0, 60, 20)]);
    books.apply(&first).unwrap();
    assert_eq!(books.apply(&first), Ok(Applied::Nothing));
    for start in [1, 3] {
        let gap = refused(&mut books, &settled(start, &[hold(1), hold(1)]));
        assert_eq!(gap, BooksError::Gap { ring: 0, expected: 2, found: start });
    }
    assert_eq!(books.watermarks(PLANE, EPOCH), [(0, 2)]);
    assert_eq!(books.account(ACCOUNT).unwrap().spent, usd(20));
}

#[test]
fn a_refused_run_takes_back_what_stood_before_the_fault() {
    let mut books = opened();
    let progress = |charge| {
        Record::Progress(Progress {
            hold_seq: 0,
            tokens: Tokens::ZERO,
            charge: usd(charge),
            list_cost: usd(charge),
            own_key: false,
            offer: OfferId(0),
            service_tier: 0,
        })
    };
    books.apply(&settled(0, &[hold(60), hold(5), progress(1)])).unwrap();
    let back = Record::Return { purse: PURSE, amount: usd(20) };
    let grant = Record::Grant { purse: PURSE, amount: usd(100) };
    let (early, late) = ([back, grant, progress(2), progress(3)], [hold(1), void(9, 1)]);
    let ends = [post(0, 60, 20), hold(4), void(1, 5)];
    let run: Vec<Record> = early.into_iter().chain(ends).chain(late).collect();
    let error = refused(&mut books, &settled(3, &run));
    assert_eq!(promise(&error), Some(Promise::HoldEndsOnce));
    books.apply(&settled(3, &run[..run.len() - 1])).unwrap();
    assert!(audit(&books).ok);
}

#[test]
fn no_epoch_settles_more_than_it_was_lent() {
    let mut books = opened();
    books.apply(&credit(2, CreditKind::TopUp, 1000, "second")).unwrap();
    let over = refused(&mut books, &settled(0, &[hold(101), post(0, 101, 101)]));
    assert_eq!(promise(&over), Some(Promise::SettledWithinLease));
    let grant = Record::Grant { purse: PURSE, amount: usd(101) };
    let minted = refused(&mut books, &settled(0, &[grant]));
    assert_eq!(promise(&minted), Some(Promise::GrantsWereLent));
    let too_much = refused(&mut books, &lent(1001));
    assert!(matches!(too_much, BooksError::NotEnough { unlent, .. } if unlent == usd(1000)));
}

#[test]
fn returned_credit_can_be_lent_again() {
    let mut books = opened();
    let back = Record::Return { purse: PURSE, amount: usd(40) };
    books.apply(&settled(0, &[back])).unwrap();
    assert_eq!(books.unlent(PURSE), Some(usd(40)));
    let reclaim = |amount| Event::Returned {
        dataplane: PLANE,
        epoch: EPOCH,
        purse: PURSE,
        amount: usd(amount),
    };
    books.apply(&settled(1, &[hold(50)])).unwrap();
    assert!(matches!(refused(&mut books, &reclaim(11)), BooksError::NotEnough { .. }));
    books.apply(&reclaim(10)).unwrap();
    let close = Event::EpochClosed { dataplane: PLANE, epoch: EPOCH };
    assert_eq!(refused(&mut books, &close), BooksError::OpenHolds(1));
    books.apply(&settled(2, &[post(1, 50, 30)])).unwrap();
    books.apply(&close).unwrap();
    assert_eq!(books.apply(&close), Ok(Applied::Nothing));
    assert_eq!(books.unlent(PURSE), Some(usd(70)));
    assert_eq!(books.apply(&settled(3, &[hold(1)])), Ok(Applied::Nothing), "late and closed");
    assert!(audit(&books).ok);
}

#[test]
fn refunds_stay_within_the_charge_and_count_once() {
    let mut books = opened();
    assert!(matches!(refused(&mut books, &refund(2, 0, 5, "a")), BooksError::UnknownGeneration(_)));
    books.apply(&settled(0, &[hold(60), hold(5), post(0, 60, 20)])).unwrap();
    refused(&mut books, &refund(2, 1, 5, "still open"));
    books.apply(&refund(2, 0, 15, "a")).unwrap();
    assert!(matches!(books.apply(&refund(3, 0, 15, "a")), Ok(Applied::Repeated(_))));
    let beyond = refused(&mut books, &refund(3, 0, 6, "b"));
    assert_eq!(promise(&beyond), Some(Promise::RefundsWithinCharge));
    books.apply(&refund(3, 0, 5, "b")).unwrap();
    let view = books.account(ACCOUNT).unwrap();
    assert_eq!((view.balance, view.refunded, view.spent), (usd(100), usd(20), usd(20)));
    assert!(audit(&books).ok);
}

#[test]
fn a_key_spends_within_its_limit() {
    let mut books = opened();
    let limit = Some(usd(50));
    books.apply(&Event::KeyChanged { key: KEY, limit, row: "{}".into() }).unwrap();
    let purse = Purse::Key(KEY);
    let lend = |amount| Event::Lent { dataplane: PLANE, epoch: EPOCH, purse, amount: usd(amount) };
    assert!(matches!(refused(&mut books, &lend(51)), BooksError::NotEnough { .. }));
    books.apply(&lend(50)).unwrap();
    let mut limited = a_post(0, 30, 20);
    limited.key_limited = true;
    let Record::Hold(held) = hold(30) else { panic!() };
    let held = Record::Hold(Hold { key_limited: true, ..held });
    books.apply(&settled(0, &[held, Record::Post(limited)])).unwrap();
    assert_eq!(books.lease(PLANE, EPOCH, purse).unwrap().outstanding(), usd(30));
    assert_eq!(books.unlent(purse), Some(usd(0)));
    books.apply(&Event::KeyPeriodBegan { key: KEY, at: UnixMillis(7) }).unwrap();
    assert_eq!(books.unlent(purse), Some(usd(20)));
    books.apply(&Event::KeyDeleted { key: KEY }).unwrap();
    assert!(books.key(KEY).is_none() && audit(&books).ok);
}

#[test]
fn a_checkpoint_reads_back_and_no_part_of_one_does() {
    let mut books = opened();
    books.apply(&settled(0, &[hold(60), hold(5), post(0, 60, 20)])).unwrap();
    books.apply(&refund(2, 0, 15, "a")).unwrap();
    let bytes = books.encode();
    let read = Books::decode(&bytes).unwrap();
    assert!(read.encode() == bytes && audit(&read).ok);
    for end in 0..bytes.len() {
        assert!(Books::decode(&bytes[..end]).is_err(), "cut at {end}");
        let mut changed = bytes.clone();
        changed[end] ^= 0x15;
        if let Ok(read) = Books::decode(&changed) {
            assert!(read.encode() == changed, "changed at {end}");
        }
    }
}

#[test]
fn a_data_plane_number_belongs_to_one_directory_while_its_epochs_are_open() {
    let mut books = opened();
    let taken = |directory| Event::DirectoryTaken { dataplane: PLANE, directory };
    books.apply(&taken(5)).unwrap();
    assert_eq!(books.apply(&taken(5)), Ok(Applied::Nothing));
    assert_eq!(refused(&mut books, &taken(6)), BooksError::OtherDirectory(PLANE));
    books.apply(&Event::EpochFenced { dataplane: PLANE, epoch: EPOCH }).unwrap();
    let mut books = Books::decode(&books.encode()).unwrap();
    assert!(books.is_fenced(PLANE, EPOCH));
    books.apply(&taken(6)).unwrap();
}
