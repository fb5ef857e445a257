//! One buyer alone, on a small event and on one of a million tickets: does the size matter?

use std::time::Duration;

use anyhow::Result;

use super::{
    Stage,
    holdfast::{House, over_fresh},
};
use crate::{
    compare::rounds::{Reading, Results},
    load::{Plan, Shape, Until},
    machine::resident_mib,
    target::Api,
};

/// Seats that are sold one after the other, of each event.
const SALES: usize = 900;

const SMALL: u64 = 1000;
const MILLION: u64 = 1_000_000;

/// An event of a million tickets in a database of its own. Making it takes longer than a run, so every
/// round sells other seats of it.
#[derive(Debug)]
pub struct MillionTickets {
    database_url: String,
    event: i64,
    unsold: Vec<i64>,
    sold: u64,
}

pub async fn measure_thousand(stage: &Stage) -> Result<Reading> {
    over_fresh(stage, stage.best.holdfast, 1, false, async |house| {
        let (event, mut tickets) = house.put_on_sale(SMALL).await?;
        tickets.truncate(SALES);
        watch(house, event.id).await?;
        house.sell_tickets(&plan(house), event.id, tickets, 0).await
    })
    .await
}

pub async fn measure_million(stage: &mut Stage, results: &mut Results) -> Result<Reading> {
    let mut million = match stage.million.take() {
        Some(made) => made,
        None => make_million(stage).await?,
    };
    let at = million.unsold.len().saturating_sub(SALES);
    let tickets = million.unsold.split_off(at);
    let url = &million.database_url;
    let instances = stage.servers.instances(1, url, stage.best.holdfast).await?;
    let house = House::open(&stage.servers, &instances, None, url).await?;
    watch(&house, million.event).await?;
    let watching = resident_mib(instances[0].pid());
    results.add_memory("watching an event of 1,000,000 tickets", watching);
    let sold = tickets.len() as u64;
    let (event, plan) = (million.event, plan(&house));
    let reading = house
        .sell_tickets(&plan, event, tickets, million.sold)
        .await;
    million.sold += sold;
    drop(instances);
    stage.million = Some(million);
    reading
}

async fn make_million(stage: &Stage) -> Result<MillionTickets> {
    let url = stage.servers.create_database().await?;
    let instances = stage
        .servers
        .instances(1, &url, stage.best.holdfast)
        .await?;
    let house = House::open(&stage.servers, &instances, None, &url).await?;
    let (event, unsold) = house.put_on_sale(MILLION).await?;
    stage.servers.settle().await?;
    Ok(MillionTickets {
        database_url: url,
        event: event.id,
        unsold,
        sold: 0,
    })
}

/// Asks what is left of the event, as those who come to buy do before anything else.
async fn watch(house: &House<'_>, event: i64) -> Result<()> {
    let path = format!("/api/events/{event}/availability");
    Api::new(house.base_url())?.get(&path).await?.expect(200)?;
    Ok(())
}

fn plan(house: &House<'_>) -> Plan {
    Plan {
        base_url: house.base_url().to_owned(),
        shape: Shape::Closed { connections: 1 },
        warm_up: Duration::from_millis(100),
        until: Until::Exhausted,
        show_progress: false,
    }
}
