//! What the head of every answer says about the request it answers.
//!
//! Filled while the request goes through its stages; written once, by whichever stage answers.
//! Invariants: every answer has `x-request-id`; one to a known key has its rate limit; one to an
//! inference request that held credit has its generation.

use std::cell::{Cell, RefCell};

use catalog::ProviderIndex;
use dialect::{ClientDialect, Framing};
use ledger::cell::{DayVerdict, RateVerdict, TokenVerdict};
use serde_json::Value;
use units::GenerationId;
use wire::decimal;

use crate::local::Local;
use crate::route::{Surface, client_of};

/// The head of one answer, but for its status and type.
pub struct AnswerHead {
    /// Under whose rules it is given.
    pub surface: Surface,
    /// A number for the path that it is given at.
    pub path: u64,
    /// In whose words.
    pub client: ClientDialect,
    /// The provider whose own path it is, once the key is known to be allowed it.
    pub provider: Option<ProviderIndex>,
    /// How the events of a stream are parted.
    pub framing: Framing,
    /// The generation, once credit is held for one.
    pub generation: Option<GenerationId>,
    /// The key's rate limit, once the key is known.
    pub rate: Option<RateVerdict>,
    /// Its requests of the day, where they are limited.
    pub day: Option<DayVerdict>,
    /// Its account's free requests of the day, where this is one and they are limited.
    pub free: Option<DayVerdict>,
    /// Its tokens, where they are limited.
    pub tokens: Option<TokenVerdict>,
    /// The output cap, where it is lower than what the client asked for, or than what the model
    /// could make if it did not say.
    pub lowered_cap: Cell<Option<u64>>,
    /// Whether an error repeats its message as `detail`, which readers of `routing` look for, and
    /// everybody's where the brand says so.
    pub tells_detail: bool,
    /// Whether the answer is to explain its route.
    pub explains: bool,
    /// The explanation, once there is a plan or none.
    pub explanation: Option<Box<Value>>,
    /// Whether it is served above a price cap that the request lets go for once.
    pub is_escalated: Cell<bool>,
    /// The members of the request that its upstream is not told, by name.
    pub dropped: RefCell<Option<String>>,
    /// Whether a browser of another origin asks.
    pub cross_origin: bool,
    request: [u64; 3],
}

impl AnswerHead {
    /// The head of an answer to the request that now begins, for this path.
    pub fn new(local: &Local, path: &[u8], cross_origin: bool) -> Self {
        let place = local.place;
        let number = local.counters.next_request();
        Self {
            surface: Surface::of(path),
            path: dialect::hash(path),
            client: client_of(path),
            provider: None,
            framing: Framing::Events,
            generation: None,
            rate: None,
            day: None,
            free: None,
            tokens: None,
            lowered_cap: Cell::new(None),
            tells_detail: local.settings.brand.error_detail,
            explains: false,
            explanation: None,
            is_escalated: Cell::new(false),
            dropped: RefCell::new(None),
            cross_origin,
            request: [u64::from(place.epoch.0), u64::from(place.ring), number],
        }
    }

    /// A number that no other request of this core has.
    pub const fn number(&self) -> u64 {
        self.request[2]
    }

    /// The answer's own id, as `x-request-id` tells it.
    pub fn id(&self) -> String {
        let [epoch, ring, number] = self.request;
        match self.generation {
            Some(generation) => generation.to_string(),
            None => format!("req-{epoch}-{ring}-{number}"),
        }
    }

    /// The media type of a streamed answer.
    pub const fn stream_type(&self) -> &'static str {
        match self.framing {
            Framing::Events => "text/event-stream",
            Framing::Array { .. } => "application/json",
        }
    }

    /// Appends the status line and the fields, without the blank line.
    pub fn write(&self, local: &Local, status: u16, content_type: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 ");
        decimal::push(u64::from(status), out);
        out.push(b' ');
        out.extend_from_slice(reason(status).as_bytes());
        out.extend_from_slice(b"\r\n");
        if !content_type.is_empty() {
            field(out, "content-type", content_type);
        }
        local.clock_text.write(local.deadlines.clock().wall(), out);
        self.write_ids(out);
        self.write_limits(out);
        if self.cross_origin {
            field(out, "access-control-allow-origin", "*");
            field(out, "access-control-expose-headers", "*");
        }
    }

    fn write_ids(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"x-request-id: ");
        let id = out.len();
        match self.generation {
            Some(generation) => out.extend_from_slice(&generation_text(generation)),
            None => {
                out.extend_from_slice(b"req");
                for part in self.request {
                    out.push(b'-');
                    decimal::push(part, out);
                }
            }
        }
        let end = out.len();
        out.extend_from_slice(b"\r\n");
        if self.generation.is_some() {
            out.extend_from_slice(b"X-Generation-Id: ");
            out.extend_from_within(id..end);
            out.extend_from_slice(b"\r\n");
        }
        // Anthropic's clients look for the same under a name of theirs.
        if self.client == ClientDialect::Messages {
            out.extend_from_within(start + "x-".len()..end);
            out.extend_from_slice(b"\r\n");
        }
    }

    fn write_limits(&self, out: &mut Vec<u8>) {
        if let Some(rate) = &self.rate {
            number(out, "X-RateLimit-Limit: ", u64::from(rate.limit));
            number(out, "X-RateLimit-Remaining: ", u64::from(rate.remaining));
            number(out, "X-RateLimit-Reset: ", rate.reset_unix_s);
        }
        for (day, names) in [(&self.day, DAY), (&self.free, FREE)] {
            let Some(day) = day else { continue };
            let values = [u64::from(day.limit), u64::from(day.remaining), day.reset_unix_s];
            names.into_iter().zip(values).for_each(|(name, value)| number(out, name, value));
        }
        if let Some(tokens) = &self.tokens {
            number(out, "X-RateLimit-Limit-Tokens: ", tokens.limit);
            number(out, "X-RateLimit-Remaining-Tokens: ", tokens.remaining);
            number(out, "X-RateLimit-Reset-Tokens: ", tokens.reset_unix_s);
        }
        if let Some(cap) = self.lowered_cap.get() {
            number(out, "X-Output-Cap: ", cap);
        }
        if self.is_escalated.get() {
            field(out, "X-Route-Escalated", "true");
        }
        if let Some(names) = &*self.dropped.borrow() {
            field(out, "x-dropped-params", names);
        }
    }
}

/// Fields of a key's requests of a day: limit, remaining, reset.
const DAY: [&str; 3] =
    ["X-RateLimit-Limit-Day: ", "X-RateLimit-Remaining-Day: ", "X-RateLimit-Reset-Day: "];
/// Those of an account's free requests.
const FREE: [&str; 3] =
    ["X-RateLimit-Limit-Free: ", "X-RateLimit-Remaining-Free: ", "X-RateLimit-Reset-Free: "];

/// A generation's id as text, without a formatter: this is written for every request.
pub fn generation_text(generation: GenerationId) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = *b"gen-00000000000000000000000000000000";
    let mut rest = generation.number();
    for place in text[4..].iter_mut().rev() {
        *place = DIGITS[(rest & 0xf) as usize];
        rest >>= 4;
    }
    text
}

/// Appends one field.
pub fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn number(out: &mut Vec<u8>, name: &str, value: u64) {
    out.extend_from_slice(name.as_bytes());
    decimal::push(value, out);
    out.extend_from_slice(b"\r\n");
}

/// The reason phrase of a status we send.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::{DataPlaneId, Epoch};

    #[test]
    fn the_quick_text_of_an_id_is_its_text() {
        let id = GenerationId { dataplane: DataPlaneId(3), epoch: Epoch(9), ring: 1, seq: 77 };
        assert_eq!(std::str::from_utf8(&generation_text(id)).unwrap(), id.to_string());
    }
}
