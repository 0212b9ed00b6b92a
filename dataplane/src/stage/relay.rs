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
mod names;
mod passing;
mod spoken;
mod whole;

use std::pin::pin;

use catalog::Provider;
use dialect::{Decoder, Encoder};
use ledger::record::{Attempts, Progress, Record};
use wire::sse::{Frame, FrameScanner};

use crate::answer_head::AnswerHead;
use crate::client::{self, Client};
use crate::fault::{Code, Fault};
use crate::route::Surface;
use crate::stage::attempt::{Allowed, Answering, Request, Way};
use crate::stage::attend::{Attendance, begin_stream};
use crate::stage::exchange::Exchange;
use crate::stage::meter::{Meter, Metered};
use crate::stage::note::Note;
use crate::stage::outcome::{Ending, Outcome};
use crate::stage::relay::chat::Chat;
use crate::stage::relay::names::{Ids, Names};
use crate::stage::relay::passing::Step;
use crate::stage::relay::spoken::Spoken;
use crate::stage::{refuse, verdict};
use crate::upstream::body::{Body, More};
use crate::upstream::fault::UpstreamFault;

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
#[expect(clippy::large_enum_variant, reason = "the usual voice is next to what it is used with")]
enum Voice<'a> {
    /// Both sides speak OpenAI's chat.
    Chat(Chat<'a>),
    /// They speak another dialect, or two.
    Spoken(Box<Spoken<'a>>),
}

impl<'a> Voice<'a> {
    fn of(request: &Request<'a>, endpoint: u32, head: &AnswerHead, sent: &[u8]) -> Self {
        let provider = provider_of(request, endpoint);
        let client = request.intent.client;
        let names = || Names::of(request, endpoint, head.surface);
        let spoken = match Way::of(provider.dialect, client) {
            Way::Chat => return Self::Chat(Chat::new(Ids::of(request, endpoint, head.surface))),
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
pub struct Stream<'s, 'a> {
    request: &'s Request<'a>,
    client: &'s mut Client,
    attendance: &'s mut Attendance<'a>,
    body: Body,
    scanner: FrameScanner,
    voice: Voice<'a>,
    meter: Meter,
    /// What is still to be said of the route.
    note: Option<Note<'s>>,
    wants_usage: bool,
    served: Served,
    /// An event that is known already.
    first: Option<Frame>,
    allowed: Allowed,
    next_progress: NextProgress,
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
            request,
            client,
            attendance,
            body,
            scanner,
            voice,
            meter,
            note: None,
            wants_usage,
            served,
            first: Some(first),
            allowed: request.allowed(),
            next_progress: NextProgress {
                tokens: PROGRESS_TOKENS,
                known: 0,
                at_ms: request.local.now_ms() + PROGRESS_MS,
            },
        }
    }

    /// Relays until the stream ends, one way or another. *abandon closes*
    pub async fn run(mut self: Box<Self>) -> Box<Outcome> {
        let ending = loop {
            let first = self.first.take();
            match self.pass_frames(first) {
                Step::GoOn => {}
                Step::Done => break self.finish(),
                Step::Cut => break self.cut(),
                Step::Failed(fault) => break self.fail(&fault),
                Step::Lost(fault) => break self.broken_off(&fault),
            }
            if self.body.is_complete() {
                break self.end_of_stream();
            }
            if self.client.queued() < QUEUED_MAX {
                match self.body.more_now() {
                    Ok(true) => {
                        self.client.expect_flood();
                        continue;
                    }
                    Ok(false) => {}
                    Err(fault) => break self.broken_off(&fault),
                }
            }
            self.note_progress();
            if let Some(ending) = self.flush().await {
                break ending;
            }
            let more = self.attendance.wait(self.client, pin!(self.body.more())).await;
            match more {
                Err(_) => break Ending::ClientGone,
                Ok(Ok(More::Bytes | More::End)) => {}
                Ok(Err(fault)) => break self.broken_off(&fault),
            }
        };
        self.close(ending)
    }

    /// Handles every whole frame of what was read, as one chunk to the client.
    fn pass_frames(&mut self, waiting: Option<Frame>) -> Step {
        let Self { body, scanner, voice, meter, note, client, .. } = self;
        let (allowed, wants_usage) = (self.allowed, self.wants_usage);
        match voice {
            Voice::Chat(chat) => {
                let mut passing = chat.passing(meter, note, (allowed, wants_usage));
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
        let now_ms = self.request.local.now_ms();
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

    /// Writes what is queued; an ending if the client is gone and nobody waits any more.
    async fn flush(&mut self) -> Option<Ending> {
        if self.client.queued() > 0 {
            self.client.flush(&self.request.local.settings.limits).await;
            self.attendance.signed();
        }
        self.client.rest();
        let let_go = self.client.was_seen_deserted() && self.attendance.let_go().is_err();
        let_go.then_some(Ending::ClientGone)
    }

    fn is_answered(&self) -> bool {
        self.meter.is_answered(self.request.intent.choices)
    }

    /// The stream closed without its end mark: whole only if the model had said that it was done.
    fn end_of_stream(&mut self) -> Ending {
        if let Some(last) = self.scanner.at_eof(self.body.window()) {
            // A last event without its blank line may be the usage, or the end itself.
            match self.pass_frames(Some(last)) {
                Step::Done => return self.finish(),
                Step::Cut => return self.cut(),
                Step::Failed(fault) if !self.is_answered() => return self.fail(&fault),
                Step::Failed(_) | Step::Lost(_) | Step::GoOn => {}
            }
        }
        if !self.is_answered() {
            let message = "the provider's stream ended before the answer did";
            return self.fail(&Fault::upstream(Code::ProviderError, message));
        }
        self.finish()
    }

    /// The connection failed. An answer that was whole before is still one, and is paid for.
    fn broken_off(&mut self, fault: &UpstreamFault) -> Ending {
        if self.is_answered() {
            return self.finish();
        }
        self.fail(&verdict::transport(fault))
    }

    fn finish(&mut self) -> Ending {
        match self.voice {
            Voice::Chat(_) => self.finish_chat(),
            Voice::Spoken(_) => self.finish_spoken(),
        }
        self.end()
    }

    fn end(&mut self) -> Ending {
        self.client.finish_stream();
        Ending::at_the_end(self.client.was_seen_deserted(), self.meter.finish)
    }

    /// The upstream ignores its limit: the hold is used up, and the answer ends as one cut short.
    fn cut(&mut self) -> Ending {
        match self.voice {
            Voice::Chat(_) => self.cut_chat(),
            Voice::Spoken(_) => self.cut_spoken(),
        }
        self.end();
        Ending::CutAtHold
    }

    /// What was delivered so far, at the prices of whoever serves it.
    fn priced(&self) -> Metered {
        self.meter.price(self.request, self.served.endpoint)
    }

    /// Ends the stream with an error; a client that left before is charged all the same.
    fn fail(&mut self, fault: &Fault) -> Ending {
        if self.client.is_deserted() {
            return Ending::ClientGone;
        }
        match self.voice {
            Voice::Chat(_) => {
                let head = self.attendance.head();
                self.client.chunk(|out| refuse::write_event(head, fault, out));
            }
            Voice::Spoken(_) => self.fail_spoken(fault),
        }
        self.client.finish_stream();
        Ending::UpstreamDied
    }

    /// Gives the upstream connection back if its answer came to its end, else closes it.
    fn close(self: Box<Self>, ending: Ending) -> Box<Outcome> {
        let Self { mut body, meter, request, served, .. } = *self;
        // The end of the framing may have come with the end mark.
        let is_over = body.more_of_read().is_ok_and(|grew| !grew) && body.is_complete();
        if is_over {
            body.reuse(&request.local.connections);
        } else if matches!(ending, Ending::Complete) {
            request.local.finish_later(body);
        }
        served.outcome(ending, meter)
    }
}
