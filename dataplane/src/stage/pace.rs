//! Stage 2, pace: whether the key may send a request now, and run one more.
//!
//! Requests are counted before the body is read, tokens and running requests after the plan, when
//! it is known what may be used, and so are requests under a ceiling lower than their key's limit.
//! Left out on purpose: the rules, which are the key's `Pace`, and money, which is `admit`'s.

use dialect::Intent;
use ledger::cell::{Ceiling, Paced, RateVerdict, Running};

use crate::answer_head::AnswerHead;
use crate::fault::{Code, Fault};
use crate::local::Local;
use crate::local::published::KeyEntry;
use crate::stage::authenticate::Principal;

/// Counts a request against its key, and says so in the answer's head.
pub fn request(local: &Local, principal: &Principal, head: &mut AnswerHead) -> Result<(), Fault> {
    let (key, now_us) = (&principal.key, now_us(local));
    let most = local.settings.limits.key_rpm_max;
    let (verdict, passed) = key.pace.request(&key.limits, most, now_us);
    tell(key, verdict, now_us, head);
    passed.map_err(refused)
}

/// Says how a key stands, for an answer that is not counted against it.
pub fn look(local: &Local, principal: &Principal, head: &mut AnswerHead) {
    let (key, now_us) = (&principal.key, now_us(local));
    let verdict = key.pace.look(&key.limits, local.settings.limits.key_rpm_max, now_us);
    tell(key, verdict, now_us, head);
}

/// Lets a request run that will probably use so many tokens; `None` where nothing limits that.
pub fn begin(
    local: &Local,
    principal: &Principal,
    tokens: u64,
    head: &mut AnswerHead,
) -> Result<Option<Running>, Fault> {
    let (key, now_us) = (&principal.key, now_us(local));
    let running = key.pace.begin(&key.limits, tokens, now_us).map_err(refused)?;
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
    if of_tier.is_none() && named.is_none() {
        return Ok(());
    }
    let mut lowest = limits.rpm.unwrap_or(local.settings.limits.key_rpm_max);
    let ceilings = [
        of_tier.map(|(tier, rpm)| (Ceiling::Tier(tier), rpm)),
        named.map(|rpm| (Ceiling::Request, rpm)),
    ];
    for (ceiling, rpm) in ceilings.into_iter().flatten() {
        if rpm >= lowest {
            continue;
        }
        lowest = rpm;
        let verdict = key.pace.ceiling(ceiling, rpm, now_us(local));
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

fn now_us(local: &Local) -> u64 {
    local.deadlines.clock().wall().0.saturating_mul(1000)
}

fn tell(key: &KeyEntry, verdict: RateVerdict, now_us: u64, head: &mut AnswerHead) {
    head.rate = Some(verdict);
    head.tokens = key.pace.look_tokens(&key.limits, now_us);
}

fn refused(paced: Paced) -> Fault {
    let (message, wait_ms) = match paced {
        Paced::Minute(limit, wait_ms) => {
            (format!("this key may send {limit} requests a minute; the limit is used up"), wait_ms)
        }
        Paced::Day(limit, wait_ms) => {
            let message = format!(
                "this key may send {limit} requests a day; the limit is used up until midnight UTC"
            );
            (message, wait_ms)
        }
        Paced::Tokens(tokens) => {
            let message = format!(
                "this key may use {} tokens a minute, and {} are left, less than this request may \
                 need; ask for fewer with max_tokens, or later",
                tokens.limit, tokens.remaining
            );
            (message, tokens.retry_after_ms)
        }
        Paced::AtOnce(limit) => {
            (format!("this key may run {limit} requests at once; wait for one to end"), 0)
        }
    };
    let mut fault = Fault::new(Code::RateLimitExceeded, message);
    fault.retry_after_s = Some(wait_ms.div_ceil(1000).max(1));
    fault
}
