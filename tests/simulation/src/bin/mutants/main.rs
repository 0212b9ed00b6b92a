//! Seeded mistakes: each is written into a copy of the sources, built, and must be caught by the
//! simulation. What the simulation does not catch it does not check.
//!
//! ```text
//!   copy below target/mutants --build--> the seeds are well        (else nothing is proved)
//!     each mutant: replace --build--> play seeds --> one fails     caught
//!                                              \--> all are well   SURVIVED
//! ```
//! Arguments: words that a mutant's name must hold, to try only some.
//! Exit codes: 0 all caught, 1 one survived, or its text is not to be found any more.

mod copy;
mod table;

use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use copy::Copy;
use table::{MUTANTS, Mutant};

/// Seeds that a mutant must survive to count as such; the copy as it is must survive them too.
const SEEDS: &str = "12000";
/// A mutant that takes so long has lost its way, and is caught as well.
const PATIENCE: Duration = Duration::from_secs(240);

/// Anything that keeps the mutants from being tried.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted =
        |mutant: &&Mutant| words.is_empty() || words.iter().any(|word| mutant.name.contains(word));
    let wanted: Vec<&Mutant> = MUTANTS.iter().filter(is_wanted).collect();
    match try_all(&wanted) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(survivors) => {
            println!("{survivors} of {} were not caught", wanted.len());
            ExitCode::FAILURE
        }
        Err(failure) => {
            eprintln!("mutants: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn try_all(wanted: &[&Mutant]) -> Result<usize, Failure> {
    let copy = Copy::make()?;
    for mutant in wanted {
        copy::check(&copy::root(), mutant)?;
    }
    let begun = Instant::now();
    build(&copy).map_err(|said| format!("the copy does not build:\n{said}"))?;
    if let Some(seed) = play(&copy)? {
        return Err(format!("without any mutant, {seed}").into());
    }
    println!("{:6.1?} the copy is built, and well", begun.elapsed());
    let mut survivors = 0;
    for (number, mutant) in wanted.iter().enumerate() {
        let begun = Instant::now();
        copy.apply(mutant)?;
        let built = build(&copy);
        let played = built.map(|()| play(&copy));
        copy.restore(mutant)?;
        let played = played.map_err(|said| format!("`{}` does not build:\n{said}", mutant.name))?;
        let verdict = match played? {
            Some(seed) => seed,
            None => {
                survivors += 1;
                "SURVIVED".to_owned()
            }
        };
        let took = begun.elapsed();
        println!("{took:6.1?} {}/{} {}: {verdict}", number + 1, wanted.len(), mutant.name);
    }
    Ok(survivors)
}

/// Builds the simulation of the copy; what the compiler said if it cannot be built.
fn build(copy: &Copy) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(copy.folder())
        .args(["build", "--quiet", "--offline", "--profile", "mutants"])
        .args(["-p", "tollgate-simulation", "--bin", "tollgate-simulation"])
        .env("CARGO_TARGET_DIR", copy.target())
        .env("RUSTFLAGS", "--cap-lints allow")
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

/// Plays seeds on what was built; the first line about the one that fails.
fn play(copy: &Copy) -> Result<Option<String>, Failure> {
    let binary = copy.target().join("mutants").join("tollgate-simulation");
    let said = copy.target().join("said");
    let mut running = Command::new(binary)
        .args(["--seeds", SEEDS])
        .stdout(std::fs::File::create(&said)?)
        .stderr(Stdio::null())
        .spawn()?;
    let begun = Instant::now();
    loop {
        if let Some(status) = running.try_wait()? {
            let said = std::fs::read_to_string(&said)?;
            let first = said.lines().next().unwrap_or("it died without a word");
            return Ok((!status.success()).then(|| first.chars().take(100).collect()));
        }
        if begun.elapsed() > PATIENCE {
            running.kill()?;
            running.wait()?;
            return Ok(Some(format!("no end after {PATIENCE:?}")));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_finds_its_text_once_and_changes_it() {
        for mutant in &MUTANTS {
            copy::check(&copy::root(), mutant).unwrap();
            assert_ne!(mutant.find, mutant.replace, "{}", mutant.name);
        }
    }
}
