//! The free request that one on a customer's own key takes, while its account has any this month.
//!
//! Purpose: so many requests of an account and month cost no fee. They are lent to this process
//! like credit and taken out of a cell that all cores share, so each is given away once: on many
//! cores, after a crash, and by several data planes. A request takes one before its hold, which
//! then covers no fee; it is used with the charge's record, or goes back with it where a shared key
//! served in the end. Counting at settlement instead would tell the client a fee, or none, before
//! it is known whether there is one.
//! Invariants: who gets none pays the fee, and waits for nobody but the ledger's first answer; what
//! other data planes hold is asked back for requests that come later.

use std::sync::Arc;

use ledger::FREE_REQUEST;
use ledger::cell::CreditCell;

use crate::local::Local;
use crate::stage::authenticate::Principal;
use crate::stage::borrow::answered;
use crate::stage::plan::Plan;

/// A free request that was taken; given back where no hold was recorded.
#[must_use]
pub struct FreeRequest {
    cell: Arc<CreditCell>,
    /// Whether a hold's end gives it back.
    is_held: bool,
}

impl FreeRequest {
    /// Leaves the giving back to the end of the hold.
    pub fn into_cell(mut self) -> Arc<CreditCell> {
        self.is_held = true;
        Arc::clone(&self.cell)
    }
}

impl Drop for FreeRequest {
    fn drop(&mut self) {
        if !self.is_held {
            self.cell.undo_hold(1);
        }
    }
}

/// Takes a free request for a plan in which an own key would have a fee. *abandon closes*
pub async fn take(local: &Local, principal: &Principal, plan: &mut Plan) -> Option<FreeRequest> {
    plan.without_fee?;
    let own = principal.generation.published().own_keys(principal.key.account)?;
    let is_taken = own.free.try_hold(1) || ask(local, &own.free).await;
    if !is_taken {
        return None;
    }
    plan.take_free_request();
    Some(FreeRequest { cell: Arc::clone(&own.free), is_held: false })
}

/// Asks the ledger for some; whether one was taken.
async fn ask(local: &Local, cell: &CreditCell) -> bool {
    if !cell.is_told() || cell.unlent() > 0 {
        return answered(local, cell, FREE_REQUEST).await && cell.try_hold(1);
    }
    // All are used, or others have the rest of them: what comes back is for who comes then.
    if cell.elsewhere() > 0 && cell.ask_once() && !local.records.need(cell.purse(), FREE_REQUEST) {
        cell.unask();
    }
    false
}
