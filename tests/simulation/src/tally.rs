//! What happened how often: a simulation in which nothing happens proves nothing.

use std::fmt;
use std::ops::AddAssign;

/// Counts of one life, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were admitted.
    pub requests: u64,
    /// Requests that were refused for want of credit, room or a disk.
    pub refused: u64,
    /// Requests that were charged their exact cost.
    pub charged: u64,
    /// Requests that ended by a recovery with a charge.
    pub recovered: u64,
    /// Requests that a crash left without a trace.
    pub forgotten: u64,
    /// Requests that cost more than they held.
    pub overrun: u64,
    /// Orders that were answered.
    pub orders: u64,
    /// Orders that were refused or lost.
    pub void_orders: u64,
    /// Deaths of a data plane.
    pub plane_deaths: u64,
    /// Deaths of the ledger.
    pub ledger_deaths: u64,
    /// Batches of the ledger.
    pub batches: u64,
    /// Batches that a disk did not take at once.
    pub stalls: u64,
    /// Damaged disks that were noticed.
    pub rot_noticed: u64,
    /// Damaged disks whose damage changed nothing.
    pub rot_harmless: u64,
    /// Data planes that were fenced by an operator.
    pub fences: u64,
    /// Data planes whose disks were lost.
    pub losses: u64,
    /// Credits that ended, wholly or in part.
    pub expiries: u64,
    /// Credit that a data plane was asked to give back.
    pub recalls: u64,
    /// Top-ups of which something went back to who paid.
    pub pay_backs: u64,
    /// Charges that customers took back by themselves.
    pub flagged: u64,
    /// Charges that they might not.
    pub over_budget: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, mut other: Self) {
        let parts = self.parts_mut().into_iter().zip(other.parts_mut());
        parts.for_each(|((_, sum), (_, part))| *sum += *part);
    }
}

impl Tally {
    fn parts_mut(&mut self) -> [(&'static str, &mut u64); 21] {
        [
            ("requests", &mut self.requests),
            ("refused", &mut self.refused),
            ("charged", &mut self.charged),
            ("recovered", &mut self.recovered),
            ("forgotten", &mut self.forgotten),
            ("overrun", &mut self.overrun),
            ("orders", &mut self.orders),
            ("void orders", &mut self.void_orders),
            ("data plane deaths", &mut self.plane_deaths),
            ("ledger deaths", &mut self.ledger_deaths),
            ("ledger batches", &mut self.batches),
            ("stalls", &mut self.stalls),
            ("rot noticed", &mut self.rot_noticed),
            ("rot harmless", &mut self.rot_harmless),
            ("fences", &mut self.fences),
            ("losses", &mut self.losses),
            ("expiries", &mut self.expiries),
            ("recalls", &mut self.recalls),
            ("pay-backs", &mut self.pay_backs),
            ("flagged refunds", &mut self.flagged),
            ("flagged refunds over budget", &mut self.over_budget),
        ]
    }

    /// What never happened.
    pub fn missing(mut self) -> Vec<&'static str> {
        let parts = self.parts_mut().into_iter();
        parts.filter(|(_, count)| **count == 0).map(|(name, _)| name).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut own = *self;
        let parts = own.parts_mut().map(|(name, count)| format!("{count} {name}"));
        f.write_str(&parts.join(", "))
    }
}
