//! What a sandbox is told at its start.

use std::path::PathBuf;
use std::time::Duration;

/// How fast answers come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Milliseconds from the request's last byte to the answer's first.
    pub first_byte_ms: u64,
    /// Tokens a second and choice; 0 = all at once.
    pub tokens_per_second: u64,
    /// Tokens in one streamed event; at least 1.
    pub chunk_tokens: u64,
}

impl Pace {
    /// Fast, but slow enough to be seen: for people who try it.
    pub const VISIBLE: Self = Self { first_byte_ms: 150, tokens_per_second: 80, chunk_tokens: 1 };
    /// No waiting at all: for tests and load.
    pub const BURST: Self = Self { first_byte_ms: 0, tokens_per_second: 0, chunk_tokens: 1 };

    /// When the `tokens`-th token is there, counted from the first byte.
    pub(crate) fn time_of(self, tokens: u64) -> Duration {
        match tokens.saturating_mul(1_000_000).checked_div(self.tokens_per_second) {
            Some(micros) => Duration::from_micros(micros),
            None => Duration::ZERO,
        }
    }

    /// How many of `most` tokens are there after `elapsed`.
    pub(crate) fn tokens_after(self, elapsed: Duration, most: u64) -> u64 {
        if self.tokens_per_second == 0 {
            return most;
        }
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        (micros.saturating_mul(self.tokens_per_second) / 1_000_000).min(most)
    }
}

/// What a sandbox is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The key that callers must show as `Authorization: Bearer`; absent: any or none will do.
    pub api_key: Option<String>,
    /// How fast answers come, unless the request says otherwise.
    pub pace: Pace,
    /// Where the truth is written, one JSON line a request, appended; absent: in memory only.
    pub truth_log: Option<PathBuf>,
    /// How many of the last truths are kept in memory.
    pub truths_kept: usize,
    /// How many of the last requests are kept in memory, with heads and bodies.
    pub requests_kept: usize,
}

impl Settings {
    /// For people: a visible pace, little memory.
    pub fn visible() -> Self {
        Self {
            api_key: None,
            pace: Pace::VISIBLE,
            truth_log: None,
            truths_kept: 1024,
            requests_kept: 0,
        }
    }

    /// For tests: no waiting, everything remembered.
    pub fn burst() -> Self {
        Self { pace: Pace::BURST, truths_kept: 100_000, requests_kept: 64, ..Self::visible() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::visible()
    }
}
