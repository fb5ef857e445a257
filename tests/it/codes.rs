//! Codes: what opens a sale early, takes something off the price, or both.

mod drafts;
mod early;
mod managing;
mod prices;
mod uses;

use kit::{Answer, App, Call, Event, Person};
use serde_json::{Value, json};

/// A path below the codes of an event.
fn path(event: &Event, rest: &str) -> String {
    format!("/api/events/{}/codes{rest}", event.id)
}

/// Whatever is in `wanted`, of that event and with that code.
fn reserve(app: &App, buyer: &Person, event: &Event, code: &str, wanted: &Value) -> Call {
    let mut body = wanted.clone();
    body["event_id"] = json!(event.id);
    body["code"] = json!(code);
    app.post("/api/reservations").by(buyer).json(&body)
}

/// Puts the code as it is, but for these members, in its place.
async fn edit(app: &App, event: &Event, code: &Answer, members: &Value) -> Answer {
    let admin = app.admin().await;
    let path = path(event, &format!("/{}", code.id()));
    let now = app.get(&path).by(&admin).await.expect(200);
    let mut body = json!({});
    for member in [
        "code",
        "zone_id",
        "max_uses",
        "valid_from",
        "valid_until",
        "opens_early",
        "percent_off",
        "amount_off",
        "note",
        "active",
    ] {
        body[member] = now[member].clone();
    }
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let tag = now.header("etag").unwrap().to_owned();
    app.put(&path)
        .by(&admin)
        .header("if-match", tag)
        .json(&body)
        .await
}

/// How often a code is used, as its organiser is shown.
async fn uses(app: &App, event: &Event, code: &Answer) -> i64 {
    let admin = app.admin().await;
    let path = path(event, &format!("/{}", code.id()));
    let read = app.get(&path).by(&admin).await.expect(200);
    read["uses"].as_i64().unwrap()
}

#[track_caller]
fn expect_reason(answer: Answer, reason: &str) {
    let refused = answer.expect_problem(409, "code-not-valid");
    assert_eq!(refused["reason"], reason, "{refused:?}");
}
