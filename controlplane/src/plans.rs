//! Plans: what an account may send, and what of it for nothing; and what guests may.
//!
//! A profile sets them; `plain` sets none. Pure. An account's plan limits each of its keys; a
//! customer may set lower limits, the operator any. Free
//! requests are counted for all keys of an account together, so that more keys do not help.
//! Left out on purpose: counting, which is the data plane's.

use std::collections::BTreeMap;

use catalog::keys::{FreeLimits, KeyRow};
use catalog::{KeyClass, Privacy};
use ledger::books::AccountView;
use ledger::cell::PaceLimits;
use serde::{Deserialize, Serialize};
use units::Usd;

/// What a profile lets accounts have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plans {
    /// The limits of each key of an account that is on no plan.
    pub usual: PaceLimits,
    /// Those of an account on a plan, by the plan's name.
    pub named: BTreeMap<String, PaceLimits>,
    /// Requests to models that cost nothing; any number where `None`.
    pub free: Option<FreeTerms>,
    /// What guests may use; nothing where `None`.
    pub playground: Option<Playground>,
}

/// How many requests to models that cost nothing an account may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeTerms {
    /// A minute; any number where `None`.
    pub rpm: Option<u32>,
    /// A UTC day.
    pub per_day: u32,
    /// Who has bought so much credit, USD,
    pub bought: Usd,
    /// may send so many a day instead.
    pub per_day_bought: u32,
}

/// What guests, who have no key, may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playground {
    /// The models, by their ids or those of tiers.
    pub models: Vec<String>,
    /// Requests a minute of one address prefix.
    pub rpm: u32,
    /// Requests a UTC day of one address prefix; any number where `None`.
    pub per_day: Option<u32>,
    /// What all guests together may spend in a UTC day, USD.
    pub spend_per_day: Usd,
}

/// What was set for an account, as its events carry it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AccountRow {
    /// The name of its plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<String>,
    /// Which endpoints may see the requests of its keys.
    #[serde(skip_serializing_if = "Privacy::allows_all")]
    pub(crate) privacy: Privacy,
}

/// The row of most accounts.
pub(crate) static NOTHING_SET: AccountRow = AccountRow {
    plan: None,
    privacy: Privacy { deny_collection: false, zdr: false, regions: None },
};

impl AccountRow {
    /// Reads what an account's event has; nothing was set where it has nothing.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

impl Plans {
    /// The limits of each key of an account; one on a plan that is no longer there has the usual.
    pub(crate) fn limits(&self, account: &AccountRow) -> PaceLimits {
        let plan = account.plan.as_ref().and_then(|name| self.named.get(name));
        *plan.unwrap_or(&self.usual)
    }

    /// What paces a key: its own limits within its account's plan, or above it where the operator
    /// has said so.
    pub(crate) fn limits_of(&self, row: &KeyRow, account: &AccountRow) -> PaceLimits {
        let (own, plan) = (limits(row), self.limits(account));
        if !row.is_raised {
            return own.within(&plan);
        }
        PaceLimits {
            rpm: own.rpm.or(plan.rpm),
            rpd: own.rpd.or(plan.rpd),
            tpm: own.tpm.or(plan.tpm),
            concurrency: own.concurrency.or(plan.concurrency),
        }
    }

    /// The free requests of an account that has bought so much.
    pub(crate) fn free(&self, bought: Usd) -> Option<FreeLimits> {
        self.free.map(|terms| FreeLimits {
            rpm: terms.rpm,
            rpd: if bought >= terms.bought { terms.per_day_bought } else { terms.per_day },
        })
    }

    /// A key as data planes serve by it: with all that holds for its account.
    pub(crate) fn served(&self, row: &KeyRow, own: &AccountRow, account: &AccountView) -> KeyRow {
        let mut served = row.clone();
        served.disabled |= account.disabled;
        served.privacy = row.privacy.and(&own.privacy);
        // What guests run on has the profile's own limits for each of them.
        if row.class != KeyClass::Guest {
            let limits = self.limits_of(row, own);
            (served.rpm, served.rpd) = (limits.rpm, limits.rpd);
            (served.tpm, served.concurrency) = (limits.tpm, limits.concurrency);
            served.free = self.free(bought(account));
        }
        served
    }
}

/// A key's own limits.
pub(crate) const fn limits(row: &KeyRow) -> PaceLimits {
    let KeyRow { rpm, rpd, tpm, concurrency, .. } = *row;
    PaceLimits { rpm, rpd, tpm, concurrency }
}

/// The first of a key's own limits that is above what a plan has: its name and the plan's figure.
pub(crate) fn above(own: &PaceLimits, plan: &PaceLimits) -> Option<(&'static str, u64)> {
    let wide = |limit: Option<u32>| limit.map(u64::from);
    let pairs = [
        ("rpm", wide(own.rpm), wide(plan.rpm)),
        ("rpd", wide(own.rpd), wide(plan.rpd)),
        ("tpm", own.tpm, plan.tpm),
        ("concurrency", wide(own.concurrency), wide(plan.concurrency)),
    ];
    let mut above = pairs
        .into_iter()
        .filter(|(_, own, plan)| own.zip(*plan).is_some_and(|(own, plan)| own > plan));
    above.next().and_then(|(name, _, plan)| Some((name, plan?)))
}

/// What an account has bought, less what it was paid back.
pub(crate) fn bought(account: &AccountView) -> Usd {
    account.topped_up.checked_sub(account.paid_back).unwrap_or(Usd::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans() -> Plans {
        let usual = PaceLimits { rpm: Some(60), rpd: Some(900), ..PaceLimits::default() };
        let big = PaceLimits { rpm: Some(600), tpm: Some(9), ..PaceLimits::default() };
        let ten = Usd::from_dollars(10);
        let free = FreeTerms { rpm: Some(20), per_day: 50, bought: ten, per_day_bought: 1000 };
        let named = [("big".to_owned(), big)].into();
        Plans { usual, named, free: Some(free), playground: None }
    }

    #[test]
    fn a_plan_that_is_gone_is_as_none() {
        let on = |plan: Option<&str>| AccountRow {
            plan: plan.map(str::to_owned),
            ..AccountRow::default()
        };
        assert_eq!(plans().limits(&on(None)).rpm, Some(60));
        assert_eq!(plans().limits(&on(Some("gone"))).rpm, Some(60));
        assert_eq!(plans().limits(&on(Some("big"))).rpd, None, "a plan says all of its limits");
    }

    #[test]
    fn a_key_has_the_lower_of_its_own_and_its_plan_s_limits_unless_the_operator_raised_it() {
        let account = AccountRow::default();
        let of = |rpm, is_raised| {
            let new =
                KeyRow::new(units::KeyId(1), digest(), units::AccountId(1), Default::default());
            plans().limits_of(&KeyRow { rpm, is_raised, ..new }, &account)
        };
        assert_eq!(of(None, false), plans().usual);
        assert_eq!((of(Some(5), false).rpm, of(Some(90), false).rpm), (Some(5), Some(60)));
        assert_eq!((of(Some(90), true).rpm, of(Some(90), true).rpd), (Some(90), Some(900)));
        let own = PaceLimits { rpm: Some(61), rpd: Some(900), ..PaceLimits::default() };
        assert_eq!(above(&own, &plans().usual), Some(("rpm", 60)));
        assert_eq!(above(&plans().usual, &plans().usual), None);
        assert_eq!(above(&own, &PaceLimits::default()), None, "what is not limited has room");
    }

    fn digest() -> units::KeyDigest {
        units::KeyDigest([0; 32])
    }

    #[test]
    fn whoever_has_bought_enough_has_more_for_nothing() {
        let of_day = |bought: &str| plans().free(bought.parse().unwrap()).unwrap().rpd;
        assert_eq!((of_day("0"), of_day("9.999999999999"), of_day("10")), (50, 50, 1000));
        assert_eq!(Plans::default().free(Usd::from_dollars(10)), None);
    }

    #[test]
    fn an_account_s_row_reads_back() {
        assert_eq!(AccountRow::read("").unwrap(), AccountRow::default());
        let privacy = Privacy { zdr: true, ..Privacy::default() };
        let row = AccountRow { plan: Some("big".to_owned()), privacy };
        assert_eq!(AccountRow::read(&serde_json::to_string(&row).unwrap()).unwrap(), row);
        assert!(AccountRow::read("{\"x\":1}").is_err());
    }
}
