//! What to offer somebody whose seats are gone.
//!
//! This runs whenever a request is refused, so it costs next to nothing where nothing is left: a
//! zone with too few free seats is skipped by its count, and rows that are full a word at a time.

use super::blocks::{Block, Focus, Prefer, SEATS_PER_ROW_STEP, Search, Within};
use super::seats::Seats;
use super::take::best;
use super::zone::Zone;

/// How far a near miss may be; 64 rows are as far as 128 seats. The map shows what is farther away.
const NEAR: Within = Within {
    rows: 64,
    seats: 64 * SEATS_PER_ROW_STEP,
};

impl Seats {
    /// The nearest other blocks: up to `how_many`, each of as many adjacent free seats as were
    /// wanted, nearest first, none sharing a seat with another. They lie in the zone of the first
    /// ticket, around the middle of those wanted there.
    pub fn nearest_blocks(&self, wanted: &[i64], how_many: usize) -> Vec<Vec<i64>> {
        let first = wanted.first().and_then(|id| self.locate(*id));
        let Some((index, _)) = first else {
            return Vec::new();
        };
        let zone = &self.zones()[index];
        if zone.free < wanted.len() {
            return Vec::new();
        }
        let Some(focus) = self.middle(wanted, index) else {
            return Vec::new();
        };
        let mut found: Vec<Block> = Vec::new();
        while found.len() < how_many {
            let search = Search {
                quantity: wanted.len(),
                focus,
                prefer: Prefer::Near,
                within: NEAR,
                without: &found,
            };
            let Some(block) = search.run(zone) else {
                break;
            };
            found.push(block);
        }
        let ids = |block: &Block| self.ticket_ids(zone, block.bits(zone));
        found.iter().map(ids).collect()
    }

    /// The best block of that many seats in each of the other zones, the zones that are nearest in
    /// the event's list first, until there are `how_many`. Only zones that are on offer count.
    pub fn blocks_elsewhere(
        &self,
        zone_id: i64,
        quantity: usize,
        how_many: usize,
        is_on_offer: impl Fn(i64) -> bool,
    ) -> Vec<Vec<i64>> {
        let Some((own, _)) = self.zone(zone_id) else {
            return Vec::new();
        };
        let block_in = |zone: &Zone| {
            let block = best(zone, quantity).run(zone)?;
            Some(self.ticket_ids(zone, block.bits(zone)))
        };
        let mut others: Vec<usize> = (0..self.zones().len()).collect();
        others.sort_by_key(|other| other.abs_diff(own));
        let others = others[1..].iter().map(|other| &self.zones()[*other]);
        let others = others.filter(|zone| is_on_offer(zone.id));
        others.filter_map(block_in).take(how_many).collect()
    }

    /// The middle of those tickets that are seats of a zone.
    fn middle(&self, tickets: &[i64], zone: usize) -> Option<Focus> {
        let located = tickets.iter().filter_map(|id| self.locate(*id));
        let in_zone = located.filter(|(index, _)| *index == zone);
        let seats = in_zone.filter_map(|(_, bit)| self.zones()[zone].seat_at(bit));
        let add = |(count, rows, numbers): (i64, i64, i64), (row, seat): (i32, i32)| {
            (count + 1, rows + i64::from(row), numbers + i64::from(seat))
        };
        let (count, rows, numbers) = seats.fold((0, 0, 0), add);
        (count > 0).then(|| Focus {
            row2: 2 * rows / count,
            seat2: 2 * numbers / count,
        })
    }
}

#[cfg(test)]
mod tests;
