//! The tables `[limits]`, `[plan.NAME]`, `[free]` and `[playground]` of a profile: what accounts
//! and guests may send.

use std::collections::BTreeMap;

use controlplane::{FreeTerms, PaceLimits, Plans, Playground, TPM_MAX};
use serde::Deserialize;
use units::Usd;

/// Limits of each key of an account; what is left out is not limited.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawLimits {
    rpm: Option<u32>,
    tpm: Option<u64>,
    rpd: Option<u32>,
    concurrency: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFree {
    rpm: Option<u32>,
    per_day: u32,
    #[serde(default)]
    bought: Usd,
    per_day_bought: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlayground {
    models: Vec<String>,
    #[serde(default = "two")]
    rpm: u32,
    per_day: Option<u32>,
    spend_per_day: Usd,
}

fn two() -> u32 {
    2
}

/// What a profile says in these tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Raw {
    pub(super) limits: RawLimits,
    pub(super) plan: BTreeMap<String, RawLimits>,
    pub(super) free: Option<RawFree>,
    pub(super) playground: Option<RawPlayground>,
}

impl Raw {
    /// The plans, or what is wrong with them and what would be right.
    pub(super) fn checked(self) -> Result<Plans, String> {
        let named = self.plan.into_iter().map(|(name, limits)| {
            let checked = limits.checked(&format!("[plan.{name}]"))?;
            Ok((name, checked))
        });
        Ok(Plans {
            usual: self.limits.checked("[limits]")?,
            named: named.collect::<Result<_, String>>()?,
            free: self.free.map(RawFree::checked).transpose()?,
            playground: self.playground.map(RawPlayground::checked).transpose()?,
        })
    }
}

impl RawLimits {
    fn checked(self, table: &str) -> Result<PaceLimits, String> {
        let Self { rpm, tpm, rpd, concurrency } = self;
        let counts = [("rpm", rpm), ("rpd", rpd), ("concurrency", concurrency)];
        let zero = counts.into_iter().find(|(_, count)| *count == Some(0)).map(|(name, _)| name);
        if let Some(name) = zero.or((tpm == Some(0)).then_some("tpm")) {
            return Err(format!("{table} {name}: 0 lets nothing pass; leave it out for no limit"));
        }
        if tpm.is_some_and(|tpm| tpm > TPM_MAX) {
            return Err(format!("{table} tpm: at most {TPM_MAX}; leave it out for no limit"));
        }
        Ok(PaceLimits { rpm, rpd, tpm, concurrency })
    }
}

impl RawFree {
    fn checked(self) -> Result<FreeTerms, String> {
        let Self { rpm, per_day, bought, per_day_bought } = self;
        if bought.is_negative() || (per_day_bought.is_some() && bought.is_zero()) {
            let remedy = "write the USD that must have been bought, such as \"10\"";
            return Err(format!("[free] bought: {bought} earns nobody anything; {remedy}"));
        }
        let per_day_bought = per_day_bought.unwrap_or(per_day);
        if per_day_bought < per_day {
            let remedy = "write the same number or a higher one";
            return Err(format!("[free] per_day_bought: less than per_day; {remedy}"));
        }
        Ok(FreeTerms { rpm, per_day, bought, per_day_bought })
    }
}

impl RawPlayground {
    fn checked(self) -> Result<Playground, String> {
        let Self { models, rpm, per_day, spend_per_day } = self;
        if models.is_empty() {
            return Err("[playground] models: name at least one, or leave the table out".to_owned());
        }
        if rpm == 0 || per_day == Some(0) {
            return Err("[playground] rpm and per_day: at least 1; leave the table out to close \
                        the playground"
                .to_owned());
        }
        if spend_per_day.is_negative() {
            return Err(format!("[playground] spend_per_day: {spend_per_day} is below zero"));
        }
        Ok(Playground { models, rpm, per_day, spend_per_day })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(text: &str) -> Result<PaceLimits, String> {
        toml::from_str::<RawLimits>(text).map_err(|fault| fault.to_string())?.checked("[limits]")
    }

    fn free(text: &str) -> Result<FreeTerms, String> {
        toml::from_str::<RawFree>(text).map_err(|fault| fault.to_string())?.checked()
    }

    fn playground(text: &str) -> Result<Playground, String> {
        toml::from_str::<RawPlayground>(text).map_err(|fault| fault.to_string())?.checked()
    }

    #[test]
    fn what_a_profile_says_is_what_accounts_have() {
        let read = limits("rpm = 60\ntpm = 100000\nconcurrency = 8").unwrap();
        let all = PaceLimits { rpm: Some(60), tpm: Some(100_000), rpd: None, concurrency: Some(8) };
        assert_eq!((read, limits("").unwrap()), (all, PaceLimits::default()));
        let read = free("rpm = 20\nper_day = 50\nbought = \"10\"\nper_day_bought = 1000").unwrap();
        assert_eq!((read.rpm, read.per_day, read.per_day_bought), (Some(20), 50, 1000));
        assert_eq!((read.bought, free("per_day = 9").unwrap().per_day_bought), {
            (Usd::from_dollars(10), 9)
        });
        let read = playground("models = [\"a/b\"]\nspend_per_day = \"0.5\"").unwrap();
        assert_eq!((read.rpm, read.per_day, read.spend_per_day.to_string()), {
            (2, None, "0.5".to_owned())
        });
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in ["rpm = 0", "tpm = 9999999999", "rpm = -1", "rps = 5"] {
            assert!(limits(text).is_err(), "{text}");
        }
        for text in ["", "per_day = 9\nper_day_bought = 5\nbought = \"1\"", "per_day = 9\nx = 1"] {
            assert!(free(text).is_err(), "{text}");
        }
        assert!(free("per_day = 9\nper_day_bought = 10").is_err(), "bought by nobody");
        for text in ["models = []", "models = [\"a\"]", "models = [\"a\"]\nrpm = 0"] {
            assert!(playground(&format!("{text}\nspend_per_day = \"-1\"")).is_err(), "{text}");
        }
    }
}
