//! An answer as a client of this dialect reads it.
//!
//! ```text
//!   Text, Thought, Image -> a part at once     Call Arguments* -> a part when the call is over
//!   Signature -> kept for the part behind it   Finish -> kept for the end
//! ```
//! Invariants: a call is told whole or not at all; every chunk has a part, as SDKs that keep a
//! history drop a turn with a chunk that has none; the last chunk alone has the end and the usage.
//! Source: Gemini API reference, `GenerateContentResponse`; google-genai, `chats`.

use std::borrow::Cow;

use serde_json::value::RawValue;
use units::{TokenClass, Tokens};

use super::form::{FunctionCall, Json, Part};
use super::proof;
use crate::event::Event;
use crate::frames::{End, Frames, Label};
use crate::intent::Finish;
use crate::message::{Block, Message};

/// Writes answers.
#[derive(Debug, Default)]
pub struct Encoder {
    /// The call that is being made.
    call: Option<OpenCall>,
    /// A proof, as it is told, that waits for its part.
    proof: Option<String>,
    finish: Finish,
    native: String,
    has_refused: bool,
}

#[derive(Debug)]
struct OpenCall {
    id: String,
    name: String,
    arguments: String,
    proof: Option<String>,
}

/// Takes parts as they are done.
type Parts<'s> = &'s mut dyn FnMut(&Part<'_>);

impl Encoder {
    pub(crate) fn event(&mut self, label: &Label<'_>, event: &Event<'_>, frames: &mut Frames<'_>) {
        self.step(event, &mut |part| {
            frames.event("", |out| {
                begin_chunk(out);
                write_part(part, out);
                end_chunk(label, None, None, out);
            });
        });
    }

    pub(crate) fn end(&mut self, label: &Label<'_>, end: End<'_>, frames: &mut Frames<'_>) {
        let mut parts = Vec::new();
        self.last_parts(&mut parts);
        frames.event("", |out| {
            begin_chunk(out);
            out.extend_from_slice(&parts);
            end_chunk(label, Some(self.ending()), Some(end.tokens), out);
            (end.note)(out);
        });
    }

    fn step(&mut self, event: &Event<'_>, emit: Parts<'_>) {
        match event {
            Event::Arguments(more) => {
                if let Some(call) = &mut self.call {
                    call.arguments.push_str(more);
                }
                return;
            }
            Event::Finish { finish, native, .. } => {
                self.finish = *finish;
                native.as_ref().clone_into(&mut self.native);
                return;
            }
            Event::Begin { .. } | Event::Tier(_) | Event::Usage(_) => return,
            _ => self.close_call(emit),
        }
        match event {
            Event::Text(text) => emit(&self.proven(Part::text(&**text))),
            Event::Refusal(text) => {
                self.has_refused = true;
                emit(&self.proven(Part::text(&**text)));
            }
            Event::Image { media_type, data } => {
                emit(&self.proven(Part::blob(&**media_type, &**data)));
            }
            Event::Thought(text) => {
                self.release_proof(emit);
                emit(&Part::thought(&**text));
            }
            Event::Signature(marked) => {
                self.release_proof(emit);
                self.proof = Some(proof::written(marked));
            }
            Event::Redacted(marked) => {
                self.release_proof(emit);
                self.proof = Some(proof::written_redacted(marked));
                self.release_proof(emit);
            }
            Event::Call { id, name, signature } => {
                let own = signature.as_deref().map(proof::written);
                if own.is_some() {
                    self.release_proof(emit);
                }
                self.call = Some(OpenCall {
                    id: id.to_string(),
                    name: name.to_string(),
                    arguments: String::new(),
                    proof: own.or_else(|| self.proof.take()),
                });
            }
            _ => {}
        }
    }

    /// A part with the proof that waits for it.
    fn proven<'p>(&mut self, mut part: Part<'p>) -> Part<'p> {
        part.thought_signature = self.proof.take().map(Into::into);
        part
    }

    /// Tells a proof that no part came for.
    fn release_proof(&mut self, emit: Parts<'_>) {
        if let Some(proof) = self.proof.take() {
            emit(&Part { thought_signature: Some(proof.into()), ..Part::thought("") });
        }
    }

    /// Tells the call that is over. One whose arguments broke off is not told: no client may run
    /// half a call.
    fn close_call(&mut self, emit: Parts<'_>) {
        let Some(call) = self.call.take() else { return };
        let text = match call.arguments.trim_ascii() {
            "" => "{}",
            text => text,
        };
        let args: Option<&RawValue> = serde_json::from_str(text).ok();
        let Some(args) = args.filter(|_| text.starts_with('{')) else { return };
        emit(&Part {
            function_call: Some(FunctionCall {
                id: Some(call.id.into()),
                name: call.name.into(),
                args: Some(Json(Cow::Borrowed(args))),
            }),
            thought_signature: call.proof.map(Into::into),
            ..Part::default()
        });
    }

    /// Adds the parts that were kept back, and an empty one where there is none at all.
    fn last_parts(&mut self, parts: &mut Vec<u8>) {
        self.close_call(&mut |part| push_part(part, parts));
        self.release_proof(&mut |part| push_part(part, parts));
        if parts.is_empty() {
            push_part(&Part::text(""), parts);
        }
    }

    /// The word for the end, and what the provider itself called it, where that says more.
    fn ending(&self) -> Ending<'_> {
        let (reason, says_more) = match self.finish {
            Finish::Stop if self.has_refused => ("SAFETY", false),
            Finish::Stop | Finish::ToolCalls => ("STOP", false),
            Finish::Length => ("MAX_TOKENS", false),
            Finish::ContentFilter => ("SAFETY", true),
            Finish::None | Finish::Error | Finish::Other => ("OTHER", true),
        };
        let native = Some(&*self.native).filter(|native| says_more && !native.is_empty());
        Ending { reason, native }
    }
}

/// How an answer ended.
#[derive(Clone, Copy)]
struct Ending<'e> {
    reason: &'e str,
    native: Option<&'e str>,
}

/// Appends a whole answer.
pub(crate) fn write_whole(
    label: &Label<'_>,
    message: &Message,
    tokens: &Tokens,
    out: &mut Vec<u8>,
) {
    let mut encoder = Encoder::default();
    let mut parts = Vec::new();
    let mut step = |encoder: &mut Encoder, event: &Event<'_>| {
        encoder.step(event, &mut |part| push_part(part, &mut parts));
    };
    for block in &message.blocks {
        tell_block(block, &mut |event| step(&mut encoder, event));
    }
    let native = Cow::Borrowed(&*message.native);
    step(&mut encoder, &Event::Finish { finish: message.finish, native, stop: None });
    encoder.last_parts(&mut parts);
    begin_chunk(out);
    out.extend_from_slice(&parts);
    end_chunk(label, Some(encoder.ending()), Some(tokens), out);
}

/// Tells a part of a whole answer as the events that it was gathered from.
fn tell_block(block: &Block, tell: &mut dyn FnMut(&Event<'_>)) {
    match block {
        Block::Text(text) => tell(&Event::Text(text.into())),
        Block::Refusal(text) => tell(&Event::Refusal(text.into())),
        Block::Thought { text, signature } => {
            if !text.is_empty() {
                tell(&Event::Thought(text.into()));
            }
            if let Some(proof) = signature {
                tell(&Event::Signature(proof.into()));
            }
        }
        Block::Redacted(thought) => tell(&Event::Redacted(thought.into())),
        Block::Call { id, name, arguments, signature } => {
            let signature = signature.as_deref().map(Cow::Borrowed);
            tell(&Event::Call { id: id.into(), name: name.into(), signature });
            tell(&Event::Arguments(arguments.into()));
        }
        Block::Image { media_type, data } => {
            tell(&Event::Image { media_type: media_type.into(), data: data.into() });
        }
    }
}

/// Appends the end of a relayed answer that is cut at its limit.
pub(crate) fn write_cut(label: &Label<'_>, tokens: &Tokens, frames: &mut Frames<'_>) {
    frames.event("", |out| {
        begin_chunk(out);
        write_part(&Part::text(""), out);
        end_chunk(label, Some(Ending { reason: "MAX_TOKENS", native: None }), Some(tokens), out);
    });
}

/// Appends a part to a list of them.
fn push_part(part: &Part<'_>, parts: &mut Vec<u8>) {
    if !parts.is_empty() {
        parts.push(b',');
    }
    write_part(part, parts);
}

fn write_part(part: &Part<'_>, out: &mut Vec<u8>) {
    // Writing into a vector does not fail, and a part can be written.
    let _ = serde_json::to_writer(out, part);
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, text);
}

/// What stands before the parts.
fn begin_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"candidates":[{"content":{"parts":["#);
}

/// What stands behind them.
fn end_chunk(
    label: &Label<'_>,
    ending: Option<Ending<'_>>,
    tokens: Option<&Tokens>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(br#"],"role":"model"}"#);
    if let Some(ending) = ending {
        out.extend_from_slice(br#","finishReason":""#);
        out.extend_from_slice(ending.reason.as_bytes());
        out.push(b'"');
        if let Some(native) = ending.native {
            out.extend_from_slice(br#","finishMessage":"#);
            write_text(native, out);
        }
    }
    out.extend_from_slice(br#","index":0}]"#);
    if let Some(tokens) = tokens {
        out.extend_from_slice(br#","usageMetadata":"#);
        write_usage(tokens, out);
    }
    out.extend_from_slice(br#","modelVersion":"#);
    out.extend_from_slice(label.model_json);
    out.extend_from_slice(br#","responseId":""#);
    out.extend_from_slice(label.generation.as_bytes());
    out.extend_from_slice(br#""}"#);
}

/// The vector in Google's numbers: the prompt's count holds what was cached, the candidates' holds
/// no thoughts.
fn write_usage(tokens: &Tokens, out: &mut Vec<u8>) {
    let (prompt, output) = (tokens.input_total(), tokens.output_total());
    let thoughts = tokens[TokenClass::Reasoning];
    let candidates = output.saturating_sub(thoughts);
    let counts = [
        ("promptTokenCount", prompt, true),
        ("candidatesTokenCount", candidates, true),
        ("thoughtsTokenCount", thoughts, false),
        ("cachedContentTokenCount", tokens[TokenClass::CacheRead], false),
        ("totalTokenCount", prompt.saturating_add(output), true),
    ];
    for (at, (name, count, _)) in counts.iter().filter(|it| it.2 || it.1 > 0).enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"" } else { b",\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(count.to_string().as_bytes());
    }
    let told = |class: TokenClass| tokens[class];
    let (audio, image) = (told(TokenClass::AudioInput), told(TokenClass::ImageInput));
    write_modalities("promptTokensDetails", prompt, audio, image, out);
    let (audio, image) = (told(TokenClass::AudioOutput), told(TokenClass::ImageOutput));
    write_modalities("candidatesTokensDetails", candidates, audio, image, out);
    out.push(b'}');
}

/// A total by modality, where it is not all text.
fn write_modalities(name: &str, total: u64, audio: u64, image: u64, out: &mut Vec<u8>) {
    if audio == 0 && image == 0 {
        return;
    }
    let text = total.saturating_sub(audio).saturating_sub(image);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":[");
    let counts = [("TEXT", text), ("AUDIO", audio), ("IMAGE", image)];
    for (at, (modality, count)) in counts.iter().filter(|it| it.1 > 0).enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let item = format!(r#"{comma}{{"modality":"{modality}","tokenCount":{count}}}"#);
        out.extend_from_slice(item.as_bytes());
    }
    out.push(b']');
}
