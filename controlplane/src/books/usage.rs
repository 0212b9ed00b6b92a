//! What was used when: sums by the hour or the day, of an account or of one of its keys.
//!
//! Read from aggregates, never from the request log: days of an account from the books, which keep
//! them for ever; days of a key, and hours, from the view's counters, which reach back as far as
//! the journal.

use std::collections::BTreeMap;
use std::ops::Range;

use units::{AccountId, KeyDigest, KeyId, OfferId, Tokens, UnixMillis, Usd};

use super::command::Owner;
use super::shown_usage::UsageView;
use super::thread::Ledger;
use crate::refuse::Refusal;
use crate::store::embedded::Usage;

/// Hours that can be asked for at once.
const HOURS_MAX: u32 = 7 * 24;

/// Which use is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageOrder {
    /// Only this key's.
    pub key: Option<KeyDigest>,
    /// When.
    pub span: Span,
}

/// A time, in whole UTC hours or days since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// By the hour.
    Hours(Range<u32>),
    /// By the day.
    Days(Range<u32>),
}

/// Sums by where they began and what was sold.
type Sums = BTreeMap<(UnixMillis, OfferId), Usage>;

impl Ledger {
    /// What an account used, by time and offer, oldest first.
    pub(crate) fn usage(
        &mut self,
        account: AccountId,
        order: &UsageOrder,
    ) -> Result<Vec<UsageView>, Refusal> {
        self.account(account)?;
        let key = order.key.map(|digest| self.key_number(account, digest)).transpose()?;
        let sums = match (&order.span, key) {
            (Span::Hours(hours), key) => self.used_by_hour(account, key, hours.clone())?,
            (Span::Days(days), Some(key)) => self.used_by_key(account, key, days.clone())?,
            (Span::Days(days), None) => self.used_by_day(account, days.clone()),
        };
        Ok(sums.into_iter().map(|((at, offer), used)| self.usage_view(at, offer, &used)).collect())
    }

    fn key_number(&self, account: AccountId, digest: KeyDigest) -> Result<KeyId, Refusal> {
        let owner = Owner::Account(account);
        let found = self.register.key(&digest).filter(|row| owner.sees(row.account));
        found.map(|row| row.id).ok_or_else(|| Refusal::not_found("key", digest))
    }

    fn used_by_hour(
        &mut self,
        account: AccountId,
        key: Option<KeyId>,
        hours: Range<u32>,
    ) -> Result<Sums, Refusal> {
        if hours.len() > HOURS_MAX as usize {
            let message = format!("hours are told for at most {HOURS_MAX} of them; ask for days");
            return Err(Refusal::invalid("granularity", message));
        }
        let rows = self.viewed(|view| view.usage_of_hours(account, hours))?;
        let mut sums = Sums::new();
        for (of, used) in rows {
            if key.is_none_or(|key| key == of.key) {
                let at = UnixMillis::of_hour(of.hour);
                sums.entry((at, of.offer)).or_default().add(&used);
            }
        }
        Ok(sums)
    }

    fn used_by_key(
        &mut self,
        account: AccountId,
        key: KeyId,
        days: Range<u32>,
    ) -> Result<Sums, Refusal> {
        let rows = self.viewed(|view| view.usage_since(account, key, days.start))?;
        let rows = rows.into_iter().filter(|(of, _)| of.day < days.end);
        Ok(rows.map(|(of, used)| ((UnixMillis::of_day(of.day), of.offer), used)).collect())
    }

    fn used_by_day(&self, account: AccountId, days: Range<u32>) -> Sums {
        let rows = self.books.days(account);
        let first = rows.partition_point(|(day, ..)| *day < days.start);
        let rows = rows[first..].iter().take_while(|(day, ..)| *day < days.end);
        rows.map(|(day, offer, sum)| {
            let used = Usage {
                requests: sum.requests,
                charged: sum.charged,
                list_cost: sum.list_cost,
                own_cost: sum.own_cost,
                tokens: sum.tokens,
            };
            ((UnixMillis::of_day(*day), *offer), used)
        })
        .collect()
    }

    fn usage_view(&self, at: UnixMillis, offer: OfferId, used: &Usage) -> UsageView {
        let terms = self.register.offer(offer);
        let text = |of: fn(&catalog::OfferRow) -> &String| terms.map(of).cloned();
        UsageView {
            at,
            model: text(|terms| &terms.model).unwrap_or_default(),
            provider: text(|terms| &terms.provider).unwrap_or_default(),
            upstream_model: text(|terms| &terms.upstream_model).unwrap_or_default(),
            requests: used.requests,
            tokens: used.tokens,
            charged: used.charged,
            list_cost: used.list_cost,
            own_cost: used.own_cost,
        }
    }
}

impl UsageView {
    /// Nothing used, at a time.
    pub(crate) fn none(at: UnixMillis) -> Self {
        Self {
            at,
            model: String::new(),
            provider: String::new(),
            upstream_model: String::new(),
            requests: 0,
            tokens: Tokens::ZERO,
            charged: Usd::ZERO,
            list_cost: Usd::ZERO,
            own_cost: Usd::ZERO,
        }
    }

    /// Adds another use.
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.tokens.add(&other.tokens);
        self.charged = [self.charged, other.charged].into_iter().sum();
        self.list_cost = [self.list_cost, other.list_cost].into_iter().sum();
        self.own_cost = [self.own_cost, other.own_cost].into_iter().sum();
    }
}
