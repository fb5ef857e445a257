//! When an event is on sale, and when not.

use chrono::{DateTime, TimeDelta, Utc};
use kit::{App, Event, eventually_eq, secs};
use serde_json::json;

use crate::catalogue::publish;
use crate::editing::{cancel, publish_and_edit};

kit::stories! {
    a_draft_is_not_on_sale,
    before_the_sale_opens_its_time_is_told,
    a_closed_sale_is_closed,
    a_cancelled_event_is_not_on_sale,
    a_sale_opens_by_itself,
}

async fn a_draft_is_not_on_sale(app: &App) {
    let draft = app.draft(&[kit::Zone::seated("Stalls", 1, 2, 4500)]).await;
    refuses_all(app, &draft).await;
}

async fn before_the_sale_opens_its_time_is_told(app: &App) {
    let window = json!({ "sales_open_at": "2098-01-01T10:00:00Z" });
    let event = publish(app, app.venue().await, "Later", &window).await;
    let opens_at = refuses_all(app, &event).await;
    let opens_at = DateTime::parse_from_rfc3339(opens_at.as_str().unwrap()).unwrap();
    assert_eq!(opens_at.to_rfc3339(), "2098-01-01T10:00:00+00:00");
}

async fn a_closed_sale_is_closed(app: &App) {
    let venue = app.venue().await;
    let yesterday = (Utc::now() - TimeDelta::days(1)).to_rfc3339();
    for window in [
        json!({ "sales_close_at": yesterday }),
        // Without a closing time it closes with the start.
        json!({ "starts_at": yesterday }),
    ] {
        let event = publish_and_edit(app, venue, "Over", &window).await;
        assert_eq!(refuses_all(app, &event).await, json!(null));
    }
}

async fn a_cancelled_event_is_not_on_sale(app: &App) {
    let event = publish(app, app.venue().await, "Off", &json!({})).await;
    cancel(app, &event).await.expect(200);
    refuses_all(app, &event).await;
    let admin = app.admin().await;
    let publish = app.post(&format!("/api/events/{}/publish", event.id));
    let refused = publish
        .by(&admin)
        .await
        .expect_problem(409, "invalid-transition");
    assert_eq!(refused["current_status"], "cancelled");
}

async fn a_sale_opens_by_itself(app: &App) {
    let soon = Utc::now() + TimeDelta::milliseconds(1500);
    let window = json!({ "sales_open_at": soon.to_rfc3339() });
    let event = publish(app, app.venue().await, "Soon", &window).await;
    let buyer = app.buyer().await;
    let ticket = tickets(app, &event).await[0];
    eventually_eq(secs(10), 201, async || {
        app.reserve(&buyer, ticket).await.status
    })
    .await;
    let began = app.rows("SELECT created_at FROM reservations").await;
    let began = DateTime::parse_from_rfc3339(began[0]["created_at"].as_str().unwrap()).unwrap();
    assert!(
        began >= soon - TimeDelta::milliseconds(1),
        "{began} is before {soon}"
    );
}

/// Every way to reserve is refused; gives when the sale opens.
async fn refuses_all(app: &App, event: &Event) -> serde_json::Value {
    let buyer = app.buyer().await;
    let tickets = tickets(app, event).await;
    let zone = format!("SELECT id FROM zones WHERE event_id = {}", event.id);
    let zone = app.count(&zone).await;
    let mut opens_at = json!(null);
    for call in [
        app.reserve(&buyer, tickets[0]),
        app.reserve_tickets(&buyer, event, &tickets),
        app.reserve_places(&buyer, event, zone, 1),
    ] {
        let refused = call.await.expect_problem(409, "not-on-sale");
        opens_at = refused["sales_open_at"].clone();
    }
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 0);
    opens_at
}

async fn tickets(app: &App, event: &Event) -> Vec<i64> {
    let query = format!(
        "SELECT id FROM tickets WHERE event_id = {} ORDER BY id",
        event.id
    );
    let rows = app.rows(&query).await;
    rows.iter().filter_map(|row| row["id"].as_i64()).collect()
}
