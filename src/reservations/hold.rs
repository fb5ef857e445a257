//! Holding tickets: propose, lock, commit.
//!
//! ```text
//!        ┌──────────── contended, within the wait ───────────┐
//!        v                                                   │
//!     propose ── refused: taken, sold out, not on sale ──>   │
//!        │ candidates at versions                            │
//!        v                                                   │
//!      lock ─────────────────────────────────────────────────┤
//!        │ a claim on every ticket                           │
//!        v                                                   │
//!     commit ── a version has moved on ──────────────────────┘
//!        │ durable
//!        v
//!     release the locks, off the reply path
//! ```
//!
//! The proposal reads the database; it is the place of the mirror. Whatever it saw may be stale by
//! the time of the commit, which is why the commit compares versions.

use chrono::{DateTime, Utc};
use rand::RngExt;
use sea_orm::DbErr;
use std::time::{Duration, Instant};

use super::commit::{Change, Refusal, Work, commit};
use super::store::{self, Candidate, MoveError, Sale, Seen, Step};
use super::views::Reservation;
use crate::config::WithoutLocks;
use crate::coordination::{Claim, ClaimError};
use crate::entity::event::EventStatus;
use crate::entity::ledger::Cause;
use crate::entity::reservation::{self, ReservationStatus};
use crate::entity::ticket::TicketStatus;
use crate::idempotency::Key;
use crate::ids::{EventId, ReservationId, TicketId, UserId, ZoneId};
use crate::state::App;
use crate::telemetry::{LOCK_BYPASSED, LOCK_WAIT};

/// What a buyer wants.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Exactly these tickets, all of one event.
    Tickets {
        /// The event they must belong to; that of the first one where absent.
        event: Option<EventId>,
        /// Without duplicates.
        tickets: Vec<TicketId>,
    },
    /// Any places of a zone.
    Places {
        event: EventId,
        zone: ZoneId,
        quantity: usize,
    },
}

/// Why nothing was held.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// A ticket, event or zone that does not exist.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// The tickets are not all of the event.
    #[error("the tickets are not all of one event")]
    MixedEvents,
    /// The event is not on sale.
    #[error("the event is not on sale")]
    NotOnSale {
        sales_open_at: Option<DateTime<Utc>>,
    },
    /// Somebody has some of them.
    #[error("{} of the tickets are taken", .0.len())]
    Taken(Vec<Candidate>),
    /// The zone has fewer places left than wanted.
    #[error("the zone has {available} places left")]
    SoldOut { zone: ZoneId, available: u64 },
    /// Other attempts are working on the tickets.
    #[error("other attempts are working on the tickets")]
    Contended { retry_after: Duration },
    /// The locks are gone and the settings say to refuse.
    #[error("no quorum of lock nodes answers")]
    WithoutLocks,
    /// A ticket moved on between the proposal and the commit.
    #[error("a ticket has moved on")]
    Outrun,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// Holds what the buyer wants, all or nothing.
pub async fn hold_tickets(
    app: &App,
    buyer: UserId,
    wanted: &Wanted,
    key: Option<&Key>,
) -> Result<Reservation, HoldError> {
    let mut patience = Patience::new(app, wanted);
    loop {
        let (sale, candidates) = propose(app, wanted).await?;
        let Some(claim) = lock(app, &candidates, &mut patience).await? else {
            patience.wait().await?;
            continue;
        };
        let hold = Hold {
            id: ReservationId::random(),
            buyer,
            sale,
            candidates,
            ttl: app.config.hold_ttl(),
            key,
        };
        let outcome = commit(app, &hold).await;
        claim.release();
        match outcome {
            Err(HoldError::Outrun) => patience.wait().await?,
            outcome => return outcome,
        }
    }
}

/// Finds tickets that can be held, at the versions at which they are available, or refuses.
async fn propose(app: &App, wanted: &Wanted) -> Result<(Sale, Vec<Candidate>), HoldError> {
    match wanted {
        Wanted::Tickets { event, tickets } => propose_named(app, *event, tickets).await,
        Wanted::Places {
            event,
            zone,
            quantity,
        } => propose_places(app, *event, *zone, *quantity).await,
    }
}

async fn propose_named(
    app: &App,
    event: Option<EventId>,
    tickets: &[TicketId],
) -> Result<(Sale, Vec<Candidate>), HoldError> {
    let candidates = store::named_tickets(&app.db, tickets).await?;
    let event = match (event, candidates.first()) {
        (Some(event), _) => event,
        (None, Some(first)) => EventId(first.event_id),
        (None, None) => return Err(HoldError::NoSuch("ticket")),
    };
    if candidates.len() < tickets.len() {
        return Err(HoldError::NoSuch("ticket"));
    }
    if candidates.iter().any(|ticket| ticket.event_id != event.0) {
        return Err(HoldError::MixedEvents);
    }
    let taken: Vec<_> = candidates
        .iter()
        .filter(|ticket| ticket.status != TicketStatus::Available)
        .cloned()
        .collect();
    // Before the sale is looked at: in a crowd nearly everybody is answered here, with one read.
    if !taken.is_empty() {
        return Err(HoldError::Taken(taken));
    }
    Ok((open_sale(app, event).await?, candidates))
}

/// Picks places from a random spot on, so that many buyers at once rarely pick the same ones.
async fn propose_places(
    app: &App,
    event: EventId,
    zone: ZoneId,
    quantity: usize,
) -> Result<(Sale, Vec<Candidate>), HoldError> {
    let sale = open_sale(app, event).await?;
    let Some((first, last)) = store::available_span(&app.db, zone).await? else {
        return Err(sold_out(app, event, zone).await?);
    };
    let spot = rand::rng().random_range(first..=last);
    let mut places = store::available_tickets(&app.db, zone, spot..=last, quantity).await?;
    if places.len() < quantity {
        let missing = quantity - places.len();
        places.extend(store::available_tickets(&app.db, zone, first..=spot - 1, missing).await?);
        places.sort_by_key(|place| place.id);
    }
    match places.first() {
        Some(place) if place.event_id != event.0 => Err(HoldError::NoSuch("zone")),
        Some(_) if places.len() == quantity => Ok((sale, places)),
        _ => Err(sold_out(app, event, zone).await?),
    }
}

async fn sold_out(app: &App, event: EventId, zone: ZoneId) -> Result<HoldError, DbErr> {
    if !store::has_zone(&app.db, event, zone).await? {
        return Ok(HoldError::NoSuch("zone"));
    }
    let available = store::count_available(&app.db, zone).await?;
    Ok(HoldError::SoldOut { zone, available })
}

async fn open_sale(app: &App, event: EventId) -> Result<Sale, HoldError> {
    let sale = store::sale(&app.db, event)
        .await?
        .ok_or(HoldError::NoSuch("event"))?;
    let closes_at = sale.sales_close_at.unwrap_or(sale.starts_at);
    let opens_later = sale.sales_open_at.filter(|opens_at| sale.now < *opens_at);
    if sale.status == EventStatus::Published && opens_later.is_none() && sale.now < closes_at {
        Ok(sale)
    } else {
        Err(HoldError::NotOnSale {
            sales_open_at: opens_later,
        })
    }
}

/// The locks of a hold, or the leave to go without.
enum Permit {
    Claimed(Claim),
    Bypassed,
}

impl Permit {
    fn release(self) {
        match self {
            Self::Claimed(claim) => claim.release(),
            Self::Bypassed => {}
        }
    }
}

/// Locks every ticket; `None` where another attempt is working on one of them.
async fn lock(
    app: &App,
    candidates: &[Candidate],
    patience: &mut Patience,
) -> Result<Option<Permit>, HoldError> {
    let started = Instant::now();
    let ids: Vec<i64> = candidates.iter().map(|ticket| ticket.id).collect();
    let claimed = app.coordinator.claim(&ids).await;
    patience.locking += started.elapsed();
    match claimed {
        Ok(claim) if claim.is_live() => Ok(Some(Permit::Claimed(claim))),
        Ok(_) | Err(ClaimError::Contended) => Ok(None),
        Err(ClaimError::QuorumLost | ClaimError::TimedOut) => match app.config.without_locks {
            WithoutLocks::Continue => {
                metrics::counter!(LOCK_BYPASSED).increment(1);
                Ok(Some(Permit::Bypassed))
            }
            WithoutLocks::Refuse => Err(HoldError::WithoutLocks),
        },
    }
}

/// How long a hold goes on trying while others stand in its way.
struct Patience {
    /// Tries that are made even if each of them takes long.
    tries_left: u32,
    deadline: Instant,
    pause: Duration,
    /// Time spent on locks so far, for the metrics.
    locking: Duration,
}

impl Patience {
    /// Somebody who wants certain tickets soon hears whether they are gone. Somebody who wants any
    /// places is not refused for as long as places are left and a few attempts take.
    fn new(app: &App, wanted: &Wanted) -> Self {
        let (tries_left, wait) = match wanted {
            Wanted::Tickets { .. } => (1, app.config.lock_wait()),
            Wanted::Places { .. } => (16, app.config.lock_ttl() / 2),
        };
        Self {
            tries_left,
            deadline: Instant::now() + wait,
            pause: Duration::from_millis(4),
            locking: Duration::ZERO,
        }
    }

    /// Pauses for a random while, longer each time.
    async fn wait(&mut self) -> Result<(), HoldError> {
        let pause = self.pause.mul_f64(rand::rng().random_range(0.5..1.5));
        if self.tries_left == 0 && Instant::now() + pause > self.deadline {
            return Err(HoldError::Contended {
                retry_after: self.pause.max(Duration::from_millis(10)),
            });
        }
        self.tries_left = self.tries_left.saturating_sub(1);
        tokio::time::sleep(pause).await;
        self.locking += pause;
        self.pause = (self.pause * 2).min(Duration::from_millis(64));
        Ok(())
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        metrics::histogram!(LOCK_WAIT).record(self.locking);
    }
}

/// A hold about to be committed.
struct Hold<'a> {
    id: ReservationId,
    buyer: UserId,
    sale: Sale,
    candidates: Vec<Candidate>,
    ttl: Duration,
    key: Option<&'a Key>,
}

impl Change for Hold<'_> {
    const OPERATION: &'static str = "hold";
    type Done = Reservation;
    type Refused = HoldError;

    async fn apply(&self, work: &mut Work) -> Result<Reservation, HoldError> {
        let reservation = store::insert_reservation(&work.tx, self.reservation(work.now)).await?;
        let seen: Vec<_> = self
            .candidates
            .iter()
            .map(|ticket| Seen {
                ticket: TicketId(ticket.id),
                version: ticket.version,
            })
            .collect();
        let step = Step {
            event: EventId(self.sale.event_id),
            reservation: self.id,
            from: TicketStatus::Available,
            to: TicketStatus::Held,
            cause: Cause::Hold,
        };
        store::move_tickets(work, &seen, step).await?;
        store::insert_reservation_tickets(&work.tx, self.id, &self.candidates).await?;
        let held = self.candidates.iter().map(Candidate::held).collect();
        let view = Reservation::new(reservation, held);
        if let Some(key) = self.key {
            key.remember(&work.tx, work.now, &view).await?;
        }
        Ok(view)
    }
}

impl Hold<'_> {
    fn reservation(&self, now: DateTime<Utc>) -> reservation::Model {
        reservation::Model {
            id: self.id.0,
            user_id: self.buyer.0,
            event_id: self.sale.event_id,
            status: ReservationStatus::Held,
            expires_at: now + self.ttl,
            total_amount: self.candidates.iter().map(|t| t.price_amount).sum(),
            currency: self.sale.currency.clone(),
            created_at: now,
            ended_at: None,
            version: 1,
        }
    }
}

impl From<MoveError> for HoldError {
    fn from(err: MoveError) -> Self {
        match err {
            MoveError::Outrun => Self::Outrun,
            MoveError::Db(err) => Self::Db(err),
        }
    }
}

impl Refusal for HoldError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Db(err) => Some(err),
            _ => None,
        }
    }

    fn is_version_conflict(&self) -> bool {
        matches!(self, Self::Outrun)
    }
}
