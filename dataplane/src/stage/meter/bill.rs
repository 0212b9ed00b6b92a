//! What answers cost, run by run: those on the gateway's keys at their price, those on a
//! customer's own for a fee.
//!
//! Invariants: each run is priced by itself, at the prices of whoever served it, so conditional
//! prices hold for each alone; a fee is rounded up once, over all runs. Of a request that shared
//! keys served too, the provider's bill is theirs alone.

use ledger::record::{Flags, UsageSource};
use units::{Tokens, Usd};

use super::Metered;
use crate::stage::plan::Plan;

/// What runs of one request cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bill {
    shared: Option<Cost>,
    own: Option<Cost>,
}

/// What is paid for tokens.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// By the customer, were it on a key of ours.
    price: Usd,
    /// To the provider.
    list: Usd,
}

impl Bill {
    /// The bill of one run.
    pub const fn of(price: Usd, list: Usd, is_own: bool) -> Self {
        let cost = Some(Cost { price, list });
        if is_own { Self { shared: None, own: cost } } else { Self { shared: cost, own: None } }
    }

    fn and(self, other: Self) -> Self {
        Self { shared: both(self.shared, other.shared), own: both(self.own, other.own) }
    }

    /// Whether every run was on a customer's own key.
    pub const fn is_own(&self) -> bool {
        self.shared.is_none() && self.own.is_some()
    }

    /// What the customer pays here.
    pub fn cost(&self, plan: &Plan) -> Usd {
        let shared = self.shared.map_or(Usd::ZERO, |cost| cost.price);
        let fee = self.own.map_or(Usd::ZERO, |cost| plan.own_key_cost(cost.price));
        sum(shared, fee)
    }

    /// What the provider charges whoever's key it is.
    pub fn list(&self) -> Usd {
        self.shared.or(self.own).map_or(Usd::ZERO, |cost| cost.list)
    }
}

fn both(one: Option<Cost>, other: Option<Cost>) -> Option<Cost> {
    let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
    Some(Cost { price: sum(a.price, b.price), list: sum(a.list, b.list) })
}

/// More than can be counted is more than any hold.
fn sum(one: Usd, other: Usd) -> Usd {
    one.checked_add(other).unwrap_or(Usd::from_pico(i128::from(i64::MAX)))
}

impl Metered {
    /// What one run used, and what it cost.
    pub(super) fn of(
        bill: Bill,
        plan: &Plan,
        (tokens, source, flags): (Tokens, UsageSource, Flags),
        tier: catalog::price::ServiceTier,
    ) -> Self {
        let (cost, list_cost, own_key) = (bill.cost(plan), bill.list(), bill.is_own());
        Self { tokens, source, flags, cost, list_cost, own_key, tier, bill }
    }

    /// The same with what earlier runs of the request used.
    pub(super) fn after(&self, earlier: &Self, plan: &Plan) -> Self {
        let mut tokens = earlier.tokens;
        tokens.add(&self.tokens);
        let is_estimated = [self, earlier].iter().any(|it| it.source == UsageSource::Estimated);
        let source = if is_estimated { UsageSource::Estimated } else { UsageSource::Reported };
        let flags = self.flags.with(earlier.flags);
        Self::of(earlier.bill.and(self.bill), plan, (tokens, source, flags), self.tier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(pico: i128) -> Usd {
        Usd::from_pico(pico)
    }

    #[test]
    fn runs_add_up_and_a_fee_is_rounded_once() {
        let mut plan = Plan::default();
        plan.own_key_fee = (1, 20);
        for (runs, cost, list, is_own) in [
            (vec![(7, 9, false)], 7, 9, false),
            (vec![(7, 9, false), (5, 6, false)], 12, 15, false),
            (vec![(7, 9, true), (5, 6, true)], 1, 15, true),
            (vec![(30, 9, true), (11, 6, true)], 3, 15, true),
            (vec![(7, 9, false), (41, 6, true)], 10, 9, false),
        ] {
            let bills =
                runs.iter().map(|(price, list, own)| Bill::of(usd(*price), usd(*list), *own));
            let bill = bills.fold(Bill::default(), Bill::and);
            assert_eq!((bill.cost(&plan), bill.list()), (usd(cost), usd(list)), "{runs:?}");
            assert_eq!(bill.is_own(), is_own);
        }
    }
}
