//! The places of one zone: which are free, and how they lie to each other.
//!
//! A zone is cut into *rows* of places whose seat numbers follow each other, so that two places of
//! the same such row are adjacent exactly when they stand next to each other in it. A row of seats
//! with a gap in its numbers is two of them. Standing places have no neighbours; they are cut into
//! rows only to be skipped quickly where all are gone, and come before the seats.
//!
//! A row has whole words of two bitmaps to itself, and a place is known by its *bit*: its position
//! in them. A place is *available* as its status says, *marked* while an attempt of this process is
//! trying it, and *free* when it is available and not marked.

mod counts;
mod free_rows;
mod set_aside;

pub use counts::Counts;

use std::mem::size_of;
use std::ops::Range;

use super::bits::{longest_run, next_one, next_zero, run_start};
use super::blocks::Focus;
use crate::coordination::SeatStatus;

/// Standing places that share a count: few enough to look through, and many enough to skip.
const STANDING_ROW: usize = 4096;

#[derive(Debug)]
pub struct Zone {
    pub id: i64,
    pub focus: Focus,
    pub counts: Counts,
    /// Available, and not set aside.
    pub open: usize,
    /// Available, not set aside and not marked.
    pub free: usize,
    /// The sum of the fingerprints of its tickets.
    pub revision: u128,
    rows: Vec<Row>,
    /// Rows of standing places, which come first.
    standing_rows: usize,
    /// A one for each row that has a free place.
    rows_with_free: Vec<u64>,
    /// The row that each word belongs to.
    row_of_word: Vec<u32>,
    /// Without places that are set aside.
    available: Vec<u64>,
    marked: Vec<u64>,
    /// Empty where no place is.
    set_aside: Vec<u64>,
    /// The index of each place's ticket, in the order of row, seat, id.
    tickets: Vec<u32>,
}

/// Places whose seat numbers follow each other.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// As on the ticket; 0 for standing places.
    pub number: i32,
    /// The seat number of its first place; 0 for standing places.
    pub first_seat: i32,
    pub seats: u32,
    /// Available and not marked.
    pub free: u32,
    /// The most adjacent places that are available, whether marked or not; 0 for standing places.
    pub longest: u32,
    first_place: u32,
    first_word: u32,
}

/// A ticket on its way into a zone.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Position of the zone in the event.
    pub zone: u32,
    /// Row and seat; none for a standing place.
    pub seat: Option<(i32, i32)>,
    /// Index of the ticket.
    pub ticket: u32,
}

impl Zone {
    /// Lays out a zone. The entries come in the order of row, seat, id.
    pub fn new(id: i64, focus: Option<Focus>, entries: &[Entry], statuses: &[SeatStatus]) -> Self {
        let mut zone = Self {
            id,
            focus: focus.unwrap_or(Focus { row2: 0, seat2: 0 }),
            counts: Counts::default(),
            open: 0,
            free: 0,
            revision: 0,
            rows: Vec::new(),
            standing_rows: 0,
            rows_with_free: Vec::new(),
            row_of_word: Vec::new(),
            available: Vec::new(),
            marked: Vec::new(),
            set_aside: Vec::new(),
            tickets: entries.iter().map(|entry| entry.ticket).collect(),
        };
        zone.lay_rows(entries);
        zone.focus = focus.unwrap_or_else(|| zone.middle_of_the_front());
        zone.fill(statuses);
        zone
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows of seats, by their positions.
    pub fn seated_rows(&self) -> Range<usize> {
        self.standing_rows..self.rows.len()
    }

    /// How many bits its words have.
    pub fn bits(&self) -> usize {
        self.available.len() * 64
    }

    /// The bit of every place, in the order of row, seat, id.
    pub fn place_bits(&self) -> impl Iterator<Item = usize> {
        self.rows
            .iter()
            .flat_map(|row| row.first_bit()..row.first_bit() + row.seats as usize)
    }

    /// Every ticket with its row and seat, in the order of row, seat, id.
    pub fn places(&self) -> impl Iterator<Item = (usize, Option<(i32, i32)>)> {
        self.place_bits()
            .zip(&self.tickets)
            .map(|(bit, ticket)| (*ticket as usize, self.seat_at(bit)))
    }

    /// The row and the seat of a place; none in the standing part.
    pub fn seat_at(&self, bit: usize) -> Option<(i32, i32)> {
        let index = self.row_at(bit);
        let row = &self.rows[index];
        let offset = i32::try_from(bit - row.first_bit()).unwrap_or(i32::MAX);
        (index >= self.standing_rows).then(|| (row.number, row.first_seat.saturating_add(offset)))
    }

    /// The index of the ticket of a place.
    pub fn ticket_at(&self, bit: usize) -> usize {
        let row = &self.rows[self.row_at(bit)];
        self.tickets[row.first_place as usize + bit - row.first_bit()] as usize
    }

    /// Moves a place from one status to another.
    pub fn change(&mut self, bit: usize, from: SeatStatus, to: SeatStatus) {
        *self.counts.of(from) -= 1;
        *self.counts.of(to) += 1;
        if self.is_set_aside(bit) {
            return;
        }
        match (from == SeatStatus::Available, to == SeatStatus::Available) {
            (false, true) => self.open_place(bit),
            (true, false) => self.close_place(bit),
            _ => {}
        }
    }

    /// Marks a place; false if it was marked already.
    pub fn mark(&mut self, bit: usize) -> bool {
        if self.is_marked(bit) {
            return false;
        }
        self.count_free(bit, -1);
        self.marked[bit / 64] |= 1 << (bit % 64);
        true
    }

    /// Takes the mark from a place that may have one.
    pub fn unmark(&mut self, bit: usize) {
        if self.is_marked(bit) {
            self.marked[bit / 64] &= !(1 << (bit % 64));
            self.count_free(bit, 1);
        }
    }

    /// A word of a row in which the free places are ones.
    pub fn free_word(&self, row: &Row, index: usize) -> u64 {
        let word = row.first_word as usize + index;
        self.available[word] & !self.marked[word]
    }

    /// The most adjacent seats that are free, in a row.
    pub fn longest_free(&self, row: &Row) -> usize {
        longest_run(|index| self.free_word(row, index), row.seats as usize)
    }

    /// Up to `quantity` free places from a place on, around the end of the zone.
    pub fn free_from(&self, place: usize, quantity: usize) -> Vec<usize> {
        let mut found = Vec::with_capacity(quantity.min(self.free));
        let after = |row: &Row| row.first_place as usize <= place;
        let Some(middle) = self.rows.partition_point(after).checked_sub(1) else {
            return found;
        };
        let offset = place - self.rows[middle].first_place as usize;
        self.collect_free(middle, offset..usize::MAX, quantity, &mut found);
        for row in (middle + 1..self.rows.len()).chain(0..middle) {
            if found.len() == quantity {
                return found;
            }
            self.collect_free(row, 0..usize::MAX, quantity, &mut found);
        }
        self.collect_free(middle, 0..offset, quantity, &mut found);
        found
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let bitmaps = [
            &self.rows_with_free,
            &self.available,
            &self.marked,
            &self.set_aside,
        ];
        self.rows.capacity() * size_of::<Row>()
            + (self.row_of_word.capacity() + self.tickets.capacity()) * size_of::<u32>()
            + bitmaps.map(Vec::capacity).iter().sum::<usize>() * size_of::<u64>()
    }

    /// Adds the free places of a row's part to what was found.
    fn collect_free(
        &self,
        row: usize,
        part: Range<usize>,
        quantity: usize,
        found: &mut Vec<usize>,
    ) {
        let row = &self.rows[row];
        if row.free == 0 {
            return;
        }
        let end = part.end.min(row.seats as usize);
        let word = |index| self.free_word(row, index);
        let mut offset = next_one(word, part.start, end);
        while offset < end && found.len() < quantity {
            found.push(row.first_bit() + offset);
            offset = next_one(word, offset + 1, end);
        }
    }

    fn open_place(&mut self, bit: usize) {
        self.open += 1;
        self.available[bit / 64] |= 1 << (bit % 64);
        self.count_free(bit, 1);
        let run = self.available_run(bit);
        let row = self.row_at(bit);
        if self.is_seated(row) {
            self.rows[row].longest = self.rows[row].longest.max(run);
        }
    }

    fn close_place(&mut self, bit: usize) {
        self.open -= 1;
        self.count_free(bit, -1);
        let run = self.available_run(bit);
        self.available[bit / 64] &= !(1 << (bit % 64));
        let row = self.row_at(bit);
        if self.rows[row].longest == run && self.is_seated(row) {
            self.rows[row].longest = self.longest_available(row);
        }
    }

    fn lay_rows(&mut self, entries: &[Entry]) {
        let standing = entries.partition_point(|entry| entry.seat.is_none());
        let (standing, seated) = entries.split_at(standing);
        for places in standing.chunks(STANDING_ROW) {
            self.push_row(places);
        }
        self.standing_rows = self.rows.len();
        let are_adjacent = |a: &Entry, b: &Entry| match (a.seat, b.seat) {
            (Some(a), Some(b)) => a.0 == b.0 && a.1.checked_add(1) == Some(b.1),
            _ => false,
        };
        for places in seated.chunk_by(are_adjacent) {
            self.push_row(places);
        }
        self.rows.shrink_to_fit();
        self.row_of_word.shrink_to_fit();
        self.rows_with_free = vec![0; self.rows.len().div_ceil(64)];
        self.available = vec![0; self.row_of_word.len()];
        self.marked = self.available.clone();
    }

    fn push_row(&mut self, places: &[Entry]) {
        let (number, first_seat) = places[0].seat.unwrap_or_default();
        let before = self.rows.last();
        let row = Row {
            number,
            first_seat,
            seats: small(places.len()),
            free: 0,
            longest: 0,
            first_place: before.map_or(0, |row| row.first_place + row.seats),
            first_word: small(self.row_of_word.len()),
        };
        let words = self.row_of_word.len() + places.len().div_ceil(64);
        self.row_of_word.resize(words, small(self.rows.len()));
        self.rows.push(row);
    }

    /// The middle of the longest row, moved to the front row.
    fn middle_of_the_front(&self) -> Focus {
        let seated = &self.rows[self.seated_rows()];
        let mut longest = (0, 0);
        for row in seated.chunk_by(|a, b| a.number == b.number) {
            let (first, last) = (row[0], row[row.len() - 1]);
            let last_seat = i64::from(last.first_seat) + i64::from(last.seats) - 1;
            let length = last_seat - i64::from(first.first_seat) + 1;
            if length > longest.0 {
                longest = (length, i64::from(first.first_seat) + last_seat);
            }
        }
        Focus {
            row2: seated.first().map_or(0, |row| 2 * i64::from(row.number)),
            seat2: longest.1,
        }
    }

    fn fill(&mut self, statuses: &[SeatStatus]) {
        self.counts.capacity = self.tickets.len();
        for index in 0..self.rows.len() {
            let row = self.rows[index];
            for offset in 0..row.seats as usize {
                let ticket = self.tickets[row.first_place as usize + offset];
                let status = statuses[ticket as usize];
                *self.counts.of(status) += 1;
                if status == SeatStatus::Available {
                    let bit = row.first_bit() + offset;
                    self.available[bit / 64] |= 1 << (bit % 64);
                    self.rows[index].free += 1;
                }
            }
            self.note_free(index);
            if self.is_seated(index) {
                self.rows[index].longest = self.longest_available(index);
            }
        }
        self.open = self.counts.available;
        self.free = self.open;
    }

    /// Counts a place that becomes free (1) or stops being so (-1), unless the other of status and
    /// mark keeps it from being free anyway. Called while the bit that does not change tells.
    fn count_free(&mut self, bit: usize, by: i32) {
        let word = self.available[bit / 64] & !self.marked[bit / 64];
        if word >> (bit % 64) & 1 == 0 {
            return;
        }
        let row = self.row_at(bit);
        self.rows[row].free = self.rows[row].free.saturating_add_signed(by);
        self.note_free(row);
        self.free = self.free.saturating_add_signed(by as isize);
    }

    fn is_marked(&self, bit: usize) -> bool {
        self.marked[bit / 64] >> (bit % 64) & 1 == 1
    }

    fn is_seated(&self, row: usize) -> bool {
        row >= self.standing_rows
    }

    fn row_at(&self, bit: usize) -> usize {
        self.row_of_word[bit / 64] as usize
    }

    /// The length of the run of available places around one that is available.
    fn available_run(&self, bit: usize) -> u32 {
        let row = &self.rows[self.row_at(bit)];
        let offset = bit - row.first_bit();
        let word = |index| self.available[row.first_word as usize + index];
        small(next_zero(word, offset, row.seats as usize) - run_start(word, offset))
    }

    fn longest_available(&self, row: usize) -> u32 {
        let row = &self.rows[row];
        let word = |index| self.available[row.first_word as usize + index];
        small(longest_run(word, row.seats as usize))
    }
}

impl Row {
    pub fn first_bit(&self) -> usize {
        self.first_word as usize * 64
    }
}

/// A number of tickets or places of an event, which has at most a million.
pub fn small(number: usize) -> u32 {
    u32::try_from(number).expect("an event has far fewer tickets than 2^32")
}
