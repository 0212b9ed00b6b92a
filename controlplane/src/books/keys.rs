//! Keys: made, changed, deleted, looked up, and their limits' periods.
//!
//! Invariants: a key's text never comes here but to be handed on once; a key of another account is
//! as unknown as one that never was; a limit that rises is lent on before the answer is sent.

use catalog::Privacy;
use catalog::keys::{KeyClass, KeyRow, LimitReset};
use ledger::Purse;
use ledger::cell::TPM_MAX;
use ledger::event::Event;
use units::{AccountId, KeyDigest, KeyId, UnixMillis, Usd};

use super::accounts::checked_text;
use super::command::Owner;
use super::order::{ClassOrder, KeyOrder, KeyPatch, ResetOrder};
use super::period;
use super::shown::{KeyMade, KeyUsage, KeyView};
use super::thread::{Ledger, refused};
use crate::mint;
use crate::plans;
use crate::refuse::Refusal;
use crate::settings::Secret;
use crate::store::embedded::Usage;

impl Ledger {
    pub(crate) fn make_key(
        &mut self,
        account: AccountId,
        owner: Owner,
        mut order: KeyOrder,
    ) -> Result<KeyMade, Refusal> {
        self.account(account)?;
        let prefix = match order.class {
            ClassOrder::Live => &self.profile.live_prefix,
            ClassOrder::Management => &self.profile.management_prefix,
        };
        let minted = mint::mint(prefix)
            .map_err(|error| Refusal::Unavailable(format!("no randomness: {error}")))?;
        let privacy = order.privacy().over(&Privacy::default());
        let mut row = KeyRow {
            name: order.name,
            label: minted.label,
            class: match order.class {
                ClassOrder::Live => KeyClass::Live,
                ClassOrder::Management => KeyClass::Management,
            },
            limit: order.limit.map(|limit| limit.0),
            limit_reset: order.limit_reset.map(reset),
            rpm: order.rpm,
            tpm: order.tpm,
            rpd: order.rpd,
            concurrency: order.concurrency,
            expires_at: order.expires_at.map(|at| at.0),
            allowed_models: order.allowed_models,
            allowed_providers: order.allowed_providers,
            privacy,
            ..KeyRow::new(self.books.next_key(), minted.digest, account, self.now)
        };
        self.check_key(&row)?;
        self.check_plan(&mut row, None, owner)?;
        let (key, limit, digest) = (row.id, row.limit, row.digest);
        let made = Event::KeyMade { key, account, limit, row: written(&row)? };
        self.book(&made).map_err(refused)?;
        Ok(KeyMade { view: self.key(digest, Owner::Anyone)?, text: Secret::new(minted.text) })
    }

    pub(crate) fn change_key(
        &mut self,
        digest: KeyDigest,
        owner: Owner,
        mut patch: KeyPatch,
    ) -> Result<KeyView, Refusal> {
        let before = self.row(digest, owner)?.clone();
        let old = before.clone();
        let mut row = KeyRow {
            privacy: patch.privacy().over(&old.privacy),
            name: patch.name.unwrap_or(old.name),
            disabled: patch.disabled.unwrap_or(old.disabled),
            limit: patch.limit.map(|limit| limit.0).over(old.limit),
            limit_reset: patch.limit_reset.map(reset).over(old.limit_reset),
            rpm: patch.rpm.over(old.rpm),
            tpm: patch.tpm.over(old.tpm),
            rpd: patch.rpd.over(old.rpd),
            concurrency: patch.concurrency.over(old.concurrency),
            expires_at: patch.expires_at.map(|at| at.0).over(old.expires_at),
            allowed_models: patch.allowed_models.over(old.allowed_models),
            allowed_providers: patch.allowed_providers.over(old.allowed_providers),
            ..old
        };
        self.check_key(&row)?;
        self.check_plan(&mut row, Some(&before), owner)?;
        // A new rhythm begins now, and is known to have begun after any restart.
        let is_new_period = row.limit_reset.is_some() && row.limit_reset != before.limit_reset;
        let changed = Event::KeyChanged { key: row.id, limit: row.limit, row: written(&row)? };
        self.book(&changed).map_err(refused)?;
        if is_new_period {
            self.book(&Event::KeyPeriodBegan { key: row.id, at: self.now }).map_err(refused)?;
        }
        self.after_limit_change(row.id);
        self.key(digest, Owner::Anyone)
    }

    /// A higher limit is lent on, what is lent above a lower one is asked back.
    fn after_limit_change(&mut self, key: KeyId) {
        let purse = Purse::Key(key);
        let beyond = self.books.overlent(purse);
        if beyond > Usd::ZERO {
            self.recall(purse, beyond);
            self.waiting.until_returned(purse);
        } else {
            self.lend_more(purse);
        }
    }

    pub(crate) fn delete_key(&mut self, digest: KeyDigest, owner: Owner) -> Result<(), Refusal> {
        let key = self.row(digest, owner)?.id;
        self.book(&Event::KeyDeleted { key }).map_err(refused)?;
        Ok(())
    }

    /// The key of a digest, if it may be used at this instant.
    pub(crate) fn valid_key(&self, digest: &KeyDigest, now: UnixMillis) -> Option<KeyRow> {
        let row = self.register.served(self.register.key(digest)?, &self.books);
        let live = !row.disabled && row.expires_at.is_none_or(|end| end > now);
        live.then_some(row)
    }

    pub(crate) fn keys(&mut self, account: AccountId) -> Result<Vec<KeyView>, Refusal> {
        self.account(account)?;
        let rows: Vec<KeyRow> = self.register.keys_of(account).cloned().collect();
        rows.into_iter().map(|row| self.key_view(row)).collect()
    }

    pub(crate) fn key(&mut self, digest: KeyDigest, owner: Owner) -> Result<KeyView, Refusal> {
        let row = self.row(digest, owner)?.clone();
        self.key_view(row)
    }

    fn row(&self, digest: KeyDigest, owner: Owner) -> Result<&KeyRow, Refusal> {
        let found = self.register.key(&digest).filter(|row| owner.sees(row.account));
        found.ok_or_else(|| Refusal::not_found("key", digest))
    }

    fn key_view(&mut self, row: KeyRow) -> Result<KeyView, Refusal> {
        let today = self.now.day();
        let (week, month) = (period::week_start(today), period::month_start(today));
        let (account, key) = (row.account, row.id);
        let used = self.viewed(|view| view.usage_since(account, key, week.min(month)))?;
        let since = |day, of: fn(&Usage) -> Usd| {
            let days = used.iter().filter(|(key, _)| key.day >= day);
            days.map(|(_, usage)| of(usage)).sum::<Usd>()
        };
        let sums = |total, of| KeyUsage {
            total,
            daily: since(today, of),
            weekly: since(week, of),
            monthly: since(month, of),
        };
        let book = self.books.key(key);
        let total =
            |of: fn(&ledger::books::KeyView<'_>) -> Usd| book.as_ref().map_or(Usd::ZERO, of);
        let usage = sums(total(|key| key.used), |usage| usage.charged);
        let own_cost = sums(total(|key| key.own_cost), |usage| usage.own_cost);
        let limit_remaining = self.limit_remaining(&row);
        let served = self.register.served(&row, &self.books);
        let never_bought = self.account(account)?.topped_up.is_zero();
        Ok(KeyView { row, served, usage, own_cost, limit_remaining, never_bought })
    }

    fn limit_remaining(&self, row: &KeyRow) -> Option<Usd> {
        let key = self.books.key(row.id)?;
        Some(key.limit?.checked_sub(key.used_in_period)?.max(Usd::ZERO))
    }

    /// Begins the periods whose day has come.
    pub(crate) fn begin_periods(&mut self) {
        let (from, to) = (self.periods, self.now.day());
        if from >= to {
            return;
        }
        self.periods = to;
        if let Err(refusal) = self.fund_playground() {
            notice::error!("the playground gets nothing today: {refusal}");
        }
        let begins = |row: &&KeyRow| {
            let start = row.limit_reset.map(|reset| period::start(reset, to));
            start.is_some_and(|start| start > from && row.created_at.day() < start)
        };
        let keys: Vec<_> = self.register.keys().filter(begins).map(|row| row.id).collect();
        for key in keys {
            // A key that has just been deleted has no period.
            if self.book(&Event::KeyPeriodBegan { key, at: self.now }).is_ok() {
                self.lend_more(Purse::Key(key));
            }
        }
    }

    fn check_key(&self, row: &KeyRow) -> Result<(), Refusal> {
        checked_text("name", row.name.clone())?;
        if row.limit.is_some_and(|limit| limit.is_negative()) {
            return Err(Refusal::invalid("limit", "limit is not below zero"));
        }
        if row.limit_reset.is_some() && row.limit.is_none() {
            return Err(Refusal::invalid("limit_reset", "limit_reset needs a limit"));
        }
        check_pace(row)?;
        self.check_names("allowed_models", &row.allowed_models, |id| {
            let rows = &self.register.rows;
            rows.model.iter().any(|row| row.id == *id) || rows.tier.iter().any(|row| row.id == *id)
        })?;
        self.check_names("allowed_providers", &row.allowed_providers, |id| {
            self.register.rows.provider.iter().any(|row| row.id == *id)
        })?;
        self.check_regions(&row.privacy)
    }

    /// Regions that no endpoint is in are a mistake: nothing could be served.
    pub(super) fn check_regions(&self, privacy: &Privacy) -> Result<(), Refusal> {
        let rows = &self.register.rows;
        self.check_names("allowed_regions", &privacy.regions, |region| {
            let endpoints = rows.model.iter().flat_map(|model| &model.endpoint);
            let own = endpoints.map(|endpoint| &endpoint.region);
            let all = own.chain(rows.provider.iter().map(|provider| &provider.region));
            all.flatten().any(|known| known == region)
        })
    }

    /// The operator may raise a key above its account's plan; its owner may not, nor beyond what
    /// the operator has raised it to.
    fn check_plan(
        &self,
        row: &mut KeyRow,
        before: Option<&KeyRow>,
        owner: Owner,
    ) -> Result<(), Refusal> {
        let (own, account) = (plans::limits(row), self.register.account_row(row.account));
        let plan = self.profile.plans.limits(account);
        if owner == Owner::Anyone {
            row.is_raised = plans::above(&own, &plan).is_some();
            return Ok(());
        }
        if before.is_some_and(|before| plans::limits(before) == own) {
            return Ok(());
        }
        let raised = before.filter(|before| before.is_raised);
        let most = raised.map_or(plan, |row| self.profile.plans.limits_of(row, account));
        match plans::above(&own, &most) {
            Some((name, most)) => {
                let message = format!("{name} is at most {most} on this account's plan");
                Err(Refusal::invalid(name, message))
            }
            None => Ok(()),
        }
    }

    fn check_names(
        &self,
        param: &str,
        names: &Option<Vec<String>>,
        known: impl Fn(&String) -> bool,
    ) -> Result<(), Refusal> {
        let unknown = names.iter().flatten().find(|name| !known(name));
        unknown.map_or(Ok(()), |name| {
            let message = format!("{param} names {name:?}, which the catalog does not have");
            Err(Refusal::invalid(param, message))
        })
    }
}

fn reset(order: ResetOrder) -> LimitReset {
    match order {
        ResetOrder::Daily => LimitReset::Daily,
        ResetOrder::Weekly => LimitReset::Weekly,
        ResetOrder::Monthly => LimitReset::Monthly,
    }
}

fn check_pace(row: &KeyRow) -> Result<(), Refusal> {
    let KeyRow { rpm, tpm, rpd, concurrency, .. } = row;
    let counts = [("rpm", rpm), ("rpd", rpd), ("concurrency", concurrency)];
    let zero = counts.into_iter().find(|(_, count)| **count == Some(0)).map(|(name, _)| name);
    if let Some(name) = zero.or((*tpm == Some(0)).then_some("tpm")) {
        let message = format!("{name} is at least 1; disable the key to refuse everything");
        return Err(Refusal::invalid(name, message));
    }
    if tpm.is_some_and(|tpm| tpm > TPM_MAX) {
        let message = format!("tpm is at most {TPM_MAX}; leave it out for no limit");
        return Err(Refusal::invalid("tpm", message));
    }
    Ok(())
}

pub(super) fn written(row: &KeyRow) -> Result<String, Refusal> {
    serde_json::to_string(row).map_err(|error| Refusal::Unavailable(error.to_string()))
}
