//! Places of a zone as they were just read, given out one set after another.
//!
//! The rule of the best block, on what the database says rather than on what is mirrored: for whoever
//! gives places away and keeps all others from doing so meanwhile.

use super::blocks::Focus;
use super::seats::{Loaded, Place, Seats, ZonePlan};
use super::take::Taken;

/// The free places of one zone.
#[derive(Debug)]
pub struct FreePlaces {
    zone_id: i64,
    seats: Seats,
}

impl FreePlaces {
    /// All of them are free; the best seats are those nearest to the row and seat of `focus`.
    pub fn new(zone_id: i64, focus: Option<(i32, i32)>, places: &[Place]) -> Self {
        let plan = ZonePlan {
            id: zone_id,
            focus: focus.map(|(row, seat)| Focus::at(row, seat)),
        };
        let loaded = places.iter().map(|place| Loaded {
            id: place.ticket_id,
            zone_id,
            row: place.row,
            seat: place.seat,
            status: place.status,
            version: place.version,
        });
        Self {
            zone_id,
            seats: Seats::new(vec![plan], loaded.collect()),
        }
    }

    /// The tickets of that many places, which are not free any more: side by side where possible,
    /// otherwise in as few blocks as there have to be. `None` where fewer are left.
    pub fn take(&mut self, quantity: usize) -> Option<Vec<i64>> {
        match self.seats.take_split(self.zone_id, quantity)? {
            Taken::Tickets(tickets) => Some(tickets),
            Taken::InFlight | Taken::TooFew { .. } | Taken::NotTogether { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::SeatStatus;

    fn free_places(seats: &[(Option<i32>, Option<i32>)]) -> FreePlaces {
        let places: Vec<Place> = (1..)
            .zip(seats)
            .map(|(ticket_id, (row, seat))| Place {
                ticket_id,
                row: *row,
                seat: *seat,
                status: SeatStatus::Available,
                version: 0,
            })
            .collect();
        FreePlaces::new(1, None, &places)
    }

    #[test]
    fn what_is_given_out_is_not_free_any_more() {
        let mut free = free_places(&[(None, None); 3]);
        assert_eq!(free.take(2).map(|tickets| tickets.len()), Some(2));
        assert_eq!(free.take(2), None);
        assert_eq!(free.take(1).map(|tickets| tickets.len()), Some(1));
        assert_eq!(free.take(1), None);
    }

    #[test]
    fn seats_are_side_by_side_where_they_can_be() {
        let row =
            |seats: &[i32]| -> Vec<_> { seats.iter().map(|seat| (Some(1), Some(*seat))).collect() };
        let mut free = free_places(&row(&[1, 3, 4, 5]));
        assert_eq!(free.take(3), Some(vec![2, 3, 4]));
        let mut apart = free_places(&row(&[1, 3, 5]));
        assert_eq!(apart.take(3).map(|tickets| tickets.len()), Some(3));
    }
}
