//! `GET /v1/status/routes`: each tier, whether it can be had now, and what it costs at least.
//!
//! Open to everyone, and the same for all: it knows no key's lists and no request's caps.
//! Invariants: what stands behind a tier is counted and never named, but for the number of the
//! cheapest route; prices are those of a small request at the default service tier.

use catalog::route::{Condition, Detail, blended, route_id};
use catalog::rows::{ModelKind, TierStatus};
use catalog::{Catalog, Endpoint, Tier};
use serde_json::{Value, json};
use units::{Price, TokenClass, UnixMillis};

use crate::health::Health;
use crate::local::published::Published;

/// The tiers of a generation as JSON.
pub fn told(published: &Published, health: &Health, now: UnixMillis) -> Value {
    let tiers = published.catalog().tiers.iter();
    let tiers: Vec<Value> = tiers.map(|tier| of_tier(published, health, now, tier)).collect();
    json!({ "object": "list", "currency": "USD", "data": tiers })
}

fn of_tier(published: &Published, health: &Health, now: UnixMillis, tier: &Tier) -> Value {
    let catalog = published.catalog();
    let candidates: Vec<&Endpoint> = candidates(catalog, tier).collect();
    let is_live = |endpoint: &&&Endpoint| {
        let upstream = published.upstream(endpoint.provider);
        let health = health.of(endpoint, Some(upstream), (Detail::Condition, now));
        published.is_usable(endpoint.provider) && health.condition != Condition::Ejected
    };
    let live: Vec<&Endpoint> = candidates.iter().filter(is_live).copied().collect();
    let status = match tier.status {
        TierStatus::Planned => "planned",
        TierStatus::Available if live.is_empty() => "outage",
        TierStatus::Available => "available",
    };
    let cheapest = live.iter().min_by_key(|endpoint| blend(endpoint));
    let cheapest = cheapest.filter(|_| tier.status == TierStatus::Available);
    json!({
        "alias": tier.id,
        "status": status,
        "intelligence_level": tier.level,
        "model_family": tier.model_family,
        "use_case": tier.use_case,
        "usd_per_1m_band": tier.band,
        "rpm": tier.rpm,
        "candidates": candidates.len(),
        "live_candidates": live.len(),
        "cheapest": cheapest.map(|endpoint| route(endpoint)),
    })
}

/// Every endpoint behind a tier that answers messages.
fn candidates<'c>(catalog: &'c Catalog, tier: &'c Tier) -> impl Iterator<Item = &'c Endpoint> {
    let models = catalog.models_of(tier).filter(|model| model.kind == ModelKind::Chat);
    models.flat_map(|model| catalog.endpoints_of(model))
}

fn prices(endpoint: &Endpoint) -> [Price; 2] {
    [TokenClass::Input, TokenClass::Output].map(|class| endpoint.price.base(class))
}

fn blend(endpoint: &Endpoint) -> Price {
    let [input, output] = prices(endpoint);
    blended(input, output)
}

fn route(endpoint: &Endpoint) -> Value {
    let [input, output] = prices(endpoint);
    json!({
        "route_id": route_id(endpoint.offer),
        "input_per_1m": input,
        "output_per_1m": output,
        "estimated_total_usd_per_1m": blended(input, output),
    })
}
