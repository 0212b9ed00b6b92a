//! A whole answer: the events of one, gathered.

use crate::event::Event;
use crate::intent::Finish;

/// An answer, gathered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// The provider's id of it; empty where it told none.
    pub id: String,
    /// What it says, in order.
    pub blocks: Vec<Block>,
    /// How it ended.
    pub finish: Finish,
    /// The same in the provider's word.
    pub native: String,
    /// The stop sequence that was met.
    pub stop: Option<String>,
    /// The service tier that served.
    pub tier: Option<String>,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Words.
    Text(String),
    /// Why there are none.
    Refusal(String),
    /// A thought, and its proof in the form of [`crate::signature`].
    Thought {
        /// Empty where it is not shown.
        text: String,
        /// None where it came without.
        signature: Option<String>,
    },
    /// A thought that only its maker can read.
    Redacted(String),
    /// A call of a tool.
    Call {
        /// By which the result will name it.
        id: String,
        /// The tool.
        name: String,
        /// JSON text; empty where the tool takes nothing.
        arguments: String,
        /// The proof of the thought that led to it.
        signature: Option<String>,
    },
    /// A picture.
    Image {
        /// Its media type.
        media_type: String,
        /// Its bytes, in base64.
        data: String,
    },
}

impl Message {
    /// Adds an event. Usage is the meter's.
    pub fn add(&mut self, event: &Event<'_>) {
        match event {
            Event::Begin { id } => id.as_ref().clone_into(&mut self.id),
            Event::Text(more) => match self.blocks.last_mut() {
                Some(Block::Text(text)) => text.push_str(more),
                _ => self.blocks.push(Block::Text(more.to_string())),
            },
            Event::Refusal(more) => match self.blocks.last_mut() {
                Some(Block::Refusal(text)) => text.push_str(more),
                _ => self.blocks.push(Block::Refusal(more.to_string())),
            },
            Event::Thought(more) => match self.blocks.last_mut() {
                Some(Block::Thought { text, signature: None }) => text.push_str(more),
                _ => {
                    let text = more.to_string();
                    self.blocks.push(Block::Thought { text, signature: None });
                }
            },
            Event::Signature(proof) => match self.blocks.last_mut() {
                Some(Block::Thought { signature: open @ None, .. }) => {
                    *open = Some(proof.to_string());
                }
                _ => {
                    let signature = Some(proof.to_string());
                    self.blocks.push(Block::Thought { text: String::new(), signature });
                }
            },
            Event::Redacted(data) => self.blocks.push(Block::Redacted(data.to_string())),
            Event::Call { id, name, signature } => self.blocks.push(Block::Call {
                id: id.to_string(),
                name: name.to_string(),
                arguments: String::new(),
                signature: signature.as_ref().map(ToString::to_string),
            }),
            Event::Arguments(more) => {
                if let Some(Block::Call { arguments, .. }) = self.blocks.last_mut() {
                    arguments.push_str(more);
                }
            }
            Event::Image { media_type, data } => self
                .blocks
                .push(Block::Image { media_type: media_type.to_string(), data: data.to_string() }),
            Event::Finish { finish, native, stop } => {
                self.finish = *finish;
                native.as_ref().clone_into(&mut self.native);
                self.stop = stop.as_ref().map(ToString::to_string);
            }
            Event::Tier(tier) => self.tier = Some(tier.to_string()),
            Event::Usage(_) => {}
        }
    }

    /// Whether it calls a tool.
    pub fn calls_tools(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block, Block::Call { .. }))
    }
}
