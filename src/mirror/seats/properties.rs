//! Random messages, and what an instance knows after them.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const TICKETS: i64 = 90;

/// Three zones: rows of seven seats, of one row of more than a word, and of standing places. Ids
/// are left out here and there.
fn loaded() -> Vec<Loaded> {
    let ticket = |n: i64| {
        let number = i32::try_from(n).unwrap();
        let (zone_id, row, seat) = match n {
            0..20 => (1, Some(1 + number / 7), Some(1 + number % 7)),
            20..86 => (2, Some(1), Some(number)),
            _ => (3, None, None),
        };
        Loaded {
            id: 1_000 + n + n / 11,
            zone_id,
            row,
            seat,
            status: status(n, 0),
            version: 0,
        }
    };
    (0..TICKETS).map(ticket).collect()
}

/// A ticket has one status at a version, whoever tells it.
fn status(ticket_id: i64, version: i64) -> SeatStatus {
    use SeatStatus::{Available, Blocked, Held, Sold};
    [Available, Held, Available, Sold, Available, Blocked]
        [usize::try_from((version + i64::from(ticket_id % 13 == 0)) % 6).unwrap()]
}

fn plans() -> Vec<ZonePlan> {
    let plan = |id| ZonePlan { id, focus: None };
    [1, 2, 3].map(plan).to_vec()
}

/// What an instance has that was told everything at once, while it tries the same tickets.
fn rebuilt(seats: &Seats, marked: &[i64]) -> Seats {
    let loaded = plans().into_iter().flat_map(|plan| {
        let tickets = seats.zone_tickets(plan.id).unwrap();
        tickets.map(move |ticket| Loaded {
            id: ticket.ticket_id,
            zone_id: plan.id,
            row: ticket.row,
            seat: ticket.seat,
            status: ticket.status,
            version: ticket.version,
        })
    });
    let mut rebuilt = Seats::new(plans(), loaded.collect());
    rebuilt.mark(marked);
    rebuilt
}

/// What happens to the copy: a message, a mark or its end.
#[derive(Debug, Clone)]
enum Step {
    Set(i64, i64),
    Mark(i64),
    GiveBack(i64),
    TakeAny(i64, usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 998_i64..1_102;
    let step = prop_oneof![
        6 => (id.clone(), 0_i64..9).prop_map(|(id, version)| Step::Set(id, version)),
        2 => id.clone().prop_map(Step::Mark),
        1 => id.prop_map(Step::GiveBack),
        1 => (1_i64..4, 1_usize..4, any::<u64>())
            .prop_map(|(zone, quantity, start)| Step::TakeAny(zone, quantity, start)),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn counts_and_bitmaps_always_agree_with_a_recount(steps in steps()) {
        let mut seats = Seats::new(plans(), loaded());
        let mut marked = Vec::new();
        for step in steps {
            match step {
                Step::Set(id, version) => {
                    seats.set(id, version, status(id, version));
                }
                Step::Mark(id) => marked.extend(seats.mark(&[id])),
                Step::GiveBack(id) => {
                    seats.give_back(&[id]);
                    marked.retain(|other| *other != id);
                }
                Step::TakeAny(zone, quantity, start) => {
                    let taken = seats.take_any(zone, quantity, start);
                    if let Some(crate::mirror::Taken::Tickets(taken)) = taken {
                        marked.extend(taken);
                    }
                }
            }
        }
        // Everything there is: statuses, versions, counts, bitmaps, longest runs, revisions.
        let recount = rebuilt(&seats, &marked);
        prop_assert_eq!(format!("{seats:?}"), format!("{recount:?}"));
        seats.give_back(&marked);
        let recount = rebuilt(&seats, &[]);
        prop_assert_eq!(format!("{seats:?}"), format!("{recount:?}"));
    }

    #[test]
    fn messages_in_any_order_come_to_the_highest_versions(
        messages in prop::collection::vec((0..TICKETS, 1_i64..9, 0_u8..4), 0..120),
        order in any::<prop::sample::Index>(),
    ) {
        let ids: Vec<i64> = loaded().iter().map(|ticket| ticket.id).collect();
        let id = |n: i64| ids[usize::try_from(n).unwrap()];
        let mut truth: HashMap<i64, i64> = HashMap::new();
        for (ticket, version, _) in &messages {
            let highest = truth.entry(id(*ticket)).or_default();
            *highest = (*highest).max(*version);
        }
        // One message is lost, one comes twice, and they come from somewhere in the middle on.
        let mut seats = Seats::new(plans(), loaded());
        let from = order.index(messages.len().max(1));
        for (ticket, version, fate) in messages[from..].iter().chain(&messages[..from]).rev() {
            for _ in 0..*fate {
                seats.set(id(*ticket), *version, status(id(*ticket), *version));
            }
        }
        // A read of the database tells of what was lost, and messages come late once more.
        for (ticket_id, version) in &truth {
            seats.set(*ticket_id, *version, status(*ticket_id, *version));
        }
        for (ticket, version, _) in &messages {
            prop_assert!(!seats.set(id(*ticket), *version, SeatStatus::Blocked));
        }
        for ticket in loaded() {
            let version = truth.get(&ticket.id).copied().unwrap_or_default();
            let known = seats.get(ticket.id).unwrap();
            prop_assert_eq!(known.version, version);
            if version > 0 {
                prop_assert_eq!(known.status, status(ticket.id, version));
            }
        }
        let recount = rebuilt(&seats, &[]);
        prop_assert_eq!(format!("{seats:?}"), format!("{recount:?}"));
    }
}
