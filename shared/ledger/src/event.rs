//! What the ledger writes down: its own journal.
//!
//! Purpose: the closed list of events. Everything the ledger knows is the fold of these; what a
//! data plane did comes in as [`Event::Settled`], whose run is the data plane's own bytes.
//! Layout: one tag byte, then JSON for what people do, and a binary form for what machines do often
//! (loans, returns, settlements).
//! Invariants: rows of accounts, keys and catalogs are opaque text here, with the few fields that
//! money depends on beside them; an event read back is the event that was written; reading never
//! panics.

mod transaction_id;

use std::fmt;

use serde::{Deserialize, Serialize};
use units::{AccountId, DataPlaneId, Epoch, GenerationId, KeyId, OfferId, UnixMillis, Usd};

use crate::bytes::{Reader, RecordFault, Sink};
use crate::purse::Purse;
use crate::run::{self, Run};

pub use transaction_id::TransactionId;

const WORDS: u8 = 1;
const LENT: u8 = 2;
const RETURNED: u8 = 3;
const SETTLED: u8 = 4;

/// Why an account was credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditKind {
    /// Money was paid in.
    TopUp,
    /// The operator gives it.
    Grant,
    /// A correction, of either sign.
    Adjustment,
    /// What an account is given when it begins.
    Signup,
}

/// One thing that happened, in the order of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// An account begins, with nothing in it.
    AccountOpened {
        /// Its id, never used before.
        account: AccountId,
        /// Its name.
        name: String,
        /// When.
        at: UnixMillis,
    },
    /// An account is renamed, disabled or enabled.
    AccountChanged {
        /// Which.
        account: AccountId,
        /// Its name from now on.
        name: String,
        /// Whether it is disabled from now on.
        disabled: bool,
        /// What else holds for it from now on, as the control plane writes it; empty for nothing.
        #[serde(default)]
        row: String,
    },
    /// A key begins.
    KeyMade {
        /// Its id, never used before.
        key: KeyId,
        /// Whose it is.
        account: AccountId,
        /// The most it may spend in a period (or ever); `None` = no limit.
        limit: Option<Usd>,
        /// Its row, as the catalog writes it.
        row: String,
    },
    /// A key is changed.
    KeyChanged {
        /// Which.
        key: KeyId,
        /// Its limit from now on.
        limit: Option<Usd>,
        /// Its row from now on.
        row: String,
    },
    /// A key ends. What it has running still settles.
    KeyDeleted {
        /// Which.
        key: KeyId,
    },
    /// A key's limit counts anew.
    KeyPeriodBegan {
        /// Which.
        key: KeyId,
        /// When.
        at: UnixMillis,
    },
    /// A customer's own provider key is made, changed or removed.
    OwnKeySet {
        /// Its id; one that was removed is not used again.
        id: String,
        /// Whose it is.
        account: AccountId,
        /// Its row, the key itself sealed; `None` = removed.
        row: Option<String>,
    },
    /// How many requests on its own provider keys each account has free in a period, from now on.
    FreeRequestsSet {
        /// So many.
        requests: u64,
        /// When.
        at: UnixMillis,
    },
    /// The free requests of every account count anew.
    FreeRequestsBegan {
        /// When.
        at: UnixMillis,
    },
    /// A catalog takes the place of the one before.
    CatalogApplied {
        /// The catalog's rows.
        rows_json: String,
        /// The number of each of its offers, in the catalog's order.
        offers: Vec<OfferId>,
        /// The offers that were never sold before, with the next numbers in order.
        new_offers: Vec<(OfferId, String)>,
    },
    /// An account's credit rises, or falls by an adjustment.
    Credited {
        /// The next transaction.
        transaction: TransactionId,
        /// Whose.
        account: AccountId,
        /// Why.
        kind: CreditKind,
        /// How much; only an adjustment may be negative.
        amount: Usd,
        /// What was paid above the amount for the way it was paid; only a top-up has a fee.
        fee: Usd,
        /// The way it was paid, empty where that was not said.
        method: String,
        /// The caller's own name for it, unique for the account for ever.
        reference: String,
        /// When what is left of it ends.
        expires_at: Option<UnixMillis>,
        /// Until when what is left of a top-up can be paid back.
        refund_until: Option<UnixMillis>,
        /// When.
        at: UnixMillis,
    },
    /// Credit has ended: all that is left of a lot, or what no request holds.
    Expired {
        /// The next transaction.
        transaction: TransactionId,
        /// The lot.
        lot: TransactionId,
        /// How much of it, above zero.
        amount: Usd,
        /// When: not before the credit's `expires_at`.
        at: UnixMillis,
    },
    /// A generation's charge, or a part of it, goes back to its account.
    Refunded {
        /// The next transaction.
        transaction: TransactionId,
        /// The generation, settled before.
        generation: GenerationId,
        /// Whose it was.
        account: AccountId,
        /// What it had cost the account.
        charge: Usd,
        /// How much goes back. All refunds of it together stay within `charge`.
        amount: Usd,
        /// The caller's own name for this refund, unique for the generation.
        reference: String,
        /// Why.
        reason: String,
        /// Whether the customer asked for it, and it counts towards what they may ask for.
        flagged: bool,
        /// When what is left of it ends.
        expires_at: Option<UnixMillis>,
        /// When.
        at: UnixMillis,
    },
    /// What is left of a top-up goes back to who paid it, without its fee.
    PaidBack {
        /// The next transaction.
        transaction: TransactionId,
        /// The top-up.
        lot: TransactionId,
        /// How much, above zero.
        amount: Usd,
        /// The caller's own name for it, unique for the account for ever.
        reference: String,
        /// Why.
        reason: String,
        /// When.
        at: UnixMillis,
    },
    /// A data plane starts.
    EpochOpened {
        /// The data plane.
        dataplane: DataPlaneId,
        /// Its epoch, above all its earlier ones.
        epoch: Epoch,
    },
    /// A data plane keeps its journals in this data directory. Two directories under one number
    /// would take each other's epochs for their own.
    DirectoryTaken {
        /// The data plane.
        dataplane: DataPlaneId,
        /// The directory's mark, which it was given when it was made.
        directory: u64,
    },
    /// An epoch is lost, or an operator says so: its leases go back, all of them, and what it may
    /// still tell of is at the operator's cost. It stays open for that until it is closed.
    EpochFenced {
        /// The data plane.
        dataplane: DataPlaneId,
        /// The epoch.
        epoch: Epoch,
    },
    /// An epoch has no open holds and will settle nothing more: its leases go back.
    EpochClosed {
        /// The data plane.
        dataplane: DataPlaneId,
        /// The epoch.
        epoch: Epoch,
    },
    /// Credit is lent.
    #[serde(skip)]
    Lent {
        /// To this data plane,
        dataplane: DataPlaneId,
        /// in this epoch.
        epoch: Epoch,
        /// Whose credit.
        purse: Purse,
        /// How much, above zero.
        amount: Usd,
    },
    /// The ledger takes back credit of an epoch that is fenced or lost. A data plane that gives
    /// credit back by itself does so with a record in a run.
    #[serde(skip)]
    Returned {
        /// From this data plane,
        dataplane: DataPlaneId,
        /// of this epoch.
        epoch: Epoch,
        /// Whose credit.
        purse: Purse,
        /// How much, above zero; never what open holds need.
        amount: Usd,
    },
    /// A data plane's records are taken into the books.
    #[serde(skip)]
    Settled {
        /// The data plane.
        dataplane: DataPlaneId,
        /// Its epoch.
        epoch: Epoch,
        /// Records that follow those settled before.
        run: Run,
    },
}

/// Why bytes are not an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventFault {
    /// The binary form is broken.
    Bytes(RecordFault),
    /// The JSON is not one of our events: what the parser said.
    Words(String),
}

impl fmt::Display for EventFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(fault) => write!(f, "not an event: {fault}"),
            Self::Words(said) => write!(f, "not an event: {said}"),
        }
    }
}

impl std::error::Error for EventFault {}

impl From<RecordFault> for EventFault {
    fn from(fault: RecordFault) -> Self {
        Self::Bytes(fault)
    }
}

impl Event {
    /// Appends the event's bytes.
    ///
    /// # Errors
    /// None that these types can cause; JSON's own error is passed on rather than hidden.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EventFault> {
        match self {
            Self::Lent { dataplane, epoch, purse, amount } => {
                write_lease(out, LENT, (*dataplane, *epoch), *purse, *amount);
            }
            Self::Returned { dataplane, epoch, purse, amount } => {
                write_lease(out, RETURNED, (*dataplane, *epoch), *purse, *amount);
            }
            Self::Settled { dataplane, epoch, run } => {
                out.byte(SETTLED);
                write_epoch(out, *dataplane, *epoch);
                run.encode(out);
            }
            words => {
                out.byte(WORDS);
                serde_json::to_writer(out, words)
                    .map_err(|error| EventFault::Words(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// Reads one event, which must be all of `bytes`.
    ///
    /// # Errors
    /// Whatever is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, EventFault> {
        let mut from = Reader::new(bytes);
        let event = match from.byte()? {
            WORDS => {
                let words = serde_json::from_slice(&bytes[1..]);
                return words.map_err(|error| EventFault::Words(error.to_string()));
            }
            LENT => {
                let (dataplane, epoch, purse, amount) = read_lease(&mut from)?;
                Self::Lent { dataplane, epoch, purse, amount }
            }
            RETURNED => {
                let (dataplane, epoch, purse, amount) = read_lease(&mut from)?;
                Self::Returned { dataplane, epoch, purse, amount }
            }
            SETTLED => {
                let (dataplane, epoch) = read_epoch(&mut from)?;
                Self::Settled { dataplane, epoch, run: run::read(&mut from)? }
            }
            tag => return Err(RecordFault::UnknownTag(tag).into()),
        };
        from.finish()?;
        Ok(event)
    }
}

fn write_epoch(out: &mut Vec<u8>, dataplane: DataPlaneId, epoch: Epoch) {
    out.put(&dataplane.0.to_le_bytes());
    out.put(&epoch.0.to_le_bytes());
}

fn read_epoch(from: &mut Reader<'_>) -> Result<(DataPlaneId, Epoch), RecordFault> {
    let dataplane = DataPlaneId(u16::from_le_bytes(from.array()?));
    Ok((dataplane, Epoch(u32::from_le_bytes(from.array()?))))
}

fn write_lease(
    out: &mut Vec<u8>,
    tag: u8,
    (dataplane, epoch): (DataPlaneId, Epoch),
    purse: Purse,
    amount: Usd,
) {
    out.byte(tag);
    write_epoch(out, dataplane, epoch);
    purse.write(out);
    out.amount(amount);
}

fn read_lease(from: &mut Reader<'_>) -> Result<(DataPlaneId, Epoch, Purse, Usd), RecordFault> {
    let (dataplane, epoch) = read_epoch(from)?;
    Ok((dataplane, epoch, Purse::read(from)?, from.amount()?))
}

#[cfg(test)]
mod tests;
