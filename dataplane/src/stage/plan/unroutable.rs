//! What is told where a request has no route: the one thing in its way, and whose it is.
//!
//! Invariants: a price cap is a 402; what the key may not is a 403; free requests that are used up
//! are a 429; what the request's `provider` excludes is a 404; what no provider can do now is a
//! 503. Under OpenRouter's rules `provider.max_price` is told as every other constraint of
//! `provider`.

use catalog::route::{Constraint, Filtered, NoRoute};
use catalog::{Catalog, KeyClass, ModelKind, Privacy};
use dialect::ClientDialect;

use crate::fault::{Code, Fault};
use crate::local::published::KeyEntry;
use crate::route::Surface;

/// The fault of a key's request without a route.
pub fn unroutable(
    catalog: &Catalog,
    why: &NoRoute,
    key: &KeyEntry,
    asked: (Surface, ClientDialect),
) -> Fault {
    match why {
        NoRoute::Unknown(name) => unknown(name),
        NoRoute::Planned(tier) => planned(catalog, *tier),
        NoRoute::Filtered(filtered) => left_out(catalog, filtered, key, asked),
    }
}

fn unknown(name: &str) -> Fault {
    let hint = match name.rsplit_once(':') {
        Some(_) => "; variants are :nitro, :floor, :free, :online, :extended, :thinking and :beta",
        None => "",
    };
    let message =
        format!("the model `{name}` does not exist{hint}; GET /v1/models lists what there is");
    Fault::new(Code::ModelNotFound, message).about("model")
}

fn planned(catalog: &Catalog, tier: u32) -> Fault {
    let id = catalog.tiers.get(tier as usize).map_or("", |tier| &tier.id);
    let message = format!("the tier `{id}` is planned and cannot be called yet; use another one");
    Fault::new(Code::TierUnavailable, message).about("model")
}

fn left_out(
    catalog: &Catalog,
    filtered: &Filtered,
    key: &KeyEntry,
    asked: (Surface, ClientDialect),
) -> Fault {
    let model = catalog.models.get(filtered.model as usize);
    // What stands behind a tier is not told.
    let tier = filtered.tier.and_then(|tier| catalog.tiers.get(tier as usize));
    let id = tier.map(|tier| &*tier.id).or(model.map(|model| &*model.id)).unwrap_or_default();
    let (code, param) = told(filtered.constraint, asked);
    let rule = key_rule(filtered.constraint, &key.privacy);
    let who = if key.class == KeyClass::Guest { "guests" } else { "this key" };
    let mut message = match filtered.constraint {
        Constraint::Kind => other_kind(id, model.map(|model| model.kind)),
        Constraint::Dialect => format!(
            "no provider of `{id}` takes legacy completions or embeddings as such; ask it at \
             /v1/chat/completions, or use another model"
        ),
        Constraint::KeyModels => format!("{who} may not use the model `{id}`"),
        Constraint::KeyProviders => {
            format!("{who} may not use the providers that `{id}` can be had from")
        }
        Constraint::Unreachable => format!(
            "no endpoint of `{id}` can be used now: its providers have no API key here, \
             or their names do not resolve"
        ),
        Constraint::Context => {
            let context = model.map_or(0, |model| model.context);
            format!("the input does not fit the {context} tokens of context of `{id}`")
        }
        Constraint::Free => {
            format!("`{id}` cannot be had for free; ask for it without `:free`")
        }
        Constraint::Reasoning => {
            format!("`{id}` does not reason; ask for it without `:thinking`")
        }
        Constraint::Search => format!(
            "`{id}` cannot search the web here, as no endpoint of it has a price for searches; \
             ask for it without `:online` and without a search among `tools` or in \
             `web_search_options`"
        ),
        Constraint::Auto => "no model fits what `auto` may choose from".to_owned(),
        Constraint::CapInput | Constraint::CapOutput | Constraint::CapTotal | Constraint::Floor => {
            let says = filtered.constraint.says();
            format!(
                "No route available under budget: what `{id}` can be had from {says}; POST \
                 /v1/quote tells what it costs"
            )
        }
        Constraint::FreeUsed => format!(
            "this account has used up its free requests, and `{id}` is free; wait, buy credit, or \
             use a model that has a price"
        ),
        other => format!("no endpoint of `{id}` fits: what is there {}", other.says()),
    };
    if let Some(rule) = rule {
        message.push_str(&format!("; `{rule}` of this key, or of its account, rules it out"));
    }
    if !filtered.helps && filtered.violations.len() > 1 {
        message.push_str(&format!("; of the endpoint that came nearest: {}", filtered.violations));
    }
    let fault = Fault::new(code, message);
    match rule.or(param) {
        Some(param) => fault.about(param),
        None => fault,
    }
}

/// What is told where a model is of this kind, and another one is needed.
fn other_kind(id: &str, kind: Option<ModelKind>) -> String {
    match kind {
        Some(ModelKind::Embedding) => {
            format!("`{id}` makes embeddings; ask for them at /v1/embeddings")
        }
        _ => format!("`{id}` makes no embeddings; ask it at /v1/chat/completions"),
    }
}

/// The rule of a key or its account that an endpoint breaks, by its name in the API.
const fn key_rule(constraint: Constraint, privacy: &Privacy) -> Option<&'static str> {
    match constraint {
        Constraint::Region => Some("allowed_regions"),
        Constraint::Collection if privacy.deny_collection => Some("data_collection"),
        Constraint::Zdr if privacy.zdr => Some("zdr"),
        _ => None,
    }
}

/// How a constraint is told, and the member that it is about.
const fn told(
    constraint: Constraint,
    (surface, client): (Surface, ClientDialect),
) -> (Code, Option<&'static str>) {
    match constraint {
        Constraint::Kind | Constraint::Dialect | Constraint::Reasoning => {
            (Code::UnsupportedForModel, Some("model"))
        }
        Constraint::KeyModels | Constraint::KeyProviders => (Code::NotAllowed, Some("model")),
        Constraint::Unreachable => (Code::TierUnavailable, None),
        Constraint::Context => (Code::ContextLengthExceeded, Some(client.input_member())),
        Constraint::ServiceTier => (Code::UnsupportedForModel, Some("service_tier")),
        Constraint::Search => {
            let is_chat = matches!(client, ClientDialect::Chat);
            let param = if is_chat { "web_search_options" } else { "tools" };
            (Code::UnsupportedForModel, Some(param))
        }
        Constraint::ForeignTools => (Code::UnsupportedForModel, Some("tools")),
        Constraint::Countable => (Code::UnsupportedForModel, None),
        Constraint::Region | Constraint::Collection | Constraint::Zdr => {
            (Code::PrivacyRestricted, Some("provider"))
        }
        Constraint::Only
        | Constraint::Ignore
        | Constraint::Order
        | Constraint::Quantization
        | Constraint::Parameters => (Code::ConstraintFiltered, Some("provider")),
        Constraint::Auto => (Code::ConstraintFiltered, Some("allowed_models")),
        Constraint::FreeUsed => (Code::RateLimitExceeded, Some("model")),
        Constraint::Free => (Code::ModelNotFound, Some("model")),
        Constraint::MaxPrice => match surface {
            Surface::OpenAi => (Code::NoRouteUnderCap, Some("provider.max_price")),
            Surface::OpenRouter => (Code::ConstraintFiltered, Some("provider.max_price")),
        },
        Constraint::CapInput => (Code::NoRouteUnderCap, Some("routing.max_input_per_1m")),
        Constraint::CapOutput => (Code::NoRouteUnderCap, Some("routing.max_output_per_1m")),
        Constraint::CapTotal => (Code::NoRouteUnderCap, Some("routing.max_total_per_1m")),
        Constraint::Floor => (Code::NoRouteUnderCap, Some("routing.min_total_per_1m")),
    }
}
