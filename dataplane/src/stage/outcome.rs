//! What became of a request that held credit: the one value that `settle` settles.

use dialect::Finish;
use ledger::record::{Attempts, VoidReason};

use crate::stage::meter::Meter;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The answer is complete.
    Complete,
    /// The client left after the request had gone upstream.
    ClientGone,
    /// The client left, and the provider was read to its end.
    Drained,
    /// The upstream ignored its output cap and was cut off.
    CutAtHold,
    /// The upstream died after the client had seen some of the answer.
    UpstreamDied,
    /// There was no answer.
    Failed(VoidReason),
}

impl Ending {
    /// How an answer that came to its end ended. One that its model ended with an error is none.
    pub const fn at_the_end(is_client_gone: bool, finish: Finish) -> Self {
        match finish {
            _ if is_client_gone => Self::Drained,
            Finish::Error => Self::UpstreamDied,
            _ => Self::Complete,
        }
    }
}

/// A request that is over. In a box, as it goes from stage to stage.
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The endpoint that served, as an index into the catalog.
    pub endpoint: Option<u32>,
    /// What went by.
    pub meter: Meter,
    /// Every attempt.
    pub attempts: Attempts,
    /// Milliseconds to the first byte.
    pub first_byte_ms: u32,
    /// The status that the client got.
    pub status: u16,
}

impl Outcome {
    /// A request without an answer.
    pub fn failed(reason: VoidReason, status: u16, attempts: Attempts) -> Box<Self> {
        Box::new(Self {
            ending: Ending::Failed(reason),
            endpoint: None,
            meter: Meter::new(true, false),
            attempts,
            first_byte_ms: 0,
            status,
        })
    }

    /// A request whose client left while this endpoint worked on it, and had said so many bytes.
    pub fn abandoned((endpoint, is_own): (u32, bool), attempts: Attempts, said: u64) -> Box<Self> {
        let mut meter = Meter::new(true, is_own);
        meter.add_text(said as usize);
        Box::new(Self {
            ending: Ending::ClientGone,
            endpoint: Some(endpoint),
            meter,
            attempts,
            first_byte_ms: 0,
            status: 499,
        })
    }
}
