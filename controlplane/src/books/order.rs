//! What a write asks for, as the API's bodies and queries give it.
//!
//! These are the bodies of contract calls in their own names; unknown fields are errors. Checks
//! that need the books (does the account exist, is the model known) are made by the ledger thread.

use catalog::Privacy;
use serde::Deserialize;

use crate::receive::{Amount, Change, Instant};
use crate::refuse::Refusal;

/// What is sent to whom, of an account or a key: left out keeps, `null` clears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacyChange {
    /// Whether providers may keep or train on what they are sent.
    pub data_collection: Change<Collection>,
    /// Whether providers must promise zero data retention.
    pub zdr: Change<bool>,
    /// The only regions.
    pub allowed_regions: Change<Vec<String>>,
}

/// Whether providers may keep or train on what they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// They may.
    Allow,
    /// They may not.
    Deny,
}

impl PrivacyChange {
    /// What stands after the change.
    pub(crate) fn over(self, old: &Privacy) -> Privacy {
        let was = |is_set: bool| is_set.then_some(true);
        let denies = self.data_collection.map(|word| word == Collection::Deny);
        Privacy {
            deny_collection: denies.over(was(old.deny_collection)).unwrap_or_default(),
            zdr: self.zdr.over(was(old.zdr)).unwrap_or_default(),
            regions: self.allowed_regions.over(old.regions.clone()),
        }
    }
}

/// `{name?, disabled?, plan?, data_collection?, zdr?, allowed_regions?}` of an account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// The new name.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether its keys are refused.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// The plan of the profile that limits its keys.
    #[serde(default)]
    pub plan: Change<String>,
    /// Whether providers may keep or train on what its keys send.
    #[serde(default)]
    pub data_collection: Change<Collection>,
    /// Whether they must promise zero data retention.
    #[serde(default)]
    pub zdr: Change<bool>,
    /// The only regions.
    #[serde(default)]
    pub allowed_regions: Change<Vec<String>>,
}

impl From<PrivacyChange> for AccountChange {
    fn from(change: PrivacyChange) -> Self {
        let PrivacyChange { data_collection, zdr, allowed_regions } = change;
        Self { data_collection, zdr, allowed_regions, ..Self::default() }
    }
}

impl AccountChange {
    /// What of it is about privacy.
    pub(crate) fn privacy(&mut self) -> PrivacyChange {
        PrivacyChange {
            data_collection: std::mem::take(&mut self.data_collection),
            zdr: std::mem::take(&mut self.zdr),
            allowed_regions: std::mem::take(&mut self.allowed_regions),
        }
    }
}

/// `{name, signup?}` of an account that is opened.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountOrder {
    /// What the operator calls it.
    pub name: String,
    /// Whether it gets the profile's signup credit.
    #[serde(default)]
    pub signup: bool,
}

/// `{reason, reference?}`: what is left of a top-up goes back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayBackOrder {
    /// Why.
    pub reason: String,
    /// The caller's own name of it, which makes it happen once; one of the top-up where absent.
    #[serde(default)]
    pub reference: Option<String>,
}

/// Why credit is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditReason {
    /// The customer paid.
    TopUp,
    /// A present.
    Grant,
    /// A correction, of either sign.
    Adjustment,
}

/// `{amount, kind, reference, expires_at?, method?, signup?}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditOrder {
    /// How much; negative for an adjustment only.
    pub(crate) amount: Amount,
    /// Why.
    pub kind: CreditReason,
    /// The caller's own name of this credit, which makes it happen once.
    pub reference: String,
    /// When what is left of it lapses.
    #[serde(default)]
    pub(crate) expires_at: Option<Instant>,
    /// The way it was paid: its fee, and the minimum of a first top-up, apply.
    #[serde(default)]
    pub method: Option<String>,
    /// Whether the account also gets the profile's signup credit, if it has not.
    #[serde(default)]
    pub signup: bool,
}

impl CreditOrder {
    /// An order made in code.
    pub fn new(amount: units::Usd, kind: CreditReason, reference: impl Into<String>) -> Self {
        let amount = Amount(amount);
        let reference = reference.into();
        Self { amount, kind, reference, expires_at: None, method: None, signup: false }
    }
}

/// `live` or `management`; `regular` is the word of one family of clients for `live`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassOrder {
    /// Spends.
    #[default]
    #[serde(alias = "regular")]
    Live,
    /// Manages keys and asks about the account.
    Management,
}

/// When a key's spending limit starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetOrder {
    /// Midnight UTC.
    Daily,
    /// Monday, midnight UTC.
    Weekly,
    /// The first of a month, midnight UTC.
    Monthly,
}

/// The body that makes a key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyOrder {
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    #[serde(default, alias = "key_type")]
    pub class: ClassOrder,
    /// The most it may spend, in all or per period.
    #[serde(default)]
    pub(crate) limit: Option<Amount>,
    /// When the limit starts anew.
    #[serde(default)]
    pub limit_reset: Option<ResetOrder>,
    /// Requests a minute.
    #[serde(default)]
    pub rpm: Option<u32>,
    /// Tokens a minute.
    #[serde(default)]
    pub tpm: Option<u64>,
    /// Requests a UTC day.
    #[serde(default)]
    pub rpd: Option<u32>,
    /// Requests at once.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// When it stops working.
    #[serde(default)]
    pub(crate) expires_at: Option<Instant>,
    /// The only models it may use.
    #[serde(default)]
    pub allowed_models: Option<Vec<String>>,
    /// The only providers it may use.
    #[serde(default)]
    pub allowed_providers: Option<Vec<String>>,
    /// Whether providers may keep or train on what it sends.
    #[serde(default)]
    pub data_collection: Change<Collection>,
    /// Whether they must promise zero data retention.
    #[serde(default)]
    pub zdr: Change<bool>,
    /// The only regions.
    #[serde(default)]
    pub allowed_regions: Change<Vec<String>>,
}

impl KeyOrder {
    /// A live key without limits.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// What of it is about privacy.
    pub(crate) fn privacy(&mut self) -> PrivacyChange {
        PrivacyChange {
            data_collection: std::mem::take(&mut self.data_collection),
            zdr: std::mem::take(&mut self.zdr),
            allowed_regions: std::mem::take(&mut self.allowed_regions),
        }
    }
}

/// The body that changes a key: left out keeps, `null` clears.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPatch {
    /// The new name.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it is refused.
    #[serde(default)]
    pub disabled: Option<bool>,
    #[serde(default)]
    pub(crate) limit: Change<Amount>,
    /// When the limit starts anew.
    #[serde(default)]
    pub limit_reset: Change<ResetOrder>,
    /// Requests a minute.
    #[serde(default)]
    pub rpm: Change<u32>,
    /// Tokens a minute.
    #[serde(default)]
    pub tpm: Change<u64>,
    /// Requests a UTC day.
    #[serde(default)]
    pub rpd: Change<u32>,
    /// Requests at once.
    #[serde(default)]
    pub concurrency: Change<u32>,
    #[serde(default)]
    pub(crate) expires_at: Change<Instant>,
    /// The only models it may use.
    #[serde(default)]
    pub allowed_models: Change<Vec<String>>,
    /// The only providers it may use.
    #[serde(default)]
    pub allowed_providers: Change<Vec<String>>,
    /// Whether providers may keep or train on what it sends.
    #[serde(default)]
    pub data_collection: Change<Collection>,
    /// Whether they must promise zero data retention.
    #[serde(default)]
    pub zdr: Change<bool>,
    /// The only regions.
    #[serde(default)]
    pub allowed_regions: Change<Vec<String>>,
}

impl KeyPatch {
    /// What of it is about privacy.
    pub(crate) fn privacy(&mut self) -> PrivacyChange {
        PrivacyChange {
            data_collection: std::mem::take(&mut self.data_collection),
            zdr: std::mem::take(&mut self.zdr),
            allowed_regions: std::mem::take(&mut self.allowed_regions),
        }
    }
}

/// Which part of a list: `?cursor=&limit=`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Page {
    /// Where the last page ended, as it said itself.
    #[serde(default)]
    pub cursor: Option<String>,
    /// How many, 100 unless said.
    #[serde(default)]
    pub limit: Option<u32>,
}

impl Page {
    const LIMIT: u32 = 100;
    const LIMIT_MAX: u32 = 1000;

    /// How many are wanted.
    pub(crate) fn count(&self) -> Result<usize, Refusal> {
        match self.limit.unwrap_or(Self::LIMIT) {
            limit @ 1..=Self::LIMIT_MAX => Ok(limit as usize),
            _ => Err(Refusal::invalid("limit", "limit is a number from 1 to 1000")),
        }
    }

    /// Where to go on; `None` at the beginning.
    pub(crate) fn place(&self) -> Result<Option<Place>, Refusal> {
        self.numbers(|order, position| Some(Place { order, position: position.try_into().ok()? }))
    }

    /// What the two numbers of the cursor mean, if there is one.
    pub(crate) fn numbers<T>(
        &self,
        meaning: impl FnOnce(u64, u64) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(text) = self.cursor.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let parse = || {
            let (first, second) = text.split_once('.')?;
            meaning(first.parse().ok()?, second.parse().ok()?)
        };
        parse().map(Some).ok_or_else(|| {
            Refusal::invalid("cursor", "cursor is the `next` of an earlier page, as it stands")
        })
    }
}

/// The last entry that a page showed: its event's number, and its place in that event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) order: u64,
    pub(crate) position: u32,
}

impl Place {
    pub(crate) fn cursor(self) -> String {
        format!("{}.{}", self.order, self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back() {
        let place = Place { order: 7, position: 3 };
        let page = Page { cursor: Some(place.cursor()), limit: None };
        assert_eq!(page.place(), Ok(Some(place)));
        assert_eq!(Page::default().place(), Ok(None));
        assert!(Page { cursor: Some("x".into()), limit: None }.place().is_err());
    }

    #[test]
    fn a_page_is_bounded() {
        let count = |limit| Page { cursor: None, limit }.count();
        assert_eq!((count(None), count(Some(1000))), (Ok(100), Ok(1000)));
        assert!(count(Some(0)).is_err() && count(Some(1001)).is_err());
    }
}
