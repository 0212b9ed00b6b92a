//! What an answer teaches about the endpoint that gave it: how fast it was, and whether it held.
//!
//! What is known before the first event (`exchange`) is learned there.

use crate::stage::attempt::Request;
use crate::stage::outcome::{Ending, Outcome};

/// Fewer tokens say nothing about a pace.
const TOKENS_MIN: u64 = 16;

/// Takes note of how a request's endpoint did.
pub fn learn(request: &Request<'_>, outcome: &Outcome) {
    let Some(endpoint) = outcome.endpoint else { return };
    let local = request.local;
    let offer = request.published.catalog().endpoints[endpoint as usize].offer;
    match outcome.ending {
        Ending::UpstreamDied => local.health.failed(offer, local.deadlines.clock().wall()),
        Ending::Complete if request.intent.stream => {
            let tokens = outcome.meter.output_estimate();
            let ms = request.admission.elapsed_ms().saturating_sub(outcome.first_byte_ms);
            if tokens >= TOKENS_MIN
                && ms > 0
                && let Some(cell) = local.health.endpoint(offer)
            {
                cell.made(tokens, u64::from(ms));
            }
        }
        _ => {}
    }
}
