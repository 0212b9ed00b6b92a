//! The `[credit]` table of a profile: what credit costs, how long it lasts, what of it goes back.

use std::collections::BTreeMap;

use catalog::compile::parse_multiplier;
use controlplane::{Budget, ByokTerms, Checkout, Fee, Terms};
use serde::Deserialize;
use units::Usd;

/// Days beyond which credit may as well last for ever.
const DAYS_MAX: u32 = 36_525;

/// The table as it is written; what is left out is not set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    signup: Usd,
    minimum: Usd,
    life_days: Option<u32>,
    refund_hours: u32,
    flagged_refunds: Option<RawBudget>,
    packs: Vec<Usd>,
    checkout: Option<RawCheckout>,
    fee: BTreeMap<String, RawFee>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBudget {
    amount: Usd,
    days: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheckout {
    provider: String,
    url: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFee {
    rate: Option<String>,
    #[serde(default)]
    fixed: Usd,
    #[serde(default)]
    minimum: Usd,
    #[serde(default = "yes")]
    refundable: bool,
}

/// The `[byok]` table: what requests on customers' own provider keys cost.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawByok {
    fee: Option<String>,
    free_requests: u64,
}

impl RawByok {
    /// The terms, or what is wrong with them and what would be right.
    pub(super) fn checked(&self) -> Result<ByokTerms, String> {
        let fee = rate("fee", self.fee.as_deref())?;
        if fee.0 > fee.1 {
            let written = self.fee.as_deref().unwrap_or_default();
            return Err(format!("fee: {written:?} is more than the price; write at most \"1\""));
        }
        Ok(ByokTerms { fee, free_requests: self.free_requests })
    }
}

fn yes() -> bool {
    true
}

impl Raw {
    /// The terms, or what is wrong with them and what would be right.
    pub(super) fn checked(&self) -> Result<Terms, String> {
        amount("signup", self.signup)?;
        amount("minimum", self.minimum)?;
        let life = self.life_days.map(|days| within("life_days", days)).transpose()?;
        let fees = self.fee.iter().map(|(method, fee)| Ok((method.clone(), fee.checked(method)?)));
        Ok(Terms {
            fees: fees.collect::<Result<_, String>>()?,
            signup_credit: self.signup,
            minimum_top_up: self.minimum,
            credit_life_days: life,
            refund_hours: self.refund_hours,
            flagged_refunds: self.flagged_refunds.as_ref().map(RawBudget::checked).transpose()?,
            packs: self.packs.iter().map(|pack| sellable(*pack)).collect::<Result<_, _>>()?,
            checkout: self.checkout.as_ref().map(RawCheckout::checked).transpose()?,
            ..Terms::default()
        })
    }
}

impl RawBudget {
    fn checked(&self) -> Result<Budget, String> {
        amount("flagged_refunds.amount", self.amount)?;
        Ok(Budget { amount: self.amount, days: within("flagged_refunds.days", self.days)? })
    }
}

impl RawFee {
    fn checked(&self, method: &str) -> Result<Fee, String> {
        amount(&format!("fee.{method}.fixed"), self.fixed)?;
        amount(&format!("fee.{method}.minimum"), self.minimum)?;
        let rate = rate(&format!("fee.{method}.rate"), self.rate.as_deref())?;
        let (fixed, minimum, refundable) = (self.fixed, self.minimum, self.refundable);
        Ok(Fee { rate, fixed, minimum, refundable })
    }
}

impl RawCheckout {
    fn checked(&self) -> Result<Checkout, String> {
        let Self { provider, url } = self.clone();
        if provider.is_empty() || !url.starts_with("https://") {
            return Err("checkout: name the provider and the https:// address of its page".into());
        }
        Ok(Checkout { provider, url })
    }
}

fn sellable(pack: Usd) -> Result<Usd, String> {
    let wrong = || format!("packs: nobody buys {pack} USD of credit; write more than 0");
    if pack.is_zero() || pack.is_negative() { Err(wrong()) } else { Ok(pack) }
}

/// A part of an amount, as a fraction.
fn rate(key: &str, text: Option<&str>) -> Result<(u64, u64), String> {
    match text {
        None | Some("0") => Ok((0, 1)),
        Some(text) => parse_multiplier(text).ok_or_else(|| {
            format!("{key}: {text:?} is no rate; write a part of the amount, such as \"0.055\"")
        }),
    }
}

fn amount(key: &str, amount: Usd) -> Result<(), String> {
    let wrong = || format!("{key}: {amount} USD is below zero; write 0 or more");
    if amount.is_negative() { Err(wrong()) } else { Ok(()) }
}

fn within(key: &str, days: u32) -> Result<u32, String> {
    let wrong = || format!("{key}: {days} is no number of days; write 1 to {DAYS_MAX}");
    if (1..=DAYS_MAX).contains(&days) { Ok(days) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Terms, String> {
        toml::from_str::<Raw>(text).map_err(|fault| fault.to_string())?.checked()
    }

    #[test]
    fn terms_are_read_exactly() {
        let terms = read(
            "signup = \"5\"\nminimum = \"5\"\nlife_days = 365\nrefund_hours = 24\n\
             flagged_refunds = { amount = \"2\", days = 30 }\npacks = [\"5\", \"20\"]\n\
             checkout = { provider = \"p\", url = \"https://pay.test\" }\n\
             [fee.card]\nrate = \"0.055\"\nminimum = \"0.80\"\n\
             [fee.crypto]\nrate = \"0.05\"\nrefundable = false\n",
        );
        let terms = terms.unwrap();
        let (card, crypto) = (terms.fees["card"], terms.fees["crypto"]);
        assert_eq!(card.of(Usd::from_dollars(100)).unwrap().to_string(), "5.5");
        assert_eq!(card.of(Usd::from_dollars(1)).unwrap().to_string(), "0.8");
        assert!(card.refundable && !crypto.refundable);
        assert_eq!(terms.packs, [5, 20].map(Usd::from_dollars));
        assert_eq!(terms.checkout.unwrap().provider, "p");
        assert_eq!((terms.credit_life_days, terms.refund_hours), (Some(365), 24));
        assert_eq!(read("").unwrap(), Terms::default());
    }

    #[test]
    fn the_fee_of_own_keys_is_a_part_of_the_price() {
        let read = |text: &str| toml::from_str::<RawByok>(text).unwrap().checked();
        let terms = read("fee = \"0.05\"\nfree_requests = 1000000").unwrap();
        assert_eq!((terms.fee.0 * 20, terms.free_requests), (terms.fee.1, 1_000_000));
        assert_eq!(read("").unwrap(), ByokTerms::default());
        assert!(read("fee = \"1.5\"").is_err() && read("fee = \"5%\"").is_err());
    }

    #[test]
    fn terms_that_cannot_be_meant_are_refused() {
        for text in [
            "signup = \"-1\"",
            "minimum = 0.5",
            "life_days = 0",
            "fee.card.rate = \"5.5%\"",
            "fee.card.fixed = \"-0.35\"",
            "flagged_refunds = { amount = \"1\", days = 0 }",
            "sign_up = \"5\"",
            "packs = [\"0\"]",
            "checkout = { provider = \"p\", url = \"http://pay.test\" }",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
