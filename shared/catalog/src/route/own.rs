//! A customer's own provider keys in a plan: where they may serve, before or after the shared
//! ones.
//!
//! ```text
//!   own keys --> shared keys --> own keys that are fallbacks     each over all endpoints of a name
//! ```
//! Invariants: own keys come first wherever their provider stands in the request's order; one that
//! is always to be used bars the shared keys of its provider, also while it cannot be used itself.
//! What is served by an own key costs its fee and nothing else.

use units::Usd;

use crate::route::needs::WorstCost;

/// Whose key an endpoint is asked with; in the order in which they are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySource {
    /// The customer's own.
    Own,
    /// The operator's.
    #[default]
    Shared,
    /// The customer's own, kept for when the others fail.
    OwnLast,
}

impl KeySource {
    /// Whether the provider charges the customer.
    pub const fn is_own(self) -> bool {
        !matches!(self, Self::Shared)
    }
}

/// One own key that the request may use.
#[derive(Clone, Copy, Debug)]
pub struct OwnKey<'a> {
    /// The provider that it is for, by id.
    pub provider: &'a str,
    /// The only models that it is for, by id; any where `None`.
    pub models: Option<&'a [String]>,
    /// Whether it comes after the shared ones.
    pub is_fallback: bool,
    /// Whether it bars the shared ones.
    pub always_use: bool,
    /// Whether it can be sent: it opens, and its provider can be reached.
    pub is_usable: bool,
    /// Whether its provider refuses it now, or asked to wait with it.
    pub rests: bool,
}

impl OwnKey<'_> {
    /// Whether it is for a model of a provider.
    pub fn is_for(&self, provider: &str, model: &str) -> bool {
        self.provider == provider
            && self.models.is_none_or(|models| models.iter().any(|allowed| allowed == model))
    }
}

/// Every own key that the request may use, and what using one costs.
#[derive(Clone, Copy, Debug)]
pub struct OwnKeys<'a> {
    /// The keys.
    pub keys: &'a [OwnKey<'a>],
    /// The fee: a part of what the request would have cost, as numerator and denominator.
    pub fee: (u64, u64),
}

impl Default for OwnKeys<'_> {
    fn default() -> Self {
        Self { keys: &[], fee: (0, 1) }
    }
}

/// Whose keys an endpoint can be asked with, and whether all of the own ones rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sources {
    own: Option<bool>,
    shared: bool,
    last: Option<bool>,
}

impl OwnKeys<'_> {
    /// The sources for a model of a provider, given whether that has a shared key.
    pub(super) fn sources(&self, provider: &str, model: &str, has_shared: bool) -> Sources {
        let mut sources = Sources { own: None, shared: has_shared, last: None };
        for key in self.keys.iter().filter(|key| key.is_for(provider, model)) {
            sources.shared &= !key.always_use;
            if key.is_usable {
                let place = if key.is_fallback { &mut sources.last } else { &mut sources.own };
                *place = Some(place.unwrap_or(true) && key.rests);
            }
        }
        sources
    }
}

impl Sources {
    pub(super) fn is_empty(self) -> bool {
        !self.shared && self.own.is_none() && self.last.is_none()
    }

    /// Each source, with whether its keys rest. How the shared ones do is the endpoint's health.
    pub(super) fn each(self) -> impl Iterator<Item = (KeySource, bool)> {
        let own = self.own.map(|rests| (KeySource::Own, rests));
        let shared = self.shared.then_some((KeySource::Shared, false));
        let last = self.last.map(|rests| (KeySource::OwnLast, rests));
        [own, shared, last].into_iter().flatten()
    }
}

impl WorstCost {
    /// What it comes to where an own key serves and only this part of it is paid, each half rounded
    /// up: never less than the fee of the whole.
    #[must_use]
    pub fn fee(self, (part, of): (u64, u64)) -> Self {
        let most = Usd::from_pico(i128::from(i64::MAX));
        let fee = |cost: Usd| cost.mul_ratio_up(part, of).unwrap_or(most);
        let (input, input_later) = (fee(self.input), fee(self.input_later));
        Self { input, input_later, output_token: fee(self.output_token), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(provider: &str) -> OwnKey<'_> {
        let (is_fallback, always_use) = (false, false);
        OwnKey { provider, models: None, is_fallback, always_use, is_usable: true, rests: false }
    }

    fn sources(keys: &[OwnKey<'_>], has_shared: bool) -> Vec<(KeySource, bool)> {
        OwnKeys { keys, fee: (0, 1) }.sources("p", "a/x", has_shared).each().collect()
    }

    #[test]
    fn own_keys_come_before_the_shared_ones_or_behind_them() {
        use KeySource::{Own, OwnLast, Shared};
        let (first, rests) = (key("p"), OwnKey { rests: true, ..key("p") });
        let last = OwnKey { is_fallback: true, ..key("p") };
        assert_eq!(sources(&[], true), [(Shared, false)]);
        assert_eq!(
            sources(&[first, last], true),
            [(Own, false), (Shared, false), (OwnLast, false)]
        );
        assert_eq!(sources(&[first, rests], false), [(Own, false)]);
        assert_eq!(sources(&[rests], false), [(Own, true)]);
        assert_eq!(sources(&[key("q")], false), []);
    }

    #[test]
    fn a_key_that_is_always_used_bars_the_shared_ones_even_when_it_cannot_be() {
        let always = OwnKey { always_use: true, ..key("p") };
        assert_eq!(sources(&[always], true), [(KeySource::Own, false)]);
        assert_eq!(sources(&[OwnKey { is_usable: false, ..always }], true), []);
        let other = ["a/y".to_owned()];
        let other = OwnKey { models: Some(&other), ..always };
        assert_eq!(sources(&[other], true), [(KeySource::Shared, false)]);
    }
}
