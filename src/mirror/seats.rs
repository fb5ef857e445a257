//! Every seat of an event with its status and version.
//!
//! A ticket takes 16 bytes by id, one for its status, four in its zone, and its share of the
//! zone's rows and bitmaps: 23 in all with thirty seats a row.

use std::mem::size_of;
use std::ops::RangeInclusive;

use super::blocks::Focus;
use super::names::{Labels, Named, Names};
use super::zone::{Counts, Entry, Zone, small};
use crate::coordination::SeatStatus;

/// All tickets of one event.
#[derive(Debug)]
pub struct Seats {
    /// By id.
    tickets: Vec<Ticket>,
    /// The status of each ticket.
    statuses: Vec<SeatStatus>,
    /// In the order of the event.
    zones: Vec<Zone>,
    /// The place at which each zone begins.
    zone_starts: Vec<u32>,
    /// The position of each zone, by its id.
    zones_by_id: Vec<(i64, u32)>,
    /// Of the tickets that are named otherwise than by their numbers, or have traits.
    names: Names,
    /// What was told since the event began to be read anew.
    learnt: Option<Vec<(i64, i64, SeatStatus)>>,
}

/// A ticket as the database has it.
#[derive(Debug, Clone, Copy)]
pub struct Loaded {
    pub id: i64,
    pub zone_id: i64,
    /// Without a row or a seat it is a standing place.
    pub row: Option<i32>,
    pub seat: Option<i32>,
    pub status: SeatStatus,
    pub version: i64,
}

/// A zone, in the order in which the event lists them.
#[derive(Debug, Clone, Copy)]
pub struct ZonePlan {
    pub id: i64,
    /// Where its best seats are; the centre of the front row where absent.
    pub focus: Option<Focus>,
}

/// What is known of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    pub zone_id: i64,
    pub row: Option<i32>,
    pub seat: Option<i32>,
    pub status: SeatStatus,
    pub version: i64,
}

/// A ticket of a seat map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub ticket_id: i64,
    pub row: Option<i32>,
    pub seat: Option<i32>,
    pub status: SeatStatus,
    pub version: i64,
}

#[derive(Debug, Clone, Copy)]
struct Ticket {
    id: i64,
    version: u32,
    /// The bit of its zone, counted through all zones.
    place: u32,
}

/// The traits of seats that go to those only who name them: accessible, and companion.
const SET_ASIDE: i32 = 1 | 2;

impl Seats {
    /// Builds the copy. Tickets of a zone that is not in the list are left out; of a ticket that
    /// comes twice, the higher version stays.
    pub fn new(plans: Vec<ZonePlan>, mut loaded: Vec<Loaded>) -> Self {
        let zones_by_id = by_id(&plans);
        loaded.sort_by(|a, b| a.id.cmp(&b.id).then(b.version.cmp(&a.version)));
        loaded.dedup_by_key(|ticket| ticket.id);
        loaded.retain(|ticket| position(&zones_by_id, ticket.zone_id).is_some());
        let entries = entries(&zones_by_id, &loaded);
        let mut seats = Self {
            tickets: loaded.iter().map(Ticket::from).collect(),
            statuses: loaded.iter().map(|ticket| ticket.status).collect(),
            zones: Vec::with_capacity(plans.len()),
            zone_starts: Vec::with_capacity(plans.len()),
            zones_by_id,
            names: Names::default(),
            learnt: None,
        };
        drop(loaded);
        let mut entries = entries.as_slice();
        let mut start = 0;
        for (index, plan) in plans.into_iter().enumerate() {
            let end = entries.partition_point(|entry| entry.zone as usize <= index);
            let (own, rest) = entries.split_at(end);
            entries = rest;
            let zone = Zone::new(plan.id, plan.focus, own, &seats.statuses);
            seats.zone_starts.push(small(start));
            start += seats.add(zone, start);
        }
        seats
    }

    /// With names of their own for some of the tickets.
    #[must_use]
    pub fn with_names(mut self, named: Vec<Named>) -> Self {
        for one in named.iter().filter(|named| named.traits & SET_ASIDE != 0) {
            if let Some((zone, bit)) = self.locate(one.ticket_id) {
                self.zones[zone].set_aside(bit);
            }
        }
        let index_of = |named: &Named| self.find(named.ticket_id).map(small);
        self.names = Names::new(named, index_of);
        self
    }

    /// From now on keeps in mind whatever is told, for those that will replace these.
    pub fn remember(&mut self) {
        self.learnt = Some(Vec::new());
    }

    /// Ends what [`Seats::remember`] began, where nothing will replace these.
    pub fn stop_remembering(&mut self) {
        self.learnt = None;
    }

    /// Whether what is told is kept in mind.
    pub fn is_remembering(&self) -> bool {
        self.learnt.is_some()
    }

    /// Puts what was read meanwhile in the place of these, with all that was told since and the
    /// marks of attempts; gives the old ones.
    #[must_use]
    pub fn replace(&mut self, mut new: Self) -> Self {
        for (ticket_id, version, status) in self.learnt.take().unwrap_or_default() {
            new.set(ticket_id, version, status);
        }
        for zone in &self.zones {
            let marked = self.ticket_ids(zone, zone.marked_bits());
            new.mark(&marked);
        }
        std::mem::replace(self, new)
    }

    /// Takes in what a message or a read says of a ticket; true if that is news. What is not newer
    /// than what is known changes nothing, so messages may come twice, late and in any order.
    pub fn set(&mut self, ticket_id: i64, version: i64, status: SeatStatus) -> bool {
        if let Some(learnt) = &mut self.learnt {
            learnt.push((ticket_id, version, status));
        }
        let Some(index) = self.find(ticket_id) else {
            return false;
        };
        let version = stored(version);
        let known = self.tickets[index];
        if version <= known.version {
            return false;
        }
        self.tickets[index].version = version;
        let before = std::mem::replace(&mut self.statuses[index], status);
        let (zone, bit) = self.place(index);
        let zone = &mut self.zones[zone];
        zone.change(bit, before, status);
        zone.revision = zone
            .revision
            .wrapping_sub(fingerprint(ticket_id, known.version))
            .wrapping_add(fingerprint(ticket_id, version));
        true
    }

    /// What is known of a ticket.
    pub fn get(&self, ticket_id: i64) -> Option<Seat> {
        let index = self.find(ticket_id)?;
        let (zone, bit) = self.place(index);
        let zone = &self.zones[zone];
        let (row, seat) = zone.seat_at(bit).unzip();
        Some(Seat {
            zone_id: zone.id,
            row,
            seat,
            status: self.statuses[index],
            version: i64::from(self.tickets[index].version),
        })
    }

    /// What a ticket is called where that is not its numbers, and its traits.
    pub fn labels(&self, ticket_id: i64) -> Labels<'_> {
        if self.names.is_empty() {
            return Labels::default();
        }
        let labels = |index| self.names.get(small(index));
        self.find(ticket_id).map_or_else(Labels::default, labels)
    }

    /// How many tickets a zone has.
    pub fn counts(&self, zone_id: i64) -> Option<Counts> {
        Some(self.zone(zone_id)?.1.counts)
    }

    /// The zones in the order of the event, by their ids.
    pub fn zone_ids(&self) -> impl Iterator<Item = i64> {
        self.zones.iter().map(|zone| zone.id)
    }

    /// The tickets of a zone in the order of row, seat, id.
    pub fn zone_tickets(&self, zone_id: i64) -> Option<impl Iterator<Item = Place>> {
        let (_, zone) = self.zone(zone_id)?;
        Some(zone.places().map(|(index, seat)| {
            let ticket = self.tickets[index];
            let (row, seat) = seat.unzip();
            Place {
                ticket_id: ticket.id,
                row,
                seat,
                status: self.statuses[index],
                version: i64::from(ticket.version),
            }
        }))
    }

    /// A number that stands for the version of every ticket: two instances that know the same have
    /// the same one, and it changes whenever a ticket does.
    pub fn revision(&self) -> u128 {
        let add = |sum: u128, zone: &Zone| sum.wrapping_add(zone.revision);
        self.zones.iter().fold(0, add)
    }

    /// The same for the tickets of one zone.
    pub fn zone_revision(&self, zone_id: i64) -> Option<u128> {
        Some(self.zone(zone_id)?.1.revision)
    }

    /// Bytes that all this takes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.tickets.capacity() * size_of::<Ticket>()
            + self.statuses.capacity() * size_of::<SeatStatus>()
            + self.zones.capacity() * size_of::<Zone>()
            + self.zones.iter().map(Zone::heap_bytes).sum::<usize>()
            + self.zone_starts.capacity() * size_of::<u32>()
            + self.zones_by_id.capacity() * size_of::<(i64, u32)>()
            + self.names.heap_bytes()
    }

    pub(super) fn zones(&self) -> &[Zone] {
        &self.zones
    }

    pub(super) fn zones_mut(&mut self) -> &mut [Zone] {
        &mut self.zones
    }

    /// A zone and its position.
    pub(super) fn zone(&self, zone_id: i64) -> Option<(usize, &Zone)> {
        let index = position(&self.zones_by_id, zone_id)? as usize;
        Some((index, &self.zones[index]))
    }

    /// The zone of a ticket, by its position, and the bit in it.
    pub(super) fn locate(&self, ticket_id: i64) -> Option<(usize, usize)> {
        Some(self.place(self.find(ticket_id)?))
    }

    /// The tickets of places.
    pub(super) fn ticket_ids(&self, zone: &Zone, bits: impl Iterator<Item = usize>) -> Vec<i64> {
        let ticket_id = |bit| self.tickets[zone.ticket_at(bit)].id;
        bits.map(ticket_id).collect()
    }

    /// The index of a ticket. Ids rise by at least one from ticket to ticket, so the distances from
    /// the first and the last one leave little to search: nothing where no id is left out.
    fn find(&self, ticket_id: i64) -> Option<usize> {
        let (first, last) = (self.tickets.first()?.id, self.tickets.last()?.id);
        if !(first..=last).contains(&ticket_id) {
            return None;
        }
        let count = self.tickets.len();
        let after_first = usize::try_from(ticket_id.abs_diff(first)).unwrap_or(usize::MAX);
        let before_last = usize::try_from(last.abs_diff(ticket_id)).unwrap_or(usize::MAX);
        let highest = after_first.min(count - 1);
        let lowest = (count - 1).saturating_sub(before_last);
        let within: RangeInclusive<usize> = lowest..=highest;
        let found = self.tickets[within].binary_search_by_key(&ticket_id, |ticket| ticket.id);
        found.ok().map(|offset| lowest + offset)
    }

    /// The zone of a ticket, by its position, and the bit in it.
    fn place(&self, index: usize) -> (usize, usize) {
        let place = self.tickets[index].place;
        let after = self.zone_starts.partition_point(|start| *start <= place);
        let zone = after.saturating_sub(1);
        (zone, (place - self.zone_starts[zone]) as usize)
    }

    /// Adds a zone whose places begin at `start`, and says how many bits it has.
    fn add(&mut self, mut zone: Zone, start: usize) -> usize {
        let mut revision = 0_u128;
        for ((index, _), bit) in zone.places().zip(zone.place_bits()) {
            let ticket = &mut self.tickets[index];
            ticket.place = small(start + bit);
            revision = revision.wrapping_add(fingerprint(ticket.id, ticket.version));
        }
        zone.revision = revision;
        let bits = zone.bits();
        self.zones.push(zone);
        bits
    }
}

impl From<&Loaded> for Ticket {
    fn from(loaded: &Loaded) -> Self {
        Self {
            id: loaded.id,
            version: stored(loaded.version),
            place: 0,
        }
    }
}

fn by_id(plans: &[ZonePlan]) -> Vec<(i64, u32)> {
    let positions = plans.iter().enumerate();
    let mut by_id: Vec<_> = positions
        .map(|(index, plan)| (plan.id, small(index)))
        .collect();
    by_id.sort_unstable();
    by_id.dedup_by_key(|(id, _)| *id);
    by_id
}

fn position(zones_by_id: &[(i64, u32)], zone_id: i64) -> Option<u32> {
    let found = zones_by_id.binary_search_by_key(&zone_id, |(id, _)| *id);
    found.ok().map(|index| zones_by_id[index].1)
}

/// The tickets in the order of zone, row, seat, id; standing places before seats.
fn entries(zones_by_id: &[(i64, u32)], loaded: &[Loaded]) -> Vec<Entry> {
    let entry = |(index, ticket): (usize, &Loaded)| {
        Some(Entry {
            zone: position(zones_by_id, ticket.zone_id)?,
            seat: ticket.row.zip(ticket.seat),
            ticket: small(index),
        })
    };
    let mut entries: Vec<_> = loaded.iter().enumerate().filter_map(entry).collect();
    entries.sort_by_key(|entry| (entry.zone, entry.seat));
    entries
}

/// A version as it is kept. No ticket changes four billion times.
fn stored(version: i64) -> u32 {
    u32::try_from(version.max(0)).unwrap_or(u32::MAX)
}

/// 128 bits that stand for a ticket's version. They are added up, which needs no order.
fn fingerprint(ticket_id: i64, version: u32) -> u128 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let ticket = mixed(ticket_id.cast_unsigned().wrapping_add(ODD));
    let low = mixed(ticket ^ u64::from(version));
    let high = mixed(ticket.rotate_left(32).wrapping_add(u64::from(version)) ^ ODD);
    u128::from(high) << 64 | u128::from(low)
}

/// Spreads every bit over all of them: the last step of the generator `SplitMix64`.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
