//! Ids, each a type of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseIdError;

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id of this kind")
    }
}

impl std::error::Error for ParseIdError {}

macro_rules! number_id {
    ($name:ident, $number:ty, $doc:literal) => {
        #[doc = $doc]
        #[derive(
            Clone,
            Copy,
            Debug,
            Default,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            Serialize,
            Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $number);
    };
}

number_id!(DataPlaneId, u16, "A data plane: one process line of one machine.");
number_id!(Epoch, u32, "One start of a data plane; each start takes the next.");
number_id!(
    OfferId,
    u32,
    "What was sold at which price: a numbered, immutable offer of the ledger."
);
number_id!(KeyId, u64, "An API key, by the order in which keys were made.");

/// A customer's account; `acct_` and sixteen hex digits in text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u64);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "acct_{:016x}", self.0)
    }
}

impl FromStr for AccountId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let digits = text.strip_prefix("acct_").ok_or(ParseIdError)?;
        hex_number(digits, 16).map(|number| Self(number as u64))
    }
}

/// One generation (a priced request): where its hold stands in the journals of all data planes.
///
/// Unique without coordination: a ring gives each record the next sequence number, an epoch is
/// never used twice, and a data plane's id is its own. `gen-` and 32 hex digits in text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenerationId {
    /// The data plane that served it.
    pub dataplane: DataPlaneId,
    /// The start of that data plane.
    pub epoch: Epoch,
    /// The record ring (a core) of that epoch.
    pub ring: u16,
    /// The sequence number of the hold in that ring.
    pub seq: u64,
}

impl GenerationId {
    /// The id as one number that sorts by data plane, epoch, ring and sequence.
    pub const fn number(self) -> u128 {
        (self.dataplane.0 as u128) << 112
            | (self.epoch.0 as u128) << 80
            | (self.ring as u128) << 64
            | self.seq as u128
    }

    /// The id of such a number.
    pub const fn from_number(number: u128) -> Self {
        Self {
            dataplane: DataPlaneId((number >> 112) as u16),
            epoch: Epoch((number >> 80) as u32),
            ring: (number >> 64) as u16,
            seq: number as u64,
        }
    }
}

impl fmt::Display for GenerationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gen-{:032x}", self.number())
    }
}

impl FromStr for GenerationId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let digits = text.strip_prefix("gen-").ok_or(ParseIdError)?;
        hex_number(digits, 32).map(Self::from_number)
    }
}

/// The SHA-256 of an API key: what we store and look up; 64 hex digits in text (a key's `hash`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest(pub [u8; 32]);

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyDigest {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(ParseIdError);
        }
        let mut digest = [0; 32];
        for (byte, place) in digest.iter_mut().zip((0..64).step_by(2)) {
            *byte = hex_number(&text[place..place + 2], 2)? as u8;
        }
        Ok(Self(digest))
    }
}

/// Reads exactly `width` lower-case hex digits.
fn hex_number(digits: &str, width: usize) -> Result<u128, ParseIdError> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != width || !digits.bytes().all(lower_hex) {
        return Err(ParseIdError);
    }
    u128::from_str_radix(digits, 16).map_err(|_| ParseIdError)
}

macro_rules! serde_as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(|error| de::Error::custom(format!("{text:?}: {error}")))
            }
        }
    )*};
}

serde_as_text!(AccountId, GenerationId, KeyDigest);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_show() {
        let id = GenerationId { dataplane: DataPlaneId(7), epoch: Epoch(9), ring: 3, seq: 1 << 60 };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(GenerationId::from_number(id.number()), id);
        let account = AccountId(255);
        assert_eq!(account.to_string(), "acct_00000000000000ff");
        assert_eq!(account.to_string().parse(), Ok(account));
        let digest = KeyDigest([0xab; 32]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }

    #[test]
    fn foreign_texts_are_refused() {
        for text in ["", "gen-", "gen-+0000000000000000000000000000001", "acct_1", "ACCT_"] {
            assert!(text.parse::<GenerationId>().is_err() && text.parse::<AccountId>().is_err());
        }
        assert!("é".repeat(32).parse::<KeyDigest>().is_err());
    }
}
