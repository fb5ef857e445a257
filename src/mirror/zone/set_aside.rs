//! Places that nobody is given who did not name them: those where a wheelchair finds room, and those
//! beside them. They count as what they are, and are left out of every search.

use super::Zone;

impl Zone {
    /// Sets a place aside.
    pub fn set_aside(&mut self, bit: usize) {
        if self.available[bit / 64] >> (bit % 64) & 1 == 1 {
            self.close_place(bit);
        }
        self.set_aside.resize(self.available.len(), 0);
        self.set_aside[bit / 64] |= 1 << (bit % 64);
    }

    /// Whether a place is set aside.
    pub fn is_set_aside(&self, bit: usize) -> bool {
        let word = self.set_aside.get(bit / 64);
        word.is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// The bits of the marked places.
    pub fn marked_bits(&self) -> impl Iterator<Item = usize> {
        let words = self.marked.iter().enumerate();
        words
            .filter(|(_, word)| **word != 0)
            .flat_map(|(index, word)| {
                let is_marked = move |bit: &usize| *word >> bit & 1 == 1;
                (0..64).filter(is_marked).map(move |bit| index * 64 + bit)
            })
    }
}
