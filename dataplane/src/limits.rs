//! Every bound of the data plane, with its default, in one place.
//!
//! The `[limits]` table of the configuration overrides any of them by name; an unknown name is an
//! error. Sizes are bytes, times milliseconds, counts per core unless the name says otherwise.

use serde::Deserialize;
use wire::head::HeadLimits;

use crate::upstream::http1::ExchangeLimits;

/// The bounds of one data plane.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// A request head.
    pub head_bytes: usize,
    /// Fields of a request head.
    pub head_fields: usize,
    /// A request body.
    pub body_bytes: usize,
    /// Depth of a JSON body.
    pub json_depth: usize,
    /// An answer that is not streamed, read whole before it is sent.
    pub answer_bytes: usize,
    /// One event of a stream.
    pub event_bytes: usize,
    /// An upstream's response head.
    pub upstream_head_bytes: usize,
    /// An upstream's error body, of which the message is passed on.
    pub error_body_bytes: usize,

    /// Client connections of a core.
    pub connections: usize,
    /// Requests of a core that are upstream at once.
    pub streams_per_core: usize,
    /// Streams of a core that are read to their end for clients that left.
    pub drains_per_core: usize,
    /// Idle upstream connections of a core to one provider.
    pub idle_per_provider: usize,
    /// Slots of a core's record ring.
    pub ring_slots: usize,
    /// A segment of the journal. Nothing is admitted while the next one finds no room on the disk.
    pub segment_bytes: u64,
    /// Requests on one client connection before it is closed.
    pub requests_per_connection: u64,
    /// Tries for one request, at most eight.
    pub attempts: usize,
    /// Further runs of an extraction whose answer does not fit its schema.
    pub extraction_repairs: u32,
    /// Retries a core may make for a hundred requests, beside those of every second.
    pub retry_percent: u32,
    /// Retries a core may make each second.
    pub retries_per_second: u32,
    /// Failures in a row after which an endpoint rests, and others are asked first; 0: never, nor
    /// does a key that its provider refused.
    pub eject_after: u32,
    /// Answers that are kept for repeats of their requests.
    pub replay_bytes: usize,
    /// One such answer; a longer one is not kept.
    pub replay_answer_bytes: usize,
    /// Idempotency keys whose answers have ended; the oldest are forgotten first.
    pub replay_keys: usize,
    /// The ceiling of a key without a limit of its own, requests a minute.
    pub key_rpm_max: u32,

    /// From the first byte of a head to its end.
    pub head_ms: u64,
    /// Between requests on a kept connection.
    pub idle_ms: u64,
    /// Between two reads of a request body.
    pub body_ms: u64,
    /// A write to a client that takes nothing.
    pub write_stall_ms: u64,
    /// Connecting to a provider.
    pub connect_ms: u64,
    /// An answer of the control plane.
    pub control_ms: u64,
    /// A TLS handshake, either side.
    pub handshake_ms: u64,
    /// From a sent request to the provider's first byte.
    pub first_byte_ms: u64,
    /// Between two events of a provider's stream.
    pub between_events_ms: u64,
    /// An idle upstream connection's age.
    pub upstream_idle_ms: u64,
    /// Silence after which a streaming client gets a comment.
    pub heartbeat_ms: u64,
    /// How long a stream is read on for a client that left.
    pub abandoned_drain_ms: u64,
    /// How long an answer is kept for repeats of its request.
    pub replay_ms: u64,
    /// How long a request waits for credit to be lent.
    pub credit_wait_ms: u64,
    /// How long a request waits for credit that running requests hold.
    pub reserved_wait_ms: u64,
}

impl Limits {
    /// The bounds of one exchange with a provider.
    pub const fn exchange(&self) -> ExchangeLimits {
        ExchangeLimits {
            head: HeadLimits { bytes: self.upstream_head_bytes, fields: self.head_fields },
            write_ms: self.write_stall_ms,
            first_byte_ms: self.first_byte_ms,
            between_reads_ms: self.between_events_ms,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32 << 10,
            head_fields: 100,
            body_bytes: 20 << 20,
            json_depth: 64,
            answer_bytes: 32 << 20,
            event_bytes: 4 << 20,
            upstream_head_bytes: 32 << 10,
            error_body_bytes: 64 << 10,
            connections: 20_000,
            streams_per_core: 10_000,
            drains_per_core: 256,
            idle_per_provider: 256,
            ring_slots: 32 << 10,
            segment_bytes: 64 << 20,
            requests_per_connection: 1_000_000,
            attempts: 3,
            extraction_repairs: 2,
            retry_percent: 20,
            retries_per_second: 10,
            eject_after: 5,
            replay_bytes: 32 << 20,
            replay_answer_bytes: 1 << 20,
            replay_keys: 200_000,
            key_rpm_max: 1_000_000,
            head_ms: 10_000,
            idle_ms: 60_000,
            body_ms: 15_000,
            write_stall_ms: 30_000,
            connect_ms: 5_000,
            control_ms: 10_000,
            handshake_ms: 5_000,
            first_byte_ms: 300_000,
            between_events_ms: 120_000,
            upstream_idle_ms: 30_000,
            heartbeat_ms: 10_000,
            abandoned_drain_ms: 60_000,
            replay_ms: 600_000,
            credit_wait_ms: 2_000,
            reserved_wait_ms: 50,
        }
    }
}
