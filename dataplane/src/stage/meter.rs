//! What an answer used: watched as it goes by, priced at its end. Pure.
//!
//! Invariants: the provider's own count is billed where it is sane; where it is missing or absurd
//! an estimate is, flagged, never zero for delivered work; later counts replace earlier ones.
//! Left out on purpose: holds. What to charge of a cost is `settle`'s.

use catalog::Endpoint;
use catalog::price::ServiceTier;
use dialect::openai_chat::Answer;
use dialect::{Finish, UsageFault, chat_usage};
use ledger::record::{Flags, UpstreamId, UsageSource};
use units::{TokenClass, Tokens, Usd};

use crate::stage::plan::Plan;

/// Bytes of text that usually make a token.
const BYTES_PER_TOKEN: u64 = 4;
/// No tokenizer packs more bytes than this into a token, on average over an answer.
const BYTES_PER_TOKEN_MAX: u64 = 16;
/// Chunks without text of their own that a provider may send on top of one for each token.
const SPARE_CHUNKS: u64 = 32;

/// What was seen of an answer so far.
#[derive(Debug)]
pub struct Meter {
    usage: Option<Result<Tokens, UsageFault>>,
    cache_included: bool,
    text_bytes: u64,
    text_chunks: u64,
    /// How the answer ended, once it said so.
    pub finish: Finish,
    /// The provider's id of it.
    pub upstream_id: UpstreamId,
    served_tier: Option<ServiceTier>,
}

/// What an answer cost.
#[derive(Debug)]
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
    /// The tier that served.
    pub tier: ServiceTier,
}

impl Meter {
    /// Nothing seen yet, of a provider that counts cached tokens so.
    pub const fn new(cache_included: bool) -> Self {
        Self {
            usage: None,
            cache_included,
            text_bytes: 0,
            text_chunks: 0,
            finish: Finish::None,
            upstream_id: UpstreamId::NONE,
            served_tier: None,
        }
    }

    /// Takes note of an answer or a chunk of one.
    pub fn observe(&mut self, json: &[u8], answer: &Answer) {
        self.text_bytes += answer.text_bytes;
        self.text_chunks += u64::from(answer.text_bytes > 0);
        if answer.finish != Finish::None {
            self.finish = answer.finish;
        }
        if let Some(usage) = answer.usage_object() {
            self.usage = Some(chat_usage(usage.of(json), self.cache_included));
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

    /// Takes note of a chunk that holds a text and nothing else of interest.
    pub const fn add_text(&mut self, bytes: usize) {
        self.text_bytes += bytes as u64;
        self.text_chunks += (bytes > 0) as u64;
    }

    /// Whether more was delivered than the cap allows, by any reckoning: the upstream ignores it.
    pub fn is_beyond(&self, output_cap: u64, choices: u64) -> bool {
        let allowed = output_cap.saturating_mul(choices);
        let spare = SPARE_CHUNKS + allowed / 8;
        self.text_chunks > allowed.saturating_add(spare)
            || self.text_bytes / BYTES_PER_TOKEN_MAX > allowed
    }

    /// Output tokens so far, estimated.
    pub const fn output_estimate(&self) -> u64 {
        self.text_bytes.div_ceil(BYTES_PER_TOKEN)
    }

    /// Whether the provider told a usage, right or wrong.
    pub const fn was_told_usage(&self) -> bool {
        self.usage.is_some()
    }

    /// Whether anything was delivered.
    pub const fn has_text(&self) -> bool {
        self.text_bytes > 0
    }

    /// What it cost at an endpoint's prices.
    pub fn price(&self, endpoint: &Endpoint, plan: &Plan) -> Metered {
        let (tokens, source, flags) = match self.usage {
            Some(Ok(tokens)) if self.is_sane(&tokens, endpoint) => {
                (self.with_request(tokens), UsageSource::Reported, Flags::NONE)
            }
            Some(_) => (self.estimate(plan), UsageSource::Estimated, Flags::USAGE_ABSURD),
            None => (self.estimate(plan), UsageSource::Estimated, Flags::USAGE_MISSING),
        };
        let served = self.served_tier.unwrap_or(plan.tier);
        let tier = if served == ServiceTier::Default { served } else { plan.tier };
        let cost = |table: &catalog::price::PriceTable| {
            // More than can be counted is more than any hold: the hold is what will be charged.
            table.cost(&tokens, tier).unwrap_or(Usd::from_pico(i128::from(i64::MAX)))
        };
        let (cost, list_cost) = (cost(&endpoint.price), cost(&endpoint.list));
        Metered { tokens, source, flags, cost, list_cost, tier }
    }

    /// Whether a count can be true: something went in, something came out if something was
    /// delivered, and neither is far beyond what the model holds.
    fn is_sane(&self, tokens: &Tokens, endpoint: &Endpoint) -> bool {
        let most = endpoint.context.max(endpoint.max_output).saturating_mul(4);
        let (input, output) = (tokens.input_total(), tokens.output_total());
        input > 0 && input <= most && output <= most && (output > 0 || !self.has_text())
    }

    fn estimate(&self, plan: &Plan) -> Tokens {
        let mut tokens = Tokens::ZERO;
        tokens[TokenClass::Input] = plan.input_tokens_estimate.max(1);
        tokens[TokenClass::Output] = self.output_estimate();
        self.with_request(tokens)
    }

    fn with_request(&self, mut tokens: Tokens) -> Tokens {
        tokens[TokenClass::Request] = 1;
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(chunks: &[&str]) -> Meter {
        let mut meter = Meter::new(true);
        for chunk in chunks {
            meter.observe(chunk.as_bytes(), &Answer::read(chunk.as_bytes()).unwrap());
        }
        meter
    }

    #[test]
    fn the_last_usage_and_the_first_id_count() {
        let meter = meter(&[
            r#"{"id":"a","choices":[{"delta":{"content":"hi"}}],"usage":null}"#,
            r#"{"id":"b","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#,
        ]);
        assert_eq!(meter.usage.unwrap().unwrap().input_total(), 5);
        assert_eq!(meter.upstream_id.as_bytes(), b"a");
        assert_eq!(meter.output_estimate(), 1);
    }

    #[test]
    fn an_ignored_cap_is_noticed_by_chunks_and_by_bytes() {
        let chunk = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
        assert!(!meter(&[chunk; 41]).is_beyond(8, 1));
        assert!(meter(&[chunk; 42]).is_beyond(8, 1));
        assert!(!meter(&[chunk; 42]).is_beyond(16, 2));
        let long = format!(r#"{{"choices":[{{"delta":{{"content":"{}"}}}}]}}"#, "x".repeat(200));
        assert!(meter(&[&long]).is_beyond(8, 1));
    }
}
