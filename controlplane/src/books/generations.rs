//! Generations: found by their hold or listed, read from their end, shown with the terms they were
//! sold on.
//!
//! Invariant: the view says only where it stands; what is shown, and what money moves by, is read
//! from the journal.

use catalog::ServiceTier;
use ledger::Record;
use ledger::books::Generation;
use ledger::record::{Attempts, FinishCode, Post, UsageSource, Void};
use serde::Serialize;
use serde_json::value::RawValue;
use units::{AccountId, GenerationId, KeyDigest, OfferId, Tokens, Usd};

use super::command::Owner;
use super::order::{Page, Place};
use super::shown::{AttemptView, EndpointView, GenerationView, Listed};
use super::thread::Ledger;
use crate::refuse::Refusal;
use crate::store::embedded::{EventMissing, ViewError};

impl Ledger {
    /// A generation by its id, if it has ended and its request log is kept.
    pub(crate) fn generation(
        &mut self,
        id: GenerationId,
        owner: Owner,
    ) -> Result<GenerationView, Refusal> {
        let not_found = || Refusal::not_found("generation", id);
        let (end, _) = self.viewed(|view| view.end_of(id))?.ok_or_else(not_found)?;
        let found = self.generation_ending(end)?;
        found.filter(|generation| owner.sees(generation.account)).ok_or_else(not_found)
    }

    /// Generations, newest first.
    pub(crate) fn generations(
        &mut self,
        account: AccountId,
        page: &Page,
    ) -> Result<Listed<GenerationView>, Refusal> {
        self.account(account)?;
        let (count, after) = (page.count()?, page.place()?);
        let ends = self.viewed(|view| view.generations(account, after, count + 1))?;
        let mut rows = Vec::with_capacity(ends.len());
        for (place, end) in ends {
            // Older ones are not kept either.
            let Some(generation) = self.generation_ending(end)? else { break };
            rows.push((place, generation));
        }
        Ok(listed(rows, count))
    }

    /// Whose a generation was and what it cost, by the whole batch that tells of its end.
    pub(crate) fn cost_of(
        &mut self,
        id: GenerationId,
        owner: Owner,
    ) -> Result<(AccountId, Usd), Refusal> {
        let not_found = || Refusal::not_found("generation", id);
        let (end, order) = self.viewed(|view| view.end_of(id))?.ok_or_else(not_found)?;
        let block = self.viewed(|view| view.block(end))?;
        let event = self.journal.event(block.at, order);
        let gone = || Refusal::Conflict(format!("{id} is older than what is kept of the journal"));
        let event = self.kept(event)?.ok_or_else(gone)?;
        let ended = Generation::all_of(&event).unwrap_or_default();
        let Some(ended) = ended.into_iter().find(|generation| generation.id == id) else {
            return Err(self.misled(id));
        };
        let seen = owner.sees(ended.account).then_some((ended.account, ended.used.charged));
        seen.ok_or_else(not_found)
    }

    /// The generation whose end stands at a place; `None` where the journal does not keep it any
    /// more.
    fn generation_ending(&mut self, end: GenerationId) -> Result<Option<GenerationView>, Refusal> {
        let block = self.viewed(|view| view.block(end))?;
        let run = self.journal.block(&block, end.ring);
        let Some(run) = self.kept(run)? else { return Ok(None) };
        let mut records = run.records().map_while(Result::ok);
        let record = records.find(|entry| entry.seq == end.seq).map(|entry| entry.decode());
        match record {
            Some(Ok(Record::Post(post))) => Ok(Some(self.posted(end, &post))),
            Some(Ok(Record::Void(void))) => Ok(Some(self.voided(end, &void))),
            _ => Err(self.misled(end)),
        }
    }

    /// What was read where the view said; `None` where the journal does not keep it any more.
    fn kept<T>(&mut self, read: Result<T, EventMissing>) -> Result<Option<T>, Refusal> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(EventMissing::Gone) => Ok(None),
            Err(EventMissing::Unreadable(why)) => Err(Refusal::Unavailable(why)),
            Err(EventMissing::Elsewhere) => Err(self.misled("a batch")),
        }
    }

    /// What is said where the view knows of something that the journal does not have.
    fn misled(&mut self, what: impl std::fmt::Display) -> Refusal {
        self.view_failed(&ViewError(format!("it knows {what} where the journal does not")))
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

/// A page of `count`, and where the next begins if there is more.
fn listed<T>(mut rows: Vec<(Place, T)>, count: usize) -> Listed<T> {
    let more = rows.len() > count;
    rows.truncate(count);
    let next = rows.last().filter(|_| more).map(|(place, _)| place.cursor());
    Listed { data: rows.into_iter().map(|(_, row)| row).collect(), next }
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
