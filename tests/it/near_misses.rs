//! Near misses: whoever comes too late for a seat is told which others are as good.

use std::collections::BTreeSet;

use kit::{Answer, App, Call, Event, Zone, eventually, race, secs, tally};
use serde_json::{Value, json};

kit::stories! {
    whoever_comes_too_late_is_offered_the_nearest_seats,
    every_offer_can_be_reserved_as_it_is,
    what_is_offered_is_as_large_as_what_was_wanted,
    one_seat_of_many_that_is_taken_is_enough_for_offers,
    in_a_crowd_nobody_is_offered_what_is_taken,
}

const PER_ROW: usize = 9;

async fn whoever_comes_too_late_is_offered_the_nearest_seats(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 4, 9, 4500)]).await;
    let [first, second] = [app.buyer().await, app.buyer().await];
    let wanted = [seat(&event, 1, 4), seat(&event, 1, 5)];
    app.reserve_tickets(&first, &event, &wanted)
        .await
        .expect(201);

    let refused = offers(|| app.reserve_tickets(&second, &event, &wanted)).await;
    let offer = |row: usize, name: &str, first: usize| {
        let ticket = |number: usize| json!({ "ticket_id": seat(&event, row, number), "row": name, "seat": number.to_string() });
        json!({ "zone_id": event.zones[0].id, "tickets": [ticket(first), ticket(first + 1)] })
    };
    // All are two seats off. One row to the left would leave a seat alone, so it is not among them.
    let nearest = json!([offer(0, "A", 4), offer(1, "B", 6), offer(2, "C", 4)]);
    assert_eq!(refused["alternatives"], nearest);

    let refused = offers(|| app.reserve(&second, wanted[0])).await;
    let nearest = refused["alternatives"].as_array().unwrap();
    let sizes: Vec<_> = nearest.iter().map(|it| tickets(it).len()).collect();
    assert_eq!(sizes, [1, 1, 1]);
    assert_eq!(tickets(&nearest[0]), [seat(&event, 1, 3)]);
}

async fn every_offer_can_be_reserved_as_it_is(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 5, 9, 4500)]).await;
    let [first, second] = [app.buyer().await, app.buyer().await];
    let wanted = [3, 4, 5].map(|number| seat(&event, 2, number));
    app.reserve_tickets(&first, &event, &wanted)
        .await
        .expect(201);
    let mut taken = BTreeSet::from(wanted);

    for _ in 0..2 {
        let refused = offers(|| app.reserve_tickets(&second, &event, &wanted)).await;
        let alternatives = refused["alternatives"].as_array().unwrap();
        assert_eq!(alternatives.len(), 3);
        for offer in alternatives {
            let offered = tickets(offer);
            let fresh = offered.iter().all(|ticket| taken.insert(*ticket));
            assert!(fresh, "{offer} was taken before, or offered twice");
            let hold = app.reserve_tickets(&second, &event, &offered).await;
            assert_eq!(hold.expect(201).tickets(), offered);
        }
    }
}

async fn what_is_offered_is_as_large_as_what_was_wanted(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 5, 4500),
        Zone::seated("Balcony", 1, 5, 2500),
    ];
    let event = app.on_sale(&zones).await;
    let [first, second] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    app.reserve(&first, seats[2]).await.expect(201);

    let refused = offers(|| app.reserve_tickets(&second, &event, &seats[2..4])).await;
    let found: Vec<_> = blocks(&refused);
    assert_eq!(
        found,
        [seats[3..].to_vec(), seats[..2].to_vec()],
        "two and no more"
    );
    // Three side by side are left in the other zone alone, which is not what was wanted.
    let refused = app.reserve_tickets(&second, &event, &seats[..3]).await;
    let refused = refused.expect_problem(409, "ticket-taken");
    assert_eq!(refused["alternatives"], json!([]));
    for ticket in [0, 1, 3, 4] {
        app.reserve(&second, seats[ticket]).await.expect(201);
    }
    let refused = app.reserve(&second, seats[2]).await;
    let refused = refused.expect_problem(409, "ticket-taken");
    assert_eq!(refused["alternatives"], json!([]));
}

async fn one_seat_of_many_that_is_taken_is_enough_for_offers(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 9, 4500)]).await;
    let [first, second] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    app.reserve(&first, seats[3]).await.expect(201);

    let refused = offers(|| app.reserve_tickets(&second, &event, &seats[3..7])).await;
    assert_eq!(refused["conflicts"].as_array().unwrap().len(), 1);
    // Those of the wanted seats that are free may be among them.
    assert_eq!(blocks(&refused), [&seats[4..8]]);
}

async fn in_a_crowd_nobody_is_offered_what_is_taken(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 2, 9, 4500)]).await;
    let buyers = app.buyers(5).await;
    let wanted = seat(&event, 0, 5);
    let answers = race(50, |number| app.reserve(&buyers[number % 5], wanted)).await;
    let outcomes = tally(&answers);
    assert_eq!(outcomes["201"], 1, "{outcomes:?}");
    for lost in answers
        .iter()
        .filter(|answer| answer.slug() == "ticket-taken")
    {
        let offered = blocks(lost);
        assert!(offered.len() <= 3, "{lost:?}");
        for block in offered {
            assert!(block.len() == 1 && block[0] != wanted, "{lost:?}");
        }
    }
}

/// The refusal of a call that wants what is taken, once it has offers: an instance that cannot tell
/// what is free at the moment offers nothing.
async fn offers(call: impl Fn() -> Call) -> Answer {
    eventually(secs(10), async || {
        let refused = call().await.expect_problem(409, "ticket-taken");
        if blocks(&refused).is_empty() {
            Err(format!("{refused:?}"))
        } else {
            Ok(refused)
        }
    })
    .await
}

fn blocks(refused: &Answer) -> Vec<Vec<i64>> {
    let offers = refused["alternatives"].as_array().unwrap();
    offers.iter().map(tickets).collect()
}

/// The ids of the tickets of an offer.
fn tickets(offer: &Value) -> Vec<i64> {
    let tickets = offer["tickets"].as_array().unwrap().iter();
    tickets
        .map(|ticket| ticket["ticket_id"].as_i64().unwrap())
        .collect()
}

/// The ticket of a seat of the first zone, by the position of its row and the number of the seat.
fn seat(event: &Event, row: usize, number: usize) -> i64 {
    event.tickets()[row * PER_ROW + number - 1]
}
