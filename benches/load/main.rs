//! The load bench: what a request costs through Tollgate, beside nginx as a plain proxy.
//!
//! Driver and mock provider share core 1, the gateway under test has core 0. Peers take turns
//! within a round, so that whatever else the machine does falls on both. CPU time is the peer's
//! own, all threads, from /proc; every answer is checked whole. The table shows medians.
//! Left out on purpose: TLS, several cores, networks. One core and loopback show our own work.

mod answer;
mod bodies;
mod connection;
mod driver;
mod measure;
mod mock;
mod peer;
mod report;
mod settings;
mod usage;

use std::process::ExitCode;

use measure::Bench;
use report::Results;
use settings::Settings;

/// Anything that ends the bench: it is reported and that is all.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match Settings::from_arguments(std::env::args().skip(1)).and_then(|settings| run(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), Failure> {
    let finished = measure(settings);
    let _ = std::fs::remove_dir(&settings.data_folder); // each peer has removed its own
    let results = finished?;
    print!("{}", report::table(&results));
    if let Some(path) = &settings.out {
        report::write(path, &results, settings)?;
        eprintln!("written to {}", path.display());
    }
    Ok(())
}

fn measure(settings: &Settings) -> Result<Results, Failure> {
    let bench = Bench::start(settings)?;
    let mut results = Results::default();
    for round in 1..=settings.rounds {
        eprintln!("round {round} of {}", settings.rounds);
        bench.round(&mut results)?;
    }
    Ok(results)
}
