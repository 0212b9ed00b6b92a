//! The bytes of the bench: what is asked, and what the mock provider answers.
//!
//! Invariants: every peer is sent the same bytes; every answer is known beforehand, so that it can
//! be checked whole. The kind of a request is its model's name, which no gateway changes here.

/// Events with text in a stream.
pub(crate) const EVENTS: usize = 100;
/// Events of a stream that stays open, sent before it falls silent.
pub(crate) const EVENTS_OPEN: usize = 10;

const SMALL_BYTES: usize = 1024;
const LARGE_BYTES: usize = 100 * 1024;
const ANSWER_TEXT_BYTES: usize = 640;

/// What is asked, and so how it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 1 KB there, 1 KB back.
    Small,
    /// 100 KB there, 1 KB back.
    Large,
    /// A stream whose events are all there at once.
    Burst,
    /// A stream with an event every 10 ms.
    Paced,
    /// A stream that begins and then stays open.
    Open,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Small, Self::Large, Self::Burst, Self::Paced, Self::Open];

    pub(crate) const fn model(self) -> &'static str {
        match self {
            Self::Small => "bench/small",
            Self::Large => "bench/large",
            Self::Burst => "bench/burst",
            Self::Paced => "bench/paced",
            Self::Open => "bench/open",
        }
    }

    pub(crate) const fn is_stream(self) -> bool {
        matches!(self, Self::Burst | Self::Paced | Self::Open)
    }
}

/// A whole request as it goes over the wire: head, key, and an OpenAI chat body.
pub(crate) fn request(kind: Kind, key: &str) -> Vec<u8> {
    let body = request_body(kind);
    let mut bytes = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway.example\r\n\
         Authorization: Bearer {key}\r\nUser-Agent: load/1\r\nAccept: application/json\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

fn request_body(kind: Kind) -> String {
    let stream = if kind.is_stream() { ",\"stream\":true" } else { "" };
    let head = format!(
        "{{\"model\":\"{}\",\"temperature\":0.7,\"max_tokens\":256{stream},\"messages\":[\
         {{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"}},\
         {{\"role\":\"user\",\"content\":\"",
        kind.model()
    );
    let tail = "\"}]}";
    let size = if kind == Kind::Large { LARGE_BYTES } else { SMALL_BYTES };
    let text = "the quick brown fox jumps over the lazy dog ";
    let fill: String = text.chars().cycle().take(size - head.len() - tail.len()).collect();
    head + &fill + tail
}

/// The body of an answer that is not streamed.
pub(crate) fn answer_body(kind: Kind) -> String {
    let text: String =
        "every good boy does fine ".chars().cycle().take(ANSWER_TEXT_BYTES).collect();
    let prompt = request_body(kind).len() / 5;
    format!(
        "{{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,\
         \"model\":\"{}\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\
         \"content\":\"{text}\",\"refusal\":null}},\"logprobs\":null,\"finish_reason\":\"stop\"}}],\
         \"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":150,\"total_tokens\":{},\
         \"prompt_tokens_details\":{{\"cached_tokens\":0}}}},\"system_fingerprint\":\"fp_bench\"}}",
        kind.model(),
        prompt + 150
    )
}

/// The choices of the event numbered `index`: what has to arrive unchanged.
pub(crate) fn event_choices(index: usize) -> String {
    format!(
        "\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{index:04} lorem ipsum dolor \"}},\
         \"logprobs\":null,\"finish_reason\":null}}]"
    )
}

/// The event numbered `index`, about 200 bytes, as one event of the stream.
pub(crate) fn event(kind: Kind, index: usize) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\
         \"created\":1700000000,\"model\":\"{}\",{}}}\n\n",
        kind.model(),
        event_choices(index)
    )
}

/// How a stream ends: finish, usage, end mark.
pub(crate) fn stream_tail(kind: Kind) -> String {
    let prompt = request_body(kind).len() / 5;
    let total = prompt + EVENTS * 2;
    let head = format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\
         \"created\":1700000000,\"model\":\"{}\",",
        kind.model()
    );
    format!(
        "{head}\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n\
         {head}\"choices\":[],\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{},\
         \"total_tokens\":{total}}}}}\n\ndata: [DONE]\n\n",
        EVENTS * 2
    )
}

/// One chunk of a chunked body.
pub(crate) fn chunk(bytes: &str) -> Vec<u8> {
    format!("{:x}\r\n{bytes}\r\n", bytes.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_what_the_table_says() {
        assert_eq!(request_body(Kind::Small).len(), 1024);
        assert_eq!(request_body(Kind::Large).len(), 100 * 1024);
        assert!((950..1100).contains(&answer_body(Kind::Small).len()));
        assert!((190..220).contains(&event(Kind::Burst, 7).len()));
    }
}
