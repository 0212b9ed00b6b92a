//! What Google answers, as events.
//!
//! Invariants: every call is whole in one part, so each has its arguments at once, and an id of
//! its own where it came with none; usage is told again and again, and the last one counts; a
//! request that was blocked has no candidates and still comes to its end.
//! All candidates are read, as all are paid for; the end is the first one's.
//! Source: Gemini API reference, `GenerateContentResponse`.

use std::borrow::Cow;

use catalog::Dialect;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::config::tier_from_google;
use super::form::{Content, FunctionCall, Part, Text};
use crate::event::{DecodeFault, Event, Progress, Sink};
use crate::intent::Finish;
use crate::session::hash;
use crate::signature;
use crate::usage::gemini_usage;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    response_id: Option<Text<'a>>,
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow)]
    usage_metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow)]
    block_reason: Option<Text<'a>>,
}

/// What is read of the service tier.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Served<'a> {
    #[serde(borrow)]
    service_tier: Option<Text<'a>>,
}

/// Reads answers.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The answer's id; empty before it is known.
    id: String,
    calls: u64,
    /// Whether it shows what it thinks.
    shows_thoughts: bool,
    finish: Finish,
}

impl Decoder {
    pub(crate) fn event(&mut self, json: &[u8], sink: Sink<'_>) -> Result<Progress, DecodeFault> {
        self.read(json, sink)?;
        // Nothing but the end of the body ends a stream.
        Ok(Progress::GoesOn)
    }

    pub(crate) fn whole(&mut self, json: &[u8], sink: Sink<'_>) -> Result<(), DecodeFault> {
        match self.read(json, sink)? {
            true => Ok(()),
            false => Err(DecodeFault::Unreadable("an answer without candidates")),
        }
    }

    /// Reads one response, or a list of them; answers whether there was anything in it.
    fn read(&mut self, json: &[u8], sink: Sink<'_>) -> Result<bool, DecodeFault> {
        let broken = |_| DecodeFault::Unreadable("it is not a response of Gemini");
        let mut any = false;
        if json.trim_ascii_start().starts_with(b"[") {
            let list: Vec<Response<'_>> = serde_json::from_slice(json).map_err(broken)?;
            for response in list {
                any |= self.take(response, sink)?;
            }
        } else {
            any = self.take(serde_json::from_slice(json).map_err(broken)?, sink)?;
        }
        Ok(any)
    }

    fn take(&mut self, response: Response<'_>, sink: Sink<'_>) -> Result<bool, DecodeFault> {
        if response.error.is_some() {
            return Err(DecodeFault::IsError);
        }
        if let Some(id) = response.response_id.filter(|id| !id.0.is_empty() && id.0 != self.id) {
            id.0.as_ref().clone_into(&mut self.id);
            sink(Event::Begin { id: id.0 });
        }
        let mut any = false;
        for candidate in response.candidates.unwrap_or_default() {
            any = true;
            for part in candidate.content.map(|content| content.parts.0).unwrap_or_default() {
                self.take_part(part, sink);
            }
            let reason = candidate.finish_reason.filter(|_| candidate.index.unwrap_or(0) == 0);
            if let Some(reason) = reason {
                self.end(finish_of(&reason.0, self.calls > 0), reason.0, sink);
            }
        }
        let blocked = response.prompt_feedback.and_then(|feedback| feedback.block_reason);
        if let Some(reason) = blocked.filter(|reason| !reason.0.ends_with("_UNSPECIFIED")) {
            any = true;
            self.end(Finish::ContentFilter, reason.0, sink);
        }
        if let Some(usage) = response.usage_metadata {
            let usage = usage.get();
            tell_tier(usage, sink);
            sink(Event::Usage(gemini_usage(usage.as_bytes())));
        }
        Ok(any)
    }

    fn take_part(&mut self, part: Part<'_>, sink: Sink<'_>) {
        let proof = part.thought_signature.filter(|proof| !proof.0.is_empty());
        let proof = proof.map(|proof| Cow::Owned(signature::marked(Dialect::Gemini, &proof.0)));
        if let Some(call) = part.function_call {
            self.take_call(call, proof, sink);
            return;
        }
        let text = part.text.map(|text| text.0).filter(|text| !text.is_empty());
        if part.thought == Some(true) {
            self.shows_thoughts |= text.is_some();
            text.into_iter().for_each(|text| sink(Event::Thought(text)));
            proof.into_iter().for_each(|proof| sink(Event::Signature(proof)));
            return;
        }
        // It proves the thought that led to the text, which comes before it. Google does not ask
        // for it again, so who is shown no thoughts is not shown that there was one.
        let proof = proof.filter(|_| self.shows_thoughts);
        proof.into_iter().for_each(|proof| sink(Event::Signature(proof)));
        if let Some(text) = text {
            sink(Event::Text(text));
        } else if let Some(blob) =
            part.inline_data.filter(|it| it.mime_type.0.starts_with("image/"))
        {
            sink(Event::Image { media_type: blob.mime_type.0, data: blob.data.0 });
        }
    }

    fn take_call(
        &mut self,
        call: FunctionCall<'_>,
        signature: Option<Cow<'_, str>>,
        sink: Sink<'_>,
    ) {
        let args = call.args.as_ref().map(|args| args.0.get()).filter(|args| args.starts_with('{'));
        let told = call.id.map(|id| id.0).filter(|id| !id.is_empty());
        let id = told.unwrap_or_else(|| Cow::Owned(self.new_id(&call.name.0, args)));
        self.calls += 1;
        sink(Event::Call { id, name: call.name.0, signature });
        if let Some(args) = args {
            sink(Event::Arguments(Cow::Borrowed(args)));
        }
    }

    /// An id of a call that has none, which no other call has: neither of this answer nor of
    /// another.
    fn new_id(&self, name: &str, args: Option<&str>) -> String {
        let is_plain = |letter: &char| letter.is_ascii_alphanumeric();
        let answer: String = self.id.chars().filter(is_plain).take(24).collect();
        if answer.is_empty() {
            let made = hash([name, args.unwrap_or_default()].concat().as_bytes());
            return format!("call_{}_{made:016x}", self.calls);
        }
        format!("call_{}_{answer}", self.calls)
    }

    /// Some tell an end with every part: what is new of it counts.
    fn end(&mut self, finish: Finish, native: Cow<'_, str>, sink: Sink<'_>) {
        if finish != Finish::None && finish != self.finish {
            self.finish = finish;
            sink(Event::Finish { finish, native, stop: None });
        }
    }
}

/// Who calls tools stops, too.
fn finish_of(reason: &str, calls: bool) -> Finish {
    match reason {
        "STOP" if calls => Finish::ToolCalls,
        "STOP" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "MODEL_ARMOR" => {
            Finish::ContentFilter
        }
        image if image.starts_with("IMAGE_") => Finish::ContentFilter,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE" => Finish::Error,
        "FINISH_REASON_UNSPECIFIED" | "" => Finish::None,
        _ => Finish::Other,
    }
}

fn tell_tier(usage: &str, sink: Sink<'_>) {
    if !usage.contains("serviceTier") {
        return;
    }
    let served: Option<Served<'_>> = serde_json::from_str(usage).ok();
    if let Some(tier) = served.and_then(|served| served.service_tier) {
        let tier = tier_from_google(&tier.0);
        sink(Event::Tier(Cow::Owned(tier.unwrap_or_else(|| "default".to_owned()))));
    }
}
