//! What was measured: each run of each round, and the medians over the rounds.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use clap::ValueEnum;

use crate::{
    load::{Measured, Outcome, Summary},
    peers::Peer,
};

/// Something that is measured once a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Run {
    Pgbench,
    PgbenchAlone,
    PgbenchAwake,
    Hello,
    HelloNginx,
    Holdfast,
    #[value(name = "holdfast-128")]
    Holdfast128,
    #[value(name = "holdfast-512")]
    Holdfast512,
    HoldfastAlone,
    HoldfastAwake,
    HoldfastSoldOut,
    #[value(name = "nginx-1")]
    Nginx1,
    #[value(name = "nginx-2")]
    Nginx2,
    #[value(name = "nginx-3")]
    Nginx3,
    NginxSoldOut,
    ThousandTickets,
    MillionTickets,
    SqliteNode,
    SqliteLoop,
    LockThenWrite,
    GateThenRow,
    WaitingLock,
    BitmapAndQueue,
}

impl Run {
    /// What it is, for a reader of the report.
    pub fn title(self) -> &'static str {
        match self {
            Self::Pgbench => "pgbench, UPDATE + INSERT",
            Self::PgbenchAlone => "pgbench, 1 client",
            Self::PgbenchAwake => "pgbench, 1 client, processors kept awake",
            Self::Hello => "poem hello, direct",
            Self::HelloNginx => "poem hello, Nginx over 3 processes",
            Self::Holdfast => "Holdfast, 1 instance direct",
            Self::Holdfast128 => "Holdfast, 1 instance direct, 128 connections",
            Self::Holdfast512 => "Holdfast, 1 instance direct, 512 connections",
            Self::HoldfastAlone => "Holdfast, 1 instance direct, 1 connection",
            Self::HoldfastAwake => {
                "Holdfast, 1 instance direct, 1 connection, processors kept awake"
            }
            Self::HoldfastSoldOut => "Holdfast, 1 instance direct, sold out",
            Self::Nginx1 => "Holdfast, Nginx over 1 instance",
            Self::Nginx2 => "Holdfast, Nginx over 2 instances",
            Self::Nginx3 => "Holdfast, Nginx over 3 instances",
            Self::NginxSoldOut => "Holdfast, Nginx over 3 instances, sold out",
            Self::ThousandTickets => "Holdfast, event of 1,000 tickets, 1 connection",
            Self::MillionTickets => "Holdfast, event of 1,000,000 tickets, 1 connection",
            Self::SqliteNode => "Holdfast, node on SQLite",
            Self::SqliteLoop => "SQLite, UPDATE + INSERT in a loop",
            Self::LockThenWrite => "SETNX lock, then write",
            Self::GateThenRow => "Redis gate, then tier row",
            Self::WaitingLock => "waiting lock around read-check-write",
            Self::BitmapAndQueue => "Redis bitmap, queue writes later",
        }
    }

    /// Whether this is a model of a design rather than a program that somebody runs.
    pub fn is_modelled(self) -> bool {
        self.design().is_some()
    }

    /// The design that it models.
    pub fn design(self) -> Option<Peer> {
        match self {
            Self::LockThenWrite => Some(Peer::LockThenWrite),
            Self::GateThenRow => Some(Peer::GateThenRow),
            Self::WaitingLock => Some(Peer::WaitingLock),
            Self::BitmapAndQueue => Some(Peer::BitmapAndQueue),
            _ => None,
        }
    }

    /// Whether processors are kept from sleeping meanwhile.
    pub fn is_awake(self) -> bool {
        matches!(self, Self::PgbenchAwake | Self::HoldfastAwake)
    }

    /// Whether what was sold is on the disk when the buyer is told.
    pub fn is_durable(self) -> bool {
        self != Self::BitmapAndQueue
    }

    /// What it counts.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Pgbench | Self::PgbenchAlone | Self::PgbenchAwake | Self::SqliteLoop => {
                "transactions/s"
            }
            Self::Hello | Self::HelloNginx | Self::HoldfastSoldOut | Self::NginxSoldOut => {
                "requests/s"
            }
            _ => "reservations/s",
        }
    }
}

/// What one run came to.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    pub per_second: f64,
    pub median: Option<Duration>,
    pub p99: Option<Duration>,
    /// Microseconds of processor time of each part for one sale.
    pub cpu_micros: BTreeMap<&'static str, f64>,
    /// Of one instance, at the end of the run.
    pub resident_mib: Option<u64>,
    /// Whatever else happened.
    pub note: String,
}

impl Reading {
    /// What counts are the answers of these outcomes; the latencies are theirs.
    pub fn of(summary: &Summary, counted: &[Outcome]) -> Self {
        let latencies: Option<&Measured> = match counted {
            [only] => summary.outcomes.get(only),
            _ => Some(&summary.all),
        };
        Self {
            per_second: counted.iter().map(|it| summary.per_second(*it)).sum(),
            median: latencies.map(|it| it.quantile(0.5)),
            p99: latencies.map(|it| it.quantile(0.99)),
            note: others(summary, counted),
            ..Self::default()
        }
    }

    pub fn median_ms(&self) -> Option<f64> {
        self.median.map(millis)
    }

    pub fn p99_ms(&self) -> Option<f64> {
        self.p99.map(millis)
    }

    pub fn with_note(mut self, note: &str) -> Self {
        if !self.note.is_empty() {
            self.note.push_str(", ");
        }
        self.note.push_str(note);
        self
    }
}

/// How often something else was answered, in words.
fn others(summary: &Summary, counted: &[Outcome]) -> String {
    let others = summary
        .outcomes
        .iter()
        .filter(|(outcome, _)| !counted.contains(outcome))
        .map(|(outcome, measured)| format!("{} {outcome}", measured.count));
    let lost = summary.connection_errors;
    let lost = (lost > 0).then(|| format!("{lost} connections lost"));
    others.chain(lost).collect::<Vec<_>>().join(", ")
}

/// All runs of all rounds.
#[derive(Debug, Default)]
pub struct Results {
    /// By run, one for each round; what went wrong in place of a reading that is not worth anything.
    runs: BTreeMap<Run, Vec<Result<Reading, String>>>,
    /// Memory of an instance in MiB, by circumstance, one for each round.
    memory: BTreeMap<&'static str, Vec<u64>>,
}

impl Results {
    pub fn add(&mut self, run: Run, outcome: Result<Reading>) {
        let outcome = outcome.map_err(|error| format!("{error:#}"));
        self.runs.entry(run).or_default().push(outcome);
    }

    /// How many rounds of it there are.
    pub fn rounds_of(&self, run: Run) -> usize {
        self.runs.get(&run).map_or(0, Vec::len)
    }

    pub fn add_memory(&mut self, circumstance: &'static str, mib: Option<u64>) {
        self.memory.entry(circumstance).or_default().extend(mib);
    }

    pub fn runs(&self) -> impl Iterator<Item = (Run, &[Result<Reading, String>])> {
        self.runs.iter().map(|(run, all)| (*run, all.as_slice()))
    }

    /// Median memory of an instance in MiB, by circumstance.
    pub fn memory(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.memory.iter().filter_map(|(circumstance, mib)| {
            #[expect(clippy::cast_precision_loss, reason = "memory of a process in MiB")]
            let mib = mib.iter().map(|it| *it as f64).collect();
            Some((*circumstance, median(mib)?))
        })
    }

    pub fn failures(&self) -> usize {
        self.runs
            .values()
            .flatten()
            .filter(|it| it.is_err())
            .count()
    }

    /// The median over the rounds; none when no round gave a figure.
    pub fn per_second(&self, run: Run) -> Option<f64> {
        self.median_of(run, |reading| Some(reading.per_second))
    }

    /// In milliseconds.
    pub fn median_ms(&self, run: Run) -> Option<f64> {
        self.median_of(run, Reading::median_ms)
    }

    /// In milliseconds.
    pub fn p99_ms(&self, run: Run) -> Option<f64> {
        self.median_of(run, Reading::p99_ms)
    }

    /// Microseconds of a part for one sale.
    pub fn cpu_micros(&self, run: Run, part: &str) -> Option<f64> {
        self.median_of(run, |reading| reading.cpu_micros.get(part).copied())
    }

    /// What a run came to in each round; none where it failed.
    pub fn each_round<'a>(
        &'a self,
        run: Run,
        value: impl Fn(&Reading) -> Option<f64> + 'a,
    ) -> impl Iterator<Item = Option<f64>> + 'a {
        let rounds = self.runs.get(&run).into_iter().flatten();
        rounds.map(move |reading| value(reading.as_ref().ok()?))
    }

    fn median_of(&self, run: Run, value: impl Fn(&Reading) -> Option<f64>) -> Option<f64> {
        median(self.each_round(run, value).flatten().collect())
    }
}

/// The one in the middle, or the mean of the two there.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(values[middle - 1], upper))
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::{Reading, Results, Run, median};

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![7.0]), Some(7.0));
        assert_eq!(median(vec![3.0, 9.0, 1.0]), Some(3.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 100.0]), Some(3.0));
    }

    #[test]
    fn a_run_that_failed_gives_no_figure() {
        let mut results = Results::default();
        for per_second in [10.0, 30.0] {
            results.add(
                Run::Hello,
                Ok(Reading {
                    per_second,
                    ..Reading::default()
                }),
            );
        }
        results.add(Run::Hello, Err(anyhow!("a seat was sold twice")));
        results.add(Run::Nginx1, Err(anyhow!("it does not start")));
        assert_eq!(results.per_second(Run::Hello), Some(20.0));
        assert_eq!(results.per_second(Run::Nginx1), None);
        assert_eq!(results.per_second(Run::Nginx2), None);
        assert_eq!(results.failures(), 2);
    }
}
