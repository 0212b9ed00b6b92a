//! Bytes of events, there and back.

use super::*;
use crate::Record;

fn events() -> Vec<Event> {
    let (dataplane, epoch) = (DataPlaneId(3), Epoch(9));
    let (purse, amount) = (Purse::Key(KeyId(7)), Usd::from_pico(-5));
    let run = Run::of(1, 4, &[Record::Grant { purse, amount }]);
    vec![
        Event::AccountOpened { account: AccountId(1), name: "a".into(), at: UnixMillis(5) },
        Event::AccountChanged {
            account: AccountId(1),
            name: "b".into(),
            disabled: true,
            row: "{}".into(),
        },
        Event::CatalogApplied {
            rows_json: "{}".into(),
            offers: vec![OfferId(0)],
            new_offers: vec![(OfferId(0), "{\"model\":\"m\"}".into())],
        },
        Event::Credited {
            transaction: TransactionId(1),
            account: AccountId(1),
            kind: CreditKind::TopUp,
            amount: Usd::from_dollars(5),
            fee: amount,
            method: "card".into(),
            reference: "r\u{e9}f".into(),
            expires_at: None,
            refund_until: Some(UnixMillis(2)),
            at: UnixMillis(1),
        },
        Event::OwnKeySet { id: "i".into(), account: AccountId(1), row: Some("{}".into()) },
        Event::FreeRequestsSet { requests: 7, at: UnixMillis(3) },
        Event::FreeRequestsBegan { at: UnixMillis(9) },
        Event::EpochOpened { dataplane, epoch },
        Event::EpochFenced { dataplane, epoch },
        Event::DirectoryTaken { dataplane, directory: u64::MAX },
        Event::Lent { dataplane, epoch, purse, amount },
        Event::Returned { dataplane, epoch, purse, amount },
        Event::Settled { dataplane, epoch, run },
    ]
}

#[test]
fn events_read_back_and_no_part_of_one_does() {
    for event in events() {
        let mut bytes = Vec::new();
        event.encode(&mut bytes).unwrap();
        assert_eq!(Event::decode(&bytes), Ok(event));
        for end in 0..bytes.len() {
            assert!(Event::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
    }
}

#[test]
fn a_transaction_id_has_one_text() {
    assert_eq!("txn_00000000000000ff".parse(), Ok(TransactionId(255)));
    for text in ["txn_ff", "txn_+0000000000000ff", "txn_00000000000000FF"] {
        assert_eq!(text.parse::<TransactionId>(), Err(units::ParseIdError), "{text}");
    }
}
