//! From a provider's response head to the beginning of an answer: the peek before the status.
//!
//! Invariants: a stream begins with an event that is no error; an answer that is not streamed is
//! read whole, bounded, and is a JSON object without an error; anything else is the attempt's miss.

use std::pin::pin;

use catalog::Provider;
use dialect::openai_chat::{Answer, is_done, said_so_far};
use dialect::{ClientDialect, DecodeFault, Decoder, Message, Progress};
use wire::sse::{Frame, FrameKind, FrameScanner, joined_data};

use crate::client::Client;
use crate::stage::attempt::{Answering, Heard, Miss, Request, Way, unreadable};
use crate::stage::attend::Attendance;
use crate::stage::meter::Meter;
use crate::stage::verdict;
use crate::upstream::body::{Body, More};
use crate::upstream::http1::Response;

/// How many times longer than other answers one of vectors may be: 2048 of 1536 numbers as text.
const VECTORS: usize = 4;

/// Reads as much of a response as shows that it is an answer. *abandon closes*
pub async fn answering(
    request: &Request<'_>,
    client: &mut Client,
    response: Response,
    attendance: &mut Attendance<'_>,
    (provider, is_own): (&Provider, bool),
) -> Result<Answering, Miss> {
    let way = Way::of(provider.dialect, request.intent.client);
    let limits = &request.local.settings.limits;
    let plain = |value: &[u8]| value.eq_ignore_ascii_case(b"identity");
    if !response.header("content-encoding").is_none_or(plain) {
        return Err(unreadable("it is compressed, which was not asked for"));
    }
    if response.status() != 200 {
        let status = response.status();
        let retry_after = response.header("retry-after").and_then(verdict::seconds);
        let mut body = response.into_body();
        let read = read_whole(&mut body, client, attendance, (limits.error_body_bytes, 0)).await;
        let text = if matches!(read, Err(Miss::ClientGone)) { &[][..] } else { body.window() };
        return Err(verdict::of_status(status, text, retry_after));
    }
    let is_event_stream = response.header("content-type").is_some_and(|kind| {
        kind.len() >= 17 && kind[..17].eq_ignore_ascii_case(b"text/event-stream")
    });
    let mut body = response.into_body();
    if request.intent.stream && is_event_stream {
        return first_frame(body, client, attendance, (limits.event_bytes, way)).await;
    }
    let answer_bytes = match request.intent.client {
        ClientDialect::Embeddings => limits.answer_bytes.saturating_mul(VECTORS),
        _ => limits.answer_bytes,
    };
    let bounds = (answer_bytes, request.intent.echoed_bytes);
    read_whole(&mut body, client, attendance, bounds).await?;
    if request.intent.stream {
        // A provider that answers a stream with one JSON object says what went wrong in it.
        return Err(verdict::of_error_in_answer(body.window()));
    }
    if way == Way::Chat {
        return chat_answer(body, request.intent.client);
    }
    let mut heard = Box::new(Heard {
        message: Message::default(),
        meter: Meter::new(provider.cache_included, is_own),
    });
    let mut decoder = Decoder::new(provider.dialect, provider.cache_included);
    let read = decoder.whole(body.window(), &mut |event| {
        heard.meter.hear(&event);
        heard.message.add(&event);
    });
    match read {
        Ok(()) => Ok(Answering::Heard(body, heard)),
        Err(fault) => Err(miss_of(fault, body.window())),
    }
}

fn chat_answer(body: Body, client: ClientDialect) -> Result<Answering, Miss> {
    let has_vectors = client == ClientDialect::Embeddings;
    match Answer::read(body.window()) {
        Ok(answer) if answer.is_error => Err(verdict::of_error_in_answer(body.window())),
        Ok(answer) if has_vectors && !answer.has_data => Err(unreadable("it has no `data`")),
        Ok(answer) if !has_vectors && !answer.has_choices => Err(unreadable("it has no choices")),
        Ok(answer) => Ok(Answering::Whole(body, answer)),
        Err(_) => Err(unreadable("it is not a JSON object")),
    }
}

fn miss_of(fault: DecodeFault, data: &[u8]) -> Miss {
    match fault {
        DecodeFault::IsError => verdict::of_error_in_answer(data),
        DecodeFault::Unreadable(what) => unreadable(what),
    }
}

async fn first_frame(
    mut body: Body,
    client: &mut Client,
    attendance: &mut Attendance<'_>,
    (event_bytes, way): (usize, Way),
) -> Result<Answering, Miss> {
    let mut scanner = FrameScanner::new(event_bytes);
    loop {
        match scanner.next(body.window()) {
            Err(_) => return Err(unreadable("an event is too large")),
            Ok(Some(first)) => match opening(body.window(), &first, way)? {
                Opening::Event => return Ok(Answering::Stream { body, scanner, first }),
                Opening::Nothing => body.consume(first.len),
            },
            Ok(None) if body.is_complete() => {
                let last = scanner.at_eof(body.window());
                let first =
                    last.ok_or_else(|| unreadable("the stream ended before its first event"))?;
                return match opening(body.window(), &first, way)? {
                    Opening::Event => Ok(Answering::Stream { body, scanner, first }),
                    Opening::Nothing => Err(unreadable("the stream ended before its first event")),
                };
            }
            Ok(None) => {
                let more = attendance.wait(client, pin!(body.more())).await?;
                more.map_err(|fault| verdict::of_transport(&fault))?;
            }
        }
    }
}

enum Opening {
    Event,
    Nothing,
}

/// What the first events mean. They are read again when they are passed on, so nothing is kept of
/// one that says nothing yet, such as a sign of life.
fn opening(window: &[u8], frame: &Frame, way: Way) -> Result<Opening, Miss> {
    if matches!(frame.kind, FrameKind::Comment | FrameKind::Empty) {
        return Ok(Opening::Nothing);
    }
    let data = joined_data(window, frame);
    if let Way::Relayed(upstream) | Way::Translated(upstream) = way {
        let mut opening = Opening::Nothing;
        let read = Decoder::new(upstream, true).event(&data, &mut |_| opening = Opening::Event);
        return match read {
            Ok(Progress::GoesOn) => Ok(opening),
            Ok(Progress::Over) => Err(unreadable("the stream ended before its first event")),
            Err(fault) => Err(miss_of(fault, &data)),
        };
    }
    if is_done(&data) {
        return Err(unreadable("the stream ended before its first event"));
    }
    match Answer::read(&data) {
        Ok(answer) if answer.is_error => Err(verdict::of_error_in_answer(&data)),
        Ok(_) => Ok(Opening::Event),
        Err(_) => Err(unreadable("its first event is not a JSON object")),
    }
}

async fn read_whole(
    body: &mut Body,
    client: &mut Client,
    attendance: &mut Attendance<'_>,
    (bytes_max, echoed): (usize, u64),
) -> Result<(), Miss> {
    loop {
        if !body.is_complete() {
            // Now, as what was read goes with a read that is given up.
            attendance.note_received(said_so_far(body.window()).saturating_sub(echoed));
        }
        let more = attendance.wait(client, pin!(body.more())).await?;
        let more = more.map_err(|fault| verdict::of_transport(&fault))?;
        if more == More::End {
            return Ok(());
        }
        if body.window().len() > bytes_max {
            return Err(unreadable("it is too large"));
        }
    }
}
