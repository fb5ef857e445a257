//! Codes that make no sense.

use kit::{App, Zone};
use serde_json::{Value, json};

use super::path;

kit::stories! {
    a_bad_code_is_refused_with_the_field_named,
    a_bad_amount_is_refused_with_the_field_named,
    a_bad_number_of_codes_is_refused_with_the_field_named,
}

async fn a_bad_code_is_refused_with_the_field_named(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let other = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    let euros = |amount: i64| json!({ "amount": amount, "currency": "EUR" });
    for (member, value, field) in [
        ("code", json!("AB"), "code"),
        ("code", json!("A B C"), "code"),
        ("code", json!("ÄÖÜ"), "code"),
        ("code", json!("X".repeat(41)), "code"),
        ("code", Value::Null, "code"),
        ("zone_id", json!(0), "zone_id"),
        ("zone_id", json!(other.zones[0].id), "zone_id"),
        ("max_uses", json!(0), "max_uses"),
        ("max_uses", json!(-1), "max_uses"),
        ("max_uses", json!(1_000_001), "max_uses"),
        ("max_uses", json!(10_000_000_000_i64), "max_uses"),
        ("percent_off", json!(0), "percent_off"),
        ("percent_off", json!(101), "percent_off"),
        ("percent_off", json!(12.5), "percent_off"),
        ("percent_off", Value::Null, "opens_early"),
        ("amount_off", euros(100), "amount_off"),
        ("valid_from", json!("2098-01-01T00:00:00Z"), "valid_until"),
        ("valid_from", json!("1969-01-01T00:00:00Z"), "valid_from"),
        ("valid_until", json!("tomorrow"), "valid_until"),
        ("note", json!(""), "note"),
        ("note", json!("x".repeat(501)), "note"),
        ("note", json!("a\0b"), "note"),
        ("uses", json!(1), "uses"),
        ("active", json!("yes"), "active"),
    ] {
        let mut draft = json!({
            "code": "FANS", "percent_off": 20, "valid_until": "2097-01-01T00:00:00Z",
        });
        draft[member] = value;
        let refused = app.post(&path(&event, "")).by(&admin).json(&draft).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{draft}: {refused:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM codes").await, 0);
}

async fn a_bad_amount_is_refused_with_the_field_named(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    let euros = |amount: i64| json!({ "amount": amount, "currency": "EUR" });
    for (amount, field) in [
        (euros(0), "amount_off.amount"),
        (euros(-1), "amount"),
        (
            json!({ "amount": 1, "currency": "USD" }),
            "amount_off.currency",
        ),
    ] {
        let draft = json!({ "code": "FANS", "amount_off": amount });
        let refused = app.post(&path(&event, "")).by(&admin).json(&draft).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{draft}: {refused:?}");
    }
}

async fn a_bad_number_of_codes_is_refused_with_the_field_named(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    for (member, value) in [
        ("count", json!(0)),
        ("count", json!(501)),
        ("prefix", json!("X".repeat(21))),
        ("prefix", json!("A B")),
    ] {
        let mut draft = json!({ "count": 3, "percent_off": 20 });
        draft[member] = value;
        let batch = path(&event, "/batch");
        let refused = app.post(&batch).by(&admin).json(&draft).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(
            refused["errors"][0]["field"], member,
            "{draft}: {refused:?}"
        );
    }
    assert_eq!(app.count("SELECT count(*) FROM codes").await, 0);
}
