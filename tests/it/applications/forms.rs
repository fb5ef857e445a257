//! What an event asks of those who apply, and when.

use kit::{App, Person, Zone};
use serde_json::{Value, json};

use super::read;
use crate::editing::cancel;

kit::stories! {
    answers_are_checked_against_what_is_asked,
    a_form_is_changed_by_those_who_have_read_it,
    an_event_takes_applications_only_while_its_form_is_open,
    bad_applications_are_refused_with_the_field_named,
}

async fn answers_are_checked_against_what_is_asked(app: &App) {
    let event = app
        .on_sale(&[Zone::standing("Guests", 5, 0).by_application()])
        .await;
    let guests = event.zones[0].id;
    let questions = json!([
        { "key": "why", "text": "Why <you>?", "required": true, "max_length": 10 },
        { "key": "age", "text": "How old?", "required": false, "max_length": 3 },
    ]);
    app.open_applications(&event, &questions).await;
    let ada = app.buyer().await;
    let apply = |answers: Value| {
        let wanted = json!({ "zone_id": guests, "answers": answers });
        app.apply_with(&ada, &event, &wanted)
    };
    for (answers, field) in [
        (json!({}), "answers.why"),
        (json!({ "why": " " }), "answers.why"),
        (json!({ "why": "x".repeat(11) }), "answers.why"),
        (json!({ "why": "x", "age": "1234" }), "answers.age"),
        (json!({ "why": "x", "shoe": "46" }), "answers.shoe"),
        (json!({ "why": 7 }), "answers.why"),
        (json!({ "why": "\u{0}" }), "answers.why"),
    ] {
        let refused = apply(answers)
            .await
            .expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field);
    }
    let made = apply(json!({ "why": "<b>me</b>" })).await.expect(201);
    let kept = json!([{ "key": "why", "question": "Why <you>?", "answer": "<b>me</b>" }]);
    assert_eq!(made["answers"], kept);
    // What was asked then stays with the answer.
    app.open_applications(&event, &json!([])).await;
    assert_eq!(read(app, &ada, &made.id()).await["answers"], kept);
}

async fn a_form_is_changed_by_those_who_have_read_it(app: &App) {
    let event = app
        .on_sale(&[Zone::standing("Guests", 5, 0).by_application()])
        .await;
    let [admin, buyer] = [app.admin().await, app.buyer().await];
    let path = format!("/api/events/{}/application-form", event.id);
    let unmade = app.get(&path).await.expect(200);
    assert_eq!(unmade.header("etag"), Some("\"0\""));
    assert_eq!(
        (&unmade["is_open"], &unmade["version"]),
        (&json!(false), &json!(0))
    );

    let form = json!({ "questions": [], "opens_at": null, "closes_at": null });
    let change = |by: &Person| app.change_form(by, &event, &form);
    change(&admin)
        .await
        .expect_problem(428, "precondition-required");
    change(&admin)
        .if_match(1)
        .await
        .expect_problem(412, "version-mismatch");
    change(&buyer)
        .if_match(0)
        .await
        .expect_problem(403, "forbidden");
    let made = change(&admin).if_match(0).await.expect(200);
    assert_eq!(
        (&made["is_open"], &made["version"]),
        (&json!(true), &json!(1))
    );
    change(&admin)
        .if_match(0)
        .await
        .expect_problem(412, "version-mismatch");
    assert_eq!(change(&admin).if_match(1).await.expect(200)["version"], 2);

    let question = |key: &str, text: &str, most: i64| {
        let asked = json!({ "key": key, "text": text, "required": true, "max_length": most });
        json!({ "questions": [asked] })
    };
    for bad in [
        question("Why", "?", 5),
        question("why", "", 5),
        question("why", "?", 0),
        question("why", "?", 2001),
        question("why", &"x".repeat(501), 5),
        json!({ "questions": vec![question("a", "?", 1)["questions"][0].clone(); 2] }),
        json!({ "questions": vec![question("a", "?", 1)["questions"][0].clone(); 21] }),
        json!({ "questions": [], "opens_at": "2030-01-02T00:00:00Z", "closes_at": "2030-01-01T00:00:00Z" }),
        json!({ "questions": [], "colour": "red" }),
    ] {
        let refused = app.change_form(&admin, &event, &bad).if_match(2).await;
        refused.expect_problem(400, "validation-failed");
    }
    let draft = app
        .draft(&[Zone::standing("Guests", 5, 0).by_application()])
        .await;
    let path = format!("/api/events/{}/application-form", draft.id);
    app.get(&path).await.expect_problem(404, "not-found");
    let for_admins = format!("/api/admin/events/{}/application-form", draft.id);
    app.get(&for_admins).by(&admin).await.expect(200);
    app.change_form(&admin, &draft, &form)
        .if_match(0)
        .await
        .expect(200);
}

async fn an_event_takes_applications_only_while_its_form_is_open(app: &App) {
    let event = app
        .on_sale(&[Zone::standing("Guests", 5, 0).by_application()])
        .await;
    let guests = event.zones[0].id;
    let [ada, admin] = [app.buyer().await, app.admin().await];
    let refused = app.apply(&ada, &event, guests, 1).await;
    refused.expect_problem(409, "applications-closed");
    let times = |opens_at: Value, closes_at: Value| json!({ "questions": [], "opens_at": opens_at, "closes_at": closes_at });
    let (past, future) = (json!("2020-01-01T00:00:00Z"), json!("2090-01-01T00:00:00Z"));
    for (form, is_open) in [
        (times(future.clone(), Value::Null), false),
        (times(Value::Null, past.clone()), false),
        (times(past, future.clone()), true),
    ] {
        let changed = app
            .change_form(&admin, &event, &form)
            .header("if-match", "*");
        assert_eq!(changed.await.expect(200)["is_open"], is_open);
        let answer = app.apply(&ada, &event, guests, 1).await;
        if is_open {
            answer.expect(201);
        } else {
            let refused = answer.expect_problem(409, "applications-closed");
            assert_eq!(refused["opens_at"].is_null(), form["opens_at"].is_null());
        }
    }
    cancel(app, &event).await.expect(200);
    let bob = app.buyer().await;
    let refused = app.apply(&bob, &event, guests, 1).await;
    refused.expect_problem(409, "applications-closed");
}

async fn bad_applications_are_refused_with_the_field_named(app: &App) {
    let zones = [
        Zone::standing("Guests", 9, 0).by_application(),
        Zone::standing("Floor", 9, 1500),
    ];
    let event = app.by_application(&zones).await;
    let [ada, admin] = [app.buyer().await, app.admin().await];
    let (guests, floor) = (event.zone("Guests").id, event.zone("Floor").id);
    for (wanted, field) in [
        (json!({}), "zone_id"),
        (json!({ "zone_id": floor }), "zone_id"),
        (json!({ "zone_id": guests, "quantity": 0 }), "quantity"),
        (json!({ "zone_id": guests, "quantity": -1 }), "quantity"),
        (json!({ "zone_id": guests, "quantity": 11 }), "quantity"),
        (
            json!({ "zone_id": guests, "quantity": 1_000_000_000 }),
            "quantity",
        ),
        (json!({ "zone_id": guests, "seats": 1 }), "seats"),
        (json!({ "zone_id": guests, "answers": [] }), "answers"),
    ] {
        let refused = app.apply_with(&ada, &event, &wanted).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{wanted}");
    }
    let unknown = app.apply(&ada, &event, 999_999, 1).await;
    unknown.expect_problem(404, "not-found");
    let twice = vec!["0193aaaa-0000-7000-8000-000000000000".to_owned(); 2];
    for ids in [&twice[..], &[]] {
        let refused = app.grant(&admin, ids).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], "ids");
    }
    let draft = json!({
        "venue_id": event.venue_id, "title": "x", "starts_at": "2099-06-01T19:00:00Z",
        "zones": [{
            "name": "Guests", "by_application": true, "price": { "amount": 1, "currency": "EUR" },
            "seating": { "kind": "standing", "capacity": 1 },
        }],
    });
    let refused = app.post("/api/events").by(&admin).json(&draft).await;
    let refused = refused.expect_problem(400, "validation-failed");
    assert_eq!(refused["errors"][0]["field"], "zones[0].price.amount");
}
