//! Holdfast itself: one instance, several behind Nginx, and a node on SQLite.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use kit::{Directory, Instance};

use super::{Awake, CROWD, Run, Stage, ceilings::quantile, plan, seats};
use crate::{
    check::{Checked, check},
    compare::rounds::{Reading, Results},
    load::{Outcome, Plan, Script, Shape, Summary, Until, drive},
    machine::{CpuTimes, Parts, resident_mib},
    scenario::{sold_out::SoldOut, uniform::Uniform},
    servers::{Servers, Tuning, balance, jwt_secret, part_of},
    sqlite_loop,
    target::{EventSpec, SaleEvent, Target, ZoneSpec},
};

/// Accounts that share the requests among them.
const BUYERS: usize = 1000;

/// Seats that are gone before a sold-out run begins.
const TAKEN: usize = 2000;

/// A sold-out event has free seats for so many answers a second, of which one in ten sells one.
const ANSWERS_PER_SECOND_AT_MOST: u64 = 150_000;

/// One sale alone: what a disk lets through at the most, in a second.
const LONE_SALES_PER_SECOND: u64 = 5000;

/// A system that serves, and the books that it keeps.
pub struct House<'a> {
    servers: &'a Servers,
    target: Target,
    parts: Parts,
    database_url: String,
    instance_pid: u32,
}

pub async fn play_direct(stage: &Stage, runs: &[Run], results: &mut Results) -> Result<()> {
    let (alone, crowds): (Vec<Run>, Vec<Run>) =
        runs.iter().partition(|run| connections_of(**run) == 1);
    for crowd in crowds {
        play_instance(stage, stage.best.holdfast, &[crowd], results).await?;
    }
    if !alone.is_empty() {
        play_instance(stage, stage.best.alone, &alone, results).await?;
    }
    Ok(())
}

async fn play_instance(
    stage: &Stage,
    tuning: Tuning,
    runs: &[Run],
    results: &mut Results,
) -> Result<()> {
    over_fresh(stage, tuning, 1, false, async |house| {
        results.add_memory("idle, just started", resident_mib(house.instance_pid));
        for &run in runs {
            let _awake = Awake::during(run)?;
            let measured = house.measure_run(stage, run).await;
            if run == Run::Holdfast {
                let loaded = resident_mib(house.instance_pid);
                results.add_memory("under load, 256 connections", loaded);
            }
            results.add(run, measured);
        }
        house.close(runs, results).await
    })
    .await
}

pub async fn play_nginx(stage: &Stage, runs: &[Run], results: &mut Results) -> Result<()> {
    for &run in runs {
        let tuning = stage.best.behind_nginx;
        over_fresh(stage, tuning, instances_of(run), true, async |house| {
            results.add(run, house.measure_run(stage, run).await);
            house.close(&[run], results).await
        })
        .await?;
    }
    Ok(())
}

pub async fn play_sqlite(stage: &Stage, runs: &[Run], results: &mut Results) -> Result<()> {
    for run in runs {
        if *run == Run::SqliteLoop {
            let directory = Directory::create("loop")?;
            let looped = sqlite_loop::run(directory.path(), stage.lasting).await;
            let reading = looped.map(|looped| Reading {
                per_second: looped.per_second,
                median: Some(quantile(&looped.latencies, 0.5)),
                p99: Some(quantile(&looped.latencies, 0.99)),
                ..Reading::default()
            });
            results.add(*run, reading);
            continue;
        }
        let (node, url) = stage.servers.sqlite_node(stage.best.holdfast).await?;
        let nodes = [node];
        let house = House::open(&stage.servers, &nodes, None, &url).await?;
        results.add(*run, house.measure(CROWD, stage.lasting).await);
        house.close(&[*run], results).await?;
    }
    Ok(())
}

/// Instances so tuned, under so many connections: one directly, several through Nginx.
pub async fn measure_with(
    stage: &Stage,
    tuning: Tuning,
    count: usize,
    connections: usize,
    lasting: Duration,
) -> Result<Reading> {
    over_fresh(stage, tuning, count, count > 1, async |house| {
        house.measure(connections, lasting).await
    })
    .await
}

/// Does `work` over a fresh database and as many instances, which have just started.
async fn over_fresh<T>(
    stage: &Stage,
    tuning: Tuning,
    count: usize,
    through_nginx: bool,
    work: impl AsyncFnOnce(&House<'_>) -> Result<T>,
) -> Result<T> {
    let url = stage.servers.create_database().await?;
    let instances = stage.servers.instances(count, &url, tuning).await?;
    let nginx = if through_nginx {
        Some(balance(instances.iter().map(Instance::address)).await?)
    } else {
        None
    };
    let front = nginx.as_ref().map(|nginx| (nginx.base_url(), nginx.pid()));
    let house = House::open(&stage.servers, &instances, front, &url).await?;
    let done = work(&house).await;
    drop((nginx, instances));
    stage.servers.drop_database(&url).await?;
    done
}

/// Seats that so many connections do not exhaust in a run of this length.
fn seats_of(connections: usize, lasting: Duration) -> u64 {
    match connections {
        1 => LONE_SALES_PER_SECOND * (super::WARM_UP + lasting).as_secs(),
        _ => seats(lasting),
    }
}

impl<'a> House<'a> {
    /// With accounts for its buyers. `front` is the load balancer, if there is one.
    pub async fn open(
        servers: &'a Servers,
        instances: &[Instance],
        front: Option<(String, Option<u32>)>,
        database_url: &str,
    ) -> Result<Self> {
        let first = instances.first().context("there is no instance")?;
        let mut parts = servers.parts();
        parts.push(part_of(instances));
        let mut base_url = first.base_url().to_owned();
        if let Some((url, pid)) = front {
            parts.push(("Nginx", pid.into_iter().collect()));
            base_url = url;
        }
        let (database, secret) = (Some(database_url), Some(jwt_secret()));
        Ok(Self {
            servers,
            target: Target::prepare(&base_url, database, secret, None, BUYERS).await?,
            parts,
            database_url: database_url.to_owned(),
            instance_pid: first.pid(),
        })
    }

    /// Measures what the run is about.
    async fn measure_run(&self, stage: &Stage, run: Run) -> Result<Reading> {
        match run {
            Run::HoldfastSoldOut | Run::NginxSoldOut => self.measure_sold_out(stage).await,
            run => self.measure(connections_of(run), stage.lasting).await,
        }
    }

    /// Sells distinct seats of a new event to as many connections.
    async fn measure(&self, connections: usize, lasting: Duration) -> Result<Reading> {
        let plan = plan(&self.target.base_url, connections, lasting);
        let (event, tickets) = self.put_on_sale(seats_of(connections, lasting)).await?;
        self.sell_tickets(&plan, event.id, tickets, 0).await
    }

    /// Sells these tickets of an event, in their order, after so many sales before.
    pub async fn sell_tickets(
        &self,
        plan: &Plan,
        event: i64,
        tickets: Vec<i64>,
        sold_before: u64,
    ) -> Result<Reading> {
        let count = tickets.len() as u64;
        let script = Uniform::new(event, tickets, self.target.buyers.clone());
        let (summary, mut reading) = self.drive(plan, Arc::new(script), &[Outcome::Won]).await?;
        let won = summary.won_in_all();
        let may_end = plan.until == Until::Exhausted;
        ensure!(
            may_end || won < count,
            "all {count} seats were sold before the end"
        );
        let checked = self.check(event, sold_before + won).await?;
        checked.ensure_sound(summary.connection_errors)?;
        reading.resident_mib = resident_mib(self.instance_pid);
        Ok(reading)
    }

    /// Nine of ten requests are for a seat that is gone; one is for a seat that nobody else asks for.
    async fn measure_sold_out(&self, stage: &Stage) -> Result<Reading> {
        let left = ANSWERS_PER_SECOND_AT_MOST / 10 * (super::WARM_UP + stage.lasting).as_secs();
        let (event, mut tickets) = self.put_on_sale(left + TAKEN as u64).await?;
        let free = tickets.split_off(TAKEN);
        let buyers = &self.target.buyers;

        let fill = Plan {
            shape: Shape::Closed { connections: 32 },
            until: Until::Exhausted,
            warm_up: Duration::ZERO,
            ..stage.crowd(&self.target.base_url)
        };
        let taking = Uniform::new(event.id, tickets.clone(), buyers.clone());
        let taken = drive(&fill, Arc::new(taking)).await?;
        ensure!(
            taken.won_in_all() == TAKEN as u64,
            "of {TAKEN} seats to be gone, {} are",
            taken.won_in_all()
        );

        let script = SoldOut::new(event.id, tickets, free, buyers.clone());
        let crowd = stage.crowd(&self.target.base_url);
        let counted = [Outcome::Won, Outcome::Refused];
        let (summary, reading) = self.drive(&crowd, Arc::new(script), &counted).await?;
        ensure!(
            summary.won_in_all() < left,
            "all {left} seats that were left were sold before the end"
        );
        let won = summary.won_in_all() + taken.won_in_all();
        let lost = summary.connection_errors + taken.connection_errors;
        self.check(event.id, won).await?.ensure_sound(lost)?;
        let of_them = summary.per_second(Outcome::Won);
        Ok(reading.with_note(&format!("{of_them:.0}/s of them sales")))
    }

    async fn drive(
        &self,
        plan: &Plan,
        script: Arc<dyn Script>,
        counted: &[Outcome],
    ) -> Result<(Summary, Reading)> {
        self.servers.settle().await?;
        let before = CpuTimes::read(&self.parts);
        let summary = drive(plan, script).await?;
        let after = CpuTimes::read(&self.parts);
        let mut reading = Reading::of(&summary, counted);
        let answers = counted
            .iter()
            .filter_map(|it| summary.answers.get(it))
            .sum();
        reading.cpu_micros = after.micros_per_sale(&before, answers);
        if let Some(failure) = &summary.first_failure {
            reading = reading.with_note(failure);
        }
        Ok((summary, reading))
    }

    /// A new event with at least so many seats.
    pub async fn put_on_sale(&self, seats: u64) -> Result<(SaleEvent, Vec<i64>)> {
        let zone = ZoneSpec::seats(u32::try_from(seats)?);
        let zones = vec![zone];
        let mut event = self.target.create_event(&EventSpec { zones }).await?;
        let zone = event.zones.first_mut().context("an event without a zone")?;
        let tickets = std::mem::take(&mut zone.ticket_ids);
        Ok((event, tickets))
    }

    async fn check(&self, event: i64, won: u64) -> Result<Checked> {
        check(&self.database_url, event, won, None).await
    }

    /// Has `holdfast verify` look at the whole database; what it finds spoils all of the runs.
    pub async fn close(&self, runs: &[Run], results: &mut Results) -> Result<()> {
        let binary = Some(self.servers.holdfast.as_path());
        let checked = check(&self.database_url, 0, 0, binary).await?;
        if let Err(error) = checked.ensure_sound(0) {
            for run in runs {
                results.spoil(*run, &format!("{error:#}"));
            }
        }
        Ok(())
    }
}

/// Connections of a run.
pub fn connections_of(run: Run) -> usize {
    match run {
        Run::Holdfast128 => 128,
        Run::Holdfast512 => 512,
        Run::HoldfastAlone | Run::HoldfastAwake => 1,
        _ => CROWD,
    }
}

fn instances_of(run: Run) -> usize {
    match run {
        Run::Nginx1 => 1,
        Run::Nginx2 => 2,
        _ => 3,
    }
}
