//! Giving tickets up, and keeping them a little longer.

use chrono::{DateTime, TimeDelta, Utc};
use kit::{Answer, App, Zone};
use serde_json::json;

kit::stories! {
    a_ticket_that_is_given_up_leaves_the_hold_and_its_total,
    with_its_last_ticket_a_hold_is_released,
    a_released_hold_puts_its_tickets_on_sale_again_and_releasing_twice_is_harmless,
    what_is_paid_for_cannot_be_given_up,
    a_hold_is_extended_by_its_time_from_now,
    a_hold_cannot_be_extended_past_its_maximum: |app| app.hold_ttl_secs(300).env("HOLDFAST_HOLD_MAX_SECS", "310"),
}

async fn a_ticket_that_is_given_up_leaves_the_hold_and_its_total(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 1500)]).await;
    let [one, two] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    let hold = app.reserve_tickets(&one, &event, seats).await.expect(201);

    let rest = app.release_ticket(&one, seats[1]).await.expect(200);
    assert_eq!(rest["id"], hold["id"]);
    assert_eq!(
        (&rest["status"], &rest["version"]),
        (&json!("held"), &json!(2))
    );
    assert_eq!(rest["total"]["amount"], 3000);
    let left = rest["tickets"].as_array().unwrap();
    let left: Vec<_> = left.iter().filter_map(|it| it["id"].as_i64()).collect();
    assert_eq!(left, [seats[0], seats[2]]);
    assert_eq!(rest["expires_at"], hold["expires_at"]);

    let ticket = app.ticket(seats[1]).await;
    assert_eq!(
        (&ticket["status"], &ticket["version"]),
        (&json!("available"), &json!(2))
    );
    app.reserve(&two, seats[1]).await.expect(201);
    // It is somebody else's now.
    app.release_ticket(&one, seats[1])
        .await
        .expect_problem(404, "not-found");
    assert_eq!(app.seats(&event, "held").await, 3);
}

async fn with_its_last_ticket_a_hold_is_released(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 1500)]).await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    let hold = app.reserve_tickets(&buyer, &event, seats).await.expect(201);

    let rest = app.release_ticket(&buyer, seats[0]).await.expect(200);
    assert_eq!(rest["status"], "held");
    let rest = app.release_ticket(&buyer, seats[1]).await.expect(200);
    assert_eq!(rest["status"], "released");
    assert_eq!(app.seats(&event, "available").await, 2);
    let confirm = app.confirm(&buyer, &hold.id(), "tok_success").await;
    let confirm = confirm.expect_problem(409, "invalid-transition");
    assert_eq!(confirm["current_status"], "released");
}

async fn a_released_hold_puts_its_tickets_on_sale_again_and_releasing_twice_is_harmless(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 1500)]).await;
    let [one, two] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    let hold = app.reserve_tickets(&one, &event, seats).await.expect(201);

    app.release(&one, &hold.id()).await.expect(204);
    assert_eq!(app.seats(&event, "available").await, 2);
    let read = app.get_reservation(&one, &hold.id()).await.expect(200);
    assert_eq!(read["status"], "released");
    app.reserve_tickets(&two, &event, seats).await.expect(201);

    app.release(&one, &hold.id()).await.expect(204);
    assert_eq!(
        app.seats(&event, "held").await,
        2,
        "the second release gives up nothing of the next buyer's"
    );
    let extended = app.extend(&one, &hold.id()).await;
    let extended = extended.expect_problem(409, "invalid-transition");
    assert_eq!(extended["current_status"], "released");
}

async fn what_is_paid_for_cannot_be_given_up(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);

    for call in [
        app.release(&buyer, &hold.id()),
        app.extend(&buyer, &hold.id()),
    ] {
        let refused = call.await.expect_problem(409, "invalid-transition");
        assert_eq!(refused["current_status"], "confirmed");
    }
    app.release_ticket(&buyer, event.tickets()[0])
        .await
        .expect_problem(404, "not-found");
    assert_eq!(app.ticket_status(event.tickets()[0]).await, "sold");
}

async fn a_hold_is_extended_by_its_time_from_now(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);

    let extended = app.extend(&buyer, &hold.id()).await.expect(200);
    assert!(time(&extended, "expires_at") > time(&hold, "expires_at"));
    assert_eq!(
        (&extended["status"], &extended["version"]),
        (&json!("held"), &json!(2))
    );
    assert_eq!(
        extended["tickets"], hold["tickets"],
        "its tickets do not change with it"
    );
    let read = app.get_reservation(&buyer, &hold.id()).await.expect(200);
    assert_eq!(read.body, extended.body);
}

async fn a_hold_cannot_be_extended_past_its_maximum(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    // As if it had begun a hundred seconds ago.
    let began = time(&hold, "created_at") - TimeDelta::seconds(100);
    let until = began + TimeDelta::seconds(300);
    app.execute(&format!(
        "UPDATE reservations SET created_at = '{}', expires_at = '{}'",
        began.to_rfc3339(),
        until.to_rfc3339()
    ))
    .await;

    for _ in 0..2 {
        let extended = app.extend(&buyer, &hold.id()).await.expect(200);
        let longest = began + TimeDelta::seconds(310);
        assert_eq!(time(&extended, "expires_at"), longest);
    }
}

fn time(answer: &Answer, member: &str) -> DateTime<Utc> {
    let text = answer[member].as_str().unwrap_or_default();
    let time = DateTime::parse_from_rfc3339(text);
    time.unwrap_or_else(|error| panic!("{member} of {answer:?}: {error}"))
        .to_utc()
}
