//! Holdfast itself: one instance, several behind Nginx, and a node on SQLite.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use kit::Instance;

use super::{BRIEFLY, CROWD, Run, Stage, plan, seats};
use crate::{
    check::{Checked, check},
    compare::rounds::{Reading, Results},
    load::{Outcome, Plan, Script, Shape, Summary, Until, drive},
    machine::{CpuTimes, Parts, resident_mib},
    scenario::{sold_out::SoldOut, uniform::Uniform},
    servers::{Servers, Tuning, balance, jwt_secret, part_of},
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

/// One instance directly, or some behind Nginx.
pub async fn measure(stage: &Stage, run: Run, results: &mut Results) -> Result<Reading> {
    let best = &stage.best;
    let (tuning, instances, through_nginx) = match run {
        Run::HoldfastSoldOut => (best.sold_out, 1, false),
        Run::HoldfastAlone | Run::HoldfastAwake => (best.alone, 1, false),
        Run::Nginx1 => (best.behind_nginx, 1, true),
        Run::Nginx2 => (best.behind_nginx, 2, true),
        Run::Nginx3 | Run::NginxSoldOut => (best.behind_nginx, 3, true),
        _ => (best.holdfast, 1, false),
    };
    over_fresh(stage, tuning, instances, through_nginx, async |house| {
        if !through_nginx {
            results.add_memory("idle, just started", resident_mib(house.instance_pid));
        }
        let reading = match run {
            Run::HoldfastSoldOut | Run::NginxSoldOut => house.sell_out(stage.lasting).await?,
            _ => house.sell(connections_of(run), stage.lasting).await?,
        };
        if run == Run::Holdfast {
            results.add_memory("under load, 256 connections", reading.resident_mib);
        }
        house.verify().await?;
        Ok(reading)
    })
    .await
}

pub async fn measure_sqlite_node(stage: &Stage) -> Result<Reading> {
    let (node, url) = stage.servers.sqlite_node(stage.best.holdfast).await?;
    let nodes = [node];
    let house = House::open(&stage.servers, &nodes, None, &url).await?;
    let reading = house.sell(CROWD, stage.lasting).await?;
    house.verify().await?;
    Ok(reading)
}

/// To try a setting, so many connections buy: of one instance directly, of several through Nginx.
pub async fn sell_briefly(
    stage: &Stage,
    tuning: Tuning,
    instances: usize,
    connections: usize,
) -> Result<Reading> {
    let through_nginx = instances > 1;
    over_fresh(stage, tuning, instances, through_nginx, async |house| {
        house.sell(connections, BRIEFLY).await
    })
    .await
}

/// To try a setting, a crowd asks an instance for what is nearly gone.
pub async fn sell_out_briefly(stage: &Stage, tuning: Tuning) -> Result<Reading> {
    over_fresh(stage, tuning, 1, false, async |house| {
        house.sell_out(BRIEFLY).await
    })
    .await
}

/// Does `work` over a fresh database and as many instances, which have just started.
pub async fn over_fresh<T>(
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

    /// Sells distinct seats of a new event to as many connections.
    async fn sell(&self, connections: usize, lasting: Duration) -> Result<Reading> {
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
    async fn sell_out(&self, lasting: Duration) -> Result<Reading> {
        let left = ANSWERS_PER_SECOND_AT_MOST / 10 * (super::WARM_UP + lasting).as_secs();
        let (event, mut tickets) = self.put_on_sale(left + TAKEN as u64).await?;
        let free = tickets.split_off(TAKEN);
        let buyers = &self.target.buyers;

        let crowd = plan(&self.target.base_url, CROWD, lasting);
        let fill = Plan {
            shape: Shape::Closed { connections: 32 },
            until: Until::Exhausted,
            warm_up: Duration::ZERO,
            ..crowd.clone()
        };
        let taking = Uniform::new(event.id, tickets.clone(), buyers.clone());
        let taken = drive(&fill, Arc::new(taking)).await?;
        ensure!(
            taken.won_in_all() == TAKEN as u64,
            "of {TAKEN} seats to be gone, {} are",
            taken.won_in_all()
        );

        let script = SoldOut::new(event.id, tickets, free, buyers.clone());
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

    pub fn base_url(&self) -> &str {
        &self.target.base_url
    }

    /// Has `holdfast verify` look at the whole database.
    async fn verify(&self) -> Result<()> {
        let binary = Some(self.servers.holdfast.as_path());
        let checked = check(&self.database_url, 0, 0, binary).await?;
        checked.ensure_sound(0)
    }
}

/// Connections of a run.
fn connections_of(run: Run) -> usize {
    match run {
        Run::Holdfast128 => 128,
        Run::Holdfast512 => 512,
        Run::HoldfastAlone | Run::HoldfastAwake => 1,
        _ => CROWD,
    }
}
