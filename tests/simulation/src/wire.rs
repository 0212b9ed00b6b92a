//! The link between a data plane and the ledger: messages under way, and what may happen to them.
//!
//! A link keeps the order of its messages, as a socket does; it may be cut at any time, and then
//! loses what is under way. Settlements may also arrive twice, late, or out of turn, for nothing
//! may depend on their order.

use std::collections::VecDeque;

use link::{ToControl, ToData};

use crate::random::Random;

/// Old settlements that may come up again.
const ECHOES_MAX: usize = 8;

/// A link, up or down.
#[derive(Default)]
pub(crate) struct Wire {
    /// Whether messages are taken.
    pub(crate) is_up: bool,
    /// How often it was made; messages of an earlier one are gone.
    pub(crate) number: u64,
    up: VecDeque<ToControl>,
    down: VecDeque<ToData>,
    echoes: Vec<ToControl>,
}

impl Wire {
    /// Makes the link anew.
    pub(crate) fn connect(&mut self) {
        self.is_up = true;
        self.number += 1;
    }

    /// Cuts it.
    pub(crate) fn cut(&mut self) {
        self.is_up = false;
        self.up.clear();
        self.down.clear();
    }

    /// The data plane says something.
    pub(crate) fn say(&mut self, message: ToControl) {
        if self.is_up {
            self.up.push_back(message);
        }
    }

    /// The ledger says something, over the link of that number.
    pub(crate) fn answer(&mut self, number: u64, message: ToData) {
        if self.is_up && number == self.number {
            self.down.push_back(message);
        }
    }

    /// The next message to the ledger.
    pub(crate) fn hear(&mut self, random: &mut Random) -> Option<ToControl> {
        let message = self.up.pop_front()?;
        if matches!(message, ToControl::Settlement { .. }) {
            if self.echoes.len() < ECHOES_MAX {
                self.echoes.push(message.clone());
            } else {
                let place = random.below(ECHOES_MAX);
                self.echoes[place] = message.clone();
            }
        }
        Some(message)
    }

    /// The next message to the data plane.
    pub(crate) fn receive(&mut self) -> Option<ToData> {
        self.down.pop_front()
    }

    /// An old settlement arrives once more, or two neighbours change places.
    pub(crate) fn confuse(&mut self, random: &mut Random) {
        if !self.is_up {
            return;
        }
        let settles = |at: usize| matches!(self.up[at], ToControl::Settlement { .. });
        let pairs = (1..self.up.len()).filter(|at| settles(at - 1) && settles(*at));
        let pairs: Vec<_> = pairs.collect();
        if !pairs.is_empty() && !random.one_in(3) {
            let place = pairs[random.below(pairs.len())];
            self.up.swap(place - 1, place);
        } else if !self.echoes.is_empty() {
            let echo = self.echoes[random.below(self.echoes.len())].clone();
            self.up.push_back(echo);
        }
    }

    /// Whether the data plane has heard everything.
    pub(crate) fn is_heard(&self) -> bool {
        self.down.is_empty()
    }

    /// Whether nothing is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.up.is_empty() && self.down.is_empty()
    }
}
