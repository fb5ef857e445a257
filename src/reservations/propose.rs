//! Proposing: which tickets a buyer could get, or why none.
//!
//! The mirror answers without any I/O, and only while it is fresh; an event that is not mirrored yet
//! is read from the database meanwhile. Whatever was seen here may be stale by the time of the
//! commit, which looks again.

use chrono::{DateTime, Utc};
use rand::RngExt;
use sea_orm::DbErr;
use std::sync::Arc;

use super::batch::SeenTicket;
use super::hold::{HoldError, Wanted};
use super::near_miss;
use super::store::{self, Conflict, HeldTicket};
use super::terms::Price;
use crate::codes::CodeText;
use crate::entity::event;
use crate::entity::ticket::TicketStatus;
use crate::ids::{EventId, TicketId, ZoneId};
use crate::mirror::{Mirrored, Seats, Taken, ticket_status};
use crate::state::App;

/// Tickets that a buyer could get.
pub struct Proposal {
    pub event: EventId,
    /// ISO 4217.
    pub currency: String,
    /// Whether a customer may have only so many of the event's tickets.
    pub is_limited: bool,
    pub tickets: Vec<Proposed>,
    /// Where they were seen; none where the database was asked.
    pub mirrored: Option<Arc<Mirrored>>,
    /// Keeps other attempts of this instance from the same places.
    _marks: Option<Marks>,
}

/// A ticket as it was seen when it was proposed.
#[derive(Debug, Clone)]
pub struct Proposed {
    pub id: TicketId,
    pub zone_id: i64,
    pub zone_name: String,
    pub row_number: Option<i32>,
    pub seat_number: Option<i32>,
    pub row_label: Option<String>,
    pub seat_label: Option<String>,
    pub version: i64,
}

impl Proposed {
    /// The ticket once it is held.
    pub fn held(&self, version: i64, price: Price) -> HeldTicket {
        HeldTicket {
            id: self.id.0,
            zone_id: self.zone_id,
            zone_name: self.zone_name.clone(),
            row_number: self.row_number,
            seat_number: self.seat_number,
            row_label: self.row_label.clone(),
            seat_label: self.seat_label.clone(),
            price_amount: price.amount,
            discount_amount: price.discount,
            version,
        }
    }

    /// The ticket as one that stands in the way.
    pub fn conflict(&self, seen: &SeenTicket) -> Conflict {
        Conflict {
            ticket_id: self.id.0,
            row_number: self.row_number,
            seat_number: self.seat_number,
            row_label: self.row_label.clone(),
            seat_label: self.seat_label.clone(),
            status: seen.status,
            version: seen.version,
        }
    }
}

/// Finds tickets that could be held, or refuses. `None` where all that would do are being tried by
/// others and may become free again.
///
/// Whether a code opens the sale early is left to the commit.
pub async fn propose(
    app: &App,
    wanted: &Wanted,
    code: Option<&CodeText>,
) -> Result<Option<Proposal>, HoldError> {
    match wanted {
        Wanted::Tickets { event, tickets } => match mirrored_event(app, *event, tickets) {
            Some((event, mirrored)) => named(app, event, &mirrored, tickets, code).await.map(Some),
            None => Box::pin(named_by_the_database(app, *event, tickets, code))
                .await
                .map(Some),
        },
        Wanted::Places {
            event,
            zone,
            quantity,
            together,
        } => match Box::pin(app.mirror.event(*event)).await? {
            Some(mirrored) => {
                check_sale(app, &mirrored, code)?;
                places(*event, &mirrored, *zone, *quantity, *together)
            }
            // There is no such event, or it is a draft.
            None => Err(Box::pin(not_on_sale(app, *event)).await?),
        },
    }
}

/// Why an event is not on sale.
pub async fn not_on_sale(app: &App, event: EventId) -> Result<HoldError, DbErr> {
    let sale = store::sale(&app.db, event).await?;
    Ok(sale.map_or(HoldError::NoSuch("event"), |sale| {
        outside_of_sale(&sale.event, sale.now)
    }))
}

fn outside_of_sale(event: &event::Model, now: DateTime<Utc>) -> HoldError {
    HoldError::NotOnSale {
        sales_open_at: event.opens_after(now),
    }
}

/// The event of the tickets, where it is mirrored; otherwise it begins to be.
fn mirrored_event(
    app: &App,
    event: Option<EventId>,
    tickets: &[TicketId],
) -> Option<(EventId, Arc<Mirrored>)> {
    match event {
        Some(id) => Some((id, app.mirror.peek(id)?)),
        None => app.mirror.peek_event_of(*tickets.first()?),
    }
}

async fn named(
    app: &App,
    event: EventId,
    mirrored: &Arc<Mirrored>,
    tickets: &[TicketId],
    code: Option<&CodeText>,
) -> Result<Proposal, HoldError> {
    refuse_by_application(mirrored, tickets)?;
    let seen = look_at(&mirrored.seats(), tickets);
    let Some(mut seen) = seen else {
        // One of another event, or none at all: the database tells which.
        return Box::pin(named_by_the_database(app, Some(event), tickets, code)).await;
    };
    // Before the sale is looked at: in a crowd nearly everybody is answered here.
    if seen.iter().any(Conflict::is_taken) {
        seen.retain(Conflict::is_taken);
        return Err(HoldError::Taken {
            conflicts: seen,
            alternatives: near_miss::near(mirrored, tickets),
        });
    }
    check_sale(app, mirrored, code)?;
    let ids = seen.iter().map(|c| c.ticket_id).collect::<Vec<_>>();
    Ok(propose_from(event, mirrored, &ids, None))
}

/// Before anything else: nobody can buy such a ticket, whatever it is.
fn refuse_by_application(mirrored: &Mirrored, tickets: &[TicketId]) -> Result<(), HoldError> {
    let facts = mirrored.facts();
    if !facts.zones.iter().any(|zone| zone.by_application) {
        return Ok(());
    }
    let seats = mirrored.seats();
    let mut zones = tickets
        .iter()
        .filter_map(|id| Some(seats.get(id.0)?.zone_id));
    match zones.find(|zone| facts.is_by_application(*zone)) {
        Some(zone) => Err(HoldError::ByApplication { zone: ZoneId(zone) }),
        None => Ok(()),
    }
}

/// The tickets as the mirror knows them; `None` where it does not know all.
fn look_at(seats: &Seats, tickets: &[TicketId]) -> Option<Vec<Conflict>> {
    let look = |id: &TicketId| {
        let seat = seats.get(id.0)?;
        let labels = seats.labels(id.0);
        Some(Conflict {
            ticket_id: id.0,
            row_number: seat.row,
            seat_number: seat.seat,
            row_label: labels.row.map(Into::into),
            seat_label: labels.seat.map(Into::into),
            status: ticket_status(seat.status),
            version: seat.version,
        })
    };
    tickets.iter().map(look).collect()
}

async fn named_by_the_database(
    app: &App,
    event: Option<EventId>,
    tickets: &[TicketId],
    code: Option<&CodeText>,
) -> Result<Proposal, HoldError> {
    let found = store::named_tickets(&app.db, tickets).await?;
    let event = match (event, found.first()) {
        (Some(event), _) => event,
        (None, Some(first)) => EventId(first.event_id),
        (None, None) => return Err(HoldError::NoSuch("ticket")),
    };
    if found.len() < tickets.len() {
        return Err(HoldError::NoSuch("ticket"));
    }
    if found.iter().any(|ticket| ticket.event_id != event.0) {
        return Err(HoldError::MixedEvents);
    }
    if let Some(ticket) = found.iter().find(|ticket| ticket.by_application) {
        let zone = ZoneId(ticket.zone_id);
        return Err(HoldError::ByApplication { zone });
    }
    // Somebody is interested in it.
    let mirrored = app.mirror.peek(event);
    let taken = found.iter().filter(|t| t.status != TicketStatus::Available);
    let conflicts: Vec<_> = taken.map(store::Candidate::conflict).collect();
    if !conflicts.is_empty() {
        let near = |mirrored: &Arc<Mirrored>| near_miss::near(mirrored, tickets);
        return Err(HoldError::Taken {
            conflicts,
            alternatives: mirrored.as_ref().map(near).unwrap_or_default(),
        });
    }
    let sale = store::sale(&app.db, event).await?;
    let store::Sale { event: facts, now } = sale.ok_or(HoldError::NoSuch("event"))?;
    if !may_be_had(&facts, now, code) {
        return Err(outside_of_sale(&facts, now));
    }
    Ok(Proposal {
        event,
        currency: facts.currency,
        is_limited: facts.limit_per_customer.is_some(),
        tickets: found.into_iter().map(store::Candidate::proposed).collect(),
        mirrored: None,
        _marks: None,
    })
}

fn places(
    event: EventId,
    mirrored: &Arc<Mirrored>,
    zone: ZoneId,
    quantity: usize,
    together: Together,
) -> Result<Option<Proposal>, HoldError> {
    if mirrored.facts().is_by_application(zone.0) {
        return Err(HoldError::ByApplication { zone });
    }
    let mut seats = mirrored.seats();
    let taken = match together {
        // From a random spot on, so that instances rarely pick the same places.
        Together::Anywhere => seats.take_any(zone.0, quantity, rand::rng().random()),
        Together::Adjacent => seats.take_together(zone.0, quantity),
        Together::AsNearAsPossible => seats.take_split(zone.0, quantity),
    };
    match taken.ok_or(HoldError::NoSuch("zone"))? {
        Taken::Tickets(ids) => {
            drop(seats);
            let marks = Marks {
                mirrored: Arc::clone(mirrored),
                tickets: ids.clone(),
            };
            Ok(Some(propose_from(event, mirrored, &ids, Some(marks))))
        }
        Taken::InFlight => Ok(None),
        Taken::TooFew { available } => Err(HoldError::SoldOut {
            zone,
            available: available as u64,
        }),
        Taken::NotTogether { available, largest } => {
            drop(seats);
            Err(HoldError::NotAdjacent {
                zone,
                available: available as u64,
                largest: largest as u64,
                alternatives: near_miss::elsewhere(mirrored, zone, quantity),
            })
        }
    }
}

/// How near to each other places must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    /// Wherever they are.
    Anywhere,
    /// Side by side in one row, the best such block.
    Adjacent,
    /// Side by side where possible, otherwise in as few blocks as near to each other as possible.
    AsNearAsPossible,
}

fn propose_from(
    event: EventId,
    mirrored: &Arc<Mirrored>,
    ids: &[i64],
    marks: Option<Marks>,
) -> Proposal {
    let facts = mirrored.facts();
    let name_of = |zone_id| {
        let zone = facts.zones.iter().find(|zone| zone.id == zone_id);
        zone.map(|zone| zone.name.clone()).unwrap_or_default()
    };
    let seats = mirrored.seats();
    let proposed = |id: &i64| {
        let seat = seats.get(*id)?;
        let labels = seats.labels(*id);
        Some(Proposed {
            id: TicketId(*id),
            zone_id: seat.zone_id,
            zone_name: name_of(seat.zone_id),
            row_number: seat.row,
            seat_number: seat.seat,
            row_label: labels.row.map(Into::into),
            seat_label: labels.seat.map(Into::into),
            version: seat.version,
        })
    };
    let mut tickets: Vec<_> = ids.iter().filter_map(proposed).collect();
    tickets.sort_unstable_by_key(|ticket| ticket.id);
    Proposal {
        event,
        currency: facts.event.currency.clone(),
        is_limited: facts.event.limit_per_customer.is_some(),
        tickets,
        mirrored: Some(Arc::clone(mirrored)),
        _marks: marks,
    }
}

/// Refuses an event that is not on sale, by the database's time.
fn check_sale(app: &App, mirrored: &Mirrored, code: Option<&CodeText>) -> Result<(), HoldError> {
    let event = &mirrored.facts().event;
    match app.mirror.now() {
        Some(now) if !may_be_had(event, now, code) => Err(outside_of_sale(event, now)),
        _ => Ok(()),
    }
}

/// Whether tickets are sold now, if only to whoever has a code for it.
fn may_be_had(event: &event::Model, now: DateTime<Utc>, code: Option<&CodeText>) -> bool {
    event.is_on_sale(now) || (code.is_some() && event.is_for_sale(now))
}

/// Places that an attempt of this instance tries; free for others when this is dropped.
struct Marks {
    mirrored: Arc<Mirrored>,
    tickets: Vec<i64>,
}

impl Drop for Marks {
    fn drop(&mut self) {
        self.mirrored.seats().give_back(&self.tickets);
    }
}
