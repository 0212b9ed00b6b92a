//! The operator's API, contract calls under `/admin/v1`.
//!
//! Thin: extract, call the ledger, reply. Money is decimal strings; unknown fields and bad values
//! are refused with the field's name before the ledger hears of the call. Left out on purpose:
//! roles and sessions; whoever has the token is the operator.

pub(crate) mod accounts;
pub(crate) mod catalog;
pub(crate) mod generations;
pub(crate) mod keys;
pub(crate) mod state;

use std::str::FromStr;

use crate::refuse::Refusal;

/// An id from a path; one that cannot be an id is as unknown as one that is not there.
pub(crate) fn parsed<T: FromStr>(what: &'static str, id: &str) -> Result<T, Refusal> {
    id.parse().map_err(|_| Refusal::not_found(what, id))
}
