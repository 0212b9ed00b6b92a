//! Content blocks: what may stand in them, what they count, and which are marked to be cached.

use serde_json::Value;

use crate::ask::{Marked, Refused, refused};
use crate::base64::is_base64;
use crate::fields::{Fields, Rules};
use crate::{signature, tokens};

/// Most marks of one request.
const MARKS_MAX: usize = 4;
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub tokens: u64,
    /// The text of the message that is being read.
    pub said: String,
    /// Where the marks stand, in tokens, and whether each is for an hour.
    marks: Vec<(u64, bool)>,
}

impl Blocks {
    /// Takes `cache_control` from what was counted last.
    pub(super) fn mark_here(&mut self, fields: &mut Fields<'_>) -> Result<(), Refused> {
        let Some(mut control) = fields.fields("cache_control")? else { return Ok(()) };
        if control.need_text("type")? != "ephemeral" {
            return Err(control.wrong("type", "should be 'ephemeral'"));
        }
        let ttl = control.one_of("ttl", &["5m", "1h"])?;
        control.end()?;
        self.marks.push((self.tokens, ttl == Some("1h")));
        Ok(())
    }

    /// What the marks cover.
    pub(super) fn marked(&self) -> Result<Marked, Refused> {
        if self.marks.len() > MARKS_MAX {
            let what = format!("at most 4 blocks may have cache_control, not {}", self.marks.len());
            return Err(refused(what, None));
        }
        let last = |hour| self.marks.iter().rev().find(|(_, is_hour)| *is_hour == hour);
        let one_hour = last(true).map_or(0, |(at, _)| *at);
        let short_before_long = self.marks.windows(2).any(|two| !two[0].1 && two[1].1);
        if short_before_long {
            let what = "cache_control: a ttl of '1h' may not come after one of '5m'";
            return Err(refused(what, None));
        }
        let five_minutes = last(false).map_or(0, |(at, _)| at.saturating_sub(one_hour));
        Ok(Marked { one_hour, five_minutes })
    }

    pub(super) fn add_text(&mut self, at: &str, text: &str) -> Result<(), Refused> {
        if text.is_empty() {
            return Err(refused(format!("{at}: text content blocks must be non-empty"), None));
        }
        self.tokens += tokens::count(text);
        self.said.push_str(text);
        Ok(())
    }

    pub(super) fn text(&mut self, mut block: Fields<'_>) -> Result<(), Refused> {
        let text = block.need_text("text")?;
        self.add_text(&block.path("text"), text)?;
        self.mark_here(&mut block)?;
        block.list("citations")?;
        block.end()
    }

    /// A system message between the others; it is not what the answer is about.
    pub(super) fn system(&mut self, at: &str, mut message: Fields<'_>) -> Result<(), Refused> {
        let said = self.said.len();
        let content = message.need("content")?;
        message.end()?;
        self.content(&format!("{at}.content"), content, &["text"])?;
        self.said.truncate(said);
        Ok(())
    }

    pub(super) fn image(&mut self, mut block: Fields<'_>) -> Result<(), Refused> {
        let mut source =
            block.fields("source")?.ok_or_else(|| block.wrong("source", "required"))?;
        match source.need_text("type")? {
            "base64" => encoded(&mut source, &IMAGES)?,
            "url" => address(&mut source)?,
            "file" => drop(source.need_text("file_id")?),
            other => return Err(source.wrong("type", &format!("{other:?} is not known"))),
        }
        source.end()?;
        self.tokens += tokens::IMAGE;
        self.mark_here(&mut block)?;
        block.end()
    }

    pub(super) fn document(&mut self, mut block: Fields<'_>) -> Result<(), Refused> {
        let mut source =
            block.fields("source")?.ok_or_else(|| block.wrong("source", "required"))?;
        match source.need_text("type")? {
            "base64" => encoded(&mut source, &["application/pdf"])?,
            "url" => address(&mut source)?,
            "file" => drop(source.need_text("file_id")?),
            "text" => {
                source.one_of("media_type", &["text/plain"])?;
                self.tokens += tokens::count(source.need_text("data")?);
            }
            "content" => {
                let content = source.need("content")?;
                self.content(&source.path("content"), content, &["text", "image"])?;
            }
            other => return Err(source.wrong("type", &format!("{other:?} is not known"))),
        }
        source.end()?;
        self.tokens += tokens::FILE;
        block.text("title")?;
        block.text("context")?;
        block.fields("citations")?;
        self.mark_here(&mut block)?;
        block.end()
    }

    /// A result of a tool; gives the id of its call.
    pub(super) fn tool_result(&mut self, mut block: Fields<'_>) -> Result<String, Refused> {
        let id = block.need_text("tool_use_id")?.to_owned();
        block.flag("is_error")?;
        if let Some(content) = block.take("content") {
            let kinds = ["text", "image", "document", "search_result"];
            self.content(&block.path("content"), content, &kinds)?;
        }
        self.mark_here(&mut block)?;
        block.end()?;
        Ok(id)
    }

    fn search_result(&mut self, mut block: Fields<'_>) -> Result<(), Refused> {
        for name in ["source", "title"] {
            self.tokens += tokens::count(block.need_text(name)?);
        }
        let content = block.need("content")?;
        self.content(&block.path("content"), content, &["text"])?;
        block.fields("citations")?;
        self.mark_here(&mut block)?;
        block.end()
    }

    /// A text, or blocks of these kinds.
    fn content(&mut self, at: &str, content: &Value, kinds: &[&str]) -> Result<(), Refused> {
        let items = match content {
            Value::String(text) => {
                self.tokens += tokens::count(text);
                self.said.push_str(text);
                return Ok(());
            }
            Value::Array(items) => items,
            _ => return Err(refused(format!("{at}: should be a string or an array"), None)),
        };
        for (index, item) in items.iter().enumerate() {
            let mut block = Fields::of(Rules::Anthropic, &format!("{at}.{index}"), item)?;
            let kind = block.need_text("type")?;
            if !kinds.contains(&kind) {
                return Err(block.wrong("type", &format!("{kind:?} may not stand here")));
            }
            self.plain(kind, block)?;
        }
        Ok(())
    }

    /// A block that may stand in a caller's turn and in other blocks.
    pub(super) fn plain(&mut self, kind: &str, block: Fields<'_>) -> Result<(), Refused> {
        match kind {
            "text" => self.text(block),
            "image" => self.image(block),
            "document" => self.document(block),
            "search_result" => self.search_result(block),
            other => Err(block.wrong("type", &format!("{other:?} may not stand here"))),
        }
    }

    /// Thoughts that come back.
    pub(super) fn thinking(&mut self, mut block: Fields<'_>) -> Result<(), Refused> {
        let thoughts = block.need_text("thinking")?;
        if block.need_text("signature")? != signature::of_thoughts(thoughts) {
            return Err(block.wrong("signature", "Invalid `signature` in `thinking` block"));
        }
        self.tokens += tokens::count(thoughts);
        block.end()
    }

    pub(super) fn redacted(&mut self, mut block: Fields<'_>) -> Result<(), Refused> {
        let sealed = block.need_text("data")?;
        if !signature::is_sealed(sealed) {
            return Err(block.wrong("data", "Invalid `data` in `redacted_thinking` block"));
        }
        self.tokens += tokens::count(sealed);
        block.end()
    }

    /// A call that was made; gives its id.
    pub(super) fn tool_use(&mut self, mut block: Fields<'_>) -> Result<String, Refused> {
        let id = block.need_text("id")?.to_owned();
        if !super::format::is_id(&id) {
            return Err(block.wrong("id", "String should match pattern '^[a-zA-Z0-9_-]+$'"));
        }
        if !super::format::is_id(block.need_text("name")?) {
            return Err(block.wrong("name", "String should match pattern '^[a-zA-Z0-9_-]+$'"));
        }
        let input = block.need("input")?;
        if !input.is_object() {
            return Err(block.wrong("input", "Input should be a valid dictionary"));
        }
        self.tokens += tokens::count(&input.to_string()) + 1;
        block.skip(&["caller"]);
        self.mark_here(&mut block)?;
        block.end()?;
        Ok(id)
    }
}

fn encoded(source: &mut Fields<'_>, kinds: &[&str]) -> Result<(), Refused> {
    let missing = source.wrong("media_type", "Field required");
    source.one_of("media_type", kinds)?.ok_or(missing)?;
    match is_base64(source.need_text("data")?, false) {
        true => Ok(()),
        false => Err(source.wrong("data", "is not valid base64")),
    }
}

fn address(source: &mut Fields<'_>) -> Result<(), Refused> {
    match source.need_text("url")?.starts_with("https://") {
        true => Ok(()),
        false => Err(source.wrong("url", "Only HTTPS URLs are supported")),
    }
}
