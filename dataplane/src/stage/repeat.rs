//! Between read and plan: a request that names an `Idempotency-Key` is the first to do so, or gets
//! the answer of the first.
//!
//! Invariants: a repeat holds no credit and calls no provider; it gets the same status, head and
//! bytes from their beginning, and a field that says so; a key that asks for something else, or for
//! an answer that is not kept, is refused before anything is held. Keys belong to the API key that
//! they came with: two API keys of one account do not see each other's answers.
//! Left out on purpose: framing, which is that of the connection that repeats.

use link::End;
use sha2::{Digest, Sha256};
use units::GenerationId;
use wire::head::RequestHead;

use crate::answer_head::{AnswerHead, field};
use crate::client::Client;
use crate::digest::digest;
use crate::fault::{Code, Fault};
use crate::local::Local;
use crate::local::answers::{Asked, First, Name, Part, Refused};
use crate::local::recording::{Piece, Reader};
use crate::stage::authenticate;

/// The field that names a request so that it is served once.
const FIELD: &str = "idempotency-key";
/// A longer key is refused.
const KEY_BYTES_MAX: usize = 255;
/// How often a silent wait looks whether its client is still there, in milliseconds.
const ROUND_MS: u64 = 1_000;

/// The part that a request has in its answer.
pub enum Role {
    /// It asks to be served, and nobody will join.
    Alone,
    /// It is the first of its key.
    First(First),
    /// Another is the first. Whether that one has ended, and was charged.
    Repeat(Reader, bool),
}

/// The name under which a request's answer is known, if it has one: its idempotency key, and the
/// API key that it came with.
///
/// # Errors
/// The key is empty or too long.
pub fn name(client: &mut Client, head: &RequestHead) -> Result<Option<Name>, Fault> {
    let Client { input, remembered, .. } = client;
    let Some(key) = head.header(input.filled(), FIELD) else { return Ok(None) };
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let message = format!("an Idempotency-Key has 1 to {KEY_BYTES_MAX} characters");
        return Err(Fault::new(Code::InvalidRequest, message));
    }
    let Some(presented) = authenticate::presented_key(head, input.filled()) else {
        return Ok(None);
    };
    let mut name = Sha256::new_with_prefix(remembered.digest(presented).0);
    name.update(key);
    Ok(Some(name.finalize().into()))
}

/// The core that a request with a name belongs to, if it is not this one.
pub fn home(local: &Local, client: &mut Client, head: &RequestHead) -> Option<usize> {
    let cores = local.neighbours.len();
    if cores < 2 {
        return None;
    }
    let name = name(client, head).ok()??;
    let drawn = name.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let core = (drawn % cores as u64) as usize;
    (core != usize::from(local.place.core)).then_some(core)
}

/// Finds the part of a request that was read.
///
/// # Errors
/// It has none: the key asked for something else, or its answer is not kept.
pub fn role(
    local: &Local,
    client: &mut Client,
    name: Option<Name>,
    body: &[u8],
    answer: &mut AnswerHead,
) -> Result<Role, Fault> {
    let Some(name) = name else { return Ok(Role::Alone) };
    let asked = Asked { body: digest(body), path: answer.path };
    match local.answers.part(name, asked, local.now_ms()) {
        Ok(Part::First(first, writer)) => {
            client.recording = Some(writer);
            Ok(Role::First(first))
        }
        Ok(Part::Repeat(reader, has_ended)) => Ok(Role::Repeat(reader, has_ended)),
        Err(Refused::NotKept(generation)) => Err(not_kept(generation, answer)),
        Err(Refused::OtherBody) => {
            let message = "this Idempotency-Key came with another request before: another body \
                           needs another key";
            Err(Fault::new(Code::IdempotencyKeyReused, message))
        }
    }
}

fn not_kept(generation: Option<GenerationId>, answer: &mut AnswerHead) -> Fault {
    let told = generation.map(|generation| generation.to_string());
    let message = format!(
        "the request of this Idempotency-Key was served already{}, and its answer is not kept: \
         it was too long, was not delivered to its end, or ended too long ago",
        told.as_deref().map(|told| format!(" as {told}")).unwrap_or_default(),
    );
    answer.generation = generation;
    let mut fault = Fault::new(Code::IdempotencyConflict, message);
    fault.refusal.generation = told;
    fault
}

/// Gives a client the answer that another one gets, or got. *abandon closes*
///
/// # Errors
/// The answer did not begin and will not.
pub async fn join(
    local: &Local,
    client: &mut Client,
    mut reader: Reader,
    has_ended: bool,
    answer: &mut AnswerHead,
) -> Result<(), Fault> {
    let limits = &local.settings.limits;
    loop {
        let rings = reader.rings();
        match reader.next() {
            Piece::Head(fields, body) => {
                local.counters.count(End::Replayed);
                begin(client, fields, body.as_deref(), has_ended);
            }
            Piece::Bytes(bytes) => client.chunk(|out| out.extend(&bytes)),
            Piece::End => {
                client.finish_stream();
                client.flush(limits).await;
                return Ok(());
            }
            Piece::Broken if !client.has_begun() => return Err(broken(&reader, answer)),
            Piece::Broken => {
                client.flush(limits).await;
                client.cut_off();
                return Ok(());
            }
            Piece::Nothing => {
                client.flush(limits).await;
                client.rest();
                let next_round = local.now_ms() + ROUND_MS;
                reader.wait(rings, client.socket().watch(), next_round).await;
            }
        }
        if client.was_seen_gone() || (reader.rings() == rings && client.is_gone()) {
            return Ok(());
        }
    }
}

fn begin(client: &mut Client, mut fields: Vec<u8>, body: Option<&[u8]>, has_ended: bool) {
    field(&mut fields, "Idempotent-Replayed", "true");
    if has_ended {
        field(&mut fields, "x-should-retry", "false");
    }
    match body {
        Some(body) => client.answer(&fields, body),
        None => client.begin_stream(&fields),
    }
}

/// Why there is nothing to join any more.
fn broken(reader: &Reader, answer: &mut AnswerHead) -> Fault {
    if reader.is_outgrown() {
        return not_kept(reader.generation(), answer);
    }
    let message = "the request that this one repeats ended without an answer; try again";
    Fault::new(Code::Overloaded, message)
}
