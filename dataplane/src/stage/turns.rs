//! Whose turn it is: every candidate once, and those that are better not asked now behind all
//! others.

/// The places of a plan's candidates that are still to be tried.
pub struct Turns {
    first: u8,
    last: u8,
}

/// A candidate's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its place in the plan.
    pub place: usize,
    /// Whether it may be put off to the end.
    pub is_choosy: bool,
}

impl Turns {
    /// Of so many candidates, at most eight.
    pub fn of(candidates: usize) -> Self {
        Self { first: ((1u16 << candidates.min(8)) - 1) as u8, last: 0 }
    }

    /// Puts a candidate off to the end.
    pub const fn put_off(&mut self, turn: Turn) {
        self.last |= 1 << turn.place;
    }
}

impl Iterator for Turns {
    type Item = Turn;

    fn next(&mut self) -> Option<Turn> {
        let is_choosy = self.first != 0;
        let left = if is_choosy { &mut self.first } else { &mut self.last };
        let place = left.trailing_zeros() as usize;
        *left &= left.wrapping_sub(1);
        (place < 8).then_some(Turn { place, is_choosy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_put_off_comes_behind_all_others_and_then_in_any_case() {
        let mut turns = Turns::of(3);
        let mut told = Vec::new();
        while let Some(turn) = turns.next() {
            told.push((turn.place, turn.is_choosy));
            if turn.is_choosy && turn.place != 1 {
                turns.put_off(turn);
            }
        }
        assert_eq!(told, [(0, true), (1, true), (2, true), (0, false), (2, false)]);
        assert_eq!(Turns::of(0).next(), None);
        assert_eq!(Turns::of(8).count(), 8);
        assert_eq!(Turns::of(9).count(), 8);
    }
}
