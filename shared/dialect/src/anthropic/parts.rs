//! What the messages of a request hold, in one pass over their bytes.
//!
//! Counts the parts that cost more than their bytes tell, wherever they stand: in a message, in the
//! result of a tool, in a document. Finds thoughts that other providers made: their proofs bear the
//! gateway's mark, mean nothing to Anthropic, and never go there.
//! Left out on purpose: whether a block is well formed, which its reader says.

use std::borrow::Cow;

use wire::Span;
use wire::json::{Cursor, JsonFault, Member, ValueKind, content, unescape};

use crate::intent::{Intent, RequestFault};
use crate::session::{conversation, is_instruction};
use crate::signature::is_marked;

/// Blocks that hold text, or what counts no more tokens than it has bytes.
const TEXTS: [&str; 14] = [
    "text",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "tool_reference",
    "search_result",
    "server_tool_use",
    "web_search_tool_result",
    "web_search_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "tool_search_tool_result",
    "mid_conv_system",
];

/// What was seen so far.
pub(super) struct Parts<'b> {
    body: &'b [u8],
    images: u64,
    files: u64,
    unknown: u64,
    /// Bytes of the parts that are counted one by one.
    bytes: u64,
    /// The messages that open the conversation.
    opening: Vec<Span>,
    continues: bool,
    /// Blocks of thoughts that another provider made.
    foreign: Vec<Span>,
    fault: Option<RequestFault>,
}

/// What a block says of itself.
#[derive(Default)]
struct Block {
    kind: Option<Span>,
    source: Option<Span>,
    is_marked: bool,
}

impl<'b> Parts<'b> {
    pub(super) fn new(body: &'b [u8]) -> Self {
        Self {
            body,
            images: 0,
            files: 0,
            unknown: 0,
            bytes: 0,
            opening: Vec::new(),
            continues: false,
            foreign: Vec::new(),
            fault: None,
        }
    }

    /// Goes through the messages; one that is no object is not a message.
    pub(super) fn read_messages(&mut self, messages: &Member) -> Result<(), RequestFault> {
        let is_array = messages.kind == ValueKind::Array;
        if !is_array || self.read_array(messages).is_err() || self.opening.is_empty() {
            return Err(must());
        }
        self.fault.take().map_or(Ok(()), Err)
    }

    /// Goes through the blocks of the instructions.
    pub(super) fn read_system(&mut self, system: &Member) -> Result<(), RequestFault> {
        let mut cursor = Cursor::behind(self.body, system.value.start as usize);
        let read = self.read_blocks(&mut cursor);
        read.map_err(|_| RequestFault::invalid("system", "`system` must hold text blocks"))?;
        self.fault.take().map_or(Ok(()), Err)
    }

    /// Tells what was found. `before` is the number of the conversation so far.
    pub(super) fn finish(self, before: u64, intent: &mut Intent) -> Result<(), RequestFault> {
        if self.opening.is_empty() {
            return Err(must());
        }
        let opening = self.opening.iter().map(|message| message.of(self.body));
        intent.conversation = opening.fold(before, conversation);
        intent.continues = self.continues;
        intent.input.images = self.images;
        intent.input.files = self.files;
        intent.input.unknown_parts = self.unknown;
        intent.input.text_bytes = self.body.len() as u64 - self.bytes;
        // An item is taken out like a member whose key begins with it.
        let items = self.foreign.iter().map(|block| {
            let key = Span { start: block.start + 1, end: block.start + 1 };
            Member { key, value: *block, kind: ValueKind::Object }
        });
        intent.places.private.extend(items);
        Ok(())
    }

    fn read_array(&mut self, messages: &Member) -> Result<(), JsonFault> {
        let mut cursor = Cursor::behind(self.body, messages.value.start as usize);
        cursor.enter()?;
        let mut is_opening = true;
        while cursor.next_item()? {
            let start = cursor.offset();
            let role = self.read_message(&mut cursor)?;
            if is_opening {
                self.opening.push(Span::new(start, cursor.offset()));
                is_opening = role.is_some_and(|role| is_instruction(role.of(self.body)));
            } else {
                self.continues = true;
            }
        }
        Ok(())
    }

    /// Answers the message's role.
    fn read_message(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Span>, JsonFault> {
        cursor.enter()?;
        let mut role = None;
        while let Some(key) = cursor.next_key()? {
            match &*self.text(key) {
                "content" if cursor.peek() == Some(ValueKind::Array) => self.read_blocks(cursor)?,
                "role" => role = Some(cursor.skip()?.0),
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(role)
    }

    fn read_blocks(&mut self, cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        cursor.enter()?;
        while cursor.next_item()? {
            match cursor.peek() {
                Some(ValueKind::Object) => self.read_block(cursor)?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(())
    }

    fn read_block(&mut self, cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        let (start, before) = (cursor.offset(), self.bytes);
        let mut block = Block::default();
        cursor.enter()?;
        while let Some(key) = cursor.next_key()? {
            let kind = cursor.peek();
            match (&*self.text(key), kind) {
                ("type", _) => {
                    let kind = string(cursor.skip()?);
                    // One with two kinds is of none: readers differ in which they take.
                    block.kind = Some(block.kind.map_or(kind, |_| Span::default()));
                }
                ("source", Some(ValueKind::Object)) => block.source = self.read_source(cursor)?,
                ("content", Some(ValueKind::Array)) => self.read_blocks(cursor)?,
                ("content", Some(ValueKind::Object)) => self.read_fetched(cursor)?,
                ("signature" | "data", Some(ValueKind::String)) => {
                    let proof = string(cursor.skip()?);
                    block.is_marked |= is_marked(&self.text(proof));
                }
                _ => {
                    cursor.skip()?;
                }
            }
        }
        let span = Span::new(start, cursor.offset());
        if self.count(&block, span) {
            self.bytes = before + span.len() as u64;
        }
        Ok(())
    }

    /// What a tool of the provider fetched may hold a document.
    fn read_fetched(&mut self, cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        cursor.enter()?;
        while let Some(key) = cursor.next_key()? {
            match &*self.text(key) {
                "content" if cursor.peek() == Some(ValueKind::Object) => self.read_block(cursor)?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(())
    }

    /// The type of a source; what a document holds as blocks is read like a message's.
    fn read_source(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Span>, JsonFault> {
        let mut kind = None;
        cursor.enter()?;
        while let Some(key) = cursor.next_key()? {
            match &*self.text(key) {
                "type" => {
                    let told = string(cursor.skip()?);
                    kind = Some(kind.map_or(told, |_| Span::default()));
                }
                "content" if cursor.peek() == Some(ValueKind::Array) => self.read_blocks(cursor)?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(kind)
    }

    /// Whether a block is counted as one, rather than by its bytes.
    fn count(&mut self, block: &Block, span: Span) -> bool {
        let [kind, source] = [block.kind, block.source].map(|it| self.text(it.unwrap_or_default()));
        match (&*kind, &*source) {
            ("image" | "document", "file") | ("container_upload", _) => {
                let message = "a `file_id` is known to one account at one provider only; send the \
                    file itself, as `base64` or `url`";
                self.fault.get_or_insert_with(|| RequestFault::unsupported("messages", message));
                false
            }
            ("image", _) => {
                self.images += 1;
                true
            }
            ("document", "text" | "content") => false,
            ("document", _) => {
                self.files += 1;
                true
            }
            ("thinking" | "redacted_thinking", _) if block.is_marked => {
                self.foreign.push(span);
                false
            }
            (kind, _) if TEXTS.contains(&kind) => false,
            _ => {
                self.unknown += 1;
                true
            }
        }
    }

    /// The text of a string or a key, between its quotes.
    fn text(&self, span: Span) -> Cow<'b, str> {
        unescape(self.body, span).unwrap_or_default()
    }
}

/// What stands between a value's quotes; nothing where it is no string.
fn string((value, kind): (Span, ValueKind)) -> Span {
    if kind == ValueKind::String { content(value, kind) } else { Span::default() }
}

fn must() -> RequestFault {
    RequestFault::invalid("messages", "`messages` must be a non-empty array of messages")
}
