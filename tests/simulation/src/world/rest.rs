//! The end of a life: everything is healed, what runs comes to its end, and all credit comes home.

use ledger::event::CreditKind;
use units::AccountId;

use super::{Which, World};
use crate::plane::{CORES, Ending};
use crate::truth::{OrderState, What};

/// Rounds in which everything must have come to rest.
const ROUNDS_MAX: usize = 300;
/// Rounds in which an order waits for credit that is on its way back.
const PATIENT_ROUNDS: usize = 20;
/// Rounds without any news that count as rest.
const QUIET_ROUNDS: usize = 3;

impl World {
    /// Heals everything, and checks that what should happen does.
    pub(crate) fn come_to_rest(&mut self) {
        self.tell(|| "no more faults".to_owned());
        self.settle_down();
        self.check_at_rest();
        self.take_half();
        for plane in 0..2 {
            self.crash(Which::Plane(plane));
        }
        self.settle_down();
        self.check_at_rest();
        self.check_returned();
        self.crash(Which::Ledger);
        self.settle_down();
        self.check_at_rest();
    }

    /// What no request holds can be taken back, wherever it is lent.
    fn take_half(&mut self) {
        for account in [1, 2].map(AccountId) {
            let (credit, _) = self.truth.credit(account);
            let half = (credit - self.truth.charged(account) - self.expired(account)) / 2;
            if half > 0 {
                let (deaths, ended) = (self.tally.ledger_deaths, self.expired(account));
                let number = self.truth.orders.len();
                self.give(account, What::Credit(CreditKind::Adjustment, None, None), -half);
                self.settle_down();
                let is_told = matches!(self.truth.orders[number].state, OrderState::Told(_));
                // An order dies with the ledger that it was given to.
                let has_died = self.tally.ledger_deaths > deaths;
                let has_ended = self.expired(account) > ended;
                assert!(is_told || has_died || has_ended, "{half} of {account} is free");
            }
        }
        self.check_at_rest();
    }

    fn settle_down(&mut self) {
        let mut quiet = 0;
        for round in 0..ROUNDS_MAX {
            self.step += 1;
            self.round(round >= PATIENT_ROUNDS);
            self.check();
            quiet = if self.is_quiet() { quiet + 1 } else { 0 };
            if quiet == QUIET_ROUNDS {
                return;
            }
        }
        panic!("nothing comes to rest");
    }

    fn round(&mut self, is_over: bool) {
        self.now = self.now.plus_ms(1000);
        self.tick();
        if self.control.process.is_none() {
            self.start(Which::Ledger);
        }
        for plane in 0..2 {
            if self.planes[plane].process.is_none() {
                self.start(Which::Plane(plane));
            }
            self.link(plane);
            self.finish(plane);
            while self.hear_one(plane) {}
        }
        if self.ledger_listens()
            && let Some(ledger) = self.control.process.as_mut()
        {
            ledger.retry(&self.truth, self.now, is_over);
        }
        self.commit();
        for plane in 0..2 {
            while !self.wires[plane].is_heard() {
                self.obey(plane);
            }
        }
    }

    /// Ends what runs on a data plane, and ships it.
    fn finish(&mut self, plane: usize) {
        let now = self.now;
        let Some(process) = self.planes[plane].process.as_mut() else { return };
        for core in 0..CORES {
            if process.running(core) > 0 {
                let ending = Ending::Cost(self.random.amount(0, 50));
                process.end(core, (ending, now), &mut self.random, &mut self.truth);
            }
        }
        let came = process.turn(&mut self.random, &mut self.truth);
        let wire = &mut self.wires[plane];
        let came = came.and_then(|()| process.ship(now, &mut self.random, wire));
        self.survive(Which::Plane(plane), came);
    }

    fn is_quiet(&self) -> bool {
        let Some(ledger) = &self.control.process else { return false };
        let planes_are = |plane: usize| {
            let process = self.planes[plane].process.as_ref();
            let wire = &self.wires[plane];
            process.is_some_and(|process| process.is_quiet())
                && wire.is_up
                && wire.is_quiet()
                && ledger.knows(plane, wire)
        };
        ledger.is_quiet() && !ledger.is_stalled && (0..2).all(planes_are)
    }
}
