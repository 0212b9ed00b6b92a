//! How much of a prompt the provider is to keep: at most four marks, of which the last ones count.
//!
//! Source: Anthropic API, "Prompt caching": up to four breakpoints; what is kept is everything up
//! to one, tools first, then instructions, then messages; longer lives come before shorter ones.

use super::json::Object;
use super::turns::is_said;
use crate::prompt::{Cache, Part, PartKind, Prompt, Tool};

/// Most marks in one request.
const MOST: usize = 4;

/// Marks that are still to be written, in the order in which the provider reads them.
pub(super) struct Marks {
    /// So many of the next ones are left out.
    skipped: usize,
    /// One of five minutes was written: one of an hour may not follow it.
    is_short: bool,
}

impl Marks {
    /// Of a prompt, of which these tools are given.
    pub(super) fn of(prompt: &Prompt<'_>, tools: &[&Tool<'_>]) -> Self {
        let tools = tools.iter().filter(|tool| tool.cache.is_some()).count();
        let turns = prompt.turns.iter().flat_map(|turn| &turn.parts);
        let parts: usize = prompt.system.iter().chain(turns).map(count).sum();
        Self { skipped: (tools + parts).saturating_sub(MOST), is_short: false }
    }

    /// Writes the next mark, if it is one of the last.
    pub(super) fn write(&mut self, cache: Option<Cache>, block: &mut Object<'_>) {
        let Some(cache) = cache else { return };
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        self.is_short |= cache == Cache::Short;
        let mark: &[u8] = if self.is_short {
            br#"{"type":"ephemeral"}"#
        } else {
            br#"{"type":"ephemeral","ttl":"1h"}"#
        };
        block.raw("cache_control", mark);
    }
}

/// The marks of a part; a thought bears none, nor does what is not said.
fn count(part: &Part<'_>) -> usize {
    match &part.kind {
        PartKind::Thought { .. } | PartKind::Redacted(_) => 0,
        kind if !is_said(kind) => 0,
        PartKind::Answer(answer) => {
            usize::from(part.cache.is_some()) + answer.parts.iter().map(count).sum::<usize>()
        }
        _ => usize::from(part.cache.is_some()),
    }
}
