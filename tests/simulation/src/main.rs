//! Plays seeds on all CPUs until one fails, or plays one and tells its story.
//!
//! ```text
//!   --seeds N   seeds 0..N (10,000 without it)        --from S   begins at S instead of 0
//!   --seed S    one seed, each step printed
//! ```
//! Exit codes: 0 all well, 1 a seed failed (it is printed with its command), 2 bad usage.

use std::panic;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use tollgate_simulation::{Tally, play};

const SEEDS: u64 = 10_000;

/// What to play.
struct Arguments {
    from: u64,
    seeds: u64,
    told: Option<u64>,
}

fn main() -> ExitCode {
    match Arguments::read(std::env::args().skip(1)) {
        Some(Arguments { told: Some(seed), .. }) => {
            println!("seed {seed} is well: {}", play(seed, true));
            ExitCode::SUCCESS
        }
        Some(arguments) => play_all(&arguments),
        None => {
            eprintln!("usage: tollgate-simulation [--seeds N] [--from S] | --seed S");
            ExitCode::from(2)
        }
    }
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = Self { from: 0, seeds: SEEDS, told: None };
        while let Some(word) = words.next() {
            let number = words.next()?.replace('_', "").parse().ok()?;
            match word.as_str() {
                "--seeds" => arguments.seeds = number,
                "--from" => arguments.from = number,
                "--seed" => arguments.told = Some(number),
                _ => return None,
            }
        }
        Some(arguments)
    }
}

fn play_all(arguments: &Arguments) -> ExitCode {
    let (next, end) = (AtomicU64::new(arguments.from), arguments.from + arguments.seeds);
    let (failed, found) = (AtomicBool::new(false), Mutex::new(None));
    let sum = Mutex::new(Tally::default());
    let told = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let begun = Instant::now();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Tally::default();
                while !failed.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    match panic::catch_unwind(|| play(seed, false)) {
                        Ok(tally) => own += tally,
                        Err(why) => {
                            failed.store(true, Ordering::Relaxed);
                            *locked(&found) = Some((seed, words_of(why.as_ref())));
                        }
                    }
                }
                *locked(&sum) += own;
            });
        }
    });
    panic::set_hook(told);
    let Some((seed, why)) = locked(&found).take() else {
        println!("{} seeds are well, in {:.1?}", arguments.seeds, begun.elapsed());
        println!("{}", locked(&sum));
        return ExitCode::SUCCESS;
    };
    println!("seed {seed} fails: {why}");
    println!("replay: cargo run --profile simulation -p tollgate-simulation -- --seed {seed}");
    ExitCode::FAILURE
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().cloned();
    said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned())).unwrap_or_default()
}
