//! A cancelled event sells nothing more; its holds end, and its buyers are owed their money.

use futures_util::future::join_all;
use kit::{Answer, App, Backend, Builder, Zone, eventually, eventually_eq, race, secs, tally};
use serde_json::json;

use crate::editing::cancel;

kit::stories! {
    cancelling_ends_holds_and_marks_what_was_paid_for,
    cancelling_again_changes_nothing,
    a_hold_of_a_cancelled_event_is_past_paying,
    whatever_races_a_cancellation_nothing_stays_held_and_everybody_is_owed: super::patient,
    a_cancellation_is_settled_once_nothing_can_come_any_more,
}

/// On a busy machine a crowd waits longer for the database than clients would put up with.
fn patient(app: Builder<Backend>) -> Builder<Backend> {
    app.env("HOLDFAST_DB_ACQUIRE_MS", "60000")
        .lock_ttl_ms(60_000)
}

async fn cancelling_ends_holds_and_marks_what_was_paid_for(app: &App) {
    let zones = [Zone::seated("Stalls", 1, 6, 4500)];
    let [event, other] = [app.on_sale(&zones).await, app.on_sale(&zones).await];
    let [one, two] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    let hold = app.reserve_tickets(&one, &event, &seats[..2]).await;
    let order = app.reserve_tickets(&two, &event, &seats[2..4]).await;
    let [hold, order] = [hold.expect(201), order.expect(201)];
    app.confirm(&two, &order.id(), "tok_success")
        .await
        .expect(200);
    let elsewhere = app.reserve(&one, other.tickets()[0]).await.expect(201);

    let admin = app.admin().await;
    let path = format!("/api/events/{}/cancel", event.id);
    let reason = json!({ "reason": "Rain" });
    let off = app.post(&path).by(&admin).json(&reason).await.expect(200);
    assert_eq!(
        [&off["status"], &off["cancel_reason"]],
        ["cancelled", "Rain"]
    );
    app.reserve(&one, seats[5])
        .await
        .expect_problem(409, "not-on-sale");

    eventually_eq(secs(10), 4, async || app.seats(&event, "available").await).await;
    let ended = app.get_reservation(&one, &hold.id()).await.expect(200);
    assert_eq!(
        (&ended["status"], &ended["version"]),
        (&json!("released"), &json!(2))
    );
    assert_eq!(ended["refund_due_at"], json!(null));
    eventually(secs(10), async || {
        let paid = app.get_reservation(&two, &order.id()).await.expect(200);
        paid["status"] == "confirmed" && paid["refund_due_at"].is_string()
    })
    .await;
    let causes = app
        .rows("SELECT cause FROM ledger WHERE cause = 'cancel'")
        .await;
    assert_eq!(causes.len(), 2);
    let kept = app.get_reservation(&one, &elsewhere.id()).await.expect(200);
    assert_eq!(kept["status"], "held", "another event is not concerned");
    let shown = app.get(&format!("/api/events/{}", event.id)).await;
    assert_eq!(shown.expect(200)["cancel_reason"], "Rain");
    let listed = app.get("/api/events").await.expect(200);
    assert_eq!(listed["items"][0]["id"], other.id, "it is listed no more");
}

async fn cancelling_again_changes_nothing(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 2, 4500)]).await;
    let admin = app.admin().await;
    let path = format!("/api/events/{}/cancel", event.id);
    let cancel = |reason: &str| {
        let body = json!({ "reason": reason });
        app.post(&path).by(&admin).json(&body)
    };
    let answers = race(6, |number| cancel(&format!("Reason {number}"))).await;
    assert_eq!(tally(&answers), [("200".to_owned(), 6)].into());
    let reasons: Vec<_> = answers
        .iter()
        .map(|answer| &answer["cancel_reason"])
        .collect();
    assert!(reasons.iter().all(|reason| *reason == reasons[0]));
    assert!(answers.iter().all(|answer| answer["version"] == 3));
    let keyed = cancel("Late").key("a-key").await.expect(200);
    assert_eq!(keyed.body, answers[0].body);
    let again = cancel("Late").key("a-key").await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let publish = app.post(&format!("/api/events/{}/publish", event.id));
    let refused = publish.by(&admin).await;
    refused.expect_problem(409, "invalid-transition");

    let buyer = app.buyer().await;
    let refused = app.post(&path).by(&buyer).json(&json!({})).await;
    refused.expect_problem(403, "forbidden");
    let unknown = app.post("/api/events/999999/cancel").by(&admin);
    let unknown = unknown.json(&json!({})).await;
    unknown.expect_problem(404, "not-found");
    for (body, field) in [
        (json!({ "reason": "" }), "reason"),
        (json!({ "reason": "x".repeat(501) }), "reason"),
        (json!({ "why": "x" }), "why"),
    ] {
        let refused = app.post(&path).by(&admin).json(&body).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field);
    }
}

async fn a_hold_of_a_cancelled_event_is_past_paying(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    // The payment takes a second, and the event is cancelled meanwhile.
    let pay = app.confirm(&buyer, &hold.id(), "tok_slow");
    let (paid, _) = tokio::join!(async { pay.await }, async {
        let begun = "SELECT count(*) FROM payments";
        eventually_eq(secs(10), 1, async || app.count(begun).await).await;
        cancel(app, &event).await.expect(200)
    });
    assert_eq!(paid.status, 409, "{paid:?}");
    let payments = app.rows("SELECT status FROM payments").await;
    assert_eq!(json!(payments), json!([{ "status": "voided" }]));
    eventually_eq(secs(10), 2, async || app.seats(&event, "available").await).await;
    for call in [
        app.confirm(&buyer, &hold.id(), "tok_success"),
        app.extend(&buyer, &hold.id()),
    ] {
        let refused = call.await.expect_problem(409, "invalid-transition");
        assert_eq!(refused["current_status"], "released");
    }
    assert_eq!(app.count("SELECT count(*) FROM payments").await, 1);
}

async fn whatever_races_a_cancellation_nothing_stays_held_and_everybody_is_owed(app: &App) {
    const SEATS: usize = 60;
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 60, 4500)]).await;
    let buyers = app.buyers(6).await;
    let buyer = |number: usize| &buyers[number % 6];
    // A third is held before, and paid for while the event is cancelled; the rest is held meanwhile,
    // and paid for at once.
    let early = race(SEATS / 3, |number| {
        app.reserve(buyer(number), event.tickets()[number])
    })
    .await;
    let buy = async |number: usize| {
        let hold = match early.get(number) {
            Some(hold) => hold.clone().expect(201),
            None => app.reserve(buyer(number), event.tickets()[number]).await,
        };
        if hold.status != 201 {
            return hold.expect_problem(409, "not-on-sale");
        }
        app.confirm(buyer(number), &hold.id(), "tok_success").await
    };
    let cancelled = async {
        let some = "SELECT count(*) FROM reservations WHERE status = 'confirmed'";
        eventually(secs(30), async || app.count(some).await > 0).await;
        cancel(app, &event).await.expect(200);
    };
    let (answers, ()) = tokio::join!(join_all((0..SEATS).map(buy)), cancelled);
    let outcomes = tally(&answers);
    let refusals = ["not-on-sale", "invalid-transition"];
    let refused: usize = refusals.iter().filter_map(|slug| outcomes.get(*slug)).sum();
    let sold = outcomes["200"];
    assert_eq!(sold + refused, SEATS, "{outcomes:?}");

    eventually_eq(secs(15), 0, async || app.seats(&event, "held").await).await;
    let owed = "SELECT count(*) FROM reservations \
                WHERE status = 'confirmed' AND refund_due_at IS NOT NULL";
    eventually_eq(secs(15), i64::try_from(sold).unwrap(), async || {
        app.count(owed).await
    })
    .await;
    let open = "SELECT count(*) FROM reservations \
                WHERE status = 'held' OR (status = 'confirmed' AND refund_due_at IS NULL)";
    assert_eq!(app.count(open).await, 0);
    let kept = "SELECT count(*) FROM payments WHERE status = 'succeeded'";
    assert_eq!(usize::try_from(app.count(kept).await), Ok(sold));
}

async fn a_cancellation_is_settled_once_nothing_can_come_any_more(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let buyer = app.buyer().await;
    cancel(app, &event).await.expect(200);
    let settled = "SELECT count(*) FROM events WHERE settled_at IS NOT NULL";
    // A straggler: it saw the event on sale, and is committed only now.
    let publish = "UPDATE events SET status = 'published'; \
                   UPDATE event_search SET status = 'published'";
    app.execute(publish).await;
    let hold = reserve_until_held(app, &buyer, event.tickets()[0]).await;
    let cancel = "UPDATE events SET status = 'cancelled'; \
                  UPDATE event_search SET status = 'cancelled'";
    app.execute(cancel).await;
    eventually_eq(secs(10), 0, async || {
        app.count("SELECT count(*) FROM reservations WHERE status = 'held'")
            .await
    })
    .await;
    let ended = app.get_reservation(&buyer, &hold.id()).await.expect(200);
    assert_eq!(ended["status"], "released");
    assert_eq!(app.count(settled).await, 0, "others may come");

    app.execute("UPDATE events SET cancelled_at = '2020-01-01T00:00:00+00:00'")
        .await;
    eventually_eq(secs(10), 1, async || app.count(settled).await).await;
}

async fn reserve_until_held(app: &App, buyer: &kit::Person, seat: i64) -> Answer {
    // What the instance knows of the event is half a second old.
    eventually(secs(10), async || {
        let answer = app.reserve(buyer, seat).await;
        if answer.status == 201 {
            Ok(answer)
        } else {
            Err(answer.text)
        }
    })
    .await
}
