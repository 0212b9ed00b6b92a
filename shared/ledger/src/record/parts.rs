//! The small closed sets and inline values that records are made of.
//!
//! Invariants: a number once given to a name is never given to another; inline values have a fixed
//! size, so that a record allocates nothing.

use serde::Serialize;
use units::{OfferId, Usd};

use crate::bytes::RecordFault;

/// A closed set of names, each a byte in records and a word in JSON.
macro_rules! byte_names {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum $name {
            $($(#[$doc])* $variant = $number,)*
        }

        impl $name {
            /// Every name of the set.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            pub(crate) const fn from_byte(byte: u8) -> Result<Self, RecordFault> {
                match byte {
                    $($number => Ok(Self::$variant),)*
                    _ => Err(RecordFault::BadValue(stringify!($name))),
                }
            }
        }
    };
}

byte_names! {
    /// Whose count of tokens was charged.
    UsageSource {
        /// The provider's.
        Reported = 0,
        /// Our own estimate: the provider's count was missing or absurd.
        Estimated = 1,
    }
}

byte_names! {
    /// How a charged request ended.
    Outcome {
        /// With its whole answer.
        Complete = 0,
        /// The client went away after the request was written upstream.
        ClientGone = 1,
        /// The provider died after some content, and the policy charges what was delivered.
        UpstreamDied = 2,
        /// It ran past its hold and was cut there.
        CutAtHold = 3,
        /// Our process died; charged is the work that the last progress record shows.
        Recovered = 4,
    }
}

byte_names! {
    /// Why a hold ended without a charge.
    VoidReason {
        /// The provider refused the request.
        Refused = 0,
        /// The provider failed before the first content.
        UpstreamFailed = 1,
        /// The provider did not answer in time.
        Timeout = 2,
        /// The client went away before anything was written upstream.
        ClientGoneBeforeDispatch = 3,
        /// The provider died after some content, and the policy gives that for free.
        PartialFree = 4,
        /// Our process died before any progress was written down.
        Crash = 5,
        /// We failed ourselves, or were shutting down.
        Ourselves = 6,
    }
}

byte_names! {
    /// Why a model stopped, whatever the dialect calls it.
    FinishCode {
        /// It did not say.
        Unknown = 0,
        /// It was done.
        Stop = 1,
        /// The output cap was reached.
        Length = 2,
        /// It called tools.
        ToolCalls = 3,
        /// A filter stopped it.
        ContentFilter = 4,
        /// It failed.
        Error = 5,
        /// It said something that no dialect lists.
        Other = 6,
    }
}

/// What is special about a charge; a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// We lowered the output cap to what the credit affords.
    pub const CAP_LOWERED: Self = Self(1);
    /// The provider went beyond the cap: the cost came out above the hold.
    pub const OVERRUN: Self = Self(2);
    /// The provider reported no usage.
    pub const USAGE_MISSING: Self = Self(4);
    /// The provider reported a usage that cannot be.
    pub const USAGE_ABSURD: Self = Self(8);
    /// The provider was drained to its end after the client had gone.
    pub const DRAINED: Self = Self(16);
    /// The provider's count was read against its words: a part larger than its whole was cut to
    /// it, a part that is no count was left out, or a later count was smaller than an earlier one.
    pub const USAGE_ODD: Self = Self(32);
    /// The provider served at a dearer tier than was asked for, and no more than the dearest tier
    /// that the hold allowed is charged.
    pub const TIER_CAPPED: Self = Self(64);
    /// Some price came out above a cap that the request names; what is above it is not charged.
    pub const PRICE_CAPPED: Self = Self(128);
    /// Nothing within the request's caps was live, and it may be served above them for once.
    pub const ESCALATED: Self = Self(256);

    /// Every flag with its name in JSON.
    const NAMES: [(Self, &'static str); 9] = [
        (Self::CAP_LOWERED, "cap_lowered"),
        (Self::OVERRUN, "overrun"),
        (Self::USAGE_MISSING, "usage_missing"),
        (Self::USAGE_ABSURD, "usage_absurd"),
        (Self::DRAINED, "drained"),
        (Self::USAGE_ODD, "usage_odd"),
        (Self::TIER_CAPPED, "tier_capped"),
        (Self::PRICE_CAPPED, "price_capped"),
        (Self::ESCALATED, "escalated"),
    ];

    /// The names of those that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let set = Self::NAMES.into_iter().filter(move |(flag, _)| self.has(*flag));
        set.map(|(_, name)| name)
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in here.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a request cost above its hold, and who bears it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Excess {
    /// Paid by the account from free credit of this process.
    pub from_free: Usd,
    /// Borne by the operator.
    pub written_off: Usd,
}

/// SHA-256 digests of a request's body as the client sent it and of the answer's body as the client
/// was sent it, both without their transfer coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyHashes {
    /// Of the request.
    pub request: [u8; 32],
    /// Of the answer, comments and errors in a stream included.
    pub response: [u8; 32],
}

/// One endpoint that was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The offer it was tried for.
    pub offer: OfferId,
    /// The status it answered; where it answered none or nothing of use, the one that its failure
    /// is told by.
    pub status: u16,
    /// Milliseconds it took.
    pub ms: u32,
}

/// Every attempt of a request, up to eight, in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attempts {
    count: u8,
    places: [Attempt; Self::MOST],
}

impl Attempts {
    /// How many are kept.
    pub const MOST: usize = 8;

    /// No attempt.
    pub const fn new() -> Self {
        let none = Attempt { offer: OfferId(0), status: 0, ms: 0 };
        Self { count: 0, places: [none; Self::MOST] }
    }

    /// Adds one. Beyond eight the last is replaced.
    pub fn push(&mut self, attempt: Attempt) {
        let place = usize::from(self.count).min(Self::MOST - 1);
        self.places[place] = attempt;
        self.count = place as u8 + 1;
    }

    /// Those that are kept.
    pub fn as_slice(&self) -> &[Attempt] {
        &self.places[..usize::from(self.count)]
    }
}

impl PartialEq for Attempts {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Attempts {}

/// A provider's own id of a request: at most 64 bytes of it.
#[derive(Clone, Copy)]
pub struct UpstreamId {
    count: u8,
    bytes: [u8; Self::MOST],
}

impl UpstreamId {
    /// How many bytes are kept.
    pub const MOST: usize = 64;

    /// No id.
    pub const NONE: Self = Self { count: 0, bytes: [0; Self::MOST] };

    /// The id's first 64 bytes.
    pub fn new(id: &[u8]) -> Self {
        let mut made = Self::NONE;
        let count = id.len().min(Self::MOST);
        made.bytes[..count].copy_from_slice(&id[..count]);
        made.count = count as u8;
        made
    }

    /// The bytes that are kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.count)]
    }

    /// The id as text; what is not UTF-8 is shown as replacement characters.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }
}

impl Default for UpstreamId {
    fn default() -> Self {
        Self::NONE
    }
}

impl PartialEq for UpstreamId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for UpstreamId {}

impl std::fmt::Debug for UpstreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.text(), f)
    }
}
