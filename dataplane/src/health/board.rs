//! Cells found by number, shared by all cores: a table of fixed size, without locks.
//!
//! Invariants: a cell once given to a number is that number's for good; a number that finds its
//! neighbourhood full gets none.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many places are looked at for one number.
const NEIGHBOURHOOD: usize = 16;

/// Cells by their numbers.
pub struct Board<C> {
    slots: Box<[(AtomicU64, C)]>,
}

impl<C: Default> Board<C> {
    /// A board of so many places, a power of two.
    pub fn new(slots: usize) -> Self {
        Self { slots: (0..slots).map(|_| (AtomicU64::new(0), C::default())).collect() }
    }

    /// The cell of a number above zero, if it has one.
    pub fn find(&self, number: u64) -> Option<&C> {
        for (owner, cell) in self.neighbourhood(number) {
            match owner.load(Ordering::Relaxed) {
                0 => return None,
                known if known == number => return Some(cell),
                _ => {}
            }
        }
        None
    }

    /// The cell of a number above zero; a new one if there is room.
    pub fn cell(&self, number: u64) -> Option<&C> {
        for (owner, cell) in self.neighbourhood(number) {
            let order = Ordering::Relaxed;
            let known = match owner.load(order) {
                0 => owner.compare_exchange(0, number, order, order).unwrap_or_else(|now| now),
                known => known,
            };
            if known == number || known == 0 {
                return Some(cell);
            }
        }
        None
    }

    /// The cells that are given, from a place on: each place, number and cell.
    pub fn behind(&self, place: usize) -> impl Iterator<Item = (usize, u64, &C)> {
        let slots = self.slots.iter().enumerate().skip(place);
        let owned = slots.map(|(at, (owner, cell))| (at, owner.load(Ordering::Relaxed), cell));
        owned.filter(|(_, number, _)| *number != 0)
    }

    fn neighbourhood(&self, number: u64) -> impl Iterator<Item = &(AtomicU64, C)> {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let start = mixed as usize % self.slots.len().max(1);
        self.slots[start..].iter().chain(&self.slots[..start]).take(NEIGHBOURHOOD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_own_cell_while_there_is_room() {
        let board: Board<AtomicU64> = Board::new(64);
        for number in 1..=40 {
            assert!(board.find(number).is_none());
            if let Some(cell) = board.cell(number) {
                cell.store(number, Ordering::Relaxed);
            }
        }
        let known = (1..=40).filter_map(|number| Some((number, board.find(number)?)));
        let known: Vec<_> = known.collect();
        assert!(known.len() > 30);
        assert!(known.iter().all(|(number, cell)| cell.load(Ordering::Relaxed) == *number));
        let given = (41..=1000).filter(|number| board.cell(*number).is_some()).count();
        let owned = board.slots.iter().filter(|(owner, _)| owner.load(Ordering::Relaxed) != 0);
        assert!(owned.count() <= 64 && given < 64);
    }
}
