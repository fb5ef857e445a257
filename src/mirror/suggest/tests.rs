use super::super::seats::{Loaded, ZonePlan};
use super::*;
use crate::coordination::SeatStatus::{Available, Sold};

/// Zones with a row for each text: `.` is free and `x` sold. Ids are the zone times ten thousand,
/// the row times a hundred and the seat.
fn seats(zones: &[&[&str]]) -> Seats {
    let mut tickets = Vec::new();
    for (zone, rows) in (1..).zip(zones) {
        for (row, text) in (1..).zip(*rows) {
            for (seat, letter) in (1..).zip(text.chars()) {
                tickets.push(Loaded {
                    id: zone * 10_000 + i64::from(row * 100 + seat),
                    zone_id: zone,
                    row: Some(row),
                    seat: Some(seat),
                    status: if letter == '.' { Available } else { Sold },
                    version: 0,
                });
            }
        }
    }
    let plan = |(id, _)| ZonePlan { id, focus: None };
    Seats::new((1..).zip(zones).map(plan).collect(), tickets)
}

#[test]
fn near_misses_are_the_nearest_blocks_of_as_many_seats() {
    let seats = seats(&[&["....xx....", "x.........", ".........."]]);
    let near = seats.nearest_blocks(&[10_105, 10_106], 3);
    // All three are two seats off; the lower row and the lower seats come first.
    let expected = [[10_103, 10_104], [10_107, 10_108], [10_205, 10_206]];
    assert_eq!(near, expected);
}

#[test]
fn a_wanted_seat_that_is_free_may_be_offered_again() {
    let seats = seats(&[&["x.....x"]]);
    let near = seats.nearest_blocks(&[10_101, 10_102], 3);
    assert_eq!(near, [[10_102, 10_103], [10_104, 10_105]]);
}

#[test]
fn a_marked_seat_is_not_offered() {
    let mut seats = seats(&[&["x...."]]);
    seats.mark(&[10_102, 10_104]);
    assert!(seats.nearest_blocks(&[10_101, 10_102], 3).is_empty());
    assert_eq!(seats.nearest_blocks(&[10_101], 3), [[10_103], [10_105]]);
}

#[test]
fn tickets_of_another_zone_do_not_move_the_middle() {
    let seats = seats(&[&["x........."], &["xxxx.xxxx."]]);
    let near = seats.nearest_blocks(&[10_101, 20_109], 1);
    assert_eq!(near, [[10_102, 10_103]]);
}

#[test]
fn nothing_is_offered_where_nothing_is_left() {
    let sold_out = seats(&[&["xxx"], &["..."]]);
    assert!(sold_out.nearest_blocks(&[10_101], 3).is_empty());
    assert!(sold_out.nearest_blocks(&[], 3).is_empty());
    assert!(sold_out.nearest_blocks(&[7], 3).is_empty());
    assert!(sold_out.nearest_blocks(&[20_101], 0).is_empty());
}

#[test]
fn a_near_miss_is_within_64_rows() {
    let mut rows = vec!["x"; 100];
    rows[70] = ".";
    let seats = seats(&[&rows]);
    for (wanted, is_near) in [(101, false), (601, false), (701, true), (7_201, true)] {
        let near = seats.nearest_blocks(&[10_000 + wanted], 1);
        assert_eq!(near == [[17_101]], is_near, "{wanted}");
    }
}

#[test]
fn a_near_miss_is_within_128_seats() {
    let long = format!("{}.", "x".repeat(130));
    let seats = seats(&[&[&long]]);
    assert!(seats.nearest_blocks(&[10_102], 1).is_empty());
    assert_eq!(seats.nearest_blocks(&[10_103], 1), [[10_231]]);
}

#[test]
fn other_zones_are_asked_in_the_order_of_the_list() {
    let seats = seats(&[&["..."], &["x.."], &["x.x"], &[".x.", "..x"], &["...."]]);
    let elsewhere = seats.blocks_elsewhere(3, 2, 3, |_| true);
    let expected = [[20_102, 20_103], [40_201, 40_202], [10_101, 10_102]];
    assert_eq!(elsewhere, expected);
    assert_eq!(seats.blocks_elsewhere(3, 2, 1, |_| true).len(), 1);
    assert_eq!(
        seats.blocks_elsewhere(3, 4, 3, |_| true),
        [[50_101, 50_102, 50_103, 50_104]]
    );
    assert!(seats.blocks_elsewhere(9, 2, 3, |_| true).is_empty());
}
