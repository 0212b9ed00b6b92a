//! The events of a stream as bytes, whatever their dialect: names, framing, and the end.

use units::Tokens;

use crate::refusal::{ErrorForm, Refusal};

/// Under which names an answer goes out.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// The generation's id: `gen-` and 32 hexadecimal digits.
    pub generation: &'a str,
    /// The model's name as a JSON string.
    pub model_json: &'a [u8],
    /// Whether the answer's id is the generation's as it is, whatever its dialect.
    pub own_id: bool,
    /// When it began, in Unix seconds.
    pub created: u64,
}

impl Label<'_> {
    /// The generation's digits, for ids that begin otherwise.
    pub fn digits(&self) -> &str {
        self.generation.strip_prefix("gen-").unwrap_or(self.generation)
    }
}

/// How the events of a stream are parted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// As server-sent events.
    #[default]
    Events,
    /// As the items of one JSON array, which is how Gemini streams without `alt=sse`.
    Array {
        /// Whether the first item was written.
        begun: bool,
    },
}

/// Where the events of a stream are written.
pub struct Frames<'o> {
    /// The bytes.
    pub out: &'o mut Vec<u8>,
    /// How they are parted.
    pub framing: &'o mut Framing,
}

impl Frames<'_> {
    /// Appends one event: its name, where its dialect has one, and its JSON, which `write` adds.
    pub fn event(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        match self.framing {
            Framing::Events => {
                if !name.is_empty() {
                    self.out.extend_from_slice(b"event: ");
                    self.out.extend_from_slice(name.as_bytes());
                    self.out.push(b'\n');
                }
                self.out.extend_from_slice(b"data: ");
                write(self.out);
                self.out.extend_from_slice(b"\n\n");
            }
            Framing::Array { begun } => {
                self.out.extend_from_slice(if *begun { b",\r\n" } else { b"[" });
                *begun = true;
                write(self.out);
            }
        }
    }

    /// Ends the stream as its framing asks for.
    pub fn close(&mut self) {
        if let Framing::Array { begun } = self.framing {
            self.out.extend_from_slice(if *begun { b"]" } else { b"[]" });
        }
    }
}

/// What is known at the end of an answer.
pub struct End<'e> {
    /// What was used, told by the provider or estimated.
    pub tokens: &'e Tokens,
    /// Whether the client is told, where its dialect leaves that open.
    pub tells_usage: bool,
    /// Adds members to the object that ends the bytes: called once, for the last object.
    pub note: &'e mut dyn FnMut(&mut Vec<u8>),
}

/// An error in a stream that has begun.
#[derive(Clone, Copy, Debug)]
pub struct StreamError<'e> {
    /// What is wrong.
    pub refusal: &'e Refusal,
    /// How OpenAI's form of it looks.
    pub form: ErrorForm,
}
