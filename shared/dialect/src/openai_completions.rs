//! OpenAI's legacy completions: prompts go on, as text and nothing else.
//!
//! Invariants: each prompt has its `n` choices, and all are held for; what is made and not shown
//! (`best_of` beyond `n`) is refused, as it would be billed unseen. A limit that is not named is
//! the one that OpenAI documents, and exactly one goes upstream.
//! Source: OpenAI API reference, "Create completion".

use wire::gate::TopLevel;
use wire::json::{Member, ValueKind, u64_value, unescape};

use crate::client::ClientDialect;
use crate::intent::{Intent, RequestFault, UpstreamTerms};
use crate::member::{flag_in, read_bool};
use crate::openai_chat::{self, CHOICES_MAX, read_choices};
use crate::plain::PlainReader;

/// Output tokens of a choice where the request names no limit.
const OUTPUT_DEFAULT: u64 = 16;
/// The most that a byte of a prompt takes in an answer that repeats it: as an escape.
const ECHO_GROWTH: u64 = 3;
/// The same for a token.
const ECHO_BYTES_PER_TOKEN: u64 = 16;

/// Reads a gated request.
///
/// # Errors
/// The client's fault.
pub fn read_intent(top: &TopLevel, body: &[u8]) -> Result<Box<Intent>, RequestFault> {
    let mut reader = PlainReader::new(ClientDialect::Completions, body);
    let (mut best_of, mut echoes) = (None, false);
    reader.intent.output_limit = Some(OUTPUT_DEFAULT);
    for member in top.iter() {
        let key = unescape(body, member.key).unwrap_or_default();
        let intent = &mut reader.intent;
        match key.as_bytes() {
            b"prompt" => reader.take_inputs(member, "prompt", CHOICES_MAX)?,
            b"max_tokens" => {
                intent.output_limit = Some(read_limit(body, member)?);
                intent.places.max_tokens = Some(*member);
            }
            b"n" => intent.choices = read_choices(body, member)?,
            b"best_of" => best_of = Some(member),
            b"echo" => echoes = read_bool(member, "echo")?,
            b"stream_options" => {
                intent.include_usage |= flag_in(body, member, "include_usage");
                intent.places.stream_options = Some(*member);
            }
            b"max_completion_tokens" => {
                let message = "`max_completion_tokens` is for chats; use `max_tokens`";
                return Err(RequestFault::invalid("max_completion_tokens", message));
            }
            other => reader.take(other, member)?,
        }
    }
    check_best_of(body, best_of, reader.intent.choices)?;
    let inputs = reader.inputs;
    let choices = reader.intent.choices.saturating_mul(inputs.count);
    if choices > CHOICES_MAX {
        let message = format!(
            "{} prompts with `n` choices each are more than {CHOICES_MAX}; send several requests",
            inputs.count
        );
        return Err(RequestFault::invalid("prompt", message));
    }
    if echoes {
        let bytes = ECHO_GROWTH * inputs.text_bytes + ECHO_BYTES_PER_TOKEN * inputs.tokens;
        reader.intent.echoed_bytes = bytes.saturating_mul(reader.intent.choices);
    }
    reader.intent.choices = choices;
    reader.finish(top, "prompt")
}

/// A limit may be nothing: then the prompt alone is looked at.
fn read_limit(body: &[u8], member: &Member) -> Result<u64, RequestFault> {
    match (member.kind, u64_value(member.value.of(body))) {
        (ValueKind::Null, _) => Ok(OUTPUT_DEFAULT),
        (ValueKind::Number, Some(limit)) => Ok(limit),
        _ => Err(RequestFault::invalid("max_tokens", "`max_tokens` must be a whole number")),
    }
}

/// Candidates that are made beyond the choices are billed and never seen.
pub(crate) fn check_best_of(
    body: &[u8],
    best_of: Option<&Member>,
    choices: u64,
) -> Result<(), RequestFault> {
    let Some(member) = best_of.filter(|member| member.kind != ValueKind::Null) else {
        return Ok(());
    };
    match u64_value(member.value.of(body)) {
        Some(made) if made == choices => Ok(()),
        Some(made) if made > choices => {
            let message = "`best_of` above `n` makes what is never shown; leave it out";
            Err(RequestFault::unsupported("best_of", message))
        }
        _ => Err(RequestFault::invalid("best_of", "`best_of` must be a whole number from `n` on")),
    }
}

/// Writes the body that the upstream gets: the client's, with its model, cap and streaming as
/// priced.
pub fn write_upstream(intent: &Intent, body: &[u8], terms: &UpstreamTerms<'_>, out: &mut Vec<u8>) {
    let terms = UpstreamTerms { cap_as_completion_tokens: false, thinks: false, ..*terms };
    openai_chat::write_upstream(intent, body, &terms, out);
}

#[cfg(test)]
mod tests {
    use wire::gate::{Gate, GateLimits};

    use super::*;

    fn read(more: &str) -> Result<Box<Intent>, RequestFault> {
        let body = format!(r#"{{"model":"m",{more}}}"#);
        let top = Gate::new().check(body.as_bytes(), &GateLimits::default()).unwrap();
        read_intent(&top, body.as_bytes())
    }

    #[test]
    fn each_prompt_has_its_choices() {
        for (more, choices, limit) in [
            (r#""prompt":"x""#, 1, 16),
            (r#""prompt":["x","y"],"n":3,"best_of":3,"max_tokens":null"#, 6, 16),
            (r#""n":2,"prompt":[[1],[2,3]],"max_tokens":0"#, 4, 0),
            (r#""prompt":[1,2],"best_of":null,"max_tokens":7"#, 1, 7),
        ] {
            let intent = read(more).unwrap();
            let told = (intent.choices, intent.output_limit, intent.echoed_bytes);
            assert_eq!(told, (choices, Some(limit), 0), "{more}");
        }
        assert_eq!(read(r#""prompt":["abc","d"],"echo":true,"n":2"#).unwrap().echoed_bytes, 48);
        assert_eq!(read(r#""prompt":[1,2],"echo":true"#).unwrap().echoed_bytes, 32);
    }

    #[test]
    fn what_would_be_billed_unseen_or_unbounded_is_refused() {
        let many = format!(r#""prompt":[{}]"#, vec!["\"x\""; 65].join(","));
        for (more, param) in [
            (r#""prompt":"x","best_of":2"#, "best_of"),
            (r#""prompt":"x","n":2,"best_of":1"#, "best_of"),
            (r#""prompt":"x","Best_Of":2"#, "best_of"),
            (r#""prompt":"x","max_tokens":-1"#, "max_tokens"),
            (r#""prompt":"x","max_completion_tokens":4"#, "max_completion_tokens"),
            (r#""messages":[]"#, "prompt"),
            (&format!("{many},\"n\":2"), "prompt"),
        ] {
            assert_eq!(read(more).unwrap_err().param, Some(param), "{more}");
        }
        assert!(read(&many).is_ok());
    }

    #[test]
    fn exactly_one_limit_goes_upstream() {
        let terms = UpstreamTerms {
            dialect: catalog::Dialect::OpenAi,
            model_json: b"\"up\"",
            output_cap: 9,
            cap_as_completion_tokens: true,
            stream_usage: true,
            thinks: true,
        };
        for (limit, expected) in [
            ("", r#"{"model":"up","prompt":"x","max_tokens":9}"#),
            (r#","max_tokens":null"#, r#"{"model":"up","prompt":"x","max_tokens":9}"#),
            (r#","max_tokens":40"#, r#"{"model":"up","prompt":"x","max_tokens":9}"#),
        ] {
            let body = format!(r#"{{"model":"m","prompt":"x"{limit}}}"#);
            let top = Gate::new().check(body.as_bytes(), &GateLimits::default()).unwrap();
            let mut out = Vec::new();
            let intent = read_intent(&top, body.as_bytes()).unwrap();
            write_upstream(&intent, body.as_bytes(), &terms, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
