//! What a request needs of an endpoint, and the most that it can cost there.
//!
//! Invariants: the worst case covers every price that the request can reach and every token that
//! the limits allow; what cannot be bounded or priced is refused, before any money is held.

use serde::Deserialize;
use units::Usd;

use crate::catalog::{Endpoint, Model, Provider};
use crate::modality::Modalities;
use crate::parameters::Parameters;
use crate::price::{Reach, ServiceTier, TierSet};
use crate::route::constraint::Constraint;
use crate::rows::{Dialect, ModelKind};

/// Output tokens that are always thought to fit beside the input.
const OUTPUT_ROOM_MIN: u64 = 256;
/// Bytes of text that usually make a token; for estimates, never for bounds.
const BYTES_PER_TOKEN: u64 = 4;
/// Text with more bytes than this for each token of context cannot fit, whatever the tokenizer.
const BYTES_PER_TOKEN_MAX: u64 = 8;

/// Sizes of the input, from which its token bound follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputShape {
    /// Bytes of everything but the parts counted below; no text makes more tokens than bytes.
    pub text_bytes: u64,
    /// Bytes of text that may join those where the model is asked again: bounded for, but not
    /// expected.
    pub later_bytes: u64,
    /// Image parts.
    pub images: u64,
    /// Audio parts.
    pub audios: u64,
    /// File parts.
    pub files: u64,
    /// Parts of kinds that have no known bound.
    pub unknown_parts: u64,
    /// Bytes of a prediction of the output: what of it does not come true is billed as output.
    pub predicted_bytes: u64,
    /// Tokens that come as such, in arrays of their numbers.
    pub tokens: u64,
    /// How many inputs there are of which each may fill the context; none means one.
    pub inputs: u64,
}

impl InputShape {
    /// How often the context may be filled.
    pub const fn fillings(&self) -> u64 {
        if self.inputs == 0 { 1 } else { self.inputs }
    }
}

/// How the input of a request is bounded for its hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputBound {
    /// By its bytes: no text makes more tokens than it has bytes.
    #[default]
    Strict,
    /// By the bytes a token usually has, with a margin.
    Normal,
}

/// What a request needs, whoever serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// What its model must do.
    pub kind: ModelKind,
    /// The only dialect in which it can be asked; any where `None`.
    pub dialect: Option<Dialect>,
    /// What the input holds.
    pub input: InputShape,
    /// The client's own limit of output tokens for each choice.
    pub output_limit: Option<u64>,
    /// How many choices.
    pub choices: u64,
    /// The price tier asked for.
    pub tier: ServiceTier,
    /// Whether spoken output is asked for.
    pub audio_output: bool,
    /// Whether the provider is asked to search the web.
    pub web_search: bool,
    /// Whether tools are given that the provider runs itself, and bills by the call.
    pub foreign_tools: bool,
    /// The parameters that the request sets, as far as they are known.
    pub parameters: Parameters,
    /// How the input is bounded.
    pub bound: InputBound,
}

/// The most that a request can cost at an endpoint, and what it may count there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorstCost {
    /// The input and the fees.
    pub input: Usd,
    /// The same where the model is asked again.
    pub input_later: Usd,
    /// One output token of each choice, all choices together.
    pub output_token: Usd,
    /// The input tokens it probably counts.
    pub input_tokens_estimate: u64,
    /// The most input tokens it can count.
    pub input_tokens_max: u64,
    /// The most output tokens for each choice.
    pub output_max: u64,
}

impl WorstCost {
    /// The worst of two endpoints.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            input_later: self.input_later.max(other.input_later),
            output_token: self.output_token.max(other.output_token),
            input_tokens_estimate: self.input_tokens_estimate.max(other.input_tokens_estimate),
            input_tokens_max: self.input_tokens_max.max(other.input_tokens_max),
            output_max: self.output_max.max(other.output_max),
        }
    }
}

/// One endpoint with what it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer<'c> {
    pub(super) model: &'c Model,
    pub(super) endpoint: &'c Endpoint,
    pub(super) provider: &'c Provider,
}

impl Needs {
    /// The input tokens that the request probably counts at an endpoint, and the most it can, asked
    /// again or not.
    pub(super) fn input_tokens(&self, offer: &Offer<'_>) -> (u64, u64) {
        let estimate = self.estimate(offer, self.input.text_bytes);
        let bytes = self.input.text_bytes.saturating_add(self.input.later_bytes);
        (estimate, self.input_tokens_max(offer, bytes))
    }

    fn estimate(&self, offer: &Offer<'_>, bytes: u64) -> u64 {
        self.tokens(offer, bytes / BYTES_PER_TOKEN).min(self.room(offer))
    }

    /// The most input tokens with so many bytes of text.
    fn input_tokens_max(&self, offer: &Offer<'_>, bytes: u64) -> u64 {
        let room = self.room(offer);
        match self.bound {
            InputBound::Strict => self.tokens(offer, bytes).min(room),
            InputBound::Normal => {
                let estimate = self.estimate(offer, bytes);
                (estimate + estimate / 2).min(room)
            }
        }
    }

    /// The input tokens that there is room for.
    const fn room(&self, offer: &Offer<'_>) -> u64 {
        offer.endpoint.context.saturating_mul(self.input.fillings())
    }

    /// The most that the request can cost at an endpoint, given its input tokens there.
    pub(super) fn worst(
        &self,
        offer: &Offer<'_>,
        (estimate, input_tokens_max): (u64, u64),
    ) -> Result<WorstCost, Constraint> {
        let Offer { model, endpoint, .. } = *offer;
        let context = endpoint.context;
        let fillings = self.input.fillings();
        let least = (self.input.text_bytes / BYTES_PER_TOKEN_MAX).max(self.input.tokens);
        if least / fillings > context {
            return Err(Constraint::Context);
        }
        if !endpoint.price.tiers().has(self.tier) {
            return Err(Constraint::ServiceTier);
        }
        if self.web_search {
            return Err(Constraint::Search);
        }
        if self.foreign_tools {
            return Err(Constraint::ForeignTools);
        }
        let price = endpoint.price.worst(&self.reach(model, input_tokens_max));
        let predicted = self.input.predicted_bytes.min(context).saturating_mul(self.choices);
        let predicted = price.output.times(predicted).ok_or(Constraint::Countable)?;
        let fees = price.request.checked_add(predicted).ok_or(Constraint::Countable)?;
        let cost = |tokens: u64| price.input.times(tokens)?.checked_add(fees);
        let first = self.input_tokens_max(offer, self.input.text_bytes);
        let inputs = cost(first).zip(cost(input_tokens_max));
        let costs = inputs.zip(price.output.times(self.choices));
        let ((input, input_later), output_token) = costs.ok_or(Constraint::Countable)?;
        let room = context.saturating_sub(estimate / fillings).max(OUTPUT_ROOM_MIN);
        let limit = self.output_limit.unwrap_or(u64::MAX);
        Ok(WorstCost {
            input,
            input_later,
            output_token,
            input_tokens_estimate: estimate,
            input_tokens_max,
            output_max: limit.min(model.max_output).min(endpoint.max_output).min(room),
        })
    }

    /// Text tokens plus what parts and the provider's own framing add.
    fn tokens(&self, offer: &Offer<'_>, text: u64) -> u64 {
        let InputShape { images, audios, files, unknown_parts, tokens, .. } = self.input;
        let (context, most) = (offer.endpoint.context, &offer.provider.part_tokens);
        let parts = [(images, most.image), (audios, most.audio), (files, most.file)]
            .into_iter()
            .map(|(count, each)| count.saturating_mul(each.unwrap_or(context)))
            .fold(0u64, u64::saturating_add);
        let overhead = offer.provider.input_overhead.saturating_mul(self.input.fillings());
        text.saturating_add(tokens)
            .saturating_add(overhead)
            .saturating_add(parts)
            .saturating_add(unknown_parts.saturating_mul(context))
    }

    /// Which prices the answer may be charged at.
    pub(super) fn reach(&self, model: &Model, input_tokens: u64) -> Reach {
        let when = |is_there: bool, modality| if is_there { modality } else { Modalities::TEXT };
        let silent = model.output_modalities.without(Modalities::AUDIO);
        Reach {
            inputs: Modalities::TEXT
                .with(when(self.may_hold_images(), Modalities::IMAGE))
                .with(when(self.may_hold_audio(), Modalities::AUDIO)),
            outputs: silent.with(Modalities::TEXT).with(when(self.audio_output, Modalities::AUDIO)),
            input_tokens,
            // A relay may write for an hour what nobody asked it to.
            hour_cache: true,
            tiers: TierSet::DEFAULT.with(self.tier),
        }
    }

    /// A file may hold images; of what is not known it may hold anything.
    pub(super) const fn may_hold_images(&self) -> bool {
        self.input.images + self.input.files + self.input.unknown_parts > 0
    }

    pub(super) const fn may_hold_audio(&self) -> bool {
        self.input.audios + self.input.unknown_parts > 0
    }
}
