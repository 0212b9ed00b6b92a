//! Why an event cannot be true, and whose fault that is.

use std::fmt;

use units::{AccountId, DataPlaneId, Epoch, GenerationId, KeyId, OfferId, Usd};

use crate::bytes::RecordFault;
use crate::event::TransactionId;
use crate::purse::Purse;

/// A promise of the books that an event would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// A hold ends once, and only after it began.
    HoldEndsOnce,
    /// An end names the account, key and amount of its hold.
    EndMatchesHold,
    /// A charge is within its hold; an excess is there only if the hold was used up.
    ChargeWithinHold,
    /// What an epoch settled and returned is within what it was lent.
    SettledWithinLease,
    /// An epoch uses only grants that the ledger made.
    GrantsWereLent,
    /// The refunds of a generation are within its charge.
    RefundsWithinCharge,
    /// The lots of an account have left what it is charged.
    LotsCoverCharges,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HoldEndsOnce => "a hold ends once",
            Self::EndMatchesHold => "an end names its hold's account, key and amount",
            Self::ChargeWithinHold => "a charge is within its hold",
            Self::SettledWithinLease => "settled and returned credit is within its lease",
            Self::GrantsWereLent => "a grant was lent by the ledger",
            Self::RefundsWithinCharge => "the refunds of a generation are within its charge",
            Self::LotsCoverCharges => "the lots of an account cover its charges",
        })
    }
}

/// Whose fault a refused event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The caller asked for what cannot be: tell them.
    Caller,
    /// A data plane sent what cannot be, or sent it too early: it must stop or send again.
    DataPlane,
    /// The ledger itself wrote a wrong event: stop and call a person.
    Ledger,
}

/// Why an event was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BooksError {
    /// No such account.
    UnknownAccount(AccountId),
    /// No such key, or not that account's.
    UnknownKey(KeyId),
    /// No such offer.
    UnknownOffer(OfferId),
    /// No such credit to expire, or it may not expire (yet).
    UnknownLot(TransactionId),
    /// No credit that can be paid back, or no longer.
    NotPayable(TransactionId),
    /// No such generation was settled.
    UnknownGeneration(GenerationId),
    /// The epoch was never opened, or was closed.
    UnknownEpoch(DataPlaneId, Epoch),
    /// What begins there is there already: what it is.
    Exists(&'static str),
    /// A number that should be the next of its kind is not.
    OutOfOrder {
        /// Of what kind.
        what: &'static str,
        /// The next number.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// The reference names an earlier transaction of another amount or kind.
    ReferenceTaken {
        /// The earlier transaction.
        transaction: TransactionId,
        /// Its amount.
        amount: Usd,
    },
    /// An amount that its event cannot have.
    BadAmount(Usd),
    /// A purse has too little that is not lent. Recalling leases may help.
    NotEnough {
        /// Which.
        purse: Purse,
        /// What it has.
        unlent: Usd,
        /// What was wanted.
        wanted: Usd,
    },
    /// The epoch's leases were taken back: it is lent nothing more.
    Fenced(DataPlaneId, Epoch),
    /// The data plane's number is that of another data directory, whose epochs are not all settled.
    OtherDirectory(DataPlaneId),
    /// A key without a limit has no purse to lend from.
    NoLimit(KeyId),
    /// Credit of a purse is used that was never lent to this epoch.
    NoLease(Purse),
    /// The epoch still has this many open holds.
    OpenHolds(u64),
    /// A run does not start right after what was settled of its ring.
    Gap {
        /// The ring.
        ring: u16,
        /// The sequence number it should start with.
        expected: u64,
        /// The one it starts with.
        found: u64,
    },
    /// A record does not read.
    Record {
        /// Its sequence number.
        seq: u64,
        /// What is wrong with it.
        fault: RecordFault,
    },
    /// The event would break a promise.
    Broken {
        /// Which.
        promise: Promise,
        /// Where: the generation, or the purse.
        place: String,
        /// The side that may not be more than, or must equal, the other.
        left: Usd,
        /// The other side.
        right: Usd,
    },
    /// A sum is beyond what can be counted.
    Overflow,
}

impl BooksError {
    /// Whose fault it is.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::UnknownAccount(_)
            | Self::UnknownKey(_)
            | Self::UnknownGeneration(_)
            | Self::NotPayable(_)
            | Self::ReferenceTaken { .. }
            | Self::BadAmount(_)
            | Self::NotEnough { .. }
            | Self::Broken { promise: Promise::RefundsWithinCharge, .. }
            | Self::Overflow => Blame::Caller,
            Self::UnknownEpoch(..)
            | Self::Fenced(..)
            | Self::OtherDirectory(_)
            | Self::UnknownOffer(_)
            | Self::NoLease(_)
            | Self::OpenHolds(_)
            | Self::Gap { .. }
            | Self::Record { .. }
            | Self::Broken { .. } => Blame::DataPlane,
            Self::Exists(_) | Self::OutOfOrder { .. } | Self::UnknownLot(_) | Self::NoLimit(_) => {
                Blame::Ledger
            }
        }
    }
}

impl fmt::Display for BooksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAccount(account) => write!(f, "no account {account}"),
            Self::UnknownKey(key) => write!(f, "no such key {} of that account", key.0),
            Self::UnknownOffer(offer) => write!(f, "no offer {}", offer.0),
            Self::UnknownLot(lot) => write!(f, "no credit {lot} that may expire"),
            Self::NotPayable(lot) => {
                write!(f, "{lot} is no top-up that can be paid back, or no longer")
            }
            Self::UnknownGeneration(generation) => write!(f, "no settled generation {generation}"),
            Self::UnknownEpoch(dataplane, epoch) => {
                write!(f, "no open epoch {} of data plane {}", epoch.0, dataplane.0)
            }
            Self::Fenced(dataplane, epoch) => {
                write!(f, "epoch {} of data plane {} is fenced", epoch.0, dataplane.0)
            }
            Self::OtherDirectory(dataplane) => write!(
                f,
                "data plane {} is another data directory, with records that are not all settled; \
                 give this one another [dataplane] id, or fence the other if it is lost",
                dataplane.0
            ),
            Self::Exists(what) => write!(f, "there is such a {what} already"),
            Self::OutOfOrder { what, expected, found } => {
                write!(f, "the next {what} is {expected}, not {found}")
            }
            Self::ReferenceTaken { transaction, amount } => {
                write!(f, "the reference is taken by {transaction} over {amount}")
            }
            Self::BadAmount(amount) => write!(f, "an amount of {amount} is not possible here"),
            Self::NotEnough { purse, unlent, wanted } => {
                write!(f, "{purse} has {unlent} that is not lent, less than {wanted}")
            }
            Self::NoLimit(key) => write!(f, "key {} has no limit to lend from", key.0),
            Self::NoLease(purse) => write!(f, "nothing of {purse} was lent to the epoch"),
            Self::OpenHolds(count) => write!(f, "the epoch has {count} open holds"),
            Self::Gap { ring, expected, found } => {
                write!(f, "ring {ring} is settled up to {expected}, the run starts at {found}")
            }
            Self::Record { seq, fault } => write!(f, "record {seq}: {fault}"),
            Self::Broken { promise, place, left, right } => {
                write!(f, "broken promise: {promise} ({place}: {left} against {right})")
            }
            Self::Overflow => f.write_str("a sum is beyond what can be counted"),
        }
    }
}

impl std::error::Error for BooksError {}
