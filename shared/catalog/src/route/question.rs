//! The question that a plan answers, and the forms of its answer.

use std::ops::Deref;

use units::OfferId;

use crate::catalog::{Endpoint, ProviderIndex};
use crate::route::constraint::{Constraint, Violations};
use crate::route::health::{Detail, Health};
use crate::route::needs::{Needs, WorstCost};
use crate::route::own::{KeySource, OwnKeys};
use crate::route::rules::Policy;
use crate::route::wishes::Wishes;

/// The most candidates of one plan.
pub(super) const CANDIDATES_MAX: usize = 8;

/// How an offer is called where neither its provider nor its model is.
pub fn route_id(offer: OfferId) -> String {
    format!("route_{}", offer.0)
}

/// What is asked for, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The model's name as the request has it.
    pub model: &'a str,
    /// What the request wishes of its route.
    pub wishes: Option<&'a Wishes>,
    /// What it needs.
    pub needs: Needs,
    /// What its key allows.
    pub policy: Policy<'a>,
    /// Its customer's own provider keys.
    pub own: OwnKeys<'a>,
    /// The only place where it may go, where its path names one.
    pub bound: Option<Bound<'a>>,
}

/// A provider, and maybe one of its models: endpoints elsewhere are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound<'a> {
    /// The provider.
    pub provider: ProviderIndex,
    /// The model's id there; any where `None`.
    pub model: Option<&'a str>,
}

impl Bound<'_> {
    /// Whether an endpoint is there.
    pub(super) fn holds(&self, endpoint: &Endpoint) -> bool {
        endpoint.provider == self.provider
            && self.model.is_none_or(|model| *endpoint.upstream_model == *model)
    }
}

/// What is so at the moment: beside the question, all that a plan depends on.
pub trait Moment {
    /// Whether a provider can be called with a shared key.
    fn is_usable(&self, provider: ProviderIndex) -> bool;

    /// How an endpoint does, by its place in the catalog and whose key it is asked with; asked once
    /// for each that is allowed.
    fn health(&self, endpoint: u32, source: KeySource, detail: Detail) -> Health;

    /// The mark of the endpoint that served the request's session lately; asked only where there
    /// is a choice.
    fn settled_at(&self) -> Option<u32>;

    /// Where it is asked from; `None` where nobody says.
    fn region(&self) -> Option<&str>;

    /// Any number: what is chosen by weight depends on it alone.
    fn draw(&self) -> u64;

    /// The most candidates; at most eight.
    fn candidates_max(&self) -> usize;
}

/// An endpoint to try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Its place in the catalog.
    pub endpoint: u32,
    /// The tier that its answer is named after; else it is named after its model.
    pub tier: Option<u32>,
    /// Most output tokens of each choice, here.
    pub output_max: u64,
    /// Whether it is above a cap that the request lets go for once.
    pub is_escalated: bool,
    /// Whether its name asks that the model reasons.
    pub thinks: bool,
    /// Whose key it is asked with.
    pub source: KeySource,
}

/// A few candidates, in the order to try them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    list: [Candidate; CANDIDATES_MAX],
    len: usize,
}

impl Candidates {
    /// Adds one to the end; one too many is left out.
    pub(super) fn push(&mut self, candidate: Candidate) {
        if let Some(place) = self.list.get_mut(self.len) {
            *place = candidate;
            self.len += 1;
        }
    }
}

impl Deref for Candidates {
    type Target = [Candidate];

    fn deref(&self) -> &[Candidate] {
        &self.list[..self.len]
    }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Whom to try; never empty.
    pub candidates: Candidates,
    /// The most that any of them can cost, of those on own keys their fee.
    pub worst: WorstCost,
    /// The same where an own key costs no fee.
    pub worst_free: WorstCost,
}

/// Why a request goes nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// A name stands for no model.
    Unknown(Box<str>),
    /// A tier is announced only: its place in the catalog.
    Planned(u32),
    /// Every endpoint is left out.
    Filtered(Filtered),
}

/// Endpoints were there, and none was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filtered {
    /// What stands in the way: without it there would be a route, if `helps`.
    pub constraint: Constraint,
    /// Whether leaving that one out would be enough.
    pub helps: bool,
    /// All that kept out the endpoint which came nearest.
    pub violations: Violations,
    /// A model that it kept out: its place in the catalog.
    pub model: u32,
    /// The tier behind which that was found.
    pub tier: Option<u32>,
}

/// What became of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its place in the catalog.
    pub endpoint: u32,
    /// The tier behind which it was found.
    pub tier: Option<u32>,
    /// Why it is left out, as far as it is; caps that the request lets go for once are among them.
    pub violations: Violations,
    /// Its place in the plan, from zero; `None` also where it is allowed, but others come first.
    pub place: Option<usize>,
}

/// A plan with what became of every endpoint that was looked at.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The plan.
    pub route: Result<Route, NoRoute>,
    /// Every endpoint looked at, in the order of looking.
    pub verdicts: Vec<Verdict>,
}
