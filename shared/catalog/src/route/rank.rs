//! The order in which allowed endpoints are tried.
//!
//! ```text
//!   not ejected, nor full > within caps > as fast as preferred > model as named > own key
//!     > provider as ordered > nothing amiss > not degraded > by price, or what else is asked for
//!     > cheapest > in the region of the request > as in the catalog
//! ```
//! Where the request asks for no order of its own, the first is drawn by weight among those that
//! are equal up to "not degraded"; before that, whoever served its session stays the first.

use units::{Price, TokenClass};

use crate::catalog::Endpoint;
use crate::parameters::Parameters;
use crate::route::health::{Condition, Detail, Health, Percentiles};
use crate::route::name::Variants;
use crate::route::needs::{Needs, Offer, WorstCost};
use crate::route::own::KeySource;
use crate::route::rules::position;
use crate::route::wishes::{Sort, Strategy, Wishes};

/// Shares of input and output in the one price that endpoints are compared by, in tenths: most
/// requests read more than they write, and most of their cost is what they write.
const BLEND: [u64; 2] = [3, 7];

/// An endpoint's place among others; the least is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) class: Class,
    measure: u64,
    price: u64,
    /// In another region than the request.
    pub(super) is_far: bool,
    preference: u16,
    endpoint: u32,
}

/// What comes before any measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    pub(super) absence: Absence,
    pub(super) is_escalated: bool,
    /// Slower than preferred, where the request has no order of its own.
    is_slow: bool,
    pub(super) name: u16,
    model: u16,
    pub(super) source: KeySource,
    listed: u16,
    amiss: u8,
    is_degraded: bool,
}

/// How far an endpoint is from taking a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Absence {
    Present,
    Full,
    Ejected,
}

/// Where a model stands in what was named.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// Which of the names it was found under.
    pub(super) name: u16,
    /// Its place among the models of the name, where that comes before any measure.
    pub(super) model: u16,
    /// Its place where it comes after.
    pub(super) preference: u16,
}

/// What endpoints are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Price,
    Throughput,
    Latency,
    Context,
    Failures,
}

/// How the endpoints of one name are ordered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranking<'a> {
    wishes: Option<&'a Wishes>,
    measure: Measure,
    minds_degraded: bool,
    /// Whether the request says what to order by.
    pub(super) is_sorted: bool,
    /// Whether weights count: the request has no order of its own.
    pub(super) is_default: bool,
}

impl<'a> Ranking<'a> {
    pub(super) fn of(wishes: Option<&'a Wishes>, variants: Variants) -> Self {
        let sort = wishes.and_then(|wishes| wishes.sort).or(variants.sort);
        let strategy = wishes.and_then(|wishes| wishes.budget.as_ref()).map(|it| &it.strategy);
        let is_ordered = wishes.is_some_and(|wishes| !wishes.order.is_empty());
        let measure = match (sort, strategy) {
            (Some(Sort::Price), _) => Measure::Price,
            (Some(Sort::Throughput), _) => Measure::Throughput,
            (Some(Sort::Latency), _) => Measure::Latency,
            (None, _) if variants.extended => Measure::Context,
            (None, Some(Strategy::Continuity)) => Measure::Failures,
            (None, _) => Measure::Price,
        };
        let is_free = sort.is_none() && !is_ordered && !variants.extended;
        let minds_degraded = is_free && strategy != Some(&Strategy::Cheapest);
        let is_default = is_free && matches!(strategy, None | Some(Strategy::Split(_)));
        Self { wishes, measure, minds_degraded, is_sorted: sort.is_some(), is_default }
    }

    /// What it must know of how endpoints do.
    pub(super) fn detail(&self) -> Detail {
        let minds_pace = self.wishes.is_some_and(|wishes| {
            wishes.max_latency != Percentiles::NONE || wishes.min_throughput != Percentiles::NONE
        });
        let is_by_pace = matches!(self.measure, Measure::Throughput | Measure::Latency);
        if is_by_pace || minds_pace { Detail::Pace } else { Detail::Condition }
    }

    /// The place of an endpoint.
    pub(super) fn key(
        &self,
        offer: &Offer<'_>,
        (index, standing): (u32, Standing),
        (needs, cost, health): (&Needs, &WorstCost, &Health),
    ) -> Key {
        let endpoint = offer.endpoint;
        let price = blend(endpoint);
        let listed = self.wishes.filter(|wishes| !wishes.order.is_empty()).map_or(0, |wishes| {
            let place = position(&wishes.order, offer.provider, endpoint);
            place.map_or(u16::MAX, |place| place.min(usize::from(u16::MAX)) as u16)
        });
        let is_ordered = self.wishes.is_some_and(|wishes| !wishes.order.is_empty());
        let is_slow = self.wishes.is_some_and(|wishes| {
            health.latency.exceeds(&wishes.max_latency)
                || wishes.min_throughput.exceeds(&health.throughput)
        });
        let across = self.wishes.is_some_and(|wishes| wishes.across_models);
        let is_degraded = self.minds_degraded && health.condition == Condition::Degraded;
        let class = Class {
            absence: match health.condition {
                Condition::Well | Condition::Degraded => Absence::Present,
                Condition::Full => Absence::Full,
                Condition::Ejected => Absence::Ejected,
            },
            is_escalated: false,
            is_slow: is_slow && !is_ordered,
            name: if across { 0 } else { standing.name },
            model: if across { 0 } else { standing.model },
            source: KeySource::Shared,
            listed,
            amiss: Self::amiss(endpoint, needs, cost, is_slow && is_ordered),
            is_degraded,
        };
        let measure = match self.measure {
            Measure::Price => price,
            Measure::Throughput => health.throughput.p50.map_or(u64::MAX, |rate| u64::MAX - rate),
            Measure::Latency => health.latency.p50.unwrap_or(u64::MAX),
            Measure::Context => u64::MAX - endpoint.context,
            Measure::Failures => u64::from(health.failures_permille),
        };
        let preference = standing.preference;
        Key { class, measure, price, is_far: false, preference, endpoint: index }
    }

    /// What is not as wished, though not forbidden.
    fn amiss(endpoint: &Endpoint, needs: &Needs, cost: &WorstCost, is_slow: bool) -> u8 {
        let shaping = needs.parameters.both(Parameters::SHAPING);
        let is_lost = !shaping.without(endpoint.understood).is_empty();
        let is_short = needs.output_limit.is_some_and(|limit| limit > cost.output_max);
        u8::from(is_lost) + u8::from(is_short) + u8::from(is_slow)
    }
}

/// One price for a token of input and output, in tenths of picodollars.
pub(crate) fn blend(endpoint: &Endpoint) -> u64 {
    let price = |class| endpoint.price.base(class);
    tenths(price(TokenClass::Input), price(TokenClass::Output))
}

const fn tenths(input: Price, output: Price) -> u64 {
    let [of_input, of_output] = BLEND;
    let input = input.pico().saturating_mul(of_input);
    input.saturating_add(output.pico().saturating_mul(of_output))
}

/// One price for a token of input and output, as it is shown: three tenths of the one and seven of
/// the other, rounded up to a picodollar.
pub const fn blended(input: Price, output: Price) -> Price {
    Price::from_pico(tenths(input, output).div_ceil(10))
}

/// Which of some weights a draw falls on: each in its share, one of weight zero never; `None`
/// where there are none above zero.
pub(super) fn drawn(weights: impl Iterator<Item = u32> + Clone, draw: u64) -> Option<usize> {
    let total: u64 = weights.clone().map(u64::from).sum();
    let mut at = draw.checked_rem(total)?;
    weights.enumerate().find_map(|(place, weight)| {
        let weight = u64::from(weight);
        if at < weight {
            return Some(place);
        }
        at -= weight;
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blend_is_three_tenths_of_the_input_and_seven_of_the_output() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        assert_eq!(blended(price("0.04"), price("0.24")), price("0.18"));
        assert_eq!(blended(Price::ZERO, Price::from_pico(1)), Price::from_pico(1));
    }

    #[test]
    fn draws_fall_on_each_weight_in_its_share() {
        let weights = [3, 0, 1];
        let mut counts = [0; 3];
        (0..400).for_each(|draw| counts[drawn(weights.into_iter(), draw).unwrap()] += 1);
        assert_eq!(counts, [300, 0, 100]);
        assert_eq!(drawn([0, 0].into_iter(), 7), None);
        assert_eq!(drawn(std::iter::empty(), 7), None);
    }
}
