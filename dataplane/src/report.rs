//! Stage 9, report: a settled request becomes counts.
//!
//! Left out on purpose: bodies, keys, names of customers.

use ledger::record::Flags;
use link::End;

use crate::local::Local;
use crate::stage::settle::Settled;

/// Counts a settled request.
pub fn report(local: &Local, settled: &Settled) {
    let Settled { charged, written_off, flags, .. } = settled;
    local.counters.count(if charged.is_zero() { End::Voided } else { End::Charged });
    if *flags != Flags::NONE {
        report_special(local, *flags);
    }
    if !written_off.is_zero() {
        local.counters.count(End::WrittenOff);
    }
}

fn report_special(local: &Local, flags: Flags) {
    if flags.has(Flags::USAGE_MISSING) || flags.has(Flags::USAGE_ABSURD) {
        local.counters.count(End::Estimated);
    }
    if flags.has(Flags::OVERRUN) {
        local.counters.count(End::Overrun);
    }
}
