//! Puts load on a Holdfast, and checks afterwards that nothing was sold twice.

mod check;
mod cli;
mod compare;
mod load;
mod machine;
mod peers;
mod pgbench;
mod run;
mod scenario;
mod seed;
mod servers;
mod sqlite_loop;
mod table;
mod target;

use anyhow::Result;
use clap::Parser;
use cli::{Cli, Command};
use std::process::ExitCode;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    match carry_out(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> Result<()> {
    match command {
        Command::Compare(options) => in_runtime(compare::run(&options)),
        Command::Peer(options) => peers::serve(&options),
        Command::Run(options) => in_runtime(run::run(&options)),
        Command::Seed(options) => in_runtime(seed::seed(&options)),
    }
}

fn in_runtime(command: impl Future<Output = Result<()>>) -> Result<()> {
    Runtime::new()?.block_on(command)
}
