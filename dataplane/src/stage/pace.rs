//! Stage 2, pace: whether the key may send a request now, and run one more.
//!
//! Requests are counted before the body is read, tokens and running requests after the plan, when
//! it is known what may be used; so are requests that may be served for nothing, of all keys of an
//! account together, and requests under a ceiling lower than their key's limit. Left out on
//! purpose: the rules, which are the key's `Pace`, and money, which is `admit`'s.

use std::net::IpAddr;

use catalog::KeyClass;
use dialect::Intent;
use ledger::cell::{Ceiling, Paced, RateVerdict, Running, Standing};

use crate::answer_head::AnswerHead;
use crate::fault::{Code, Fault};
use crate::local::Local;
use crate::local::published::KeyEntry;
use crate::net::deadline::last_tick;
use crate::stage::authenticate::Principal;

/// Counts a request against its key, and says so in the answer's head.
pub fn request(local: &Local, principal: &Principal, head: &mut AnswerHead) -> Result<(), Fault> {
    let (key, now_us) = (&principal.key, now_us());
    let (standing, passed) = key.pace.request(&key.limits, most(local), now_us);
    tell(key, standing, now_us, head);
    passed.map_err(|paced| refused(paced, "this key"))
}

/// Counts a guest's request against where it comes from, and says so in the answer's head.
pub fn guest(
    local: &Local,
    principal: &Principal,
    address: Option<IpAddr>,
    head: &mut AnswerHead,
) -> Result<(), Fault> {
    let pace = local.guests.pace(address);
    let (standing, passed) = pace.request(&principal.key.limits, most(local), now_us());
    (head.rate, head.day) = (Some(standing.minute), standing.day);
    passed.map_err(|paced| refused(paced, "a guest"))
}

/// Whether a key may have something for nothing now, as far as that is limited.
pub fn may_have_free(local: &Local, principal: &Principal) -> bool {
    let free = principal.key.free.as_ref();
    free.is_none_or(|free| free.pace.check(&free.limits, most(local), now_us()).is_ok())
}

/// Counts a request that may be served for nothing against its account; false where that would be
/// one too many.
pub fn free(local: &Local, principal: &Principal, head: &mut AnswerHead) -> bool {
    let Some(free) = &principal.key.free else { return true };
    let (standing, passed) = free.pace.request(&free.limits, most(local), now_us());
    head.free = standing.day;
    passed.is_ok()
}

/// The fault of a request that can be served for nothing only: when that may be tried again.
pub fn free_later(
    local: &Local,
    principal: &Principal,
    mut fault: Fault,
    head: &mut AnswerHead,
) -> Fault {
    let Some(free) = principal.key.free.as_ref().filter(|_| fault.code == Code::RateLimitExceeded)
    else {
        return fault;
    };
    let (most, now_us) = (most(local), now_us());
    head.free = free.pace.look(&free.limits, most, now_us).day;
    if let Err(Paced::Minute(_, wait_ms) | Paced::Day(_, wait_ms)) =
        free.pace.check(&free.limits, most, now_us)
    {
        fault.retry_after_s = Some(wait_ms.div_ceil(1000).max(1));
    }
    fault
}

/// Says how a key stands, for an answer that is not counted against it.
pub fn look(local: &Local, principal: &Principal, head: &mut AnswerHead) {
    let (key, now_us) = (&principal.key, now_us());
    tell(key, key.pace.look(&key.limits, most(local), now_us), now_us, head);
}

/// Lets a request run that will probably use so many tokens; `None` where nothing limits that.
pub fn begin(
    principal: &Principal,
    tokens: u64,
    head: &mut AnswerHead,
) -> Result<Option<Running>, Fault> {
    let (key, now_us) = (&principal.key, now_us());
    let running = key.pace.begin(&key.limits, tokens, now_us);
    let running = running.map_err(|paced| refused(paced, "this key"))?;
    if running.is_some() {
        head.tokens = key.pace.look_tokens(&key.limits, now_us);
    }
    Ok(running)
}

/// Counts a request against the ceilings below its key's limit: that of its tier, where the key has
/// no limit of its own, and the one that it names itself.
pub fn ceiling(
    local: &Local,
    principal: &Principal,
    intent: &Intent,
    tier: Option<u32>,
    head: &mut AnswerHead,
) -> Result<(), Fault> {
    let (key, limits) = (&principal.key, &principal.key.limits);
    let catalog = principal.generation.published().catalog();
    let tier = tier.filter(|_| limits.rpm.is_none());
    let of_tier = tier.and_then(|tier| Some((tier, catalog.tiers[tier as usize].rpm?)));
    let budget = intent.wishes.as_deref().and_then(|wishes| wishes.budget.as_ref());
    let named = budget.and_then(|budget| budget.rpm_cap);
    // What guests run on has one pace for all of them, and a limit for each that is low already.
    if (of_tier.is_none() && named.is_none()) || key.class == KeyClass::Guest {
        return Ok(());
    }
    let mut lowest = limits.rpm.unwrap_or(most(local));
    let ceilings = [
        of_tier.map(|(tier, rpm)| (Ceiling::Tier(tier), rpm)),
        named.map(|rpm| (Ceiling::Request, rpm)),
    ];
    for (ceiling, rpm) in ceilings.into_iter().flatten() {
        if rpm >= lowest {
            continue;
        }
        lowest = rpm;
        let verdict = key.pace.ceiling(ceiling, rpm, now_us());
        if head.rate.is_none_or(|rate| verdict.remaining <= rate.remaining) {
            head.rate = Some(verdict);
        }
        if !verdict.allowed {
            return Err(above(ceiling, &verdict));
        }
    }
    Ok(())
}

fn above(ceiling: Ceiling, verdict: &RateVerdict) -> Fault {
    let limit = verdict.limit;
    let mut fault = match ceiling {
        Ceiling::Tier(_) => Fault::new(
            Code::RateLimitExceeded,
            format!("this key may send {limit} requests a minute to this tier; they are used up"),
        ),
        Ceiling::Request => Fault::new(
            Code::RateLimitExceeded,
            format!(
                "this request is to be one of {limit} a minute at most (`routing.rpm_cap`), and \
                 they are used up; send it later, or raise the cap"
            ),
        )
        .about("routing.rpm_cap"),
    };
    fault.retry_after_s = Some(verdict.retry_after_ms.div_ceil(1000).max(1));
    fault
}

/// What a key without a limit of its own may send in a minute.
fn most(local: &Local) -> u32 {
    local.settings.limits.key_rpm_max
}

/// A core whose own clock is a moment behind would refuse the last request of a burst.
fn now_us() -> u64 {
    last_tick().0.saturating_mul(1000)
}

fn tell(key: &KeyEntry, standing: Standing, now_us: u64, head: &mut AnswerHead) {
    (head.rate, head.day) = (Some(standing.minute), standing.day);
    head.tokens = key.pace.look_tokens(&key.limits, now_us);
}

fn refused(paced: Paced, who: &str) -> Fault {
    let (message, wait_ms) = match paced {
        Paced::Minute(limit, wait_ms) => {
            (format!("{who} may send {limit} requests a minute; the limit is used up"), wait_ms)
        }
        Paced::Day(limit, wait_ms) => {
            let message = format!(
                "{who} may send {limit} requests a day; the limit is used up until midnight UTC"
            );
            (message, wait_ms)
        }
        Paced::Tokens(tokens) => {
            let message = format!(
                "{who} may use {} tokens a minute, and {} are left, less than this request may \
                 need; ask for fewer with max_tokens, or later",
                tokens.limit, tokens.remaining
            );
            (message, tokens.retry_after_ms)
        }
        Paced::AtOnce(limit) => {
            (format!("{who} may run {limit} requests at once; wait for one to end"), 0)
        }
    };
    let mut fault = Fault::new(Code::RateLimitExceeded, message);
    fault.retry_after_s = Some(wait_ms.div_ceil(1000).max(1));
    fault
}
