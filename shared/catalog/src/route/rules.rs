//! The rules that keep an endpoint out: what the key and its account may, and what the request
//! itself allows.
//!
//! Invariants: rules only add up: an endpoint must satisfy the key's, the account's and the
//! request's. A price cap is held against the dearest price that the request can reach at the
//! endpoint, so it holds at settlement as it did here.

use units::{Price, TokenClass, Usd};

use crate::catalog::{Endpoint, Provider};
use crate::modality::Modalities;
use crate::parameters::Parameters;
use crate::price::Tag;
use crate::route::constraint::{Constraint, Violations};
use crate::route::name::Variants;
use crate::route::needs::{Needs, Offer};
use crate::route::wishes::{Budget, MaxPrice, Wishes};

/// What a key may be served by, whatever its requests say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy<'a> {
    /// The only models, by id or by that of a tier that they are behind; any where `None`.
    pub models: Option<&'a [String]>,
    /// The only providers, by id; any where `None`.
    pub providers: Option<&'a [String]>,
    /// Whether endpoints may neither keep nor train on what they are sent.
    pub deny_collection: bool,
    /// Whether endpoints must promise zero data retention.
    pub zdr: bool,
    /// The only regions; any, also an unknown one, where `None`.
    pub regions: Option<&'a [String]>,
    /// Whether its account has had all that it may have for nothing.
    pub free_used: bool,
}

impl Policy<'_> {
    /// What an endpoint violates whose model was named, or found behind a tier of this id.
    fn violations(&self, offer: &Offer<'_>, tier: Option<&str>) -> Violations {
        let Offer { model, endpoint, provider } = *offer;
        let bars = |list: Option<&[String]>, id: Option<&str>| {
            list.is_some_and(|list| !list.iter().any(|allowed| Some(allowed.as_str()) == id))
        };
        let bars_model = bars(self.models, Some(&model.id)) && bars(self.models, tier);
        Violations::NONE
            .and_if(bars_model, Constraint::KeyModels)
            .and_if(bars(self.providers, Some(&provider.id)), Constraint::KeyProviders)
            .and_if(self.deny_collection && endpoint.data_collection, Constraint::Collection)
            .and_if(self.zdr && !endpoint.zdr, Constraint::Zdr)
            .and_if(bars(self.regions, endpoint.region.as_deref()), Constraint::Region)
            .and_if(self.free_used && endpoint.is_free(), Constraint::FreeUsed)
    }
}

/// Every rule of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'a> {
    pub(super) policy: &'a Policy<'a>,
    pub(super) wishes: Option<&'a Wishes>,
    pub(super) needs: &'a Needs,
    pub(super) variants: Variants,
    /// The tier behind which the model was found.
    pub(super) tier: Option<&'a str>,
    /// Whether the model was not named but chosen.
    pub(super) is_auto: bool,
}

impl Rules<'_> {
    /// What an endpoint violates, at which the request may count so many input tokens.
    pub(super) fn violations(&self, offer: &Offer<'_>, input_tokens_max: u64) -> Violations {
        let mut violations = self.policy.violations(offer, self.tier);
        if self.variants != Variants::default() {
            violations = self.against_variants(violations, offer);
        }
        let Some(wishes) = self.wishes else { return violations };
        violations = self.against_provider(violations, wishes, offer);
        if let Some(budget) = &wishes.budget {
            violations = self.against_budget(violations, budget, offer, input_tokens_max);
        }
        if wishes.max_price != MaxPrice::default() {
            let is_above = self.is_above(&wishes.max_price, offer, input_tokens_max);
            violations = violations.and_if(is_above, Constraint::MaxPrice);
        }
        let is_barred = self.is_auto && !wishes.auto.allows(&offer.model.id, offer.model.cost_rank);
        violations.and_if(is_barred, Constraint::Auto)
    }

    fn against_variants(&self, violations: Violations, offer: &Offer<'_>) -> Violations {
        let endpoint = offer.endpoint;
        let reasons = !endpoint.understood.both(Parameters::REASONING).is_empty();
        violations
            .and_if(self.variants.free && !endpoint.is_free(), Constraint::Free)
            .and_if(self.variants.online, Constraint::Search)
            .and_if(self.variants.thinking && !reasons, Constraint::Reasoning)
    }

    fn against_provider(
        &self,
        violations: Violations,
        wishes: &Wishes,
        offer: &Offer<'_>,
    ) -> Violations {
        let endpoint = offer.endpoint;
        let named = |list: &[Box<str>]| position(list, offer.provider, endpoint).is_some();
        let not_only = !wishes.only.is_empty() && !named(&wishes.only);
        let not_listed = wishes.no_fallbacks && !wishes.order.is_empty() && !named(&wishes.order);
        let other_level =
            wishes.quantizations.is_some_and(|levels| !levels.has(endpoint.quantization));
        let is_lost = wishes.require_parameters
            && !self.needs.parameters.without(endpoint.understood).is_empty();
        violations
            .and_if(not_only, Constraint::Only)
            .and_if(named(&wishes.ignore), Constraint::Ignore)
            .and_if(not_listed, Constraint::Order)
            .and_if(other_level, Constraint::Quantization)
            .and_if(is_lost, Constraint::Parameters)
            .and_if(wishes.deny_collection && endpoint.data_collection, Constraint::Collection)
            .and_if(wishes.zdr && !endpoint.zdr, Constraint::Zdr)
    }

    fn against_budget(
        &self,
        violations: Violations,
        budget: &Budget,
        offer: &Offer<'_>,
        input_tokens_max: u64,
    ) -> Violations {
        let price = &offer.endpoint.price;
        let tag = self.tag(offer, input_tokens_max);
        let shown = [TokenClass::Input, TokenClass::Output].map(|class| price.base(class).pico());
        let shown = Price::from_pico(shown[0].saturating_add(shown[1]));
        violations
            .and_if(exceeds(tag.input, budget.max_input), Constraint::CapInput)
            .and_if(exceeds(tag.output, budget.max_output), Constraint::CapOutput)
            .and_if(exceeds(tag.total, budget.max_total), Constraint::CapTotal)
            .and_if(budget.min_total.is_some_and(|least| shown < least), Constraint::Floor)
    }

    /// The dearest price tags that the request can reach, sound and pictures among them.
    fn tag(&self, offer: &Offer<'_>, input_tokens_max: u64) -> Tag {
        let Offer { model, endpoint, .. } = *offer;
        let reach = self.needs.reach(model, input_tokens_max);
        let mut tag = endpoint.price.tag(&reach);
        let more = [
            (TokenClass::ImageInput, reach.inputs.has(Modalities::IMAGE)),
            (TokenClass::AudioInput, reach.inputs.has(Modalities::AUDIO)),
            (TokenClass::ImageOutput, reach.outputs.has(Modalities::IMAGE)),
            (TokenClass::AudioOutput, reach.outputs.has(Modalities::AUDIO)),
        ];
        for (class, _) in more.into_iter().filter(|(_, is_reached)| *is_reached) {
            let dearest = self.dearest(endpoint, class, input_tokens_max);
            let side = if class.is_input() { &mut tag.input } else { &mut tag.output };
            if dearest > *side {
                *side = dearest;
                let sum = tag.input.pico().saturating_add(tag.output.pico());
                tag.total = Price::from_pico(sum);
            }
        }
        tag
    }

    fn is_above(&self, most: &MaxPrice, offer: &Offer<'_>, input_tokens_max: u64) -> bool {
        let Offer { model, endpoint, provider } = *offer;
        let needs = self.needs;
        let reach = needs.reach(model, input_tokens_max);
        let (tag, worst) = (endpoint.price.tag(&reach), endpoint.price.worst(&reach));
        let audio = || {
            let input = needs.may_hold_audio().then_some(TokenClass::AudioInput);
            let output = needs.audio_output.then_some(TokenClass::AudioOutput);
            let heard = input.into_iter().chain(output);
            heard.map(|class| self.dearest(endpoint, class, input_tokens_max)).max()
        };
        let image = || {
            let tokens = provider.part_tokens.image.unwrap_or(endpoint.context);
            let each = self.dearest(endpoint, TokenClass::ImageInput, input_tokens_max);
            each.times(tokens).unwrap_or(Usd::from_pico(i128::MAX))
        };
        let is_seen = needs.may_hold_images();
        exceeds(tag.input, most.prompt)
            || exceeds(tag.output, most.completion)
            || exceeds(worst.request, most.request)
            || (most.image.is_some() && is_seen && exceeds(image(), most.image))
            || (most.audio.is_some() && audio().is_some_and(|price| exceeds(price, most.audio)))
    }

    /// The dearest price of a class that the request can reach.
    fn dearest(&self, endpoint: &Endpoint, class: TokenClass, input_tokens_max: u64) -> Price {
        let below = endpoint.price.sizes().filter(|size| *size < input_tokens_max);
        let tiers = [crate::price::ServiceTier::Default, self.needs.tier];
        let at = |size: u64| {
            let prices = tiers.map(|tier| endpoint.price.price(class, size, tier));
            prices[0].max(prices[1])
        };
        below.map(|size| at(size + 1)).fold(at(0).max(at(input_tokens_max)), Price::max)
    }
}

fn exceeds<T: PartialOrd>(price: T, cap: Option<T>) -> bool {
    cap.is_some_and(|cap| price > cap)
}

/// Where a list of provider names has an endpoint: `provider` names all of its endpoints, and
/// `provider/word` those whose tag, region or quantization that word is.
pub(super) fn position(
    list: &[Box<str>],
    provider: &Provider,
    endpoint: &Endpoint,
) -> Option<usize> {
    list.iter().position(|name| {
        let Some((start, word)) = name.split_at_checked(provider.id.len()) else { return false };
        if !start.eq_ignore_ascii_case(&provider.id) {
            return false;
        }
        let Some(word) = word.strip_prefix('/') else { return word.is_empty() };
        let own = [endpoint.tag.as_deref(), endpoint.region.as_deref()];
        own.into_iter().flatten().any(|own| own.eq_ignore_ascii_case(word))
            || endpoint.quantization.name().eq_ignore_ascii_case(word)
    })
}
