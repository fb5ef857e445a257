//! What is measured, in which order, and over what.
//!
//! In a round, each group has its turn; every round begins with another group, so that none always
//! comes after the same one. What is measured runs alone: instances and peers are started for their
//! turn and ended after it.

mod alone;
mod awake;
mod ceilings;
mod designs;
mod holdfast;

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;

use super::rounds::{Reading, Results, Run};
use crate::{
    load::{Plan, Shape, Until},
    machine::processors,
    peers::Peer,
    servers::{Servers, Tuning},
};

pub use alone::MillionTickets;
pub use awake::Awake;

/// Connections of a crowd.
const CROWD: usize = 256;

/// Connections to the database that are tried.
const POOLS: [u32; 3] = [8, 16, 32];

/// Where nothing is tried.
const UNTRIED: Tuning = Tuning {
    pool: 16,
    threads: 1,
    commits_apart: false,
};

const WARM_UP: Duration = Duration::from_secs(1);

/// Seats are made for so many sales a second of each processor; a run that sells more than there are
/// gives no figure.
const SALES_PER_SECOND_AT_MOST: u64 = 20_000;

/// What runs belong together, because they share servers or make one ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Pgbench,
    Hello,
    Direct,
    Nginx,
    Alone,
    Sqlite,
    Design(Peer, Run),
}

/// The designs, each with the run that measures it.
pub const DESIGNS: [(Peer, Run); 4] = [
    (Peer::LockThenWrite, Run::LockThenWrite),
    (Peer::GateThenRow, Run::GateThenRow),
    (Peer::WaitingLock, Run::WaitingLock),
    (Peer::BitmapAndQueue, Run::BitmapAndQueue),
];

/// What everything is measured over, and how.
#[derive(Debug)]
pub struct Stage {
    pub servers: Servers,
    pub wanted: BTreeSet<Run>,
    /// How long a run takes after the warm-up.
    pub lasting: Duration,
    pub best: Best,
    /// Made once, when the first round needs it.
    pub million: Option<MillionTickets>,
}

/// The settings that were found best on this machine, and what was tried.
#[derive(Debug, Clone)]
pub struct Best {
    pub pgbench_clients: usize,
    pub holdfast: Tuning,
    /// Of an instance that sells to one connection.
    pub alone: Tuning,
    /// Of each of three instances behind Nginx.
    pub behind_nginx: Tuning,
    pub hello: Tuning,
    pub designs: Vec<(Peer, Tuning)>,
    /// A line for each thing that was tried.
    pub tried: Vec<String>,
}

impl Group {
    pub fn all() -> Vec<Self> {
        let designs = DESIGNS.map(|(peer, run)| Self::Design(peer, run));
        let [first, second, third, fourth] = designs;
        // Designs stand between the others, so that a slow minute of the machine does not hit only them.
        vec![
            Self::Pgbench,
            Self::Direct,
            first,
            Self::Hello,
            second,
            Self::Nginx,
            third,
            Self::Sqlite,
            fourth,
            Self::Alone,
        ]
    }

    pub fn runs(self) -> Vec<Run> {
        match self {
            Self::Pgbench => vec![Run::Pgbench, Run::PgbenchAlone, Run::PgbenchAwake],
            Self::Hello => vec![Run::Hello, Run::HelloNginx],
            Self::Direct => vec![
                Run::Holdfast,
                Run::Holdfast128,
                Run::Holdfast512,
                Run::HoldfastAlone,
                Run::HoldfastAwake,
                Run::HoldfastSoldOut,
            ],
            Self::Nginx => vec![Run::Nginx1, Run::Nginx2, Run::Nginx3, Run::NginxSoldOut],
            Self::Alone => vec![Run::ThousandTickets, Run::MillionTickets],
            Self::Sqlite => vec![Run::SqliteNode, Run::SqliteLoop],
            Self::Design(_, run) => vec![run],
        }
    }
}

impl Stage {
    /// Measures everything that is wanted once.
    pub async fn play_round(&mut self, round: usize, results: &mut Results) {
        let mut groups = Group::all();
        let first = round * 3 % groups.len();
        groups.rotate_left(first);
        for group in groups {
            let runs = self.wanted_of(group);
            if runs.is_empty() {
                continue;
            }
            if let Err(error) = self.play(group, &runs, results).await {
                let why = format!("{error:#}");
                for run in runs {
                    // What the group has measured before stands; the rest failed with it.
                    if results.rounds_of(run) <= round {
                        results.add(run, Err(anyhow::anyhow!("{why}")));
                    }
                }
            }
        }
    }

    async fn play(&mut self, group: Group, runs: &[Run], results: &mut Results) -> Result<()> {
        match group {
            Group::Pgbench => ceilings::play_pgbench(self, runs, results).await,
            Group::Hello => ceilings::play_hello(self, runs, results).await,
            Group::Direct => holdfast::play_direct(self, runs, results).await,
            Group::Nginx => holdfast::play_nginx(self, runs, results).await,
            Group::Alone => alone::play(self, runs, results).await,
            Group::Sqlite => holdfast::play_sqlite(self, runs, results).await,
            Group::Design(peer, run) => {
                let tuning = self.best.tuning_of(peer);
                let measured = designs::measure(self, peer, tuning, self.lasting).await;
                results.add(run, measured);
                Ok(())
            }
        }
    }

    /// Tries what may be set, briefly, and keeps what is fastest: for the others as for Holdfast.
    pub async fn tune(&mut self) -> Result<()> {
        let briefly = Duration::from_secs(2);
        let tunings = Tuning::to_try(&POOLS);
        if self.wanted.contains(&Run::Pgbench) {
            let measure = async |stage: &Self, clients| {
                ceilings::measure_pgbench(stage, clients, briefly).await
            };
            let what = "pgbench, clients";
            self.best.pgbench_clients = self.fastest(what, &[8, 32, 64], measure).await?;
        }
        let direct = self.wanted_of(Group::Direct);
        if !direct.is_empty() {
            let measure = async |stage: &Self, tuning| {
                holdfast::measure_with(stage, tuning, 1, CROWD, briefly).await
            };
            let what = "Holdfast, connections/threads, + 1 that commits";
            let tunings = Tuning::to_try_of_holdfast(&POOLS);
            self.best.holdfast = self.fastest(what, &tunings, measure).await?;
        }
        if direct.iter().any(|run| holdfast::connections_of(*run) == 1) {
            let measure = async |stage: &Self, tuning| {
                holdfast::measure_with(stage, tuning, 1, 1, briefly).await
            };
            let what = "Holdfast with one client, connections/threads, + 1 that commits";
            let tunings = Tuning::to_try_of_holdfast(&[UNTRIED.pool]);
            self.best.alone = self.fastest(what, &tunings, measure).await?;
        }
        if !self.wanted_of(Group::Nginx).is_empty() {
            let measure = async |stage: &Self, tuning| {
                holdfast::measure_with(stage, tuning, 3, CROWD, briefly).await
            };
            let tunings = POOLS.map(|pool| Tuning::of(pool, 1));
            let what = "Holdfast, 3 instances behind Nginx, connections/threads of each";
            self.best.behind_nginx = self.fastest(what, &tunings, measure).await?;
        }
        if !self.wanted_of(Group::Hello).is_empty() {
            let measure = async |stage: &Self, tuning| {
                ceilings::measure_hello(stage, tuning, 1, briefly).await
            };
            let what = "poem hello, connections/threads";
            self.best.hello = self.fastest(what, &Tuning::to_try(&[1]), measure).await?;
        }
        for (peer, run) in DESIGNS {
            if !self.wanted.contains(&run) {
                continue;
            }
            let measure =
                async |stage: &Self, tuning| designs::measure(stage, peer, tuning, briefly).await;
            let what = format!("{}, connections/threads", run.title());
            let tuning = self.fastest(&what, &tunings, measure).await?;
            self.best.designs.push((peer, tuning));
        }
        Ok(())
    }

    /// Tries each of these settings, and gives the one with the highest rate.
    async fn fastest<T: Copy + std::fmt::Display>(
        &mut self,
        what: &str,
        settings: &[T],
        measure: impl AsyncFn(&Self, T) -> Result<Reading>,
    ) -> Result<T> {
        let mut rates = Vec::new();
        for &setting in settings {
            rates.push((setting, measure(self, setting).await?.per_second));
        }
        Ok(self.best.choose(what, &rates))
    }

    fn wanted_of(&self, group: Group) -> Vec<Run> {
        let runs = group.runs().into_iter();
        runs.filter(|run| self.wanted.contains(run)).collect()
    }

    fn crowd(&self, base_url: &str) -> Plan {
        plan(base_url, CROWD, self.lasting)
    }
}

impl Default for Best {
    fn default() -> Self {
        Self {
            pgbench_clients: 32,
            holdfast: UNTRIED,
            alone: UNTRIED,
            behind_nginx: UNTRIED,
            hello: UNTRIED,
            designs: Vec::new(),
            tried: Vec::new(),
        }
    }
}

impl Best {
    fn tuning_of(&self, peer: Peer) -> Tuning {
        let tuned = self.designs.iter().find(|(tuned, _)| *tuned == peer);
        tuned.map_or(UNTRIED, |(_, tuning)| *tuning)
    }

    /// The setting with the highest rate.
    fn choose<T: Copy + std::fmt::Display>(&mut self, what: &str, rates: &[(T, f64)]) -> T {
        let best = rates.iter().max_by(|one, other| one.1.total_cmp(&other.1));
        let (best, _) = *best.expect("something was tried");
        let tried: Vec<String> = rates
            .iter()
            .map(|(setting, rate)| format!("{setting}: {rate:.0}/s"))
            .collect();
        let line = format!("{what}: {best} ({})", tried.join(", "));
        eprintln!("  {line}");
        self.tried.push(line);
        best
    }
}

/// Seats that a crowd does not exhaust in a run of this length.
fn seats(lasting: Duration) -> u64 {
    SALES_PER_SECOND_AT_MOST * processors() as u64 * (WARM_UP + lasting).as_secs()
}

fn plan(base_url: &str, connections: usize, lasting: Duration) -> Plan {
    Plan {
        base_url: base_url.to_owned(),
        shape: Shape::Closed { connections },
        warm_up: WARM_UP,
        until: Until::Elapsed(lasting),
        show_progress: false,
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::{Best, Group, Run};

    #[test]
    fn every_run_belongs_to_one_group() {
        let mut runs: Vec<Run> = Group::all().into_iter().flat_map(Group::runs).collect();
        runs.sort_unstable();
        assert_eq!(runs, Run::value_variants());
    }

    #[test]
    fn the_fastest_setting_is_kept() {
        let mut best = Best::default();
        let rates = [(8, 900.0), (16, 1200.0), (32, 1100.0)];
        assert_eq!(best.choose("connections", &rates), 16);
        assert!(best.tried[0].contains("8: 900/s"), "{:?}", best.tried);
    }
}
