//! A stream on its way that is not OpenAI's chat on both sides: relayed in its own dialect, or
//! translated into the client's.
//!
//! Invariants: what is relayed keeps its bytes but for the model's name; what is translated is
//! metered as it was sent, not as it is said again; what the provider says of itself between two
//! events goes no further, unless it is an event of the client's dialect.

use catalog::rows::Dialect;
use dialect::openai_chat::add_cost;
use dialect::{
    ClientDialect, DecodeFault, Decoder, Encoder, End, Event, Finish, Frames, Framing, Label,
    Progress, StreamError,
};
use wire::sse::{Frame, FrameKind, FrameScanner, joined_data};

use super::Stream;
use super::names::Names;
use super::passing::{Step, broken, next_frame};
use crate::fault::Fault;
use crate::net::buffer::Buffer;
use crate::route::Surface;
use crate::stage::meter::Meter;
use crate::stage::{refuse, verdict};
use crate::upstream::body::Body;

/// How a stream of one dialect becomes one of the client's.
pub(super) struct Spoken<'a> {
    pub(super) names: Names<'a>,
    decoder: Decoder,
    tongue: Tongue,
    framing: Framing,
    /// Whether the provider's end mark came.
    is_over: bool,
}

enum Tongue {
    /// The client speaks it, too.
    Same(Dialect),
    /// The client speaks another.
    Other(Encoder),
}

impl<'a> Spoken<'a> {
    /// A stream that is relayed in its own dialect.
    pub(super) fn relayed(names: Names<'a>, dialect: Dialect, framing: Framing) -> Self {
        // The meter alone reads these events: whether caches are included is not asked of them.
        let (decoder, tongue) = (Decoder::new(dialect, true), Tongue::Same(dialect));
        Self { names, decoder, tongue, framing, is_over: false }
    }

    /// A stream that is translated.
    pub(super) fn translated(
        names: Names<'a>,
        decoder: Decoder,
        encoder: Encoder,
        framing: Framing,
    ) -> Self {
        Self { names, decoder, tongue: Tongue::Other(encoder), framing, is_over: false }
    }

    /// Appends what stands before everything else; `input` is the likely count of input tokens.
    pub(super) fn begin(&mut self, input: u64, out: &mut Buffer) {
        let Self { names, tongue, framing, .. } = self;
        if let Tongue::Other(encoder) = tongue {
            encoder.begin(&names.label(), input, &mut Frames { out: out.tail(), framing });
        }
    }

    /// Passes on all that was read; beginning with a frame that is at its front, if one `waits`.
    pub(super) fn all(
        &mut self,
        (body, scanner): (&mut Body, &mut FrameScanner),
        mut waits: Option<Frame>,
        (meter, allowed): (&mut Meter, u64),
        out: &mut Buffer,
    ) -> Step {
        loop {
            let frame = match waits.take().map_or_else(|| next_frame(body, scanner), Ok) {
                Ok(frame) => frame,
                Err(step) => return step,
            };
            let step = self.frame(body.window(), &frame, meter, out);
            body.consume(frame.len);
            if !matches!(step, Step::GoOn) {
                return step;
            }
            if meter.is_beyond(allowed) {
                return Step::Cut;
            }
        }
    }

    fn frame(&mut self, window: &[u8], frame: &Frame, meter: &mut Meter, out: &mut Buffer) -> Step {
        if matches!(frame.kind, FrameKind::Comment | FrameKind::Empty) {
            return Step::GoOn;
        }
        let data = joined_data(window, frame);
        out.make_room(data.len() + 512);
        let Self { names, decoder, tongue, framing, .. } = self;
        let read = match tongue {
            Tongue::Same(_) => decoder.event(&data, &mut |event| meter.hear(&event)),
            Tongue::Other(encoder) => {
                let label = names.label();
                let mut frames = Frames { out: out.tail(), framing };
                decoder.event(&data, &mut |event| {
                    meter.hear(&event);
                    encoder.event(&label, &event, &mut frames);
                })
            }
        };
        match read {
            Ok(progress) => {
                self.pass(window, frame, &data, out);
                self.is_over = progress == Progress::Over;
                if self.is_over { Step::Done } else { Step::GoOn }
            }
            Err(DecodeFault::IsError) => Step::Failed(verdict::error_in_answer(&data)),
            Err(DecodeFault::Unreadable(what)) => Step::Failed(broken(what)),
        }
    }

    /// Appends a frame that the client understands as it is, under our name of the model.
    fn pass(&mut self, window: &[u8], frame: &Frame, data: &[u8], out: &mut Buffer) {
        let Self { names, tongue, framing, .. } = self;
        let Tongue::Same(dialect) = tongue else { return };
        let out = out.tail();
        if *framing == Framing::Events && frame.kind == FrameKind::Data {
            let place = frame.data.range();
            out.extend_from_slice(&window[..place.start]);
            names.put(*dialect, data, out);
            out.extend_from_slice(&window[place.end..frame.len]);
        } else {
            let mut frames = Frames { out, framing };
            frames.event("", |out| names.put(*dialect, data, out));
        }
    }

    fn write_error(&mut self, error: &StreamError<'_>, out: &mut Vec<u8>) {
        let Self { names, tongue, framing, .. } = self;
        let mut frames = Frames { out, framing };
        match tongue {
            Tongue::Other(encoder) => encoder.fail(&names.label(), error, &mut frames),
            Tongue::Same(dialect) => refuse::write_error(*dialect, error, &mut frames),
        }
        frames.close();
    }
}

impl Stream<'_, '_> {
    /// Queues the end of an answer that came to its end.
    pub(super) fn finish_spoken(&mut self) {
        self.end_spoken(None);
    }

    /// Queues the end of an answer that was cut at its hold.
    pub(super) fn cut_spoken(&mut self) {
        self.end_spoken(Some(Finish::Length));
    }

    fn end_spoken(&mut self, cut: Option<Finish>) {
        let metered = self.priced();
        let tokens = &metered.tokens;
        let tells_usage = self.wants_usage;
        let head = self.attendance.head();
        let tells_cost = head.surface == Surface::OpenRouter && head.client == ClientDialect::Chat;
        let Self { client, meter, note, voice, .. } = self;
        let super::Voice::Spoken(spoken) = voice else { return };
        let Spoken { names, decoder, tongue, framing, is_over } = &mut **spoken;
        let label: Label<'_> = names.label();
        let mut add_note = |out: &mut Vec<u8>| {
            if tells_cost {
                add_cost(metered.cost, metered.provider_cost(), out);
            }
            if let Some(note) = note.take() {
                note.add(meter, out);
            }
        };
        client.chunk(|out| {
            let mut frames = Frames { out: out.tail(), framing };
            match (tongue, cut) {
                (Tongue::Other(encoder), cut) => {
                    if let Some(finish) = cut {
                        let native = "length".into();
                        let event = Event::Finish { finish, native, stop: None };
                        encoder.event(&label, &event, &mut frames);
                    }
                    let end = End { tokens, tells_usage, note: &mut add_note };
                    encoder.end(&label, end, &mut frames);
                }
                (Tongue::Same(_), Some(_)) => decoder.write_cut(&label, tokens, &mut frames),
                (Tongue::Same(Dialect::Anthropic), None) if !*is_over => {
                    frames.event("message_stop", |out| out.extend_from_slice(MESSAGE_STOP));
                }
                (Tongue::Same(_), None) => {}
            }
            frames.close();
        });
    }

    /// Queues an error as the last event.
    pub(super) fn fail_spoken(&mut self, fault: &Fault) {
        let form = refuse::form(self.attendance.head(), fault);
        let Self { client, voice, .. } = self;
        let super::Voice::Spoken(spoken) = voice else { return };
        let error = StreamError { refusal: &fault.refusal, form };
        client.chunk(|out| spoken.write_error(&error, out.tail()));
    }
}

/// The end mark of Anthropic's streams, for a provider that left it out.
const MESSAGE_STOP: &[u8] = br#"{"type":"message_stop"}"#;
