//! The event form: an answer in no dialect, in the order in which a model makes it.
//!
//! Three decoders make these events of what a provider sends, four encoders make of them what a
//! client reads; a whole answer is the same events at once. One answer only: several choices are
//! relayed in their own dialect, or refused.
//!
//! ```text
//!   Begin? ( Text | Refusal | Thought* Signature? | Redacted | Call Arguments* | Image )* Finish?
//!   Tier and Usage stand anywhere; what is told later replaces what was told before
//! ```
//! Invariants: texts and arguments are never empty; an answer that has no `Finish` did not come to
//! its end; `Arguments` belong to the last `Call`, and all of a call together are a JSON object, or
//! nothing. Left out on purpose: citations, log probabilities, safety ratings.

use std::borrow::Cow;

use crate::intent::Finish;
use crate::usage::{Usage, UsageFault};

/// One step of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// The provider's id of the answer.
    Begin {
        /// As it was told, unescaped.
        id: Cow<'a, str>,
    },
    /// More of what the model says.
    Text(Cow<'a, str>),
    /// More of why it will not.
    Refusal(Cow<'a, str>),
    /// More of what it thinks.
    Thought(Cow<'a, str>),
    /// The proof of the thought before it, or of one that is not shown; ends that thought. In the
    /// form of [`crate::signature`].
    Signature(Cow<'a, str>),
    /// A thought that only its maker can read.
    Redacted(Cow<'a, str>),
    /// The model calls a tool.
    Call {
        /// By which the result will name it; never empty.
        id: Cow<'a, str>,
        /// The tool.
        name: Cow<'a, str>,
        /// The proof of the thought that led to it, in the form of [`crate::signature`].
        signature: Option<Cow<'a, str>>,
    },
    /// More of what the last call is made with: JSON text.
    Arguments(Cow<'a, str>),
    /// A picture.
    Image {
        /// Its media type.
        media_type: Cow<'a, str>,
        /// Its bytes, in base64.
        data: Cow<'a, str>,
    },
    /// The answer came to its end.
    Finish {
        /// How.
        finish: Finish,
        /// In the provider's own word.
        native: Cow<'a, str>,
        /// The stop sequence that was met, where it is told.
        stop: Option<Cow<'a, str>>,
    },
    /// The service tier that served.
    Tier(Cow<'a, str>),
    /// What was used so far, in all.
    Usage(Result<Usage, UsageFault>),
}

/// Takes events as they come.
pub type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// Whether more of a stream is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    GoesOn,
    /// That was its end mark.
    Over,
}

/// Why what a provider sent is no part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeFault {
    /// It is not what this dialect sends; what is wrong with it.
    Unreadable(&'static str),
    /// It is the provider's own error.
    IsError,
}
