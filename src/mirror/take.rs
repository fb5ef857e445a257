//! Proposing places, and marking those that an attempt of this process is trying.
//!
//! A mark keeps the attempts of one process from trying the same place. It promises nothing to
//! anybody else: the lock and the version do.

use super::blocks::{Prefer, Search, Within};
use super::seats::Seats;
use super::zone::Zone;

/// What came of asking for places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// These tickets; they are marked until they are given back.
    Tickets(Vec<i64>),
    /// There will be enough only if attempts of this process give theirs back.
    InFlight,
    /// Not even then.
    TooFew { available: usize },
    /// There are enough, but not that many side by side. `largest` is the most that are, if
    /// attempts of this process give theirs back.
    NotTogether { available: usize, largest: usize },
}

impl Seats {
    /// Takes the first free places of a zone from a random spot on, so that many buyers at once,
    /// on several instances, rarely pick the same ones. None if there is no such zone.
    pub fn take_any(&mut self, zone_id: i64, quantity: usize, start: u64) -> Option<Taken> {
        let (index, zone) = self.zone(zone_id)?;
        if let Some(refused) = refused(zone, quantity) {
            return Some(refused);
        }
        let places = u64::try_from(zone.counts.capacity.max(1)).unwrap_or(u64::MAX);
        let spot = usize::try_from(start % places).unwrap_or(0);
        let bits = zone.free_from(spot, quantity);
        Some(self.take(index, &bits))
    }

    /// Takes the best adjacent seats of a zone. Standing places are adjacent to nothing, so one is
    /// the most that is found there.
    pub fn take_together(&mut self, zone_id: i64, quantity: usize) -> Option<Taken> {
        let (index, zone) = self.zone(zone_id)?;
        if zone.open < quantity {
            return Some(too_few(zone));
        }
        if let Some(block) = best(zone, quantity).run(zone) {
            let bits: Vec<_> = block.bits(zone).collect();
            return Some(self.take(index, &bits));
        }
        if quantity <= 1 {
            return self.take_any(zone_id, quantity, 0);
        }
        let available = zone.open;
        let largest = longest_available(zone).max(available.min(1));
        Some(if largest >= quantity {
            Taken::InFlight
        } else {
            Taken::NotTogether { available, largest }
        })
    }

    /// Takes the best adjacent seats of a zone in as few pieces as there have to be: of the pieces
    /// that are left to find, always the largest possible one, the first by the rule of the best
    /// block and the others as near to the first as can be.
    pub fn take_split(&mut self, zone_id: i64, quantity: usize) -> Option<Taken> {
        let (index, zone) = self.zone(zone_id)?;
        if let Some(refused) = refused(zone, quantity) {
            return Some(refused);
        }
        let mut taken = Vec::with_capacity(quantity);
        let mut search = best(zone, quantity);
        while taken.len() < quantity {
            let zone = &self.zones()[index];
            search.quantity = longest_free(zone, quantity - taken.len());
            let Some(block) = search.run(zone) else {
                break;
            };
            if taken.is_empty() {
                search.focus = block.middle(zone);
                search.prefer = Prefer::Near;
            }
            let bits: Vec<_> = block.bits(zone).collect();
            taken.extend(self.mark_bits(index, &bits));
        }
        // What is left are standing places.
        let bits = self.zones()[index].free_from(0, quantity - taken.len());
        taken.extend(self.mark_bits(index, &bits));
        Some(Taken::Tickets(taken))
    }

    /// Marks tickets that somebody asked for by name. Returns those that were not marked before:
    /// they are what the attempt gives back.
    pub fn mark(&mut self, ticket_ids: &[i64]) -> Vec<i64> {
        let mut marked = Vec::with_capacity(ticket_ids.len());
        for ticket_id in ticket_ids {
            if let Some((zone, bit)) = self.locate(*ticket_id)
                && self.zones_mut()[zone].mark(bit)
            {
                marked.push(*ticket_id);
            }
        }
        marked
    }

    /// Ends an attempt: takes the marks from its tickets. Doing it twice does no harm.
    pub fn give_back(&mut self, ticket_ids: &[i64]) {
        for ticket_id in ticket_ids {
            if let Some((zone, bit)) = self.locate(*ticket_id) {
                self.zones_mut()[zone].unmark(bit);
            }
        }
    }

    fn take(&mut self, zone: usize, bits: &[usize]) -> Taken {
        Taken::Tickets(self.mark_bits(zone, bits))
    }

    fn mark_bits(&mut self, zone: usize, bits: &[usize]) -> Vec<i64> {
        for bit in bits {
            self.zones_mut()[zone].mark(*bit);
        }
        self.ticket_ids(&self.zones()[zone], bits.iter().copied())
    }
}

/// The search for the best block that a buyer who names no seats is given.
pub fn best(zone: &Zone, quantity: usize) -> Search<'static> {
    Search {
        quantity,
        focus: zone.focus,
        prefer: Prefer::FewOrphans,
        within: Within::ZONE,
        without: &[],
    }
}

fn refused(zone: &Zone, quantity: usize) -> Option<Taken> {
    if zone.open < quantity {
        Some(too_few(zone))
    } else if zone.free < quantity {
        Some(Taken::InFlight)
    } else {
        None
    }
}

fn too_few(zone: &Zone) -> Taken {
    Taken::TooFew {
        available: zone.open,
    }
}

fn longest_available(zone: &Zone) -> usize {
    let rows = zone.rows().iter();
    rows.map(|row| row.longest).max().unwrap_or(0) as usize
}

/// The most adjacent free seats of a zone, or `enough` if there are as many.
fn longest_free(zone: &Zone, enough: usize) -> usize {
    let mut longest = 0;
    for row in zone.rows() {
        let most = (row.longest.min(row.free)) as usize;
        if most > longest {
            longest = longest.max(zone.longest_free(row));
        }
        if longest >= enough {
            return enough;
        }
    }
    longest
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
