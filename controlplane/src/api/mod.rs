//! The account API: what a customer's key may ask about its own account.
//!
//! Thin: extract, call the ledger, reply. The shapes are those of the services that customers
//! come from; amounts are JSON numbers written from their exact digits, with the text beside them
//! where a client may lose digits. Invariant: nothing of another account is ever shown; a hash or
//! id of another account is as unknown as one that never was.

pub(crate) mod billing;
pub(crate) mod byok;
pub(crate) mod export;
pub(crate) mod generation;
pub(crate) mod invoices;
pub(crate) mod keys;
pub(crate) mod money;
pub(crate) mod privacy;
pub(crate) mod usage;

use serde::{Serialize, Serializer, ser};
use serde_json::value::RawValue;
use units::Usd;

/// An amount as a JSON number, written from its digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub(crate) Usd);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl From<Usd> for Number {
    fn from(amount: Usd) -> Self {
        Self(amount)
    }
}

/// `{"data": …}`, the envelope of OpenRouter's answers.
#[derive(Serialize)]
pub(crate) struct Wrapped<T> {
    pub(crate) data: T,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit() {
        let amount: Usd = "12345678901234.000000000001".parse().unwrap();
        assert_eq!(serde_json::to_string(&Number(amount)).unwrap(), amount.to_string());
        assert_eq!(serde_json::to_string(&Number(-Usd::from_pico(5))).unwrap(), "-0.000000000005");
    }
}
