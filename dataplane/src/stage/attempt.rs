//! One attempt at one endpoint: what it needs, and what it may come to.
//!
//! Left out on purpose: making it (`exchange`, `first_event`) and judging it (`verdict`).

use std::rc::Rc;

use catalog::price::Ceiling;
use catalog::route::Candidate;
use catalog::rows::Dialect;
use dialect::openai_chat::Answer;
use dialect::{ClientDialect, Intent, Message};
use wire::sse::{Frame, FrameScanner};

use crate::fault::{Code, Fault};
use crate::health::part::{Failure, Part};
use crate::local::Local;
use crate::local::published::Published;
use crate::stage::admission::Admission;
use crate::stage::attend::ClientGone;
use crate::stage::meter::Meter;
use crate::stage::plan::Plan;
use crate::upstream::body::Body;

/// Everything an attempt needs.
pub struct Request<'a> {
    /// The core.
    pub local: &'a Rc<Local>,
    /// The hold.
    pub admission: &'a Admission,
    /// What it may cost.
    pub plan: &'a Plan,
    /// What is asked.
    pub intent: &'a Intent,
    /// The generation served from.
    pub published: &'a Published,
}

impl<'a> Request<'a> {
    /// What an answer of this endpoint is named after, as a JSON string: the tier that was asked
    /// for, or the model that serves; at a provider's own path, as the provider knows it.
    pub fn model_json(&self, endpoint: u32) -> &'a [u8] {
        let catalog = self.published.catalog();
        if self.plan.is_bound {
            return &catalog.endpoints[endpoint as usize].upstream_model_json;
        }
        match self.candidate(endpoint).and_then(|candidate| candidate.tier) {
            Some(tier) => &catalog.tiers[tier as usize].id_json,
            None => {
                let model = catalog.endpoints[endpoint as usize].model;
                &catalog.models[model as usize].id_json
            }
        }
    }

    /// An endpoint as it was planned; each is planned once.
    pub fn candidate(&self, endpoint: u32) -> Option<&'a Candidate> {
        self.plan.candidates.iter().find(|candidate| candidate.endpoint == endpoint)
    }

    /// What a token of this endpoint may cost at most, where the request says so.
    pub fn ceiling(&self, endpoint: u32) -> Option<Ceiling> {
        let wishes = self.intent.wishes.as_deref()?;
        wishes.ceiling(self.candidate(endpoint).is_some_and(|candidate| candidate.is_escalated))
    }

    /// What was held for.
    pub const fn allowed(&self) -> Allowed {
        let (plan, intent) = (self.plan, self.intent);
        Allowed {
            input_tokens: plan.input_tokens_max,
            output_cap: self.admission.output_cap,
            choices: intent.choices,
            inputs: intent.input.fillings(),
        }
    }
}

/// How many tokens a request was held for.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// The most that goes in.
    pub input_tokens: u64,
    /// The most that comes out for each choice.
    pub output_cap: u64,
    /// How many answers are asked for.
    pub choices: u64,
    /// How many inputs may fill the context, each by itself.
    pub inputs: u64,
}

impl Allowed {
    /// The most that comes out, of all choices.
    pub const fn output_tokens(&self) -> u64 {
        self.output_cap.saturating_mul(self.choices)
    }
}

/// How an answer gets from an endpoint to its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As it comes, both sides speaking OpenAI's chat, or one of its plain forms.
    Chat,
    /// As it comes, both sides speaking this dialect.
    Relayed(Dialect),
    /// From this dialect into another.
    Translated(Dialect),
}

impl Way {
    /// From an upstream of this dialect to a client of that one.
    pub const fn of(upstream: Dialect, client: ClientDialect) -> Self {
        match (upstream, client.is_spoken_by(upstream)) {
            (Dialect::OpenAi, true) => Self::Chat,
            (upstream, true) => Self::Relayed(upstream),
            (upstream, false) => Self::Translated(upstream),
        }
    }
}

/// A whole answer that was read into the event form.
pub struct Heard {
    /// What it says.
    pub message: Message,
    /// What it used.
    pub meter: Meter,
}

/// The beginning of an answer.
pub enum Answering {
    /// A stream whose first event is at the front of its body, not yet consumed.
    Stream {
        /// The rest of the stream.
        body: Body,
        /// Where the scanner stands.
        scanner: FrameScanner,
        /// The first event.
        first: Frame,
    },
    /// An answer of [`Way::Chat`] that was read whole and is a JSON object without an error.
    Whole(Body, Answer),
    /// An answer of another way that was read whole.
    Heard(Body, Box<Heard>),
}

/// Whose illness a failure shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nobody's: the request itself is wrong.
    Nobody,
    /// The endpoint's.
    Endpoint(Failure),
    /// That of the provider's key, which rests for so many milliseconds if the provider says so.
    Key {
        /// For how long.
        rest_ms: Option<u64>,
        /// Whether it was used too much, and is no worse for it.
        is_spent: bool,
    },
}

/// What one attempt came to, when not an answer.
pub enum Miss {
    /// It failed; whether another candidate may do better.
    Failed {
        /// How the client would be told.
        fault: Fault,
        /// Whether to go on to the next candidate.
        try_next: bool,
        /// Whose illness it shows.
        blame: Blame,
        /// The status that it answered.
        answered: u16,
    },
    /// The connection failed: another candidate may do better, but if the request had gone out,
    /// this one may have served it.
    Lost(Fault, Failure),
    /// The client left.
    ClientGone,
}

impl Miss {
    /// An answer with status 200 that is none; it is told by the fault's own status.
    pub fn of_answer(fault: Fault) -> Self {
        let blame = Blame::Endpoint(Failure::at(Part::Begin));
        let answered = fault.status();
        Self::Failed { fault, try_next: true, blame, answered }
    }
}

impl From<ClientGone> for Miss {
    fn from(_: ClientGone) -> Self {
        Self::ClientGone
    }
}

/// The fault of a provider that answered with something unreadable.
pub fn unreadable(what: &str) -> Miss {
    let message = format!("the provider's answer is not readable: {what}");
    let fault = Fault::upstream(Code::ProviderError, message);
    Miss::of_answer(fault)
}
