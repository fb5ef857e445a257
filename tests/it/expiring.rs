//! Holds end by the database's time, whatever else goes on.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use kit::{Answer, App, Zone, eventually_eq, race, secs, tally};
use serde_json::json;

kit::stories! {
    a_hold_that_is_not_paid_in_time_frees_its_tickets: |app| app.hold_ttl_secs(1),
    confirm_after_expiry_answers_410: |app| app.hold_ttl_secs(1),
    what_expires_while_the_server_is_down_is_freed_when_it_is_back: |app| app.hold_ttl_secs(1),
    expiry_racing_confirm_sells_or_frees_but_never_both: |app| app.hold_ttl_secs(3),
    a_payment_that_outlasts_the_hold_is_given_back: |app| app.hold_ttl_secs(1),
}

async fn a_hold_that_is_not_paid_in_time_frees_its_tickets(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 1500)]).await;
    let [one, two] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    let hold = app.reserve_tickets(&one, &event, seats).await.expect(201);

    eventually_eq(secs(10), 2, async || app.seats(&event, "available").await).await;
    let read = app.get_reservation(&one, &hold.id()).await.expect(200);
    assert_eq!(
        (&read["status"], &read["version"]),
        (&json!("expired"), &json!(2))
    );
    assert_eq!(app.ticket(seats[0]).await["version"], 2);
    let causes = app.rows("SELECT cause FROM ledger ORDER BY id").await;
    let causes: Vec<_> = causes.iter().map(|row| &row["cause"]).collect();
    assert_eq!(json!(causes), json!(["hold", "hold", "expire", "expire"]));
    app.reserve_tickets(&two, &event, seats).await.expect(201);
}

async fn confirm_after_expiry_answers_410(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    eventually_eq(secs(10), "available".to_owned(), async || {
        app.ticket_status(event.tickets()[0]).await
    })
    .await;

    for call in [
        app.confirm(&buyer, &hold.id(), "tok_success"),
        app.extend(&buyer, &hold.id()),
        app.release(&buyer, &hold.id()),
    ] {
        let late = call.await.expect_problem(410, "hold-expired");
        let at = |answer: &Answer, member| time(answer[member].as_str().unwrap());
        assert_eq!(at(&late, "expired_at"), at(&hold, "expires_at"));
    }
    assert_eq!(app.count("SELECT count(*) FROM payments").await, 0);
}

async fn what_expires_while_the_server_is_down_is_freed_when_it_is_back(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    app.instance().kill();
    let left = time(hold["expires_at"].as_str().unwrap()) - Utc::now();
    tokio::time::sleep(left.to_std().unwrap_or_default()).await;
    app.instance().start_again().await;

    // Its lock may have outlived it too, but not for longer than locks live.
    eventually_eq(secs(15), 201, async || {
        app.reserve(&buyer, event.tickets()[0]).await.status
    })
    .await;
}

async fn expiry_racing_confirm_sells_or_frees_but_never_both(app: &App) {
    const HOLDS: usize = 24;
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 24, 1500)]).await;
    let buyers = app.buyers(4).await;
    let holds = race(HOLDS, |number| {
        app.reserve(&buyers[number % 4], event.tickets()[number])
    })
    .await;

    let confirm = async |number: usize| {
        let hold = holds[number].clone().expect(201);
        // Two thirds of them pay slowly, so that the deadline falls into the payment.
        let (token, takes_ms) = match number % 3 {
            0 => ("tok_success", 0),
            _ => ("tok_slow", 1000),
        };
        let left = time(hold["expires_at"].as_str().unwrap()) - Utc::now();
        let around = i64::try_from(number).unwrap() * 20 - 240;
        let pause = left.num_milliseconds() - takes_ms + around;
        tokio::time::sleep(Duration::from_millis(pause.try_into().unwrap_or(0))).await;
        app.confirm(&buyers[number % 4], &hold.id(), token).await
    };
    let answers = join_all((0..HOLDS).map(confirm)).await;
    let outcomes = tally(&answers);
    let count = |outcome| outcomes.get(outcome).copied().unwrap_or_default();
    assert_eq!(count("200") + count("hold-expired"), HOLDS, "{outcomes:?}");

    eventually_eq(secs(10), 0, async || app.seats(&event, "held").await).await;
    let sold = app.seats(&event, "sold").await;
    assert_eq!(usize::try_from(sold), Ok(count("200")));
    let paid = app.count("SELECT count(*) FROM payments WHERE status = 'succeeded'");
    assert_eq!(paid.await, sold);
}

async fn a_payment_that_outlasts_the_hold_is_given_back(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);

    app.confirm(&buyer, &hold.id(), "tok_slow")
        .await
        .expect_problem(410, "hold-expired");
    let payments = app.rows("SELECT status FROM payments").await;
    assert_eq!(json!(payments), json!([{ "status": "voided" }]));
    eventually_eq(secs(10), 1, async || app.seats(&event, "available").await).await;
}

fn time(text: &str) -> DateTime<Utc> {
    let time = DateTime::parse_from_rfc3339(text);
    time.unwrap_or_else(|error| panic!("{text}: {error}"))
        .to_utc()
}
