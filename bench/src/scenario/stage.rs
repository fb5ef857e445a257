//! Setting a scenario up: its event, and whatever has to be sold before the doors open.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use std::sync::Arc;
use std::time::Duration;

use super::duplicates::Duplicates;
use super::hot_seat::HotSeat;
use super::mixed::Mixed;
use super::places::Places;
use super::sold_out::SoldOut;
use super::uniform::Uniform;
use crate::load::{Plan, Script, Shape, Until, drive};
use crate::target::{EventSpec, SaleEvent, Target, ZoneSpec};

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Distinct seats: every request asks for a seat that nobody else asks for.
    Uniform,
    /// Everybody wants the same seat.
    HotSeat,
    /// Nine of ten requests are for seats that are taken, one is for a free one.
    SoldOut,
    /// A standing zone, sold to its last place.
    Places,
    /// Every seat is asked for, and some more than once.
    Duplicates,
    /// Visitors look around, hold a seat, and pay, release it, or leave it to expire.
    Mixed,
}

/// How large a scenario is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Tickets of the event; each scenario has its own default.
    pub tickets: Option<u32>,
    /// How long it is to last, to have tickets enough.
    pub seconds: Duration,
    /// Connections of the load.
    pub connections: usize,
    /// Requests too many, in percent of the seats.
    pub duplicates: u32,
    /// Places in one request.
    pub quantity: u32,
}

/// A scenario ready to begin.
pub struct Stage {
    pub event: SaleEvent,
    pub script: Arc<dyn Script>,
    /// Reservations made already.
    pub won_before: u64,
    /// How many tickets must be held or sold at the end, where every request was answered.
    pub must_be_taken: Option<u64>,
    /// Whether it ends by itself rather than by the clock.
    pub ends_by_itself: bool,
}

impl Scenario {
    /// What happens, in a line.
    pub fn says(self) -> &'static str {
        match self {
            Self::Uniform => "distinct seats, each asked for once",
            Self::HotSeat => "everybody wants the same seat",
            Self::SoldOut => "nine of ten want a seat that is taken",
            Self::Places => "a standing zone, sold to its last place",
            Self::Duplicates => "every seat asked for, some more than once",
            Self::Mixed => "looking around, holding, paying, giving up",
        }
    }

    /// Makes the event and sells what has to be sold before.
    pub async fn set_up(self, target: &Target, size: &Size) -> Result<Stage> {
        let buyers = target.buyers.clone();
        ensure!(!buyers.is_empty(), "somebody must buy");
        let tickets = size.tickets.unwrap_or_else(|| self.tickets(size)).max(1);
        let main = match self {
            Self::Places => ZoneSpec::Standing { capacity: tickets },
            _ => ZoneSpec::seats(tickets),
        };
        let zones = match self {
            Self::SoldOut => vec![ZoneSpec::seats(TAKEN_SEATS), main],
            _ => vec![main],
        };
        let event = target.create_event(&EventSpec { zones }).await?;
        let id = event.id;
        let (first, seats) = (&event.zones[0], event.zones[0].ticket_ids.clone());
        let mut won_before = 0;
        let mut must_be_taken = None;
        let script: Arc<dyn Script> = match self {
            Self::Uniform => Arc::new(Uniform::new(id, seats, buyers)),
            Self::HotSeat => {
                must_be_taken = Some(1);
                Arc::new(HotSeat::new(id, seats[0], buyers))
            }
            Self::SoldOut => {
                won_before = sell(target, id, seats.clone()).await?;
                let free = event.zones[1].ticket_ids.clone();
                Arc::new(SoldOut::new(id, seats, free, buyers))
            }
            Self::Places => {
                let left = first.capacity % u64::from(size.quantity);
                must_be_taken = Some(first.capacity - left);
                Arc::new(Places::new(id, first.zone_id, size.quantity, buyers))
            }
            Self::Duplicates => {
                must_be_taken = Some(first.capacity);
                Arc::new(Duplicates::new(id, &seats, size.duplicates, buyers))
            }
            Self::Mixed => Arc::new(Mixed::new(&event, buyers, size.connections)),
        };
        Ok(Stage {
            event,
            script,
            won_before,
            must_be_taken,
            ends_by_itself: matches!(self, Self::Places | Self::Duplicates),
        })
    }

    /// Enough for any server where the scenario uses tickets up.
    fn tickets(self, size: &Size) -> u32 {
        let seconds = u32::try_from(size.seconds.as_secs()).unwrap_or(u32::MAX);
        match self {
            Self::Uniform => seconds.saturating_mul(15_000).clamp(15_000, 1_000_000),
            Self::SoldOut => seconds.saturating_mul(5_000).clamp(5_000, 900_000),
            Self::HotSeat => 1,
            Self::Places | Self::Duplicates => 20_000,
            Self::Mixed => 5_000,
        }
    }
}

/// How many seats of a sold-out event are asked for in vain.
const TAKEN_SEATS: u32 = 1000;

/// Has every ticket held; how many that were.
pub async fn sell(target: &Target, event: i64, tickets: Vec<i64>) -> Result<u64> {
    let wanted = tickets.len() as u64;
    let plan = Plan {
        base_url: target.base_url.clone(),
        shape: Shape::Closed { connections: 16 },
        warm_up: Duration::ZERO,
        until: Until::Exhausted,
        show_progress: false,
    };
    let script = Arc::new(Uniform::new(event, tickets, target.buyers.clone()));
    let won = drive(&plan, script).await?.won_in_all();
    ensure!(
        won == wanted,
        "only {won} of {wanted} tickets could be sold beforehand"
    );
    Ok(won)
}
