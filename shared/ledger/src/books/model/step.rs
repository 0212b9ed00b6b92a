//! What may happen to the books, at random.

use proptest::prelude::*;

use crate::event::CreditKind;
use crate::lender::LendPolicy;

/// One thing that may happen. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Credit { account: u64, kind: CreditKind, amount: i64, fee: i64, reference: u8 },
    Expire { lot: u64, amount: i64 },
    PayBack { lot: u64, amount: i64, reference: u8 },
    End { wait: u64, is_heard: bool },
    Refund { generation: usize, amount: i64, reference: u8 },
    Need { plane: usize, purse: u64, amount: i64, policy: LendPolicy },
    Hold { plane: usize, ring: u16, owner: u64, amount: i64 },
    Progress { plane: usize, hold: usize, part: i64 },
    Post { plane: usize, hold: usize, part: i64, excess: i64 },
    Void { plane: usize, hold: usize },
    Return { plane: usize, purse: u64, amount: i64 },
    Commit { plane: usize },
    Ship { plane: usize, ahead: usize },
    Repeat { plane: usize, run: usize },
    Forge { plane: usize, byte: usize, change: u8 },
    Lie { plane: usize, purse: u64, lie: u8 },
    Reclaim { plane: usize, purse: u64, amount: i64 },
    Restart { plane: usize },
    Limit { key: u64, limit: Option<i64> },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![7 => of_money(), 29 => of_requests(), 20 => of_the_link()]
}

/// What people do.
fn of_money() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        4 => Just(CreditKind::TopUp),
        2 => Just(CreditKind::Grant),
        1 => Just(CreditKind::Signup),
        1 => Just(CreditKind::Adjustment)
    ];
    let fee = prop_oneof![4 => Just(0), 1 => -1..9i64];
    prop_oneof![
        2 => (0..33u64, kind, -100..1000i64, fee, 0..12u8).prop_map(
            |(account, kind, amount, fee, reference)| {
                Step::Credit { account, kind, amount, fee, reference }
            }
        ),
        1 => (0..12u64, 0..50i64).prop_map(|(lot, amount)| Step::Expire { lot, amount }),
        1 => (0..12u64, 0..50i64, 10..14u8).prop_map(|(lot, amount, reference)| {
            Step::PayBack { lot, amount, reference }
        }),
        1 => (0..60u64, any::<bool>()).prop_map(|(wait, is_heard)| Step::End { wait, is_heard }),
        2 => (any::<u16>(), 0..30i64, 0..3u8).prop_map(|(generation, amount, reference)| {
            Step::Refund { generation: generation.into(), amount, reference }
        }),
        1 => (0..4u64, prop::option::of(0..500i64)).prop_map(|(key, limit)| {
            Step::Limit { key, limit }
        }),
    ]
}

/// What requests do.
fn of_requests() -> impl Strategy<Value = Step> {
    let (plane, any) = (0..2usize, any::<u16>());
    prop_oneof![
        12 => (plane.clone(), 0..2u16, 0..4u64, 0..60i64).prop_map(
            |(plane, ring, owner, amount)| Step::Hold { plane, ring, owner, amount }
        ),
        2 => (plane.clone(), any, 0..256i64).prop_map(|(plane, hold, part)| {
            Step::Progress { plane, hold: hold.into(), part }
        }),
        8 => (plane.clone(), any, 0..300i64, 0..20i64).prop_map(
            |(plane, hold, part, excess)| Step::Post { plane, hold: hold.into(), part, excess }
        ),
        2 => (plane, any).prop_map(|(plane, hold)| Step::Void { plane, hold: hold.into() }),
    ]
}

/// What data planes and the ledger say to each other, truly or not.
fn of_the_link() -> impl Strategy<Value = Step> {
    let policy = prop_oneof![Just(LendPolicy::All), Just(LendPolicy::Share)];
    let (plane, any) = (0..2usize, any::<u16>());
    let (purse, amount) = (0..6u64, -5..200i64);
    prop_oneof![
        6 => (plane.clone(), purse.clone(), amount.clone(), policy).prop_map(
            |(plane, purse, amount, policy)| Step::Need { plane, purse, amount, policy }
        ),
        1 => (plane.clone(), purse.clone(), amount.clone()).prop_map(|(plane, purse, amount)| {
            Step::Return { plane, purse, amount }
        }),
        6 => plane.clone().prop_map(|plane| Step::Commit { plane }),
        6 => (plane.clone(), 0..3usize).prop_map(|(plane, ahead)| Step::Ship { plane, ahead }),
        1 => (plane.clone(), any).prop_map(|(plane, run)| {
            Step::Repeat { plane, run: run.into() }
        }),
        2 => (plane.clone(), any, 1..255u8).prop_map(|(plane, byte, change)| {
            Step::Forge { plane, byte: byte.into(), change }
        }),
        2 => (plane.clone(), purse.clone(), 0..7u8).prop_map(|(plane, purse, lie)| {
            Step::Lie { plane, purse, lie }
        }),
        1 => (plane.clone(), purse, amount).prop_map(|(plane, purse, amount)| {
            Step::Reclaim { plane, purse, amount }
        }),
        1 => plane.prop_map(|plane| Step::Restart { plane }),
    ]
}
