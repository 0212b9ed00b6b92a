//! One request at one endpoint, from its sending to its end.
//!
//! Invariants: whatever becomes of the request, the endpoint has one less when the visit is
//! dropped; what it did is told by who saw it, and a client that left tells nothing.

use catalog::Endpoint;
use units::UnixMillis;

use crate::health::Health;
use crate::health::endpoint::EndpointCell;
use crate::health::part::{Failure, Part};

/// A request at an endpoint.
pub struct Visit<'h> {
    health: &'h Health,
    cell: Option<&'h EndpointCell>,
    identity: u64,
    sent: UnixMillis,
}

impl Health {
    /// Sends a request to an endpoint; `None` where it is better sent elsewhere, if there is
    /// anybody else.
    pub fn visit(
        &self,
        endpoint: &Endpoint,
        is_choosy: bool,
        now: UnixMillis,
    ) -> Option<Visit<'_>> {
        let cell = self.endpoints.cell(endpoint.identity);
        if let Some(cell) = cell {
            if is_choosy && self.eject_after > 0 && !cell.admits(now) {
                return None;
            }
            cell.enter(endpoint.offer);
        }
        Some(Visit { health: self, cell, identity: endpoint.identity, sent: now })
    }
}

impl Visit<'_> {
    /// It began to answer with this key, a stream after so many milliseconds.
    pub fn began(&self, key: Option<u64>, stream_ms: Option<u32>, now: UnixMillis) {
        if let Some(cell) = self.cell {
            cell.began(now);
        }
        if let Some(cell) = key.and_then(|key| self.health.keys(key).find(key)) {
            cell.answered();
        }
        if let Some((ms, pace)) = stream_ms.zip(self.health.paces.cell(self.identity)) {
            pace.began_after(ms, now);
        }
    }

    /// Its answer came to its end, a stream with so many tokens in so many milliseconds.
    pub fn finished(&self, made: Option<(u64, u64)>, now: UnixMillis) {
        if let Some(cell) = self.cell {
            cell.rests.did(Part::Finish);
        }
        if let Some(((tokens, ms), pace)) = made.zip(self.health.paces.cell(self.identity)) {
            pace.made(tokens, ms, now);
        }
    }

    /// It said that all of its keys have had enough.
    pub fn overloaded(&self, now: UnixMillis) {
        if let Some(cell) = self.cell.filter(|_| self.health.eject_after > 0) {
            cell.load.overloaded(self.sent, now);
        }
    }

    /// It failed.
    pub fn failed(&self, failure: Failure, now: UnixMillis) {
        if let Some(cell) = self.cell {
            cell.failed(failure, (self.sent, now), self.health.eject_after);
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if let Some(cell) = self.cell {
            cell.load.leave();
        }
    }
}
