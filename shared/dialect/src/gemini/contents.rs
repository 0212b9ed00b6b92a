//! What the contents of a request hold, by size: one pass over them with a cursor.
//!
//! Owns the input shape. Invariants: what has no known bound counts as unknown, so that nobody is
//! charged less than it costs; a file in somebody's account is refused.

use wire::Span;
use wire::json::{Cursor, JsonFault, Member, ValueKind, members, unescape};

use super::key;
use super::prompt::is_of_an_account;
use crate::intent::{Intent, RequestFault};
use catalog::route::InputShape;

/// Counts what contents hold.
pub(super) struct Reader<'b> {
    body: &'b [u8],
    input: InputShape,
    /// Bytes of the parts that are counted one by one instead of by their bytes.
    part_bytes: u64,
    /// Where the first content stands.
    opening: Span,
    contents: u64,
    names_an_account: bool,
}

impl<'b> Reader<'b> {
    pub(super) fn new(body: &'b [u8]) -> Self {
        Self {
            body,
            input: InputShape::default(),
            part_bytes: 0,
            opening: Span::EMPTY,
            contents: 0,
            names_an_account: false,
        }
    }

    /// Reads `contents`: a list of them, or one alone.
    pub(super) fn read(&mut self, member: &Member) -> Result<(), RequestFault> {
        let must = |_| RequestFault::invalid("contents", "`contents` must be a list of contents");
        let mut cursor = Cursor::behind(self.body, member.value.start as usize);
        if member.kind == ValueKind::Object {
            return self.read_content(&mut cursor).map_err(must);
        }
        if member.kind != ValueKind::Array {
            return Err(must(JsonFault::Truncated));
        }
        cursor.enter().map_err(must)?;
        while cursor.next_item().map_err(must)? {
            self.read_content(&mut cursor).map_err(must)?;
        }
        Ok(())
    }

    /// Reads the system's instruction, which counts among no contents.
    pub(super) fn read_instruction(&mut self, member: &Member) {
        let (contents, opening) = (self.contents, self.opening);
        let mut cursor = Cursor::behind(self.body, member.value.start as usize);
        if member.kind == ValueKind::Object && self.read_content(&mut cursor).is_err() {
            self.input.unknown_parts += 1;
        }
        (self.contents, self.opening) = (contents, opening);
    }

    /// Hands over what was counted; answers where the first content stands.
    pub(super) fn finish(self, intent: &mut Intent) -> Result<Span, RequestFault> {
        if self.contents == 0 {
            return Err(RequestFault::invalid("contents", "a request must have `contents`"));
        }
        if self.names_an_account {
            let message = "a file that was uploaded to Google is in an account that is not the \
                           gateway's; send its bytes as `inlineData`";
            return Err(RequestFault::unsupported("contents", message));
        }
        intent.continues = self.contents > 1;
        intent.input = self.input;
        intent.input.text_bytes = self.body.len() as u64 - self.part_bytes;
        Ok(self.opening)
    }

    fn read_content(&mut self, cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        cursor.peek();
        let start = cursor.offset();
        cursor.enter()?;
        while let Some(key) = cursor.next_key()? {
            match &*unescape(self.body, key)? {
                "parts" => self.read_parts(cursor)?,
                _ => drop(cursor.skip()?),
            }
        }
        if self.contents == 0 {
            self.opening = Span::new(start, cursor.offset());
        }
        self.contents += 1;
        Ok(())
    }

    fn read_parts(&mut self, cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        match cursor.peek() {
            Some(ValueKind::Object) => return self.read_part(cursor),
            Some(ValueKind::Array) => cursor.enter()?,
            _ => return cursor.skip().map(drop),
        }
        while cursor.next_item()? {
            self.read_part(cursor)?;
        }
        Ok(())
    }

    fn read_part(&mut self, cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        cursor.enter()?;
        let mut is_known = false;
        while let Some(key) = cursor.next_key()? {
            let name = unescape(self.body, key)?;
            is_known |= match &*name {
                "inlineData" | "inline_data" => self.read_media(cursor.skip()?.0),
                "fileData" | "file_data" => self.read_media(cursor.skip()?.0),
                "functionResponse" | "function_response" => {
                    self.read_response(cursor)?;
                    true
                }
                "text"
                | "functionCall"
                | "function_call"
                | "thoughtSignature"
                | "thought_signature"
                | "executableCode"
                | "executable_code"
                | "codeExecutionResult"
                | "code_execution_result" => {
                    cursor.skip()?;
                    true
                }
                _ => {
                    cursor.skip()?;
                    false
                }
            };
        }
        if !is_known {
            self.input.unknown_parts += 1;
        }
        Ok(())
    }

    /// What a tool gave back may hold pictures and files.
    fn read_response(&mut self, cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        if cursor.peek() != Some(ValueKind::Object) {
            return cursor.skip().map(drop);
        }
        cursor.enter()?;
        while let Some(key) = cursor.next_key()? {
            match &*unescape(self.body, key)? {
                "parts" => self.read_parts(cursor)?,
                _ => drop(cursor.skip()?),
            }
        }
        Ok(())
    }

    /// Counts bytes, here or elsewhere; false where nothing is known of them.
    fn read_media(&mut self, span: Span) -> bool {
        let object = span.of(self.body);
        let (mut media_type, mut is_elsewhere) = (String::new(), false);
        let mut told_types = 0;
        for member in members(object).flatten().filter(|member| member.kind == ValueKind::String) {
            let name = unescape(object, member.key).unwrap_or_default();
            if key::is(&name, "mimeType") {
                let told = unescape(object, member.content()).unwrap_or_default();
                media_type = told.to_ascii_lowercase();
                told_types += 1;
            } else if key::is(&name, "fileUri") {
                let uri = unescape(object, member.content()).unwrap_or_default();
                self.names_an_account |= is_of_an_account(&uri);
                is_elsewhere = true;
            }
        }
        let (kind, of_kind) = media_type.split_once('/').unwrap_or_default();
        match (kind, of_kind) {
            // Readers differ in which of two they take.
            _ if told_types > 1 => return false,
            ("image", _) => self.input.images += 1,
            ("audio", _) => self.input.audios += 1,
            ("application", _) => self.input.files += 1,
            // Text in base64 has no more tokens than bytes, like any other.
            ("text", _) if !is_elsewhere => return true,
            ("text", _) => self.input.files += 1,
            _ => return false,
        }
        self.part_bytes += u64::from(span.end - span.start);
        true
    }
}
