//! Answers by the idempotency keys they were asked for with: one upstream call and one charge each.
//!
//! A core knows the keys that belong to it, and no other core does. Invariants: a key stands for
//! one body; what was not charged is not remembered, so that another try is a fresh one; bodies are
//! known by their digest alone. All is bounded: answers by bytes and time, keys by number and time;
//! where there are too many, the oldest go first. Nothing survives the process.
//!
//! ```text
//!   (none) --first--> Running --charged--> Kept --time or room is up--> Spent --a day--> (none)
//!      ^                 |                   an answer beyond its bounds, or not delivered to its
//!      +--not charged ---+                   end, is Spent at once
//! ```

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use rustc_hash::FxHashMap;
use units::GenerationId;

use crate::limits::Limits;
use crate::local::recording::{Budget, Reader, Recording, Writer};

/// How long a key is remembered after its answer ended.
const KEY_MS: u64 = 24 * 60 * 60 * 1000;

/// Whose key it is, and which: a digest of both.
pub type Name = [u8; 32];

/// What a request asks for: the same key must ask for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The SHA-256 of its body.
    pub body: [u8; 32],
    /// A number for its path.
    pub path: u64,
}

/// The part that a request has in its answer.
pub enum Part {
    /// It is the first: its answer is the one.
    First(First, Writer),
    /// The answer was begun by another. Whether it has ended, and was charged.
    Repeat(Reader, bool),
}

/// Why a request has no part in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The key asked for something else before.
    OtherBody,
    /// The answer is not kept: it was too large, or too much time has passed. Which it was, if it
    /// had begun.
    NotKept(Option<GenerationId>),
}

/// The answers of one core.
pub struct Answers {
    table: RefCell<Table>,
    budget: Rc<Budget>,
    answer_bytes: usize,
    keep_ms: u64,
    keys_max: usize,
}

#[derive(Default)]
struct Table {
    entries: FxHashMap<Name, Entry>,
    /// Those that are kept, the oldest first, and until when.
    kept: VecDeque<(u64, Name)>,
    /// Those that have ended, the oldest first, and until when they are remembered.
    ended: VecDeque<(u64, Name)>,
}

struct Entry {
    asked: Asked,
    state: State,
}

enum State {
    Running(Rc<Recording>),
    Kept(Rc<Recording>),
    Spent(Option<GenerationId>),
}

impl Answers {
    /// No answers yet.
    pub fn new(limits: &Limits) -> Rc<Self> {
        Rc::new(Self {
            table: RefCell::default(),
            budget: Rc::new(Budget::new(limits.replay_bytes)),
            answer_bytes: limits.replay_answer_bytes,
            keep_ms: limits.replay_ms,
            keys_max: limits.replay_keys,
        })
    }

    /// The part of a request that came now.
    ///
    /// # Errors
    /// It has none.
    pub fn part(self: &Rc<Self>, name: Name, asked: Asked, now_ms: u64) -> Result<Part, Refused> {
        let mut table = self.table.borrow_mut();
        table.forget(now_ms, self.keys_max);
        table.make_room(now_ms, &self.budget);
        if let Some(entry) = table.entries.get(&name) {
            return entry.part(asked);
        }
        let (recording, writer) = Recording::begin(&self.budget, self.answer_bytes);
        let state = State::Running(Rc::clone(&recording));
        table.entries.insert(name, Entry { asked, state });
        let answers = Rc::clone(self);
        Ok(Part::First(First { answers, name, recording, is_over: false }, writer))
    }

    /// Drops what time has made old; to be called now and then.
    pub fn sweep(&self, now_ms: u64) {
        let mut table = self.table.borrow_mut();
        table.forget(now_ms, self.keys_max);
        table.make_room(now_ms, &self.budget);
    }

    fn end(&self, first: &First, now_ms: u64) {
        let mut table = self.table.borrow_mut();
        let is_kept = first.recording.is_kept_whole() && self.keep_ms > 0;
        let state = if is_kept {
            table.kept.push_back((now_ms + self.keep_ms, first.name));
            State::Kept(Rc::clone(&first.recording))
        } else {
            State::Spent(first.recording.generation())
        };
        table.ended.push_back((now_ms + KEY_MS, first.name));
        if let Some(entry) = table.entries.get_mut(&first.name) {
            entry.state = state;
        }
    }
}

impl Entry {
    fn part(&self, asked: Asked) -> Result<Part, Refused> {
        if self.asked != asked {
            return Err(Refused::OtherBody);
        }
        match &self.state {
            State::Running(recording) if recording.takes_readers() => {
                Ok(Part::Repeat(recording.read(), false))
            }
            State::Kept(recording) => Ok(Part::Repeat(recording.read(), true)),
            State::Running(recording) => Err(Refused::NotKept(recording.generation())),
            State::Spent(generation) => Err(Refused::NotKept(*generation)),
        }
    }
}

impl Table {
    /// Ends what is kept too long, and the oldest of it until half of the room is free: the other
    /// half is for answers that run.
    fn make_room(&mut self, now_ms: u64, budget: &Budget) {
        while let Some((until_ms, name)) = self.kept.front().copied() {
            if now_ms < until_ms && budget.used() <= budget.most() / 2 {
                return;
            }
            self.kept.pop_front();
            if let Some(entry) = self.entries.get_mut(&name)
                && let State::Kept(recording) = &entry.state
            {
                entry.state = State::Spent(recording.generation());
            }
        }
    }

    /// Forgets keys that are old, and the oldest of too many.
    fn forget(&mut self, now_ms: u64, keys_max: usize) {
        while let Some((until_ms, name)) = self.ended.front().copied() {
            if now_ms < until_ms && self.ended.len() <= keys_max {
                return;
            }
            self.ended.pop_front();
            self.entries.remove(&name);
        }
    }
}

/// The first request of a key. Dropped, it is forgotten: nothing was charged.
#[must_use]
pub struct First {
    answers: Rc<Answers>,
    name: Name,
    recording: Rc<Recording>,
    is_over: bool,
}

impl First {
    /// Its answer was charged: the key is remembered, and the answer for some time.
    pub fn charged(mut self, now_ms: u64) {
        self.is_over = true;
        self.answers.end(&self, now_ms);
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if !self.is_over {
            self.answers.table.borrow_mut().entries.remove(&self.name);
        }
    }
}
