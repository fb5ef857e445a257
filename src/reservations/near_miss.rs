//! Near misses: what else a buyer could have, where what was wanted is gone.

use std::sync::Arc;

use crate::ids::{TicketId, ZoneId};
use crate::mirror::{Mirrored, Seats};

/// Tickets side by side that were free a moment ago, as many as were wanted.
#[derive(Debug, Clone)]
pub struct Block {
    pub zone_id: i64,
    pub tickets: Vec<BlockTicket>,
}

/// A ticket of a block.
#[derive(Debug, Clone)]
pub struct BlockTicket {
    pub ticket_id: i64,
    pub row_number: Option<i32>,
    pub seat_number: Option<i32>,
    pub row_label: Option<String>,
    pub seat_label: Option<String>,
}

/// Most blocks that are offered.
const MOST: usize = 3;

/// The blocks nearest to the tickets that were wanted.
pub fn near(mirrored: &Arc<Mirrored>, wanted: &[TicketId]) -> Vec<Block> {
    let wanted: Vec<i64> = wanted.iter().map(|id| id.0).collect();
    let seats = mirrored.seats();
    let blocks = seats.nearest_blocks(&wanted, MOST);
    blocks.iter().filter_map(|ids| block(&seats, ids)).collect()
}

/// The best blocks of the other zones, the nearest zone first.
pub fn elsewhere(mirrored: &Arc<Mirrored>, zone: ZoneId, quantity: usize) -> Vec<Block> {
    let facts = mirrored.facts();
    let is_on_offer = |zone| !facts.is_by_application(zone);
    let seats = mirrored.seats();
    let blocks = seats.blocks_elsewhere(zone.0, quantity, MOST, is_on_offer);
    blocks.iter().filter_map(|ids| block(&seats, ids)).collect()
}

fn block(seats: &Seats, ids: &[i64]) -> Option<Block> {
    let zone_id = seats.get(*ids.first()?)?.zone_id;
    let ticket = |id: &i64| {
        let seat = seats.get(*id)?;
        let labels = seats.labels(*id);
        Some(BlockTicket {
            ticket_id: *id,
            row_number: seat.row,
            seat_number: seat.seat,
            row_label: labels.row.map(Into::into),
            seat_label: labels.seat.map(Into::into),
        })
    };
    Some(Block {
        zone_id,
        tickets: ids.iter().filter_map(ticket).collect(),
    })
}
