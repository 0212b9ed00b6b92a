//! Stage 5, admit: the credit for a plan.
//!
//! Invariants: nothing goes upstream without a hold that covers its worst case and whose record is
//! in the ring. Money that is not there is a 402; money that running requests hold is a 429.
//! Left out on purpose: lending, which is the ledger's; this stage asks, and waits a bounded time.
//!
//! ```text
//!   free credit covers the plan ------------------------------------> held
//!   else ask for more and wait ---> granted ------------------------> held
//!                                   nothing more: lower the cap ----> held
//!                                                 below its floor --> 402 or 429
//! ```

use std::rc::Rc;
use std::sync::Arc;

use ledger::Purse;
use ledger::cell::{self, CreditCell};
use ledger::record::{Hold, Record};
use units::Usd;

use crate::answer_head::AnswerHead;
use crate::fault::{Code, Fault};
use crate::local::Local;
use crate::stage::admission::Admission;
use crate::stage::authenticate::Principal;
use crate::stage::borrow::answered;
use crate::stage::plan::Plan;

/// Holds the worst case of a plan. *abandon closes*
pub async fn hold(
    local: &Rc<Local>,
    principal: &Principal,
    plan: &Plan,
    is_stream: bool,
    head: &mut AnswerHead,
) -> Result<Admission, Fault> {
    if local.counters.running() >= local.settings.limits.streams_per_core {
        return Err(Fault::new(Code::Overloaded, "too many requests are running; try again"));
    }
    if !local.records.is_journal_sound() {
        return Err(Fault::new(Code::Overloaded, "the journal cannot be written; try again later"));
    }
    let purses = Purses::of(principal);
    let mut taken = purses.take(plan, plan.cap_for(purses.free()));
    if taken.is_none() {
        purses.ask(local, plan).await?;
        taken = purses.take_or_wait(local, plan).await;
    }
    let Some(taken) = taken else { return Err(purses.too_little(plan)) };
    let admission = record(local, principal, plan, taken, is_stream)?;
    head.generation = Some(admission.generation);
    let is_below = plan.output_limit.is_some_and(|limit| admission.output_cap < limit);
    let is_lowered = is_below || admission.is_cap_lowered;
    head.lowered_cap.set(is_lowered.then_some(admission.output_cap));
    Ok(admission)
}

/// Credit taken out of the cells, not yet recorded.
struct Taken {
    cost: i64,
    output_cap: u64,
}

/// What a request is paid from: the account's credit, and the key's allowance if it has one.
struct Purses<'p> {
    credit: &'p Arc<CreditCell>,
    allowance: Option<&'p Arc<CreditCell>>,
}

impl<'p> Purses<'p> {
    fn of(principal: &'p Principal) -> Self {
        Self { credit: &principal.key.credit, allowance: principal.key.allowance.as_ref() }
    }

    fn each(&self) -> impl Iterator<Item = &'p Arc<CreditCell>> {
        std::iter::once(self.credit).chain(self.allowance)
    }

    /// What a request could take now.
    fn free(&self) -> Usd {
        let free = self.each().map(|cell| cell.free()).min().unwrap_or(0);
        Usd::from_pico(i128::from(free))
    }

    /// Takes the worst cost with this cap out of every purse, or out of none.
    fn take(&self, plan: &Plan, output_cap: u64) -> Option<Taken> {
        let cost = plan.worst_cost(output_cap)?.pico_i64()?;
        let allowance = self.allowance.map(AsRef::as_ref);
        let taken = cell::try_hold(self.credit, allowance, cost);
        taken.then_some(Taken { cost, output_cap })
    }

    /// Takes what the free credit affords, down to the lowest cap.
    fn take_affordable(&self, plan: &Plan) -> Option<Taken> {
        let affordable = plan.affordable_cap(self.free());
        let cap = plan.cap_for(self.free()).min(affordable);
        if cap >= plan.output_cap_floor() { self.take(plan, cap) } else { None }
    }

    /// As [`Self::take_affordable`], but waits a moment for running requests to give credit back
    /// where that would do.
    async fn take_or_wait(&self, local: &Local, plan: &Plan) -> Option<Taken> {
        let end = local.now_ms().saturating_add(local.settings.limits.reserved_wait_ms);
        loop {
            let rings = local.bell.rings();
            let taken = self.take_affordable(plan);
            if taken.is_some() || self.poorest(plan).is_some() {
                return taken;
            }
            // Credit comes back with the journal's next batch, which rings for whoever waits.
            local.records.await_any();
            if !local.wait_for_bell(rings, end).await {
                return self.take_affordable(plan);
            }
        }
    }

    /// The purse that does not cover even the lowest cap, were all that it has free. One that the
    /// ledger lent to since it last said what there is elsewhere may have more.
    fn poorest(&self, plan: &Plan) -> Option<&'p Arc<CreditCell>> {
        let least = least(plan);
        self.each().find(|cell| cell.is_told() && total(cell) < least.pico())
    }

    /// Asks the ledger for more of each purse that is short, and waits for its answers. A purse
    /// known to be exhausted is asked for only before it is refused: it may have been topped up.
    async fn ask(&self, local: &Local, plan: &Plan) -> Result<(), Fault> {
        let wanted = plan.worst_cost(plan.output_cap).unwrap_or(Usd::ZERO);
        let least = least(plan);
        for cell in self.each() {
            let short = i128::from(cell.free()) < wanted.pico();
            let helps = !cell.exhausted() || total(cell) < least.pico();
            if short && helps && !answered(local, cell, wanted).await {
                let message =
                    "credit cannot be borrowed now: the ledger does not answer; try again";
                return Err(Fault::new(Code::ControlUnavailable, message));
            }
        }
        Ok(())
    }

    /// Why even the lowest cap is not affordable: the money is not there, or it is held.
    fn too_little(&self, plan: &Plan) -> Fault {
        let least = least(plan);
        let Some(cell) = self.poorest(plan) else {
            let message = "the credit is there, but running requests hold it; try again";
            return Fault::new(Code::CreditsReserved, message);
        };
        let affordable = plan.affordable_cap(Usd::from_pico(total(cell)));
        let (code, what) = match cell.purse() {
            Purse::Account(_) | Purse::FreeRequests(_) => {
                (Code::InsufficientCredits, "the balance")
            }
            Purse::Key(_) => (Code::KeyLimitExceeded, "the key's spending limit"),
        };
        let affordable = affordable.min(plan.output_cap);
        let less = match plan.output_cap {
            0 => "send less".to_owned(),
            _ => format!("ask for at most {affordable} output tokens"),
        };
        let message = format!(
            "this request may cost up to ${least} and {what} does not cover it; top up, \
             raise the limit, or {less}"
        );
        let mut fault = Fault::new(code, message);
        fault.refusal.affordable_max_tokens = Some(affordable);
        fault
    }
}

/// What a request costs at worst with the lowest cap.
fn least(plan: &Plan) -> Usd {
    plan.worst_cost(plan.output_cap_floor()).unwrap_or(Usd::from_pico(i128::MAX))
}

/// All that a purse has, as far as is known here: not with us, held, or free. Read in this order,
/// so that a grant on its way is counted at least once.
fn total(cell: &CreditCell) -> i128 {
    let parts = [cell.unlent(), cell.elsewhere(), cell.held(), cell.free()];
    parts.into_iter().map(i128::from).sum()
}

/// Writes the hold down; from here on it must be ended.
fn record(
    local: &Rc<Local>,
    principal: &Principal,
    plan: &Plan,
    taken: Taken,
    is_stream: bool,
) -> Result<Admission, Fault> {
    let key = &principal.key;
    let at = local.deadlines.clock().wall();
    let first = plan.candidates[0].endpoint;
    let offer = principal.generation.published().catalog().endpoints[first as usize].offer;
    let hold = Hold {
        account: key.account,
        key: key.id,
        key_limited: key.allowance.is_some(),
        free_request: plan.is_free_request,
        amount: Usd::from_pico(i128::from(taken.cost)),
        offer,
        output_cap: u32::try_from(taken.output_cap).unwrap_or(u32::MAX),
        at,
    };
    let Some(hold_seq) = local.records.hold(&Record::Hold(hold)) else {
        Purses::of(principal).each().for_each(|cell| cell.undo_hold(taken.cost));
        return Err(Fault::new(Code::Overloaded, "the journal is behind; try again"));
    };
    let is_cap_lowered = taken.output_cap < plan.output_cap;
    let key = Arc::clone(key);
    Ok(Admission::new(local, key, hold, hold_seq, taken.output_cap, is_cap_lowered, is_stream))
}
