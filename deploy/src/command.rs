//! The command line.
//!
//! Exit codes: 0 done, 1 refused or found wrong, 2 bad usage. Left out on purpose: what the
//! commands do; each is a module of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::admin::{account, apply, key, ledger, receipt};
use crate::config::Mistake;
use crate::{check, control_alone, copies, data_alone, import_prices, sandbox_alone, serve};

/// An LLM API gateway that meters, settles and resells to the exact picodollar.
#[derive(Parser)]
#[command(name = "tollgate", version, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Both planes in one process; without a configuration the sandbox, ready to be tried.
    Serve(Serve),
    /// A data plane alone, linked to a control plane elsewhere. It takes over from the one that
    /// runs on the same data directory.
    Dataplane(Part),
    /// A control plane alone.
    Controlplane(Part),
    /// The provider simulator alone.
    Sandbox {
        /// Where it listens.
        #[arg(long, default_value = "127.0.0.1:8090")]
        listen: SocketAddr,
    },
    /// A configuration or a catalog: what would run, or every mistake.
    Check {
        /// The file.
        file: PathBuf,
    },
    Apply(apply::Apply),
    ImportPrices(import_prices::ImportPrices),
    Account(account::Account),
    Key(key::Key),
    Credit(account::Credit),
    Ledger(ledger::Ledger),
    Receipt(receipt::Receipt),
    /// Copy the data directory into DIR, also while it is in use.
    Backup(copies::Copy),
    /// Make a data directory from such a copy; it must not hold anything yet.
    Restore(copies::Copy),
}

#[derive(Args)]
struct Serve {
    /// The configuration file.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The data directory.
    #[arg(long)]
    data: Option<PathBuf>,
}

#[derive(Args)]
struct Part {
    /// The configuration file.
    #[arg(long)]
    config: PathBuf,
    /// The data directory.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Runs what the command line asks for.
pub fn run() -> ExitCode {
    let line = CommandLine::parse();
    let done = match line.command.unwrap_or(Command::Serve(line.serve)) {
        Command::Serve(Serve { config, data }) => serve::serve(config.as_deref(), data.as_deref()),
        Command::Dataplane(Part { config, data }) => data_alone::run(&config, data.as_deref()),
        Command::Controlplane(Part { config, data }) => {
            control_alone::run(&config, data.as_deref())
        }
        Command::Sandbox { listen } => sandbox_alone::run(listen),
        Command::Check { file } => check::run(&file),
        Command::Apply(apply) => apply::run(&apply),
        Command::ImportPrices(order) => import_prices::run(order),
        Command::Account(account) => account::run(&account),
        Command::Key(key) => key::run(&key),
        Command::Credit(credit) => account::credit(&credit),
        Command::Ledger(ledger) => ledger::run(&ledger),
        Command::Receipt(receipt) => receipt::run(&receipt),
        Command::Backup(order) => copies::backup(&order),
        Command::Restore(order) => copies::restore(&order),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Mistake(what)) => {
            what.lines().for_each(|line| notice::error!("{line}"));
            ExitCode::from(1)
        }
    }
}
