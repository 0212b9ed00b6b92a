//! A client's way to the core that its request belongs to.
//!
//! Cores share no answers: a request with an idempotency key is served by the core that the key
//! belongs to, and its connection moves there for good, or until another key takes it on.
//! Invariants: it moves between two requests' bodies, with the request's head still to be read, so
//! that the other core knows nothing of the way; a way that is not open is a 503, and nothing was
//! held.

use std::rc::Rc;

use channel::Inbox;
use wire::head::RequestHead;

use crate::answer_head::AnswerHead;
use crate::client::{Client, Parcel};
use crate::connection;
use crate::fault::{Code, Fault};
use crate::local::Local;
use crate::net::task::spawn;
use crate::stage::refuse;

/// Moves a client to another core; it comes back where the way is not open, and is refused.
/// *abandon closes*
pub async fn move_to(local: &Local, client: Client, core: usize, head: &RequestHead) {
    // A process that ends takes nobody in any more.
    let way = local.neighbours.get(core).filter(|_| !local.is_draining());
    let mut client = match (way, client) {
        (None, client) => client,
        (Some(way), client) => match client.pack().map(|parcel| way.send(parcel)) {
            Ok(Ok(())) => return,
            Ok(Err(parcel)) => match parcel.unpack(&local.pool, &local.deadlines) {
                Ok(client) => client,
                Err(_) => return,
            },
            Err(client) => *client,
        },
    };
    client.keeps_alive = false;
    let answer = AnswerHead::new(local, head.path(client.input.filled()), false);
    let message = "the core that this Idempotency-Key belongs to takes no more; try again";
    let fault = Fault::new(Code::Overloaded, message);
    refuse::refuse(local, &mut client, &answer, &fault).await;
    client.close(&local.settings.limits).await;
}

/// Takes in the clients that came to this core.
pub fn take_in(local: &Rc<Local>, arrivals: &Inbox<Parcel>) {
    while let Some(parcel) = arrivals.take() {
        // As for a new connection: beyond the bound it is closed at once.
        if local.tasks.passes() >= local.settings.limits.connections {
            continue;
        }
        let Some(pass) = local.tasks.pass() else { continue };
        if let Ok(client) = parcel.unpack(&local.pool, &local.deadlines) {
            spawn("connection", pass, connection::converse(Rc::clone(local), client));
        }
    }
}
