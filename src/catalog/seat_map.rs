//! Seat maps: ten thousand seats in one small answer.
//!
//! A row is a text with one letter a seat and the lists of its tickets' ids and versions. Ids that
//! follow each other, the rule, are given as the first one alone; versions as null while all are 0.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem_openapi::Object;
use poem_openapi::types::Example;

use super::{row_name, seat_name};
use crate::coordination::SeatStatus;
use crate::entity::zone;
use crate::ids::ZoneId;
use crate::mirror::{Labels, Mirrored, Place};

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

/// A row of seats, from its first one on.
#[derive(Debug, Object)]
#[oai(example)]
pub struct SeatRow {
    /// Its name.
    pub row: String,
    /// The ticket of the first seat; where `ticket_ids` is absent, the nth has `first_ticket_id + n - 1`.
    pub first_ticket_id: i64,
    /// The ticket of each seat, where they do not follow each other.
    #[oai(skip_serializing_if_is_none)]
    pub ticket_ids: Option<Vec<i64>>,
    /// How many seats.
    pub seats: u32,
    /// One letter a seat: `a` available, `h` held, `s` sold, `b` blocked.
    pub states: String,
    /// What each seat is called, where that is not 1, 2, 3 and so on.
    #[oai(skip_serializing_if_is_none)]
    pub labels: Option<Vec<String>>,
    /// After how many seats of the row there is a gap: an aisle, or a seat that was taken out. Seats
    /// on both sides of it are not side by side.
    #[oai(skip_serializing_if_is_none)]
    pub gaps_after: Option<Vec<u32>>,
    /// One digit a seat, the sum of 1 accessible, 2 companion, 4 restricted view; absent where all
    /// are 0.
    #[oai(skip_serializing_if_is_none)]
    pub traits: Option<String>,
    /// The version of each seat's ticket; absent where all are 0.
    #[oai(skip_serializing_if_is_none)]
    pub versions: Option<Vec<i64>>,
}

/// Draws the map of an event, or of one of its zones.
pub fn draw(mirrored: &Mirrored, only: Option<ZoneId>) -> SeatMap {
    let seats = mirrored.seats();
    // While nobody can replace the seats: both are of one moment.
    let facts = mirrored.facts();
    let labels = |place: &Place| seats.labels(place.ticket_id);
    let wanted = |zone: &&zone::Model| only.is_none_or(|only| zone.id == only.0);
    let zones = facts.zones.iter().filter(wanted);
    let zones = zones.map(|zone| ZoneSeats {
        zone_id: zone.id,
        name: zone.name.clone(),
        rows: draw_rows(seats.zone_tickets(zone.id).into_iter().flatten(), labels),
    });
    SeatMap {
        event_id: facts.event.id,
        zones: zones.collect(),
    }
}

/// A strong entity tag, the same on every instance that knows the same: it begins with the event's
/// version, and changes when that or a ticket of the map does. `None` where there is no such zone.
pub fn entity_tag(mirrored: &Mirrored, only: Option<ZoneId>) -> Option<String> {
    let seats = mirrored.seats();
    let revision = match only {
        Some(zone) => seats.zone_revision(zone.0)?,
        None => seats.revision(),
    };
    let version = mirrored.facts().event.version;
    let revision = URL_SAFE_NO_PAD.encode(revision.to_le_bytes());
    Some(format!("\"{version}.{revision}\""))
}

/// The rows of places that come sorted by row and seat; none of standing places.
fn draw_rows<'a>(
    places: impl Iterator<Item = Place>,
    labels: impl Fn(&Place) -> Labels<'a>,
) -> Vec<SeatRow> {
    let seated: Vec<Place> = places.filter(|place| place.row.is_some()).collect();
    seated
        .chunk_by(|a, b| a.row == b.row)
        .map(|row| draw_row(row, &labels))
        .collect()
}

fn draw_row<'a>(row: &[Place], labels: impl Fn(&Place) -> Labels<'a>) -> SeatRow {
    let ids: Vec<i64> = row.iter().map(|place| place.ticket_id).collect();
    let follow_each_other = ids.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let versions: Vec<i64> = row.iter().map(|place| place.version).collect();
    let is_untouched = versions.iter().all(|version| *version == 0);
    let own: Vec<Labels<'_>> = row.iter().map(labels).collect();
    let seats = row.iter().zip(&own);
    let names = seats.map(|(place, own)| seat_name(place.seat, own.seat));
    let names: Vec<String> = names.map(Option::unwrap_or_default).collect();
    let is_counted = (1..)
        .zip(&names)
        .all(|(n, name): (u32, _)| *name == n.to_string());
    let gaps = row
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0].seat.map(|seat| seat + 1) != pair[1].seat);
    let gaps: Vec<u32> = gaps.map(|(index, _)| small(index + 1)).collect();
    let traits: String = own.iter().map(|own| digit(own.traits)).collect();
    SeatRow {
        row: row_name(row[0].row, own[0].row).unwrap_or_default(),
        first_ticket_id: ids[0],
        ticket_ids: (!follow_each_other).then_some(ids),
        seats: small(row.len()),
        states: row.iter().map(|place| letter(place.status)).collect(),
        labels: (!is_counted).then_some(names),
        gaps_after: (!gaps.is_empty()).then_some(gaps),
        traits: own.iter().any(|own| own.traits != 0).then_some(traits),
        versions: (!is_untouched).then_some(versions),
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn digit(traits: i32) -> char {
    let digit = u32::try_from(traits).unwrap_or(0);
    char::from_digit(digit, 10).unwrap_or('0')
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
            labels: None,
            gaps_after: Some(vec![4]),
            traits: Some("12000000".into()),
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
        let rows = draw_rows(seats.into_iter(), |_| Labels::default());
        assert_eq!(
            (rows[0].states.as_str(), &rows[0].ticket_ids),
            ("ah", &None)
        );
        assert_eq!(rows[1].states, "sb");
        assert_eq!(rows[1].ticket_ids, Some(vec![20, 22]));
        assert_eq!((&rows[0].labels, &rows[0].gaps_after), (&None, &None));
    }

    #[test]
    fn names_gaps_and_traits_are_told_where_there_are_any() {
        let seats = [1, 2, 4].map(|at| seat(10 + i64::from(at), 1, at, SeatStatus::Available, 0));
        let labels = |place: &Place| Labels {
            row: Some("Box"),
            seat: (place.seat == Some(4)).then_some("3a"),
            traits: i32::from(place.seat == Some(1)),
        };
        let row = &draw_rows(seats.into_iter(), labels)[0];
        assert_eq!(row.row, "Box");
        let names = ["1", "2", "3a"].map(str::to_owned).to_vec();
        assert_eq!(row.labels, Some(names));
        assert_eq!(row.gaps_after, Some(vec![2]));
        assert_eq!(row.traits.as_deref(), Some("100"));
    }
}
