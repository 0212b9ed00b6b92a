//! The Messages dialect against bodies and streams as SDKs and providers write them.

mod answered;
mod asked;
mod dice;
mod said;
mod streamed;

use serde_json::Value;
use wire::gate::{Gate, GateLimits};

use super::*;
use crate::{Dropped, Intent, RequestFault, UpstreamTerms};

fn intent(body: &str) -> Result<Box<Intent>, RequestFault> {
    let mut gate = Gate::new();
    let top = gate.check(body.as_bytes(), &GateLimits::default()).unwrap();
    read_intent(&top, body.as_bytes())
}

/// What an upstream of the same dialect gets.
fn relayed(body: &str, terms: &UpstreamTerms<'_>) -> String {
    let mut out = Vec::new();
    write_upstream(&intent(body).unwrap(), body.as_bytes(), terms, &mut out);
    String::from_utf8(out).unwrap()
}

/// What an upstream gets of a prompt that is read from this body, with what is left out.
fn written(body: &str, terms: &UpstreamTerms<'_>) -> Result<(Value, Dropped), RequestFault> {
    let prompt = read_prompt(body.as_bytes())?;
    written_of(&prompt, terms)
}

fn written_of(
    prompt: &crate::prompt::Prompt<'_>,
    terms: &UpstreamTerms<'_>,
) -> Result<(Value, Dropped), RequestFault> {
    let (mut dropped, mut out) = (Dropped::default(), Vec::new());
    let intent = Intent::of(crate::ClientDialect::Chat);
    write_prompt(prompt, &intent, terms, &mut dropped, &mut out)?;
    let value = serde_json::from_slice(&out).unwrap_or_else(|fault| {
        panic!("{fault}: {}", String::from_utf8_lossy(&out));
    });
    Ok((value, dropped))
}

/// Terms for a model.
const fn terms(model_json: &[u8], output_cap: u64) -> UpstreamTerms<'_> {
    UpstreamTerms {
        dialect: catalog::Dialect::Anthropic,
        model_json,
        output_cap,
        cap_as_completion_tokens: false,
        stream_usage: false,
        thinks: false,
    }
}

const OLD: UpstreamTerms<'_> = terms(b"\"claude-sonnet-4-20250514\"", 10_000);
const NEW: UpstreamTerms<'_> = terms(b"\"claude-sonnet-4-6\"", 10_000);
const NEWEST: UpstreamTerms<'_> = terms(b"\"claude-opus-5\"", 10_000);
