//! An answer that was read whole, on its way: the provider's own bytes, under our names, or what it
//! says in the client's dialect.
//!
//! Invariants: it goes out in one piece, with what the gateway says of it at the end of its object.
//! Left out on purpose: reading it (`first_event`).

use dialect::openai_chat::{Answer, add_cost, add_usage};
use dialect::{ClientDialect, Finish, write_whole};

use super::names::{Ids, Names};
use super::{Served, provider_of};
use crate::answer_head::AnswerHead;
use crate::client::Client;
use crate::net::buffer::Buffer;
use crate::route::Surface;
use crate::stage::attempt::{Heard, Request, Way};
use crate::stage::meter::Meter;
use crate::stage::note::Note;
use crate::stage::outcome::Ending;
use crate::upstream::body::Body;

const JSON: &str = "application/json";

/// Queues an answer of OpenAI's chat to a client that speaks it.
pub(super) fn chat(
    request: &Request<'_>,
    client: &mut Client,
    (body, answer): (Body, &Answer),
    meter: &mut Meter,
    (head, served, note): (&AnswerHead, Served, Option<Note<'_>>),
) -> Ending {
    meter.observe(body.window(), answer);
    // The usage with what it costs, where that is owed: no provider tells it.
    let is_owed = head.surface == Surface::OpenRouter;
    let usage = is_owed.then(|| meter.price(request, served.endpoint));
    let ids = Ids::of(request, served.endpoint, head.surface);
    let mut json = request.local.pool.buffer();
    json.make_room(body.window().len() + 512);
    answer.rewrite(body.window(), &ids.rewrite(usage.is_some()), json.tail());
    if let Some(metered) = &usage {
        add_usage(&metered.tokens, json.tail());
        add_cost(metered.cost, metered.provider_cost(), json.tail());
    }
    if let Some(note) = note {
        note.add(meter, json.tail());
    }
    give(request, client, (body, &json), (head, answer.finish))
}

/// An answer of another way, as the client reads it. `sent` is what the client had sent.
pub(super) fn heard(
    request: &Request<'_>,
    sent: &[u8],
    (body, heard): (&Body, &Heard),
    (head, served, note): (&AnswerHead, Served, Option<Note<'_>>),
) -> Buffer {
    let names = Names::of(request, served.endpoint, head.surface);
    let client = request.intent.client;
    let mut json = request.local.pool.buffer();
    json.make_room(body.window().len() + 512);
    match Way::of(provider_of(request, served.endpoint).dialect, client) {
        Way::Translated(_) => {
            let metered = heard.meter.price(request, served.endpoint);
            let label = names.label();
            write_whole((client, sent), &label, &heard.message, &metered.tokens, json.tail());
            if client == ClientDialect::Chat && head.surface == Surface::OpenRouter {
                add_cost(metered.cost, metered.provider_cost(), json.tail());
            }
        }
        Way::Relayed(dialect) => names.put(dialect, body.window(), json.tail()),
        Way::Chat => json.extend(body.window()),
    }
    if let Some(note) = note {
        note.add(&heard.meter, json.tail());
    }
    json
}

/// Queues an answer, and gives back what brought it.
pub(super) fn give(
    request: &Request<'_>,
    client: &mut Client,
    (mut body, json): (Body, &Buffer),
    (head, finish): (&AnswerHead, Finish),
) -> Ending {
    let local = request.local;
    client.answer_under(|out| head.write(local, 200, JSON, out), json.filled());
    let length = body.window().len();
    body.consume(length);
    body.reuse(&local.connections);
    Ending::at_the_end(client.was_seen_deserted(), finish)
}
