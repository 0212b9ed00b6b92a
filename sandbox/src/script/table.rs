//! Every wish the sandbox knows, one row each: `GET /faults` prints this table.

use super::{End, ErrorBody, Framing, Length, LineEnd, Refusal, Reported, Script, Wrong};

/// One wish: its name, its argument in words, what happens, and how it is noted in a script.
pub(super) struct Row {
    pub name: &'static str,
    pub arg: &'static str,
    pub meaning: &'static str,
    /// `None` where the argument makes no sense.
    pub set: fn(&mut Script, &str) -> Option<()>,
}

const NONE: &str = "nothing";
const MS: &str = "milliseconds";
const TOKENS: &str = "a number of tokens";

/// A size that no buffer of a stream should be smaller than: 2 MiB.
const BIG_EVENT: u64 = 2 << 20;

/// An output that ignores its cap says this much more than anyone asked.
const IGNORED_CAP_TOKENS: u64 = 4096;

macro_rules! rows {
    ($($name:literal, $arg:expr, $meaning:literal, |$script:ident, $given:ident| $set:expr;)*) => {
        &[$(Row { name: $name, arg: $arg, meaning: $meaning, set: |$script, $given| $set },)*]
    };
}

#[rustfmt::skip]
const ROWS: &[Row] = rows! {
    "status", "a status code, then :retry-after=SECONDS if wished",
        "answers with this status and an error in the dialect's form",
        |script, arg| { script.refusal = Some(refusal(arg)?); Some(()) };
    "stall", MS, "says nothing for so long before the head",
        |script, arg| { script.stall_ms = arg.parse().ok()?; Some(()) };
    "stall-mid", MS, "says nothing for so long in the middle of the answer",
        |script, arg| { script.stall_mid_ms = arg.parse().ok()?; Some(()) };
    "no-head", NONE, "closes the connection instead of answering",
        |script, arg| ended(script, arg, End::NoHead);
    "reset-head", NONE, "resets the connection instead of answering",
        |script, arg| ended(script, arg, End::ResetHead);
    "endless-head", NONE, "sends header fields until the client is gone",
        |script, arg| ended(script, arg, End::EndlessHead);
    "cut", NONE, "closes the connection in the middle of the answer, between events",
        |script, arg| ended(script, arg, End::Cut);
    "reset-mid", NONE, "resets the connection in the middle of an event",
        |script, arg| ended(script, arg, End::ResetMid);
    "reset-end", NONE, "resets the connection of a stream after the finish, before the usage",
        |script, arg| ended(script, arg, End::ResetBehind);
    "error-mid", "a status, 500 if not given",
        "an error in the middle of a stream, in the dialect's form, which then ends in order",
        |script, arg| { script.end = End::ErrorMid(error_status(arg)?); Some(()) };
    "fin-no-done", NONE, "ends a stream well, but without [DONE] or message_stop",
        |script, arg| ended(script, arg, End::NoDone);
    "error-in-200", NONE, "a 200 whose first event is an error",
        |script, arg| flag(&mut script.error_in_200, arg);
    "finish-error", NONE, "an answer of text that the model ends with an error",
        |script, arg| flag(&mut script.finish_error, arg);
    "finish", "a reason in the dialect's own words", "an answer that ends for that reason",
        |script, arg| { script.finish = word(arg)?; Some(()) };
    "blocked", "a reason, SAFETY if not given", "Gemini: a prompt that gets no candidates",
        |script, arg| { script.blocked = word_or(arg, "SAFETY")?; Some(()) };
    "error-body", "page, line or nothing",
        "an error whose body is a page, JSON with no more than a line, or nothing",
        |script, arg| { script.error_body = error_body(arg)?; Some(()) };
    "error-array", NONE, "Gemini: errors stand in an array of one",
        |script, arg| flag(&mut script.error_array, arg);
    "no-usage", NONE, "never tells the usage",
        |script, arg| reported(script, arg, Reported::Absent);
    "usage-early", NONE, "a stream that tells the usage before the finish",
        |script, arg| reported(script, arg, Reported::Early);
    "usage-on-finish", NONE, "OpenAI: a stream that tells the usage in the chunk that finishes",
        |script, arg| reported(script, arg, Reported::OnFinish);
    "usage-everywhere", NONE, "OpenAI: a stream that tells the usage so far in every chunk",
        |script, arg| reported(script, arg, Reported::Everywhere);
    "usage-after-done", NONE, "a stream that tells the usage after [DONE]",
        |script, arg| reported(script, arg, Reported::AfterDone);
    "usage-shrinks", NONE, "a stream that tells twice the usage first, then the usage",
        |script, arg| reported(script, arg, Reported::Shrinks);
    "usage-twice", NONE, "a stream that tells half of the usage first, then all of it",
        |script, arg| reported(script, arg, Reported::Twice);
    "usage-late", MS, "a stream that tells the usage so long after the finish",
        |script, arg| { script.late_ms = arg.parse().ok()?; Some(()) };
    "wrong-usage", "negative, huge, beyond, float, string, null or zero", "counts of this kind",
        |script, arg| { script.usage = Reported::Wrong(wrong(arg)?); Some(()) };
    "cost-zero", NONE, "the usage says that it cost nothing",
        |script, arg| flag(&mut script.cost_zero, arg);
    "cached", "a number of tokens, or nothing for half of the prompt",
        "so much of the prompt counts as read from a cache",
        |script, arg| { script.cached = Some(number_or(arg, u64::MAX)?); Some(()) };
    "cache-write", "a number of tokens, or nothing for a quarter of the prompt",
        "so much of the prompt counts as written to a cache",
        |script, arg| { script.cache_write = Some(number_or(arg, u64::MAX)?); Some(()) };
    "cache-write-1h", "a number of tokens, or nothing for a quarter of the prompt",
        "so much of the prompt counts as written to a cache for an hour",
        |script, arg| { script.cache_write_1h = Some(number_or(arg, u64::MAX)?); Some(()) };
    "split-short", TOKENS, "Anthropic: so much of what was written is missing in the split",
        |script, arg| { script.split_short = arg.parse().ok()?; Some(()) };
    "tool-prompt", TOKENS, "Gemini: so much of the prompt counts apart, as tool use",
        |script, arg| { script.tool_prompt = arg.parse().ok()?; Some(()) };
    "searches", "a number", "Anthropic: so many web searches were made, and are told",
        |script, arg| { script.searches = arg.parse().ok()?; Some(()) };
    "usage-repeats", NONE, "Anthropic: the last usage repeats the counts of the prompt",
        |script, arg| flag(&mut script.usage_repeats, arg);
    "cached-apart", NONE, "the prompt's count leaves out what was cached",
        |script, arg| flag(&mut script.cached_apart, arg);
    "audio-in", TOKENS, "so much of the prompt counts as audio",
        |script, arg| { script.media.audio_in = arg.parse().ok()?; Some(()) };
    "image-in", TOKENS, "so much of the prompt counts as images",
        |script, arg| { script.media.image_in = arg.parse().ok()?; Some(()) };
    "audio-out", TOKENS, "so much of the answer counts as audio",
        |script, arg| { script.media.audio_out = arg.parse().ok()?; Some(()) };
    "image-out", TOKENS, "so much of the answer counts as images",
        |script, arg| { script.media.image_out = arg.parse().ok()?; Some(()) };
    "served-tier", "a service tier", "the answer says that it was served at that tier",
        |script, arg| { script.served_tier = tier(arg)?; Some(()) };
    "tokens", TOKENS, "says so many tokens, within the caller's cap",
        |script, arg| { script.length = Length::Exactly(arg.parse().ok()?); Some(()) };
    "ignore-cap", "a number of tokens, 4096 if not given", "says so much, whatever the cap",
        |script, arg| ignored_cap(script, arg);
    "endless", NONE, "talks until the client is gone",
        |script, arg| { script.length = Length::Endless; arg.is_empty().then_some(()) };
    "bad-chunk", NONE, "a chunk size that is not a number, in the middle of the answer",
        |script, arg| { script.framing = Framing::BadChunk; arg.is_empty().then_some(()) };
    "wrong-length", "short or long", "a content-length that is not the body's",
        |script, arg| { script.framing = wrong_length(arg)?; Some(()) };
    "slow-head", NONE, "a head of one byte every 10 ms",
        |script, arg| flag(&mut script.slow_head, arg);
    "one-byte", NONE, "every byte is written by itself",
        |script, arg| flag(&mut script.one_byte, arg);
    "1xx", "how many, 100 if not given", "informational answers before the real one",
        |script, arg| { script.informational = number_or(arg, 100)?; Some(()) };
    "old-date", NONE, "a Date of long ago",
        |script, arg| flag(&mut script.old_date, arg);
    "same-id", NONE, "an id that every such answer has",
        |script, arg| flag(&mut script.same_id, arg);
    "gzip-label", NONE, "a body that says it is compressed, and is not",
        |script, arg| flag(&mut script.gzip_label, arg);
    "crlf", NONE, "a stream whose lines end in CR LF",
        |script, arg| { script.line_end = LineEnd::Crlf; arg.is_empty().then_some(()) };
    "cr", NONE, "a stream whose lines end in CR",
        |script, arg| { script.line_end = LineEnd::Cr; arg.is_empty().then_some(()) };
    "bom", NONE, "a stream that begins with a byte order mark",
        |script, arg| flag(&mut script.bom, arg);
    "comments", NONE, "a comment before every event",
        |script, arg| flag(&mut script.comments, arg);
    "empty-choices", NONE, "a stream whose first event has no choices; a whole answer without",
        |script, arg| flag(&mut script.empty_choices, arg);
    "big-event", "bytes, 2 MiB if not given", "an event of that size that means nothing",
        |script, arg| { script.big_event = number_or(arg, BIG_EVENT)? as usize; Some(()) };
    "reasoning-text", NONE, "reasoning is shown as reasoning_content",
        |script, arg| flag(&mut script.show_reasoning, arg);
    "pings", "how many, 100 if not given", "Anthropic: so many pings before anything is said",
        |script, arg| { script.pings = number_or(arg, 100)?; Some(()) };
    "redacted", NONE, "Anthropic: reasoning is told as redacted_thinking",
        |script, arg| flag(&mut script.redacted, arg);
    "calls-apart", NONE, "Gemini: each of several calls stands in a chunk of its own",
        |script, arg| flag(&mut script.calls_apart, arg);
    "strict", NONE, "OpenAI: refuses what OpenAI itself does, unknown fields for one",
        |script, arg| flag(&mut script.strict, arg);
    "refuses", "a name", "a request that has a member of that name, at any depth, is refused",
        |script, arg| { script.refuses = word(arg)?; Some(()) };
    "refusal", NONE, "OpenAI: what is said is told as a refusal",
        |script, arg| flag(&mut script.refuses_to_say, arg);
    "no-role", NONE, "OpenAI: a stream without the chunk that names the role",
        |script, arg| flag(&mut script.no_role, arg);
    "whole-calls", NONE, "OpenAI: a stream whose calls come in one piece each",
        |script, arg| flag(&mut script.whole_calls, arg);
    "hits-and-misses", NONE, "OpenAI: cached tokens are told as hits and misses, without details",
        |script, arg| flag(&mut script.hits_and_misses, arg);
    "unknown-events", NONE, "a stream with events and members that nobody knows yet",
        |script, arg| flag(&mut script.unknown_events, arg);
    "split-lines", NONE, "a stream whose events stand on two data lines each",
        |script, arg| flag(&mut script.split_lines, arg);
    "close-on-keepalive", NONE, "answers, then closes as soon as the next request arrives",
        |script, arg| flag(&mut script.close_on_next, arg);
    "first-byte", MS, "pace: when the answer begins",
        |script, arg| { script.first_byte_ms = Some(arg.parse().ok()?); Some(()) };
    "rate", "tokens a second, 0 for all at once", "pace: how fast the answer comes",
        |script, arg| { script.tokens_per_second = Some(arg.parse().ok()?); Some(()) };
    "chunk", TOKENS, "pace: how much an event holds",
        |script, arg| { script.chunk_tokens = Some(arg.parse().ok()?); Some(()) };
};

pub(super) fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

/// Name, argument and meaning of every wish.
pub(crate) fn list() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    ROWS.iter().map(|row| (row.name, row.arg, row.meaning))
}

fn flag(place: &mut bool, arg: &str) -> Option<()> {
    *place = true;
    arg.is_empty().then_some(())
}

fn ended(script: &mut Script, arg: &str, end: End) -> Option<()> {
    script.end = end;
    arg.is_empty().then_some(())
}

fn reported(script: &mut Script, arg: &str, usage: Reported) -> Option<()> {
    script.usage = usage;
    arg.is_empty().then_some(())
}

fn ignored_cap(script: &mut Script, arg: &str) -> Option<()> {
    script.length = Length::IgnoreCap(number_or(arg, IGNORED_CAP_TOKENS)?);
    Some(())
}

fn number_or(arg: &str, otherwise: u64) -> Option<u64> {
    if arg.is_empty() { Some(otherwise) } else { arg.parse().ok() }
}

fn refusal(arg: &str) -> Option<Refusal> {
    let (status, rest) = arg.split_once(':').unwrap_or((arg, ""));
    let status = status.parse().ok().filter(|status| (200..600).contains(status))?;
    let retry_after = match rest {
        "" => None,
        rest => Some(rest.strip_prefix("retry-after=")?.parse().ok()?),
    };
    Some(Refusal { status, retry_after })
}

fn error_body(arg: &str) -> Option<ErrorBody> {
    match arg {
        "page" => Some(ErrorBody::Page),
        "line" => Some(ErrorBody::Line),
        "nothing" => Some(ErrorBody::Nothing),
        _ => None,
    }
}

fn error_status(arg: &str) -> Option<u16> {
    number_or(arg, 500)?.try_into().ok()
}

fn wrong(arg: &str) -> Option<Wrong> {
    Some(match arg {
        "negative" => Wrong::Negative,
        "huge" => Wrong::Huge,
        "beyond" => Wrong::Beyond,
        "float" => Wrong::Float,
        "string" => Wrong::Text,
        "null" => Wrong::Null,
        "zero" => Wrong::Zero,
        _ => return None,
    })
}

/// A word that needs no escapes in JSON.
fn word(arg: &str) -> Option<String> {
    let is_word = arg.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    (is_word && !arg.is_empty()).then(|| arg.to_owned())
}

fn word_or(arg: &str, otherwise: &str) -> Option<String> {
    word(if arg.is_empty() { otherwise } else { arg })
}

fn tier(arg: &str) -> Option<String> {
    let is_name = !arg.is_empty() && arg.bytes().all(|byte| byte.is_ascii_lowercase());
    is_name.then(|| arg.to_owned())
}

fn wrong_length(arg: &str) -> Option<Framing> {
    match arg {
        "short" => Some(Framing::Short),
        "long" => Some(Framing::Long),
        _ => None,
    }
}
