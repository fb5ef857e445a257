use super::super::names::Named;
use super::super::seats::{Loaded, ZonePlan};
use super::*;
use crate::coordination::SeatStatus::{Available, Held, Sold};

/// A zone with a row for each text: `.` is free, `x` sold, and a blank is no seat. Its ids are the
/// row times a hundred and the seat.
fn seats(rows: &[&str]) -> Seats {
    let mut tickets = Vec::new();
    for (row, text) in (1..).zip(rows) {
        for (seat, letter) in (1..).zip(text.chars()).filter(|(_, letter)| *letter != ' ') {
            tickets.push(Loaded {
                id: i64::from(row * 100 + seat),
                zone_id: 1,
                row: Some(row),
                seat: Some(seat),
                status: if letter == '.' { Available } else { Sold },
                version: 0,
            });
        }
    }
    let plan = ZonePlan { id: 1, focus: None };
    Seats::new(vec![plan], tickets)
}

/// A zone of so many free standing places, with ids from 1.
fn standing(places: i64) -> Seats {
    let ticket = |id| Loaded {
        id,
        zone_id: 1,
        row: None,
        seat: None,
        status: Available,
        version: 0,
    };
    let plan = ZonePlan { id: 1, focus: None };
    Seats::new(vec![plan], (1..=places).map(ticket).collect())
}

fn tickets(taken: Option<Taken>) -> Vec<i64> {
    match taken {
        Some(Taken::Tickets(tickets)) => tickets,
        other => panic!("took no tickets: {other:?}"),
    }
}

#[test]
fn any_places_are_taken_from_a_spot_on_and_around_the_end() {
    let mut seats = standing(10_000);
    assert_eq!(tickets(seats.take_any(1, 3, 4_999)), [5_000, 5_001, 5_002]);
    assert_eq!(tickets(seats.take_any(1, 2, 4_999)), [5_003, 5_004]);
    assert_eq!(tickets(seats.take_any(1, 3, 9_998)), [9_999, 10_000, 1]);
    assert_eq!(tickets(seats.take_any(1, 1, 20_001)), [2]);
}

#[test]
fn the_last_places_are_found_wherever_the_search_begins() {
    let mut seats = standing(10_000);
    for id in (1..=10_000).filter(|id| ![77, 5_000, 9_999].contains(id)) {
        seats.set(id, 1, Sold);
    }
    for start in [0, 77, 4_999, 9_999] {
        let mut taken = tickets(seats.take_any(1, 3, start));
        seats.give_back(&taken);
        taken.sort_unstable();
        assert_eq!(taken, [77, 5_000, 9_999], "from {start}");
    }
    let too_few = Taken::TooFew { available: 3 };
    assert_eq!(seats.take_any(1, 4, 0), Some(too_few));
}

#[test]
fn places_in_flight_may_come_back() {
    let mut seats = seats(&["..."]);
    let taken = tickets(seats.take_together(1, 2));
    assert_eq!(seats.take_any(1, 2, 0), Some(Taken::InFlight));
    assert_eq!(seats.take_split(1, 2), Some(Taken::InFlight));
    assert_eq!(seats.take_together(1, 2), Some(Taken::InFlight));
    seats.give_back(&taken);
    seats.give_back(&taken);
    assert_eq!(tickets(seats.take_any(1, 3, 0)).len(), 3);
}

#[test]
fn a_marked_place_that_is_sold_and_freed_stays_marked() {
    let mut seats = seats(&[".."]);
    assert_eq!(seats.mark(&[101, 999]), [101]);
    assert_eq!(seats.mark(&[101, 102]), [102]);
    seats.give_back(&[102]);
    seats.set(101, 1, Sold);
    seats.set(101, 2, Available);
    assert_eq!(seats.take_any(1, 2, 0), Some(Taken::InFlight));
    seats.give_back(&[101]);
    assert_eq!(tickets(seats.take_any(1, 2, 0)), [101, 102]);
}

#[test]
fn a_zone_that_is_not_there_is_none() {
    let mut seats = standing(1);
    assert_eq!(seats.take_any(2, 1, 0), None);
    assert_eq!(seats.take_together(2, 1), None);
    assert_eq!(seats.take_split(2, 1), None);
}

#[test]
fn seats_together_are_in_the_centre_of_the_front() {
    let mut seats = seats(&[".......", "......."]);
    assert_eq!(tickets(seats.take_together(1, 3)), [103, 104, 105]);
    assert_eq!(tickets(seats.take_together(1, 3)), [203, 204, 205]);
    assert_eq!(tickets(seats.take_together(1, 2)), [101, 102]);
}

#[test]
fn a_block_leaves_no_seat_alone_if_it_can() {
    let mut one = seats(&["xx....xx"]);
    assert_eq!(tickets(one.take_together(1, 2)), [103, 104]);
    let mut two = seats(&["....", "x..x"]);
    assert_eq!(tickets(two.take_together(1, 3)), [101, 102, 103]);
    let mut three = seats(&["x....x", "......", "......", "xx...x"]);
    assert_eq!(tickets(three.take_together(1, 3)), [201, 202, 203]);
}

#[test]
fn a_gap_in_the_numbers_breaks_adjacency() {
    let mut seats = seats(&[".. ..", "... ."]);
    assert_eq!(tickets(seats.take_together(1, 3)), [201, 202, 203]);
    let refused = Taken::NotTogether {
        available: 5,
        largest: 2,
    };
    seats.set(202, 1, Sold);
    seats.give_back(&[201, 202, 203]);
    let expected = Taken::NotTogether {
        available: 7,
        largest: 2,
    };
    assert_eq!(seats.take_together(1, 3), Some(expected));
    seats.set(201, 1, Sold);
    seats.set(204 + 1, 1, Sold);
    assert_eq!(seats.take_together(1, 3), Some(refused));
}

#[test]
fn too_few_are_told_from_enough_apart() {
    let mut seats = seats(&[".x.x."]);
    let apart = Taken::NotTogether {
        available: 3,
        largest: 1,
    };
    assert_eq!(seats.take_together(1, 2), Some(apart));
    let too_few = Taken::TooFew { available: 3 };
    assert_eq!(seats.take_together(1, 4), Some(too_few.clone()));
    assert_eq!(seats.take_split(1, 4), Some(too_few));
}

#[test]
fn standing_places_are_not_together() {
    let mut seats = standing(3);
    let apart = Taken::NotTogether {
        available: 3,
        largest: 1,
    };
    assert_eq!(seats.take_together(1, 2), Some(apart));
    assert_eq!(tickets(seats.take_together(1, 1)), [1]);
    assert_eq!(tickets(seats.take_split(1, 2)), [2, 3]);
}

#[test]
fn a_split_takes_the_largest_pieces_near_each_other() {
    let mut seats = seats(&["..x...x..", "xxxx.xxxx", "..xxxxxxx", "......xxx"]);
    assert_eq!(
        tickets(seats.take_split(1, 10)),
        [401, 402, 403, 404, 405, 406, 104, 105, 106, 302]
    );
    assert_eq!(tickets(seats.take_split(1, 5)), [101, 102, 108, 109, 205]);
}

#[test]
fn a_group_that_fits_is_not_split() {
    let mut seats = seats(&["..x..", "x...x"]);
    assert_eq!(tickets(seats.take_split(1, 3)), [202, 203, 204]);
}

#[test]
fn places_that_are_set_aside_go_to_nobody_who_does_not_name_them() {
    let named = |ticket_id, traits| Named {
        ticket_id,
        row: None,
        seat: None,
        traits,
    };
    let seats = seats(&["......"]);
    // A view that something stands before is nothing to be kept for anybody.
    let mut seats = seats.with_names(vec![named(103, 1), named(104, 2), named(106, 4)]);
    assert_eq!(seats.counts(1).unwrap().available, 6);
    let refused = Taken::NotTogether {
        available: 4,
        largest: 2,
    };
    assert_eq!(seats.take_together(1, 3), Some(refused));
    assert_eq!(
        seats.take_any(1, 5, 0),
        Some(Taken::TooFew { available: 4 })
    );
    let Some(Taken::Tickets(mut taken)) = seats.take_any(1, 4, 2) else {
        panic!("there are four");
    };
    taken.sort_unstable();
    assert_eq!(taken, [101, 102, 105, 106]);
    seats.give_back(&taken);
    // They come and go like any other, and stay set aside.
    seats.set(103, 1, Held);
    assert_eq!(seats.counts(1).unwrap().available, 5);
    seats.set(103, 2, Available);
    assert_eq!(
        seats.take_any(1, 5, 0),
        Some(Taken::TooFew { available: 4 })
    );
}
