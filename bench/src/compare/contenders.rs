//! What is measured, in which order, and over what.
//!
//! In a round, each group has its turn; every round begins with another group, and every other round
//! goes through each backwards, so that nothing always comes after the same. What is measured runs alone:
//! instances and peers are started for their turn and ended after it.

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

/// How long a setting is tried.
const BRIEFLY: Duration = Duration::from_secs(2);

const WARM_UP: Duration = Duration::from_secs(1);

/// Seats are made for so many sales a second of each processor; a run that sells more than there are
/// gives no figure.
const SALES_PER_SECOND_AT_MOST: u64 = 20_000;

/// The order of a round. What is divided by something else stands beside it, since a machine's speed
/// changes from minute to minute: among the designs that which has been the fastest one of those that are
/// durable. The others stand between the rest, so that a slow minute does not hit only them.
const GROUPS: [&[Run]; 9] = [
    &[Run::GateThenRow, Run::Holdfast, Run::Pgbench, Run::Nginx3],
    &[Run::Hello, Run::HoldfastSoldOut],
    &[Run::LockThenWrite, Run::Holdfast128, Run::Holdfast512],
    &[Run::HelloNginx, Run::NginxSoldOut],
    &[Run::WaitingLock, Run::Nginx1, Run::Nginx2],
    &[Run::PgbenchAlone, Run::HoldfastAlone],
    &[Run::SqliteNode, Run::SqliteLoop],
    &[Run::PgbenchAwake, Run::HoldfastAwake, Run::BitmapAndQueue],
    &[Run::ThousandTickets, Run::MillionTickets],
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
    /// Of an instance that is sold out.
    pub sold_out: Tuning,
    /// Of an instance that sells to one connection.
    pub alone: Tuning,
    /// Of each of three instances behind Nginx.
    pub behind_nginx: Tuning,
    pub hello: Tuning,
    pub designs: Vec<(Peer, Tuning)>,
    /// A line for each thing that was tried.
    pub tried: Vec<String>,
}

impl Stage {
    /// Measures everything that is wanted once.
    pub async fn play_round(&mut self, round: usize, results: &mut Results) {
        for run in order(round) {
            if self.wanted.contains(&run) {
                let measured = self.measure(run, results).await;
                results.add(run, measured);
            }
        }
    }

    async fn measure(&mut self, run: Run, results: &mut Results) -> Result<Reading> {
        let _awake = Awake::during(run)?;
        let (best, lasting) = (&self.best, self.lasting);
        if let Some(design) = run.design() {
            return designs::measure(self, design, best.tuning_of(design), lasting).await;
        }
        match run {
            Run::Pgbench => ceilings::measure_pgbench(self, best.pgbench_clients, lasting).await,
            Run::PgbenchAlone | Run::PgbenchAwake => {
                ceilings::measure_pgbench(self, 1, lasting).await
            }
            Run::Hello => ceilings::measure_hello(self, best.hello, 1, lasting).await,
            Run::HelloNginx => {
                ceilings::measure_hello(self, best.hello.one_of_several(), 3, lasting).await
            }
            Run::ThousandTickets => alone::measure_thousand(self).await,
            Run::MillionTickets => alone::measure_million(self, results).await,
            Run::SqliteNode => holdfast::measure_sqlite_node(self).await,
            Run::SqliteLoop => ceilings::measure_sqlite_loop(lasting).await,
            run => holdfast::measure(self, run, results).await,
        }
    }

    /// Tries what may be set, briefly, and keeps what is fastest: for the others as for Holdfast.
    pub async fn tune(&mut self) -> Result<()> {
        if self.wanted.contains(&Run::Pgbench) {
            let measure = async |stage: &Self, clients| {
                ceilings::measure_pgbench(stage, clients, BRIEFLY).await
            };
            let what = "pgbench, clients";
            self.best.pgbench_clients = self.fastest(what, &[8, 32, 64], measure).await?;
        }
        self.tune_holdfast().await?;
        if self.wants(&[Run::Hello, Run::HelloNginx]) {
            let measure = async |stage: &Self, tuning| {
                ceilings::measure_hello(stage, tuning, 1, BRIEFLY).await
            };
            let what = "poem hello, connections/threads";
            self.best.hello = self.fastest(what, &Tuning::to_try(&[1]), measure).await?;
        }
        for run in self.wanted.clone() {
            let Some(peer) = run.design() else {
                continue;
            };
            let measure =
                async |stage: &Self, tuning| designs::measure(stage, peer, tuning, BRIEFLY).await;
            let what = format!("{}, connections/threads", run.title());
            let tuning = self
                .fastest(&what, &Tuning::to_try(&POOLS), measure)
                .await?;
            self.best.designs.push((peer, tuning));
        }
        Ok(())
    }

    /// Each circumstance apart, as for the others. Of an instance's threads, those that serve it best with
    /// the best number of connections are kept.
    async fn tune_holdfast(&mut self) -> Result<()> {
        let pools = POOLS.map(|pool| Tuning::of(pool, UNTRIED.threads));
        if self.wants(&[
            Run::Holdfast,
            Run::Holdfast128,
            Run::Holdfast512,
            Run::HoldfastSoldOut,
        ]) {
            let measure =
                async |stage: &Self, tuning| holdfast::sell_briefly(stage, tuning, 1, CROWD).await;
            let what = "Holdfast, connections/threads, + 1 that commits";
            let Tuning { pool, .. } = self.fastest(what, &pools, measure).await?;
            let threads = Tuning::to_try_of_holdfast(pool);
            self.best.holdfast = self.fastest(what, &threads, measure).await?;
        }
        if self.wanted.contains(&Run::HoldfastSoldOut) {
            let measure = holdfast::sell_out_briefly;
            let what = "Holdfast sold out, connections/threads, + 1 that commits";
            let threads = Tuning::to_try_of_holdfast(self.best.holdfast.pool);
            self.best.sold_out = self.fastest(what, &threads, measure).await?;
        }
        if self.wants(&[Run::HoldfastAlone, Run::HoldfastAwake]) {
            let measure =
                async |stage: &Self, tuning| holdfast::sell_briefly(stage, tuning, 1, 1).await;
            let what = "Holdfast with one client, connections/threads, + 1 that commits";
            let threads = Tuning::to_try_of_holdfast(UNTRIED.pool);
            self.best.alone = self.fastest(what, &threads, measure).await?;
        }
        if self.wants(&[Run::Nginx1, Run::Nginx2, Run::Nginx3, Run::NginxSoldOut]) {
            let measure =
                async |stage: &Self, tuning| holdfast::sell_briefly(stage, tuning, 3, CROWD).await;
            let what = "Holdfast, 3 instances behind Nginx, connections/threads of each";
            self.best.behind_nginx = self.fastest(what, &pools, measure).await?;
        }
        Ok(())
    }

    fn wants(&self, runs: &[Run]) -> bool {
        runs.iter().any(|run| self.wanted.contains(run))
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
}

impl Default for Best {
    fn default() -> Self {
        Self {
            pgbench_clients: 32,
            holdfast: UNTRIED,
            sold_out: UNTRIED,
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

/// What is measured in a round, one after the other.
fn order(round: usize) -> Vec<Run> {
    let mut groups = GROUPS.map(<[Run]>::to_vec);
    groups.rotate_left(round * 3 % GROUPS.len());
    if round % 2 == 1 {
        for group in &mut groups {
            group.reverse();
        }
    }
    groups.concat()
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

    use super::{Best, Run, order};

    #[test]
    fn every_run_is_measured_once_in_a_round() {
        for round in 0..4 {
            let mut runs = order(round);
            runs.sort_unstable();
            assert_eq!(runs, Run::value_variants());
        }
    }

    #[test]
    fn what_is_divided_by_something_else_is_measured_beside_it() {
        for round in 0..4 {
            let runs = order(round);
            let is_beside = |one: Run, other: Run| {
                let mut pairs = runs.windows(2);
                pairs.any(|pair| pair == [one, other] || pair == [other, one])
            };
            assert!(is_beside(Run::Holdfast, Run::Pgbench));
            assert!(is_beside(Run::Holdfast, Run::GateThenRow));
            assert!(is_beside(Run::Nginx3, Run::Pgbench));
            assert!(is_beside(Run::HoldfastSoldOut, Run::Hello));
            assert!(is_beside(Run::NginxSoldOut, Run::HelloNginx));
            assert!(is_beside(Run::HoldfastAlone, Run::PgbenchAlone));
            assert!(is_beside(Run::HoldfastAwake, Run::PgbenchAwake));
            assert!(is_beside(Run::MillionTickets, Run::ThousandTickets));
            assert!(is_beside(Run::SqliteNode, Run::SqliteLoop));
        }
    }

    #[test]
    fn the_fastest_setting_is_kept() {
        let mut best = Best::default();
        let rates = [(8, 900.0), (16, 1200.0), (32, 1100.0)];
        assert_eq!(best.choose("connections", &rates), 16);
        assert!(best.tried[0].contains("8: 900/s"), "{:?}", best.tried);
    }
}
