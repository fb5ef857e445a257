//! How many tickets of a zone are in each state.

use crate::coordination::SeatStatus;

/// How many tickets a zone has. Those that an attempt is trying count as what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub capacity: usize,
    pub available: usize,
    pub held: usize,
    pub sold: usize,
    pub blocked: usize,
}

impl Counts {
    pub fn of(&mut self, status: SeatStatus) -> &mut usize {
        match status {
            SeatStatus::Available => &mut self.available,
            SeatStatus::Held => &mut self.held,
            SeatStatus::Sold => &mut self.sold,
            SeatStatus::Blocked => &mut self.blocked,
        }
    }
}
