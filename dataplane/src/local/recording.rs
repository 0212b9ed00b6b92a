//! An answer as it is made, kept in memory so that a repeat of its request gets the same one.
//!
//! One side writes what it queues for its own client; any number of others read it from its
//! beginning. Invariants: what is read was published, which happens when the writer's own client
//! may see it, so never before a settlement that must be on disk first; a recording beyond its
//! bounds takes no new readers and keeps only what those it has may still need; a writer that goes
//! away early leaves a recording that says so.
//!
//! ```text
//!   Open --finish--> Whole          the answer is all there
//!     +-- dropped --> Broken        no more of it will come
//! ```
//! Left out on purpose: framing, which is each connection's own, and how long an answer is kept.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use units::GenerationId;

use crate::net::bell::Bell;
use crate::net::deadline::Watch;

/// Bytes that the recordings of a core hold, and may hold.
pub struct Budget {
    used: Cell<usize>,
    most: usize,
}

impl Budget {
    /// Room for `most` bytes.
    pub const fn new(most: usize) -> Self {
        Self { used: Cell::new(0), most }
    }

    /// Bytes that are held.
    pub const fn used(&self) -> usize {
        self.used.get()
    }

    /// Bytes that may be held.
    pub const fn most(&self) -> usize {
        self.most
    }

    fn change(&self, before: usize, now: usize) {
        self.used.set((self.used.get() + now).saturating_sub(before));
    }
}

/// One answer.
pub struct Recording {
    state: RefCell<State>,
    generation: Cell<Option<GenerationId>>,
    readers: Cell<usize>,
    bell: Bell,
    budget: Rc<Budget>,
    most: usize,
}

#[derive(Default)]
struct State {
    head: Vec<u8>,
    is_stream: bool,
    /// The body from `dropped` on.
    body: Vec<u8>,
    dropped: usize,
    end: End,
    published: Published,
    /// Whether it takes new readers no more: its beginning is not kept.
    is_outgrown: bool,
}

/// How much of it may be read.
#[derive(Clone, Copy, Default)]
struct Published {
    has_head: bool,
    bytes: usize,
    end: End,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    Whole,
    Broken,
}

/// What a reader finds.
pub enum Piece {
    /// The head, without framing and blank line; whether a stream follows, else its whole body.
    Head(Vec<u8>, Option<Vec<u8>>),
    /// Bytes of a stream.
    Bytes(Vec<u8>),
    /// Nothing new: wait.
    Nothing,
    /// The answer was all of that.
    End,
    /// The rest of it will not come.
    Broken,
}

impl Recording {
    /// A recording of at most `most` bytes, and the side that writes it.
    pub fn begin(budget: &Rc<Budget>, most: usize) -> (Rc<Self>, Writer) {
        let recording = Rc::new(Self {
            state: RefCell::default(),
            generation: Cell::new(None),
            readers: Cell::new(0),
            bell: Bell::new(),
            budget: Rc::clone(budget),
            most,
        });
        (Rc::clone(&recording), Writer(recording))
    }

    /// The generation, once credit is held for one.
    pub fn generation(&self) -> Option<GenerationId> {
        self.generation.get()
    }

    /// Whether it can still be read from its beginning.
    pub fn takes_readers(&self) -> bool {
        !self.state.borrow().is_outgrown
    }

    /// Whether all of the answer is there, to be read by who comes later.
    pub fn is_kept_whole(&self) -> bool {
        let state = self.state.borrow();
        !state.is_outgrown && state.end == End::Whole
    }

    /// A reader from the beginning.
    pub fn read(self: &Rc<Self>) -> Reader {
        self.readers.set(self.readers.get() + 1);
        Reader { recording: Rc::clone(self), has_head: false, at: 0 }
    }

    /// Changes the state, and the budget with it; what does not fit is no longer kept.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.borrow_mut();
        let before = state.head.len() + state.body.len();
        change(&mut state);
        let now = state.head.len() + state.body.len();
        let grown = now.saturating_sub(before);
        state.is_outgrown |= now > self.most || self.budget.used() + grown > self.budget.most();
        if state.is_outgrown {
            state.let_go(if self.readers.get() > 0 { self.most } else { 0 });
        }
        self.budget.change(before, state.head.len() + state.body.len());
    }
}

impl State {
    /// Drops the body's beginning, but for what readers may need, once that is worth moving it.
    fn let_go(&mut self, kept: usize) {
        if self.body.len() > 2 * kept {
            let gone = self.body.len() - kept;
            self.body.drain(..gone);
            // The memory goes too: it is no longer counted.
            self.body.shrink_to(2 * kept);
            self.dropped += gone;
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        self.budget.change(state.head.len() + state.body.len(), 0);
    }
}

/// The side that writes.
pub struct Writer(Rc<Recording>);

impl Writer {
    /// Begins the answer: its head, and whether a stream follows.
    pub fn begin(&self, head: &[u8], is_stream: bool) {
        self.0.change(|state| {
            state.head.extend_from_slice(head);
            state.is_stream = is_stream;
        });
    }

    /// Adds bytes of the body.
    #[inline]
    pub fn body(&self, bytes: &[u8]) {
        self.0.change(|state| state.body.extend_from_slice(bytes));
    }

    /// Ends the answer.
    pub fn finish(&self) {
        self.0.state.borrow_mut().end = End::Whole;
    }

    /// Lets readers have what was written so far.
    pub fn publish(&self) {
        let mut state = self.0.state.borrow_mut();
        state.published = Published {
            has_head: !state.head.is_empty(),
            bytes: state.dropped + state.body.len(),
            end: state.end,
        };
        drop(state);
        if self.readers() > 0 {
            self.0.bell.ring();
        }
    }

    /// Says which generation it answers.
    pub fn set_generation(&self, generation: GenerationId) {
        self.0.generation.set(Some(generation));
    }

    /// Those who read it now.
    pub fn readers(&self) -> usize {
        self.0.readers.get()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        {
            let mut state = self.0.state.borrow_mut();
            if state.end == End::Open || state.published.end == End::Open {
                state.end = End::Broken;
                state.published.end = End::Broken;
            }
        }
        self.0.bell.ring();
    }
}

/// A side that reads, each from the beginning.
pub struct Reader {
    recording: Rc<Recording>,
    has_head: bool,
    at: usize,
}

impl Reader {
    /// The generation, once credit is held for one.
    pub fn generation(&self) -> Option<GenerationId> {
        self.recording.generation()
    }

    /// Whether it became too large to be read from its beginning.
    pub fn is_outgrown(&self) -> bool {
        !self.recording.takes_readers()
    }

    /// How often there was something new: take it before looking, wait past it after.
    pub fn rings(&self) -> u64 {
        self.recording.bell.rings()
    }

    /// Waits for something new; false at `end_ms`. *resumable*
    pub async fn wait(&self, rings: u64, watch: &Watch, end_ms: u64) -> bool {
        self.recording.bell.wait_until(rings, watch, end_ms).await
    }

    /// What comes next.
    pub fn next(&mut self) -> Piece {
        let state = self.recording.state.borrow();
        let Published { has_head, bytes, end } = state.published;
        if !self.has_head {
            let is_there = has_head && (state.is_stream || end == End::Whole);
            if !is_there {
                return if end == End::Broken { Piece::Broken } else { Piece::Nothing };
            }
            self.has_head = true;
            if state.is_stream {
                return Piece::Head(state.head.clone(), None);
            }
            self.at = bytes;
            let body = (state.dropped == 0).then(|| state.body.clone());
            return body.map_or(Piece::Broken, |body| Piece::Head(state.head.clone(), Some(body)));
        }
        if self.at < state.dropped {
            return Piece::Broken;
        }
        if self.at < bytes {
            let piece = &state.body[self.at - state.dropped..bytes - state.dropped];
            self.at = bytes;
            return Piece::Bytes(piece.to_vec());
        }
        match end {
            End::Open => Piece::Nothing,
            End::Whole => Piece::End,
            End::Broken => Piece::Broken,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.recording.readers.set(self.recording.readers.get() - 1);
    }
}
