//! The modelled designs: each sells seat after seat to a crowd.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use http::Method;

use super::{CROWD, Stage, plan, seats};
use crate::{
    compare::rounds::Reading,
    load::{Call, Outcome, Script, drive},
    machine::{CpuTimes, resident_mib},
    peers::{Peer, tables::Sold},
    servers::Tuning,
};

/// How long a queue may take to be written after the load has ended.
const WRITTEN_WITHIN: Duration = Duration::from_mins(1);

const POLL: Duration = Duration::from_millis(50);

pub async fn measure(
    stage: &Stage,
    peer: Peer,
    tuning: Tuning,
    lasting: Duration,
) -> Result<Reading> {
    let servers = &stage.servers;
    let seats = match peer {
        // Redis alone answers faster than any disk.
        Peer::BitmapAndQueue => 3 * seats(lasting),
        _ => seats(lasting),
    };
    servers.create_tables(i64::try_from(seats)?).await?;
    let program = servers.peer(peer, tuning).await?;
    let pids: Vec<u32> = program.pid().into_iter().collect();
    let mut parts = servers.parts();
    parts.push(("server", pids.clone()));

    let before = CpuTimes::read(&parts);
    let script = Arc::new(Seats {
        last: seats,
        next: AtomicU64::new(1),
    });
    let summary = drive(&plan(&program.base_url(), CROWD, lasting), script).await?;
    let told = summary.won_in_all();
    ensure!(told < seats, "all {seats} seats were sold before the end");
    let wait = wait_until_written(&servers.peers_url(), told).await?;
    let after = CpuTimes::read(&parts);

    let mut reading = Reading::of(&summary, &[Outcome::Won]);
    reading.cpu_micros = after.micros_per_sale(&before, told);
    reading.resident_mib = pids.first().and_then(|pid| resident_mib(*pid));
    if wait > POLL {
        reading = reading.with_note(&format!("written {:.1} s later", wait.as_secs_f64()));
    }
    Ok(reading)
}

/// Checks that what was told is what was sold, as soon as it is all there; returns how long that took.
async fn wait_until_written(database_url: &str, told: u64) -> Result<Duration> {
    let since = Instant::now();
    loop {
        let sold = Sold::read(database_url).await?;
        if sold.orders >= told || since.elapsed() > WRITTEN_WITHIN {
            sold.check(told)?;
            return Ok(since.elapsed());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Every request asks for a seat that nobody else asks for.
struct Seats {
    last: u64,
    next: AtomicU64,
}

impl Script for Seats {
    fn next(&self, _connection: usize) -> Option<Call> {
        let seat = self.next.fetch_add(1, Ordering::Relaxed);
        (seat <= self.last).then(|| Call {
            method: Method::POST,
            path: format!("/reserve/{seat}").into(),
            bearer: None,
            body: None,
            tag: seat,
        })
    }

    fn judge(&self, _call: &Call, status: u16, _body: &[u8]) -> Outcome {
        match status {
            201 => Outcome::Won,
            409 => Outcome::Refused,
            _ => Outcome::Failed,
        }
    }
}
