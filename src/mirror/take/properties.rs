//! Random zones, with what is proposed compared to a search that tries everything.

use std::collections::BTreeSet;
use std::ops::Range;

use proptest::prelude::*;

use super::super::blocks::{Focus, SEATS_PER_ROW_STEP};
use super::super::seats::{Loaded, ZonePlan};
use super::*;
use crate::coordination::SeatStatus;

/// A free seat: its row and number.
type Spot = (i32, i32);

/// A place where a ticket may be: its status, and whether an attempt is trying it.
type Cell = Option<(SeatStatus, bool)>;

#[derive(Debug, Clone)]
struct Hall {
    rows: Vec<Vec<Cell>>,
    focus: Option<Focus>,
}

impl Hall {
    fn seats(&self) -> Seats {
        let plan = ZonePlan {
            id: 1,
            focus: self.focus,
        };
        let loaded = self.cells().map(|((row, seat), (status, _))| Loaded {
            id: id((row, seat)),
            zone_id: 1,
            row: Some(row),
            seat: Some(seat),
            status,
            version: 0,
        });
        let mut seats = Seats::new(vec![plan], loaded.collect());
        let marked = self.cells().filter(|(_, (_, is_marked))| *is_marked);
        let marked: Vec<_> = marked.map(|(spot, _)| id(spot)).collect();
        assert_eq!(seats.mark(&marked), marked);
        seats
    }

    fn free(&self) -> BTreeSet<Spot> {
        let free = self
            .cells()
            .filter(|(_, cell)| *cell == (SeatStatus::Available, false));
        free.map(|(spot, _)| spot).collect()
    }

    fn available(&self) -> BTreeSet<Spot> {
        let available = self
            .cells()
            .filter(|(_, cell)| cell.0 == SeatStatus::Available);
        available.map(|(spot, _)| spot).collect()
    }

    fn cells(&self) -> impl Iterator<Item = (Spot, (SeatStatus, bool))> {
        (1..).zip(&self.rows).flat_map(|(row, cells)| {
            let cells = (1..).zip(cells);
            cells.filter_map(move |(seat, cell)| cell.map(|cell| ((row, seat), cell)))
        })
    }

    /// The focus as the rule has it.
    fn focus(&self) -> Focus {
        let ends = (1..).zip(&self.rows).filter_map(|(row, cells)| {
            let first = cells.iter().position(Option::is_some)?;
            let last = cells.iter().rposition(Option::is_some)?;
            Some((
                row,
                i64::try_from(first).unwrap() + 1,
                i64::try_from(last).unwrap() + 1,
            ))
        });
        let ends: Vec<(i64, i64, i64)> = ends.collect();
        let longest = ends
            .iter()
            .rev()
            .max_by_key(|(_, first, last)| last - first);
        self.focus.unwrap_or(Focus {
            row2: 2 * ends[0].0,
            seat2: longest.map_or(0, |(_, first, last)| first + last),
        })
    }
}

fn id((row, seat): Spot) -> i64 {
    i64::from(row * 1_000 + seat)
}

fn ids(row: i32, seats: Range<i32>) -> Vec<i64> {
    seats.map(|seat| id((row, seat))).collect()
}

fn squared_distance(row: i32, seats: &Range<i32>, focus: Focus) -> i64 {
    let along = i64::from(seats.start + seats.end - 1) - focus.seat2;
    let across = (i64::from(2 * row) - focus.row2) * SEATS_PER_ROW_STEP;
    along * along + across * across
}

/// Free seats without a free neighbour.
fn orphans(free: &BTreeSet<Spot>) -> BTreeSet<Spot> {
    let is_alone = |(row, seat): &&Spot| {
        !free.contains(&(*row, seat - 1)) && !free.contains(&(*row, seat + 1))
    };
    free.iter().filter(is_alone).copied().collect()
}

fn new_orphans(free: &BTreeSet<Spot>, row: i32, seats: &Range<i32>) -> usize {
    let mut left = free.clone();
    left.retain(|(in_row, seat)| *in_row != row || !seats.contains(seat));
    orphans(&left).difference(&orphans(free)).count()
}

/// Every block of so many adjacent free seats.
fn blocks(free: &BTreeSet<Spot>, quantity: i32) -> Vec<(i32, Range<i32>)> {
    let block = |(row, seat): &Spot| (*row, *seat..seat + quantity);
    let all = free.iter().map(block);
    all.filter(|(row, seats)| seats.clone().all(|seat| free.contains(&(*row, seat))))
        .collect()
}

fn best_block(free: &BTreeSet<Spot>, quantity: i32, focus: Focus) -> Option<Vec<i64>> {
    let best = blocks(free, quantity)
        .into_iter()
        .min_by_key(|(row, seats)| {
            let orphans = new_orphans(free, *row, seats);
            (
                orphans,
                squared_distance(*row, seats, focus),
                *row,
                seats.start,
            )
        });
    best.map(|(row, seats)| ids(row, seats))
}

fn nearest_blocks(mut free: BTreeSet<Spot>, quantity: i32, focus: Focus) -> Vec<Vec<i64>> {
    let is_near = |(_, seats): &(i32, Range<i32>)| {
        let along2 = i64::from(seats.start + seats.end - 1) - focus.seat2;
        along2.abs() / 2 <= 128
    };
    let mut found = Vec::new();
    while found.len() < 3 {
        let nearest = blocks(&free, quantity)
            .into_iter()
            .filter(is_near)
            .min_by_key(|(row, seats)| {
                let orphans = new_orphans(&free, *row, seats);
                (
                    squared_distance(*row, seats, focus),
                    orphans,
                    *row,
                    seats.start,
                )
            });
        let Some((row, seats)) = nearest else {
            break;
        };
        free.retain(|(in_row, seat)| *in_row != row || !seats.contains(seat));
        found.push(ids(row, seats));
    }
    found
}

fn largest(free: &BTreeSet<Spot>) -> usize {
    let sizes = 1..;
    let possible = sizes.take_while(|size| !blocks(free, *size).is_empty());
    possible.count()
}

fn cell() -> impl Strategy<Value = Cell> {
    use SeatStatus::{Available, Blocked, Held, Sold};
    prop_oneof![
        12 => Just(Some((Available, false))),
        1 => Just(Some((Available, true))),
        1 => Just(Some((Held, false))),
        1 => Just(Some((Held, true))),
        2 => Just(Some((Sold, false))),
        1 => Just(Some((Blocked, false))),
        1 => Just(None),
    ]
}

/// Some narrow rows, and sometimes rows of several words.
fn hall() -> impl Strategy<Value = Hall> {
    let row = prop_oneof![
        6 => prop::collection::vec(cell(), 0..12),
        1 => prop::collection::vec(cell(), 60..140),
    ];
    let focus = (-4_i64..20, -10_i64..40).prop_map(|(row2, seat2)| Focus { row2, seat2 });
    let hall = (prop::collection::vec(row, 1..7), prop::option::of(focus));
    let hall = hall.prop_map(|(rows, focus)| Hall { rows, focus });
    hall.prop_filter("a hall has a seat", |hall| hall.cells().next().is_some())
}

proptest! {
    #[test]
    fn the_best_block_is_what_trying_everything_finds(hall in hall(), quantity in 1_i32..9) {
        let (free, available) = (hall.free(), hall.available());
        let wanted = usize::try_from(quantity).unwrap();
        let expected = match best_block(&free, quantity, hall.focus()) {
            Some(block) => Taken::Tickets(block),
            None if available.len() < wanted => Taken::TooFew { available: available.len() },
            None if largest(&available) >= wanted => Taken::InFlight,
            None => Taken::NotTogether {
                available: available.len(),
                largest: largest(&available),
            },
        };
        prop_assert_eq!(hall.seats().take_together(1, wanted), Some(expected));
    }

    #[test]
    fn near_misses_are_what_trying_everything_finds(
        hall in hall(),
        quantity in 1_usize..6,
        at in any::<prop::sample::Index>(),
    ) {
        let spots: Vec<_> = hall.cells().map(|(spot, _)| spot).collect();
        let wanted: Vec<Spot> = spots[at.index(spots.len())..].iter().take(quantity).copied().collect();
        let count = i64::try_from(wanted.len()).unwrap();
        let middle = Focus {
            row2: 2 * wanted.iter().map(|spot| i64::from(spot.0)).sum::<i64>() / count,
            seat2: 2 * wanted.iter().map(|spot| i64::from(spot.1)).sum::<i64>() / count,
        };
        let expected = nearest_blocks(hall.free(), i32::try_from(count).unwrap(), middle);
        let wanted: Vec<_> = wanted.into_iter().map(id).collect();
        prop_assert_eq!(hall.seats().nearest_blocks(&wanted, 3), expected);
    }

    #[test]
    fn any_places_are_free_ones_wherever_enough_are(
        hall in hall(),
        quantity in 1_usize..40,
        start in any::<u64>(),
    ) {
        let (free, available) = (hall.free(), hall.available());
        let mut seats = hall.seats();
        match seats.take_any(1, quantity, start).unwrap() {
            Taken::Tickets(mut taken) => {
                taken.sort_unstable();
                taken.dedup();
                prop_assert_eq!(taken.len(), quantity);
                let free: BTreeSet<_> = free.into_iter().map(id).collect();
                prop_assert!(taken.iter().all(|ticket| free.contains(ticket)));
                prop_assert_eq!(seats.mark(&taken), Vec::<i64>::new());
            }
            Taken::InFlight => prop_assert!(free.len() < quantity && quantity <= available.len()),
            Taken::TooFew { .. } => prop_assert!(available.len() < quantity),
            Taken::NotTogether { .. } => prop_assert!(false),
        }
    }

    #[test]
    fn a_split_takes_the_largest_piece_first(hall in hall(), quantity in 1_usize..12) {
        let mut free = hall.free();
        let taken = hall.seats().take_split(1, quantity).unwrap();
        prop_assert_eq!(matches!(taken, Taken::Tickets(_)), free.len() >= quantity);
        let Taken::Tickets(taken) = taken else {
            return Ok(());
        };
        let mut rest = taken.as_slice();
        while !rest.is_empty() {
            let size = largest(&free).min(rest.len());
            let (piece, others) = rest.split_at(size);
            if rest.len() == quantity {
                let best = best_block(&free, i32::try_from(size).unwrap(), hall.focus());
                prop_assert_eq!(Some(piece.to_vec()), best);
            }
            for (next, ticket) in (piece[0]..).zip(piece) {
                prop_assert_eq!(next, *ticket);
                prop_assert!(!free.is_empty());
                let spots = free.len();
                free.retain(|spot| id(*spot) != next);
                prop_assert_eq!(free.len(), spots - 1);
            }
            rest = others;
        }
    }
}
