//! `bench compare`: Holdfast side by side with what it could be measured against, on this machine.
//!
//! Everything is started here and ends with this program. A run that fails its check gives no figure.

mod chart;
mod contenders;
mod figures;
mod report;
mod rounds;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::{
    machine::{Business, Machine},
    servers::Servers,
};
use contenders::{Awake, Best, Stage};
use report::Report;
use rounds::{Results, Run};

/// The options of `bench compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// How often everything is measured; what is shown is the median.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100), value_name = "NUMBER")]
    rounds: u32,

    /// How long each run takes after its second of warm-up.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600), value_name = "SECONDS")]
    seconds: u64,

    /// Measure only these.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "RUN,RUN,...")]
    only: Vec<Run>,

    /// One short round and nothing tuned: to see that everything works, not to measure.
    #[arg(long)]
    quick: bool,

    /// The release binary; by default the one beside this program, built when it is missing or older
    /// than its sources.
    #[arg(long, value_name = "PATH")]
    holdfast: Option<PathBuf>,

    /// Where REPORT.md and report.svg are written; by default beside the sources of this program when
    /// everything was measured, and nowhere otherwise.
    #[arg(long, value_name = "DIRECTORY")]
    report: Option<PathBuf>,
}

/// Measures, prints the figures and writes the report.
pub async fn run(args: &CompareArgs) -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "a debug build measures nothing: cargo run --release -p bench -- compare"
    );
    tokio::select! {
        done = compare(args) => done,
        // Returning stops whatever was started.
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}

async fn compare(args: &CompareArgs) -> Result<()> {
    let holdfast = match &args.holdfast {
        Some(path) => fs::canonicalize(path).context("invalid value for '--holdfast'")?,
        None => build_holdfast()?,
    };
    let machine = Machine::read(&holdfast)?;
    let mut wanted: BTreeSet<Run> = match args.only.as_slice() {
        [] => Run::value_variants().iter().copied().collect(),
        only => only.iter().copied().collect(),
    };
    if let Err(error) = Awake::keep() {
        eprintln!("processors sleep when they like: {error:#}");
        wanted.retain(|run| !run.is_awake());
    }
    let (rounds, seconds) = if args.quick {
        (1, 1)
    } else {
        (args.rounds, args.seconds)
    };
    let mut stage = Stage {
        servers: Servers::start(&holdfast).await?,
        wanted,
        lasting: Duration::from_secs(seconds),
        best: Best::default(),
        million: None,
    };
    let since = Instant::now();
    let business = Business::read()?;
    if !args.quick {
        eprintln!("trying settings");
        stage.tune().await?;
    }
    let mut results = Results::default();
    for round in 0..rounds {
        let elapsed = since.elapsed().as_secs();
        eprintln!(
            "round {} of {rounds} ({elapsed} s since the start)",
            round + 1
        );
        stage.play_round(round as usize, &mut results).await;
    }
    let (others, host) = Business::read()?.others_and_host(&business);
    let report = Report {
        machine,
        others,
        host,
        is_whole: is_whole(args),
        results,
        rounds,
        seconds,
        tried: stage.best.tried,
        elapsed: since.elapsed(),
    };
    println!("{}", report.table());
    if let Some(directory) = report_directory(args) {
        fs::write(directory.join("report.svg"), chart::draw(&report))?;
        fs::write(directory.join("REPORT.md"), report.document())?;
    }
    let failures = report.results.failures();
    ensure!(failures == 0, "{failures} runs failed, see above");
    Ok(())
}

fn is_whole(args: &CompareArgs) -> bool {
    args.only.is_empty() && !args.quick
}

fn report_directory(args: &CompareArgs) -> Option<PathBuf> {
    let own = || is_whole(args).then(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    args.report.clone().or_else(own)
}

/// The release binary beside this program, as new as its sources.
fn build_holdfast() -> Result<PathBuf> {
    let bench = env::current_exe()?;
    let target = bench
        .ancestors()
        .nth(2)
        .context("this program lies in target/release")?;
    let binary = target.join("release/holdfast");
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = fs::metadata(&binary).and_then(|file| file.modified());
    if built.is_ok_and(|built| newest(&project).is_ok_and(|changed| changed <= built)) {
        return Ok(binary);
    }
    eprintln!("building holdfast");
    let status = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--package",
            "holdfast",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(&project)
        .status()
        .context("failed to run cargo")?;
    ensure!(status.success(), "holdfast does not build");
    Ok(binary)
}

/// When a source of Holdfast was changed last.
fn newest(project: &Path) -> Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut paths: Vec<PathBuf> = ["src", "migration", "Cargo.toml", "Cargo.lock"]
        .map(|name| project.join(name))
        .into();
    while let Some(path) = paths.pop() {
        let about = fs::metadata(&path)?;
        if about.is_dir() {
            for entry in fs::read_dir(&path)? {
                paths.push(entry?.path());
            }
        } else {
            newest = newest.max(about.modified()?);
        }
    }
    Ok(newest)
}
