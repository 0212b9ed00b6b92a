//! A request as its upstream gets it: head and body, in the upstream's dialect.
//!
//! Invariants: the model, the output cap and streaming are those that were priced; a client's own
//! headers stay here, but for the betas of its dialect that change nothing that is billed. A body
//! that is relayed is written when there is a connection to send it on, and one that is translated
//! before, as not every request can be.

use std::io::Write;

use catalog::rows::{Dialect, OutputCapField};
use catalog::{Endpoint, Provider};
use dialect::{ClientDialect, Dropped, Intent, RequestFault, UpstreamTerms, write_upstream};
use wire::decimal;

use crate::answer_head::{field, generation_text};
use crate::local::published::{Secret, Upstream};
use crate::net::buffer::Buffer;
use crate::stage::attempt::Request;

/// Enough for the head of nearly every request.
const HEAD_ROOM: usize = 1024;
/// Digits of the longest body.
const LENGTH_DIGITS: usize = 10;
/// The version of Anthropic's API that is spoken.
const ANTHROPIC_VERSION: &str = "2023-06-01";
/// Betas of Anthropic's that shape an answer and cost nothing of their own, by how they begin.
const BETAS: [&str; 9] = [
    "interleaved-thinking-",
    "fine-grained-tool-streaming-",
    "prompt-caching-",
    "extended-cache-ttl-",
    "token-efficient-tools-",
    "structured-outputs-",
    "context-management-",
    "effort-",
    "claude-code-",
];

/// One request to one endpoint.
pub struct Dispatch<'a> {
    /// The request.
    pub request: &'a Request<'a>,
    /// Where it goes.
    pub endpoint: &'a Endpoint,
    /// Whose that is.
    pub provider: &'a Provider,
    /// How it is reached.
    pub upstream: &'a Upstream,
    /// The key that it is sent with; none where its provider needs none.
    pub secret: Option<&'a Secret>,
    /// The output cap there.
    pub output_cap: u64,
    /// Whether the model is asked to reason, unless the client says so itself.
    pub thinks: bool,
}

impl Dispatch<'_> {
    /// The body in the upstream's dialect, and what of it is not said there; `None` where both
    /// sides speak alike.
    ///
    /// # Errors
    /// The client's fault: this endpoint cannot be asked for that.
    pub fn translated(&self, body: &[u8]) -> Result<Option<(Buffer, Dropped)>, RequestFault> {
        if self.request.intent.client.is_spoken_by(self.provider.dialect) {
            return Ok(None);
        }
        let mut sent = self.request.local.pool.buffer();
        sent.make_room(body.len() + 256);
        let dropped = write_upstream(self.request.intent, body, &self.terms(), sent.tail())?;
        Ok(Some((sent, dropped)))
    }

    /// The request whose body is the client's as priced. Its length is known only behind its head,
    /// so the head has room for it: blanks may stand before a value (RFC 9110, section 5.5).
    pub fn relayed(&self, body: &[u8]) -> Buffer {
        let mut sent = self.request.local.pool.buffer();
        sent.make_room(HEAD_ROOM + body.len() + 256);
        let out = sent.tail();
        self.write_head(out);
        let length = out.len()..out.len() + LENGTH_DIGITS;
        out.extend_from_slice(&[b' '; LENGTH_DIGITS]);
        out.extend_from_slice(b"\r\n\r\n");
        let start = out.len();
        // What both sides understand can always be said.
        let _ = write_upstream(self.request.intent, body, &self.terms(), out);
        decimal::fill((out.len() - start) as u64, &mut out[length]);
        sent
    }

    fn terms(&self) -> UpstreamTerms<'_> {
        UpstreamTerms {
            dialect: self.provider.dialect,
            model_json: &self.endpoint.upstream_model_json,
            output_cap: self.output_cap,
            cap_as_completion_tokens: self.provider.output_cap_field
                == OutputCapField::MaxCompletionTokens,
            stream_usage: self.provider.stream_usage,
            thinks: self.thinks,
        }
    }

    /// The head of a body of this length.
    pub fn head(&self, length: usize) -> Buffer {
        let mut head = self.request.local.pool.buffer();
        head.make_room(HEAD_ROOM);
        let out = head.tail();
        self.write_head(out);
        decimal::push(length as u64, out);
        out.extend_from_slice(b"\r\n\r\n");
        head
    }

    /// Writes the head as far as the body's length.
    fn write_head(&self, out: &mut Vec<u8>) {
        let Request { admission, intent, .. } = self.request;
        out.extend_from_slice(b"POST ");
        out.extend_from_slice(self.upstream.base_path.as_bytes());
        self.write_path(out);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        field(out, "host", &self.upstream.host);
        if let Some(key) = self.secret {
            write_key(self.provider.dialect, key, out);
        }
        if self.provider.dialect == Dialect::Anthropic {
            field(out, "anthropic-version", anthropic_version(intent));
            if let Some(betas) = intent.betas.as_deref().and_then(allowed_betas) {
                field(out, "anthropic-beta", &betas);
            }
        }
        let accepted = if intent.stream { "text/event-stream" } else { "application/json" };
        field(out, "accept", accepted);
        out.extend_from_slice(b"content-type: application/json\r\nuser-agent: tollgate\r\n");
        out.extend_from_slice(b"x-request-id: ");
        out.extend_from_slice(&generation_text(admission.generation));
        out.extend_from_slice(b"\r\ncontent-length: ");
    }

    fn write_path(&self, out: &mut Vec<u8>) {
        match self.provider.dialect {
            Dialect::OpenAi => out.extend_from_slice(match self.request.intent.client {
                ClientDialect::Completions => b"/completions",
                ClientDialect::Embeddings => b"/embeddings",
                _ => b"/chat/completions".as_slice(),
            }),
            Dialect::Anthropic => out.extend_from_slice(b"/v1/messages"),
            Dialect::Gemini => {
                out.extend_from_slice(b"/models/");
                write_escaped(&self.endpoint.upstream_model_json, out);
                let verb: &[u8] = match self.request.intent.stream {
                    true => b":streamGenerateContent?alt=sse",
                    false => b":generateContent",
                };
                out.extend_from_slice(verb);
            }
        }
    }
}

/// The version in which an upstream of Anthropic's dialect is asked: that of a client of it, whose
/// body goes on as it came.
pub fn anthropic_version(intent: &Intent) -> &str {
    intent.version.as_deref().unwrap_or(ANTHROPIC_VERSION)
}

/// Appends the key in the field in which a dialect wants it.
pub fn write_key(dialect: Dialect, key: &Secret, out: &mut Vec<u8>) {
    out.extend_from_slice(match dialect {
        Dialect::OpenAi => b"authorization: Bearer ",
        Dialect::Anthropic => b"x-api-key: ".as_slice(),
        Dialect::Gemini => b"x-goog-api-key: ",
    });
    out.extend_from_slice(key.reveal().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a model's name, a JSON string, as a part of a path (RFC 3986, section 2.3).
pub fn write_escaped(model_json: &[u8], out: &mut Vec<u8>) {
    let name = model_json.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\""));
    for byte in name.unwrap_or(model_json) {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                out.push(*byte);
            }
            // Writing into a vector does not fail.
            other => drop(write!(out, "%{other:02X}")),
        }
    }
}

/// Those of a client's betas that go on; `None` where none does.
fn allowed_betas(named: &str) -> Option<String> {
    let is_known = |beta: &&str| BETAS.iter().any(|known| beta.starts_with(known));
    let betas: Vec<&str> = named.split(',').map(str::trim).filter(is_known).collect();
    (!betas.is_empty()).then(|| betas.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn betas_that_are_not_known_stay_here() {
        let named = "files-api-2025-04-14, interleaved-thinking-2025-05-14,effort-2025-11-24";
        let expected = "interleaved-thinking-2025-05-14,effort-2025-11-24";
        assert_eq!(allowed_betas(named).as_deref(), Some(expected));
        assert_eq!(allowed_betas("mcp-client-2025-04-04"), None);
    }

    #[test]
    fn a_models_name_cannot_leave_its_place_in_a_path() {
        let mut out = Vec::new();
        write_escaped(b"\"tuned/a-1.5:b?c d\"", &mut out);
        assert_eq!(out, b"tuned/a-1.5%3Ab%3Fc%20d");
    }

    #[test]
    fn each_dialect_has_its_own_field_for_a_key() {
        let key = Secret::new("p", "k-1");
        for (dialect, expected) in [
            (Dialect::OpenAi, "authorization: Bearer k-1\r\n"),
            (Dialect::Anthropic, "x-api-key: k-1\r\n"),
            (Dialect::Gemini, "x-goog-api-key: k-1\r\n"),
        ] {
            let mut out = Vec::new();
            write_key(dialect, &key, &mut out);
            assert_eq!(out, expected.as_bytes());
        }
    }
}
