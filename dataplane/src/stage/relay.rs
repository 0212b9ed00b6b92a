//! Stage 7, relay: the answer goes to the client as it comes, and is metered as it goes by.
//!
//! Invariants: events go out when they come in, many at once if they came at once; between two
//! reads of the upstream everything went out, so a slow client slows the upstream; `choices` are
//! never touched. The end of an answer is queued here and written after its settlement.
//!
//! ```text
//!   pull --> frame --> meter --> rewrite --> queue --+
//!    ^                                               | nothing more in the window
//!    +------------------- write ---------------------+
//!   ends: [DONE] or end of stream, error event, upstream died, hold used up, client gone
//! ```

mod chat;
mod ending;
mod names;
mod passing;
mod spoken;
mod whole;

use std::pin::pin;

use catalog::Provider;
use dialect::openai_chat::Pattern;
use dialect::{Decoder, Encoder};
use ledger::record::{Attempts, Progress, Record};
use wire::sse::{Frame, FrameScanner};

use crate::answer_head::AnswerHead;
use crate::client::{self, Client};
use crate::local::Local;
use crate::route::Surface;
use crate::stage::attempt::{Answering, Request, Way};
use crate::stage::attend::{Attendance, begin_stream};
use crate::stage::exchange::Exchange;
use crate::stage::meter::Meter;
use crate::stage::note::Note;
use crate::stage::outcome::{Ending, Outcome};
use crate::stage::relay::chat::Chat;
use crate::stage::relay::names::{Ids, Names};
use crate::stage::relay::passing::{Passing, Step};
use crate::stage::relay::spoken::Spoken;
use crate::upstream::body::Body;

/// Delivered work is written down each time so many output tokens were added, or so much time
/// has passed with any.
const PROGRESS_TOKENS: u64 = 256;
const PROGRESS_MS: u64 = 1000;
/// What has arrived already goes out in one write, up to so many bytes.
const QUEUED_MAX: usize = 64 << 10;

/// An answer that is being passed on.
pub enum Relay<'s, 'a> {
    /// All of it is queued.
    Over(Box<Outcome>),
    /// It comes in pieces.
    Stream(Box<Stream<'s, 'a>>),
}

/// Begins to pass an answer on. `sent` is what the client had sent.
pub fn begin<'s, 'a>(
    request: &'s Request<'a>,
    client: &'s mut Client,
    (exchange, sent): (Exchange, client::Body),
    attendance: &'s mut Attendance<'a>,
) -> Relay<'s, 'a> {
    let Exchange { endpoint, is_own, answer, attempts, first_byte_ms } = exchange;
    let served = Served { endpoint, is_own, attempts, first_byte_ms };
    let head = attendance.head();
    let note = Note::of(request, head, (endpoint, attempts));
    match answer {
        Answering::Whole(body, answer) => {
            client.drop_body(sent);
            let mut meter = Meter::of(request, provider_of(request, endpoint), is_own);
            let answer = (body, &answer);
            let ending = whole::chat(request, client, answer, &mut meter, (head, served, note));
            Relay::Over(served.outcome(ending, meter))
        }
        Answering::Heard(body, heard) => {
            let answer = whole::heard(request, sent.bytes(), (&body, &heard), (head, served, note));
            client.drop_body(sent);
            let ending = whole::give(request, client, (body, &answer), (head, heard.meter.finish));
            Relay::Over(served.outcome(ending, heard.meter))
        }
        Answering::Stream { body, scanner, first } => {
            let voice = Voice::of(request, endpoint, head, sent.bytes());
            client.drop_body(sent);
            let stream = (body, scanner, first);
            let mut stream = Stream::new(request, client, attendance, stream, (served, voice));
            stream.note = note;
            Relay::Stream(Box::new(stream))
        }
    }
}

/// How a stream is said again.
enum Voice<'a> {
    /// Both sides speak OpenAI's chat.
    Chat(Box<Chat<'a>>),
    /// They speak another dialect, or two.
    Spoken(Box<Spoken<'a>>),
}

impl<'a> Voice<'a> {
    fn of(request: &Request<'a>, endpoint: u32, head: &AnswerHead, sent: &[u8]) -> Self {
        let provider = provider_of(request, endpoint);
        let client = request.intent.client;
        let names = || Names::of(request, endpoint, head.surface);
        let spoken = match Way::of(provider.dialect, client) {
            Way::Chat => {
                let ids = Ids::of(request, endpoint, head.surface);
                return Self::Chat(Box::new(Chat::new(ids)));
            }
            Way::Relayed(dialect) => Spoken::relayed(names(), dialect, head.framing),
            Way::Translated(dialect) => {
                let decoder = Decoder::new(dialect, provider.cache_included);
                Spoken::translated(names(), decoder, Encoder::new(client, sent), head.framing)
            }
        };
        Self::Spoken(Box::new(spoken))
    }
}

fn provider_of<'a>(request: &Request<'a>, endpoint: u32) -> &'a Provider {
    let catalog = request.published.catalog();
    catalog.provider(catalog.endpoints[endpoint as usize].provider)
}

/// Who serves, and how it came to that.
#[derive(Clone, Copy)]
struct Served {
    endpoint: u32,
    is_own: bool,
    attempts: Attempts,
    first_byte_ms: u32,
}

impl Served {
    fn outcome(self, ending: Ending, meter: Meter) -> Box<Outcome> {
        let Self { endpoint, attempts, first_byte_ms, .. } = self;
        let endpoint = Some(endpoint);
        Box::new(Outcome { ending, endpoint, meter, attempts, first_byte_ms, status: 200 })
    }
}

/// A stream on its way.
///
/// What each piece touches comes first: of thousands of streams each finds its own memory cold in
/// the cache when its next piece comes.
#[repr(C, align(64))]
pub struct Stream<'s, 'a> {
    local: &'a Local,
    client: &'s mut Client,
    attendance: &'s mut Attendance<'a>,
    body: Body,
    scanner: FrameScanner,
    /// The form of the chunks of OpenAI's chat.
    pattern: Pattern,
    voice: Voice<'a>,
    next_progress: NextProgress,
    /// The most output tokens that were held for.
    allowed: u64,
    meter: Meter,
    wants_usage: bool,
    request: &'s Request<'a>,
    /// What is still to be said of the route.
    note: Option<Note<'s>>,
    served: Served,
    /// An event that is known already.
    first: Option<Frame>,
}

/// When delivered work is to be written down again.
struct NextProgress {
    /// Once so many output tokens were delivered.
    tokens: u64,
    /// Or, if there are more of them than this, once it is so late.
    known: u64,
    at_ms: u64,
}

impl<'s, 'a> Stream<'s, 'a> {
    fn new(
        request: &'s Request<'a>,
        client: &'s mut Client,
        attendance: &'s mut Attendance<'a>,
        (body, scanner, first): (Body, FrameScanner, Frame),
        (served, mut voice): (Served, Voice<'a>),
    ) -> Self {
        let surface = attendance.head().surface;
        let tells_always = !request.intent.client.has_chunks();
        let wants_usage =
            request.intent.include_usage || surface == Surface::OpenRouter || tells_always;
        begin_stream(request.local, client, attendance.head());
        if let Voice::Spoken(spoken) = &mut voice {
            client.chunk(|out| spoken.begin(request.plan.input_tokens_estimate, out));
        }
        let provider = provider_of(request, served.endpoint);
        let meter = Meter::of(request, provider, served.is_own);
        Self {
            local: request.local,
            client,
            attendance,
            body,
            scanner,
            pattern: Pattern::default(),
            voice,
            next_progress: NextProgress {
                tokens: PROGRESS_TOKENS,
                known: 0,
                at_ms: request.local.now_ms() + PROGRESS_MS,
            },
            allowed: request.allowed().output_tokens(),
            meter,
            wants_usage,
            request,
            note: None,
            served,
            first: Some(first),
        }
    }

    /// Relays until the stream ends, one way or another. *abandon closes*
    pub async fn run(mut self: Box<Self>) -> Box<Outcome> {
        let first = self.first.take();
        let mut ending = self.pass_on(first);
        let ending = loop {
            if let Some(ending) = ending {
                break ending;
            }
            if self.client.queued() > 0 {
                self.write_out().await;
            }
            self.client.rest();
            if self.client.was_seen_deserted() && self.attendance.let_go().is_err() {
                break Ending::ClientGone;
            }
            let arrival = self.attendance.wait(self.client, pin!(self.body.arrival())).await;
            ending = match arrival.map(|arrived| arrived.and_then(|()| self.body.read_arrived())) {
                Err(_) => Some(Ending::ClientGone),
                Ok(Ok(_)) => self.pass_on(None),
                Ok(Err(fault)) => Some(self.broken_off(&fault)),
            };
        };
        self.close(ending)
    }

    /// Passes on all that has come, beginning with a frame that is known already if there is one,
    /// as far as the client takes it without waiting.
    fn pass_on(&mut self, mut first: Option<Frame>) -> Option<Ending> {
        loop {
            match self.pass_frames(first.take()) {
                Step::GoOn => {}
                Step::Done => return Some(self.finish()),
                Step::Cut => return Some(self.cut()),
                Step::Failed(fault) => return Some(self.fail(&fault)),
                Step::Lost(fault) => return Some(self.broken_off(&fault)),
            }
            if self.body.is_complete() {
                return Some(self.end_of_stream());
            }
            if self.client.queued() >= QUEUED_MAX {
                break;
            }
            match self.body.more_now() {
                Ok(true) => self.client.expect_flood(),
                Ok(false) => break,
                Err(fault) => return Some(self.broken_off(&fault)),
            }
        }
        self.note_progress();
        if self.client.queued() > 0 && self.client.flush_now() {
            self.attendance.signed(self.local.now_ms());
        }
        None
    }

    /// Writes the rest of what is queued. *abandon closes*
    async fn write_out(&mut self) {
        // The time that the client takes is not the provider's.
        self.body.pause();
        self.client.flush(&self.local.settings.limits).await;
        self.attendance.signed(self.local.now_ms());
    }

    /// Handles every whole frame of what was read, as one chunk to the client.
    fn pass_frames(&mut self, waiting: Option<Frame>) -> Step {
        let Self { body, scanner, pattern, voice, meter, note, client, .. } = self;
        let (allowed, wants_usage) = (self.allowed, self.wants_usage);
        match voice {
            Voice::Chat(chat) => {
                let mut passing = Passing { pattern, chat, meter, wants_usage, note, allowed };
                client.chunk(|out| passing.all(body, scanner, waiting, out))
            }
            Voice::Spoken(spoken) => {
                client.chunk(|out| spoken.all((body, scanner), waiting, (meter, allowed), out))
            }
        }
    }

    /// Writes down what was delivered so far, now and then: what a crash would charge.
    fn note_progress(&mut self) {
        let delivered = self.meter.output_estimate();
        let now_ms = self.local.now_ms();
        let next = &mut self.next_progress;
        let is_late = now_ms >= next.at_ms && delivered > next.known;
        if delivered < next.tokens && !is_late {
            return;
        }
        let (tokens, at_ms) = (delivered + PROGRESS_TOKENS, now_ms + PROGRESS_MS);
        *next = NextProgress { tokens, known: delivered, at_ms };
        self.write_progress();
    }

    #[cold]
    fn write_progress(&self) {
        let Request { local, admission, published, .. } = self.request;
        let metered = self.priced();
        let progress = Progress {
            hold_seq: admission.hold_seq,
            tokens: metered.tokens,
            charge: metered.cost.min(admission.held()),
            list_cost: metered.list_cost,
            own_key: metered.own_key,
            offer: published.catalog().endpoints[self.served.endpoint as usize].offer,
            service_tier: metered.tier as u8,
        };
        local.records.progress(&Record::Progress(progress));
    }
}
