//! Codes as organisers make, change and delete them, and as buyers ask about them.

use std::collections::BTreeSet;

use kit::{App, Zone, race, tally};
use serde_json::{Value, json};

use super::{edit, expect_reason, path};

kit::stories! {
    a_code_is_made_read_edited_and_deleted,
    an_edit_says_which_version_it_has_seen,
    of_many_codes_that_read_alike_one_is_made,
    codes_are_listed_newest_first_and_found_by_text_and_note,
    many_codes_at_once_are_all_different,
    only_admins_manage_codes,
    a_code_that_was_used_stays_and_keeps_its_text,
    whoever_has_a_code_is_told_what_it_would_do,
    a_draft_that_is_deleted_takes_its_codes_along,
}

async fn a_code_is_made_read_edited_and_deleted(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    let zone = event.zones[0].id;
    let draft = json!({
        "code": "fan-club_26", "zone_id": zone, "max_uses": 300, "opens_early": true,
        "valid_from": "2026-01-01T00:00:00+00:00", "valid_until": "2098-01-01T00:00:00+00:00",
        "amount_off": { "amount": 500, "currency": "EUR" }, "note": "<b>Fans</b>",
    });
    let made = app.code(&event, &draft).await;
    let one = path(&event, &format!("/{}", made.id()));
    assert_eq!(made.header("location"), Some(one.as_str()));
    let expected = json!({
        "id": made["id"], "event_id": event.id, "code": "FAN-CLUB_26", "zone_id": zone,
        "max_uses": 300, "opens_early": true, "valid_from": "2026-01-01T00:00:00+00:00",
        "valid_until": "2098-01-01T00:00:00+00:00", "percent_off": null,
        "amount_off": { "amount": 500, "currency": "EUR" }, "note": "<b>Fans</b>",
        "active": true, "uses": 0, "version": 1, "created_at": made["created_at"],
    });
    assert_eq!(made.body, expected);
    let read = app.get(&one).by(&admin).await.expect(200);
    assert_eq!(read.body, made.body);

    // What is left out of an edit is gone.
    let short = json!({ "code": "FANS", "percent_off": 20 });
    let edited = app.put(&one).by(&admin).if_match(1).json(&short).await;
    let edited = edited.expect(200);
    for (member, value) in [
        ("code", json!("FANS")),
        ("zone_id", Value::Null),
        ("max_uses", Value::Null),
        ("opens_early", json!(false)),
        ("valid_from", Value::Null),
        ("percent_off", json!(20)),
        ("amount_off", Value::Null),
        ("note", Value::Null),
        ("version", json!(2)),
        ("created_at", made["created_at"].clone()),
    ] {
        assert_eq!(edited[member], value, "{member}");
    }
    assert_eq!(app.get(&one).by(&admin).await.body, edited.body);

    app.delete(&one).by(&admin).await.expect(204);
    for call in [app.get(&one), app.delete(&one)] {
        call.by(&admin).await.expect_problem(404, "not-found");
    }
}

async fn an_edit_says_which_version_it_has_seen(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    let draft = json!({ "code": "FANS", "percent_off": 20 });
    let one = path(&event, &format!("/{}", app.code(&event, &draft).await.id()));
    let put = || app.put(&one).by(&admin).json(&draft);

    put().await.expect_problem(428, "precondition-required");
    put().if_match(1).await.expect(200);
    let late = put()
        .if_match(1)
        .await
        .expect_problem(412, "version-mismatch");
    assert_eq!(late["version"], 2);
    let late = app.delete(&one).by(&admin).if_match(1).await;
    late.expect_problem(412, "version-mismatch");
    // Of many who have seen the same version one comes through.
    let answers = race(10, |_| put().if_match(2)).await;
    let expected = [("200".to_owned(), 1), ("version-mismatch".to_owned(), 9)];
    assert_eq!(tally(&answers), expected.into());
    app.delete(&one).by(&admin).if_match(3).await.expect(204);
}

async fn of_many_codes_that_read_alike_one_is_made(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let other = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    let make = |text: &str| {
        let draft = json!({ "code": text, "percent_off": 20 });
        app.post(&path(&event, "")).by(&admin).json(&draft)
    };
    let answers = race(20, |number| make(["fans", "FANS"][number % 2])).await;
    let expected = [("201".to_owned(), 1), ("code-taken".to_owned(), 19)];
    assert_eq!(tally(&answers), expected.into());
    // Another event is not concerned.
    let draft = json!({ "code": "FANS", "percent_off": 20 });
    app.code(&other, &draft).await;
    let second = make("FRIENDS").await.expect(201);
    let refused = edit(app, &event, &second, &json!({ "code": "fans" })).await;
    refused.expect_problem(409, "code-taken");
    let first = make("AGAIN").key("k").await.expect(201);
    let again = make("AGAIN").key("k").await.expect(201);
    assert_eq!(first.body, again.body);
}

async fn codes_are_listed_newest_first_and_found_by_text_and_note(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let other = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    for (text, note) in [
        ("ONE_A", "Press"),
        ("TWO-A", "Fans"),
        ("THREE", "press too"),
    ] {
        let draft = json!({ "code": text, "note": note, "percent_off": 20 });
        app.code(&event, &draft).await;
    }
    app.code(&other, &json!({ "code": "OTHER", "percent_off": 20 }))
        .await;
    let list = async |query: &str| {
        let list = app.get(&path(&event, query)).by(&admin).await.expect(200);
        let items = list["items"].as_array().unwrap();
        let texts: Vec<_> = items.iter().map(|item| item["code"].clone()).collect();
        (json!(texts), list["next"].clone())
    };
    let all = json!(["THREE", "TWO-A", "ONE_A"]);
    assert_eq!(list("").await, (all, Value::Null));
    for (query, found) in [
        ("?q=o", json!(["THREE", "TWO-A", "ONE_A"])),
        ("?q=tWo", json!(["TWO-A"])),
        ("?q=PRESS", json!(["THREE", "ONE_A"])),
        ("?q=_", json!(["ONE_A"])),
        ("?q=%25", json!([])),
        ("?q='", json!([])),
    ] {
        assert_eq!(list(query).await.0, found, "{query}");
    }
    let (first, next) = list("?limit=2").await;
    assert_eq!(first, json!(["THREE", "TWO-A"]));
    app.code(&event, &json!({ "code": "FOUR", "percent_off": 20 }))
        .await;
    let rest = list(&format!("?limit=2&cursor={}", next.as_str().unwrap())).await;
    assert_eq!(rest, (json!(["ONE_A"]), Value::Null));
    for query in ["?q=", "?q=%00", "?limit=0", "?cursor=x"] {
        let refused = app.get(&path(&event, query)).by(&admin).await;
        refused.expect_problem(400, "validation-failed");
    }
    let none = app.get("/api/events/999999/codes").by(&admin).await;
    none.expect_problem(404, "not-found");
}

async fn many_codes_at_once_are_all_different(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    let draft = json!({ "count": 500, "prefix": "press-", "max_uses": 1, "percent_off": 100 });
    let batch = || app.post(&path(&event, "/batch")).by(&admin).json(&draft);
    let made = batch().key("k").await.expect(201);
    let again = batch().key("k").await.expect(201);
    assert_eq!(made.body, again.body);

    let items = made["items"].as_array().unwrap();
    let texts: BTreeSet<_> = items
        .iter()
        .map(|item| item["code"].as_str().unwrap())
        .collect();
    assert_eq!((items.len(), texts.len()), (500, 500));
    for item in items {
        assert_eq!(
            (&item["max_uses"], &item["percent_off"]),
            (&json!(1), &json!(100))
        );
        let text = item["code"].as_str().unwrap();
        assert!(text.starts_with("PRESS-") && text.len() == 25, "{text}");
    }
    assert_eq!(app.count("SELECT count(*) FROM codes").await, 500);
    let buyer = app.buyer().await;
    let text = items[499]["code"].as_str().unwrap();
    app.reserve_with(&buyer, event.tickets()[0], text)
        .await
        .expect(201);
    expect_reason(
        app.reserve_with(&buyer, event.tickets()[1], text).await,
        "used-up",
    );
}

async fn only_admins_manage_codes(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let other = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let [admin, buyer] = [app.admin().await, app.buyer().await];
    let draft = json!({ "code": "FANS", "percent_off": 20 });
    let code = app.code(&event, &draft).await.id();
    let one = path(&event, &format!("/{code}"));
    let calls = || {
        [
            app.get(&path(&event, "")),
            app.post(&path(&event, "")).json(&draft),
            app.post(&path(&event, "/batch")).json(&draft),
            app.get(&one),
            app.put(&one).if_match(1).json(&draft),
            app.delete(&one),
        ]
    };
    for call in calls() {
        call.await.expect_problem(401, "unauthenticated");
    }
    for call in calls() {
        call.by(&buyer).await.expect_problem(403, "forbidden");
    }
    // A code is found below its own event only.
    let elsewhere = path(&other, &format!("/{code}"));
    for call in [
        app.get(&elsewhere),
        app.put(&elsewhere).if_match(1).json(&draft),
        app.delete(&elsewhere),
        app.post("/api/events/999999/codes").json(&draft),
    ] {
        call.by(&admin).await.expect_problem(404, "not-found");
    }
    app.get(&one).by(&admin).await.expect(200);
}

async fn a_code_that_was_used_stays_and_keeps_its_text(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 4500)]).await;
    let [admin, buyer] = [app.admin().await, app.buyer().await];
    let draft = json!({ "code": "FANS", "percent_off": 20 });
    let code = app.code(&event, &draft).await;
    let one = path(&event, &format!("/{}", code.id()));
    let mut holds = Vec::new();
    for seat in &event.tickets()[..2] {
        let hold = app.reserve_with(&buyer, *seat, "FANS").await.expect(201);
        holds.push(hold.id());
    }
    for members in [json!({ "code": "FRIENDS" }), json!({ "max_uses": 1 })] {
        let refused = edit(app, &event, &code, &members).await;
        assert_eq!(refused.expect_problem(409, "code-in-use")["uses"], 2);
    }
    let used = app.get(&one).by(&admin).await.expect(200);
    assert_eq!(
        (&used["uses"], used.header("etag")),
        (&json!(2), Some("\"1.2\""))
    );
    edit(app, &event, &code, &json!({ "max_uses": 2 }))
        .await
        .expect(200);

    // Given up, a hold still tells of it.
    for hold in holds {
        app.release(&buyer, &hold).await.expect(204);
    }
    let refused = app.delete(&one).by(&admin).await;
    assert_eq!(refused.expect_problem(409, "code-in-use")["uses"], 2);
    edit(
        app,
        &event,
        &code,
        &json!({ "max_uses": 1, "active": false }),
    )
    .await
    .expect(200);
    let seat = event.tickets()[2];
    expect_reason(app.reserve_with(&buyer, seat, "FANS").await, "unknown");
}

async fn whoever_has_a_code_is_told_what_it_would_do(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 2, 1999),
        Zone::seated("Balcony", 1, 2, 333),
    ];
    let later = json!({ "sales_open_at": "2098-01-01T10:00:00Z" });
    let event = app.on_sale_with(&zones, &later).await;
    let buyer = app.buyer().await;
    let balcony = event.zone("Balcony").id;
    for draft in [
        json!({ "code": "TEN", "percent_off": 10, "opens_early": true, "max_uses": 1 }),
        json!({ "code": "BALCONY", "zone_id": balcony, "percent_off": 50 }),
        json!({ "code": "OVER", "percent_off": 50, "valid_until": "2020-01-01T00:00:00Z" }),
        json!({ "code": "OFF", "percent_off": 50, "active": false }),
    ] {
        app.code(&event, &draft).await;
    }
    let check = |text: &str| app.get(&path(&event, &format!("/check?code={text}")));
    let ten = check("ten").by(&buyer).await.expect(200);
    let shown = |zone: &Value| {
        let amount = |member: &str| zone[member]["amount"].clone();
        json!([
            zone["name"],
            amount("full_price"),
            amount("discount"),
            amount("price")
        ])
    };
    let offers: Vec<_> = ten["zones"].as_array().unwrap().iter().map(shown).collect();
    let expected = json!([["Stalls", 1999, 200, 1799], ["Balcony", 333, 34, 299]]);
    assert_eq!(json!(offers), expected);
    let terms = [
        "code",
        "opens_early",
        "percent_off",
        "amount_off",
        "zone_id",
    ];
    let terms = terms.map(|member| ten[member].clone());
    assert_eq!(json!(terms), json!(["TEN", true, 10, null, null]));
    let there = check("BALCONY").by(&buyer).await.expect(200);
    assert_eq!(there["zones"].as_array().unwrap().len(), 1);

    for (text, reason) in [("OVER", "ended"), ("OFF", "unknown"), ("NONE", "unknown")] {
        expect_reason(check(text).by(&buyer).await, reason);
    }
    app.reserve_with(&buyer, event.tickets()[0], "TEN")
        .await
        .expect(201);
    expect_reason(check("TEN").by(&buyer).await, "used-up");
    check("TEN").await.expect_problem(401, "unauthenticated");
    for query in ["", "?code=", "?code=A%20B", "?code=%00%00%00"] {
        let refused = app.get(&path(&event, &format!("/check{query}"))).by(&buyer);
        refused.await.expect_problem(400, "validation-failed");
    }
    let draft = app.draft(&zones).await;
    let hidden = app.get(&path(&draft, "/check?code=TEN")).by(&buyer).await;
    hidden.expect_problem(404, "not-found");
}

async fn a_draft_that_is_deleted_takes_its_codes_along(app: &App) {
    let draft = app.draft(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    app.code(&draft, &json!({ "code": "FANS", "percent_off": 20 }))
        .await;
    let delete = app.delete(&format!("/api/events/{}", draft.id));
    delete.by(&admin).await.expect(204);
    assert_eq!(app.count("SELECT count(*) FROM codes").await, 0);
}
