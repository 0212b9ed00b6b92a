//! What the end of an answer teaches about the endpoint that gave it: whether it held, how fast it
//! was.
//!
//! What is known before the first event (`exchange`) is learned there.

use crate::health::Visit;
use crate::health::part::{Failure, Part};
use crate::stage::attempt::Request;
use crate::stage::outcome::{Ending, Outcome};

/// Fewer tokens say nothing about a pace.
const TOKENS_MIN: u64 = 16;

/// Takes note of how a request's endpoint did. A client that left says nothing about it.
pub fn learn(request: &Request<'_>, outcome: &Outcome, visit: &Visit<'_>) {
    let now = request.local.deadlines.clock().wall();
    match outcome.ending {
        Ending::UpstreamDied => visit.failed(Failure::at(Part::Finish), now),
        Ending::Complete | Ending::Drained | Ending::CutAtHold => {
            visit.finished(made(request, outcome), now);
        }
        Ending::ClientGone | Ending::Failed(_) => {}
    }
}

/// The tokens of a whole stream that were made after its first event, and how long that took.
fn made(request: &Request<'_>, outcome: &Outcome) -> Option<(u64, u64)> {
    let is_whole = request.intent.stream && outcome.ending == Ending::Complete;
    let tokens = outcome.meter.output_estimate();
    if !is_whole || tokens < TOKENS_MIN {
        return None;
    }
    let ms = request.admission.elapsed_ms().saturating_sub(outcome.first_byte_ms);
    (ms > 0).then_some((tokens, u64::from(ms)))
}
