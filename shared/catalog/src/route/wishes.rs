//! What a request says of its own route, checked: OpenRouter's `provider` and `models`, the
//! `routing` object with its price caps, and what `auto` may choose from.
//!
//! Invariants: caps are whole picodollars, rounded so that a cap never allows more than was
//! written; a list that is there has something in it. What can only tighten (privacy, caps, lists)
//! is never loosened by another member.
//! Left out on purpose: reading JSON, which is the dialect's.

use units::{Price, Usd};

use crate::price::Ceiling;
use crate::quantization::Quantizations;
use crate::route::health::Percentiles;

/// What one request wishes of its route. The default wishes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Other models to fall back to, in order.
    pub models: Vec<Box<str>>,
    /// Providers to try first, in order: `provider`, or `provider/tag` for one endpoint of it.
    pub order: Vec<Box<str>>,
    /// The only providers that may serve; any where empty.
    pub only: Vec<Box<str>>,
    /// Providers that may not.
    pub ignore: Vec<Box<str>>,
    /// Whether nobody is asked beyond `order`, or beyond the first choice where that is empty.
    pub no_fallbacks: bool,
    /// Whether every parameter of the request must be understood.
    pub require_parameters: bool,
    /// Whether the endpoint may neither keep nor train on what it is sent.
    pub deny_collection: bool,
    /// Whether the endpoint must promise zero data retention.
    pub zdr: bool,
    /// The levels of quantization that will do.
    pub quantizations: Option<Quantizations>,
    /// What to order by in place of the default.
    pub sort: Option<Sort>,
    /// Whether `sort` orders the endpoints of all models together.
    pub across_models: bool,
    /// Slower endpoints are asked later: thousandths of a token a second.
    pub min_throughput: Percentiles,
    /// Endpoints that begin later are asked later: microseconds.
    pub max_latency: Percentiles,
    /// Price caps of the `provider` object.
    pub max_price: MaxPrice,
    /// The `routing` object.
    pub budget: Option<Budget>,
    /// What `auto` may choose from.
    pub auto: AutoWishes,
}

impl Wishes {
    /// What a token may cost at most where the request is charged; `None` where it names no cap.
    /// One that was let above the caps of its `routing` is held to those of its `provider` alone.
    pub fn ceiling(&self, is_escalated: bool) -> Option<Ceiling> {
        let least = |one: Option<Price>, other: Option<Price>| one.into_iter().chain(other).min();
        let budget = self.budget.as_ref().filter(|_| !is_escalated);
        let ceiling = Ceiling {
            input: least(self.max_price.prompt, budget.and_then(|budget| budget.max_input)),
            output: least(self.max_price.completion, budget.and_then(|budget| budget.max_output)),
            total: budget.and_then(|budget| budget.max_total),
        };
        (ceiling != Ceiling::default()).then_some(ceiling)
    }
}

/// What endpoints are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The cheapest first.
    Price,
    /// The fastest first.
    Throughput,
    /// The one that begins soonest first.
    Latency,
}

/// `provider.max_price`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaxPrice {
    /// An input token.
    pub prompt: Option<Price>,
    /// An output token.
    pub completion: Option<Price>,
    /// The request itself.
    pub request: Option<Usd>,
    /// One image of the input, at the most tokens that it can count.
    pub image: Option<Usd>,
    /// A token of audio.
    pub audio: Option<Price>,
}

/// The `routing` object: caps in USD per million tokens, and how to choose within them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Most for an input token.
    pub max_input: Option<Price>,
    /// Most for an output token.
    pub max_output: Option<Price>,
    /// Most for both together.
    pub max_total: Option<Price>,
    /// Least for both together: a floor against offers too cheap to be good.
    pub min_total: Option<Price>,
    /// Requests a minute, where that is less than the key's own.
    pub rpm_cap: Option<u32>,
    /// How to choose.
    pub strategy: Strategy,
    /// What to do when nothing within the caps is live.
    pub continuity: Continuity,
    /// Whether one request may go above the caps when nothing within them is live: where the
    /// continuity asks for it, and a high price is allowed as well.
    pub may_escalate: bool,
}

/// What a `routing` object wants when nothing within its caps is live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Continuity {
    /// No answer.
    #[default]
    StayWithinCap,
    /// An answer above the caps, for once.
    TemporaryEscalation,
}

impl Continuity {
    /// Its name in requests and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StayWithinCap => "stay_within_cap",
            Self::TemporaryEscalation => "temporary_escalation",
        }
    }
}

/// How a `routing` object chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The cheapest, however it does.
    Cheapest,
    /// The cheapest of those that do well.
    #[default]
    Balanced,
    /// The one that fails least.
    Continuity,
    /// Each named model in its share of requests, `model` first and `models` after it; the others
    /// are the fallbacks.
    Split(Vec<u32>),
}

impl Strategy {
    /// Its name in requests and answers.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cheapest => "cheapest",
            Self::Balanced => "balanced",
            Self::Continuity => "continuity",
            Self::Split(_) => "split",
        }
    }
}

/// The models that `auto` may choose from by what they cost: from `from` to below `below` in a
/// thousand of all that it may choose from, the cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostBand {
    /// The first that is in it.
    pub from: u16,
    /// The first that is not.
    pub below: u16,
}

/// What `auto` may choose from: patterns of model ids in which `*` stands for any text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoWishes {
    /// Only these; any where empty.
    pub allowed: Vec<Box<str>>,
    /// Not these.
    pub excluded: Vec<Box<str>>,
    /// Only what costs so much.
    pub cost: Option<CostBand>,
}

impl AutoWishes {
    /// Whether a model may be chosen, of which so many in a thousand are cheaper.
    pub fn allows(&self, id: &str, cost_rank: u16) -> bool {
        let named = |list: &[Box<str>]| list.iter().any(|pattern| matches_pattern(pattern, id));
        let is_within = |band: CostBand| (band.from..band.below).contains(&cost_rank);
        (self.allowed.is_empty() || named(&self.allowed))
            && !named(&self.excluded)
            && self.cost.is_none_or(is_within)
    }
}

/// Whether a text is of a pattern in which `*` stands for any text, also none.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    let (parts, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in parts.split('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_is_the_least_of_both_objects_and_above_the_caps_that_of_one() {
        let price = |pico| Some(Price::from_pico(pico));
        let budget = Budget { max_input: price(3), max_total: price(9), ..Budget::default() };
        let max_price = MaxPrice { prompt: price(5), completion: price(6), ..MaxPrice::default() };
        let wishes = Wishes { budget: Some(budget), max_price, ..Wishes::default() };
        let within = Ceiling { input: price(3), output: price(6), total: price(9) };
        assert_eq!(wishes.ceiling(false), Some(within));
        let above = Ceiling { input: price(5), output: price(6), total: None };
        assert_eq!(wishes.ceiling(true), Some(above));
        assert_eq!(Wishes::default().ceiling(false), None);
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/b", true),
            ("a/*", "b/a/", false),
            ("*", "", true),
            ("*/b", "a/b", true),
            ("*b*", "abc", true),
            ("a*b*c", "a-c-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} {text}");
        }
    }
}
