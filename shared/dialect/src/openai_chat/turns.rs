//! Turns of a prompt as chat messages.
//!
//! ```text
//!   user turn:       the results, one tool message each; then one user message: what the results
//!                    hold that is no text, and what the user says
//!   assistant turn:  one message: its thoughts that this upstream made, words, calls
//! ```
//! Invariants: thoughts of other makers are left out; tool messages hold text only.

use std::borrow::Cow;

use serde::Serialize;

use super::details::{Detail, bare};
use crate::intent::RequestFault;
use crate::prompt::{Call, Part, PartKind, Prompt, Role, Source, ToolAnswer, Turn};

const PARAM: &str = "messages";

/// A message.
#[derive(Default, Serialize)]
pub(super) struct Said<'p> {
    role: &'static str,
    content: Option<Content<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'p str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Called<'p>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reasoning_content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Detail<'p>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'p> {
    Text(Cow<'p, str>),
    Parts(Vec<Piece<'p>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece<'p> {
    Text { text: Cow<'p, str> },
    ImageUrl { image_url: ImageUrl<'p> },
    InputAudio { input_audio: Sound<'p> },
    File { file: FileOut<'p> },
}

#[derive(Serialize)]
struct ImageUrl<'p> {
    url: Cow<'p, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'p str>,
}

#[derive(Serialize)]
struct Sound<'p> {
    data: &'p str,
    format: &'p str,
}

#[derive(Serialize)]
struct FileOut<'p> {
    filename: &'p str,
    file_data: Cow<'p, str>,
}

#[derive(Serialize)]
struct Called<'p> {
    id: &'p str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'p>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Extra<'p>>,
}

#[derive(Serialize)]
struct Function<'p> {
    name: &'p str,
    arguments: &'p str,
}

#[derive(Serialize)]
struct Extra<'p> {
    google: Google<'p>,
}

#[derive(Serialize)]
struct Google<'p> {
    thought_signature: &'p str,
}

/// All messages of a prompt.
pub(super) fn turns_of<'p>(prompt: &'p Prompt<'_>) -> Result<Vec<Said<'p>>, RequestFault> {
    let mut messages = Vec::with_capacity(prompt.turns.len() + 1);
    if !prompt.system.is_empty() {
        messages.push(instructions(&prompt.system)?);
    }
    for turn in &prompt.turns {
        match turn.role {
            Role::System => messages.push(instructions(&turn.parts)?),
            Role::User => user(turn, &mut messages)?,
            Role::Assistant => messages.extend(assistant(turn)?),
        }
    }
    Ok(messages)
}

fn instructions<'p>(parts: &'p [Part<'_>]) -> Result<Said<'p>, RequestFault> {
    let texts = parts.iter().map(|part| match &part.kind {
        PartKind::Text(text) => Ok(&**text),
        _ => Err(refused("instructions that are no text")),
    });
    let content = Some(Content::Text(joined(texts.collect::<Result<Vec<_>, _>>()?, "\n\n")));
    Ok(Said { role: "system", content, ..Said::default() })
}

fn user<'p>(turn: &'p Turn<'_>, messages: &mut Vec<Said<'p>>) -> Result<(), RequestFault> {
    let mut pieces = Vec::new();
    for part in &turn.parts {
        if let PartKind::Answer(answer) = &part.kind {
            messages.push(result(answer, &mut pieces)?);
        }
    }
    for part in &turn.parts {
        if !matches!(part.kind, PartKind::Answer(_)) {
            pieces.push(piece(part)?);
        }
    }
    let content = match pieces.as_mut_slice() {
        [] => return Ok(()),
        [Piece::Text { text }] => Content::Text(std::mem::take(text)),
        _ => Content::Parts(pieces),
    };
    messages.push(Said { role: "user", content: Some(content), ..Said::default() });
    Ok(())
}

/// The message of a tool; what it cannot hold goes to `pieces`, for the user's message behind it.
fn result<'p>(
    answer: &'p ToolAnswer<'_>,
    pieces: &mut Vec<Piece<'p>>,
) -> Result<Said<'p>, RequestFault> {
    let mut texts: Vec<&str> = Vec::new();
    if answer.is_error {
        texts.push("Error:");
    }
    let mut is_attached = false;
    for part in &answer.parts {
        match &part.kind {
            PartKind::Text(text) => texts.push(text),
            _ if is_attached => pieces.push(piece(part)?),
            _ => {
                is_attached = true;
                let text = format!("What the tool `{}` gave for {}:", answer.name, answer.id);
                pieces.extend([Piece::Text { text: text.into() }, piece(part)?]);
            }
        }
    }
    if texts.is_empty() && is_attached {
        texts.push("(attached to the message that follows)");
    }
    let content = Some(Content::Text(joined(texts, "\n")));
    Ok(Said { role: "tool", content, tool_call_id: Some(&answer.id), ..Said::default() })
}

/// What the model said; `None` where nothing of it is for this upstream.
fn assistant<'p>(turn: &'p Turn<'_>) -> Result<Option<Said<'p>>, RequestFault> {
    let mut said = Said { role: "assistant", ..Said::default() };
    let mut texts = Vec::new();
    for part in &turn.parts {
        match &part.kind {
            PartKind::Text(text) => texts.push(&**text),
            PartKind::Thought { text, signature } => {
                let Some(proof) = signature.as_deref().and_then(bare) else { continue };
                match Detail::returned(text, proof) {
                    Some(detail) => said.reasoning_details.push(detail),
                    None if proof.is_empty() => said.reasoning_content.push_str(text),
                    None => {}
                }
            }
            PartKind::Redacted(sealed) => {
                let detail = bare(sealed).and_then(|proof| Detail::returned("", proof));
                said.reasoning_details.extend(detail);
            }
            PartKind::Call(call) => said.tool_calls.push(called(call)),
            PartKind::Image { .. } | PartKind::File { .. } | PartKind::Audio { .. } => {
                return Err(refused("an image, a file or sound that the model made"));
            }
            PartKind::Answer(_) => return Err(refused("a tool's answer as the model's")),
        }
    }
    if texts.is_empty() && said.tool_calls.is_empty() {
        return Ok(None);
    }
    // The pieces of one answer: what parted them, such as a citation, is no part of the text.
    said.content = (!texts.is_empty()).then(|| Content::Text(joined(texts, "")));
    Ok(Some(said))
}

fn called<'p>(call: &'p Call<'_>) -> Called<'p> {
    let proof = call.signature.as_deref().and_then(bare).filter(|proof| !proof.is_empty());
    Called {
        id: &call.id,
        kind: "function",
        function: Function { name: &call.name, arguments: &call.arguments },
        extra_content: proof
            .map(|thought_signature| Extra { google: Google { thought_signature } }),
    }
}

fn piece<'p>(part: &'p Part<'_>) -> Result<Piece<'p>, RequestFault> {
    match &part.kind {
        PartKind::Text(text) => Ok(Piece::Text { text: Cow::Borrowed(text) }),
        PartKind::Image { source, detail } => {
            let url = address(source).ok_or_else(|| refused("an image that is a text"))?;
            Ok(Piece::ImageUrl { image_url: ImageUrl { url, detail: detail.as_deref() } })
        }
        PartKind::Audio { media_type, data } => {
            let format = match media_type.strip_prefix("audio/") {
                Some("wav" | "x-wav" | "wave" | "vnd.wave") => "wav",
                Some("mp3" | "mpeg") => "mp3",
                _ => return Err(refused("sound that is neither WAV nor MP3")),
            };
            Ok(Piece::InputAudio { input_audio: Sound { data, format } })
        }
        PartKind::File { source: Source::Text(text), .. } => {
            Ok(Piece::Text { text: Cow::Borrowed(text) })
        }
        PartKind::File { source: Source::Url(_), .. } => {
            Err(refused("a file at an address; send its bytes"))
        }
        PartKind::File { name, source } => {
            let file_data = address(source).ok_or_else(|| refused("such a file"))?;
            let filename = name.as_deref().unwrap_or("document.pdf");
            Ok(Piece::File { file: FileOut { filename, file_data } })
        }
        _ => Err(refused("what only the model says, as the user's")),
    }
}

fn address<'p>(source: &'p Source<'_>) -> Option<Cow<'p, str>> {
    match source {
        Source::Url(url) => Some(Cow::Borrowed(url)),
        Source::Data { media_type, data } => {
            Some(["data:", media_type, ";base64,", data].concat().into())
        }
        Source::Text(_) => None,
    }
}

fn joined<'p>(texts: Vec<&'p str>, by: &str) -> Cow<'p, str> {
    match texts[..] {
        [text] => text.into(),
        _ => texts.join(by).into(),
    }
}

fn refused(what: &str) -> RequestFault {
    RequestFault::unsupported(PARAM, format!("this model cannot be sent {what}"))
}
