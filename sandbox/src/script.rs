//! What a request asks the sandbox to do beside answering: pace, length and faults.
//!
//! A script is a list of wishes joined by `+`, each `name[:arg]`, from the header
//! `x-sandbox-fault`, from a model named `fault/<list>`, or set by a test for all requests.
//! Owns the reading of that list; the wishes themselves stand in [`table`], one row each.
//! Invariant: wishes about different moments of an answer combine freely; of two about the same
//! moment the later one holds.

mod table;

use crate::settings::Pace;
pub(crate) use table::list;

/// How names of models that carry a script begin.
const MODEL_PREFIX: &str = "fault/";

/// The script in a model's name, `fault/<list>`; behind an `@` may stand a name that decides how
/// that model behaves (`fault/cached@gemini-3-pro`).
pub(crate) fn in_model(name: &str) -> Option<&str> {
    let list = name.strip_prefix(MODEL_PREFIX)?;
    Some(list.split_once('@').map_or(list, |(list, _)| list))
}

/// Everything a request may wish for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// The list as it was written.
    pub text: String,
    pub refusal: Option<Refusal>,
    /// Milliseconds before the first byte, beside the pace.
    pub stall_ms: u64,
    /// Milliseconds in the middle of the answer.
    pub stall_mid_ms: u64,
    pub end: End,
    pub usage: Reported,
    pub late_ms: u64,
    pub cost_zero: bool,
    pub cached: Option<u64>,
    pub cache_write: Option<u64>,
    pub cache_write_1h: Option<u64>,
    /// Of what was written to a cache, so much stands in the total only.
    pub split_short: u64,
    /// Of the prompt, so much came of tools that the provider ran.
    pub tool_prompt: u64,
    pub searches: u64,
    /// Anthropic's last usage repeats the counts of the prompt.
    pub usage_repeats: bool,
    /// What was cached is left out of the prompt's count.
    pub cached_apart: bool,
    pub media: Media,
    /// The service tier that the answer names; empty for none.
    pub served_tier: String,
    pub length: Length,
    pub framing: Framing,
    pub slow_head: bool,
    pub one_byte: bool,
    pub informational: u64,
    pub old_date: bool,
    pub same_id: bool,
    pub gzip_label: bool,
    pub line_end: LineEnd,
    pub bom: bool,
    pub comments: bool,
    pub empty_choices: bool,
    pub big_event: usize,
    pub error_in_200: bool,
    pub finish_error: bool,
    /// Why the answer ends, in the dialect's words; empty for the true reason.
    pub finish: String,
    /// The reason why a prompt gets no answer at all; empty for none.
    pub blocked: String,
    pub error_array: bool,
    pub error_body: ErrorBody,
    pub pings: u64,
    pub redacted: bool,
    pub calls_apart: bool,
    pub strict: bool,
    /// A field that the request may not have; empty for none.
    pub refuses: String,
    pub refuses_to_say: bool,
    pub no_role: bool,
    pub whole_calls: bool,
    pub hits_and_misses: bool,
    pub unknown_events: bool,
    /// An event's JSON stands on two lines.
    pub split_lines: bool,
    pub show_reasoning: bool,
    pub close_on_next: bool,
    pub first_byte_ms: Option<u64>,
    pub tokens_per_second: Option<u64>,
    pub chunk_tokens: Option<u64>,
}

/// An answer that is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: u16,
    pub retry_after: Option<u64>,
}

/// What an error's body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ErrorBody {
    /// What the dialect says.
    #[default]
    Usual,
    /// A page, as servers in front of providers make them.
    Page,
    /// JSON whose error is a string.
    Line,
    Nothing,
}

/// How many tokens of the prompt and of the answer count as other than text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Media {
    pub audio_in: u64,
    pub image_in: u64,
    pub audio_out: u64,
    pub image_out: u64,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Whole,
    /// Closed before the head.
    NoHead,
    /// Reset before the head.
    ResetHead,
    /// A head that never ends.
    EndlessHead,
    /// Closed in the middle, between two events.
    Cut,
    /// Reset in the middle of an event.
    ResetMid,
    /// Reset after the finish, before the usage.
    ResetBehind,
    /// The finish is sent, `[DONE]` (or what stands for it) is not.
    NoDone,
    /// An error of this status in the middle of a stream, which then ends in order.
    ErrorMid(u16),
}

/// What the usage says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reported {
    #[default]
    True,
    Absent,
    /// Before the finish.
    Early,
    /// OpenAI: in the chunk that finishes the last choice.
    OnFinish,
    /// OpenAI: in every chunk, as far as it got.
    Everywhere,
    /// After `[DONE]`.
    AfterDone,
    /// Half of it first.
    Twice,
    /// Twice as much first.
    Shrinks,
    Wrong(Wrong),
}

impl Reported {
    /// What stands in place of every count, as JSON.
    pub(crate) const fn literal(self) -> Option<&'static str> {
        let Self::Wrong(wrong) = self else { return None };
        Some(match wrong {
            Wrong::Negative => "-7",
            Wrong::Huge => "9223372036854775807",
            Wrong::Beyond => "5000000",
            Wrong::Float => "12.5",
            Wrong::Text => r#""many""#,
            Wrong::Null => "null",
            Wrong::Zero => "0",
        })
    }
}

/// How a usage is wrong: what stands in place of its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Negative,
    Huge,
    /// More than most models hold, but not more than can be counted.
    Beyond,
    Float,
    Text,
    Null,
    Zero,
}

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Length {
    /// As much as fits the question and the caller's cap.
    #[default]
    Natural,
    /// So many tokens, within the cap.
    Exactly(u64),
    /// So many tokens, whatever the cap.
    IgnoreCap(u64),
    /// Until the client is gone.
    Endless,
}

/// How the body is framed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    #[default]
    Correct,
    /// A chunk whose size is not a number, in the middle.
    BadChunk,
    /// A `content-length` smaller than the body.
    Short,
    /// A `content-length` larger than the body.
    Long,
}

/// What ends a line of an event stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LineEnd {
    #[default]
    Lf,
    Crlf,
    Cr,
}

impl LineEnd {
    pub(crate) const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::Crlf => b"\r\n",
            Self::Cr => b"\r",
        }
    }
}

impl Script {
    /// Adds a list of wishes; the error says what was not understood.
    pub(crate) fn add(&mut self, list: &str) -> Result<(), String> {
        for wish in list.split('+').map(str::trim).filter(|wish| !wish.is_empty()) {
            let (name, arg) = wish.split_once(':').unwrap_or((wish, ""));
            let row = table::find(name).ok_or_else(|| format!("no fault is named {name:?}"))?;
            (row.set)(self, arg)
                .ok_or_else(|| format!("{wish:?}: the argument should be {}", row.arg))?;
            if !self.text.is_empty() {
                self.text.push('+');
            }
            self.text.push_str(wish);
        }
        Ok(())
    }

    /// The pace of this request.
    pub(crate) fn pace(&self, usual: Pace) -> Pace {
        Pace {
            first_byte_ms: self.first_byte_ms.unwrap_or(usual.first_byte_ms),
            tokens_per_second: self.tokens_per_second.unwrap_or(usual.tokens_per_second),
            chunk_tokens: self.chunk_tokens.unwrap_or(usual.chunk_tokens).max(1),
        }
    }

    /// Whether the usage is told at all.
    pub(crate) fn tells_usage(&self) -> bool {
        self.usage != Reported::Absent
    }

    /// Whether anything happens in the middle of the answer.
    pub(crate) fn breaks_in_the_middle(&self) -> bool {
        self.stall_mid_ms > 0
            || matches!(self.end, End::Cut | End::ResetMid | End::ErrorMid(_))
            || self.framing == Framing::BadChunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(list: &str) -> Result<Script, String> {
        let mut script = Script::default();
        script.add(list).map(|()| script)
    }

    #[test]
    fn wishes_combine() {
        let both = script("stall:20 + status:429:retry-after=2+tokens:7").unwrap();
        assert_eq!(both.stall_ms, 20);
        assert_eq!(both.refusal, Some(Refusal { status: 429, retry_after: Some(2) }));
        assert_eq!(both.length, Length::Exactly(7));
        assert_eq!(both.text, "stall:20+status:429:retry-after=2+tokens:7");
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert!(script("nonsense").unwrap_err().contains("nonsense"));
        assert!(script("stall:soon").unwrap_err().contains("milliseconds"));
        assert!(script("status:99").is_err() && script("wrong-usage:odd").is_err());
    }

    #[test]
    fn a_models_name_may_hold_a_script() {
        assert_eq!(in_model("fault/cut+stall:2@gemini-3"), Some("cut+stall:2"));
        assert_eq!((in_model("fault/cut"), in_model("chat@fault/cut")), (Some("cut"), None));
    }

    #[test]
    fn an_empty_list_changes_nothing() {
        assert_eq!(script(""), Ok(Script::default()));
    }
}
