//! What an answer used: watched as it goes by, priced at its end. Pure.
//!
//! Invariants: the provider's own count is billed where it is sane, and flagged where it is far
//! beyond what the request was held for; where it is missing or absurd an estimate is billed,
//! flagged, never zero for delivered work; later counts replace earlier ones, but what cannot be
//! billed replaces nothing. The price is that of the tier that served, and never more than that of
//! the tiers that the hold allowed, nor a token's than a cap that the request names.
//! Left out on purpose: holds. What to charge of a cost is `settle`'s.

mod bill;

use catalog::price::{PriceTable, ServiceTier, TierSet};
use catalog::{Endpoint, Provider};
use dialect::openai_chat::Answer;
use dialect::{ClientDialect, Event, Finish, Usage, UsageFault, chat_usage, embeddings_usage};
use ledger::record::{Flags, UpstreamId, UsageSource};
use units::{TokenClass, Tokens, Usd};

use crate::stage::attempt::{Allowed, Request};
use crate::stage::meter::bill::Bill;

/// Bytes of text that usually make a token.
const BYTES_PER_TOKEN: u64 = 4;
/// Base64 bytes of the sound that usually makes a token: a twentieth of a second at 24 kHz.
const SOUND_BYTES_PER_TOKEN: u64 = 3200;
/// Tokens that a picture which a model makes usually has.
const TOKENS_PER_PICTURE: u64 = 1_290;
/// No tokenizer packs more bytes than this into a token, on average over an answer.
const BYTES_PER_TOKEN_MAX: u64 = 16;
/// Chunks without text of their own that a provider may send on top of one for each token.
const SPARE_CHUNKS: u64 = 32;
/// What the text of a stream in many small chunks has, at most, for each token: one that is beyond
/// its cap by this reckoning as well is cut.
const BYTES_PER_TOKEN_CUT: u64 = 6;
/// A count so many times beyond what the model holds cannot be true; one that is so many times
/// beyond what was held for is odd,
const SLACK: u64 = 2;
/// give or take what a provider's own instructions may count.
const SPARE_INPUT_TOKENS: u64 = 4_096;
/// Nor does an answer search the web more often than this.
const SEARCHES_MAX: u64 = 1_000;

/// What was seen of an answer so far. What most chunks of one touch comes first.
#[derive(Debug)]
#[repr(C)]
pub struct Meter {
    /// Bytes of text that may be the client's own, repeated.
    echoed_bytes: u64,
    text_bytes: u64,
    text_chunks: u64,
    sound_bytes: u64,
    pictures: u64,
    usage: Option<Result<Usage, UsageFault>>,
    is_usage_odd: bool,
    /// The text and the sound that had come when the usage was told.
    counted: (u64, u64),
    cache_included: bool,
    /// Whether a customer's own key serves.
    is_own: bool,
    /// Whether the answer is vectors, which have no output.
    has_vectors: bool,
    /// The choices that ended, a bit for each index.
    finished: u128,
    /// How the answer ended, once it said so.
    pub finish: Finish,
    /// The provider's id of it.
    pub upstream_id: UpstreamId,
    /// What earlier runs of the same request used.
    earlier: Option<Box<Metered>>,
    served_tier: Option<ServiceTier>,
}

/// What an answer cost.
#[derive(Clone, Debug)]
pub struct Metered {
    /// What was used.
    pub tokens: Tokens,
    /// Whose count that is.
    pub source: UsageSource,
    /// What is odd about it.
    pub flags: Flags,
    /// What the customer is to pay for it, whatever was held.
    pub cost: Usd,
    /// What the provider charges for it.
    pub list_cost: Usd,
    /// Whether it charges the customer: then `cost` is a fee, or nothing.
    pub own_key: bool,
    /// The tier that served.
    pub tier: ServiceTier,
    bill: Bill,
}

impl Metered {
    /// What the provider charges the customer, where it does.
    pub fn provider_cost(&self) -> Option<Usd> {
        self.own_key.then_some(self.list_cost)
    }
}

impl Meter {
    /// Nothing seen yet, of a provider that counts cached tokens so, and was called with a shared
    /// key or a customer's own.
    pub const fn new(cache_included: bool, is_own: bool) -> Self {
        Self {
            usage: None,
            is_usage_odd: false,
            counted: (0, 0),
            cache_included,
            is_own,
            has_vectors: false,
            echoed_bytes: 0,
            text_bytes: 0,
            text_chunks: 0,
            sound_bytes: 0,
            pictures: 0,
            finished: 0,
            finish: Finish::None,
            upstream_id: UpstreamId::NONE,
            earlier: None,
            served_tier: None,
        }
    }

    /// The same of an answer to this request.
    pub fn of(request: &Request<'_>, provider: &Provider, is_own: bool) -> Self {
        let mut meter = Self::new(provider.cache_included, is_own);
        meter.has_vectors = request.intent.client == ClientDialect::Embeddings;
        meter.echoed_bytes = request.intent.echoed_bytes;
        meter
    }

    /// Bytes of text that the model made.
    const fn made_bytes(&self) -> u64 {
        self.text_bytes.saturating_sub(self.echoed_bytes)
    }

    /// Takes note of an answer or a chunk of one.
    pub fn observe(&mut self, json: &[u8], answer: &Answer) {
        self.text_bytes += answer.text_bytes;
        self.sound_bytes += answer.sound_bytes;
        self.text_chunks += u64::from(answer.text_bytes > 0);
        if answer.finish != Finish::None {
            self.finish = answer.finish;
            self.finished |= answer.finished;
        }
        if let Some(usage) = answer.usage_object() {
            let usage = usage.of(json);
            self.take_usage(match self.has_vectors {
                true => embeddings_usage(usage),
                false => chat_usage(usage, self.cache_included),
            });
        }
        if let Some(tier) = answer.service_tier {
            let name = tier.of(json).trim_ascii();
            let name = name.get(1..name.len() - 1).unwrap_or_default();
            self.served_tier = std::str::from_utf8(name).ok().and_then(ServiceTier::from_name);
        }
        if self.upstream_id == UpstreamId::NONE
            && let Some(id) = answer.id
        {
            let quoted = id.of(json);
            self.upstream_id = UpstreamId::new(quoted.get(1..quoted.len() - 1).unwrap_or(quoted));
        }
    }

    /// Takes note of an event of an answer that is not OpenAI's chat, or becomes another dialect.
    pub fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Begin { id } if self.upstream_id == UpstreamId::NONE => {
                self.upstream_id = UpstreamId::new(id.as_bytes());
            }
            Event::Text(text)
            | Event::Refusal(text)
            | Event::Thought(text)
            | Event::Redacted(text)
            | Event::Arguments(text) => self.add_text(text.len()),
            Event::Call { name, .. } => self.text_bytes += name.len() as u64,
            Event::Finish { finish, .. } => {
                self.finish = *finish;
                // Events are of one answer: of several that are relayed the first end stands.
                self.finished = u128::MAX;
            }
            Event::Tier(tier) => self.served_tier = ServiceTier::from_name(tier),
            Event::Usage(told) => self.take_usage(*told),
            Event::Image { .. } => self.pictures += 1,
            Event::Begin { .. } | Event::Signature(_) => {}
        }
    }

    /// Takes a usage. Counts of an answer grow, so one that is smaller than an earlier one is odd;
    /// what says nothing leaves the earlier one as it is.
    fn take_usage(&mut self, told: Result<Usage, UsageFault>) {
        if let Some(Ok(before)) = self.usage {
            let counts = |usage: &Usage| (usage.tokens.input_total(), usage.tokens.output_total());
            let ((input, output), now) = (counts(&before), told.as_ref().map(counts));
            self.is_usage_odd |= now.is_ok_and(|now| now.0 < input || now.1 < output);
            self.is_usage_odd |= told.is_err();
            if now.is_err() || now.is_ok_and(|now| now.0 == 0) {
                return;
            }
        }
        self.usage = Some(told);
        self.counted = (self.text_bytes, self.sound_bytes);
    }

    /// Takes note of a chunk that holds a text and nothing else of interest.
    pub const fn add_text(&mut self, bytes: usize) {
        self.text_bytes += bytes as u64;
        self.text_chunks += (bytes > 0) as u64;
    }

    /// Whether more was delivered than the tokens allowed, by any reckoning: the upstream ignores
    /// its cap. Chunks alone do not tell, as some send their tokens in pieces.
    pub const fn is_beyond(&self, allowed: u64) -> bool {
        let spare = SPARE_CHUNKS + allowed / 8;
        let has_many = self.text_chunks > allowed.saturating_add(spare);
        has_many && self.made_bytes() / BYTES_PER_TOKEN_CUT > allowed
            || self.made_bytes() / BYTES_PER_TOKEN_MAX > allowed
    }

    /// Output tokens so far, estimated.
    pub const fn output_estimate(&self) -> u64 {
        self.text_estimate() + self.sound_estimate()
    }

    const fn text_estimate(&self) -> u64 {
        self.made_bytes().div_ceil(BYTES_PER_TOKEN)
    }

    const fn sound_estimate(&self) -> u64 {
        self.sound_bytes.div_ceil(SOUND_BYTES_PER_TOKEN)
    }

    /// Whether every choice has said that it ended: nothing but the usage can follow.
    pub const fn is_answered(&self, choices: u64) -> bool {
        self.finished.count_ones() as u64 >= choices
    }

    /// Whether the provider told a usage, right or wrong.
    pub const fn was_told_usage(&self) -> bool {
        self.usage.is_some()
    }

    /// Whether anything was delivered.
    pub const fn has_content(&self) -> bool {
        self.made_bytes() > 0 || self.sound_bytes > 0 || self.pictures > 0
    }

    /// Takes note of what earlier runs of the same request used.
    pub fn follow(&mut self, earlier: Option<Box<Metered>>) {
        self.earlier = earlier;
    }

    /// What it cost a request at the prices of an endpoint, a place in the catalog; and what
    /// earlier runs cost, at theirs.
    pub fn price(&self, request: &Request<'_>, place: u32) -> Metered {
        let last = self.price_run(request, place);
        match &self.earlier {
            Some(earlier) => last.after(earlier, request.plan),
            None => last,
        }
    }

    /// What this run alone cost.
    pub fn price_run(&self, request: &Request<'_>, place: u32) -> Metered {
        let (plan, allowed) = (request.plan, request.allowed());
        let ceiling = request.ceiling(place);
        let endpoint = &request.published.catalog().endpoints[place as usize];
        let (tokens, source, mut flags) = match self.usage {
            Some(Ok(usage)) if self.is_sane(&usage.tokens, endpoint, allowed) => {
                let is_likely = self.is_likely(&usage.tokens, allowed);
                let is_odd = self.is_usage_odd || usage.is_odd || !is_likely;
                let flags = if is_odd { Flags::USAGE_ODD } else { Flags::NONE };
                match self.since_usage(&usage.tokens, allowed.choices) {
                    (0, 0) => (with_request(usage.tokens), UsageSource::Reported, flags),
                    more => {
                        let tokens = with_more(with_request(usage.tokens), more);
                        (tokens, UsageSource::Estimated, flags.with(Flags::USAGE_ODD))
                    }
                }
            }
            Some(_) => (self.estimate(request), UsageSource::Estimated, Flags::USAGE_ABSURD),
            None => (self.estimate(request), UsageSource::Estimated, Flags::USAGE_MISSING),
        };
        let served = self.served_tier.unwrap_or(plan.tier);
        let (tier, mut cost) = charged_at(&endpoint.price, &tokens, served, plan.tier);
        if tier != served && endpoint.price.tiers().has(served) {
            flags = flags.with(Flags::TIER_CAPPED);
        }
        if request.candidate(place).is_some_and(|planned| planned.is_escalated) {
            flags = flags.with(Flags::ESCALATED);
        }
        let within = ceiling.and_then(|it| endpoint.price.cost_within(&tokens, tier, &it));
        if let Some(within) = within.filter(|within| *within < cost) {
            cost = within;
            flags = flags.with(Flags::PRICE_CAPPED);
        }
        let list_cost = cost_of(&endpoint.list, &tokens, served);
        let bill = Bill::of(cost, list_cost, self.is_own);
        Metered::of(bill, plan, (tokens, source, flags), tier)
    }

    /// Whether a count can be true: something went in, something came out if something was
    /// delivered, and neither is far beyond what the model holds.
    fn is_sane(&self, tokens: &Tokens, endpoint: &Endpoint, allowed: Allowed) -> bool {
        let most = endpoint.context.max(endpoint.max_output).saturating_mul(SLACK);
        let input_max = most.saturating_mul(allowed.inputs);
        let output_max = most.saturating_mul(allowed.choices);
        let (input, output) = (tokens.input_total(), tokens.output_total());
        let is_possible = input > 0 && input <= input_max && output <= output_max;
        let has_output = output > 0 || !self.has_content();
        is_possible && has_output && tokens[TokenClass::Search] <= SEARCHES_MAX
    }

    /// Whether a count is near what was held for. A provider may add to the input, and may ignore
    /// the cap; what was delivered then shows it.
    fn is_likely(&self, tokens: &Tokens, allowed: Allowed) -> bool {
        let input_max = allowed.input_tokens.saturating_mul(SLACK) + SPARE_INPUT_TOKENS;
        let shown = self.text_bytes.saturating_add(self.sound_bytes);
        let output_max = allowed.output_tokens().max(shown).saturating_mul(SLACK);
        tokens.input_total() <= input_max && tokens.output_total() <= output_max
    }

    /// What came after the usage was told, of an answer that never came to its end, or of which so
    /// little was told that the rest must have come afterwards: tokens of text and of sound,
    /// estimated.
    fn since_usage(&self, told: &Tokens, choices: u64) -> (u64, u64) {
        let was_told_first = self.counted == (0, 0)
            && told.output_total().saturating_mul(BYTES_PER_TOKEN_MAX) < self.made_bytes();
        if self.is_answered(choices) && !was_told_first {
            return (0, 0);
        }
        let (text, sound) = self.counted;
        let made = text.saturating_sub(self.echoed_bytes);
        let text = (self.made_bytes() - made) / BYTES_PER_TOKEN;
        (text, (self.sound_bytes - sound) / SOUND_BYTES_PER_TOKEN)
    }

    fn estimate(&self, request: &Request<'_>) -> Tokens {
        let extraction = request.intent.extraction.as_ref();
        let added = extraction.map_or(0, |it| it.correction_bytes().div_ceil(BYTES_PER_TOKEN));
        let mut tokens = Tokens::ZERO;
        tokens[TokenClass::Input] = request.plan.input_tokens_estimate.max(1) + added;
        tokens[TokenClass::Output] = self.text_estimate();
        tokens[TokenClass::AudioOutput] = self.sound_estimate();
        tokens[TokenClass::ImageOutput] = self.pictures * TOKENS_PER_PICTURE;
        with_request(tokens)
    }
}

fn with_request(mut tokens: Tokens) -> Tokens {
    tokens[TokenClass::Request] = 1;
    tokens
}

fn with_more(mut tokens: Tokens, (text, sound): (u64, u64)) -> Tokens {
    tokens[TokenClass::Output] = tokens[TokenClass::Output].saturating_add(text);
    tokens[TokenClass::AudioOutput] = tokens[TokenClass::AudioOutput].saturating_add(sound);
    tokens
}

/// The tier whose price is charged, and that price: what the serving tier costs, but no more than
/// the dearer of the default tier and the one that was asked for. That much was held for.
fn charged_at(
    table: &PriceTable,
    tokens: &Tokens,
    served: ServiceTier,
    asked: ServiceTier,
) -> (ServiceTier, Usd) {
    let at = |tier| (tier, cost_of(table, tokens, tier));
    if served == asked || table.tiers() == TierSet::DEFAULT {
        return at(asked);
    }
    let (served, default, asked) = (at(served), at(ServiceTier::Default), at(asked));
    let allowed = if asked.1 > default.1 { asked } else { default };
    if served.1 > allowed.1 { allowed } else { served }
}

/// More than can be counted is more than any hold: the hold is what will be charged.
fn cost_of(table: &PriceTable, tokens: &Tokens, tier: ServiceTier) -> Usd {
    table.cost(tokens, tier).unwrap_or(Usd::from_pico(i128::from(i64::MAX)))
}

#[cfg(test)]
mod tests;
