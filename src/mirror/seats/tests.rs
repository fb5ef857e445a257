use super::*;
use crate::coordination::SeatStatus::{Available, Blocked, Held, Sold};

fn seat(id: i64, zone_id: i64, row: i32, seat: i32) -> Loaded {
    Loaded {
        id,
        zone_id,
        row: Some(row),
        seat: Some(seat),
        status: Available,
        version: 0,
    }
}

fn place(id: i64, zone_id: i64) -> Loaded {
    Loaded {
        row: None,
        seat: None,
        ..seat(id, zone_id, 0, 0)
    }
}

fn plans(ids: &[i64]) -> Vec<ZonePlan> {
    let plan = |id: &i64| ZonePlan {
        id: *id,
        focus: None,
    };
    ids.iter().map(plan).collect()
}

/// Two rows of three seats, ids from 10, in zone 1, and two standing places in zone 2.
fn small_event() -> Seats {
    let mut tickets: Vec<_> = (0..6)
        .map(|n| seat(10 + i64::from(n), 1, 1 + n / 3, 1 + n % 3))
        .collect();
    tickets.extend([place(16, 2), place(17, 2)]);
    Seats::new(plans(&[1, 2]), tickets)
}

#[test]
fn a_higher_version_is_taken_in() {
    let mut seats = small_event();
    assert!(seats.set(11, 1, Held));
    let known = seats.get(11).unwrap();
    assert_eq!((known.status, known.version), (Held, 1));
    assert_eq!(
        (known.zone_id, known.row, known.seat),
        (1, Some(1), Some(2))
    );
}

#[test]
fn a_lower_version_changes_nothing() {
    let mut seats = small_event();
    seats.set(11, 5, Sold);
    let revision = seats.revision();
    for version in [-1, 0, 4, 5] {
        assert!(!seats.set(11, version, Available), "version {version}");
    }
    assert_eq!(seats.get(11).unwrap().status, Sold);
    assert_eq!(seats.revision(), revision);
}

#[test]
fn an_unknown_ticket_is_ignored() {
    let mut seats = small_event();
    for id in [i64::MIN, 9, 18, i64::MAX] {
        assert!(!seats.set(id, 1, Sold));
        assert_eq!(seats.get(id), None);
    }
    assert!(!Seats::new(Vec::new(), Vec::new()).set(1, 1, Sold));
}

#[test]
fn tickets_are_found_where_ids_are_left_out() {
    let ids = [-7, 1, 2, 3, 9, 10, 500, 501, i64::MAX];
    let tickets = (1..).zip(ids).map(|(n, id)| seat(id, 1, 1, n)).collect();
    let seats = Seats::new(plans(&[1]), tickets);
    for (n, id) in (1..).zip(ids) {
        assert_eq!(seats.get(id).unwrap().seat, Some(n), "id {id}");
    }
    assert_eq!(seats.get(4), None);
}

#[test]
fn a_zone_counts_its_tickets_by_status() {
    let mut seats = small_event();
    seats.set(10, 1, Held);
    seats.set(11, 2, Sold);
    seats.set(12, 1, Blocked);
    let counts = Counts {
        capacity: 6,
        available: 3,
        held: 1,
        sold: 1,
        blocked: 1,
    };
    assert_eq!(seats.counts(1), Some(counts));
    assert_eq!(seats.counts(2).unwrap().available, 2);
    assert_eq!(seats.counts(3), None);
}

#[test]
fn tickets_of_a_zone_come_by_row_and_seat() {
    let tickets = vec![
        seat(4, 1, 1, 1),
        seat(3, 1, 2, 1),
        seat(2, 1, 1, 7),
        seat(1, 1, 1, 2),
        seat(5, 2, 1, 1),
        seat(6, 9, 1, 1),
    ];
    let seats = Seats::new(plans(&[1, 2]), tickets);
    let ids = |zone| -> Vec<_> {
        let tickets = seats.zone_tickets(zone).unwrap();
        tickets.map(|ticket| ticket.ticket_id).collect()
    };
    assert_eq!(ids(1), [4, 1, 2, 3]);
    assert_eq!(ids(2), [5]);
    assert!(seats.zone_tickets(9).is_none());
    assert_eq!(seats.get(6), None, "its zone is not in the list");
    assert_eq!(seats.get(2).unwrap().seat, Some(7));
}

#[test]
fn a_ticket_that_is_loaded_twice_has_its_higher_version() {
    let newer = Loaded {
        status: Sold,
        version: 2,
        ..seat(1, 1, 1, 1)
    };
    let seats = Seats::new(plans(&[1]), vec![seat(1, 1, 1, 1), newer, seat(1, 1, 1, 1)]);
    assert_eq!(seats.get(1).unwrap().status, Sold);
    assert_eq!(seats.counts(1).unwrap().capacity, 1);
}

#[test]
fn the_revision_is_the_same_for_the_same_knowledge() {
    let mut one = small_event();
    let mut other = small_event();
    assert_eq!(one.revision(), other.revision());
    one.set(10, 1, Held);
    one.set(17, 1, Held);
    one.set(10, 2, Sold);
    assert_ne!(one.revision(), other.revision());
    other.set(10, 2, Sold);
    assert_eq!(one.zone_revision(1), other.zone_revision(1));
    assert_ne!(one.zone_revision(2), other.zone_revision(2));
    other.set(17, 1, Held);
    assert_eq!(one.revision(), other.revision());
    assert_eq!(one.zone_revision(3), None);
}

#[test]
fn the_revision_tells_versions_that_are_swapped_apart() {
    let mut one = small_event();
    let mut other = small_event();
    one.set(10, 1, Held);
    other.set(11, 1, Held);
    assert_ne!(one.revision(), other.revision());
}

#[test]
fn an_empty_zone_lies_between_others() {
    let seats = Seats::new(
        plans(&[5, 1, 6, 2, 7]),
        vec![seat(1, 1, 1, 1), seat(2, 2, 1, 1)],
    );
    assert_eq!(seats.get(1).unwrap().zone_id, 1);
    assert_eq!(seats.get(2).unwrap().zone_id, 2);
    assert_eq!(seats.counts(6), Some(Counts::default()));
    assert_eq!(seats.zone_ids().collect::<Vec<_>>(), [5, 1, 6, 2, 7]);
}

#[test]
fn a_ticket_takes_few_bytes() {
    let ticket = |n: i32| seat(i64::from(n), 1, n / 30, n % 30);
    let seats = Seats::new(plans(&[1]), (0..30_000).map(ticket).collect());
    assert!(seats.memory_bytes() <= 24 * 30_000);
}

#[test]
fn seats_that_are_read_anew_know_what_was_told_meanwhile() {
    let mut seats = small_event();
    seats.set(10, 1, Held);
    seats.remember();
    // Read before, told after: of a ticket that is known, and of one that is not yet.
    let mut tickets: Vec<_> = (0..4)
        .map(|n| seat(10 + i64::from(n), 1, 1, 1 + n))
        .collect();
    tickets[0].version = 1;
    tickets[0].status = Held;
    tickets.push(seat(90, 1, 2, 1));
    assert!(seats.set(11, 2, Sold));
    assert!(!seats.set(90, 1, Held));
    assert!(seats.set(10, 2, Available));
    let new = Seats::new(plans(&[1]), tickets);
    let old = seats.replace(new);
    assert_eq!(old.get(90), None);
    let known = |id| seats.get(id).map(|seat| (seat.status, seat.version));
    assert_eq!(known(10), Some((Available, 2)));
    assert_eq!(known(11), Some((Sold, 2)));
    assert_eq!(known(90), Some((Held, 1)));
    assert_eq!(known(16), None);
    assert!(!seats.is_remembering());
}

#[test]
fn an_attempt_keeps_its_places_when_the_seats_are_read_anew() {
    let mut seats = small_event();
    seats.mark(&[11, 17]);
    let tickets = (0..6)
        .map(|n| seat(10 + i64::from(n), 1, 1, 1 + n))
        .collect();
    drop(seats.replace(Seats::new(plans(&[1]), tickets)));
    assert!(seats.mark(&[11]).is_empty(), "it is still marked");
    seats.give_back(&[11, 17]);
    assert_eq!(seats.mark(&[11]), [11]);
}

#[test]
fn a_named_ticket_takes_a_few_bytes_more() {
    let tickets = || (0..30_000).map(|n: i32| seat(i64::from(n), 1, n / 30, n % 30));
    let named = |ticket: Loaded| Named {
        ticket_id: ticket.id,
        row: Some(format!("Row {}", ticket.row.unwrap_or(0))),
        seat: Some(format!("{}a", ticket.seat.unwrap_or(0))),
        traits: 1,
    };
    let seats = Seats::new(plans(&[1]), tickets().collect());
    let bare = seats.memory_bytes();
    let seats = seats.with_names(tickets().map(named).collect());
    assert!(seats.memory_bytes() <= bare + 15 * 30_000);
    let labels = seats.labels(31);
    assert_eq!(
        (labels.row, labels.seat, labels.traits),
        (Some("Row 1"), Some("1a"), 1)
    );
}
