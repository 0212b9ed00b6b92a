//! The command line.
//!
//! Left out on purpose: what the commands do; each is a module of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Mistake;
use crate::{sandbox_alone, serve};

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
    /// The provider simulator alone.
    Sandbox {
        /// Where it listens.
        #[arg(long, default_value = "127.0.0.1:8090")]
        listen: SocketAddr,
    },
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

/// Runs what the command line asks for.
pub fn run() -> ExitCode {
    let line = CommandLine::parse();
    let done = match line.command.unwrap_or(Command::Serve(line.serve)) {
        Command::Serve(Serve { config, data }) => serve::serve(config.as_deref(), data.as_deref()),
        Command::Sandbox { listen } => sandbox_alone::run(listen),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Mistake(what)) => {
            eprintln!("tollgate: {what}");
            ExitCode::from(1)
        }
    }
}
