//! The best block: which of all adjacent free seats to propose.
//!
//! Of all runs of exactly so many adjacent free seats, the best is the one
//!
//! 1. that leaves the fewest *orphans*: single free seats between seats that are not free, which
//!    hardly anybody buys. Only those count that the block makes; a seat alone before stays alone.
//! 2. whose middle is nearest to the zone's [`Focus`], by default the centre of the front row,
//! 3. in the lower row,
//! 4. with the lower seat numbers.
//!
//! This follows what reserved-seating services, seats.io among them, call "best available" around
//! a "focal point", with their rule against orphan seats before it.
//!
//! Distance is measured in halves of seats, in whole numbers, so that the middle of a block of two
//! is exact. A row counts as [`SEATS_PER_ROW_STEP`] seats, and the square of the distance is
//! compared.
//!
//! Rows are visited from the focus outwards. Once a block without orphans is known, rows and seats
//! farther off than it are not looked at, so a zone with seats left near its focus costs a few
//! words. Rows that are full cost a bit each, and a row that has no run long enough one comparison.

use super::bits::{next_run, next_zero, run_start};
use super::zone::{Row, Zone};

/// How many seats apart one row is from the next: rows stand 0.8 to 1 m apart, seats about 0.5 m.
pub const SEATS_PER_ROW_STEP: i64 = 2;

/// The spot of a zone that the best seats are nearest to, in halves of a row and of a seat: seat 7
/// of row 1 is `row2: 2, seat2: 14`, and `seat2: 15` is between the seats 7 and 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Focus {
    pub row2: i64,
    pub seat2: i64,
}

impl Focus {
    /// A seat, by the number of its row and its own.
    pub fn at(row: i32, seat: i32) -> Self {
        Self {
            row2: 2 * i64::from(row),
            seat2: 2 * i64::from(seat),
        }
    }
}

/// Adjacent seats of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Position of the row in its zone.
    pub row: usize,
    /// Position of the first seat in the row.
    pub start: usize,
    pub seats: usize,
}

/// What counts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefer {
    /// The rule above.
    FewOrphans,
    /// The same with the first two steps swapped: for seats near others that somebody has chosen.
    Near,
}

/// A bound on what a search looks at.
#[derive(Debug, Clone, Copy)]
pub struct Within {
    /// Most rows from the focus.
    pub rows: i64,
    /// Most seats along a row from the focus to the middle of a block.
    pub seats: i64,
}

impl Within {
    pub const ZONE: Self = Self {
        rows: i64::MAX,
        seats: i64::MAX,
    };
}

/// A search for the best block.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    pub quantity: usize,
    pub focus: Focus,
    pub prefer: Prefer,
    /// How far from the focus to look.
    pub within: Within,
    /// Blocks that must not be touched, at most a few.
    pub without: &'a [Block],
}

impl Block {
    /// The bits of its places.
    pub fn bits(&self, zone: &Zone) -> std::ops::Range<usize> {
        let first = zone.rows()[self.row].first_bit() + self.start;
        first..first + self.seats
    }

    /// Its middle.
    pub fn middle(&self, zone: &Zone) -> Focus {
        let row = &zone.rows()[self.row];
        Focus {
            row2: 2 * i64::from(row.number),
            seat2: 2 * (i64::from(row.first_seat) + signed(self.start)) + signed(self.seats) - 1,
        }
    }

    /// The bits of it that lie in a word of its row.
    fn mask(&self, word: usize) -> u64 {
        let from = self.start.clamp(word * 64, word * 64 + 64) - word * 64;
        let end = (self.start + self.seats).clamp(word * 64, word * 64 + 64) - word * 64;
        let below = |bit: usize| if bit == 64 { u64::MAX } else { (1 << bit) - 1 };
        below(end) & !below(from)
    }
}

impl Search<'_> {
    /// The best block of a zone; none if no row has so many adjacent free seats.
    pub fn run(&self, zone: &Zone) -> Option<Block> {
        if self.quantity == 0 || zone.free < self.quantity {
            return None;
        }
        let seated = zone.seated_rows();
        let before = |row: &Row| 2 * i64::from(row.number) < self.focus.row2;
        let front = seated.start + zone.rows()[seated].partition_point(before);
        let with_distance = |index| (index, self.rows_off(&zone.rows()[index]));
        let below = |row| zone.last_row_with_free(row).map(with_distance);
        let above = |row| zone.next_row_with_free(row).map(with_distance);
        let (mut lower, mut higher) = (below(front), above(front));
        let farthest = squared(self.within.rows.saturating_mul(2 * SEATS_PER_ROW_STEP));
        let mut best: Option<Best> = None;
        loop {
            let (index, rows_off) = match (lower, higher) {
                (Some(lower), Some(higher)) if higher.1 < lower.1 => higher,
                (Some(nearest), _) | (None, Some(nearest)) => nearest,
                (None, None) => break,
            };
            let is_farther = |best: &Best| best.is_within(rows_off);
            if rows_off > farthest || best.as_ref().is_some_and(is_farther) {
                break;
            }
            if self.may_fit(&zone.rows()[index]) {
                self.look_at(zone, index, rows_off, &mut best);
            }
            if index < front {
                lower = below(index);
            } else {
                higher = above(index + 1);
            }
        }
        best.map(|best| best.block)
    }

    /// Looks for a better block in a row: from the spot nearest to the focus on, then before it.
    fn look_at(&self, zone: &Zone, index: usize, rows_off: u64, best: &mut Option<Best>) {
        let row = &zone.rows()[index];
        let seats = row.seats as usize;
        // Twice the position at which a block would have to start to be centred on the focus.
        let centred2 = self
            .focus
            .seat2
            .saturating_sub(2 * i64::from(row.first_seat));
        let centred2 = centred2.saturating_sub(signed(self.quantity) - 1);
        let centred = usize::try_from(centred2.max(0) / 2).unwrap_or(usize::MAX);
        let mut look = Look {
            search: self,
            row,
            index,
            rows_off,
            centred2,
            centred: centred.min(seats - self.quantity),
            best,
        };
        let word = |word| {
            let without = self.without.iter().filter(|block| block.row == index);
            let hidden = without.fold(0, |hidden, block| hidden | block.mask(word));
            zone.free_word(row, word) & !hidden
        };
        let middle = run_start(word, look.centred);
        look.scan(word, middle, seats);
        let first = look.centred.saturating_sub(look.reach());
        look.scan(word, run_start(word, first), middle);
    }

    /// Whether a row may have a block, by its counts.
    fn may_fit(&self, row: &Row) -> bool {
        row.free.min(row.longest) as usize >= self.quantity
    }

    /// The square of the distance of a row.
    fn rows_off(&self, row: &Row) -> u64 {
        let off = self.focus.row2.saturating_sub(2 * i64::from(row.number));
        squared(off.saturating_mul(SEATS_PER_ROW_STEP))
    }
}

/// A look at one row.
struct Look<'a, 'b> {
    search: &'a Search<'a>,
    row: &'a Row,
    index: usize,
    rows_off: u64,
    centred2: i64,
    /// Where the block that is nearest to the focus starts, were the row empty.
    centred: usize,
    best: &'b mut Option<Best>,
}

impl Look<'_, '_> {
    /// Weighs the runs that start at `from` or later and before `end`.
    fn scan(&mut self, word: impl Fn(usize) -> u64, from: usize, end: usize) {
        let (seats, quantity) = (self.row.seats as usize, self.search.quantity);
        let mut end = end.min(self.end_of_reach());
        let mut start = next_run(&word, from, end, seats, quantity);
        while start < end {
            let stop = next_zero(&word, start, seats);
            if stop - start >= quantity && self.weigh(start, stop) {
                end = end.min(self.end_of_reach());
            }
            start = next_run(&word, stop, end, seats, quantity);
        }
    }

    /// A block that starts here or later cannot be the best.
    fn end_of_reach(&self) -> usize {
        self.centred.saturating_add(self.reach()).saturating_add(1)
    }

    /// How far from `centred` a block can start and still be the best.
    fn reach(&self) -> usize {
        let most = usize::try_from(self.search.within.seats).unwrap_or(usize::MAX);
        let settled = self.best.as_ref().filter(|best| best.key.0 == 0);
        settled.map_or(most.saturating_add(1), |best| {
            let off2 = best.key.1.saturating_sub(self.rows_off).isqrt();
            usize::try_from(off2 / 2)
                .unwrap_or(most)
                .min(most)
                .saturating_add(1)
        })
    }

    /// Compares the blocks of a run with the best one; true if one of them is better. Only starts
    /// that are one off an end of the run make an orphan, so the best is at most two off the one
    /// nearest to the focus.
    fn weigh(&mut self, start: usize, stop: usize) -> bool {
        let last = stop - self.search.quantity;
        let nearest = self.centred.clamp(start, last);
        let mut is_better = false;
        for at in nearest.saturating_sub(2).max(start)..=(nearest + 2).min(last) {
            let orphans = u64::from(at - start == 1) + u64::from(last - at == 1);
            let along2 = self.centred2.saturating_sub(2 * signed(at));
            if along2.saturating_abs() / 2 > self.search.within.seats {
                continue;
            }
            let off = self.rows_off + squared(along2);
            let key = match self.search.prefer {
                Prefer::FewOrphans => (orphans, off, 0),
                Prefer::Near => (0, off, orphans),
            };
            let key = (
                key.0,
                key.1,
                key.2,
                self.row.number,
                self.row.first_seat,
                at,
            );
            if self.best.as_ref().is_none_or(|best| key < best.key) {
                let block = Block {
                    row: self.index,
                    start: at,
                    seats: self.search.quantity,
                };
                *self.best = Some(Best { key, block });
                is_better = true;
            }
        }
        is_better
    }
}

struct Best {
    /// Orphans, distance, orphans where they count last, row, first seat of the row, start.
    key: (u64, u64, u64, i32, i32, usize),
    block: Block,
}

impl Best {
    /// True if nothing in a row so far off can be better.
    fn is_within(&self, rows_off: u64) -> bool {
        self.key.0 == 0 && self.key.1 < rows_off
    }
}

/// The square of a distance. Beyond a billion everything is equally far.
fn squared(off: i64) -> u64 {
    off.unsigned_abs().min(1 << 30).pow(2)
}

fn signed(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
