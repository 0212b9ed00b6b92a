//! What kept endpoints out: the one thing whose removal would help.

use crate::route::constraint::{Constraint, Violations};
use crate::route::question::Filtered;

/// A model, and the tier behind which it was found.
type Found = (u32, Option<u32>);

/// What kept endpoints out.
#[derive(Default)]
pub(super) struct Misses {
    /// The least fundamental of those that kept an endpoint out alone, and a model of such a one:
    /// a price cap or a list is sooner given up than privacy, and what the key may do is not the
    /// request's to give up.
    alone: Option<(Constraint, Found)>,
    /// The violations of the endpoint with the fewest, and its model.
    nearest: Option<(Violations, Found)>,
}

impl Misses {
    /// Takes note of an endpoint that was left out.
    pub(super) fn note(&mut self, violations: Violations, found: Found) {
        if self.nearest.is_none_or(|(nearest, _)| violations.len() < nearest.len()) {
            self.nearest = Some((violations, found));
        }
        let only = violations.first().filter(|_| violations.len() == 1);
        if let Some(only) = only.filter(|only| self.alone.is_none_or(|(one, _)| *only > one)) {
            self.alone = Some((only, found));
        }
    }

    /// Why nothing is left, if anything was looked at.
    pub(super) fn filtered(&self) -> Option<Filtered> {
        if let Some((constraint, (model, tier))) = self.alone {
            let violations = Violations::of(constraint);
            return Some(Filtered { constraint, helps: true, violations, model, tier });
        }
        let (violations, (model, tier)) = self.nearest?;
        let constraint = violations.first()?;
        Some(Filtered { constraint, helps: false, violations, model, tier })
    }
}
