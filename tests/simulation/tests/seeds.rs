//! Seeds under the ordinary test command: few, as every step is checked without optimisation.

use tollgate_simulation::{Tally, play};

/// Seeds of a short run.
const SEEDS: u64 = 150;

#[test]
fn short_lives_are_well_and_everything_happens_in_them() {
    let mut sum = Tally::default();
    for seed in 0..SEEDS {
        let lived = std::panic::catch_unwind(|| play(seed, false));
        sum += lived.unwrap_or_else(|_| panic!("seed {seed} fails"));
    }
    println!("{sum}");
    assert!(sum.missing().is_empty(), "never happened: {:?}", sum.missing());
}

#[test]
fn the_same_seed_makes_the_same_life() {
    assert_eq!(play(7, false), play(7, false));
}
