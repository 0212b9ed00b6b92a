//! What may happen next, and how often: requests, turns of every thread, people, failures.

use journal::DiskFault;
use ledger::contact;
use ledger::event::CreditKind;
use link::ToData;
use units::{AccountId, KeyId};

use super::{Which, World};
use crate::plane::{Ask, CORES, Ending};
use crate::truth::{FLAGGED_MOST, Order, OrderState, What};

impl World {
    /// One step, by chance.
    pub(super) fn take_step(&mut self) {
        if self.random.below(100) < self.faults {
            return self.fail();
        }
        match self.random.below(100) {
            0..24 => self.admit(),
            24..34 => self.progress(),
            34..46 => self.end(),
            46..58 => self.turn(),
            58..66 => self.uplink(),
            66..76 => self.hear(),
            76..82 => self.pump(),
            82..86 => self.connect(),
            86..91 => self.people(),
            91..96 => self.revive(),
            96..99 => self.checkpoint(),
            _ => self.wait(),
        }
    }

    /// Time passes: a second or so, or more than a lease lives without contact.
    fn wait(&mut self) {
        let is_long = self.random.one_in(12);
        let ms = if is_long { contact::LENDER_RECLAIMS_MS + 1 } else { 800 };
        self.now = self.now.plus_ms(ms);
        self.tell(|| format!("{ms} ms pass"));
        self.tick();
    }

    /// The clock's own doings on both sides.
    pub(super) fn tick(&mut self) {
        for plane in 0..2 {
            let Some(process) = self.planes[plane].process.as_mut() else { continue };
            if self.wires[plane].is_up
                && let Some(ledger) = self.control.process.as_mut()
            {
                // Who is linked hears of the other twice a second.
                process.hear(self.now);
                ledger.hear_of(plane, self.now);
            }
            process.look(self.now);
        }
        if self.ledger_listens()
            && let Some(ledger) = self.control.process.as_mut()
        {
            ledger.tick(self.now);
            self.commit();
        }
    }

    fn any_plane(&mut self) -> (usize, u16) {
        (self.random.below(2), self.random.below(usize::from(CORES)) as u16)
    }

    fn admit(&mut self) {
        let (plane, core) = self.any_plane();
        let key = self.random.below(4) as u64 + 1;
        let worst = self.random.amount(0, 120);
        let account = AccountId(key.div_ceil(2));
        let ask = Ask { core, account, key: KeyId(key), limited: key.is_multiple_of(2), worst };
        let Some(process) = self.planes[plane].process.as_mut() else { return };
        let is_held = process.admit(&ask, self.now, &mut self.truth);
        let count = if is_held { &mut self.tally.requests } else { &mut self.tally.refused };
        *count += 1;
        self.tell(|| format!("plane {plane}: {ask:?} held: {is_held}"));
    }

    fn progress(&mut self) {
        let (plane, core) = self.any_plane();
        let Some(process) = self.planes[plane].process.as_mut() else { return };
        process.progress(core, &mut self.random, &mut self.truth);
    }

    fn end(&mut self) {
        let (plane, core) = self.any_plane();
        let ending = match self.random.below(8) {
            0 => Ending::Nothing,
            1 => Ending::Cost(self.random.amount(0, 300)),
            _ => Ending::Cost(self.random.amount(0, 60)),
        };
        let Some(process) = self.planes[plane].process.as_mut() else { return };
        process.end(core, (ending, self.now), &mut self.random, &mut self.truth);
        self.tell(|| format!("plane {plane} core {core}: a request ends: {ending:?}"));
    }

    /// A turn of a journal thread.
    fn turn(&mut self) {
        let plane = self.random.below(2);
        let Some(process) = self.planes[plane].process.as_mut() else { return };
        let came = process.turn(&mut self.random, &mut self.truth);
        self.tally.stalls += u64::from(process.is_stalled());
        self.tell(|| format!("plane {plane}: a batch"));
        self.survive(Which::Plane(plane), came);
    }

    fn uplink(&mut self) {
        let plane = self.random.below(2);
        if let Some(process) = self.planes[plane].process.as_mut() {
            let came = process.ship(self.now, &mut self.random, &mut self.wires[plane]);
            self.survive(Which::Plane(plane), came);
        }
        for _ in 0..self.random.below(4) {
            self.obey(plane);
        }
    }

    /// A data plane takes the next message of the ledger.
    pub(super) fn obey(&mut self, plane: usize) {
        let wire = &mut self.wires[plane];
        let Some(message) = wire.receive() else { return };
        self.tell(|| format!("plane {plane} hears {message:?}"));
        if let (ToData::Welcome { .. }, Some(process)) = (&message, &self.planes[plane].process) {
            self.truth.welcomed.insert(process.name);
        }
        self.tally.recalls += u64::from(matches!(message, ToData::Recall { .. }));
        let came = self.planes[plane].obey(message, self.now, &mut self.wires[plane]);
        self.survive(Which::Plane(plane), came);
    }

    /// The ledger takes some messages, and commits.
    fn hear(&mut self) {
        for _ in 0..1 + self.random.below(4) {
            let plane = self.random.below(2);
            self.hear_one(plane);
        }
        if !self.random.one_in(6) {
            self.commit();
        }
    }

    /// The ledger takes the next message of a data plane; whether there was one.
    pub(super) fn hear_one(&mut self, plane: usize) -> bool {
        if !self.ledger_listens() {
            return false;
        }
        let Some(message) = self.wires[plane].hear(&mut self.random) else { return false };
        self.tell(|| format!("the ledger hears of plane {plane}: {message:?}"));
        let ledger = self.control.process.as_mut().expect("it listens");
        ledger.hear(plane, &self.wires[plane], self.now, message);
        ledger.retry(&self.truth, self.now, false);
        true
    }

    /// Everybody does what there is to do, once.
    pub(super) fn pump(&mut self) {
        for plane in 0..2 {
            self.link(plane);
            if let Some(process) = self.planes[plane].process.as_mut() {
                let came = process.turn(&mut self.random, &mut self.truth);
                let wire = &mut self.wires[plane];
                let came = came.and_then(|()| process.ship(self.now, &mut self.random, wire));
                self.survive(Which::Plane(plane), came);
            }
            while self.hear_one(plane) {}
        }
        self.commit();
        for plane in 0..2 {
            while !self.wires[plane].is_heard() {
                self.obey(plane);
            }
        }
    }

    /// A link that is down is made again.
    pub(super) fn connect(&mut self) {
        let plane = self.random.below(2);
        self.link(plane);
    }

    /// Links a data plane, if it is not linked and both ends run.
    pub(super) fn link(&mut self, plane: usize) {
        let Some(process) = self.planes[plane].process.as_mut() else { return };
        if !self.wires[plane].is_up && self.control.process.is_some() {
            self.wires[plane].connect();
            process.greet(&mut self.wires[plane]);
            self.tell(|| format!("plane {plane} is linked"));
        }
    }

    fn revive(&mut self) {
        if self.control.process.is_none() {
            self.start(Which::Ledger);
        }
        let plane = self.random.below(2);
        if self.planes[plane].process.is_none() {
            self.start(Which::Plane(plane));
        }
    }

    fn checkpoint(&mut self) {
        if let Some(ledger) = self.control.process.as_mut() {
            let came = ledger.checkpoint();
            self.survive(Which::Ledger, came);
        }
    }

    /// What operators and customers do.
    fn people(&mut self) {
        if !self.ledger_listens() {
            return;
        }
        let account = AccountId(self.random.below(2) as u64 + 1);
        match self.random.below(10) {
            0..4 => {
                let amount = self.random.amount(1, 900);
                self.credit(account, amount);
            }
            4 => {
                let amount = -self.random.amount(1, 400);
                self.give(account, What::Credit(CreditKind::Adjustment, None, None), amount);
            }
            5 => self.pay_back(),
            6..8 => self.refund(),
            8 => self.repeat_order(),
            _ => self.change_limit(),
        }
        self.commit();
    }

    /// Credit comes in.
    pub(super) fn credit(&mut self, account: AccountId, amount: i64) {
        let kind = [CreditKind::TopUp, CreditKind::Grant][self.random.below(2)];
        let ms = self.random.below(8000) as u64;
        let later = self.random.one_in(3).then(|| self.now.plus_ms(ms));
        let refund_until = later.filter(|_| kind == CreditKind::TopUp);
        let expires_at = later.filter(|_| self.random.one_in(2));
        self.give(account, What::Credit(kind, expires_at, refund_until), amount);
        self.commit();
    }

    /// What is left of a top-up goes back to who paid it, if it still may.
    fn pay_back(&mut self) {
        let number = self.random.below(self.truth.orders.len());
        let Some(Order { account, state: OrderState::Told(lot), .. }) =
            self.truth.orders.get(number).cloned()
        else {
            return;
        };
        let ledger = self.control.process.as_ref().expect("it listens");
        let left = ledger.books.left_of(lot).pico() as i64;
        if left > 0 {
            self.give(account, What::PayBack(lot), -left);
        }
    }

    fn refund(&mut self) {
        let draw = self.random.below(1000);
        let Some(id) = self.chronicle.any_settled(draw) else { return };
        let charged = self.truth.deeds[&id].charged();
        if charged > 0 {
            let amount = self.random.amount(1, charged);
            let account = self.truth.deeds[&id].account;
            let is_flagged = self.random.one_in(2);
            let (flagged, _) = self.truth.flagged(account, self.now);
            let is_over = is_flagged && flagged + amount > FLAGGED_MOST;
            self.tally.over_budget += u64::from(is_over);
            self.give(account, What::Refund(id, is_flagged), amount);
        }
    }

    pub(super) fn give(&mut self, account: AccountId, what: What, amount: i64) {
        let number = self.truth.orders.len();
        let reference = format!("order {number}");
        let state = OrderState::Asked;
        let order = Order { account, what, amount, reference, at: self.now, state };
        self.tell(|| format!("{order:?}"));
        self.truth.orders.push(order);
        let ledger = self.control.process.as_mut().expect("it listens");
        ledger.order(number, &self.truth, self.now);
    }

    /// An order comes in a second time, with its own reference.
    fn repeat_order(&mut self) {
        let number = self.random.below(self.truth.orders.len());
        let state = self.truth.orders.get(number).map(|order| order.state);
        if let Some(OrderState::Told(_)) = state {
            let ledger = self.control.process.as_mut().expect("it listens");
            ledger.order(number, &self.truth, self.now);
        }
    }

    fn change_limit(&mut self) {
        let limit = self.random.amount(0, 1500);
        let place = self.random.below(2);
        let (key, most) = &mut self.limits[place];
        *most = limit.max(*most);
        let ledger = self.control.process.as_mut().expect("it listens");
        ledger.limit(*key, limit);
    }

    /// Something fails.
    fn fail(&mut self) {
        let plane = self.random.below(2);
        match self.random.below(19) {
            0..3 => {
                self.tell(|| format!("the link of plane {plane} is cut"));
                self.wires[plane].cut();
            }
            3 => self.crash(Which::Ledger),
            4..6 => self.crash(Which::Plane(plane)),
            6..9 => self.plan(plane),
            9 => self.rot(),
            10 => self.fence(plane),
            11 => self.lose(plane),
            _ => self.wires[plane].confuse(&mut self.random),
        }
    }

    /// An operator takes a data plane for lost, rightly or not. One that is linked is not.
    fn fence(&mut self, plane: usize) {
        if self.wires[plane].is_up || !self.ledger_listens() || !self.random.one_in(2) {
            return;
        }
        self.tell(|| format!("plane {plane} is fenced"));
        self.tally.fences += 1;
        self.control.process.as_mut().expect("it listens").fence(plane);
        self.commit();
    }

    /// The machine of a data plane is lost; the next has its mark and nothing else.
    fn lose(&mut self, plane: usize) {
        if self.random.one_in(2) {
            return;
        }
        self.tell(|| format!("the disks of plane {plane} are lost"));
        self.tally.losses += 1;
        self.wires[plane].cut();
        self.truth.lost.extend(self.planes[plane].lose_disks());
    }

    fn plan(&mut self, plane: usize) {
        let faults = [DiskFault::PowerCut, DiskFault::Failure, DiskFault::NoRoom];
        let fault = faults[self.random.below(3)];
        self.tell(|| format!("the disk of plane {plane} or of the ledger will see {fault:?}"));
        if self.random.one_in(3) {
            if let Some(ledger) = &self.control.process {
                ledger.plan(&mut self.random, fault);
            }
        } else if let Some(process) = &self.planes[plane].process {
            process.plan(&mut self.random, fault);
        }
    }

    fn rot(&mut self) {
        if self.control.process.as_ref().is_none_or(|ledger| ledger.is_stalled) {
            return;
        }
        let read = self.control.rot(&mut self.random);
        let count = match read {
            Some(_) => &mut self.tally.rot_harmless,
            None => &mut self.tally.rot_noticed,
        };
        *count += 1;
        if let Some((last, books)) = read {
            assert!(self.chronicle.stands_rot(last, &books), "damage went unnoticed");
        }
    }
}
