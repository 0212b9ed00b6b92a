//! The fold: settled runs into the books, for each record.

mod ledger_records;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ledger::event::CreditKind;
use ledger::{Books, Event, Purse, Record, Run, TransactionId};
use ledger_records::{hold, post};
use units::{AccountId, DataPlaneId, Epoch, KeyId, OfferId, UnixMillis, Usd};

const PLANE: (DataPlaneId, Epoch) = (DataPlaneId(1), Epoch(1));
const OFFERS: u32 = 32;

/// Books of `accounts` accounts with a key and a lease each.
fn books(accounts: u64) -> Books {
    let mut books = Books::new();
    let mut apply = |event: Event| books.apply(&event);
    let offers = (0..OFFERS).map(|number| (OfferId(number), format!("offer {number}"))).collect();
    let catalog =
        Event::CatalogApplied { rows_json: String::new(), offers: vec![], new_offers: offers };
    assert!(apply(catalog).is_ok());
    let (dataplane, epoch) = PLANE;
    assert!(apply(Event::EpochOpened { dataplane, epoch }).is_ok());
    for number in 1..=accounts {
        let (account, at, amount) =
            (AccountId(number), UnixMillis(0), Usd::from_dollars(1_000_000));
        let purse = Purse::Account(account);
        let (name, row, reference) = (String::new(), String::new(), String::from("top-up"));
        let (transaction, kind) = (TransactionId(number), CreditKind::TopUp);
        let (key, limit) = (KeyId(number), None);
        let credited = Event::Credited {
            transaction,
            account,
            kind,
            amount,
            fee: Usd::ZERO,
            method: String::new(),
            reference,
            expires_at: None,
            refund_until: None,
            at,
        };
        for event in [
            Event::AccountOpened { account, name, at },
            Event::KeyMade { key, account, limit, row },
            credited,
            Event::Lent { dataplane, epoch, purse, amount },
        ] {
            assert!(apply(event).is_ok());
        }
    }
    books
}

/// The next run of the ring: `count` holds, or the ends of the holds of the run before.
struct Ring {
    next_seq: u64,
    accounts: u64,
}

impl Ring {
    fn run(&mut self, count: u64, record: impl Fn(u64, u64) -> Record) -> Event {
        let first = self.next_seq;
        self.next_seq += count;
        let of = |place: u64| record(place, 1 + place * 7919 % self.accounts);
        let records: Vec<Record> = (first..first + count).map(of).collect();
        let (dataplane, epoch) = PLANE;
        Event::Settled { dataplane, epoch, run: Run::of(0, first, &records) }
    }
}

fn fold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fold: a run of posts");
    for (accounts, count) in [(1000, 1), (1000, 64), (1000, 1024), (100_000, 1024)] {
        let mut books = books(accounts);
        let mut ring = Ring { next_seq: 0, accounts };
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("{count} records, {accounts} accounts"), |bencher| {
            let books = std::cell::RefCell::new(&mut books);
            bencher.iter_batched(
                || {
                    let holds = ring.run(count, |_, account| hold(account, 3));
                    assert!(books.borrow_mut().apply(&holds).is_ok());
                    let back = count;
                    ring.run(count, |seq, _| {
                        let held = seq - back;
                        post(1 + held * 7919 % accounts, (held % u64::from(OFFERS)) as u32, held)
                    })
                },
                |posts| {
                    let applied = books.borrow_mut().apply(&posts);
                    assert!(applied.is_ok());
                    black_box(applied)
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, fold);
criterion_main!(benches);
