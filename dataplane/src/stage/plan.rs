//! Stage 4, plan: which endpoints may serve the request, and what it can cost at worst. Pure.
//!
//! Invariants: a plan is never empty; its worst case covers every candidate at the dearest price
//! it may be served at, so one hold covers all attempts. What no endpoint can bound or price is
//! refused here, before any money is held.
//! Left out on purpose: health and dialling (`exchange`), and how much credit there is (`admit`).

use catalog::{Endpoint, Modalities, Model, ModelKind, Provider, Reach, ServiceTier, TierSet};
use dialect::{InputShape, Intent};
use units::Usd;
use wire::splice::write_string;

use crate::fault::{Code, Fault};
use crate::local::published::{KeyEntry, Published};
use crate::settings::InputBound;

/// Output tokens that a cap is never lowered below, unless the client asked for fewer.
const OUTPUT_CAP_FLOOR: u64 = 256;
/// Without a client limit and with little credit, at least so many output tokens are aimed at.
const OUTPUT_CAP_DEFAULT: u64 = 4096;
/// Bytes of text that usually make a token; for estimates, never for bounds.
const BYTES_PER_TOKEN: u64 = 4;
/// Text with more bytes than this for each token of context cannot fit, whatever the tokenizer.
const BYTES_PER_TOKEN_MAX: u64 = 8;

/// What a request may be served by, and what that costs at most.
#[derive(Debug)]
pub struct Plan {
    /// Indices into the catalog's endpoints, in the order to try them.
    pub candidates: Vec<u32>,
    /// The model as the client sees it, as a JSON string.
    pub model_json: Box<[u8]>,
    /// The price tier asked for.
    pub tier: ServiceTier,
    /// The most that input and fees can cost.
    pub input_cost_max: Usd,
    /// The most that one output token of each choice can cost, all choices together.
    pub output_token_cost_max: Usd,
    /// Output tokens aimed at, for each choice.
    pub output_cap: u64,
    /// The client's own limit; without one the cap also depends on the credit.
    pub output_limit: Option<u64>,
    /// The cap may be lowered to what the credit affords, but not below this.
    pub output_cap_floor: u64,
    /// The input tokens it probably counts.
    pub input_tokens_estimate: u64,
    /// The most input tokens that it was held for.
    pub input_tokens_max: u64,
}

impl Plan {
    /// What the request costs at most with an output cap; `None` beyond what can be counted.
    pub fn worst_cost(&self, output_cap: u64) -> Option<Usd> {
        self.output_token_cost_max.checked_mul(output_cap)?.checked_add(self.input_cost_max)
    }

    /// The output tokens for each choice that `credit` pays for.
    pub fn affordable_cap(&self, credit: Usd) -> u64 {
        let left = credit.pico().saturating_sub(self.input_cost_max.pico());
        match (left, self.output_token_cost_max.pico()) {
            (..=-1, _) => 0,
            (_, 0) => u64::MAX,
            (left, each) => u64::try_from(left / each).unwrap_or(u64::MAX),
        }
    }

    /// The cap to aim at with this much credit.
    pub fn cap_for(&self, credit: Usd) -> u64 {
        if self.output_limit.is_some() {
            return self.output_cap;
        }
        let eighth = self.affordable_cap(Usd::from_pico(credit.pico() / 8));
        self.output_cap.min(eighth.max(OUTPUT_CAP_DEFAULT))
    }
}

/// Plans a request for a key.
pub fn plan(
    published: &Published,
    key: &KeyEntry,
    intent: &Intent,
    input_bound: InputBound,
) -> Result<Plan, Fault> {
    let catalog = published.catalog();
    let Some(model) = catalog.model(&intent.model) else {
        return Err(Fault::new(
            Code::ModelNotFound,
            format!("the model `{}` does not exist; GET /v1/models lists them", intent.model),
        )
        .about("model"));
    };
    check_allowed(key, model)?;
    check_kind(model)?;
    let tier = requested_tier(intent)?;
    let mut worst = Worst::of(model, intent);
    let (mut refused, mut may_use_one) = (None, false);
    for index in model.endpoints.clone() {
        let endpoint = &catalog.endpoints[index as usize];
        let provider = catalog.provider(endpoint.provider);
        let is_allowed = key.allows_provider(&provider.id);
        may_use_one |= is_allowed;
        if !is_allowed || !published.is_usable(endpoint.provider) {
            continue;
        }
        let candidate = Candidate { endpoint, provider, model, intent, tier };
        match candidate.worst(input_bound) {
            Ok(cost) => worst.include(index, cost),
            Err(fault) => refused = Some(fault),
        }
    }
    if worst.candidates.is_empty() {
        let none = || if may_use_one { no_endpoint(model) } else { no_provider(model) };
        return Err(refused.unwrap_or_else(none));
    }
    Ok(worst.into_plan(intent, model, tier))
}

fn no_endpoint(model: &Model) -> Fault {
    Fault::new(
        Code::TierUnavailable,
        format!(
            "no endpoint of `{}` can be used now: its providers have no API key here, \
             or their names do not resolve",
            model.id
        ),
    )
}

fn no_provider(model: &Model) -> Fault {
    let message = format!("this key may not use the providers that `{}` can be had from", model.id);
    Fault::new(Code::NotAllowed, message).about("model")
}

fn check_allowed(key: &KeyEntry, model: &Model) -> Result<(), Fault> {
    if key.allows_model(&model.id) {
        return Ok(());
    }
    let message = format!("this key may not use the model `{}`", model.id);
    Err(Fault::new(Code::NotAllowed, message).about("model"))
}

fn check_kind(model: &Model) -> Result<(), Fault> {
    if model.kind == ModelKind::Chat {
        return Ok(());
    }
    let message = format!("`{}` is not a chat model", model.id);
    Err(Fault::new(Code::UnsupportedForModel, message).about("model"))
}

fn requested_tier(intent: &Intent) -> Result<ServiceTier, Fault> {
    match intent.service_tier.as_deref() {
        None | Some("auto") => Ok(ServiceTier::Default),
        Some(name) => ServiceTier::from_name(name).ok_or_else(|| {
            let message = format!("the service tier `{name}` is not offered; leave it out");
            Fault::new(Code::UnsupportedForModel, message).about("service_tier")
        }),
    }
}

/// One endpoint that may serve one request.
struct Candidate<'a> {
    endpoint: &'a Endpoint,
    provider: &'a Provider,
    model: &'a Model,
    intent: &'a Intent,
    tier: ServiceTier,
}

struct WorstCost {
    input: Usd,
    output_token: Usd,
    input_tokens_estimate: u64,
    input_tokens_max: u64,
    output_max: u64,
}

impl Candidate<'_> {
    fn worst(&self, bound: InputBound) -> Result<WorstCost, Fault> {
        let Self { endpoint, intent, .. } = *self;
        let context = endpoint.context;
        if intent.input.text_bytes / BYTES_PER_TOKEN_MAX > context {
            return Err(too_long(self.model, context));
        }
        if !endpoint.price.tiers().has(self.tier) {
            return Err(self.unpriced("its service tier").about("service_tier"));
        }
        if intent.web_search {
            return Err(self.unpriced("web searches").about("web_search_options"));
        }
        if intent.foreign_tools {
            return Err(self.unpriced("tools that its provider runs").about("tools"));
        }
        let estimate = self.tokens(intent.input.text_bytes / BYTES_PER_TOKEN).min(context);
        let input_tokens_max = match bound {
            InputBound::Strict => self.tokens(intent.input.text_bytes).min(context),
            InputBound::Normal => (estimate + estimate / 2).min(context),
        };
        let price = endpoint.price.worst(&self.reach(input_tokens_max));
        let input = price.input.times(input_tokens_max);
        let input = input.and_then(|cost| cost.checked_add(price.request));
        let costs = input.zip(price.output.times(intent.choices));
        let (input, output_token) = costs.ok_or_else(|| self.unpriced("so much"))?;
        let room = context.saturating_sub(estimate).max(OUTPUT_CAP_FLOOR);
        Ok(WorstCost {
            input,
            output_token,
            input_tokens_estimate: estimate,
            input_tokens_max,
            output_max: endpoint.max_output.min(room),
        })
    }

    /// Text tokens plus what parts and the provider's own framing add.
    fn tokens(&self, text: u64) -> u64 {
        let InputShape { images, audios, files, unknown_parts, .. } = self.intent.input;
        let most = &self.provider.part_tokens;
        let parts = [(images, most.image), (audios, most.audio), (files, most.file)]
            .into_iter()
            .map(|(count, each)| count.saturating_mul(each.unwrap_or(self.endpoint.context)))
            .fold(0u64, u64::saturating_add);
        let unknown = unknown_parts.saturating_mul(self.endpoint.context);
        text.saturating_add(self.provider.input_overhead)
            .saturating_add(parts)
            .saturating_add(unknown)
    }

    /// Which prices the answer may be charged at.
    fn reach(&self, input_tokens: u64) -> Reach {
        let shape = self.intent.input;
        let when = |is_there: bool, modality| if is_there { modality } else { Modalities::TEXT };
        // A file may hold images; of what is not known it may hold anything.
        let (images, audios) = (shape.images + shape.files, shape.audios);
        let may_speak = self.intent.audio_output;
        let silent = self.model.output_modalities.without(Modalities::AUDIO);
        Reach {
            inputs: Modalities::TEXT
                .with(when(images + shape.unknown_parts > 0, Modalities::IMAGE))
                .with(when(audios + shape.unknown_parts > 0, Modalities::AUDIO)),
            outputs: silent.with(Modalities::TEXT).with(when(may_speak, Modalities::AUDIO)),
            input_tokens,
            // No usage of this dialect counts writes for an hour.
            hour_cache: false,
            tiers: TierSet::DEFAULT.with(self.tier),
        }
    }

    fn unpriced(&self, what: &str) -> Fault {
        let message = format!("`{}` has no price for {what}", self.model.id);
        Fault::new(Code::UnsupportedForModel, message)
    }
}

fn too_long(model: &Model, context: u64) -> Fault {
    Fault::new(
        Code::ContextLengthExceeded,
        format!("the input does not fit the {context} tokens of context of `{}`", model.id),
    )
    .about("messages")
}

/// The worst case over all candidates.
struct Worst {
    candidates: Vec<u32>,
    cost: WorstCost,
}

impl Worst {
    fn of(model: &Model, intent: &Intent) -> Self {
        let limit = intent.output_limit.unwrap_or(u64::MAX);
        let cost = WorstCost {
            input: Usd::ZERO,
            output_token: Usd::ZERO,
            input_tokens_estimate: 0,
            input_tokens_max: 0,
            output_max: limit.min(model.max_output),
        };
        Self { candidates: Vec::with_capacity(model.endpoints.len()), cost }
    }

    fn include(&mut self, index: u32, cost: WorstCost) {
        self.candidates.push(index);
        let worst = &mut self.cost;
        worst.input = worst.input.max(cost.input);
        worst.output_token = worst.output_token.max(cost.output_token);
        worst.input_tokens_estimate = worst.input_tokens_estimate.max(cost.input_tokens_estimate);
        worst.input_tokens_max = worst.input_tokens_max.max(cost.input_tokens_max);
        worst.output_max = worst.output_max.min(cost.output_max);
    }

    fn into_plan(self, intent: &Intent, model: &Model, tier: ServiceTier) -> Plan {
        let floor = intent.output_limit.unwrap_or(u64::MAX).min(OUTPUT_CAP_FLOOR);
        let cost = self.cost;
        let mut model_json = Vec::with_capacity(model.id.len() + 2);
        write_string(&model.id, &mut model_json);
        Plan {
            candidates: self.candidates,
            model_json: model_json.into(),
            tier,
            input_cost_max: cost.input,
            output_token_cost_max: cost.output_token,
            output_cap: cost.output_max,
            output_limit: intent.output_limit,
            output_cap_floor: floor.min(cost.output_max),
            input_tokens_estimate: cost.input_tokens_estimate,
            input_tokens_max: cost.input_tokens_max,
        }
    }
}

#[cfg(test)]
mod tests;
