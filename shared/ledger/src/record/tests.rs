//! Records survive their byte form, and no bytes make decoding panic.

use proptest::collection::vec;
use proptest::prelude::*;
use units::{AccountId, KeyId, OfferId, TokenClass, Tokens, UnixMillis, Usd};

use super::*;

fn usd() -> impl Strategy<Value = Usd> {
    prop_oneof![
        (0..=1i128 << 40).prop_map(Usd::from_pico),
        any::<i64>().prop_map(|pico| Usd::from_pico(i128::from(pico))),
        any::<i128>().prop_map(Usd::from_pico),
    ]
}

fn tokens() -> impl Strategy<Value = Tokens> {
    let count = prop_oneof![Just(0), 0..100_000u64, any::<u64>()];
    vec(count, TokenClass::COUNT).prop_map(|counts| {
        let mut tokens = Tokens::ZERO;
        for (class, count) in TokenClass::ALL.into_iter().zip(counts) {
            tokens[class] = count;
        }
        tokens
    })
}

fn attempts() -> impl Strategy<Value = Attempts> {
    vec((any::<u32>(), any::<u16>(), any::<u32>()), 0..6).prop_map(|tried| {
        let mut attempts = Attempts::new();
        for (offer, status, ms) in tried {
            attempts.push(Attempt { offer: OfferId(offer), status, ms });
        }
        attempts
    })
}

fn owner() -> impl Strategy<Value = (u64, AccountId, KeyId, bool, bool)> {
    (any::<u64>(), any::<u64>(), any::<u64>(), any::<bool>(), any::<bool>()).prop_map(
        |(seq, account, key, limited, free)| (seq, AccountId(account), KeyId(key), limited, free),
    )
}

fn hashes() -> impl Strategy<Value = Option<BodyHashes>> {
    let pair = (any::<[u8; 32]>(), any::<[u8; 32]>());
    proptest::option::of(pair.prop_map(|(request, response)| BodyHashes { request, response }))
}

fn post() -> impl Strategy<Value = Record> {
    let money = (usd(), usd(), usd(), usd(), usd());
    let bools = (any::<bool>(), any::<bool>());
    let sets = (0..2usize, 0..5usize, any::<u16>(), any::<u8>(), 0..7usize, bools.0, bools.1);
    let times = (any::<u64>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u16>());
    let rest = (any::<u32>(), tokens(), vec(any::<u8>(), 0..80), attempts(), hashes());
    (owner(), money, sets, times, rest).prop_map(|(owner, money, sets, times, rest)| {
        Record::Post(Post {
            hold_seq: owner.0,
            account: owner.1,
            key: owner.2,
            key_limited: owner.3,
            free_request: owner.4,
            held: money.0,
            charge: money.1,
            excess: Excess { from_free: money.2, written_off: money.3 },
            list_cost: money.4,
            own_key: sets.6,
            offer: OfferId(rest.0),
            tokens: rest.1,
            source: UsageSource::ALL[sets.0],
            outcome: Outcome::ALL[sets.1],
            flags: Flags(sets.2),
            service_tier: sets.3,
            stream: sets.5,
            finish: FinishCode::ALL[sets.4],
            upstream_id: UpstreamId::new(&rest.2),
            attempts: rest.3,
            created_at: UnixMillis(times.0),
            first_byte_ms: times.1,
            total_ms: times.2,
            output_cap: times.3,
            status: times.4,
            hashes: rest.4,
        })
    })
}

fn void() -> impl Strategy<Value = Record> {
    let rest = (0..7usize, attempts(), any::<u64>(), any::<u32>(), any::<bool>());
    (owner(), usd(), any::<u32>(), any::<u16>(), rest).prop_map(
        |(owner, held, offer, status, rest)| {
            Record::Void(Void {
                hold_seq: owner.0,
                account: owner.1,
                key: owner.2,
                key_limited: owner.3,
                free_request: owner.4,
                held,
                offer: OfferId(offer),
                reason: VoidReason::ALL[rest.0],
                status,
                attempts: rest.1,
                created_at: UnixMillis(rest.2),
                total_ms: rest.3,
                stream: rest.4,
            })
        },
    )
}

fn hold() -> impl Strategy<Value = Record> {
    (owner(), usd(), any::<u32>(), any::<u32>()).prop_map(|(owner, amount, offer, output_cap)| {
        Record::Hold(Hold {
            at: UnixMillis(owner.0),
            account: owner.1,
            key: owner.2,
            key_limited: owner.3,
            free_request: owner.4,
            amount,
            offer: OfferId(offer),
            output_cap,
        })
    })
}

fn progress() -> impl Strategy<Value = Record> {
    let sold = (any::<u32>(), any::<u8>(), any::<bool>());
    (any::<u64>(), tokens(), usd(), usd(), sold).prop_map(
        |(hold_seq, tokens, charge, list_cost, (offer, service_tier, own_key))| {
            Record::Progress(Progress {
                hold_seq,
                tokens,
                charge,
                list_cost,
                own_key,
                offer: OfferId(offer),
                service_tier,
            })
        },
    )
}

fn purse() -> impl Strategy<Value = Purse> {
    prop_oneof![
        any::<u64>().prop_map(|id| Purse::Account(AccountId(id))),
        any::<u64>().prop_map(|id| Purse::Key(KeyId(id))),
        any::<u64>().prop_map(|id| Purse::FreeRequests(AccountId(id))),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        post(),
        void(),
        hold(),
        progress(),
        (purse(), usd()).prop_map(|(purse, amount)| Record::Grant { purse, amount }),
        (purse(), usd()).prop_map(|(purse, amount)| Record::Return { purse, amount }),
    ]
}

proptest! {
    #[test]
    fn a_record_reads_back_and_no_part_of_it_does(record in record()) {
        let bytes = record.encode();
        prop_assert_eq!(Record::decode(bytes.as_slice()), Ok(record));
        for end in 0..bytes.as_slice().len() {
            prop_assert!(Record::decode(&bytes.as_slice()[..end]).is_err(), "cut at {}", end);
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        prop_assert!(Record::decode(&longer).is_err());
    }

    #[test]
    fn a_changed_byte_reads_as_itself_or_not_at_all(
        record in record(), place in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = record.encode().as_slice().to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(read) = Record::decode(&bytes) {
            let form = read.encode();
            prop_assert_eq!(form.as_slice(), &bytes[..], "one form for each value");
        }
    }

    #[test]
    fn any_bytes_at_all_are_read_without_a_panic(
        mut bytes in vec(any::<u8>(), 0..200), tag in 0..8u8,
    ) {
        let _ = Record::decode(&bytes);
        if let Some(first) = bytes.first_mut() {
            *first = tag;
        }
        if let Ok(read) = Record::decode(&bytes) {
            let form = read.encode();
            prop_assert_eq!(form.as_slice(), &bytes[..]);
        }
    }
}

#[test]
fn the_longest_record_fits() {
    let most = Usd::from_pico(i128::MIN);
    let mut attempts = Attempts::new();
    for _ in 0..Attempts::MOST {
        attempts.push(Attempt { offer: OfferId(u32::MAX), status: u16::MAX, ms: u32::MAX });
    }
    let post = Post {
        hold_seq: u64::MAX,
        account: AccountId(u64::MAX),
        key: KeyId(u64::MAX),
        key_limited: true,
        free_request: true,
        held: most,
        charge: most,
        excess: Excess { from_free: most, written_off: most },
        list_cost: most,
        own_key: true,
        offer: OfferId(u32::MAX),
        tokens: Tokens::from_counts([u64::MAX; TokenClass::COUNT]),
        source: UsageSource::Estimated,
        outcome: Outcome::Recovered,
        flags: Flags(u16::MAX),
        service_tier: u8::MAX,
        stream: true,
        finish: FinishCode::Other,
        upstream_id: UpstreamId::new(&[b'x'; 100]),
        attempts,
        created_at: UnixMillis(u64::MAX),
        first_byte_ms: u32::MAX,
        total_ms: u32::MAX,
        output_cap: u32::MAX,
        status: u16::MAX,
        hashes: Some(BodyHashes { request: [1; 32], response: [2; 32] }),
    };
    let bytes = Record::Post(post).encode();
    assert_eq!(bytes.as_slice().len(), RECORD_BYTES_MAX);
    assert_eq!(Record::decode(bytes.as_slice()), Ok(Record::Post(post)));
}
