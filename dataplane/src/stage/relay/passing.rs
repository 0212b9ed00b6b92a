//! Frames of a stream on their way: metered, rewritten, appended to what the client gets.
//!
//! Invariants: an event is read once; one that is like another but for its text not even that.
//! Left out on purpose: waiting, writing, and how a stream ends.

use dialect::openai_chat::{Event, Pattern, is_done};
use wire::sse::{Frame, FrameKind, FrameScanner, joined_data};

use super::chat::Chat;
use crate::fault::{Code, Fault};
use crate::net::buffer::Buffer;
use crate::stage::meter::Meter;
use crate::stage::note::Note;
use crate::stage::verdict;
use crate::upstream::body::Body;
use crate::upstream::fault::UpstreamFault;

/// What a frame means for the stream.
pub(super) enum Step {
    /// It is passed on.
    GoOn,
    /// It is the end mark.
    Done,
    /// The stream is broken, or says that it failed.
    Failed(Fault),
    /// What carries the stream is broken.
    Lost(UpstreamFault),
    /// The provider ignores its limit.
    Cut,
}

/// One batch of frames on its way through meter and rewriting.
pub(super) struct Passing<'p, 'a, 'n> {
    /// The form that most events have.
    pub(super) pattern: &'p mut Pattern,
    pub(super) chat: &'p mut Chat<'a>,
    pub(super) meter: &'p mut Meter,
    pub(super) wants_usage: bool,
    /// What is still to be said of the route.
    pub(super) note: &'p mut Option<Note<'n>>,
    /// Output tokens.
    pub(super) allowed: u64,
}

impl Passing<'_, '_, '_> {
    /// Passes on all that was read; beginning with a frame that is at its front, if one `waits`.
    pub(super) fn all(
        &mut self,
        body: &mut Body,
        scanner: &mut FrameScanner,
        mut waits: Option<Frame>,
        out: &mut Buffer,
    ) -> Step {
        loop {
            let frame = match waits.take() {
                None if scanner.is_between_frames()
                    && let Some(len) = self.alike(body.window(), out) =>
                {
                    body.consume(len);
                    None
                }
                None => match front(body, scanner) {
                    Ok(Some(frame)) => Some(frame),
                    Ok(None) => continue,
                    Err(step) => return step,
                },
                frame => frame,
            };
            if let Some(frame) = frame {
                let step = self.frame(body.window(), &frame, out);
                body.consume(frame.len);
                if !matches!(step, Step::GoOn) {
                    return step;
                }
            }
            if self.meter.is_beyond(self.allowed) {
                return Step::Cut;
            }
        }
    }

    /// Meters the event at the front of `window` and appends what the client is to see of it, if
    /// it is like one that was read; gives its length. Ask only where an event begins.
    #[inline]
    fn alike(&mut self, window: &[u8], out: &mut Buffer) -> Option<usize> {
        let event = self.pattern.front(window)?;
        self.meter.add_text(event.text.len());
        out.make_room(event.bytes.len() + self.pattern.added());
        self.pattern.show(&event, out.tail());
        Some(event.bytes.len())
    }

    /// Meters a frame, and appends what the client is to see of it.
    fn frame(&mut self, window: &[u8], frame: &Frame, out: &mut Buffer) -> Step {
        let data = frame.data.range();
        let (lead, trail) = (&window[..data.start], &window[data.end..frame.len]);
        match frame.kind {
            FrameKind::Comment | FrameKind::Empty => Step::GoOn,
            FrameKind::Data => self.event(Event { lead, json: &window[data], trail }, out),
            FrameKind::MultiData => {
                let json = on_one_line(&joined_data(window, frame));
                self.event(Event { lead: b"", json: &json, trail: b"" }, out)
            }
        }
    }

    fn event(&mut self, event: Event<'_>, out: &mut Buffer) -> Step {
        let data = event.json;
        if is_done(data) {
            return Step::Done;
        }
        let Chat { ids, reader } = &mut *self.chat;
        let Ok(answer) = reader.read(data) else {
            return Step::Failed(broken("an event is not a JSON object"));
        };
        if answer.is_error {
            return Step::Failed(verdict::error_in_answer(data));
        }
        self.meter.observe(data, &answer);
        // What it costs is told with a usage of ours, behind the rest.
        let wants_usage = self.wants_usage && ids.id_json.is_none();
        if wants_usage || !answer.is_usage_only() {
            let rewrite = ids.rewrite(!wants_usage);
            out.make_room(data.len() + 256);
            out.extend(b"data: ");
            answer.rewrite(data, &rewrite, out.tail());
            let meter = &*self.meter;
            // Behind a usage of ours, the note stands there.
            let is_last = rewrite.id_json.is_none();
            if let Some(note) = self.note.take_if(|note| is_last && note.is_due(meter, wants_usage))
            {
                note.add(meter, out.tail());
            }
            out.extend(b"\n\n");
            self.pattern.learn(event, &answer, &rewrite);
        }
        Step::GoOn
    }
}

/// The next whole frame of what was read; none where there is more to look at first.
///
/// # Errors
/// The step that the stream comes to: there is none in what was read, or it cannot be read.
#[inline]
fn front(body: &mut Body, scanner: &mut FrameScanner) -> Result<Option<Frame>, Step> {
    match scanner.next(body.window()) {
        Ok(None) => match body.more_of_read() {
            Ok(true) => Ok(None),
            Ok(false) => Err(Step::GoOn),
            Err(fault) => Err(Step::Lost(fault)),
        },
        Ok(frame) => Ok(frame),
        Err(fault) => Err(Step::Failed(broken(&fault.to_string()))),
    }
}

/// The next whole frame of what was read.
///
/// # Errors
/// As of [`front`].
pub(super) fn next_frame(body: &mut Body, scanner: &mut FrameScanner) -> Result<Frame, Step> {
    loop {
        if let Some(frame) = front(body, scanner)? {
            return Ok(frame);
        }
    }
}

/// JSON without line ends, which there stand between tokens only: many readers of event streams
/// know no data of several lines.
fn on_one_line(json: &[u8]) -> Vec<u8> {
    json.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect()
}

/// The fault of a stream that cannot be read.
pub(super) fn broken(what: &str) -> Fault {
    Fault::upstream(Code::ProviderError, format!("the provider's stream is broken: {what}"))
}
