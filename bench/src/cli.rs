//! The commands and their options.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

use crate::compare::CompareArgs;
use crate::peers::PeerArgs;
use crate::scenario::stage::Scenario;

/// Puts load on a Holdfast, and checks afterwards that nothing was sold twice.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load a running system with one scenario, then check its database.
    Run(Run),
    /// Measure Holdfast side by side with other designs and with ceilings, on this machine.
    Compare(CompareArgs),
    /// Serve one of those designs.
    #[command(hide = true)]
    Peer(PeerArgs),
    /// Fill a database with a large catalogue and many people.
    Seed(Seed),
}

/// The options of `bench run`.
#[derive(Debug, Args)]
pub struct Run {
    /// What happens.
    #[arg(value_enum)]
    pub scenario: Scenario,

    /// Where the system answers: `http://host:port`, or several separated by commas.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub url: String,

    /// Connections; each asks again as soon as it is answered, unless --rate is given.
    #[arg(long, short, default_value_t = 64, value_parser = positive, value_name = "NUMBER")]
    pub connections: usize,

    /// Requests a second, whether or not those before were answered; latency counts from when a request should have been sent.
    #[arg(long, short, value_parser = rate, value_name = "PER SECOND")]
    pub rate: Option<f64>,

    /// How long to measure, in seconds; `places` and `duplicates` end when all is sold.
    #[arg(long, short, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400), value_name = "SECONDS")]
    pub seconds: u64,

    /// How long to load before measuring, in seconds; not with `hot-seat`, `places` and `duplicates`.
    #[arg(long, default_value_t = 1, value_name = "SECONDS")]
    pub warm_up: u64,

    /// Threads that put the load on.
    #[arg(long, default_value_t = 1, value_parser = positive, value_name = "NUMBER")]
    pub threads: usize,

    /// Tickets of the event; by default enough for the scenario.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000), value_name = "NUMBER")]
    pub tickets: Option<u32>,

    /// With `duplicates`: requests for seats that are asked for already, in percent of the seats.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000), value_name = "PERCENT")]
    pub duplicates: u32,

    /// With `places`: places in one request.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=50), value_name = "NUMBER")]
    pub quantity: u32,

    /// Accounts that buy.
    #[arg(long, default_value_t = 200, value_parser = positive, value_name = "NUMBER")]
    pub buyers: usize,

    /// The database behind the system, to make accounts quickly and to check afterwards.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// The secret that signs access tokens, to need no passwords.
    #[arg(
        long,
        env = "HOLDFAST_JWT_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub jwt_secret: Option<String>,

    /// An admin's account, where the secret is not given.
    #[arg(
        long,
        env = "HOLDFAST_ADMIN_EMAIL",
        requires = "admin_password",
        value_name = "EMAIL"
    )]
    pub admin_email: Option<String>,

    /// Its password.
    #[arg(
        long,
        env = "HOLDFAST_ADMIN_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    pub admin_password: Option<String>,

    /// The binary `holdfast`, to have `holdfast verify` look into the database too.
    #[arg(long, value_name = "PATH")]
    pub holdfast: Option<PathBuf>,

    /// Print one JSON object instead of the table.
    #[arg(long)]
    pub json: bool,

    /// Print nothing while running.
    #[arg(long, short)]
    pub quiet: bool,
}

/// The options of `bench seed`.
#[derive(Debug, Args)]
pub struct Seed {
    /// A database that Holdfast has migrated.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: String,

    /// How many events.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000), value_name = "NUMBER")]
    pub events: u32,

    /// How many tickets they have together; at least one each.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000), value_name = "NUMBER")]
    pub tickets: u32,

    /// How many accounts.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(0..=100_000_000), value_name = "NUMBER")]
    pub people: u32,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=100_000) => Ok(number),
        _ => Err("must be a number from 1 to 100000".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.01..=1e7).contains(&rate) => Ok(rate),
        _ => Err("must be a number from 0.01 to 10000000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_options_fit_together() {
        Cli::command().debug_assert();
    }
}
