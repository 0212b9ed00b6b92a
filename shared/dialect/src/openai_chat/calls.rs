//! The calls of an answer, put together of fragments that may come mixed.
//!
//! ```text
//!   fragment --> its call, by index --+-- the first that is open: told at once
//!                                     +-- one behind it: kept until those before are whole
//! ```
//! Invariants: calls are told one after the other, in the order in which they began; each has an
//! id of its own, made up where the provider gives none, gives one twice, or gives the tool's name.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::details::own;
use super::messages::Extra;
use crate::event::{Event, Sink};
use crate::typed::{Lax, said};

/// A piece of a call.
#[derive(Debug, Deserialize)]
pub(super) struct Fragment<'a> {
    index: Option<u64>,
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow)]
    function: Option<FunctionFragment<'a>>,
    extra_content: Option<Extra<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FunctionFragment<'a> {
    #[serde(borrow, default)]
    name: Lax<'a>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

impl<'a> From<FunctionFragment<'a>> for Fragment<'a> {
    /// The older form, of which there is one at most.
    fn from(function: FunctionFragment<'a>) -> Self {
        Self { index: None, id: Lax(None), function: Some(function), extra_content: None }
    }
}

/// The calls of one answer.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: VecDeque<Open>,
    /// The ids that were told.
    ids: Vec<String>,
}

/// A call that may go on.
#[derive(Debug, Default)]
struct Open {
    index: u64,
    id: String,
    name: String,
    signature: Option<String>,
    is_told: bool,
    /// Arguments that were not told yet.
    waiting: String,
    balance: Balance,
}

impl Calls {
    /// Whether there was any.
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.open.is_empty()
    }

    /// Takes a fragment, and tells what can be told. `place` is where it stood among others;
    /// `seed` makes ids unique.
    pub(super) fn take(&mut self, fragment: Fragment<'_>, place: u64, seed: u64, sink: Sink<'_>) {
        let index = fragment.index.unwrap_or(place);
        let id = fragment.id.filled().unwrap_or_default();
        let (name, arguments) = match fragment.function {
            Some(function) => (function.name.filled().unwrap_or_default(), function.arguments),
            None => (Cow::default(), None),
        };
        let known = self.open.iter().rposition(|call| call.index == index);
        let is_other = |call: &Open| !id.is_empty() && !call.id.is_empty() && *id != call.id;
        let place = match known.filter(|place| name.is_empty() || !is_other(&self.open[*place])) {
            Some(place) => place,
            None => {
                self.open.push_back(Open { index, ..Open::default() });
                self.open.len() - 1
            }
        };
        let Some(call) = self.open.get_mut(place) else { return };
        if call.id.is_empty() {
            call.id.push_str(&id);
        }
        if call.name.is_empty() {
            call.name.push_str(&name);
        }
        if let Some(proof) = fragment.extra_content.and_then(Extra::proof) {
            call.signature = Some(own(&proof));
        }
        let more = arguments.map(said).unwrap_or_default();
        if place == 0 && call.is_told {
            call.tell_more(&more, sink);
        } else {
            call.waiting.push_str(&more);
            self.tell(seed, false, sink);
        }
    }

    /// Tells all that is left.
    pub(super) fn finish(&mut self, seed: u64, sink: Sink<'_>) {
        self.tell(seed, true, sink);
    }

    fn tell(&mut self, seed: u64, is_over: bool, sink: Sink<'_>) {
        while let Some(call) = self.open.front_mut() {
            if !call.name.is_empty() && !call.is_told {
                let repeats = self.ids.contains(&call.id);
                if call.id.is_empty() || call.id == call.name || repeats {
                    call.id = format!("call_{}_{seed:x}", self.ids.len());
                }
                self.ids.push(call.id.clone());
                call.tell(sink);
            }
            if call.is_told {
                let waiting = std::mem::take(&mut call.waiting);
                call.tell_more(&waiting, sink);
            }
            if !is_over && (!call.balance.is_whole() || self.open.len() == 1) {
                break;
            }
            self.open.pop_front();
        }
    }
}

impl Open {
    fn tell(&mut self, sink: Sink<'_>) {
        self.is_told = true;
        sink(Event::Call {
            id: Cow::Borrowed(&self.id),
            name: Cow::Borrowed(&self.name),
            signature: self.signature.as_deref().map(Cow::Borrowed),
        });
    }

    fn tell_more(&mut self, more: &str, sink: Sink<'_>) {
        if !more.is_empty() {
            self.balance.add(more);
            sink(Event::Arguments(Cow::Borrowed(more)));
        }
    }
}

/// How far a JSON object is written.
#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    depth: u32,
    begun: bool,
    in_text: bool,
    escapes: bool,
}

impl Balance {
    fn add(&mut self, more: &str) {
        for byte in more.bytes() {
            match byte {
                _ if self.escapes => self.escapes = false,
                b'\\' => self.escapes = self.in_text,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {}
                b'{' | b'[' => {
                    self.depth += 1;
                    self.begun = true;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    const fn is_whole(self) -> bool {
        self.begun && self.depth == 0
    }
}
