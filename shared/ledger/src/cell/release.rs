//! A request's credit: the account's, the key's allowance where it has one, and the free request
//! that it may have taken, given back together.

use std::sync::Arc;

use super::CreditCell;

/// Takes `amount` picodollars out of both for a request, or out of neither.
#[must_use = "a hold that was taken must be ended"]
pub fn try_hold(credit: &CreditCell, allowance: Option<&CreditCell>, amount: i64) -> bool {
    if !credit.try_hold(amount) {
        return false;
    }
    if allowance.is_some_and(|allowance| !allowance.try_hold(amount)) {
        credit.undo_hold(amount);
        return false;
    }
    true
}

/// What the end of a hold gives back, and to whom.
pub struct Release {
    credit: Arc<CreditCell>,
    allowance: Option<Arc<CreditCell>>,
    held: i64,
    charged: i64,
    /// The free requests that one was taken of, and what of it was used.
    free: Option<(Arc<CreditCell>, i64)>,
}

impl Release {
    /// What a request gives back that `held` this many picodollars of the account's credit, and of
    /// the key's allowance if it has one, and was `charged` so many of them.
    pub fn new(
        credit: Arc<CreditCell>,
        allowance: Option<Arc<CreditCell>>,
        held: i64,
        charged: i64,
    ) -> Self {
        Self { credit, allowance, held, charged, free: None }
    }

    /// Also a free request, of which so much was used: all of it or nothing.
    #[must_use]
    pub fn and_free(self, free: Option<(Arc<CreditCell>, i64)>) -> Self {
        Self { free, ..self }
    }

    /// Gives back; to be called after the batch that holds the record was written.
    pub fn perform(self) {
        self.credit.end_hold(self.held, self.charged);
        if let Some(allowance) = self.allowance {
            allowance.end_hold(self.held, self.charged);
        }
        if let Some((free, used)) = self.free {
            free.end_hold(1, used);
        }
    }
}

#[cfg(test)]
mod tests {
    use units::{AccountId, KeyId};

    use super::*;
    use crate::Purse;

    #[test]
    fn a_hold_is_taken_of_both_or_of_none_and_given_back_to_both() {
        let cell = |purse, free| {
            let cell = Arc::new(CreditCell::new(purse));
            cell.grant(free);
            cell
        };
        let credit = cell(Purse::Account(AccountId(1)), 100);
        let allowance = cell(Purse::Key(KeyId(1)), 30);
        assert!(!try_hold(&credit, Some(&allowance), 31));
        assert_eq!((credit.free(), allowance.free()), (100, 30));
        assert!(try_hold(&credit, Some(&allowance), 30));
        Release::new(Arc::clone(&credit), Some(Arc::clone(&allowance)), 30, 5).perform();
        assert_eq!((credit.free(), allowance.free()), (95, 25));
    }
}
