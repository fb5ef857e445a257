//! Events: edited by one at a time, deleted as drafts only, and published when there is something to
//! sell.

use chrono::{DateTime, Utc};
use kit::{Answer, App, Event, Zone, eventually_eq, race, secs, tally};
use serde_json::{Value, json};

use crate::catalogue::publish;

kit::stories! {
    of_admins_who_edit_at_once_one_wins,
    an_edit_leaves_what_was_sold_as_it_was,
    a_cancelled_event_and_a_published_currency_are_past_editing,
    what_cannot_be_is_refused_with_its_field,
    only_drafts_are_deleted_and_with_all_that_is_theirs,
    an_event_without_anything_to_sell_is_not_published,
    an_event_says_how_long_its_holds_last,
    admins_read_what_nobody_else_sees,
    an_event_is_told_again_only_when_it_has_changed,
}

async fn of_admins_who_edit_at_once_one_wins(app: &App) {
    let admin = app.admin().await;
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let path = format!("/api/events/{}", event.id);
    let read = read(app, &event).await;
    assert_eq!(read.header("etag"), Some("\"2\""));
    let mut edit = edit_of(&read);
    let put = |edit: &Value| app.put(&path).by(&admin).json(edit);
    put(&edit)
        .await
        .expect_problem(428, "precondition-required");
    let answers = race(8, |number| {
        let mut edit = edit.clone();
        edit["title"] = json!(format!("Edit {number}"));
        put(&edit).if_match(2)
    })
    .await;
    let expected = [("200".to_owned(), 1), ("version-mismatch".to_owned(), 7)];
    assert_eq!(tally(&answers), expected.into());
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
    assert_eq!(winner.header("etag"), Some("\"3\""));
    let public = app.get(&path).await.expect(200);
    assert_eq!(public["title"], winner["title"]);

    // The tag of the public answer will do.
    edit["gallery"] = json!(["https://example.com/1.jpg", "https://example.com/2.jpg"]);
    edit["doors_at"] = json!("2099-06-01T18:00:00Z");
    let tag = public.header("etag").unwrap();
    let edited = put(&edit).header("if-match", tag).await.expect(200);
    assert_eq!(edited["gallery"], edit["gallery"]);
    put(&edit)
        .header("if-match", tag)
        .await
        .expect_problem(412, "version-mismatch");
    let buyer = app.buyer().await;
    let other = app.put(&path).by(&buyer).json(&edit).if_match(4);
    other.await.expect_problem(403, "forbidden");
}

async fn an_edit_leaves_what_was_sold_as_it_was(app: &App) {
    let zones = [Zone::seated("Stalls", 1, 4, 4500)];
    let event = app.on_limited_sale(&zones, 3).await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    let hold = app.reserve_tickets(&buyer, &event, &seats[..3]).await;
    let hold = hold.expect(201);
    let mut edit = edit_of(&read(app, &event).await);
    assert_eq!(edit["limit_per_customer"], 3);
    edit["limit_per_customer"] = json!(2);
    edit["title"] = json!("Another night");
    put(app, &event, 2, &edit).await.expect(200);

    let paid = app.confirm(&buyer, &hold.id(), "tok_success").await;
    let paid = paid.expect(200);
    assert_eq!((&paid["total"], paid.tickets().len()), (&hold["total"], 3));
    let refused = app.reserve(&buyer, seats[3]).await;
    let refused = refused.expect_problem(409, "limit-exceeded");
    assert_eq!([&refused["limit"], &refused["already"]], [2, 3]);
}

async fn a_cancelled_event_and_a_published_currency_are_past_editing(app: &App) {
    let admin = app.admin().await;
    let draft = app.draft(&[Zone::standing("Floor", 2, 4500)]).await;
    let mut edit = edit_of(&read(app, &draft).await);
    edit["currency"] = json!("SEK");
    let edited = put(app, &draft, 1, &edit).await.expect(200);
    assert_eq!(edited["zones"][0]["price"]["currency"], "SEK");
    let publish = format!("/api/events/{}/publish", draft.id);
    app.post(&publish).by(&admin).await.expect(200);

    edit["currency"] = json!("EUR");
    let refused = put(app, &draft, 3, &edit).await;
    refused.expect_problem(409, "invalid-transition");
    edit.as_object_mut().unwrap().remove("currency");
    let kept = put(app, &draft, 3, &edit).await.expect(200);
    assert_eq!(kept["currency"], "SEK");

    cancel(app, &draft).await.expect(200);
    let refused = put(app, &draft, 5, &edit).await;
    let refused = refused.expect_problem(409, "invalid-transition");
    assert_eq!(refused["current_status"], "cancelled");
}

async fn what_cannot_be_is_refused_with_its_field(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 2, 4500)]).await;
    let edit = edit_of(&read(app, &event).await);
    let many = vec!["https://example.com/x.jpg"; 11];
    for (member, value, field) in [
        ("venue_id", json!(999_999), "venue_id"),
        ("title", json!(""), "title"),
        ("picture", json!("/local.jpg"), "picture"),
        (
            "gallery",
            json!(["https://example.com", "ftp://x"]),
            "gallery[1]",
        ),
        ("gallery", json!(many), "gallery"),
        ("hold_secs", json!(29), "hold_secs"),
        ("hold_secs", json!(3601), "hold_secs"),
        ("limit_per_customer", json!(0), "limit_per_customer"),
        ("limit_per_customer", json!(-1), "limit_per_customer"),
        ("doors_at", json!("2099-06-01T19:00:01Z"), "doors_at"),
        ("ends_at", json!("2099-06-01T18:00:00Z"), "ends_at"),
        ("sales_close_at", json!("never"), "sales_close_at"),
        ("currency", json!("euro"), "currency"),
        ("status", json!("published"), "status"),
        ("zones", json!([]), "zones"),
    ] {
        let mut edit = edit.clone();
        edit[member] = value;
        let refused = put(app, &event, 2, &edit).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{refused:?}");
    }
    put(app, &event, 2, &edit).await.expect(200);
}

async fn only_drafts_are_deleted_and_with_all_that_is_theirs(app: &App) {
    let admin = app.admin().await;
    let zones = [
        Zone::seated("Stalls", 2, 3, 4500),
        Zone::standing("Floor", 5, 900),
    ];
    let [draft, kept] = [app.draft(&zones).await, app.on_sale(&zones).await];
    let delete = |event: &Event| app.delete(&format!("/api/events/{}", event.id)).by(&admin);
    let stale = delete(&draft).if_match(7).await;
    stale.expect_problem(412, "version-mismatch");
    delete(&draft).if_match(1).await.expect(204);
    delete(&draft).await.expect_problem(404, "not-found");
    let refused = delete(&kept)
        .await
        .expect_problem(409, "invalid-transition");
    assert_eq!(refused["current_status"], "published");
    cancel(app, &kept).await.expect(200);
    delete(&kept)
        .await
        .expect_problem(409, "invalid-transition");
    for (table, left) in [
        ("events", 1),
        ("zones", 2),
        ("tickets", 11),
        ("event_search", 1),
    ] {
        let count = app.count(&format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(count, left, "{table}");
    }
}

async fn an_event_without_anything_to_sell_is_not_published(app: &App) {
    let admin = app.admin().await;
    let draft = app.draft(&[Zone::standing("Floor", 2, 4500)]).await;
    let publish = format!("/api/events/{}/publish", draft.id);
    let publish = || app.post(&publish).by(&admin);
    let mut edit = edit_of(&read(app, &draft).await);
    edit["sales_close_at"] = json!("2020-01-01T00:00:00Z");
    put(app, &draft, 1, &edit).await.expect(200);
    let refused = publish().await.expect_problem(409, "invalid-transition");
    assert_eq!(refused["current_status"], "draft");

    edit["sales_close_at"] = json!(null);
    put(app, &draft, 2, &edit).await.expect(200);
    app.execute("DELETE FROM tickets; DELETE FROM zones").await;
    publish().await.expect_problem(409, "invalid-transition");
}

async fn an_event_says_how_long_its_holds_last(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 4, 4500)]).await;
    let buyer = app.buyer().await;
    let mut edit = edit_of(&read(app, &event).await);
    edit["hold_secs"] = json!(3600);
    put(app, &event, 2, &edit).await.expect(200);
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    assert_eq!(lasts_secs(&hold), 3600);
    // Never less than its full time, whatever the settings say at the most.
    let extended = app.extend(&buyer, &hold.id()).await.expect(200);
    assert!(lasts_secs(&extended) >= 3600, "{extended:?}");

    edit["hold_secs"] = json!(30);
    put(app, &event, 3, &edit).await.expect(200);
    let short = app.reserve(&buyer, event.tickets()[1]).await.expect(201);
    assert_eq!(lasts_secs(&short), 30);
    let extended = app.extend(&buyer, &short.id()).await.expect(200);
    assert!((30..60).contains(&lasts_secs(&extended)), "{extended:?}");
    let kept = app.get_reservation(&buyer, &hold.id()).await.expect(200);
    assert!(lasts_secs(&kept) >= 3600, "a hold keeps its time");

    edit["hold_secs"] = json!(null);
    put(app, &event, 4, &edit).await.expect(200);
    let usual = app.reserve(&buyer, event.tickets()[2]).await.expect(201);
    assert!(lasts_secs(&usual) > 60, "{usual:?}");
}

async fn admins_read_what_nobody_else_sees(app: &App) {
    let admin = app.admin().await;
    let zones = [Zone::standing("Floor", 2, 4500)];
    let [draft, published, off] = [
        app.draft(&zones).await,
        app.on_sale(&zones).await,
        app.on_sale(&zones).await,
    ];
    cancel(app, &off).await.expect(200);
    let read = read(app, &draft).await;
    assert_eq!(read["status"], "draft");
    assert_eq!(read["zones"][0]["available"], 2);
    let listed = async |query: &str| {
        let path = format!("/api/admin/events{query}");
        let answer = app.get(&path).by(&admin).await.expect(200);
        let items = answer["items"].as_array().unwrap().clone();
        let ids = items.iter().map(|item| item["id"].as_i64().unwrap());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, [off.id, published.id, draft.id]);
    assert_eq!(listed("?status=draft").await, [draft.id]);
    assert_eq!(listed("?status=cancelled").await, [off.id]);
    assert_eq!(listed("?q=last%20tests&limit=1").await, [off.id]);
    let there = format!("?q=tallinn&venue_id={}", published.venue_id);
    assert_eq!(listed(&there).await, [published.id]);

    // A draft that is cancelled was never anybody else's business.
    cancel(app, &draft).await.expect(200);
    let public = format!("/api/events/{}", draft.id);
    for path in [
        public.clone(),
        format!("{public}/availability"),
        format!("{public}/seats"),
    ] {
        app.get(&path).await.expect_problem(404, "not-found");
    }
    app.get(&format!("/api/events/{}", off.id))
        .await
        .expect(200);
    let buyer = app.buyer().await;
    for path in [
        "/api/admin/events",
        &format!("/api/admin/events/{}", draft.id),
    ] {
        app.get(path).await.expect_problem(401, "unauthenticated");
        let refused = app.get(path).by(&buyer).await;
        refused.expect_problem(403, "forbidden");
    }
    let unknown = app.get("/api/admin/events/999999").by(&admin).await;
    unknown.expect_problem(404, "not-found");
}

async fn an_event_is_told_again_only_when_it_has_changed(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 2, 4500)]).await;
    let buyer = app.buyer().await;
    let page = format!("/api/events/{}", event.id);
    let paths = [
        page.clone(),
        format!("{page}/availability"),
        "/api/events".into(),
    ];
    let tags = async || {
        let mut tags = Vec::new();
        for path in &paths {
            let answer = app.get(path).await.expect(200);
            let cache = answer.header("cache-control").unwrap();
            assert!(cache.starts_with("public, max-age="), "{cache}");
            tags.push(answer.header("etag").unwrap().to_owned());
        }
        tags
    };
    let first = tags().await;
    assert!(first[0].starts_with("\"2."), "{first:?}");
    for (path, tag) in paths.iter().zip(&first) {
        let same = app.get(path).header("if-none-match", tag).await;
        assert_eq!(same.expect(304).text, "");
    }
    app.reserve_places(&buyer, &event, event.zones[0].id, 1)
        .await
        .expect(201);
    let second = tags().await;
    // The list tells nothing of seats.
    assert!(first[0] != second[0] && first[1] != second[1] && first[2] == second[2]);

    let mut edit = edit_of(&read(app, &event).await);
    edit["description"] = json!("Another");
    put(app, &event, 2, &edit).await.expect(200);
    let third = tags().await;
    assert!(third[0].starts_with("\"3.") && second[1] == third[1] && second[2] != third[2]);
    cancel(app, &event).await.expect(200);
    eventually_eq(secs(10), 2, async || app.seats(&event, "available").await).await;
}

/// The event as admins read it.
pub async fn read(app: &App, event: &Event) -> Answer {
    let admin = app.admin().await;
    let path = format!("/api/admin/events/{}", event.id);
    app.get(&path).by(&admin).await.expect(200)
}

/// What to send so that nothing changes.
pub fn edit_of(event: &Answer) -> Value {
    let mut edit = json!({ "venue_id": event["venue"]["id"] });
    for member in [
        "title",
        "description",
        "category",
        "picture",
        "gallery",
        "starts_at",
        "ends_at",
        "doors_at",
        "sales_open_at",
        "sales_close_at",
        "limit_per_customer",
        "hold_secs",
    ] {
        edit[member] = event[member].clone();
    }
    edit
}

pub async fn put(app: &App, event: &Event, version: i64, edit: &Value) -> Answer {
    let admin = app.admin().await;
    let path = format!("/api/events/{}", event.id);
    app.put(&path).by(&admin).json(edit).if_match(version).await
}

pub async fn cancel(app: &App, event: &Event) -> Answer {
    let admin = app.admin().await;
    let path = format!("/api/events/{}/cancel", event.id);
    app.post(&path).by(&admin).json(&json!({})).await
}

fn lasts_secs(hold: &Answer) -> i64 {
    let time = |member| -> DateTime<Utc> { hold[member].as_str().unwrap().parse().unwrap() };
    (time("expires_at") - time("created_at")).num_seconds()
}

/// An event that was published and whose members are changed since.
pub async fn publish_and_edit(app: &App, venue: i64, title: &str, members: &Value) -> Event {
    let event = publish(app, venue, title, &json!({})).await;
    let mut edit = edit_of(&read(app, &event).await);
    let members = members.as_object().unwrap().clone();
    edit.as_object_mut().unwrap().extend(members);
    put(app, &event, 2, &edit).await.expect(200);
    event
}
