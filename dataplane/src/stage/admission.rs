//! A hold that is open: the value that must be spent.
//!
//! Invariants: every hold ends exactly once. `settle` spends an admission on a post or a void; one
//! that is dropped otherwise (its request panicked) voids itself and is counted, so that no credit
//! is lost and tests can require the count to be zero.
//!
//! ```text
//!   open --spend(post)--> posted        open --spend(void)--> voided
//!     +----- dropped ---> voided, counted
//! ```

use std::rc::Rc;
use std::sync::Arc;

use ledger::cell::{Release, Running};
use ledger::record::{Attempts, Hold, Record, Void, VoidReason};
use link::End;
use units::{GenerationId, UnixMillis, Usd};

use crate::local::Local;
use crate::local::published::KeyEntry;
use crate::net::deadline::last_tick;
use crate::stage::free_request::FreeRequest;

/// An open hold and what it was made for.
#[must_use]
pub struct Admission {
    /// The generation that the hold began.
    pub generation: GenerationId,
    /// The key that pays.
    pub key: Arc<KeyEntry>,
    /// The hold as recorded.
    pub hold: Hold,
    /// The hold's place in the ring.
    pub hold_seq: u64,
    /// Output tokens that the upstream is limited to, for each choice.
    pub output_cap: u64,
    /// Whether that is less than what was asked for, for want of credit.
    pub is_cap_lowered: bool,
    /// Whether the answer is streamed.
    pub is_stream: bool,
    /// Where the key's running requests or tokens are limited: that this one runs.
    pub running: Option<Running>,
    /// The free request that it took, if it did.
    pub free_request: Option<FreeRequest>,
    /// Exact microseconds on this core's clock when it began.
    pub started_us: u64,
    local: Rc<Local>,
    is_spent: bool,
}

impl Admission {
    /// An admission for a hold that was just recorded.
    pub fn new(
        local: &Rc<Local>,
        key: Arc<KeyEntry>,
        hold: Hold,
        hold_seq: u64,
        output_cap: u64,
        is_cap_lowered: bool,
        is_stream: bool,
    ) -> Self {
        local.counters.hold_opened();
        Self {
            generation: local.place.generation(hold_seq),
            key,
            hold,
            hold_seq,
            output_cap,
            is_cap_lowered,
            is_stream,
            running: None,
            free_request: None,
            started_us: local.turn.now_us(),
            local: Rc::clone(local),
            is_spent: false,
        }
    }

    /// What is held.
    pub const fn held(&self) -> Usd {
        self.hold.amount
    }

    /// When the hold was made.
    pub const fn created_at(&self) -> UnixMillis {
        self.hold.at
    }

    /// Milliseconds since the hold was made.
    pub fn elapsed_ms(&self) -> u32 {
        let us = self.local.turn.now_us().saturating_sub(self.started_us);
        u32::try_from(us / 1000).unwrap_or(u32::MAX)
    }

    /// Ends the hold with its record; `charged` of the hold is not given back. Answers the
    /// record's place in the ring.
    pub fn spend(mut self, end: &Record, charged: Usd) -> u64 {
        self.end(end, charged)
    }

    /// Takes up to `amount` of the account's free credit for what was used above the hold. A key
    /// with an allowance takes none: its limit covers its holds alone.
    pub fn take_excess(&self, amount: Usd) -> Usd {
        if self.key.allowance.is_some() {
            return Usd::ZERO;
        }
        let taken = self.key.credit.take_back(amount.pico_i64().unwrap_or(i64::MAX));
        Usd::from_pico(i128::from(taken))
    }

    /// A void of this hold.
    pub fn void(&self, reason: VoidReason, status: u16, attempts: Attempts) -> Record {
        let last = attempts.as_slice().last();
        Record::Void(Void {
            hold_seq: self.hold_seq,
            account: self.hold.account,
            key: self.hold.key,
            key_limited: self.hold.key_limited,
            free_request: self.hold.free_request,
            held: self.hold.amount,
            offer: last.map_or(self.hold.offer, |attempt| attempt.offer),
            reason,
            status,
            attempts,
            created_at: self.hold.at,
            total_ms: self.elapsed_ms(),
            stream: self.is_stream,
        })
    }

    fn end(&mut self, end: &Record, charged: Usd) -> u64 {
        self.is_spent = true;
        self.local.counters.hold_ended();
        if let Some(running) = self.running.take() {
            let used = match end {
                Record::Post(post) => post.tokens.input_total() + post.tokens.output_total(),
                _ => 0,
            };
            running.end(used, last_tick().0.saturating_mul(1000));
        }
        // Both were words of a cell before they were amounts.
        let word = |amount: Usd| amount.pico_i64().unwrap_or(i64::MAX);
        let (held, charged) = (word(self.hold.amount), word(charged));
        let KeyEntry { credit, allowance, .. } = &*self.key;
        let free_used = match end {
            Record::Post(post) => word(post.free_used()),
            _ => 0,
        };
        let free = self.free_request.take().map(|free| (free.into_cell(), free_used));
        let release = Release::new(Arc::clone(credit), allowance.clone(), held, charged);
        let release = release.and_free(free);
        self.local.records.end(end, self.hold_seq, release)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if !self.is_spent {
            self.local.counters.count(End::DroppedHold);
            let void = self.void(VoidReason::Ourselves, 0, Attempts::new());
            self.end(&void, Usd::ZERO);
        }
    }
}
