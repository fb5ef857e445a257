//! Seat maps: ten thousand seats in one small answer.
//!
//! A row is a text with one letter a seat and the lists of its tickets' ids and versions. Ids that
//! follow each other, the rule, are given as the first one alone; versions as null while all are 0.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem_openapi::Object;
use poem_openapi::types::Example;

use super::row_label;
use crate::coordination::SeatStatus;
use crate::entity::zone;
use crate::ids::ZoneId;
use crate::mirror::{Mirrored, Place};

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

/// Draws the map of an event, or of one of its zones.
pub fn draw(mirrored: &Mirrored, only: Option<ZoneId>) -> SeatMap {
    let facts = mirrored.facts();
    let seats = mirrored.seats();
    let wanted = |zone: &&zone::Model| only.is_none_or(|only| zone.id == only.0);
    let zones = facts.zones.iter().filter(wanted);
    let zones = zones.map(|zone| ZoneSeats {
        zone_id: zone.id,
        name: zone.name.clone(),
        rows: draw_rows(seats.zone_tickets(zone.id).into_iter().flatten()),
    });
    SeatMap {
        event_id: facts.event.id,
        zones: zones.collect(),
    }
}

/// A strong entity tag, the same on every instance that knows the same: it changes exactly when a
/// ticket of the map does. `None` where there is no such zone.
pub fn entity_tag(mirrored: &Mirrored, only: Option<ZoneId>) -> Option<String> {
    let seats = mirrored.seats();
    let revision = match only {
        Some(zone) => seats.zone_revision(zone.0)?,
        None => seats.revision(),
    };
    Some(format!(
        "\"{}\"",
        URL_SAFE_NO_PAD.encode(revision.to_le_bytes())
    ))
}

/// The rows of places that come sorted by row and seat; none of standing places.
fn draw_rows(places: impl Iterator<Item = Place>) -> Vec<SeatRow> {
    let seated: Vec<Place> = places.filter(|place| place.row.is_some()).collect();
    seated
        .chunk_by(|a, b| a.row == b.row)
        .map(draw_row)
        .collect()
}

fn draw_row(row: &[Place]) -> SeatRow {
    let ids: Vec<i64> = row.iter().map(|place| place.ticket_id).collect();
    let follow_each_other = ids.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let versions: Vec<i64> = row.iter().map(|place| place.version).collect();
    let is_untouched = versions.iter().all(|version| *version == 0);
    SeatRow {
        row: row_label(row[0].row.unwrap_or(1)),
        first_ticket_id: ids[0],
        ticket_ids: (!follow_each_other).then_some(ids),
        seats: u32::try_from(row.len()).unwrap_or(u32::MAX),
        states: row.iter().map(|place| letter(place.status)).collect(),
        versions: (!is_untouched).then_some(versions),
    }
}

fn letter(status: SeatStatus) -> char {
    match status {
        SeatStatus::Available => 'a',
        SeatStatus::Held => 'h',
        SeatStatus::Sold => 's',
        SeatStatus::Blocked => 'b',
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

    fn seat(ticket_id: i64, row: i32, seat: i32, status: SeatStatus, version: i64) -> Place {
        Place {
            ticket_id,
            row: Some(row),
            seat: Some(seat),
            status,
            version,
        }
    }

    #[test]
    fn a_row_is_a_letter_a_seat() {
        let seats = [
            seat(10, 1, 1, SeatStatus::Available, 0),
            seat(11, 1, 2, SeatStatus::Held, 1),
            seat(20, 2, 1, SeatStatus::Sold, 2),
            seat(22, 2, 2, SeatStatus::Blocked, 0),
        ];
        let rows = draw_rows(seats.into_iter());
        assert_eq!(
            (rows[0].states.as_str(), &rows[0].ticket_ids),
            ("ah", &None)
        );
        assert_eq!(rows[1].states, "sb");
        assert_eq!(rows[1].ticket_ids, Some(vec![20, 22]));
    }
}
