//! The life of a request, in one function.
//!
//! The only place that names the stages. Each hands on a value that only it can make; a fault
//! before the hold simply returns, and after it every path reaches `settle`. However it ends, the
//! request's own bytes are gone from the connection and the next one's are not.

mod extract;

use std::rc::Rc;

use dialect::Intent;
use ledger::record::BodyHashes;
use wire::head::RequestHead;

use crate::answer_head::AnswerHead;
use crate::client::{Body, Client};
use crate::digest::digest;
use crate::fault::Fault;
use crate::local::Local;
use crate::local::answers::Name;
use crate::paths;
use crate::report;
use crate::route::{self, Route, route};
use crate::stage::admission::Admission;
use crate::stage::attempt::Request;
use crate::stage::attend::Attendance;
use crate::stage::authenticate::Principal;
use crate::stage::plan::Plan;
use crate::stage::relay::Relay;
use crate::stage::repeat::{self, Role};
use crate::stage::settle::Settled;
use crate::stage::{
    admit, authenticate, count, exchange, fail, free_request, learn, pace, plan, proxy, quote,
    read, refuse, relay, settle,
};

/// Serves one request; the client's state says afterwards whether another may follow.
pub async fn serve(local: &Rc<Local>, client: &mut Client, head: &RequestHead) {
    let buf = client.input.filled();
    let is_foreign = head.header(buf, "origin").is_some();
    let explains = head.header(buf, "x-route-explain").is_some_and(|value| value == b"1");
    let mut answer = AnswerHead::new(local, head.path(buf), is_foreign);
    answer.explains = explains;
    match route(head.method, head.path(buf)) {
        Route::Proxy(proxied) if !proxy::is_there(local, proxied) => {
            paths::answer(local, client, head, &mut answer).await;
        }
        named @ (Route::Infer(_) | Route::Guest | Route::Proxy(_)) => {
            let is_guest = named == Route::Guest;
            answer.framing = route::framing(head.path(buf), head.query(buf));
            if let Err(fault) = infer(local, client, head, &mut answer, is_guest).await {
                let fault = if is_guest { refuse::to_guest(local, fault) } else { fault };
                refuse::refuse(local, client, &answer, &fault).await;
            }
            client.recording = None;
        }
        Route::Quote => {
            if let Err(fault) = quote(local, client, head, &mut answer).await {
                refuse::refuse(local, client, &answer, &fault).await;
            }
        }
        Route::Count(_) => {
            if let Err(fault) = count(local, client, head, &mut answer).await {
                refuse::refuse(local, client, &answer, &fault).await;
            }
        }
        _ => paths::answer(local, client, head, &mut answer).await,
    }
}

/// The core that a request belongs to, if it is not this one.
pub fn home(local: &Local, client: &mut Client, head: &RequestHead) -> Option<usize> {
    let named = route(head.method, head.path(client.input.filled()));
    if matches!(named, Route::Infer(_) | Route::Proxy(_)) {
        repeat::home(local, client, head)
    } else {
        None
    }
}

/// Serves one inference request, or repeats the answer that it asks for again.
async fn infer(
    local: &Rc<Local>,
    client: &mut Client,
    head: &RequestHead,
    answer: &mut AnswerHead,
    is_guest: bool,
) -> Result<(), Fault> {
    let opened = open(local, client, head, answer, is_guest).await?;
    let (principal, name, intent, body) = opened;
    let first = match repeat::role(local, client, name, body.bytes(), answer) {
        Ok(Role::Alone) => None,
        Ok(Role::First(first)) => Some(first),
        Ok(Role::Repeat(reader, has_ended)) => {
            client.drop_body(body);
            return Box::pin(repeat::join(local, client, reader, has_ended, answer)).await;
        }
        Err(fault) => {
            client.drop_body(body);
            return Err(fault);
        }
    };
    let settled = run(local, client, &principal, (&intent, body), answer).await?;
    if let Some(first) = first.filter(|_| settled.is_posted) {
        first.charged(local.now_ms());
    }
    Ok(())
}

/// Runs a model for a request. The order of these lines is the order of the product.
async fn run(
    local: &Rc<Local>,
    client: &mut Client,
    principal: &Principal,
    (intent, body): (&Intent, Body),
    answer: &mut AnswerHead,
) -> Result<Settled, Fault> {
    let published = principal.generation.published();
    let (plan, admission) = match hold(local, principal, intent, answer).await {
        Ok(held) => held,
        Err(fault) => {
            client.drop_body(body);
            return Err(fault);
        }
    };
    // From here on credit is held: no `?` below this line.
    let request = Request { local, admission: &admission, plan: &plan, intent, published };
    client.name_answer(admission.generation);
    let mut attendance = Attendance::new(local, answer, intent.stream);
    let asked = local.settings.receipts.then(|| digest(body.bytes()));
    client.digest = asked.map(|_| Box::default());
    let outcome = match &intent.extraction {
        Some(wanted) => {
            let told = (&mut *client, body, &mut attendance);
            Box::pin(extract::until_it_fits(&request, wanted, told)).await
        }
        None => match exchange::exchange(&request, client, &body, &mut attendance).await {
            Ok((exchange, visit)) => {
                let begun = (exchange, body);
                let outcome = match relay::begin(&request, client, begun, &mut attendance) {
                    Relay::Over(outcome) => outcome,
                    Relay::Stream(stream) => stream.run().await,
                };
                learn::learn(&request, &outcome, &visit);
                outcome
            }
            Err(failure) => {
                client.drop_body(body);
                fail::fail(local, client, failure, &attendance)
            }
        },
    };
    drop(attendance);
    let answered = client.digest.take().map(|digesting| digesting.finish());
    let hashes = asked.zip(answered).map(|(request, response)| BodyHashes { request, response });
    let ended = settle::decide(&request, &outcome, hashes);
    let settled = settle::settle(local, admission, &ended);
    settle::on_disk(local, &settled).await;
    client.flush(&local.settings.limits).await;
    report::report(local, &settled);
    Ok(settled)
}

/// Stages 1 to 3: who asks, whether they may now, and for what.
async fn open(
    local: &Rc<Local>,
    client: &mut Client,
    head: &RequestHead,
    answer: &mut AnswerHead,
    is_guest: bool,
) -> Result<(Principal, Option<Name>, Box<Intent>, Body), Fault> {
    let entered = if is_guest {
        enter_as_guest(local, client, head, answer).map(|principal| (principal, None))
    } else {
        enter(local, client, head, answer)
    };
    let (principal, name) = entered.inspect_err(|_| client.skip_request(head))?;
    let (intent, body) = read::intent(local, client, head, answer.client).await?;
    answer.tells_detail |= intent.wishes.as_ref().is_some_and(|wishes| wishes.budget.is_some());
    Ok((principal, name, intent, body))
}

/// Stages 1 and 2: who asks, and whether they may now. The request is still where it came in.
fn enter(
    local: &Local,
    client: &mut Client,
    head: &RequestHead,
    answer: &mut AnswerHead,
) -> Result<(Principal, Option<Name>), Fault> {
    let principal = authenticate::authenticate(local, client, head)?;
    pace::request(local, &principal, answer)?;
    authenticate::may_infer(&principal)?;
    proxy::admit(&principal, head, client.input.filled(), answer)?;
    read::check_type(head, client.input.filled())?;
    let name = repeat::name(client, head)?;
    Ok((principal, name))
}

/// The same for who has no key: nothing is kept for them to ask for again.
fn enter_as_guest(
    local: &Local,
    client: &mut Client,
    head: &RequestHead,
    answer: &mut AnswerHead,
) -> Result<Principal, Fault> {
    let principal = authenticate::guest(local).ok_or_else(refuse::unknown_path)?;
    let address = client.socket().peer_address().map(|address| address.ip());
    pace::guest(local, &principal, address, answer)?;
    read::check_type(head, client.input.filled())?;
    Ok(principal)
}

/// Stage 4: where it goes. What may be served for nothing is counted where that is limited; once
/// that is used up, it goes where it has a price.
fn plan(
    local: &Local,
    principal: &Principal,
    intent: &Intent,
    answer: &mut AnswerHead,
) -> Result<Box<Plan>, Fault> {
    let asking = asking(local, principal, intent, answer);
    let mut planned = plan_once(principal, &asking, answer);
    let may_be_free = planned.as_ref().is_ok_and(|plan| plan.may_be_free);
    if may_be_free && !pace::free(local, principal, answer) {
        let asking = plan::Asking { free_used: true, ..asking };
        planned = plan_once(principal, &asking, answer);
    }
    planned.map_err(|fault| pace::free_later(local, principal, fault, answer))
}

/// A plan, with its explanation for the answer where that is asked for.
fn plan_once(
    principal: &Principal,
    asking: &plan::Asking<'_>,
    answer: &mut AnswerHead,
) -> Result<Box<Plan>, Fault> {
    let (published, key) = (principal.generation.published(), &principal.key);
    if !answer.explains {
        return plan::plan(published, key, asking);
    }
    let explained = plan::explain(published, key, asking)?;
    let told = quote::told(published.catalog(), asking.intent, &explained);
    answer.explanation = Some(Box::new(told));
    explained.plan
}

/// Stages 4 and 5: what it may cost, and the credit for it.
async fn hold(
    local: &Rc<Local>,
    principal: &Principal,
    intent: &Intent,
    answer: &mut AnswerHead,
) -> Result<(Box<Plan>, Admission), Fault> {
    let mut plan = plan(local, principal, intent, answer)?;
    pace::ceiling(local, principal, intent, plan.candidates[0].tier, answer)?;
    let running = pace::begin(principal, plan.expected_tokens(intent.choices), answer)?;
    let free_request = free_request::take(local, principal, &mut plan).await;
    if intent.extraction.is_some() {
        plan.runs = 1 + u64::from(local.settings.limits.extraction_repairs);
    }
    let mut admission = loop {
        match admit::hold(local, principal, &plan, intent.stream, answer).await {
            Err(fault) if fault.is_about_credit() && plan.drop_run() => {}
            held => break held?,
        }
    };
    (admission.running, admission.free_request) = (running, free_request);
    Ok((plan, admission))
}

fn asking<'a>(
    local: &'a Local,
    principal: &Principal,
    intent: &'a Intent,
    answer: &AnswerHead,
) -> plan::Asking<'a> {
    plan::Asking {
        intent,
        surface: answer.surface,
        provider: answer.provider,
        input_bound: local.settings.input_bound,
        region: local.settings.region.as_deref(),
        attempts: local.settings.limits.attempts,
        number: answer.number(),
        health: &local.health,
        now: local.deadlines.clock().wall(),
        free_used: !pace::may_have_free(local, principal),
    }
}

/// Says how many tokens a request counts. Nothing is held.
async fn count(
    local: &Rc<Local>,
    client: &mut Client,
    head: &RequestHead,
    answer: &mut AnswerHead,
) -> Result<(), Fault> {
    let (principal, _, intent, body) = open(local, client, head, answer, false).await?;
    let published = principal.generation.published();
    let asking = asking(local, &principal, &intent, answer);
    match plan::plan(published, &principal.key, &asking) {
        Ok(plan) => {
            count::count(local, client, published, (&plan, &intent, body), answer).await;
            Ok(())
        }
        Err(fault) => {
            client.drop_body(body);
            Err(fault)
        }
    }
}

/// Says what a request would cost and where it would go. Nothing is held, and nobody is asked.
async fn quote(
    local: &Rc<Local>,
    client: &mut Client,
    head: &RequestHead,
    answer: &mut AnswerHead,
) -> Result<(), Fault> {
    let (principal, _, intent, body) = open(local, client, head, answer, false).await?;
    client.drop_body(body);
    let published = principal.generation.published();
    let asking = asking(local, &principal, &intent, answer);
    let explained = plan::explain(published, &principal.key, &asking)?;
    let told = quote::told(published.catalog(), &intent, &explained);
    quote::give(local, client, answer, &told).await;
    Ok(())
}
