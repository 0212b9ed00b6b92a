//! One client connection: request after request until either side has enough.
//!
//! Invariants: one request at a time, answers in order; after a fault that leaves the framing
//! unknown the connection is closed; a panic while serving ends this connection and nothing else.
//! Left out on purpose: what a request is (`request`), who may connect (`worker`).

use std::rc::Rc;

use link::End;

use crate::client::Client;
use crate::crossing;
use crate::local::Local;
use crate::net::socket::Socket;
use crate::net::task::fence;
use crate::net::trust::Identity;
use crate::request;
use crate::stage::refuse;

/// Serves a connection over TLS to its end. *abandon closes*
pub async fn serve_tls(local: Rc<Local>, mut socket: Socket, identity: Identity) {
    let Ok(session) = identity.session(&local.pool) else { return };
    socket.watch().arm(local.settings.limits.handshake_ms);
    if Box::pin(socket.secure(session)).await.is_ok() {
        socket.watch().disarm();
        serve(local, socket).await;
    }
}

/// Serves a connection to its end. *abandon closes*
pub fn serve(local: Rc<Local>, socket: Socket) -> impl Future<Output = ()> {
    let client = Client::new(socket, &local.pool);
    converse(local, client)
}

/// Serves a client to its end, or until it moves to another core. *abandon closes*
pub async fn converse(local: Rc<Local>, mut client: Client) {
    let mut served = 0;
    // What was accepted gets its first answer, whatever begins meanwhile.
    while served == 0 || !local.is_closing() {
        let head = client.read_head(&local.settings.limits).await;
        let head = match head {
            Ok(Some(head)) => head,
            Ok(None) => break,
            Err(fault) => {
                refuse::refuse_head(&local, &mut client, &fault).await;
                break;
            }
        };
        if let Some(core) = request::home(&local, &mut client, &head) {
            return Box::pin(crossing::move_to(&local, client, core, &head)).await;
        }
        served += 1;
        let is_last = served >= local.settings.limits.requests_per_connection;
        client.keeps_alive &= !is_last && !local.is_draining();
        if fence("request", request::serve(&local, &mut client, &head)).await.is_err() {
            local.counters.count(End::Panicked);
            break;
        }
        if !client.keeps_alive || client.was_seen_gone() {
            break;
        }
    }
    client.close(&local.settings.limits).await;
}
