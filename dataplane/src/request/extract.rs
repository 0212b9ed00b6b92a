//! An extraction: a model is asked until what it says fits the schema, within one hold.
//!
//! ```text
//!   run --> judge --fits------------------------------> given, all runs charged
//!    ^        |wrong, runs left          none left ---> 422 with what is wrong, all runs charged
//!    +--------+ and the model is told
//!   a provider that fails --> its fault, nothing charged: nothing was delivered
//!   the client leaves ------> all that was generated is charged
//! ```
//! Invariants: no run begins that is not held for, nor for a client that left; each run is an
//! exchange with its own candidates; the usage of every run that came to its end is priced as of
//! whoever served it. Left out on purpose: judging, which is the dialect's.

use dialect::extraction::{Extraction, Verdict, Wrong};
use dialect::{Finish, Message};
use ledger::record::Attempts;

use crate::client::{Body, Client};
use crate::fault::{Code, Fault};
use crate::stage::attempt::{Answering, Heard, Request};
use crate::stage::attend::Attendance;
use crate::stage::exchange::{Exchange, Failure};
use crate::stage::meter::Metered;
use crate::stage::outcome::{Ending, Outcome};
use crate::stage::relay::Relay;
use crate::stage::{exchange, fail, learn, refuse, relay, verdict};

/// What of an extraction goes from run to run.
struct Runs<'r, 'a> {
    request: &'r Request<'a>,
    wanted: &'r Extraction,
    /// What the runs before this one used.
    earlier: Option<Box<Metered>>,
    attempts: Attempts,
    /// The last run that came to its end.
    last: Option<Box<Outcome>>,
}

/// Runs a model until it says what fits, or all runs that are held for are used up. *abandon
/// closes*
pub(super) async fn until_it_fits<'a>(
    request: &Request<'a>,
    wanted: &Extraction,
    (client, body, attendance): (&mut Client, Body, &mut Attendance<'a>),
) -> Box<Outcome> {
    let (attempts, runs_max) = (Attempts::new(), request.plan.runs);
    let mut runs = Runs { request, wanted, earlier: None, attempts, last: None };
    for left in (0..runs_max).rev() {
        let begun = exchange::exchange(request, client, &body, attendance).await;
        let (mut begun, visit) = match begun {
            Ok(begun) => begun,
            Err(failure) => {
                client.drop_body(body);
                return runs.fail(client, failure, attendance);
            }
        };
        runs.join(&mut begun);
        let verdict = runs.judge(&begun);
        if verdict == Some(Verdict::Fits) {
            let outcome = match relay::begin(request, client, (begun, body), attendance) {
                Relay::Over(outcome) => outcome,
                Relay::Stream(stream) => stream.run().await,
            };
            learn::learn(request, &outcome, &visit);
            return outcome;
        }
        let outcome = runs.end(begun, client.is_deserted());
        learn::learn(request, &outcome, &visit);
        let Some(Verdict::Wrong(wrong)) = verdict else {
            client.drop_body(body);
            return died(request, client, outcome, attendance);
        };
        let is_over = left == 0 || wrong.is_final || outcome.ending == Ending::Drained;
        if is_over {
            client.drop_body(body);
            return unfit(request, client, wrong, outcome, attendance);
        }
        wanted.correct(&wrong);
        runs.earlier = outcome.endpoint.map(|at| Box::new(outcome.meter.price(request, at)));
        runs.last = Some(outcome);
    }
    // A plan has one run at least.
    client.drop_body(body);
    let nobody =
        Failure { why: exchange::Why::Fault(verdict::nothing_tried()), attempts, reached: None };
    fail::fail(request.local, client, nobody, attendance)
}

impl Runs<'_, '_> {
    /// Joins a run with those before it.
    fn join(&mut self, begun: &mut Exchange) {
        begun.attempts.as_slice().iter().for_each(|attempt| self.attempts.push(*attempt));
        begun.attempts = self.attempts;
        if let Answering::Heard(_, heard) = &mut begun.answer {
            heard.meter.follow(self.earlier.take());
        }
    }

    /// What the answer is worth; `None` where its model ended it with an error.
    fn judge(&self, begun: &Exchange) -> Option<Verdict> {
        match &begun.answer {
            Answering::Heard(_, heard) if heard.message.finish != Finish::Error => {
                Some(self.wanted.judge(&heard.message))
            }
            _ => None,
        }
    }

    /// Ends a run whose answer is not given.
    fn end(&self, begun: Exchange, is_deserted: bool) -> Box<Outcome> {
        let Exchange { endpoint, is_own, answer, attempts, first_byte_ms } = begun;
        let mut outcome = Outcome::abandoned((endpoint, is_own), attempts, 0);
        (outcome.first_byte_ms, outcome.status) = (first_byte_ms, Code::ExtractionInvalid.status());
        let mut finish = Finish::Error;
        if let Answering::Heard(mut body, heard) = answer {
            let Heard { message: Message { finish: how, .. }, meter } = *heard;
            (finish, outcome.meter) = (how, meter);
            let length = body.window().len();
            body.consume(length);
            body.reuse(&self.request.local.connections);
        }
        outcome.ending = Ending::at_the_end(is_deserted, finish);
        outcome
    }

    /// A run without an answer. What was generated before is charged if the client left, and not if
    /// the providers failed: nothing was delivered.
    fn fail(
        mut self,
        client: &mut Client,
        mut failure: Failure,
        attendance: &Attendance<'_>,
    ) -> Box<Outcome> {
        failure.attempts.as_slice().iter().for_each(|attempt| self.attempts.push(*attempt));
        failure.attempts = self.attempts;
        let is_client_gone = matches!(failure.why, exchange::Why::ClientGone);
        match self.last {
            Some(mut last) if is_client_gone && failure.reached.is_none() => {
                last.ending = Ending::ClientGone;
                (last.status, last.attempts) = (499, self.attempts);
                last
            }
            _ => {
                let mut outcome = fail::fail(self.request.local, client, failure, attendance);
                outcome.meter.follow(self.earlier.take());
                outcome
            }
        }
    }
}

/// Tells the client that no answer fitted; what was generated is charged.
fn unfit(
    request: &Request<'_>,
    client: &mut Client,
    wrong: Wrong,
    outcome: Box<Outcome>,
    attendance: &Attendance<'_>,
) -> Box<Outcome> {
    let message = "what the model says does not fit the schema; `errors` says why, and \
                   `output_text` is what it said last";
    let mut fault = Fault::new(Code::ExtractionInvalid, message);
    fault.refusal.generation = Some(request.admission.generation.to_string());
    fault.refusal.wrong = Some(Box::new(wrong));
    refuse::queue(request.local, client, attendance.head(), &fault);
    outcome
}

/// Tells the client that the model ended its answer with an error; nothing is charged.
fn died(
    request: &Request<'_>,
    client: &mut Client,
    outcome: Box<Outcome>,
    attendance: &Attendance<'_>,
) -> Box<Outcome> {
    let fault = Fault::upstream(Code::ProviderError, "the provider ended its answer with an error");
    let attempts = outcome.attempts;
    let failure = Failure { why: exchange::Why::Fault(fault), attempts, reached: None };
    fail::fail(request.local, client, failure, attendance)
}
