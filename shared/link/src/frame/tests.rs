//! Every message reads back, and no part of one does.

use std::sync::Arc;

use catalog::Privacy;
use catalog::keys::{FreeLimits, KeyClass, KeyRow};
use catalog::own_keys::OwnKeyRow;
use catalog::rows::CatalogRows;
use ledger::{Purse, Record, Run};
use units::{AccountId, DataPlaneId, KeyDigest, KeyId, OfferId, Tokens, UnixMillis, Usd};

use super::*;
use crate::{
    CoreReport, EndpointReport, EndpointState, EpochMark, Hello, JournalReport, KeyChanges, Paces,
    Publication, PublishedCatalog, StatusReport, UsageRow, VERSION,
};

const PURSE: Purse = Purse::Account(AccountId(u64::MAX));

fn usd(pico: i128) -> Usd {
    Usd::from_pico(pico)
}

fn to_control() -> Vec<ToControl> {
    let grant = Record::Grant { purse: PURSE, amount: usd(7) };
    let runs = vec![Run::of(0, 3, &[grant.clone(), grant.clone()]), Run::of(9, 0, &[grant])];
    let row = UsageRow {
        account: AccountId(4),
        offer: OfferId(2),
        day: 20_000,
        requests: 3,
        tokens: Tokens::from_counts([5; units::TokenClass::COUNT]),
        charged: usd(i128::from(i64::MAX)),
    };
    let status = StatusReport {
        generation: 8,
        draining: true,
        cores: vec![CoreReport { core: 3, connections: 4, ..CoreReport::default() }],
        endpoints: vec![EndpointReport {
            endpoint: u64::MAX,
            state: EndpointState::HalfOpen,
            bound: Some(7),
            failures: [1, 2, 3],
            paces: Paces { latency_us: [Some(1), None, None, Some(9)], ..Paces::default() },
            ..EndpointReport::default()
        }],
        journal: JournalReport { writable: true, ..JournalReport::default() },
    };
    let (dataplane, epoch) = (DataPlaneId(2), Epoch(9));
    vec![
        ToControl::Hello(Hello {
            version: VERSION,
            dataplane,
            epoch,
            directory: u64::MAX,
            process: u64::MAX,
            beside: vec![Epoch(7), Epoch(8)],
        }),
        ToControl::Need { purse: Purse::Key(KeyId(3)), amount: usd(1) },
        ToControl::Settlement { epoch, runs },
        ToControl::EpochDone { epoch },
        ToControl::Applied { generation: u64::MAX },
        ToControl::Usage { rows: vec![row], covered: vec![(0, 5)] },
        ToControl::Status { report: status, said: UnixMillis(u64::MAX) },
    ]
}

fn key() -> KeyRow {
    KeyRow {
        name: "a \"name\"".to_owned(),
        label: "sk-…abcd".to_owned(),
        class: KeyClass::Guest,
        limit: Some(usd(1)),
        rpm: Some(3),
        rpd: Some(9),
        expires_at: Some(UnixMillis(5)),
        allowed_models: Some(vec!["a/b".to_owned()]),
        privacy: Privacy { regions: Some(vec!["eu".to_owned()]), ..Privacy::default() },
        free: Some(FreeLimits { rpm: None, rpd: 50 }),
        disabled: true,
        ..KeyRow::new(KeyId(1), KeyDigest([7; 32]), AccountId(1), UnixMillis(4))
    }
}

fn own_key() -> OwnKeyRow {
    OwnKeyRow {
        id: "1".to_owned(),
        account: AccountId(1),
        provider: "p".to_owned(),
        name: None,
        label: "sk-…abcd".to_owned(),
        sealed: "sealed".to_owned(),
        is_fallback: true,
        always_use: false,
        disabled: false,
        sort_order: 3,
        allowed_models: Some(vec!["a/b".to_owned()]),
        allowed_keys: Some(vec![KeyId(1)]),
        created_at: UnixMillis(4),
    }
}

fn to_data() -> Vec<ToData> {
    let epoch = Epoch(9);
    let mark = EpochMark { epoch, watermarks: vec![(0, 4), (u16::MAX, 1)], fenced: true };
    let rows = CatalogRows::default();
    let catalog = PublishedCatalog {
        rows,
        offers: vec![OfferId(3)],
        multiplier: (1, 5),
        own_key_fee: (1, 20),
    };
    let control = ([127, 0, 0, 1], 81).into();
    let full = Publication {
        generation: 2,
        catalog: Some(Arc::new(catalog)),
        keys: KeyChanges::Full(vec![key()]),
        own_keys: vec![(AccountId(1), vec![own_key()])],
        control,
    };
    let changes = vec![(KeyDigest([1; 32]), None), (KeyDigest([7; 32]), Some(key()))];
    let keys = KeyChanges::Delta(changes);
    let own_keys = vec![(AccountId(1), Vec::new())];
    let delta = Publication { generation: 3, catalog: None, keys, own_keys, control };
    let (purse, amount) = (PURSE, usd(1_000_000_000_001));
    vec![
        ToData::Welcome { open_epochs: vec![mark], lent: vec![(purse, amount)] },
        ToData::Refused { why: "another has this number".to_owned() },
        ToData::Busy { why: "another link lives".to_owned() },
        ToData::Contact { said: UnixMillis(3), shared: true },
        ToData::Publish(full),
        ToData::Publish(delta),
        ToData::Granted { purse, amount, total: usd(i128::MAX) },
        ToData::Denied { purse, unlent: usd(0), elsewhere: amount },
        ToData::Recall { purse, up_to: amount },
        ToData::Acknowledged { epoch, ring: 3, seq: u64::MAX },
    ]
}

/// Whole it reads back; no part of it is ever taken for it.
fn check<M: Message + PartialEq + fmt::Debug>(messages: Vec<M>) {
    for message in messages {
        let bytes = encode(&message).unwrap();
        let body = &bytes[LENGTH_BYTES..];
        assert_eq!(length::<M>(*bytes.first_chunk().unwrap()), Ok(body.len()));
        assert_eq!(M::read(body).as_ref(), Ok(&message));
        for end in 0..body.len() {
            assert_ne!(M::read(&body[..end]).as_ref(), Ok(&message), "cut at {end}");
        }
        for at in 0..body.len() {
            let mut changed = body.to_vec();
            changed[at] ^= 0x15;
            // Whatever it reads as, it does not panic.
            let _ = M::read(&changed);
        }
    }
}

#[test]
fn what_data_planes_say_reads_back() {
    check(to_control());
}

#[test]
fn what_the_control_plane_says_reads_back() {
    check(to_data());
}

#[test]
fn a_frame_is_bounded_and_of_a_known_kind() {
    assert_eq!(length::<ToData>([0; 4]), Err(FrameFault::Length(0)));
    assert_eq!(length::<ToControl>([0xff; 4]), Err(FrameFault::Length(u32::MAX as usize)));
    // All keys at once may be long.
    assert_eq!(length::<ToData>([0xff; 4]), Ok(u32::MAX as usize));
    assert_eq!(ToData::read(&[9, 1]), Err(FrameFault::UnknownTag(9)));
    assert_eq!(ToData::read(&[]), Err(FrameFault::Length(0)));
    assert_eq!(ToData::read(&[SETTLEMENT]), Err(FrameFault::UnknownTag(SETTLEMENT)));
    let deep = [&[WORDS][..], "[".repeat(1 << 20).as_bytes()].concat();
    assert!(matches!(ToControl::read(&deep), Err(FrameFault::Broken(_))));
}
