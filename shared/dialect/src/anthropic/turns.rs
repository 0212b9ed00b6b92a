//! What was said, as Anthropic hears it: turns of two sides, in blocks.
//!
//! Invariants: the first turn is the user's, and no two in a row are of one side; the results of
//! tools stand at the front of the turn behind their calls; instructions that come later stay where
//! they are; a thought that Anthropic did not make is left out, and so is white space alone.
//! Source: Anthropic API, "Create a Message", "Tool use", "Mid-conversation system messages".

use wire::splice::write_string;

use super::family::Family;
use super::json::{Object, list};
use super::marks::Marks;
use super::settings::own_proof;
use crate::intent::RequestFault;
use crate::prompt::{Call, Part, PartKind, Prompt, Role, Source, ToolAnswer};
use crate::signature::from_base64;

/// What the user says where the conversation begins with the model.
const OPENING: &str = "Continue.";

/// Media types of images that are understood.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// A turn as it is written.
struct Said<'p> {
    role: Role,
    pieces: Vec<Piece<'p>>,
}

#[derive(Clone, Copy)]
enum Piece<'p> {
    Part(&'p Part<'p>),
    /// An instruction in the user's turn.
    Instruction(&'p Part<'p>),
    Opening,
}

/// Writes the value of `messages`. Where nobody said anything the instructions are what is said.
pub(super) fn write_messages(
    prompt: &Prompt<'_>,
    family: Family,
    marks: &mut Marks,
    out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    let said = arranged(prompt, family);
    if said.is_empty() {
        return Err(RequestFault::invalid("messages", "the request says nothing"));
    }
    list(said, out, |said, out| {
        let mut message = Object::open(out);
        message.text(
            "role",
            match said.role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            },
        );
        list(said.pieces, message.name("content"), |piece, out| write_piece(piece, marks, out))?;
        message.close();
        Ok(())
    })
}

/// Whether there is nothing but instructions, which then are the user's turn.
pub(super) fn is_instructions_alone(prompt: &Prompt<'_>) -> bool {
    prompt.turns.is_empty()
}

fn arranged<'p>(prompt: &'p Prompt<'p>, family: Family) -> Vec<Said<'p>> {
    let mut said: Vec<Said<'p>> = Vec::with_capacity(prompt.turns.len());
    if is_instructions_alone(prompt) {
        let parts = prompt.system.iter().filter(|part| is_said(&part.kind));
        say(&mut said, Role::User, parts.map(Piece::Part));
    }
    for (place, turn) in prompt.turns.iter().enumerate() {
        let parts = turn.parts.iter().filter(|part| is_said(&part.kind));
        if turn.role != Role::System {
            say(&mut said, turn.role, parts.map(Piece::Part));
            continue;
        }
        let before = said.last().map(|said| said.role);
        let behind = prompt.turns.get(place + 1).map(|turn| turn.role);
        let may_stand = before == Some(Role::User) && behind != Some(Role::User);
        if may_stand && family.hears_system_later() {
            say(&mut said, Role::System, parts.map(Piece::Part));
        } else {
            say(&mut said, Role::User, parts.map(Piece::Instruction));
        }
    }
    if said.first().is_some_and(|first| first.role == Role::Assistant) {
        said.insert(0, Said { role: Role::User, pieces: vec![Piece::Opening] });
    }
    for turn in said.iter_mut().filter(|turn| turn.role == Role::User) {
        turn.pieces.sort_by_key(|piece| !is_result(piece));
    }
    said
}

fn say<'p>(said: &mut Vec<Said<'p>>, role: Role, pieces: impl Iterator<Item = Piece<'p>>) {
    for piece in pieces {
        match said.last_mut().filter(|last| last.role == role) {
            Some(last) => last.pieces.push(piece),
            None => said.push(Said { role, pieces: vec![piece] }),
        }
    }
}

/// Whether a part is written: a text that has words, a thought that Anthropic made, anything else.
pub(super) fn is_said(kind: &PartKind<'_>) -> bool {
    match kind {
        PartKind::Text(text) => !text.trim().is_empty(),
        PartKind::Thought { .. } | PartKind::Redacted(_) => own_proof(kind).is_some(),
        _ => true,
    }
}

fn is_result(piece: &Piece<'_>) -> bool {
    matches!(piece, Piece::Part(Part { kind: PartKind::Answer(_), .. }))
}

fn write_piece(piece: Piece<'_>, marks: &mut Marks, out: &mut Vec<u8>) -> Result<(), RequestFault> {
    match piece {
        Piece::Part(part) => write_part(part, marks, out),
        Piece::Opening => write_part(&Part::text(OPENING), marks, out),
        Piece::Instruction(part) => match &part.kind {
            PartKind::Text(text) => {
                let tagged = Part::text(format!("<system>\n{text}\n</system>"));
                write_part(&Part { cache: part.cache, ..tagged }, marks, out)
            }
            _ => write_part(part, marks, out),
        },
    }
}

/// Writes a part as a block.
pub(super) fn write_part(
    part: &Part<'_>,
    marks: &mut Marks,
    out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    let mut block = match &part.kind {
        PartKind::Text(text) => {
            let mut block = Object::of("text", out);
            block.text("text", text);
            block
        }
        PartKind::Image { source, .. } => {
            let mut block = Object::of("image", out);
            write_image(source, block.name("source"))?;
            block
        }
        PartKind::File { name, source } => {
            let mut block = Object::of("document", out);
            write_document(source, block.name("source"))?;
            if let Some(name) = name {
                block.text("title", name);
            }
            block
        }
        PartKind::Audio { .. } => {
            let message = "this model hears no sound; send its words as text";
            return Err(RequestFault::unsupported("messages", message));
        }
        PartKind::Thought { text, .. } => {
            let mut block = Object::of("thinking", out);
            block.text("thinking", text);
            block.text("signature", own_proof(&part.kind).unwrap_or_default());
            block.close();
            return Ok(());
        }
        PartKind::Redacted(_) => {
            let mut block = Object::of("redacted_thinking", out);
            block.text("data", own_proof(&part.kind).unwrap_or_default());
            block.close();
            return Ok(());
        }
        PartKind::Call(call) => write_call(call, out),
        PartKind::Answer(answer) => write_answer(answer, marks, out)?,
    };
    marks.write(part.cache, &mut block);
    block.close();
    Ok(())
}

fn write_call<'o>(call: &Call<'_>, out: &'o mut Vec<u8>) -> Object<'o> {
    let mut block = Object::of("tool_use", out);
    write_id(&call.id, block.name("id"));
    block.text("name", &call.name);
    let arguments = call.arguments.trim();
    block.raw("input", if arguments.is_empty() { b"{}" } else { arguments.as_bytes() });
    block
}

fn write_answer<'o>(
    answer: &ToolAnswer<'_>,
    marks: &mut Marks,
    out: &'o mut Vec<u8>,
) -> Result<Object<'o>, RequestFault> {
    let mut block = Object::of("tool_result", out);
    write_id(&answer.id, block.name("tool_use_id"));
    let said = answer.parts.iter().filter(|part| is_said(&part.kind));
    if !answer.parts.is_empty() {
        list(said, block.name("content"), |part, out| write_part(part, marks, out))?;
    }
    if answer.is_error {
        block.plain("is_error", true);
    }
    Ok(block)
}

/// Writes a call's id in the letters that are taken: others are written as their numbers, so that
/// two ids stay two.
fn write_id(id: &str, out: &mut Vec<u8>) {
    let is_taken = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if id.chars().all(is_taken) {
        return write_string(id, out);
    }
    let mut written = String::with_capacity(id.len() + 8);
    for letter in id.chars() {
        if is_taken(letter) {
            written.push(letter);
        } else {
            written.push_str(&format!("_{:x}_", u32::from(letter)));
        }
    }
    write_string(&written, out);
}

fn write_image(source: &Source<'_>, out: &mut Vec<u8>) -> Result<(), RequestFault> {
    match source {
        Source::Data { media_type, data } => {
            let media_type = if media_type == "image/jpg" { "image/jpeg" } else { media_type };
            if !IMAGES.contains(&media_type) {
                let message = format!("this model sees no `{media_type}`; send a PNG or a JPEG");
                return Err(RequestFault::unsupported("messages", message));
            }
            write_data(media_type, data, out);
            Ok(())
        }
        Source::Url(url) => {
            write_url(url, out);
            Ok(())
        }
        Source::Text(_) => Err(RequestFault::invalid("messages", "a text is no image")),
    }
}

fn write_document(source: &Source<'_>, out: &mut Vec<u8>) -> Result<(), RequestFault> {
    match source {
        Source::Data { media_type, data } if media_type == "application/pdf" => {
            write_data(media_type, data, out);
        }
        Source::Data { media_type, data } => {
            let is_text = media_type.starts_with("text/") || media_type == "application/json";
            let Some(text) = is_text.then(|| from_base64(data)).flatten() else {
                let message =
                    format!("this model reads no `{media_type}`; send a PDF, or its text");
                return Err(RequestFault::unsupported("messages", message));
            };
            write_text(&text, out);
        }
        Source::Url(url) => write_url(url, out),
        Source::Text(text) => write_text(text, out),
    }
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let mut source = Object::of("text", out);
    source.text("media_type", "text/plain");
    source.text("data", text);
    source.close();
}

fn write_data(media_type: &str, data: &str, out: &mut Vec<u8>) {
    let mut source = Object::of("base64", out);
    source.text("media_type", media_type);
    source.text("data", data);
    source.close();
}

fn write_url(url: &str, out: &mut Vec<u8>) {
    let mut source = Object::of("url", out);
    source.text("url", url);
    source.close();
}
