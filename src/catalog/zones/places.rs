//! The places of a zone to be made.

use crate::catalog::NewSeating;
use crate::catalog::layout::{Layout, NewSeat, Plan, SectionKind, focus, plan, seats_of_rows};

/// The places of a zone to be made.
#[derive(Debug)]
pub struct Places {
    pub capacity: i32,
    /// How many rows, and how many seats the longest has; none of a standing zone.
    pub rows: Option<(i32, i32)>,
    /// The row and seat that the best ones are nearest to.
    pub focus: Option<(i32, i32)>,
    /// Where they are drawn.
    pub plan: Option<Plan>,
    /// Seats with names and traits of their own; otherwise each row has as many as the longest.
    seats: Option<Vec<NewSeat>>,
}

impl Places {
    /// The places that are asked for; none where that is a section that the layout does not have.
    pub fn new(seating: &NewSeating, layout: Option<&Layout>) -> Option<Self> {
        let section = match seating {
            NewSeating::Standing { capacity } => return Some(Self::standing(*capacity)),
            NewSeating::Seated {
                rows,
                seats_per_row,
                focus,
            } => {
                return Some(Self {
                    capacity: rows * seats_per_row,
                    rows: Some((*rows, *seats_per_row)),
                    focus: *focus,
                    plan: None,
                    seats: None,
                });
            }
            NewSeating::Section { section } => layout?.section(section)?,
        };
        let plan = plan(layout?, section);
        let capacity = i32::try_from(section.places()).ok()?;
        if section.kind == SectionKind::Standing {
            let plan = Some(plan);
            return Some(Self {
                plan,
                ..Self::standing(capacity)
            });
        }
        let rows = section.rows.as_deref().unwrap_or_default();
        let seats = seats_of_rows(rows, 1);
        let longest = rows.iter().map(|row| row.seats).max();
        Some(Self {
            capacity,
            rows: i32::try_from(rows.len()).ok().zip(longest),
            focus: focus(&plan, &seats),
            plan: Some(plan),
            seats: Some(seats),
        })
    }

    fn standing(capacity: i32) -> Self {
        Self {
            capacity,
            rows: None,
            focus: None,
            plan: None,
            seats: None,
        }
    }

    /// Each place by row and seat; none of a standing place.
    pub fn into_tickets(self) -> Box<dyn Iterator<Item = Option<NewSeat>> + Send> {
        match (self.seats, self.rows) {
            (Some(seats), _) => Box::new(seats.into_iter().map(Some)),
            (None, Some((_, seats_per_row))) => Box::new((0..self.capacity).map(move |place| {
                Some(NewSeat {
                    row_number: place / seats_per_row + 1,
                    seat_number: place % seats_per_row + 1,
                    row_label: None,
                    seat_label: None,
                    traits: 0,
                })
            })),
            (None, None) => Box::new((0..self.capacity).map(|_| None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem_openapi::types::Example;

    fn section(name: &str) -> NewSeating {
        NewSeating::Section {
            section: name.into(),
        }
    }

    #[test]
    fn a_zone_is_made_of_the_rows_of_its_section() {
        let layout = Layout::example();
        let stalls = Places::new(&section("Stalls"), Some(&layout)).unwrap();
        assert_eq!((stalls.capacity, stalls.rows), (26, Some((2, 14))));
        // Row A has an aisle in its middle; the focal point is before it, and the first of the two
        // seats beside the aisle is taken.
        assert_eq!(stalls.focus, Some((1, 6)));
        assert_eq!(stalls.into_tickets().count(), 26);
        let pit = Places::new(&section("Pit"), Some(&layout)).unwrap();
        assert_eq!((pit.capacity, pit.rows), (150, None));
        assert!(pit.into_tickets().all(|seat| seat.is_none()));
    }

    #[test]
    fn there_is_no_zone_of_a_section_that_is_not_there() {
        assert!(Places::new(&section("Moon"), Some(&Layout::example())).is_none());
        assert!(Places::new(&section("Stalls"), None).is_none());
    }
}
