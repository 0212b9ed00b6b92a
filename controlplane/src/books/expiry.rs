//! Ending credits whose time has come: asking data planes for them, and telling who is to hear.

use ledger::expiry::Expiries;

use super::thread::Ledger;

impl Ledger {
    /// Ends the credits whose time has come, as far as nobody holds them; asks for the rest.
    pub(crate) fn expire_credits(&mut self) {
        let now = self.now;
        match self.with_expiries(|expiries, ledger| expiries.end_due(ledger, now)) {
            Ok(asked) => asked.into_iter().for_each(|(purse, wanted)| {
                self.recall(purse, wanted);
            }),
            Err(error) => notice::error!("a credit that is over does not end: {error}"),
        }
    }

    /// Ends what has come back of credits whose time has come.
    pub(crate) fn expire_returned(&mut self) {
        let now = self.now;
        if let Err(error) =
            self.with_expiries(|expiries, ledger| expiries.end_returned(ledger, now))
        {
            notice::error!("a credit that is over does not end: {error}");
        }
    }

    /// Ending a credit begins none, so nothing is noted meanwhile.
    fn with_expiries<T>(&mut self, end: impl FnOnce(&mut Expiries, &mut Self) -> T) -> T {
        let mut expiries = std::mem::take(&mut self.expiries);
        let ended = end(&mut expiries, self);
        self.expiries = expiries;
        ended
    }
}
