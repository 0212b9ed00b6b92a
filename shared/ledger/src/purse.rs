//! What can be lent to a data plane.
//!
//! Purpose: one name for an account's credit, a limited key's allowance and an account's free
//! requests, as all are lent, returned and settled by the same rules.
//! Invariants: an account's purse holds money; a key's purse holds permission to spend its
//! account's money, so a charge on a limited key is settled on both. Free requests are no money:
//! each counts as [`FREE_REQUEST`].

use std::fmt;

use serde::{Deserialize, Serialize};
use units::{AccountId, KeyId, Usd};

use crate::bytes::{Reader, RecordFault, Sink};

/// What one free request counts in its purse.
pub const FREE_REQUEST: Usd = Usd::from_pico(1);

/// Something that can be lent: counted in picodollars, whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purse {
    /// The credit of an account.
    Account(AccountId),
    /// What a key with a spend limit may still spend.
    Key(KeyId),
    /// The requests on its own provider keys that an account has free this month.
    FreeRequests(AccountId),
}

/// What a request takes: money of its account, as much of its key's allowance where that is
/// limited, and a free request of its account if it got one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Who pays.
    pub account: AccountId,
    /// The key that asked, where it has a spend limit.
    pub key: Option<KeyId>,
    /// Whether it took a free request.
    pub free_request: bool,
}

impl Drawn {
    /// Each purse with what is taken of it, given the money and the free requests.
    pub fn of_each(self, money: Usd, free: Usd) -> impl Iterator<Item = (Purse, Usd)> {
        let key = self.key.map(|key| (Purse::Key(key), money));
        let free = self.free_request.then_some((Purse::FreeRequests(self.account), free));
        [Some((Purse::Account(self.account), money)), key, free].into_iter().flatten()
    }
}

impl Purse {
    pub(crate) fn write(self, out: &mut impl Sink) {
        match self {
            Self::Account(account) => {
                out.byte(0);
                out.put(&account.0.to_le_bytes());
            }
            Self::Key(key) => {
                out.byte(1);
                out.varint(key.0);
            }
            Self::FreeRequests(account) => {
                out.byte(2);
                out.put(&account.0.to_le_bytes());
            }
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, RecordFault> {
        match from.byte()? {
            0 => Ok(Self::Account(AccountId(u64::from_le_bytes(from.array()?)))),
            1 => Ok(Self::Key(KeyId(from.varint()?))),
            2 => Ok(Self::FreeRequests(AccountId(u64::from_le_bytes(from.array()?)))),
            _ => Err(RecordFault::BadValue("purse")),
        }
    }
}

impl fmt::Display for Purse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => account.fmt(f),
            Self::Key(key) => write!(f, "key {}", key.0),
            Self::FreeRequests(account) => write!(f, "free requests of {account}"),
        }
    }
}
