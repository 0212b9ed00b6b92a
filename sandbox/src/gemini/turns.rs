//! Contents and their parts: what may stand in them, and that every call has its result.
//!
//! ```text
//! user -> model -> user -> …      a turn of calls follows one of a user's, and is followed by a
//!         calls -> results        turn with as many results, by name
//! ```

use serde_json::Value;

use crate::ask::{Refused, refused};
use crate::base64::is_base64;
use crate::fields::{Fields, Rules};
use crate::{signature, tokens};

/// Addresses of files that Google can read by itself.
const FILES: [&str; 5] = [
    "https://generativelanguage.googleapis.com/",
    "gs://",
    "https://www.youtube.com/",
    "https://youtube.com/",
    "https://youtu.be/",
];
const IMAGES: [&str; 5] = ["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"];

/// What a part is: exactly one of these.
const KINDS: [&str; 7] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
];

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub tokens: u64,
    pub audio: u64,
    said: String,
}

/// What the contents say.
#[derive(Debug)]
pub(super) struct Told {
    /// The text of the last content.
    pub prompt: String,
    pub answers_tool: bool,
}

/// One call or result: its name, and its id if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    name: String,
    id: Option<String>,
}

/// One content.
#[derive(Debug)]
struct Turn {
    user: bool,
    calls: Vec<Named>,
    results: Vec<Named>,
    /// Whether the first of the calls is signed.
    signed: bool,
}

/// Reads all contents; with `signs` calls must be signed.
pub(super) fn read(list: &[Value], parts: &mut Parts, signs: bool) -> Result<Told, Refused> {
    let mut turns = Vec::new();
    for (index, content) in list.iter().enumerate() {
        parts.said.clear();
        turns.push(parts.content(&format!("contents[{index}]"), content)?);
    }
    check(&turns)?;
    if signs {
        check_signatures(&turns)?;
    }
    let answers_tool = turns.last().is_some_and(|turn| !turn.results.is_empty());
    Ok(Told { prompt: std::mem::take(&mut parts.said), answers_tool })
}

impl Parts {
    /// A system instruction: a content without calls.
    pub(super) fn system(&mut self, at: &str, content: &Value) -> Result<(), Refused> {
        let turn = self.content(at, content)?;
        match turn.calls.is_empty() && turn.results.is_empty() {
            true => Ok(()),
            false => Err(refused(format!("{at}: holds more than text"), None)),
        }
    }

    fn content(&mut self, at: &str, content: &Value) -> Result<Turn, Refused> {
        let mut content = Fields::of(Rules::Gemini, at, content)?;
        self.tokens += tokens::PER_MESSAGE;
        let user = match content.text("role")? {
            None | Some("user") => true,
            Some("model") => false,
            // A system instruction may have any role.
            Some(_) if !at.starts_with("contents") => true,
            Some(_) => return Err(refused("Please use a valid role: user, model.", None)),
        };
        let list = content.list("parts")?.filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| content.wrong("parts", "must not be empty"))?;
        content.end()?;
        let mut turn = Turn { user, calls: Vec::new(), results: Vec::new(), signed: false };
        for (index, part) in list.iter().enumerate() {
            let part = Fields::of(Rules::Gemini, &format!("{at}.parts[{index}]"), part)?;
            self.part(part, &mut turn)?;
        }
        Ok(turn)
    }

    fn part(&mut self, mut part: Fields<'_>, turn: &mut Turn) -> Result<(), Refused> {
        let mut kinds = KINDS.iter().filter(|kind| part.has(kind));
        let (Some(kind), None) = (kinds.next(), kinds.next()) else {
            return Err(part.wrong("data", "a part must have exactly one kind of data"));
        };
        let thought = part.flag("thought")?.unwrap_or(false);
        let signature = part.text("thoughtSignature")?;
        let signed = match signature {
            None => false,
            Some(text) if !is_base64(text, true) => {
                return Err(part.wrong("thoughtSignature", "Base64 decoding failed"));
            }
            Some(text) if !signature::is_of_part(text) => {
                return Err(refused("Corrupted thought signature.", None));
            }
            Some(_) => true,
        };
        part.skip(&["videoMetadata", "mediaResolution"]);
        match *kind {
            "text" => self.text(part.text("text")?.unwrap_or_default(), thought),
            "inlineData" => self.inline(&mut part)?,
            "fileData" => self.file(&mut part)?,
            "functionCall" => {
                turn.signed |= signed && turn.calls.is_empty();
                turn.calls.push(self.call(&mut part)?);
            }
            "functionResponse" => {
                // Results of several calls are answered together.
                if !turn.results.is_empty() {
                    self.said.push_str("; ");
                }
                turn.results.push(self.result(&mut part)?);
            }
            other => self.tokens += part.take(other).map_or(0, |v| tokens::count(&v.to_string())),
        }
        part.end()
    }

    /// Thoughts that come back are not counted.
    fn text(&mut self, text: &str, thought: bool) {
        if !thought {
            self.tokens += tokens::count(text);
            self.said.push_str(text);
        }
    }

    fn inline(&mut self, part: &mut Fields<'_>) -> Result<(), Refused> {
        let Some(mut blob) = part.fields("inlineData")? else { return Ok(()) };
        let kind = blob.need_text("mimeType")?;
        self.count(kind)?;
        if !is_base64(blob.need_text("data")?, true) {
            return Err(blob.wrong("data", "Base64 decoding failed"));
        }
        blob.text("displayName")?;
        blob.end()
    }

    fn file(&mut self, part: &mut Fields<'_>) -> Result<(), Refused> {
        let Some(mut file) = part.fields("fileData")? else { return Ok(()) };
        let address = file.need_text("fileUri")?;
        if !FILES.iter().any(|known| address.starts_with(known)) {
            return Err(file.wrong("fileUri", "Invalid or unsupported file uri"));
        }
        self.count(file.text("mimeType")?.unwrap_or("video/mp4"))?;
        file.text("displayName")?;
        file.end()
    }

    fn count(&mut self, kind: &str) -> Result<(), Refused> {
        self.tokens += match kind.split_once('/') {
            Some(("image", _)) if IMAGES.contains(&kind) => tokens::IMAGE,
            Some(("audio", _)) => {
                self.audio += tokens::AUDIO;
                tokens::AUDIO
            }
            Some(("video", _)) => tokens::IMAGE,
            Some(("text", _)) => tokens::FILE,
            _ if kind == "application/pdf" => tokens::FILE,
            _ => return Err(refused(format!("Unsupported MIME type: {kind}"), None)),
        };
        Ok(())
    }

    fn call(&mut self, part: &mut Fields<'_>) -> Result<Named, Refused> {
        let mut call = part.fields("functionCall")?.ok_or_else(|| refused("functionCall", None))?;
        let named = named(&mut call)?;
        if let Some(args) = call.take("args") {
            if !args.is_object() {
                return Err(call.wrong("args", "should be an object"));
            }
            self.tokens += tokens::count(&args.to_string());
        }
        self.tokens += 1;
        call.end()?;
        Ok(named)
    }

    fn result(&mut self, part: &mut Fields<'_>) -> Result<Named, Refused> {
        let result = part.fields("functionResponse")?;
        let mut result = result.ok_or_else(|| refused("functionResponse", None))?;
        let named = named(&mut result)?;
        let response = result.need("response")?;
        let Value::Object(members) = response else {
            return Err(result.wrong("response", "should be an object"));
        };
        self.tokens += tokens::count(&response.to_string());
        // What stands alone is quoted as it is.
        match members.values().next() {
            Some(Value::String(text)) if members.len() == 1 => self.said.push_str(text),
            _ => self.said.push_str(&response.to_string()),
        }
        result.skip(&["willContinue", "scheduling", "parts"]);
        result.end()?;
        Ok(named)
    }
}

fn named(fields: &mut Fields<'_>) -> Result<Named, Refused> {
    let name = fields.text("name")?.unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(fields.wrong("name", "Name cannot be empty."));
    }
    Ok(Named { name, id: fields.text("id")?.map(str::to_owned) })
}

fn check(turns: &[Turn]) -> Result<(), Refused> {
    for (index, turn) in turns.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| &turns[before]);
        if !turn.results.is_empty() {
            check_results(before.map_or(&[], |turn| turn.calls.as_slice()), turn)?;
        } else if before.is_some_and(|turn| !turn.calls.is_empty()) {
            return Err(unequal());
        }
        if turn.calls.is_empty() {
            continue;
        }
        if turn.user || before.is_none_or(|turn| !turn.user) {
            let what = "Please ensure that function call turn comes immediately after a user turn \
                        or after a function response turn.";
            return Err(refused(what, None));
        }
        if index + 1 == turns.len() {
            return Err(unequal());
        }
    }
    Ok(())
}

fn unequal() -> Refused {
    let what = "Please ensure that the number of function response parts is equal to the number \
                of function call parts of the function call turn.";
    refused(what, None)
}

/// As many results as calls, of the same names, and of the same ids where both have some.
fn check_results(calls: &[Named], turn: &Turn) -> Result<(), Refused> {
    if calls.len() != turn.results.len() || !turn.user {
        return Err(unequal());
    }
    let mut open: Vec<_> = calls.iter().collect();
    for result in &turn.results {
        let fits = |call: &&Named| {
            let ids = call.id.as_ref().zip(result.id.as_ref());
            call.name == result.name && ids.is_none_or(|(call, result)| call == result)
        };
        let Some(place) = open.iter().position(fits) else {
            let what = format!("the function response {:?} answers no call", result.name);
            return Err(refused(what, None));
        };
        open.remove(place);
    }
    Ok(())
}

/// The first call of every turn since a person spoke must be signed.
fn check_signatures(turns: &[Turn]) -> Result<(), Refused> {
    let spoken = turns.iter().rposition(|turn| turn.user && turn.results.is_empty());
    for (index, turn) in turns.iter().enumerate() {
        if spoken.is_some_and(|spoken| index < spoken) || turn.signed {
            continue;
        }
        if let Some(call) = turn.calls.first() {
            let what = format!(
                "Function call is missing a thought_signature in functionCall parts. This is \
                 required for tools to work correctly. Additional data, function call `{}`, \
                 position {}.",
                call.name,
                index + 1
            );
            return Err(refused(what, None));
        }
    }
    Ok(())
}
