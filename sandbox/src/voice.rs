//! What a dialect makes of the steps of an answer: events, written before they are sent.
//!
//! ```text
//! odd -> step* -> finish -> usage? -> close -> done -> usage?
//! ```
//! Pure but for what a voice remembers of its own stream (a block that is open, say).

use crate::chat::Job;
use crate::frames::Frames;
use crate::tell::Delta;
use crate::truth::Billed;

/// What every object of one answer repeats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label<'a> {
    pub id: &'a str,
    /// Seconds since 1970.
    pub created: u64,
    pub model: &'a str,
    /// The service tier that is named; empty for none.
    pub tier: &'a str,
}

/// A dialect's way of streaming.
pub(crate) trait Voice {
    /// What some providers send before anything is said.
    fn odd(&mut self, job: &Job<'_>, out: &mut Frames);

    /// A step of one choice; `so_far` is what was generated, the step included.
    fn step(
        &mut self,
        job: &Job<'_>,
        out: &mut Frames,
        index: usize,
        step: Delta<'_>,
        so_far: &Billed,
    );

    /// Nothing more is said.
    fn finish(&mut self, job: &Job<'_>, out: &mut Frames);

    /// The usage by itself, in an event that finishes nothing.
    fn usage(&mut self, job: &Job<'_>, out: &mut Frames, billed: &Billed);

    /// The stream's last word on the answer, with the usage if it is told here.
    fn close(&mut self, job: &Job<'_>, out: &mut Frames, told: Option<&Billed>);

    /// The mark of a stream that is complete.
    fn done(&mut self, job: &Job<'_>, out: &mut Frames);

    /// An error in the middle of a stream.
    fn error(&mut self, job: &Job<'_>, out: &mut Frames, status: u16, message: &str);
}

/// Writes into a `Vec<u8>`.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {{
        use std::io::Write as _;
        // Writing into memory cannot fail.
        let _ = write!($out, $($format)*);
    }};
}
pub(crate) use put;
