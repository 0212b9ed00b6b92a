//! Stage 9, report: a settled request becomes counts.
//!
//! Left out on purpose: bodies, keys, names of customers.

use crate::local::Local;
use crate::stage::settle::Settled;

/// Counts a settled request.
pub fn report(local: &Local, settled: &Settled) {
    local.counters.count_settled(!settled.charged.is_zero());
}
