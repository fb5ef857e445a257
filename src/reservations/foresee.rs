//! Tickets that somebody wants, as this instance knows them: what the database would say, without
//! asking it.

use chrono::{DateTime, Utc};
use std::time::Duration;

use super::batch::SeenTicket;
use crate::ids::{EventId, TicketId, ZoneId};
use crate::mirror::{Mirrored, ticket_status};

/// The tickets as they are mirrored, at the database's time `now`; `None` where one of them is not, or
/// is of an event in which the buyer's tickets are counted.
pub fn foresee(
    mirrored: &Mirrored,
    tickets: impl Iterator<Item = TicketId>,
    now: DateTime<Utc>,
) -> Option<Vec<(TicketId, SeenTicket)>> {
    let facts = mirrored.facts();
    let event = &facts.event;
    if event.limit_per_customer.is_some() {
        return None;
    }
    let hold_secs = event.hold_secs.and_then(|secs| u64::try_from(secs).ok());
    let seats = mirrored.seats();
    let foreseen = tickets.map(|id| {
        let seat = seats.get(id.0)?;
        let zone = facts.zones.iter().find(|zone| zone.id == seat.zone_id)?;
        let seen = SeenTicket {
            event: EventId(event.id),
            zone: ZoneId(zone.id),
            status: ticket_status(seat.status),
            version: seat.version,
            // Those that were taken out are not mirrored, or not as available.
            is_removed: false,
            price_amount: zone.price_amount,
            by_application: zone.by_application,
            is_for_sale: event.is_for_sale(now),
            has_opened: event.opens_after(now).is_none(),
            limit_per_customer: None,
            hold_ttl: hold_secs.map(Duration::from_secs),
            now,
        };
        Some((id, seen))
    });
    foreseen.collect()
}
