//! The rows of a zone that have a free place: a search steps over all others, a word at a time.

use super::Zone;
use crate::mirror::bits::{last_one, next_one};

impl Zone {
    /// The first row that has a free place, from a row of seats on.
    pub fn next_row_with_free(&self, from: usize) -> Option<usize> {
        let end = self.rows.len();
        let found = next_one(|index| self.rows_with_free[index], from, end);
        (found < end).then_some(found)
    }

    /// The last row of seats that has a free place, before a row.
    pub fn last_row_with_free(&self, before: usize) -> Option<usize> {
        let word = |index: usize| self.rows_with_free[index];
        last_one(word, self.standing_rows, before)
    }

    /// Notes whether a row has a free place.
    pub(super) fn note_free(&mut self, row: usize) {
        let word = &mut self.rows_with_free[row / 64];
        let others = *word & !(1 << (row % 64));
        *word = others | u64::from(self.rows[row].free > 0) << (row % 64);
    }
}
