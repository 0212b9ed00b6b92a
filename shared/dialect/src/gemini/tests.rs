//! The dialect against requests as SDKs write them and answers as Google tells them.

mod answers;
mod clients;
mod intents;
mod prompts;
mod round_trips;
mod splits;
mod upstreams;

use std::borrow::Cow;

use catalog::Dialect;
use serde_json::{Value, json};
use units::{TokenClass, Tokens};
use wire::gate::{Gate, GateFault, GateLimits, TopLevel};

use super::*;
use crate::intent::Finish;
use crate::{
    Asked, ClientDialect, DecodeFault, Decoder as AnyDecoder, Dropped, End, Event, Frames, Framing,
    Intent, Label, Message, RequestFault, UpstreamTerms,
};

const LABEL: Label<'static> =
    Label { generation: "gen-01", model_json: b"\"shop/model\"", own_id: false, created: 7 };

fn terms(model_json: &[u8]) -> UpstreamTerms<'_> {
    UpstreamTerms {
        dialect: Dialect::Gemini,
        model_json,
        output_cap: 4_000,
        cap_as_completion_tokens: false,
        stream_usage: true,
        thinks: false,
    }
}

fn gated(body: &str) -> Result<TopLevel, GateFault> {
    Gate::new().check(body.as_bytes(), &GateLimits::default())
}

fn intent(body: &str) -> Result<Box<Intent>, RequestFault> {
    let asked =
        Asked { client: ClientDialect::Gemini, model: Some("a/b"), stream: true, counts: true };
    read_intent(asked, &gated(body).unwrap(), body.as_bytes())
}

/// What an upstream gets of a request of this dialect, through the form that all dialects share.
fn rewritten(body: &str, model: &str) -> Result<(Value, Dropped), RequestFault> {
    let prompt = read_prompt(body.as_bytes())?;
    let mut dropped = Dropped::default();
    prompt.unsaid.iter().for_each(|name| dropped.add(name));
    let (model, mut out) = (format!("\"{model}\""), Vec::new());
    write_prompt(&prompt, &*intent(body)?, &terms(model.as_bytes()), &mut dropped, &mut out)?;
    Ok((serde_json::from_slice(&out).unwrap(), dropped))
}
