//! How a stream on its way ends: as it should, cut at its hold, or broken off.
//!
//! Invariants: each end is said once, in the client's dialect, behind all that was passed on; an
//! answer that was whole before its connection broke is one.

use super::{Stream, Voice};
use crate::fault::{Code, Fault};
use crate::stage::meter::Metered;
use crate::stage::outcome::{Ending, Outcome};
use crate::stage::relay::passing::Step;
use crate::stage::{refuse, verdict};
use crate::upstream::fault::UpstreamFault;

impl Stream<'_, '_> {
    fn is_answered(&self) -> bool {
        self.meter.is_answered(self.request.intent.choices)
    }

    /// The stream closed without its end mark: whole only if the model had said that it was done.
    pub(super) fn end_of_stream(&mut self) -> Ending {
        if let Some(fault) = self.body.cut_off() {
            return self.broken_off(&fault);
        }
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
    pub(super) fn broken_off(&mut self, fault: &UpstreamFault) -> Ending {
        if self.is_answered() {
            return self.finish();
        }
        self.fail(&verdict::transport(fault))
    }

    pub(super) fn finish(&mut self) -> Ending {
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
    pub(super) fn cut(&mut self) -> Ending {
        match self.voice {
            Voice::Chat(_) => self.cut_chat(),
            Voice::Spoken(_) => self.cut_spoken(),
        }
        self.end();
        Ending::CutAtHold
    }

    /// What was delivered so far, at the prices of whoever serves it.
    pub(super) fn priced(&self) -> Metered {
        self.meter.price(self.request, self.served.endpoint)
    }

    /// Ends the stream with an error; a client that left before is charged all the same.
    pub(super) fn fail(&mut self, fault: &Fault) -> Ending {
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
    pub(super) fn close(self: Box<Self>, ending: Ending) -> Box<Outcome> {
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
