//! What events put into the view.
//!
//! A pure function of the journal: the same events give the same view, however they are grouped
//! into batches. Settled records go in as blocks and as one index entry for each account and each
//! bucket of holds of a run, never one for each request.

use std::collections::BTreeMap;

use ledger::event::{CreditKind, Event, TransactionId};
use ledger::{Record, RecordFault, Run};
use serde::{Deserialize, Serialize};
use units::{AccountId, DataPlaneId, Epoch, GenerationId, UnixMillis, Usd};

use super::layout::{self, Usage, UsageKey};
use crate::books::TransactionKind;

/// The most bytes of a block: well below what sled would move into a file of its own.
const BLOCK_BYTES: usize = 16 << 10;

/// What one or more events add.
#[derive(Default)]
pub(crate) struct Projection {
    /// Keys with their values, each written once and never changed.
    pub(crate) entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Added to what stands there.
    pub(crate) usage: BTreeMap<UsageKey, Usage>,
    /// Credits that ended: whose they were stands in the view.
    pub(super) expired: Vec<(u64, StoredTransaction, TransactionId)>,
}

/// A transaction as the view keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredTransaction {
    pub(crate) id: u64,
    pub(crate) account: AccountId,
    pub(crate) kind: TransactionKind,
    pub(crate) amount: Usd,
    pub(crate) reference: String,
    pub(crate) generation: Option<GenerationId>,
    pub(crate) expires_at: Option<UnixMillis>,
    pub(crate) at: UnixMillis,
}

impl Projection {
    /// Adds the event that is number `order` of all.
    pub(crate) fn add(&mut self, order: u64, event: &Event) -> Result<(), RecordFault> {
        match event {
            Event::Settled { dataplane, epoch, run } => {
                self.settled(order, *dataplane, *epoch, run)?;
            }
            Event::Expired { transaction, lot, amount, at } => {
                let row = StoredTransaction {
                    id: transaction.0,
                    account: AccountId::default(),
                    kind: TransactionKind::Expiry,
                    amount: -*amount,
                    reference: lot.to_string(),
                    generation: None,
                    expires_at: None,
                    at: *at,
                };
                self.expired.push((order, row, *lot));
            }
            other => {
                if let Some(stored) = stored(other) {
                    self.transaction(order, &stored);
                }
            }
        }
        Ok(())
    }

    pub(super) fn transaction(&mut self, order: u64, stored: &StoredTransaction) {
        let account = stored.account.0.to_be_bytes().to_vec();
        self.put(layout::transaction(stored.id), account);
        let value = serde_json::to_vec(stored).unwrap_or_default();
        self.put(layout::listed(b't', stored.account, order), value);
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.entries.push((key, value));
    }

    fn settled(
        &mut self,
        order: u64,
        dataplane: DataPlaneId,
        epoch: Epoch,
        run: &Run,
    ) -> Result<(), RecordFault> {
        let place = |seq| GenerationId { dataplane, epoch, ring: run.ring, seq };
        let mut accounts: BTreeMap<AccountId, Vec<u8>> = BTreeMap::new();
        let mut buckets: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut block = (run.first_seq, 0);
        for entry in run.records() {
            let entry = entry?;
            let (start, end) = (entry.place.start as usize - 2, entry.place.end as usize);
            if end - block.1 > BLOCK_BYTES && start > block.1 {
                self.put(layout::block(place(block.0)), run.bytes[block.1..start].to_vec());
                block = (entry.seq, start);
            }
            let Some(end) = self.ended(&entry.decode()?) else { continue };
            let number = place(entry.seq).number().to_be_bytes();
            accounts.entry(end.account).or_default().extend_from_slice(&number);
            let bucket = buckets.entry(layout::bucket(place(end.hold_seq))).or_default();
            bucket.extend_from_slice(&layout::pair(end.hold_seq, entry.seq));
        }
        self.put(layout::block(place(block.0)), run.bytes[block.1..].to_vec());
        for (account, places) in accounts {
            self.put(layout::listed(b'g', account, order), places);
        }
        for (bucket, pairs) in buckets {
            self.put(layout::ended(&bucket, order), pairs);
        }
        Ok(())
    }

    /// What a record ends, with its use counted; `None` where it ends nothing.
    fn ended(&mut self, record: &Record) -> Option<End> {
        match record {
            Record::Post(post) => {
                let (account, day) = (post.account, post.created_at.day());
                let key = UsageKey { account, key: post.key, day, offer: post.offer };
                self.usage.entry(key).or_default().add(&Usage {
                    requests: 1,
                    charged: post.charged().unwrap_or(post.charge),
                    list_cost: post.list_cost,
                    tokens: post.tokens,
                });
                Some(End { account, hold_seq: post.hold_seq })
            }
            Record::Void(void) => Some(End { account: void.account, hold_seq: void.hold_seq }),
            Record::Hold(_)
            | Record::Progress(_)
            | Record::Grant { .. }
            | Record::Return { .. } => None,
        }
    }
}

struct End {
    account: AccountId,
    hold_seq: u64,
}

/// The transaction that an event is, if it is one.
fn stored(event: &Event) -> Option<StoredTransaction> {
    match event {
        Event::Credited { transaction, account, kind, amount, reference, expires_at, at } => {
            let kind = match kind {
                CreditKind::TopUp => TransactionKind::TopUp,
                CreditKind::Grant => TransactionKind::Grant,
                CreditKind::Adjustment => TransactionKind::Adjustment,
            };
            Some(StoredTransaction {
                id: transaction.0,
                account: *account,
                kind,
                amount: *amount,
                reference: reference.clone(),
                generation: None,
                expires_at: *expires_at,
                at: *at,
            })
        }
        Event::Refunded { transaction, generation, account, amount, reason, at, .. } => {
            Some(StoredTransaction {
                id: transaction.0,
                account: *account,
                kind: TransactionKind::Refund,
                amount: *amount,
                reference: reason.clone(),
                generation: Some(*generation),
                expires_at: None,
                at: *at,
            })
        }
        _ => None,
    }
}
