//! Which of the ledger's grants a data plane has taken already.
//!
//! The ledger says with each grant how much of the purse it has lent to the epoch in all, and says
//! it again at every link-up. Invariant: however often a total comes, in whatever order, its credit
//! is taken once; a grant that was lost on the way comes with the next total.

use rustc_hash::FxHashMap;
use units::Usd;

use crate::purse::Purse;

/// What was lent to an epoch of each purse, as far as it has heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    totals: FxHashMap<Purse, Usd>,
}

impl Grants {
    /// Those of an epoch that has heard of these totals before.
    pub fn known(totals: impl IntoIterator<Item = (Purse, Usd)>) -> Self {
        Self { totals: totals.into_iter().collect() }
    }

    /// Takes a total; what of it is new, if anything.
    pub fn take(&mut self, purse: Purse, total: Usd) -> Option<Usd> {
        let known = self.totals.entry(purse).or_insert(Usd::ZERO);
        let news = total.checked_sub(*known).filter(|news| *news > Usd::ZERO)?;
        *known = total;
        Some(news)
    }
}

#[cfg(test)]
mod tests {
    use units::AccountId;

    use super::*;

    #[test]
    fn a_total_counts_once_in_whatever_order_it_comes() {
        let purse = Purse::Account(AccountId(1));
        let usd = Usd::from_pico;
        let mut grants = Grants::known([(purse, usd(3))]);
        assert_eq!(grants.take(purse, usd(3)), None);
        assert_eq!(grants.take(purse, usd(10)), Some(usd(7)));
        assert_eq!(grants.take(purse, usd(5)), None, "it came late");
        assert_eq!(grants.take(purse, usd(11)), Some(usd(1)));
        assert_eq!(grants.take(Purse::Account(AccountId(2)), usd(1)), Some(usd(1)));
    }
}
