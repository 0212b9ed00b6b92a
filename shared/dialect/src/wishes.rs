//! What a request says of its route, read from JSON: members that are the gateway's alone and
//! never go upstream, the same in every dialect.
//!
//! Invariants: `null` is as if a member were not there; an unknown or wrong member is refused by
//! its name, so that a misspelt privacy rule or cap is never silently no rule; a price cap is
//! rounded down, a floor up.
//! Left out on purpose: whether anybody can serve it, which the planner finds.

mod budget;
mod provider;
#[cfg(test)]
mod tests;
mod value;

use catalog::route::{CostBand, Strategy, Wishes};
use wire::json::{Member, ValueKind};

use crate::intent::RequestFault;
use crate::wishes::value::Value;

/// Which models `auto` may choose from by their cost, the cheapest fifth first.
const COST_TIERS: [(&str, CostBand); 5] = [
    ("low", CostBand { from: 0, below: 200 }),
    ("medium", CostBand { from: 200, below: 400 }),
    ("high", CostBand { from: 400, below: 600 }),
    ("xhigh", CostBand { from: 600, below: 800 }),
    ("max", CostBand { from: 800, below: 1000 }),
];
/// Most names in `models`.
const MODELS_MAX: usize = 16;

/// Most objects in `fallbacks`.
const FALLBACKS_MAX: usize = 3;

/// What has been read of a request's wishes.
#[derive(Debug, Default)]
pub(crate) struct WishReader {
    wishes: Option<Box<Wishes>>,
}

impl WishReader {
    /// Takes a member of the request; false where it is not about the route.
    pub(crate) fn take(
        &mut self,
        body: &[u8],
        key: &[u8],
        member: &Member,
    ) -> Result<bool, RequestFault> {
        let value = Value::of(body, member);
        let take: fn(Value<'_>, &mut Wishes) -> Result<(), RequestFault> = match key {
            b"provider" => provider::read,
            b"routing" => budget::read,
            b"models" => read_models,
            b"route" => read_route,
            b"allowed_models" => read_allowed,
            b"plugins" => read_plugins,
            b"transforms" => read_transforms,
            _ => return Ok(false),
        };
        if member.kind != ValueKind::Null {
            take(value, self.wishes.get_or_insert_default())?;
        }
        Ok(true)
    }

    /// Takes the models to ask next as Anthropic's clients name them: a few objects.
    pub(crate) fn take_fallbacks(
        &mut self,
        body: &[u8],
        member: &Member,
    ) -> Result<(), RequestFault> {
        const PARAM: &str = "fallbacks";
        let mut names: Vec<Box<str>> = Vec::new();
        for item in Value::of(body, member).items(PARAM)? {
            for (key, value) in item.members(PARAM)? {
                match &*key {
                    "model" => names.push(value.text(PARAM)?.into()),
                    key => return Err(value::unknown(PARAM, key)),
                }
            }
        }
        let models = &mut self.wishes.get_or_insert_default().models;
        if !models.is_empty() || names.len() > FALLBACKS_MAX || names.iter().any(|it| it.is_empty())
        {
            let message = format!(
                "`fallbacks` must be at most {FALLBACKS_MAX} objects with a `model`, and not stand \
                 beside `models`"
            );
            return Err(RequestFault::invalid(PARAM, message));
        }
        *models = names;
        Ok(())
    }

    /// Whether every parameter of the request must be known.
    pub(crate) fn requires_parameters(&self) -> bool {
        self.wishes.as_ref().is_some_and(|wishes| wishes.require_parameters)
    }

    /// The model to ask first where the request names none but lists some.
    pub(crate) fn first_model(&mut self) -> Option<Box<str>> {
        let models = &mut self.wishes.as_mut()?.models;
        (!models.is_empty()).then(|| models.remove(0))
    }

    /// The wishes, where there are any.
    pub(crate) fn finish(self) -> Result<Option<Box<Wishes>>, RequestFault> {
        let Some(wishes) = self.wishes.filter(|wishes| **wishes != Wishes::default()) else {
            return Ok(None);
        };
        if let Some(Strategy::Split(weights)) = wishes.budget.as_ref().map(|it| &it.strategy)
            && weights.len() != wishes.models.len() + 1
        {
            let message = "`routing.weights` must have one weight for each model that is named";
            return Err(RequestFault::invalid("routing.weights", message));
        }
        Ok(Some(wishes))
    }
}

fn read_models(value: Value<'_>, wishes: &mut Wishes) -> Result<(), RequestFault> {
    wishes.models = value.names("models", MODELS_MAX)?;
    Ok(())
}

/// `fallback` is what `models` means anyway.
fn read_route(value: Value<'_>, _: &mut Wishes) -> Result<(), RequestFault> {
    value.one_of("route", &[("fallback", ()), ("sort", ())])
}

fn read_allowed(value: Value<'_>, wishes: &mut Wishes) -> Result<(), RequestFault> {
    wishes.auto.allowed = value.filled_names("allowed_models")?;
    Ok(())
}

fn read_plugins(value: Value<'_>, wishes: &mut Wishes) -> Result<(), RequestFault> {
    for plugin in value.items("plugins")? {
        read_plugin(plugin, wishes)?;
    }
    Ok(())
}

/// The one plugin there is says what `auto` may choose from. One that is switched off is none.
fn read_plugin(plugin: Value<'_>, wishes: &mut Wishes) -> Result<(), RequestFault> {
    let (mut id, mut is_on) = (String::new(), true);
    let mut auto = wishes.auto.clone();
    let (mut tier, mut ceiling, mut unknown) = (None, None, None);
    for (key, value) in plugin.members("plugins")? {
        match &*key {
            "id" => id = value.text("plugins.id")?,
            "enabled" => is_on = value.flag("plugins.enabled")?,
            "allowed_models" => auto.allowed = value.filled_names("plugins.allowed_models")?,
            "excluded_models" => auto.excluded = value.filled_names("plugins.excluded_models")?,
            "cost_tier" => tier = Some(value.one_of("plugins.cost_tier", &COST_TIERS)?),
            "cost_quality_tradeoff" => ceiling = Some(read_tradeoff(value)?),
            _ => unknown = Some(key),
        }
    }
    if !is_on {
        return Ok(());
    }
    if id != "auto-router" {
        let message = format!("the plugin `{id}` is not offered here; leave it out");
        return Err(RequestFault::unsupported("plugins", message));
    }
    if let Some(key) = unknown {
        let message = format!("the plugin `auto-router` has no `{key}` here; leave it out");
        return Err(RequestFault::unsupported("plugins", message));
    }
    auto.cost = tier.or(ceiling);
    wishes.auto = auto;
    Ok(())
}

/// The older form: each step lowers the ceiling, from nine tenths of the models to one.
fn read_tradeoff(value: Value<'_>) -> Result<CostBand, RequestFault> {
    const PARAM: &str = "plugins.cost_quality_tradeoff";
    match value.whole(PARAM)? {
        steps @ 0..=10 => Ok(CostBand { from: 0, below: 900 - 80 * steps as u16 }),
        _ => Err(RequestFault::invalid(PARAM, format!("`{PARAM}` must be from 0 to 10"))),
    }
}

fn read_transforms(value: Value<'_>, _: &mut Wishes) -> Result<(), RequestFault> {
    if value.items("transforms")?.next().is_some() {
        let message = "`transforms` are not offered here; leave them out";
        return Err(RequestFault::unsupported("transforms", message));
    }
    Ok(())
}
