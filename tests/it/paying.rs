//! Confirming: tickets for money, to the cent, and neither without the other.

use kit::{App, Zone, eventually, eventually_eq, race, secs, tally};
use serde_json::json;

kit::stories! {
    a_confirmed_hold_is_paid_and_its_tickets_are_sold,
    a_declined_payment_leaves_the_hold_and_takes_no_money,
    a_payment_without_an_answer_leaves_the_hold_and_keeps_no_money: |app| app.env("HOLDFAST_PAYMENT_TIMEOUT_MS", "200"),
    what_is_confirmed_cannot_be_confirmed_again,
    two_confirms_at_once_pay_once,
    nothing_can_be_given_up_while_it_is_being_paid_for: |app| app.env("HOLDFAST_PAYMENT_TIMEOUT_MS", "2000"),
    a_payment_that_a_crash_left_behind_is_given_back,
}

const PAID: &str = "SELECT count(*) FROM payments WHERE status = 'succeeded'";

async fn a_confirmed_hold_is_paid_and_its_tickets_are_sold(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 1999)]).await;
    let buyer = app.buyer().await;
    let seats = &event.tickets()[..2];
    let hold = app.reserve_tickets(&buyer, &event, seats).await.expect(201);

    let paid = app
        .confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    assert_eq!(
        (&paid["status"], &paid["version"]),
        (&json!("confirmed"), &json!(2))
    );
    assert_eq!(paid["total"], json!({ "amount": 3998, "currency": "EUR" }));
    for ticket in paid["tickets"].as_array().unwrap() {
        assert_eq!(ticket["version"], 2);
    }
    assert_eq!(app.seats(&event, "sold").await, 2);
    let payments = app.rows("SELECT amount, currency, status FROM payments");
    let payment = json!([{ "amount": 3998, "currency": "EUR", "status": "succeeded" }]);
    assert_eq!(json!(payments.await), payment);
    let read = app.get_reservation(&buyer, &hold.id()).await.expect(200);
    assert_eq!(read.body, paid.body);
}

async fn a_declined_payment_leaves_the_hold_and_takes_no_money(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);

    for (token, reason) in [
        ("tok_decline", "card_declined"),
        ("tok_insufficient_funds", "insufficient_funds"),
        ("tok_of_somebody_else", "unknown_token"),
    ] {
        let declined = app.confirm(&buyer, &hold.id(), token).await;
        let declined = declined.expect_problem(402, "payment-declined");
        assert_eq!(declined["reason"], reason);
        let read = app.get_reservation(&buyer, &hold.id()).await.expect(200);
        assert_eq!(read.body, hold.body, "the hold stands as it was");
        assert_eq!(app.count(PAID).await, 0);
    }
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    assert_eq!(app.count(PAID).await, 1);
}

async fn a_payment_without_an_answer_leaves_the_hold_and_keeps_no_money(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);

    app.confirm(&buyer, &hold.id(), "tok_timeout")
        .await
        .expect_problem(504, "payment-timeout");
    let read = app.get_reservation(&buyer, &hold.id()).await.expect(200);
    assert_eq!(read.body, hold.body, "the hold stands as it was");
    let payments = app.rows("SELECT status FROM payments").await;
    assert_eq!(json!(payments), json!([{ "status": "voided" }]));

    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    assert_eq!(app.count(PAID).await, 1);
}

async fn what_is_confirmed_cannot_be_confirmed_again(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);

    for token in ["tok_success", "tok_decline"] {
        let again = app.confirm(&buyer, &hold.id(), token).await;
        let again = again.expect_problem(409, "invalid-transition");
        assert_eq!(again["current_status"], "confirmed");
    }
    assert_eq!(app.count("SELECT count(*) FROM payments").await, 1);
}

async fn two_confirms_at_once_pay_once(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);

    let answers = race(10, |_| app.confirm(&buyer, &hold.id(), "tok_slow")).await;
    let outcomes = tally(&answers);
    let refusals = ["payment-in-progress", "invalid-transition"];
    let refused: usize = refusals.iter().filter_map(|slug| outcomes.get(*slug)).sum();
    assert_eq!((outcomes["200"], refused), (1, 9), "{outcomes:?}");
    assert_eq!(app.count(PAID).await, 1);
}

async fn nothing_can_be_given_up_while_it_is_being_paid_for(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 1500)]).await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    let hold = app.reserve_tickets(&buyer, &event, seats).await.expect(201);
    let id = hold.id();

    let meanwhile = async {
        let pending = "SELECT count(*) FROM payments WHERE status = 'pending'";
        eventually_eq(secs(5), 1, async || app.count(pending).await).await;
        for call in [
            app.release(&buyer, &id),
            app.release_ticket(&buyer, seats[0]),
            app.confirm(&buyer, &id, "tok_success"),
        ] {
            call.await.expect_problem(409, "payment-in-progress");
        }
    };
    let (paying, ()) = tokio::join!(app.confirm(&buyer, &id, "tok_timeout"), meanwhile);
    paying.expect_problem(504, "payment-timeout");
    // It is over, so the buyer may change their mind.
    app.release_ticket(&buyer, seats[0]).await.expect(200);
    app.confirm(&buyer, &id, "tok_success").await.expect(200);
    assert_eq!(
        app.count("SELECT sum(amount) FROM payments WHERE status = 'succeeded'")
            .await,
        1500
    );
}

async fn a_payment_that_a_crash_left_behind_is_given_back(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    let id = hold.id();

    let crash = async {
        let begun = "SELECT count(*) FROM payments";
        eventually_eq(secs(5), 1, async || app.count(begun).await).await;
        app.instance().kill();
    };
    let (paying, ()) = tokio::join!(app.confirm(&buyer, &id, "tok_timeout").attempt(), crash);
    assert!(paying.is_err(), "nobody is there to answer: {paying:?}");
    // As if the crash had been long ago.
    app.execute("UPDATE payments SET updated_at = '2020-01-01T00:00:00+00:00'")
        .await;
    app.instance().start_again().await;

    eventually(secs(10), async || {
        let payments = app.rows("SELECT status FROM payments").await;
        if payments[0]["status"] == "voided" {
            Ok(())
        } else {
            Err(format!("{payments:?}"))
        }
    })
    .await;
    app.confirm(&buyer, &id, "tok_success").await.expect(200);
}
