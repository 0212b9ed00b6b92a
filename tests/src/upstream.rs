//! The provider behind the gateway: the simulator, on a thread of the test, with its truth.
//!
//! Every test has its own, so faults set from outside touch no other test.

use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

use sandbox::{Handle, Pace, Settings, Truth};

/// How long requests may still run when the truth is asked for.
const SETTLE: Duration = Duration::from_secs(10);

/// A provider that answers, and fails, as it is told. All of [`sandbox::Handle`] is at hand:
/// `fault`, `fault_next`, `refuse`, `requests`, `connections`.
#[derive(Debug)]
pub struct Upstream(Handle);

impl Upstream {
    /// Answers at once.
    pub fn start() -> Self {
        Self::with(Settings::burst())
    }

    /// Answers at a pace.
    pub fn paced(first_byte_ms: u64, tokens_per_second: u64) -> Self {
        let pace = Pace { first_byte_ms, tokens_per_second, chunk_tokens: 1 };
        Self::with(Settings { pace, ..Settings::burst() })
    }

    /// Starts with these settings, on any free port.
    pub fn with(settings: Settings) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self(sandbox::spawn(any, settings).expect("the simulator starts"))
    }

    /// What it would bill, once nothing runs any more.
    pub fn truths(&self) -> Vec<Truth> {
        self.0.settled(SETTLE)
    }

    /// The last request's body, as JSON.
    pub fn last_body(&self) -> serde_json::Value {
        let last = self.0.requests().pop().expect("a request reached the upstream");
        serde_json::from_slice(&last.body).expect("a body of JSON")
    }

    /// The last request's head, as text in lower case.
    pub fn last_head(&self) -> String {
        let last = self.0.requests().pop().expect("a request reached the upstream");
        String::from_utf8_lossy(&last.head).to_lowercase()
    }
}

impl Deref for Upstream {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.0
    }
}
