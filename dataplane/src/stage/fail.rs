//! A request that held credit and got no answer: how the client is told, what is settled.
//!
//! Invariants: while the answer has not begun the client gets the true status; a stream that had to
//! give a sign of life before gets the error as its last event. Nothing is charged, unless the
//! client left while a provider worked for it.

use ledger::record::VoidReason;

use crate::client::Client;
use crate::fault::Code;
use crate::local::Local;
use crate::stage::attend::Attendance;
use crate::stage::exchange::{Failure, Why};
use crate::stage::note::attempts_told;
use crate::stage::outcome::Outcome;
use crate::stage::refuse;

/// Queues the fault for the client.
pub fn fail(
    local: &Local,
    client: &mut Client,
    failure: Failure,
    attendance: &Attendance<'_>,
) -> Box<Outcome> {
    let Failure { why, attempts, reached } = failure;
    let mut fault = match (why, reached) {
        (Why::Fault(fault), _) => fault,
        (Why::ClientGone, Some(reached)) => {
            return Outcome::abandoned(reached, attempts, attendance.received());
        }
        (Why::ClientGone, None) => {
            return Outcome::failed(VoidReason::ClientGoneBeforeDispatch, 499, attempts);
        }
    };
    let head = attendance.head();
    fault.tried = head.explanation.is_some().then(|| attempts_told(&attempts));
    if client.has_begun() {
        client.chunk(|out| refuse::write_event(head, &fault, out));
        client.finish_stream();
    } else {
        refuse::queue(local, client, head, &fault);
    }
    let reason = match fault.code {
        Code::ProviderTimeout => VoidReason::Timeout,
        Code::InvalidRequest => VoidReason::Refused,
        _ => VoidReason::UpstreamFailed,
    };
    Outcome::failed(reason, fault.status(), attempts)
}
