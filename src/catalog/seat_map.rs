//! Seat maps: ten thousand seats in one small answer.
//!
//! A row is a text with one letter a seat and the lists of its tickets' ids and versions. Ids that
//! follow each other, the rule, are given as the first one alone; versions as null while all are 0.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem_openapi::Object;
use poem_openapi::types::Example;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

use super::row_label;
use crate::entity::ticket::TicketStatus;
use crate::entity::{ticket, zone};

/// The seats of an event in a compact form.
#[derive(Debug, Object)]
#[oai(example)]
pub struct SeatMap {
    /// The event.
    pub event_id: i64,
    /// Its zones, or the one asked for.
    pub zones: Vec<ZoneSeats>,
}

/// The seats of a zone. A standing zone has no rows.
#[derive(Debug, Object)]
#[oai(example)]
pub struct ZoneSeats {
    /// The zone.
    pub zone_id: i64,
    /// For display.
    pub name: String,
    /// From the front.
    pub rows: Vec<SeatRow>,
}

/// A row of seats, from seat 1.
#[derive(Debug, Object)]
#[oai(example)]
pub struct SeatRow {
    /// Its name.
    pub row: String,
    /// The ticket of seat 1; where `ticket_ids` is absent, seat n has `first_ticket_id + n - 1`.
    pub first_ticket_id: i64,
    /// The ticket of each seat, where they do not follow each other.
    #[oai(skip_serializing_if_is_none)]
    pub ticket_ids: Option<Vec<i64>>,
    /// How many seats.
    pub seats: u32,
    /// One letter a seat: `a` available, `h` held, `s` sold, `b` blocked.
    pub states: String,
    /// The version of each seat's ticket; absent where all are 0.
    #[oai(skip_serializing_if_is_none)]
    pub versions: Option<Vec<i64>>,
}

/// Draws the map of zones from their tickets, which come sorted by zone, row and seat.
pub fn draw(event_id: i64, zones: Vec<zone::Model>, tickets: &[ticket::Model]) -> SeatMap {
    let mut rows: BTreeMap<i64, Vec<SeatRow>> = BTreeMap::new();
    let seated = |ticket: &&ticket::Model| ticket.row_number.is_some();
    let seated: Vec<&ticket::Model> = tickets.iter().filter(seated).collect();
    let same_row = |a: &&ticket::Model, b: &&ticket::Model| {
        (a.zone_id, a.row_number) == (b.zone_id, b.row_number)
    };
    for row in seated.chunk_by(same_row) {
        rows.entry(row[0].zone_id).or_default().push(draw_row(row));
    }
    let zones = zones
        .into_iter()
        .map(|zone| ZoneSeats {
            rows: rows.remove(&zone.id).unwrap_or_default(),
            zone_id: zone.id,
            name: zone.name,
        })
        .collect();
    SeatMap { event_id, zones }
}

/// A strong entity tag: it changes exactly when a ticket of the map does.
pub fn entity_tag(tickets: &[ticket::Model]) -> String {
    let mut hash = Sha256::new();
    for ticket in tickets {
        hash.update(ticket.id.to_le_bytes());
        hash.update(ticket.version.to_le_bytes());
    }
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash.finalize()))
}

fn draw_row(row: &[&ticket::Model]) -> SeatRow {
    let ids: Vec<i64> = row.iter().map(|ticket| ticket.id).collect();
    let follow_each_other = ids.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let versions: Vec<i64> = row.iter().map(|ticket| ticket.version).collect();
    let is_untouched = versions.iter().all(|version| *version == 0);
    SeatRow {
        row: row_label(row[0].row_number.unwrap_or(1)),
        first_ticket_id: ids[0],
        ticket_ids: (!follow_each_other).then_some(ids),
        seats: u32::try_from(row.len()).unwrap_or(u32::MAX),
        states: row.iter().map(|ticket| letter(ticket.status)).collect(),
        versions: (!is_untouched).then_some(versions),
    }
}

fn letter(status: TicketStatus) -> char {
    match status {
        TicketStatus::Available => 'a',
        TicketStatus::Held => 'h',
        TicketStatus::Sold => 's',
        TicketStatus::Blocked => 'b',
    }
}

impl Example for SeatMap {
    fn example() -> Self {
        Self {
            event_id: 1,
            zones: vec![ZoneSeats::example()],
        }
    }
}

impl Example for ZoneSeats {
    fn example() -> Self {
        Self {
            zone_id: 2,
            name: "Stalls".into(),
            rows: vec![SeatRow::example()],
        }
    }
}

impl Example for SeatRow {
    fn example() -> Self {
        Self {
            row: "A".into(),
            first_ticket_id: 1,
            ticket_ids: None,
            seats: 8,
            states: "aahssaaa".into(),
            versions: Some(vec![0, 0, 1, 2, 2, 0, 0, 0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(id: i64, row: i32, seat: i32, status: TicketStatus, version: i64) -> ticket::Model {
        ticket::Model {
            id,
            event_id: 1,
            zone_id: 1,
            row_number: Some(row),
            seat_number: Some(seat),
            status,
            version,
            reservation_id: None,
        }
    }

    #[test]
    fn a_row_is_a_letter_a_seat() {
        let seats = [
            seat(10, 1, 1, TicketStatus::Available, 0),
            seat(11, 1, 2, TicketStatus::Held, 1),
            seat(20, 2, 1, TicketStatus::Sold, 2),
            seat(22, 2, 2, TicketStatus::Blocked, 0),
        ];
        let refs: Vec<_> = seats.iter().collect();
        let (first, second) = (draw_row(&refs[..2]), draw_row(&refs[2..]));
        assert_eq!((first.states.as_str(), first.ticket_ids), ("ah", None));
        assert_eq!(second.states, "sb");
        assert_eq!(second.ticket_ids, Some(vec![20, 22]));
    }

    #[test]
    fn the_tag_changes_with_a_version() {
        let before = [seat(1, 1, 1, TicketStatus::Available, 0)];
        let after = [seat(1, 1, 1, TicketStatus::Held, 1)];
        assert_eq!(entity_tag(&before), entity_tag(&before));
        assert_ne!(entity_tag(&before), entity_tag(&after));
    }
}
