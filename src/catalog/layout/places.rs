//! From rows as they are drawn to the places of a zone: positions, names, traits, and which seat is
//! the best.

use serde::{Deserialize, Serialize};

use super::drawing::{Layout, Point, Row, Section};
use crate::catalog::names::{ACCESSIBLE, COMPANION, RESTRICTED_VIEW, row_label};

/// How far a row is behind the one before it, in seats.
const ROW_DISTANCE: f64 = 2.0;

/// A seat to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSeat {
    pub row_number: i32,
    pub seat_number: i32,
    /// Where it is not the letters of the row's number.
    pub row_label: Option<String>,
    /// Where it is not the seat's number.
    pub seat_label: Option<String>,
    pub traits: i32,
}

/// Where the rows of a zone are drawn, as it is kept with the zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_point: Option<Point>,
    pub position: Point,
    pub rotation: f64,
    pub rows: Vec<PlannedRow>,
}

/// Where a row is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedRow {
    pub label: String,
    pub position: Point,
    pub rotation: f64,
}

/// The seats of rows, of which the first gets `first_row` as its number.
pub fn seats_of_rows(rows: &[Row], first_row: i32) -> Vec<NewSeat> {
    let numbered = (first_row..).zip(rows);
    numbered
        .flat_map(|(row_number, row)| seats_of_row(row, row_number, 1))
        .collect()
}

/// The seats of a row, of which the first gets `first_seat` as its number. An aisle takes a number
/// that no seat has.
pub fn seats_of_row(row: &Row, row_number: i32, first_seat: i32) -> Vec<NewSeat> {
    let row_label = (row.label != row_label(row_number)).then(|| row.label.clone());
    let has = |positions: &Option<Vec<i32>>, at| positions.iter().flatten().any(|seat| *seat == at);
    let mut seat_number = first_seat;
    let seat = |at| {
        let name = seat_name(row, at, first_seat);
        let bit = |positions, bit| if has(positions, at) { bit } else { 0 };
        let seat = NewSeat {
            row_number,
            seat_number,
            row_label: row_label.clone(),
            seat_label: (name != seat_number.to_string()).then_some(name),
            traits: bit(&row.accessible, ACCESSIBLE)
                | bit(&row.companion, COMPANION)
                | bit(&row.restricted_view, RESTRICTED_VIEW),
        };
        seat_number += 1 + i32::from(has(&row.aisles_after, at));
        seat
    };
    (1..=row.seats).map(seat).collect()
}

/// What the seat at a position of its row is called: the row says, or they are counted.
fn seat_name(row: &Row, at: i32, first_seat: i32) -> String {
    let index = usize::try_from(at - 1).unwrap_or(0);
    if let Some(label) = row.labels.as_ref().and_then(|labels| labels.get(index)) {
        return label.clone();
    }
    let first = row
        .first_label
        .as_ref()
        .and_then(|label| label.parse().ok());
    (first.unwrap_or(first_seat) + at - 1).to_string()
}

/// Where the rows of a section are drawn.
pub fn plan(layout: &Layout, section: &Section) -> Plan {
    let rows = section.rows.iter().flatten();
    let mut behind = 0.0;
    let rows = rows.map(|row| {
        let position = row.position.unwrap_or(Point { x: 0.0, y: behind });
        behind = position.y + ROW_DISTANCE;
        PlannedRow {
            label: row.label.clone(),
            position,
            rotation: row.rotation.unwrap_or(0.0),
        }
    });
    Plan {
        rows: rows.collect(),
        focal_point: layout.focal_point,
        position: section.position,
        rotation: section.rotation.unwrap_or(0.0),
    }
}

/// The row and seat number of the seat that is nearest to the focal point; of several, the first.
pub fn focus(plan: &Plan, seats: &[NewSeat]) -> Option<(i32, i32)> {
    let focal_point = plan.focal_point?;
    let mut nearest: Option<(f64, (i32, i32))> = None;
    let rows = seats.chunk_by(|a, b| a.row_number == b.row_number);
    for (row, planned) in rows.zip(&plan.rows) {
        let last = row.last().map_or(0, |seat| seat.seat_number);
        for seat in row {
            let at = spot(plan, planned, seat.seat_number, (row[0].seat_number, last));
            let distance = (at.x - focal_point.x).hypot(at.y - focal_point.y);
            if nearest.is_none_or(|(least, _)| distance < least) {
                nearest = Some((distance, (seat.row_number, seat.seat_number)));
            }
        }
    }
    nearest.map(|(_, seat)| seat)
}

/// Where a seat is on the drawing, in a row from the `first` to the `last` seat number.
fn spot(plan: &Plan, row: &PlannedRow, seat_number: i32, (first, last): (i32, i32)) -> Point {
    let along = f64::from(seat_number) - f64::from(first + last) / 2.0;
    let in_section = add(
        turned(Point { x: along, y: 0.0 }, row.rotation),
        row.position,
    );
    add(turned(in_section, plan.rotation), plan.position)
}

fn add(a: Point, b: Point) -> Point {
    Point {
        x: a.x + b.x,
        y: a.y + b.y,
    }
}

/// A point turned around the origin, clockwise where y runs down.
fn turned(point: Point, degrees: f64) -> Point {
    let (sin, cos) = degrees.to_radians().sin_cos();
    Point {
        x: point.x * cos - point.y * sin,
        y: point.x * sin + point.y * cos,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::layout::drawing::SectionKind;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn row(label: &str, seats: i32) -> Row {
        Row {
            label: label.into(),
            seats,
            ..Row::default()
        }
    }

    fn drawn(rows: Vec<Row>, rotation: f64, focal_point: (f64, f64)) -> (Plan, Vec<NewSeat>) {
        let section = Section {
            name: "Stalls".into(),
            kind: SectionKind::Seated,
            capacity: None,
            position: Point { x: 100.0, y: 50.0 },
            rotation: Some(rotation),
            rows: Some(rows),
        };
        let (x, y) = focal_point;
        let layout = Layout {
            focal_point: Some(Point { x, y }),
            sections: vec![section],
        };
        let section = &layout.sections[0];
        let seats = seats_of_rows(section.rows.as_deref().unwrap_or_default(), 1);
        (plan(&layout, section), seats)
    }

    #[test]
    fn an_aisle_leaves_a_number_out_and_no_name() {
        let seats = seats_of_row(
            &Row {
                aisles_after: Some(vec![2]),
                accessible: Some(vec![1]),
                companion: Some(vec![2]),
                restricted_view: Some(vec![1]),
                ..row("A", 4)
            },
            1,
            1,
        );
        let numbers: Vec<_> = seats.iter().map(|seat| seat.seat_number).collect();
        assert_eq!(numbers, [1, 2, 4, 5]);
        let names: Vec<_> = seats
            .iter()
            .map(|seat| seat.seat_label.as_deref())
            .collect();
        assert_eq!(names, [None, None, Some("3"), Some("4")]);
        let traits: Vec<_> = seats.iter().map(|seat| seat.traits).collect();
        assert_eq!(traits, [ACCESSIBLE | RESTRICTED_VIEW, COMPANION, 0, 0]);
        assert!(seats.iter().all(|seat| seat.row_label.is_none()));
    }

    #[test]
    fn the_best_seat_is_the_one_nearest_to_the_focal_point() {
        let rows = || vec![row("A", 5), row("B", 7)];
        // The middle of the front row, whichever way the section is turned.
        for rotation in [0.0, 90.0, -45.0] {
            let (plan, seats) = drawn(rows(), rotation, (100.0, 50.0));
            assert_eq!(focus(&plan, &seats), Some((1, 3)), "{rotation}");
        }
        // To its right, and behind it.
        let (plan, seats) = drawn(rows(), 0.0, (103.0, 53.0));
        assert_eq!(focus(&plan, &seats), Some((2, 7)));
        // Turned to the right, what was behind is to the left.
        let (plan, seats) = drawn(rows(), 90.0, (97.0, 53.0));
        assert_eq!(focus(&plan, &seats), Some((2, 7)));
    }

    proptest! {
        #[test]
        fn seats_of_a_row_differ_in_number_and_name_and_are_adjacent_but_for_aisles(
            count in 1..40_i32,
            first in proptest::option::of(0..999_i32),
            aisles in proptest::collection::hash_set(1..39_i32, 0..5),
            row_number in 1..60_i32,
        ) {
            let aisles: Vec<i32> = aisles.into_iter().filter(|at| *at < count).collect();
            let row = Row {
                first_label: first.map(|first| first.to_string()),
                aisles_after: Some(aisles.clone()),
                ..row("Box", count)
            };
            let seats = seats_of_row(&row, row_number, 1);
            prop_assert_eq!(seats.len(), usize::try_from(count).unwrap());
            let names: HashSet<_> = seats
                .iter()
                .map(|seat| crate::catalog::seat_name(Some(seat.seat_number), seat.seat_label.as_deref()))
                .collect();
            prop_assert_eq!(names.len(), seats.len());
            for (at, pair) in (1..).zip(seats.windows(2)) {
                let step = pair[1].seat_number - pair[0].seat_number;
                prop_assert_eq!(step, if aisles.contains(&at) { 2 } else { 1 });
            }
        }

        #[test]
        fn no_seat_is_nearer_than_the_best(
            lengths in proptest::collection::vec(1..12_i32, 1..6),
            rotation in -360.0..360.0_f64,
            x in 80.0..120.0_f64,
            y in 30.0..70.0_f64,
        ) {
            let rows = lengths.iter().enumerate();
            let rows = rows.map(|(i, seats)| row(&i.to_string(), *seats)).collect();
            let (plan, seats) = drawn(rows, rotation, (x, y));
            let best = focus(&plan, &seats).unwrap();
            let distance = |seat: &NewSeat| {
                let index = usize::try_from(seat.row_number - 1).unwrap();
                let at = spot(&plan, &plan.rows[index], seat.seat_number, (1, lengths[index]));
                (at.x - x).hypot(at.y - y)
            };
            let of_best = seats.iter().find(|seat| (seat.row_number, seat.seat_number) == best);
            let least = distance(of_best.unwrap());
            prop_assert!(seats.iter().all(|seat| distance(seat) >= least));
        }
    }
}
