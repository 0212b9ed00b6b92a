//! `GET` and `PATCH /api/v1/privacy`: who may see what an account's requests hold.
//!
//! Also the forms in which the rules of accounts and keys are told everywhere. What an account
//! sets binds all of its keys; a key and a request only add to it.

use axum::Json;
use axum::extract::State;
use catalog::Privacy;
use catalog::keys::{FreeLimits, KeyRow};
use ledger::cell::PaceLimits;
use serde::Serialize;

use super::Wrapped;
use crate::auth::{Customer, KeyKeeper, Shared};
use crate::books::{AccountView, PrivacyChange};
use crate::plans::{self, AccountRow};
use crate::receive::Body;
use crate::refuse::Refusal;

/// The rules of an account or a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PrivacyShown {
    data_collection: &'static str,
    zdr: bool,
    allowed_regions: Option<Vec<String>>,
}

impl From<Privacy> for PrivacyShown {
    fn from(privacy: Privacy) -> Self {
        Self {
            data_collection: if privacy.deny_collection { "deny" } else { "allow" },
            zdr: privacy.zdr,
            allowed_regions: privacy.regions,
        }
    }
}

/// Limits of each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PaceShown {
    rpm: Option<u32>,
    tpm: Option<u64>,
    rpd: Option<u32>,
    concurrency: Option<u32>,
}

impl From<PaceLimits> for PaceShown {
    fn from(limits: PaceLimits) -> Self {
        let PaceLimits { rpm, tpm, rpd, concurrency } = limits;
        Self { rpm, tpm, rpd, concurrency }
    }
}

/// What holds for a key together with its account.
#[derive(Debug, Serialize)]
pub(crate) struct Effective {
    #[serde(flatten)]
    pace: PaceShown,
    #[serde(flatten)]
    privacy: PrivacyShown,
    /// Requests to free models, of all keys of the account.
    free: Option<FreeLimits>,
}

impl From<KeyRow> for Effective {
    fn from(served: KeyRow) -> Self {
        let pace = plans::limits(&served).into();
        Self { pace, privacy: served.privacy.into(), free: served.free }
    }
}

/// What was set for an account, and what each of its keys has by that.
#[derive(Debug, Serialize)]
pub(crate) struct AccountTerms {
    plan: Option<String>,
    #[serde(flatten)]
    privacy: PrivacyShown,
    limits: PaceShown,
    free: Option<FreeLimits>,
}

impl AccountTerms {
    pub(crate) fn of(shared: &Shared, account: &AccountView) -> Result<Self, Refusal> {
        let row = AccountRow::read(&account.row).map_err(Refusal::Unavailable)?;
        Ok(Self {
            limits: shared.plans.limits(&row).into(),
            free: shared.plans.free(plans::bought(account)),
            plan: row.plan,
            privacy: row.privacy.into(),
        })
    }
}

pub(crate) async fn one(
    State(shared): State<Shared>,
    Customer(key): Customer,
) -> Result<Json<Wrapped<PrivacyShown>>, Refusal> {
    let account = shared.commands.account(key.account).await?;
    Ok(Json(Wrapped { data: AccountTerms::of(&shared, &account)?.privacy }))
}

pub(crate) async fn change(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
    Body(change): Body<PrivacyChange>,
) -> Result<Json<Wrapped<PrivacyShown>>, Refusal> {
    let account = shared.commands.change_account(key.account, change.into()).await?;
    Ok(Json(Wrapped { data: AccountTerms::of(&shared, &account)?.privacy }))
}
