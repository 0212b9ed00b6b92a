//! Frames of a stream on their way: metered, rewritten, appended to what the client gets.
//!
//! Invariants: a frame is read once; what a chunk shares with the one before it not even that.
//! Left out on purpose: reading and writing, and how a stream ends.

use dialect::openai_chat::{ChunkReader, Pattern, Rewrite, is_done};
use wire::sse::{Frame, FrameKind, joined_data};

use crate::fault::{Code, Fault};
use crate::net::buffer::Buffer;
use crate::stage::meter::Meter;
use crate::stage::note::Note;
use crate::stage::verdict;

/// What a frame means for the stream.
pub(super) enum Step {
    /// It is passed on.
    GoOn,
    /// It is the end mark.
    Done,
    /// The stream is broken, or says that it failed.
    Failed(Fault),
    /// The provider ignores its limit.
    Cut,
}

/// One batch of frames on its way through meter and rewriting.
pub(super) struct Passing<'p, 'n> {
    pub(super) reader: &'p mut ChunkReader,
    pub(super) pattern: &'p mut Pattern,
    pub(super) meter: &'p mut Meter,
    pub(super) rewrite: Rewrite<'p>,
    pub(super) wants_usage: bool,
    /// What is still to be said of the route.
    pub(super) note: &'p mut Option<Note<'n>>,
}

impl Passing<'_, '_> {
    /// Meters a frame, and appends what the client is to see of it.
    pub(super) fn frame(&mut self, window: &[u8], frame: &Frame, out: &mut Buffer) -> Step {
        match frame.kind {
            FrameKind::Comment | FrameKind::Empty => Step::GoOn,
            FrameKind::Data => self.event(frame.data.of(window), out),
            FrameKind::MultiData => self.event(&on_one_line(&joined_data(window, frame)), out),
        }
    }

    fn event(&mut self, data: &[u8], out: &mut Buffer) -> Step {
        if let Some(text) = self.pattern.text(data) {
            self.meter.add_text(text.len());
            let (before, after) = self.pattern.shown();
            out.make_room(before.len() + text.len() + after.len() + 8);
            let tail = out.tail();
            for part in [&b"data: "[..], before, text, after, b"\n\n"] {
                tail.extend_from_slice(part);
            }
            return Step::GoOn;
        }
        if is_done(data) {
            return Step::Done;
        }
        let Ok(answer) = self.reader.read(data) else {
            return Step::Failed(broken("an event is not a JSON object"));
        };
        if answer.is_error {
            return Step::Failed(verdict::error_in_answer(data));
        }
        self.meter.observe(data, &answer);
        if self.wants_usage || !answer.is_usage_only() {
            out.make_room(data.len() + 256);
            out.extend(b"data: ");
            answer.rewrite(data, &self.rewrite, out.tail());
            let (meter, wants_usage) = (&*self.meter, self.wants_usage);
            if let Some(note) = self.note.take_if(|note| note.is_due(meter, wants_usage)) {
                note.add(meter, out.tail());
            }
            out.extend(b"\n\n");
            self.pattern.learn(data, &answer, &self.rewrite);
        }
        Step::GoOn
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
