//! What codes take off, recorded and paid to the cent.

use kit::{Answer, App, Zone, eventually_eq, secs};
use serde_json::{Value, json};

use super::{edit, reserve};

kit::stories! {
    a_part_of_each_ticket_is_taken_off_in_the_buyers_favour,
    an_amount_is_taken_off_each_ticket_at_the_most_its_price,
    a_code_of_a_zone_takes_something_off_there_alone,
    what_is_given_up_takes_its_discount_along,
    what_costs_nothing_is_confirmed_without_a_payment,
    what_costs_something_takes_a_payment,
    a_zone_that_is_free_takes_no_payment_either,
    an_edit_of_a_code_alters_no_hold,
    what_has_expired_still_tells_its_code: |app| app.hold_ttl_secs(1),
}

async fn a_part_of_each_ticket_is_taken_off_in_the_buyers_favour(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 2, 1999),
        Zone::seated("Balcony", 1, 1, 333),
    ];
    let event = app.on_sale(&zones).await;
    let buyer = app.buyer().await;
    app.code(&event, &json!({ "code": "TEN", "percent_off": 10 }))
        .await;
    let seats: Vec<i64> = event.zones.iter().flat_map(|z| z.tickets.clone()).collect();

    let hold = reserve(app, &buyer, &event, "TEN", &json!({ "ticket_ids": seats }))
        .await
        .expect(201);
    // 10 % are 199.9 and 33.3 cents: 200 and 34 are taken off.
    assert_eq!(prices(&hold), [1799, 1799, 299]);
    assert_eq!(sums(&hold), (3897, 434));
    assert_eq!(hold["code"], "TEN");
    let read = app.get_reservation(&buyer, &hold.id()).await.expect(200);
    assert_eq!(read.body, hold.body);
    let list = app.get("/api/reservations").by(&buyer).await.expect(200);
    assert_eq!(list["items"], json!([hold.body]));

    let paid = app.confirm(&buyer, &hold.id(), "tok_success").await;
    let paid = paid.expect(200);
    assert_eq!((sums(&paid), &paid["code"]), ((3897, 434), &json!("TEN")));
    let payments = app.rows("SELECT amount, status FROM payments").await;
    assert_eq!(
        json!(payments),
        json!([{ "amount": 3897, "status": "succeeded" }])
    );
    let kept = app
        .rows("SELECT price_amount, discount_amount FROM reservation_tickets ORDER BY ticket_id");
    let kept: Vec<_> = kept
        .await
        .iter()
        .map(|row| row["discount_amount"].clone())
        .collect();
    assert_eq!(json!(kept), json!([200, 200, 34]));
}

async fn an_amount_is_taken_off_each_ticket_at_the_most_its_price(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 2, 1500),
        Zone::seated("Balcony", 1, 1, 400),
    ];
    let event = app.on_sale(&zones).await;
    let buyer = app.buyer().await;
    let five = json!({ "code": "FIVE", "amount_off": { "amount": 500, "currency": "EUR" } });
    app.code(&event, &five).await;
    let seats: Vec<i64> = event.zones.iter().flat_map(|z| z.tickets.clone()).collect();
    let hold = reserve(app, &buyer, &event, "FIVE", &json!({ "ticket_ids": seats }))
        .await
        .expect(201);
    assert_eq!(prices(&hold), [1000, 1000, 0]);
    assert_eq!(sums(&hold), (2000, 1400));
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    assert_eq!(app.count("SELECT sum(amount) FROM payments").await, 2000);
}

async fn a_code_of_a_zone_takes_something_off_there_alone(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 2, 1500),
        Zone::seated("Balcony", 1, 2, 1000),
    ];
    let event = app.on_sale(&zones).await;
    let buyer = app.buyer().await;
    let balcony = event.zone("Balcony");
    let half = json!({ "code": "HALF", "percent_off": 50, "zone_id": balcony.id });
    app.code(&event, &half).await;
    let seats = [event.zone("Stalls").tickets[0], balcony.tickets[0]];
    let hold = reserve(app, &buyer, &event, "HALF", &json!({ "ticket_ids": seats }))
        .await
        .expect(201);
    assert_eq!(prices(&hold), [1500, 500]);
    assert_eq!(sums(&hold), (2000, 500));
}

async fn what_is_given_up_takes_its_discount_along(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 2, 1999),
        Zone::seated("Balcony", 1, 1, 333),
    ];
    let event = app.on_sale(&zones).await;
    let buyer = app.buyer().await;
    app.code(&event, &json!({ "code": "TEN", "percent_off": 10 }))
        .await;
    let seats: Vec<i64> = event.zones.iter().flat_map(|z| z.tickets.clone()).collect();
    let hold = reserve(app, &buyer, &event, "TEN", &json!({ "ticket_ids": seats }))
        .await
        .expect(201);

    let left = app.release_ticket(&buyer, seats[0]).await.expect(200);
    assert_eq!((prices(&left), sums(&left)), (vec![1799, 299], (2098, 234)));
    assert_eq!(left["code"], "TEN");
    let read = app.get_reservation(&buyer, &hold.id()).await.expect(200);
    assert_eq!(read.body, left.body);
    let longer = app.extend(&buyer, &hold.id()).await.expect(200);
    assert_eq!(
        (sums(&longer), &longer["code"]),
        ((2098, 234), &json!("TEN"))
    );
    let paid = app.confirm(&buyer, &hold.id(), "tok_success").await;
    assert_eq!(sums(&paid.expect(200)), (2098, 234));
    assert_eq!(app.count("SELECT sum(amount) FROM payments").await, 2098);
    // Without a code it costs what it costs.
    let full = app.reserve(&buyer, seats[0]).await.expect(201);
    assert_eq!((sums(&full), &full["code"]), ((1999, 0), &Value::Null));
}

async fn what_costs_nothing_is_confirmed_without_a_payment(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 4, 4500)]).await;
    let buyer = app.buyer().await;
    app.code(&event, &json!({ "code": "FREE", "percent_off": 100 }))
        .await;
    let seats = event.tickets();
    let hold = app.reserve_with(&buyer, seats[0], "FREE").await.expect(201);
    assert_eq!(sums(&hold), (0, 4500));

    let path = format!("/api/reservations/{}/confirm", hold.id());
    let confirm = || {
        app.post(&path)
            .by(&buyer)
            .json(&json!({}))
            .key("for-nothing")
    };
    let confirmed = confirm().await.expect(200);
    assert_eq!(confirmed["status"], "confirmed");
    assert_eq!(confirm().await.expect(200).body, confirmed.body);
    let again = app.post(&path).by(&buyer).json(&json!({})).await;
    again.expect_problem(409, "invalid-transition");
    // Whoever says how to pay is not asked for anything.
    for (seat, token) in [(seats[1], "tok_success"), (seats[2], "tok_decline")] {
        let hold = app.reserve_with(&buyer, seat, "FREE").await.expect(201);
        app.confirm(&buyer, &hold.id(), token).await.expect(200);
    }
    assert_eq!(app.count("SELECT count(*) FROM payments").await, 0);
    assert_eq!(app.seats(&event, "sold").await, 3);
}

async fn what_costs_something_takes_a_payment(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 4500)]).await;
    let buyer = app.buyer().await;
    app.code(&event, &json!({ "code": "NEARLY", "percent_off": 99 }))
        .await;
    let seat = event.tickets()[0];
    let hold = app.reserve_with(&buyer, seat, "NEARLY").await.expect(201);
    assert_eq!(sums(&hold), (45, 4455));
    let path = format!("/api/reservations/{}/confirm", hold.id());
    for body in [json!({}), json!({ "payment": null })] {
        let refused = app.post(&path).by(&buyer).json(&body).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], "payment");
    }
    assert_eq!(app.count("SELECT count(*) FROM payments").await, 0);
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
}

async fn a_zone_that_is_free_takes_no_payment_either(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 0)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    let path = format!("/api/reservations/{}/confirm", hold.id());
    let confirmed = app.post(&path).by(&buyer).json(&json!({})).await;
    assert_eq!(confirmed.expect(200)["status"], "confirmed");
    assert_eq!(app.count("SELECT count(*) FROM payments").await, 0);
}

async fn an_edit_of_a_code_alters_no_hold(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 1000)]).await;
    let buyer = app.buyer().await;
    let code = app
        .code(&event, &json!({ "code": "SALE", "percent_off": 50 }))
        .await;
    let wanted = json!({ "ticket_ids": event.tickets()[..2] });
    let hold = reserve(app, &buyer, &event, "SALE", &wanted)
        .await
        .expect(201);

    let members =
        json!({ "percent_off": 10, "valid_until": "2020-01-01T00:00:00Z", "active": false });
    edit(app, &event, &code, &members).await.expect(200);
    let read = app.get_reservation(&buyer, &hold.id()).await.expect(200);
    assert_eq!(read.body, hold.body);
    let left = app.release_ticket(&buyer, event.tickets()[0]).await;
    assert_eq!(sums(&left.expect(200)), (500, 500));
    let paid = app.confirm(&buyer, &hold.id(), "tok_success").await;
    assert_eq!(paid.expect(200)["total"]["amount"], 500);

    let members = json!({ "valid_until": null, "active": true });
    edit(app, &event, &code, &members).await.expect(200);
    let later = app.reserve_with(&buyer, event.tickets()[2], "SALE").await;
    assert_eq!(sums(&later.expect(201)), (900, 100));
}

async fn what_has_expired_still_tells_its_code(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1000)]).await;
    let buyer = app.buyer().await;
    app.code(&event, &json!({ "code": "SALE", "percent_off": 50 }))
        .await;
    let hold = app.reserve_with(&buyer, event.tickets()[0], "SALE").await;
    let hold = hold.expect(201);
    eventually_eq(secs(10), json!("expired"), async || {
        let read = app.get_reservation(&buyer, &hold.id()).await;
        read["status"].clone()
    })
    .await;
    let read = app.get_reservation(&buyer, &hold.id()).await;
    assert_eq!((&read["code"], sums(&read)), (&json!("SALE"), (500, 500)));
}

/// What is to be paid for each ticket.
fn prices(reservation: &Answer) -> Vec<i64> {
    let tickets = reservation["tickets"].as_array().unwrap();
    let price = |ticket: &Value| ticket["price"]["amount"].as_i64().unwrap();
    tickets.iter().map(price).collect()
}

/// What is to be paid together, and what was taken off.
fn sums(reservation: &Answer) -> (i64, i64) {
    let amount = |member: &str| reservation[member]["amount"].as_i64().unwrap();
    (amount("total"), amount("discount"))
}
