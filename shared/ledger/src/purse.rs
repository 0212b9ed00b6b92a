//! What can be lent to a data plane.
//!
//! Purpose: one name for an account's credit and a limited key's allowance, as both are lent,
//! returned and settled by the same rules.
//! Invariants: an account's purse holds money; a key's purse holds permission to spend its
//! account's money, so a charge on a limited key is settled on both.

use std::fmt;

use serde::{Deserialize, Serialize};
use units::{AccountId, KeyId};

use crate::bytes::{Reader, RecordFault, Sink};

/// Something that can be lent: counted in picodollars either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purse {
    /// The credit of an account.
    Account(AccountId),
    /// What a key with a spend limit may still spend.
    Key(KeyId),
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
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, RecordFault> {
        match from.byte()? {
            0 => Ok(Self::Account(AccountId(u64::from_le_bytes(from.array()?)))),
            1 => Ok(Self::Key(KeyId(from.varint()?))),
            _ => Err(RecordFault::BadValue("purse")),
        }
    }
}

impl fmt::Display for Purse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => account.fmt(f),
            Self::Key(key) => write!(f, "key {}", key.0),
        }
    }
}
