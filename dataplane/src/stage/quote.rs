//! A quote: what a request would cost and where it would go, and why not elsewhere. The same is the
//! explanation of an answer that was asked for one.
//!
//! Invariants: the plan, its worst case and the verdicts of caps are those that the same request
//! would meet now; what stands behind a tier is named by its route's number alone.

use catalog::Catalog;
use catalog::route::{
    Budget, Candidate, Constraint, MaxPrice, Verdict, Violations, blended, route_id,
};
use dialect::Intent;
use serde_json::{Value, json};
use units::{TokenClass, Tokens, Usd};

use crate::answer_head::AnswerHead;
use crate::client::Client;
use crate::fault::Fault;
use crate::local::Local;
use crate::stage::plan::{Explained, Plan};

/// The caps of a request, with the words that it has for them.
const CAPS: [Constraint; 5] = [
    Constraint::CapInput,
    Constraint::CapOutput,
    Constraint::CapTotal,
    Constraint::Floor,
    Constraint::MaxPrice,
];

/// Endpoints that are told with why they are left out; `auto` looks at thousands.
const LEFT_OUT_MAX: usize = 1_000;

/// The quote as JSON.
pub fn told(catalog: &Catalog, intent: &Intent, explained: &Explained) -> Value {
    let Explained { plan, verdicts } = explained;
    let left_out = || verdicts.iter().filter(|verdict| verdict.place.is_none());
    let told = left_out().take(LEFT_OUT_MAX).map(|verdict| reasons(catalog, verdict));
    let mut quote = json!({
        "object": "quote",
        "model": intent.model,
        "currency": "USD",
        "routing": routing(intent),
        "caps": caps(intent, verdicts),
        "left_out": told.collect::<Vec<Value>>(),
        "left_out_more": left_out().count().saturating_sub(LEFT_OUT_MAX),
    });
    match plan {
        Ok(plan) => {
            let offered = |candidate: &Candidate| {
                let mut offered = offered(catalog, plan, intent, candidate);
                let is_it = |verdict: &&Verdict| verdict.endpoint == candidate.endpoint;
                offered["above"] = verdicts.iter().find(is_it).map(why).unwrap_or_default();
                offered
            };
            let candidates: Vec<Value> = plan.candidates.iter().map(offered).collect();
            quote["worst_cost"] = told_cost(plan.worst_cost(plan.output_cap));
            quote["expected"] = json!({
                "input_tokens": plan.input_tokens_estimate,
                "output_tokens": plan.expected_output().saturating_mul(intent.choices),
                "cost": candidates[0]["expected_cost"],
            });
            quote["candidates"] = candidates.into();
        }
        Err(fault) => {
            quote["candidates"] = json!([]);
            quote["refusal"] = refusal(fault);
        }
    }
    quote
}

/// Answers with a quote. *abandon closes*
pub async fn give(local: &Local, client: &mut Client, head: &AnswerHead, told: &Value) {
    let mut fields = Vec::with_capacity(512);
    head.write(local, 200, "application/json", &mut fields);
    client.answer(&fields, told.to_string().as_bytes());
    client.flush(&local.settings.limits).await;
}

fn refusal(fault: &Fault) -> Value {
    json!({
        "status": fault.status(),
        "code": fault.code.name(),
        "message": fault.refusal.message,
        "param": fault.refusal.param,
    })
}

/// An endpoint by its route's number and its price tag, and by its names where no tier hides them.
fn named(catalog: &Catalog, endpoint: u32, tier: Option<u32>) -> Value {
    let endpoint = &catalog.endpoints[endpoint as usize];
    let mut named = json!({
        "route_id": route_id(endpoint.offer),
        "input_per_1m": endpoint.price.base(TokenClass::Input),
        "output_per_1m": endpoint.price.base(TokenClass::Output),
    });
    match tier {
        Some(tier) => named["model"] = (*catalog.tiers[tier as usize].id).into(),
        None => {
            named["model"] = (*catalog.models[endpoint.model as usize].id).into();
            named["provider"] = (*catalog.provider(endpoint.provider).id).into();
            named["tag"] = endpoint.tag.as_deref().into();
        }
    }
    named
}

/// How the request has its route chosen; what it does not say is as it is without it.
fn routing(intent: &Intent) -> Value {
    let none = Budget::default();
    let budget = intent.wishes.as_ref().and_then(|wishes| wishes.budget.as_ref()).unwrap_or(&none);
    json!({
        "strategy": budget.strategy.name(),
        "continuity_mode": budget.continuity.name(),
        "escalation_allowed": budget.may_escalate,
        "rpm_cap": budget.rpm_cap,
    })
}

fn offered(catalog: &Catalog, plan: &Plan, intent: &Intent, candidate: &Candidate) -> Value {
    let price = &catalog.endpoints[candidate.endpoint as usize].price;
    let output = plan.expected_output().min(candidate.output_max);
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = plan.input_tokens_estimate;
    tokens[TokenClass::Output] = output.saturating_mul(intent.choices);
    tokens[TokenClass::Request] = 1;
    let shown = |class| price.price(class, plan.input_tokens_estimate, plan.tier);
    let (per_input, per_output) = (shown(TokenClass::Input), shown(TokenClass::Output));
    let mut offered = named(catalog, candidate.endpoint, candidate.tier);
    offered["input_per_1m"] = per_input.to_string().into();
    offered["output_per_1m"] = per_output.to_string().into();
    offered["estimated_total_usd_per_1m"] = blended(per_input, per_output).to_string().into();
    offered["output_cap"] = candidate.output_max.into();
    offered["expected_cost"] = told_cost(price.cost(&tokens, plan.tier));
    offered["escalated"] = candidate.is_escalated.into();
    offered
}

fn told_cost(cost: Option<Usd>) -> Value {
    cost.map_or(Value::Null, |cost| cost.to_string().into())
}

/// Why an endpoint is not in the plan; one that is allowed stands behind enough others.
fn reasons(catalog: &Catalog, verdict: &Verdict) -> Value {
    let mut told = named(catalog, verdict.endpoint, verdict.tier);
    told["why"] = why(verdict);
    told["message"] = if verdict.violations == Violations::NONE {
        "others come before it".into()
    } else {
        verdict.violations.to_string().into()
    };
    told
}

/// What an endpoint violates; of one that is planned, the caps that are let go for once.
fn why(verdict: &Verdict) -> Value {
    verdict.violations.iter().map(Constraint::name).collect::<Vec<_>>().into()
}

/// Each cap of the request, with how many endpoints are within it and how many are not.
fn caps(intent: &Intent, verdicts: &[Verdict]) -> Vec<Value> {
    let wishes = intent.wishes.as_deref();
    let budget = wishes.and_then(|wishes| wishes.budget.as_ref());
    let limit = |cap| -> Option<Value> {
        let price = match cap {
            Constraint::CapInput => budget?.max_input,
            Constraint::CapOutput => budget?.max_output,
            Constraint::CapTotal => budget?.max_total,
            Constraint::Floor => budget?.min_total,
            _ => return max_price(&wishes?.max_price),
        };
        Some(price?.to_string().into())
    };
    let told = |cap: Constraint| {
        let limit = limit(cap)?;
        let outside = verdicts.iter().filter(|verdict| verdict.violations.has(cap)).count();
        let within = verdicts.len() - outside;
        let (name, holds) = (cap.name(), within > 0);
        Some(json!({
            "cap": name, "usd_per_1m": limit, "within": within, "outside": outside, "fits": holds,
        }))
    };
    CAPS.into_iter().filter_map(told).collect()
}

/// `provider.max_price` as it was written: USD per million tokens, the request and an image each.
fn max_price(most: &MaxPrice) -> Option<Value> {
    let each = |price: Option<Usd>| price.map(|price| price.to_string());
    (*most != MaxPrice::default()).then(|| {
        json!({
            "prompt": most.prompt,
            "completion": most.completion,
            "request": each(most.request),
            "image": each(most.image),
            "audio": most.audio,
        })
    })
}
