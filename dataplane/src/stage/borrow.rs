//! Asking the ledger for more of a purse, and waiting a bounded time for what it says.
//!
//! Left out on purpose: what a request takes of it (`admit`, `free_request`).

use ledger::cell::CreditCell;
use units::Usd;

use crate::local::Local;

/// A request asks the ledger at most so often for one purse.
const QUESTIONS_MAX: usize = 3;

/// Waits for the ledger's answer about a purse; false when none came in time. What does not count:
/// the answer to a question that was asked before this request came, and news that there is credit
/// to be lent. Both are followed by a question.
pub async fn answered(local: &Local, cell: &CreditCell, wanted: Usd) -> bool {
    let end = local.now_ms().saturating_add(local.settings.limits.credit_wait_ms);
    for question in 0..QUESTIONS_MAX {
        let asked = cell.ask_once();
        if !answered_once(local, cell, wanted, asked, end).await {
            return false;
        }
        let has_no_more = cell.is_told() && cell.unlent() == 0 && (asked || question > 0);
        if has_no_more || i128::from(cell.free()) >= wanted.pico() {
            break;
        }
    }
    true
}

async fn answered_once(
    local: &Local,
    cell: &CreditCell,
    wanted: Usd,
    asks: bool,
    end_ms: u64,
) -> bool {
    let before = cell.answers();
    if asks && !local.records.need(cell.purse(), wanted) {
        cell.unask();
        return false;
    }
    loop {
        let rings = local.bell.rings();
        if cell.answers() != before || i128::from(cell.free()) >= wanted.pico() {
            return true;
        }
        if !local.wait_for_bell(rings, end_ms).await {
            cell.unask();
            return cell.answers() != before;
        }
    }
}
