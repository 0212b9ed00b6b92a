//! One generation: found by its hold, read from its end, shown with the terms it was sold on.
//!
//! Invariant: what is shown comes from the view; what money moves by is read from the journal.

use catalog::ServiceTier;
use ledger::Record;
use ledger::event::Event;
use ledger::record::{Attempts, FinishCode, Post, UsageSource, Void};
use serde::Serialize;
use serde_json::value::RawValue;
use units::{AccountId, GenerationId, KeyDigest, OfferId, Tokens, Usd};

use super::command::Owner;
use super::shown::{AttemptView, EndpointView, GenerationView};
use super::thread::Ledger;
use crate::refuse::Refusal;
use crate::store::embedded::ViewError;

impl Ledger {
    /// A generation by its id, if it has ended and its request log is kept.
    pub(crate) fn generation(
        &mut self,
        id: GenerationId,
        owner: Owner,
    ) -> Result<GenerationView, Refusal> {
        let end = self.viewed(|view| view.end_of(id))?;
        let found = match end {
            Some((end, _)) => self.generation_ending(end)?,
            None => None,
        };
        let own = found.filter(|generation| owner.sees(generation.account));
        own.ok_or_else(|| Refusal::not_found("generation", id))
    }

    /// Whose a generation was and what it cost, as the journal has it: the view says only where.
    pub(crate) fn cost_of(
        &mut self,
        id: GenerationId,
        owner: Owner,
    ) -> Result<(AccountId, Usd), Refusal> {
        let not_found = || Refusal::not_found("generation", id);
        let (_, order) = self.viewed(|view| view.end_of(id))?.ok_or_else(not_found)?;
        let event = self.journal.event(order).map_err(Refusal::Unavailable)?;
        let gone = || Refusal::Conflict(format!("{id} is older than what is kept of the journal"));
        let event = event.ok_or_else(gone)?;
        let Some((account, cost)) = end_in(&event, id) else {
            self.view_failed(&ViewError(format!("it knows {id} where the journal does not")));
            return Err(Refusal::Unavailable("its view failed and is being built again".into()));
        };
        if owner.sees(account) { Ok((account, cost)) } else { Err(not_found()) }
    }

    /// The generation whose end stands at a place.
    pub(crate) fn generation_ending(
        &mut self,
        end: GenerationId,
    ) -> Result<Option<GenerationView>, Refusal> {
        let shown = match self.viewed(|view| view.record(end))? {
            Some(Record::Post(post)) => self.posted(end, &post),
            Some(Record::Void(void)) => self.voided(end, &void),
            _ => return Ok(None),
        };
        Ok(Some(shown))
    }

    fn posted(&self, end: GenerationId, post: &Post) -> GenerationView {
        let charged = post.charged().unwrap_or(post.charge);
        let blank = self.blank(GenerationId { seq: post.hold_seq, ..end }, post.offer);
        let finished = post.finish != FinishCode::Unknown;
        let upstream_id = post.upstream_id.text();
        GenerationView {
            account: post.account,
            key_hash: self.register.key_numbered(post.key).map(|row| row.digest),
            usage: post.tokens,
            usage_source: match post.source {
                UsageSource::Reported => "reported",
                UsageSource::Estimated => "estimated",
            },
            held: post.held,
            charged,
            list_cost: post.provider_cost(),
            is_byok: post.own_key,
            byok_cost: post.own_cost(),
            margin: charged.checked_sub(post.provider_cost()).unwrap_or(Usd::ZERO),
            written_off: post.excess.written_off,
            upstream_id: (!upstream_id.is_empty()).then(|| upstream_id.into_owned()),
            outcome: word(&post.outcome),
            finish_reason: finished.then(|| word(&post.finish)),
            status: post.status,
            stream: post.stream,
            service_tier: tier_name(post.service_tier),
            flags: post.flags.names().collect(),
            output_cap: post.output_cap,
            created_at: post.created_at,
            first_byte_ms: post.first_byte_ms,
            total_ms: post.total_ms,
            request_sha256: post.hashes.map(|hashes| KeyDigest(hashes.request).to_string()),
            response_sha256: post.hashes.map(|hashes| KeyDigest(hashes.response).to_string()),
            attempts: self.attempts(&post.attempts),
            ..blank
        }
    }

    fn voided(&self, end: GenerationId, void: &Void) -> GenerationView {
        GenerationView {
            account: void.account,
            key_hash: self.register.key_numbered(void.key).map(|row| row.digest),
            held: void.held,
            outcome: word(&void.reason),
            status: void.status,
            stream: void.stream,
            created_at: void.created_at,
            total_ms: void.total_ms,
            attempts: self.attempts(&void.attempts),
            ..self.blank(GenerationId { seq: void.hold_seq, ..end }, void.offer)
        }
    }

    /// A generation of which only id and offer are known.
    fn blank(&self, id: GenerationId, offer: OfferId) -> GenerationView {
        let terms = self.register.offer(offer);
        let refunded = self.books.refunds(id).map_or(Usd::ZERO, |sum| sum.refunded);
        GenerationView {
            id,
            account: AccountId::default(),
            key_hash: None,
            model: terms.map(|terms| terms.model.clone()).unwrap_or_default(),
            endpoint: self.endpoint(offer).unwrap_or_default(),
            usage: Tokens::ZERO,
            usage_source: "reported",
            offer,
            price: raw(&terms.map(|terms| &terms.price)),
            list_price: raw(&terms.map(|terms| &terms.list)),
            held: Usd::ZERO,
            charged: Usd::ZERO,
            list_cost: Usd::ZERO,
            is_byok: false,
            byok_cost: Usd::ZERO,
            margin: Usd::ZERO,
            refunded,
            written_off: Usd::ZERO,
            upstream_id: None,
            outcome: String::new(),
            finish_reason: None,
            status: 0,
            stream: false,
            service_tier: None,
            flags: Vec::new(),
            output_cap: 0,
            created_at: units::UnixMillis(0),
            first_byte_ms: 0,
            total_ms: 0,
            request_sha256: None,
            response_sha256: None,
            attempts: Vec::new(),
        }
    }

    fn endpoint(&self, offer: OfferId) -> Option<EndpointView> {
        let terms = self.register.offer(offer)?;
        let (provider, model) = (terms.provider.clone(), terms.upstream_model.clone());
        Some(EndpointView { provider, model })
    }

    fn attempts(&self, attempts: &Attempts) -> Vec<AttemptView> {
        let view = |attempt: &ledger::record::Attempt| AttemptView {
            endpoint: self.endpoint(attempt.offer),
            status: attempt.status,
            ms: attempt.ms,
        };
        attempts.as_slice().iter().map(view).collect()
    }
}

/// Whose hold an event ends, and at what cost.
fn end_in(event: &[u8], id: GenerationId) -> Option<(AccountId, Usd)> {
    let Ok(Event::Settled { dataplane, epoch, run }) = Event::decode(event) else { return None };
    if (dataplane, epoch, run.ring) != (id.dataplane, id.epoch, id.ring) {
        return None;
    }
    let records = run.records().map_while(Result::ok);
    let mut ends = records.filter_map(|entry| match entry.decode() {
        Ok(Record::Post(post)) if post.hold_seq == id.seq => Some((post.account, post.charged()?)),
        Ok(Record::Void(void)) if void.hold_seq == id.seq => Some((void.account, Usd::ZERO)),
        _ => None,
    });
    ends.next()
}

/// The word that a closed set gives a value in JSON.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn raw<T: Serialize>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// The tier's name; the default tier has none.
fn tier_name(number: u8) -> Option<String> {
    let tier = ServiceTier::ALL.get(usize::from(number))?;
    (*tier != ServiceTier::Default).then(|| tier.name().to_owned())
}
