//! How often a code is used: as often as it may be, whoever comes at once.

use kit::{App, Backend, Builder, Zone, eventually_eq, race, secs, tally};
use serde_json::json;

use super::{edit, expect_reason, path, reserve, uses};

// What was refused or given up a moment ago may still be locked, however slow the machine is.
kit::stories! {
    of_fifty_at_once_one_uses_a_code_of_one_use: super::patient,
    as_many_use_a_code_as_may_however_they_ask: super::patient,
    everybody_at_once_may_use_a_code_without_a_limit: super::patient,
    what_is_released_gives_its_use_back: super::patient,
    what_expires_gives_its_use_back: |app| app.hold_ttl_secs(1),
    one_ticket_given_up_keeps_the_use,
    the_same_request_uses_a_code_once,
    a_code_does_not_loosen_the_limit_per_customer: super::patient,
    a_limit_that_is_lowered_in_the_middle_of_a_crowd_holds: super::patient,
    a_code_is_used_or_deleted_and_never_both,
    a_code_that_is_of_no_use_tells_why,
    a_taken_ticket_uses_no_code,
}

fn patient(app: Builder<Backend>) -> Builder<Backend> {
    app.env("HOLDFAST_DB_ACQUIRE_MS", "60000")
        .env("HOLDFAST_LOCK_WAIT_MS", "10000")
        .lock_ttl_ms(60_000)
}

async fn of_fifty_at_once_one_uses_a_code_of_one_use(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 5, 10, 4500)]).await;
    let buyers = app.buyers(10).await;
    let draft = json!({ "code": "ONCE", "percent_off": 50, "max_uses": 1 });
    let code = app.code(&event, &draft).await;

    // Each wants a seat of its own, so that nothing but the code stands between them.
    let answers = race(50, |number| {
        app.reserve_with(&buyers[number % 10], event.tickets()[number], "once")
    });
    let answers = answers.await;
    let expected = [("201".to_owned(), 1), ("code-not-valid".to_owned(), 49)];
    assert_eq!(tally(&answers), expected.into());
    for refused in answers.into_iter().filter(|answer| answer.status == 409) {
        expect_reason(refused, "used-up");
    }
    assert_eq!(uses(app, &event, &code).await, 1);
    assert_eq!(app.seats(&event, "held").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 1);
}

async fn as_many_use_a_code_as_may_however_they_ask(app: &App) {
    let zones = [
        Zone::seated("Stalls", 4, 10, 4500),
        Zone::standing("Floor", 40, 900),
    ];
    let event = app.on_sale(&zones).await;
    let buyers = app.buyers(8).await;
    let seven = json!({ "code": "SEVEN", "opens_early": true, "max_uses": 7 });
    let code = app.code(&event, &seven).await;
    let (seats, floor) = (event.tickets(), event.zone("Floor").id);

    let answers = race(40, |number| {
        let buyer = &buyers[number % 8];
        match number % 3 {
            0 => app.reserve_with(buyer, seats[number], "SEVEN"),
            1 => {
                let wanted = json!({ "zone_id": floor, "quantity": 1 });
                reserve(app, buyer, &event, "SEVEN", &wanted)
            }
            // Who has no code is not concerned.
            _ => app.reserve_places(buyer, &event, floor, 1),
        }
    });
    let expected = [
        ("201".to_owned(), 7 + 13),
        ("code-not-valid".to_owned(), 20),
    ];
    assert_eq!(tally(&answers.await), expected.into());
    assert_eq!(uses(app, &event, &code).await, 7);
}

async fn everybody_at_once_may_use_a_code_without_a_limit(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 4, 10, 4500)]).await;
    let buyers = app.buyers(8).await;
    let code = json!({ "code": "CLUB", "percent_off": 5 });
    let code = app.code(&event, &code).await;
    let answers = race(40, |number| {
        app.reserve_with(&buyers[number % 8], event.tickets()[number], "CLUB")
    });
    assert_eq!(tally(&answers.await), [("201".to_owned(), 40)].into());
    assert_eq!(uses(app, &event, &code).await, 40);
}

async fn what_is_released_gives_its_use_back(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 4, 4500)]).await;
    let [one, two] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    let draft = json!({ "code": "ONCE", "percent_off": 50, "max_uses": 1 });
    let code = app.code(&event, &draft).await;

    let hold = app.reserve_with(&one, seats[0], "ONCE").await.expect(201);
    expect_reason(app.reserve_with(&two, seats[1], "ONCE").await, "used-up");
    app.release(&one, &hold.id()).await.expect(204);
    assert_eq!(uses(app, &event, &code).await, 0);

    // With its last ticket the hold is released too.
    app.reserve_with(&two, seats[1], "ONCE").await.expect(201);
    app.release_ticket(&two, seats[1]).await.expect(200);
    let hold = app.reserve_with(&two, seats[2], "ONCE").await.expect(201);
    app.confirm(&two, &hold.id(), "tok_success")
        .await
        .expect(200);
    expect_reason(app.reserve_with(&one, seats[3], "ONCE").await, "used-up");
    assert_eq!(uses(app, &event, &code).await, 1);
}

async fn what_expires_gives_its_use_back(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let [one, two] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    let draft = json!({ "code": "ONCE", "percent_off": 50, "max_uses": 1 });
    let code = app.code(&event, &draft).await;
    app.reserve_with(&one, seats[0], "ONCE").await.expect(201);
    eventually_eq(secs(10), 0, async || uses(app, &event, &code).await).await;
    app.reserve_with(&two, seats[1], "ONCE").await.expect(201);
}

async fn one_ticket_given_up_keeps_the_use(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 4500)]).await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    let draft = json!({ "code": "ONCE", "percent_off": 50, "max_uses": 1 });
    let code = app.code(&event, &draft).await;
    let wanted = json!({ "ticket_ids": seats[..2] });
    reserve(app, &buyer, &event, "ONCE", &wanted)
        .await
        .expect(201);
    app.release_ticket(&buyer, seats[0]).await.expect(200);
    assert_eq!(uses(app, &event, &code).await, 1);
    expect_reason(app.reserve_with(&buyer, seats[2], "ONCE").await, "used-up");
}

async fn the_same_request_uses_a_code_once(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 4, 4500)]).await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    let twice = json!({ "code": "TWICE", "percent_off": 50, "max_uses": 2 });
    let code = app.code(&event, &twice).await;
    for (key, first, again) in [
        (
            "a-ticket",
            app.reserve_with(&buyer, seats[0], "TWICE"),
            app.reserve_with(&buyer, seats[0], "TWICE"),
        ),
        (
            "tickets",
            reserve(
                app,
                &buyer,
                &event,
                "TWICE",
                &json!({ "ticket_ids": [seats[1]] }),
            ),
            reserve(
                app,
                &buyer,
                &event,
                "TWICE",
                &json!({ "ticket_ids": [seats[1]] }),
            ),
        ),
    ] {
        let first = first.key(key).await.expect(201);
        // The code is used up by then, which the kept answer does not care about.
        let again = again.key(key).await.expect(201);
        assert_eq!(first.body, again.body);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
    }
    assert_eq!(uses(app, &event, &code).await, 2);
    // With another code, or none, it is another request.
    let other = app.reserve_with(&buyer, seats[0], "OTHER").key("a-ticket");
    other.await.expect_problem(422, "idempotency-key-reused");
    let other = app.reserve(&buyer, seats[0]).key("a-ticket");
    other.await.expect_problem(422, "idempotency-key-reused");
}

async fn a_code_does_not_loosen_the_limit_per_customer(app: &App) {
    let event = app
        .on_limited_sale(&[Zone::seated("Stalls", 3, 10, 4500)], 4)
        .await;
    let buyer = app.buyer().await;
    let many = json!({ "code": "MANY", "percent_off": 50, "max_uses": 100 });
    let code = app.code(&event, &many).await;
    let answers = race(30, |number| match number % 2 {
        0 => app.reserve_with(&buyer, event.tickets()[number], "MANY"),
        _ => app.reserve(&buyer, event.tickets()[number]),
    });
    let answers = answers.await;
    let expected = [("201".to_owned(), 4), ("limit-exceeded".to_owned(), 26)];
    assert_eq!(tally(&answers), expected.into());
    let with_code = answers.iter().filter(|answer| answer["code"] == "MANY");
    let used = i64::try_from(with_code.count()).unwrap();
    assert_eq!(uses(app, &event, &code).await, used);
}

async fn a_limit_that_is_lowered_in_the_middle_of_a_crowd_holds(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 4, 10, 4500)]).await;
    let buyers = app.buyers(8).await;
    let open = json!({ "code": "OPEN", "percent_off": 50 });
    let code = app.code(&event, &open).await;
    let crowd = race(40, |number| {
        app.reserve_with(&buyers[number % 8], event.tickets()[number], "OPEN")
    });
    let lower = async {
        for limit in [10, 20, 30] {
            let lowered = edit(app, &event, &code, &json!({ "max_uses": limit })).await;
            // Refused where more have used it by then; somebody may have used it meanwhile.
            if lowered.is_success() {
                return Some(limit);
            }
            assert!(
                ["code-in-use", "version-mismatch"].contains(&lowered.slug()),
                "{lowered:?}"
            );
        }
        None
    };
    let (answers, limit) = tokio::join!(crowd, lower);
    let won = answers.iter().filter(|answer| answer.status == 201).count();
    let used = uses(app, &event, &code).await;
    assert_eq!(i64::try_from(won), Ok(used));
    assert!(
        limit.is_none_or(|limit| used <= limit),
        "{used} of {limit:?}"
    );
}

async fn a_code_is_used_or_deleted_and_never_both(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 12, 4500)]).await;
    let [admin, buyer] = [app.admin().await, app.buyer().await];
    for seat in event.tickets() {
        let draft = json!({ "code": format!("CODE-{seat}"), "percent_off": 50 });
        let code = app.code(&event, &draft).await;
        let delete = app.delete(&path(&event, &format!("/{}", code.id())));
        let text = draft["code"].as_str().unwrap();
        let (used, deleted) =
            tokio::join!(app.reserve_with(&buyer, *seat, text), delete.by(&admin));
        match (used.status, deleted.status) {
            (201, 409) => assert_eq!(deleted.slug(), "code-in-use"),
            (409, 204) => expect_reason(used, "unknown"),
            _ => panic!("{used:?} and {deleted:?}"),
        }
    }
}

async fn a_code_that_is_of_no_use_tells_why(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 3, 4500),
        Zone::seated("Balcony", 1, 3, 2500),
    ];
    let event = app.on_sale(&zones).await;
    let other = app.on_sale(&zones).await;
    let buyer = app.buyer().await;
    let off = |code: &str, members: serde_json::Value| {
        let mut body = json!({ "code": code, "percent_off": 10 });
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let balcony = event.zone("Balcony").id;
    for code in [
        off("OFF", json!({ "active": false })),
        off("LATER", json!({ "valid_from": "2098-01-01T00:00:00Z" })),
        off("OVER", json!({ "valid_until": "2020-01-01T00:00:00Z" })),
        // Nobody is told that there is one which is switched off.
        off(
            "OFFOVER",
            json!({ "active": false, "valid_until": "2020-01-01T00:00:00Z" }),
        ),
        off("BALCONY", json!({ "zone_id": balcony })),
    ] {
        app.code(&event, &code).await;
    }
    app.code(&other, &off("OTHER", json!({}))).await;

    let stalls = event.zone("Stalls");
    for (code, reason) in [
        ("NONE", "unknown"),
        ("OTHER", "unknown"),
        ("OFF", "unknown"),
        ("OFFOVER", "unknown"),
        ("LATER", "not-yet"),
        ("OVER", "ended"),
        ("BALCONY", "other-zone"),
    ] {
        let seats = json!({ "ticket_ids": stalls.tickets[..2] });
        let places = json!({ "zone_id": stalls.id, "quantity": 1 });
        for call in [
            app.reserve_with(&buyer, stalls.tickets[0], code),
            reserve(app, &buyer, &event, code, &seats),
            reserve(app, &buyer, &event, code, &places),
        ] {
            expect_reason(call.await, reason);
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 0);
    assert_eq!(app.seats(&event, "available").await, 6);
    for text in [
        "AB",
        "A%20B",
        "DROP'TABLE",
        &"X".repeat(41),
        "%C3%84BC",
        "ABC%00",
    ] {
        let refused = app.reserve_with(&buyer, stalls.tickets[0], text).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], "code", "{text}");
    }
    // It is nobody's secret how it is written.
    app.reserve_with(&buyer, event.zone("Balcony").tickets[0], "balcony")
        .await
        .expect(201);
}

async fn a_taken_ticket_uses_no_code(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let [one, two] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    let draft = json!({ "code": "ONCE", "percent_off": 50, "max_uses": 1 });
    let code = app.code(&event, &draft).await;
    app.reserve(&one, seats[0]).await.expect(201);
    let lost = app.reserve_with(&two, seats[0], "ONCE").await;
    lost.expect_problem(409, "ticket-taken");
    assert_eq!(uses(app, &event, &code).await, 0);
    app.reserve_with(&two, seats[1], "ONCE").await.expect(201);
}
