//! What an endpoint failed at.

use std::ops::{Index, IndexMut};

/// A part of the work that an endpoint does for a request. Each is judged by itself: one that
/// begins every answer and ends none is no better than one that cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Part {
    /// Taking the connection.
    Connect = 0,
    /// Beginning to answer: its head, and the first event of a stream.
    Begin = 1,
    /// Going on to the answer's end.
    Finish = 2,
}

impl Part {
    /// How many there are.
    pub const COUNT: usize = 3;

    /// Every one, in the order of the work.
    pub const ALL: [Self; Self::COUNT] = [Self::Connect, Self::Begin, Self::Finish];
}

/// One value for each part.
#[derive(Debug, Default)]
pub struct Parts<T>([T; Part::COUNT]);

impl<T> Parts<T> {
    /// The values, in the order of the work.
    pub fn each(&self) -> &[T; Part::COUNT] {
        &self.0
    }
}

impl<T> Index<Part> for Parts<T> {
    type Output = T;

    fn index(&self, part: Part) -> &T {
        &self.0[part as usize]
    }
}

impl<T> IndexMut<Part> for Parts<T> {
    fn index_mut(&mut self, part: Part) -> &mut T {
        &mut self.0[part as usize]
    }
}

/// How an endpoint failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// At what.
    pub part: Part,
    /// Whether it had too much to do: it said so, or let its time run out.
    pub is_overload: bool,
    /// For how many milliseconds it asked to be left alone.
    pub pause_ms: Option<u64>,
}

impl Failure {
    /// A failure that says nothing more.
    pub const fn at(part: Part) -> Self {
        Self { part, is_overload: false, pause_ms: None }
    }
}
