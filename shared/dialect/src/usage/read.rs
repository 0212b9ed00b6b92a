//! Counts out of JSON.
//!
//! Invariants: what is no count never becomes one; sums of a few counts cannot overflow.

use wire::json::{Member, ValueKind, u64_value};

use super::UsageFault;

/// Nobody counts further in one request; larger numbers are nonsense.
const COUNT_MAX: u64 = 1 << 48;

/// A total: `None` where it is null.
pub(super) fn total(object: &[u8], member: &Member) -> Result<Option<u64>, UsageFault> {
    match member.kind {
        ValueKind::Null => Ok(None),
        ValueKind::Number => {
            let count = u64_value(member.value.of(object)).filter(|count| *count <= COUNT_MAX);
            count.map(Some).ok_or(UsageFault::NotACount)
        }
        _ => Err(UsageFault::NotACount),
    }
}

/// A part of a total: nothing where it is null, nothing and odd where it is no count.
pub(super) fn part(object: &[u8], member: &Member, is_odd: &mut bool) -> u64 {
    let told = total(object, member);
    *is_odd |= told.is_err();
    told.ok().flatten().unwrap_or(0)
}
