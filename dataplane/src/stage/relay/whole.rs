//! An answer that was read whole, on its way: the provider's own bytes, under our names.
//!
//! Invariants: it goes out in one piece, with what the gateway says of it at the end of its object.
//! Left out on purpose: reading it (`first_event`), and metering it.

use dialect::openai_chat::{Answer, add_own_cost, add_usage};

use super::names::Ids;
use crate::answer_head::AnswerHead;
use crate::client::Client;
use crate::stage::attempt::Request;
use crate::stage::meter::{Meter, Metered};
use crate::stage::note::Note;
use crate::stage::outcome::Ending;
use crate::upstream::body::Body;

const JSON: &str = "application/json";

/// What a whole answer gets beside what the provider says.
pub(super) struct Own<'a> {
    pub(super) ids: Ids<'a>,
    /// The usage, where it is owed and the provider did not tell it, or not what it costs.
    pub(super) usage: Option<Metered>,
    pub(super) note: Option<(Note<'a>, &'a Meter)>,
}

/// Queues the answer.
pub(super) fn relay(
    request: &Request<'_>,
    client: &mut Client,
    (mut body, answer): (Body, &Answer),
    head: &AnswerHead,
    own: &Own<'_>,
) -> Ending {
    let local = request.local;
    let mut fields = Vec::with_capacity(512);
    head.write(local, 200, JSON, &mut fields);
    let mut json = local.pool.buffer();
    json.make_room(body.window().len() + 512);
    answer.rewrite(body.window(), &own.ids.rewrite(own.usage.is_some()), json.tail());
    if let Some(metered) = &own.usage {
        add_usage(&metered.tokens, json.tail());
        if metered.own_key {
            add_own_cost(metered.cost, metered.list_cost, json.tail());
        }
    }
    if let Some((note, meter)) = &own.note {
        note.add(meter, json.tail());
    }
    client.answer(&fields, json.filled());
    let length = body.window().len();
    body.consume(length);
    body.reuse(&local.connections);
    Ending::at_the_end(client.was_seen_deserted(), answer.finish)
}
