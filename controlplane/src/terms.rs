//! The terms of credit: fees by payment method, minimum, signup credit, life, what goes back, and
//! what customers pay for requests on provider keys of their own.
//!
//! A profile sets them; `plain` sets none. Pure: amounts in, amounts out. Invariants: a fee is
//! rounded up once, to the picodollar; terms are those of the moment of a purchase, and stand in
//! its event, so that a profile that changes later changes nothing that was sold.
//! Left out on purpose: taking the money, which the operator's payment provider does.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use units::{UnixMillis, Usd};

use crate::refuse::Refusal;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What a profile says about credit. Amounts are USD.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// What is paid on top of a top-up, by payment method; empty where no method has a fee.
    pub fees: BTreeMap<String, Fee>,
    /// What an account is given when it begins.
    pub signup_credit: Usd,
    /// The least that the first top-up may be; later ones may be any amount.
    pub minimum_top_up: Usd,
    /// How long credit lasts; `None` = for ever.
    pub credit_life_days: Option<u32>,
    /// How long what is unspent of a top-up can be paid back; 0 = never.
    pub refund_hours: u32,
    /// What customers may give back to themselves; `None` = nothing.
    pub flagged_refunds: Option<Budget>,
    /// The amounts that credit is offered in; others may be bought all the same.
    pub packs: Vec<Usd>,
    /// Where credit is bought; `None` = from the operator.
    pub checkout: Option<Checkout>,
    /// What requests on customers' own provider keys cost.
    pub byok: ByokTerms,
}

/// Where credit is bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checkout {
    /// Who takes the money.
    pub provider: String,
    /// The page to go to.
    pub url: String,
}

/// What a request on a customer's own provider key costs here. The provider's bill is between the
/// two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ByokTerms {
    /// A part of what it would have cost, as numerator and denominator; a decimal in JSON.
    #[serde(serialize_with = "as_decimal")]
    pub fee: (u64, u64),
    /// How many an account has in a month before it pays that.
    pub free_requests: u64,
}

impl Default for ByokTerms {
    fn default() -> Self {
        Self { fee: (0, 1), free_requests: 0 }
    }
}

/// The fee of a payment method, on top of the credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fee {
    /// A part of the credit, as numerator and denominator; a decimal in JSON.
    #[serde(serialize_with = "as_decimal")]
    pub rate: (u64, u64),
    /// Added to that part.
    pub fixed: Usd,
    /// The least that the fee is.
    pub minimum: Usd,
    /// Whether what was paid this way can be paid back.
    pub refundable: bool,
}

/// An amount for a number of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// How much.
    pub amount: Usd,
    /// In how many days, up to now.
    pub days: u32,
}

/// What a top-up is sold on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sale {
    pub(crate) fee: Usd,
    pub(crate) refund_until: Option<UnixMillis>,
}

/// A part as a decimal text, with as many digits as an amount has.
fn as_decimal<S: Serializer>(part: &(u64, u64), to: S) -> Result<S::Ok, S::Error> {
    let decimal = Usd::from_dollars(1).mul_ratio_up(part.0, part.1);
    to.collect_str(&decimal.unwrap_or_default())
}

impl Fee {
    /// The fee of a credit, rounded up; `None` beyond what can be counted.
    pub fn of(&self, credit: Usd) -> Option<Usd> {
        let (numerator, denominator) = self.rate;
        let part = credit.mul_ratio_up(numerator, denominator)?;
        Some(part.checked_add(self.fixed)?.max(self.minimum))
    }
}

impl Budget {
    /// Since when it counts.
    pub(crate) fn since(&self, now: UnixMillis) -> UnixMillis {
        UnixMillis(now.since(UnixMillis(u64::from(self.days) * DAY_MS)))
    }
}

impl Terms {
    /// What a top-up costs beside its amount. Only one that says how it is paid has a fee and a
    /// minimum.
    pub(crate) fn sale(
        &self,
        amount: Usd,
        method: Option<&str>,
        is_first: bool,
        now: UnixMillis,
    ) -> Result<Sale, Refusal> {
        let ends = u64::from(self.refund_hours) * HOUR_MS;
        let refund_until = (ends > 0).then(|| now.plus_ms(ends));
        let Some(method) = method else { return Ok(Sale { fee: Usd::ZERO, refund_until }) };
        if is_first && amount < self.minimum_top_up {
            let message = format!("the first top-up is at least {} USD", self.minimum_top_up);
            return Err(Refusal::invalid("amount", message));
        }
        if self.fees.is_empty() {
            return Ok(Sale { fee: Usd::ZERO, refund_until });
        }
        let Some(fee) = self.fees.get(method) else {
            let known: Vec<&str> = self.fees.keys().map(String::as_str).collect();
            let message = format!("method {method:?} is not one of {}", known.join(", "));
            return Err(Refusal::invalid("method", message));
        };
        let too_much = || Refusal::invalid("amount", "amount is beyond what can be counted");
        let refund_until = refund_until.filter(|_| fee.refundable);
        Ok(Sale { fee: fee.of(amount).ok_or_else(too_much)?, refund_until })
    }

    /// When credit that is given now ends.
    pub(crate) fn end(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.credit_life_days.map(|days| now.plus_ms(u64::from(days) * DAY_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    fn terms() -> Terms {
        let card =
            Fee { rate: (55, 1000), fixed: Usd::ZERO, minimum: usd("0.80"), refundable: true };
        let crypto = Fee { rate: (5, 100), minimum: Usd::ZERO, refundable: false, ..card };
        Terms {
            fees: [("card".to_owned(), card), ("crypto".to_owned(), crypto)].into(),
            minimum_top_up: usd("5"),
            refund_hours: 24,
            ..Terms::default()
        }
    }

    #[test]
    fn a_fee_is_a_part_or_the_minimum_and_rounds_up_once() {
        let fee = |amount: &str, method| {
            terms().sale(usd(amount), Some(method), false, UnixMillis(0)).unwrap().fee.to_string()
        };
        assert_eq!((fee("100", "card"), fee("10", "card")), ("5.5".into(), "0.8".into()));
        assert_eq!(fee("0.000000000001", "crypto"), "0.000000000001");
        assert_eq!(fee("33.333333333333", "crypto"), "1.666666666667");
        let both = Fee { rate: (1, 10), fixed: usd("0.35"), ..terms().fees["card"] };
        assert_eq!(both.of(usd("10")), Some(usd("1.35")));
    }

    #[test]
    fn terms_are_shown_as_they_are_written() {
        let shown = serde_json::to_value(terms()).unwrap();
        assert_eq!(shown["fees"]["card"]["rate"], "0.055");
        assert_eq!((&shown["minimum_top_up"], &shown["signup_credit"]), (&"5".into(), &"0".into()));
    }

    #[test]
    fn only_the_first_paid_top_up_has_a_minimum() {
        let sale = |method, is_first| terms().sale(usd("4.99"), method, is_first, UnixMillis(0));
        assert!(sale(Some("card"), true).is_err() && sale(Some("cash"), false).is_err());
        assert!(sale(Some("card"), false).is_ok());
        assert_eq!(sale(None, true).unwrap().fee, Usd::ZERO);
        assert!(Terms::default().sale(usd("1"), Some("any"), true, UnixMillis(0)).is_ok());
    }

    #[test]
    fn what_cannot_be_paid_back_has_no_time_for_it() {
        let until = |method| terms().sale(usd("9"), method, true, UnixMillis(7)).unwrap();
        assert_eq!(until(Some("card")).refund_until, Some(UnixMillis(86_400_007)));
        assert_eq!(until(Some("crypto")).refund_until, None);
        let none = Terms::default().sale(usd("9"), None, true, UnixMillis(7)).unwrap();
        assert_eq!(none, Sale::default());
    }
}
