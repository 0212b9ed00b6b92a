//! One simulated life: steps by chance, and a check after each.

mod check;
mod rest;
mod steps;

use ledger::books::TransactionKind;
use units::{AccountId, DataPlaneId, KeyId, UnixMillis};

use crate::chronicle::Chronicle;
use crate::control::Control;
use crate::plane::{Crash, Machine};
use crate::random::Random;
use crate::tally::Tally;
use crate::truth::{Fate, OrderState, Truth, What};
use crate::wire::Wire;

/// Steps of a life, at most.
const STEPS_MAX: usize = 400;
/// The clock at the beginning.
const BEGINNING: UnixMillis = UnixMillis(1_000_000);

/// Everything.
pub(crate) struct World {
    random: Random,
    now: UnixMillis,
    control: Control,
    planes: [Machine; 2],
    wires: [Wire; 2],
    truth: Truth,
    chronicle: Chronicle,
    /// The highest limit that each limited key ever had.
    limits: [(KeyId, i64); 2],
    /// How the dice are loaded: out of a hundred steps, how many are faults.
    faults: usize,
    tally: Tally,
    is_told: bool,
    step: usize,
}

/// Which process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Ledger,
    Plane(usize),
}

impl World {
    /// The world of a seed, furnished: a ledger with two accounts, and two data planes.
    pub(crate) fn new(seed: u64, is_told: bool) -> Self {
        let mut random = Random::new(seed);
        let limit = random.amount(50, 1500);
        let mut world = Self {
            control: Control::new(&mut random),
            now: BEGINNING,
            planes: [Machine::new(DataPlaneId(1)), Machine::new(DataPlaneId(2))],
            wires: [Wire::default(), Wire::default()],
            truth: Truth::default(),
            chronicle: Chronicle::default(),
            limits: [(KeyId(2), limit), (KeyId(4), limit)],
            faults: [1, 2, 4, 9][random.below(4)],
            random,
            tally: Tally::default(),
            is_told,
            step: 0,
        };
        world.start(Which::Ledger);
        let ledger = world.control.process.as_mut().expect("nothing fails yet");
        ledger.furnish(limit);
        world.commit();
        for plane in 0..2 {
            world.start(Which::Plane(plane));
        }
        world.pump();
        for account in [1, 2] {
            let amount = world.random.amount(200, 3000);
            world.credit(AccountId(account), amount);
        }
        world
    }

    /// Lives until its time is over.
    pub(crate) fn live(&mut self) {
        let steps = STEPS_MAX / 4 + self.random.below(STEPS_MAX * 3 / 4);
        for step in 0..steps {
            self.step = step;
            self.now = self.now.plus_ms(self.random.below(40) as u64);
            self.take_step();
            self.check();
        }
    }

    /// Counts what happened.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = self.tally;
        for deed in self.truth.deeds.values() {
            let (end, charged) = (deed.end.is_some(), deed.charged() > 0);
            tally.charged += u64::from(end && charged);
            tally.recovered += u64::from(!end && charged);
            tally.forgotten += u64::from(deed.fate == Fate::Forgotten);
            tally.overrun += u64::from(deed.charged() > deed.held);
        }
        for order in &self.truth.orders {
            tally.orders += u64::from(order.state != OrderState::Void);
            tally.void_orders += u64::from(order.state == OrderState::Void);
            let is_told = matches!(order.state, OrderState::Told(_));
            tally.pay_backs += u64::from(is_told && matches!(order.what, What::PayBack(_)));
            let is_flagged = matches!(order.what, What::Refund(_, true));
            tally.flagged += u64::from(is_told && is_flagged);
        }
        tally.batches = self.chronicle.batches();
        if let Some(ledger) = &self.control.process {
            let rows = ledger.books.transactions().iter();
            let expiries = rows.filter(|row| row.kind == TransactionKind::Expiry);
            tally.expiries = expiries.count() as u64;
        }
        tally
    }

    /// Says what happens, where somebody wants to know.
    fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            println!("{:4} {:9} {}", self.step, self.now.0, what());
        }
    }

    /// A step of a process came to its end, or the process did.
    fn survive(&mut self, which: Which, came: Result<(), Crash>) {
        if came.is_err() {
            self.crash(which);
        }
    }

    /// A process dies: killed, or with the power of its machine.
    fn crash(&mut self, which: Which) {
        let is_power_cut = self.random.one_in(2);
        self.tell(|| format!("{which:?} dies; the power fails: {is_power_cut}"));
        let deaths = match which {
            Which::Ledger => &mut self.tally.ledger_deaths,
            Which::Plane(_) => &mut self.tally.plane_deaths,
        };
        *deaths += 1;
        match which {
            Which::Ledger => {
                self.control.crash(is_power_cut);
                self.wires.iter_mut().for_each(Wire::cut);
            }
            Which::Plane(plane) => {
                self.planes[plane].crash(is_power_cut);
                self.wires[plane].cut();
            }
        }
    }

    /// Starts a process that does not run.
    fn start(&mut self, which: Which) {
        self.tell(|| format!("{which:?} starts"));
        match which {
            Which::Ledger => match self.control.start() {
                Ok(last) => {
                    let ledger = self.control.process.as_ref().expect("it was just started");
                    self.chronicle.recovered(last, &ledger.books);
                    self.resolve_orders();
                    self.note_fences();
                }
                Err(crash) => self.survive(which, Err(crash)),
            },
            Which::Plane(plane) => {
                // No two starts fall into one second.
                self.now = self.now.plus_ms(1000);
                let machine = &mut self.planes[plane];
                let came = machine.start(self.now, &mut self.random, &mut self.truth);
                self.survive(which, came);
            }
        }
    }

    /// Whether the ledger runs, and its disk takes events.
    fn ledger_listens(&self) -> bool {
        self.control.process.as_ref().is_some_and(|ledger| !ledger.is_stalled)
    }

    /// The ledger writes what it has.
    fn commit(&mut self) {
        let Some(ledger) = self.control.process.as_mut() else { return };
        let came = ledger.commit(&mut self.wires, &mut self.chronicle, &mut self.truth);
        self.survive(Which::Ledger, came);
        self.chronicle.check(&self.truth, false);
        self.note_fences();
    }

    /// What is fenced or closed in books that are on disk was so with them.
    fn note_fences(&mut self) {
        let Some(ledger) = self.control.process.as_ref().filter(|ledger| !ledger.is_stalled) else {
            return;
        };
        for machine in &self.planes {
            for epoch in ledger.books.open_epochs(machine.id) {
                if ledger.books.is_fenced(machine.id, epoch) {
                    let chronicle = &self.chronicle;
                    self.truth.fence((machine.id, epoch), |id| chronicle.is_settled(id));
                }
            }
        }
        for name in self.truth.lost.clone() {
            if !ledger.books.open_epochs(name.0).any(|epoch| epoch == name.1) {
                let chronicle = &self.chronicle;
                self.truth.forget(name, |id| chronicle.is_settled(id));
            }
        }
    }
}
