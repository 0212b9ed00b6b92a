//! Seeded dice (xorshift*), so that a failure repeats.

pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From zero to `most`, both included.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        if most == u64::MAX { self.roll() } else { (self.roll() >> 8) % (most + 1) }
    }

    pub(crate) fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        let place = usize::try_from(self.up_to(all.len() as u64 - 1)).expect("a place");
        &all[place]
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.up_to(1) == 1
    }
}
