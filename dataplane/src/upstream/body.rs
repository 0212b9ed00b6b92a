//! An answer's body, pulled: decoded bytes in one contiguous window at the front of one buffer.
//!
//! ```text
//!   buffer:  [ window: decoded, not yet consumed ][ framing ][ not yet decoded ][ next read ]
//! ```
//!
//! Invariants: bytes are read only when asked for, so the provider feels how fast the client reads;
//! chunk framing is squeezed out in place, a chunk at a time: bytes move only where a chunk is
//! asked for while others still wait; the end is known only from the framing, and a body cut short
//! is a fault.
//! Left out on purpose: events, and a bound on the window. Whoever lets it grow knows its bound.

use std::io;

use wire::body::BodyDecoder;
use wire::head::Framing;

use super::fault::{Cause, Phase, UpstreamFault};
use super::http1::Line;
use super::pool::Connections;
use crate::net::buffer::Appetite;

/// The body of one answer.
pub struct Body {
    line: Box<Line>,
    decoder: BodyDecoder,
    appetite: Appetite,
    /// Decoded bytes at the front of the buffer.
    window: usize,
    /// Where what is not yet decoded begins; 0 while nothing is in the window.
    raw: usize,
    /// Whether the connection may serve again, should the answer end well.
    keep_alive: bool,
    /// Whether something has arrived that is not read yet.
    has_arrived: bool,
    /// How long a read may wait.
    between_reads_ms: u64,
}

/// What asking for more came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// The window has grown.
    Bytes,
    /// The body is complete; the window holds the rest of it.
    End,
}

impl Body {
    pub(super) fn new(line: Box<Line>, framing: Framing, keep_alive: bool) -> Self {
        Self {
            between_reads_ms: line.limits.between_reads_ms,
            line,
            decoder: BodyDecoder::new(framing),
            appetite: Appetite::default(),
            window: 0,
            raw: 0,
            keep_alive,
            has_arrived: false,
        }
    }

    /// The decoded bytes that were not yet consumed.
    #[inline]
    pub fn window(&self) -> &[u8] {
        &self.line.buffer.filled()[..self.window]
    }

    /// Drops `count` bytes from the front of the window.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.window, "more consumed than decoded");
        self.window -= count;
        // The framing behind an empty window goes with its last bytes.
        let gone = if self.window == 0 { self.raw } else { count };
        self.line.buffer.consume(gone);
        self.raw -= gone;
    }

    /// Decodes what has arrived, or waits until something does. *abandon closes*
    ///
    /// Until the body is complete the provider's time goes on between two calls: who waits for
    /// something else meanwhile calls [`Self::pause`] first.
    ///
    /// # Errors
    /// Nothing came in time, the framing is broken, or the connection ended before the body.
    pub async fn more(&mut self) -> Result<More, UpstreamFault> {
        loop {
            if self.decode()? {
                return Ok(More::Bytes);
            }
            if self.decoder.is_done() {
                return Ok(More::End);
            }
            self.arrival().await?;
            if self.read_arrived()? {
                return Ok(More::Bytes);
            }
        }
    }

    /// Waits until something has arrived, to be read by [`Self::read_arrived`]. What was read
    /// before must have been decoded. *abandon closes*
    ///
    /// # Errors
    /// As of [`Self::more`].
    pub async fn arrival(&mut self) -> Result<(), UpstreamFault> {
        self.drop_framing();
        let Line { socket, buffer, .. } = &mut *self.line;
        socket.watch().arm_about(self.between_reads_ms);
        if self.appetite.is_small() {
            buffer.shrink();
        }
        match socket.arrival(buffer, self.appetite.bytes()).await.transpose() {
            None => {
                self.has_arrived = true;
                Ok(())
            }
            Some(outcome) => self.take(outcome),
        }
    }

    /// Reads what has arrived and decodes it, without waiting; whether the window grew.
    ///
    /// # Errors
    /// As of [`Self::more`].
    pub fn read_arrived(&mut self) -> Result<bool, UpstreamFault> {
        if std::mem::take(&mut self.has_arrived) {
            let Line { socket, buffer, .. } = &mut *self.line;
            if let Some(outcome) = socket.read_now(buffer, self.appetite.bytes()).transpose() {
                self.take(outcome)?;
            }
        }
        self.decode()
    }

    /// Decodes the next piece of what was read; whether the window grew.
    ///
    /// # Errors
    /// The framing is broken.
    #[inline]
    pub fn more_of_read(&mut self) -> Result<bool, UpstreamFault> {
        if self.raw == self.line.buffer.len() { Ok(false) } else { self.decode() }
    }

    /// Decodes a piece of what has arrived behind a full read, without waiting; whether the window
    /// grew. What was read before must have been decoded.
    ///
    /// # Errors
    /// As of [`Self::more`].
    pub fn more_now(&mut self) -> Result<bool, UpstreamFault> {
        if self.decoder.is_done() {
            return Ok(false);
        }
        self.drop_framing();
        let Line { socket, buffer, .. } = &mut *self.line;
        match socket.read_rest(buffer, self.appetite.more()) {
            Ok(None) => Ok(false),
            Ok(Some(0)) => {
                let end = self.decoder.at_eof();
                end.map_err(|reason| self.line.fault(Phase::Body, Cause::Framing(reason)))?;
                Ok(false)
            }
            Ok(Some(_)) => self.decode(),
            Err(reason) => Err(self.line.fault(Phase::Body, Cause::Broken(reason))),
        }
    }

    /// Stops the provider's time until more is asked for.
    pub fn pause(&self) {
        self.line.socket.watch().disarm();
    }

    /// Waits no longer than `ms` for each further read.
    pub const fn hurry(&mut self, ms: u64) {
        self.between_reads_ms = ms;
    }

    /// Whether all of the body is in the window or consumed.
    pub const fn is_complete(&self) -> bool {
        self.decoder.is_done()
    }

    /// The fault of a body that ended with its connection, where our deadline ended that.
    #[cold]
    pub fn cut_off(&self) -> Option<UpstreamFault> {
        let was_late = self.line.socket.watch().expired();
        was_late.then(|| self.line.fault(Phase::Body, Cause::TimedOut))
    }

    /// Puts the connection back, if the answer was read to its end and consumed, nothing came
    /// behind it, and the provider keeps it; otherwise closes it. True if it was kept.
    pub fn reuse(self, pool: &Connections) -> bool {
        let Self { mut line, decoder, keep_alive, .. } = self;
        let is_clean = decoder.is_done() && line.buffer.is_empty() && keep_alive;
        if !is_clean || !line.socket.is_idle() || line.socket.watch().expired() {
            return false;
        }
        line.socket.watch().disarm();
        line.buffer.release();
        pool.keep(line);
        true
    }

    /// Decodes the next piece of what was read; whether the window grew.
    fn decode(&mut self) -> Result<bool, UpstreamFault> {
        let Self { line, decoder, window, raw, .. } = self;
        let mut grew = false;
        while !grew && !decoder.is_done() && *raw < line.buffer.len() {
            let decoded = decoder
                .decode(&line.buffer.filled()[*raw..])
                .map_err(|reason| line.fault(Phase::Body, Cause::Framing(reason)))?;
            let body = *raw + decoded.body.start..*raw + decoded.body.end;
            *raw += decoded.consumed;
            grew = !body.is_empty();
            if *window == 0 {
                // Nothing waits: the window begins where the bytes are.
                let skipped = if grew { body.start } else { *raw };
                line.buffer.consume(skipped);
                *raw -= skipped;
                *window = body.len();
            } else if grew {
                let end = *window + body.len();
                line.buffer.filled_mut().copy_within(body, *window);
                *window = end;
            }
        }
        Ok(grew)
    }

    /// Drops the framing behind the window, when nothing stands behind that.
    fn drop_framing(&mut self) {
        debug_assert_eq!(self.raw, self.line.buffer.len(), "read on before all was decoded");
        self.line.buffer.shorten(self.window);
        self.raw = self.window;
    }

    /// Takes note of what a read came to.
    fn take(&mut self, outcome: io::Result<usize>) -> Result<(), UpstreamFault> {
        match outcome {
            Ok(0) => {
                let end = self.decoder.at_eof();
                end.map_err(|reason| self.line.fault(Phase::Body, Cause::Framing(reason)))
            }
            Ok(count) => {
                self.appetite.fed(count, self.line.buffer.room() == 0);
                Ok(())
            }
            Err(reason) => Err(self.line.fault(Phase::Body, Cause::Broken(reason))),
        }
    }
}
