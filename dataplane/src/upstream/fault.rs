//! What can go wrong upstream: in which phase, why, and what the provider may have done.
//!
//! Invariants: every fault leaves its connection closed; `Reached` is a fact, never a guess in
//! the caller's favour. Whether to try again is decided by the exchange, from these facts.

use std::fmt;
use std::io;

use wire::body::BodyFault;
use wire::head::HeadFault;

/// How far an exchange had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Making the connection.
    Connect,
    /// Shaking hands.
    Tls,
    /// Sending the request.
    Write,
    /// Waiting for the first byte of the answer.
    FirstByte,
    /// Reading the answer's head.
    Head,
    /// Between two reads of the answer's body.
    Body,
}

/// Why it ended.
#[derive(Debug)]
pub enum Cause {
    /// A deadline passed.
    TimedOut,
    /// The peer closed where it must not.
    Closed,
    /// The connection broke, could not be made, or was not trusted.
    Broken(io::Error),
    /// The answer's head is not HTTP as we accept it.
    Head(HeadFault),
    /// The answer's body is not framed as it says.
    Framing(BodyFault),
    /// More interim answers than anyone sends.
    TooManyInterim,
}

/// What the provider may have done with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// No byte of the request went out: another try is always safe.
    Nothing,
    /// The request went out on a connection that had been idle, which then ended without a byte of
    /// an answer: the provider most likely closed it before the request arrived.
    StaleConnection,
    /// The request went out, and no byte came back: it may have been served and billed.
    Unanswered,
    /// A part of an answer came back.
    Answered,
}

/// A failed exchange.
#[derive(Debug)]
pub struct UpstreamFault {
    /// How far it had come.
    pub phase: Phase,
    /// Why it ended.
    pub cause: Cause,
    /// What the provider may have done.
    pub reached: Reached,
}

impl UpstreamFault {
    /// Whether a deadline of ours ended it.
    pub const fn timed_out(&self) -> bool {
        matches!(self.cause, Cause::TimedOut)
    }

    /// Whether an idle connection had ended before the request arrived, most likely.
    pub const fn is_stale(&self) -> bool {
        matches!(self.reached, Reached::StaleConnection)
    }

    /// Whether the same request may be sent once more to the same endpoint, on a fresh connection.
    pub const fn is_retry_safe(&self) -> bool {
        matches!(self.reached, Reached::Nothing | Reached::StaleConnection)
    }
}

impl fmt::Display for UpstreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.phase {
            Phase::Connect => "connecting: ",
            Phase::Tls => "TLS handshake: ",
            Phase::Write => "sending the request: ",
            Phase::FirstByte => "waiting for an answer: ",
            Phase::Head => "reading the answer's head: ",
            Phase::Body => "reading the answer: ",
        })?;
        match &self.cause {
            Cause::TimedOut => f.write_str("it took too long"),
            Cause::Closed => f.write_str("the provider closed the connection"),
            Cause::Broken(reason) => reason.fmt(f),
            Cause::Head(reason) => reason.fmt(f),
            Cause::Framing(reason) => reason.fmt(f),
            Cause::TooManyInterim => f.write_str("too many interim answers"),
        }
    }
}

impl std::error::Error for UpstreamFault {}
