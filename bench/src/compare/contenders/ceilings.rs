//! What nobody can be faster than: a single row's transaction, and a constant answer.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use kit::{Directory, Program};

use super::{Stage, plan, seats};
use crate::{
    compare::rounds::Reading,
    load::{Call, Outcome, Script, drive},
    peers::{HELLO_PATH, Peer, tables::Sold},
    pgbench,
    servers::{PEERS_DATABASE, Tuning, balance},
    sqlite_loop,
};

pub async fn measure_pgbench(stage: &Stage, clients: usize, lasting: Duration) -> Result<Reading> {
    let servers = &stage.servers;
    servers
        .create_tables(i64::try_from(seats(lasting))?)
        .await?;
    let ran = pgbench::run(&servers.postgres, PEERS_DATABASE, clients, lasting).await?;
    let sold = Sold::read(&servers.peers_url()).await?;
    sold.check(ran.transactions)?;
    Ok(Reading {
        per_second: ran.per_second,
        median: ran.latencies.as_ref().map(|it| quantile(it, 0.5)),
        p99: ran.latencies.as_ref().map(|it| quantile(it, 0.99)),
        ..Reading::default()
    })
}

pub async fn measure_sqlite_loop(lasting: Duration) -> Result<Reading> {
    let directory = Directory::create("loop")?;
    let looped = sqlite_loop::run(directory.path(), lasting).await?;
    Ok(Reading {
        per_second: looped.per_second,
        median: Some(quantile(&looped.latencies, 0.5)),
        p99: Some(quantile(&looped.latencies, 0.99)),
        ..Reading::default()
    })
}

/// A latency of a histogram in microseconds.
fn quantile(latencies: &Histogram<u64>, part: f64) -> Duration {
    Duration::from_micros(latencies.value_at_quantile(part))
}

/// One process directly, several through Nginx.
pub async fn measure_hello(
    stage: &Stage,
    tuning: Tuning,
    processes: usize,
    lasting: Duration,
) -> Result<Reading> {
    let peers = (0..processes).map(|_| stage.servers.peer(Peer::Hello, tuning));
    let peers = try_join_all(peers).await?;
    let nginx;
    let base_url = if processes > 1 {
        nginx = balance(peers.iter().map(Program::address)).await?;
        nginx.base_url()
    } else {
        peers.first().context("nobody says hello")?.base_url()
    };
    let plan = plan(&base_url, super::CROWD, lasting);
    let summary = drive(&plan, std::sync::Arc::new(Hello)).await?;
    Ok(Reading::of(&summary, &[Outcome::Done]))
}

struct Hello;

impl Script for Hello {
    fn next(&self, _connection: usize) -> Option<Call> {
        Some(Call::get(HELLO_PATH))
    }

    fn judge(&self, _call: &Call, status: u16, _body: &[u8]) -> Outcome {
        match status {
            200 => Outcome::Done,
            _ => Outcome::Failed,
        }
    }
}
