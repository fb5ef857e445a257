//! Looking for events: by words, place, kind and time, in pages that stay as they are.

use chrono::{TimeDelta, Utc};
use kit::{App, Event};
use serde_json::json;

use crate::catalogue::publish;
use crate::editing::{cancel, edit_of, publish_and_edit, put, read};
use crate::venues::{make, names};

kit::stories! {
    every_word_is_the_beginning_of_a_word_whatever_its_accents,
    what_is_edited_is_found_by_what_it_is_now,
    events_are_found_by_place_kind_and_time,
    what_is_over_is_in_the_past,
    pages_stay_as_they_are_while_events_are_made,
    a_search_that_makes_no_sense_is_refused_with_its_field,
    common_words_are_found_as_rare_ones_are,
}

async fn found(app: &App, query: &str) -> Vec<String> {
    let answer = app.get(&format!("/api/events?{query}")).await.expect(200);
    names(&answer, "title")
}

async fn every_word_is_the_beginning_of_a_word_whatever_its_accents(app: &App) {
    let admin = app.admin().await;
    let venue = make(app, &admin, "Palác Akropolis", "Žižkov").await;
    let jazz = json!({ "category": "Concert", "starts_at": "2099-01-01T20:00:00Z" });
    publish(app, venue, "Émilie's Jazz-Night", &jazz).await;
    let opera = json!({ "category": "Opéra", "starts_at": "2099-01-02T20:00:00Z" });
    publish(app, venue, "100% Straße", &opera).await;
    let (jazz, opera) = ("Émilie's Jazz-Night", "100% Straße");
    for (query, titles) in [
        ("emilie", vec![jazz]),
        ("%C3%89MILIE", vec![jazz]),
        ("jaz%20nigh%20conc", vec![jazz]),
        ("night%20jazz", vec![jazz]),
        ("azz", vec![]),
        ("jazz%20opera", vec![]),
        ("STRASSE", vec![opera]),
        ("100%25", vec![opera]),
        ("op", vec![opera]),
        ("zizkov%20akro", vec![jazz, opera]),
        ("zizkov%20x", vec![]),
        ("%25", vec![jazz, opera]),
        ("_milie", vec![]),
        ("%27%20OR%201%3D1%20--", vec![]),
        ("", vec![jazz, opera]),
    ] {
        assert_eq!(found(app, &format!("q={query}")).await, titles, "{query}");
    }
}

async fn what_is_edited_is_found_by_what_it_is_now(app: &App) {
    let admin = app.admin().await;
    let [here, there] = [
        make(app, &admin, "Town Hall", "Tartu").await,
        make(app, &admin, "Harbour", "Narva").await,
    ];
    let event = publish(app, here, "Tango", &json!({})).await;
    let mut edit = edit_of(&read(app, &event).await);
    edit["title"] = json!("Waltz");
    edit["venue_id"] = json!(there);
    put(app, &event, 2, &edit).await.expect(200);
    for (query, titles) in [
        ("q=tango", vec![]),
        ("q=tartu", vec![]),
        ("q=waltz%20narva", vec!["Waltz"]),
        ("city=narva", vec!["Waltz"]),
        (&*format!("venue_id={here}"), vec![]),
        (&*format!("venue_id={there}"), vec!["Waltz"]),
    ] {
        assert_eq!(found(app, query).await, titles, "{query}");
    }
    let draft = app.draft(&[kit::Zone::standing("Floor", 1, 100)]).await;
    assert_eq!(found(app, "q=tests").await, [""; 0], "a draft is not found");
    cancel(app, &event).await.expect(200);
    assert_eq!(found(app, "q=waltz").await, [""; 0]);
    let by_id = app.get(&format!("/api/events/{}", event.id)).await;
    assert_eq!(by_id.expect(200)["status"], "cancelled");
    cancel(app, &draft).await.expect(200);
    assert_eq!(found(app, "").await, [""; 0]);
}

async fn events_are_found_by_place_kind_and_time(app: &App) {
    let admin = app.admin().await;
    let [north, south] = [
        make(app, &admin, "North", "Tromsø").await,
        make(app, &admin, "South", "Ávila").await,
    ];
    for (venue, title, category, starts_at) in [
        (north, "a", "concert", "2099-01-01T20:00:00Z"),
        (south, "b", "concert", "2099-02-01T20:00:00Z"),
        (north, "c", "Théâtre", "2099-03-01T20:00:00Z"),
    ] {
        let members = json!({ "category": category, "starts_at": starts_at });
        publish(app, venue, title, &members).await;
    }
    for (query, titles) in [
        ("", vec!["a", "b", "c"]),
        ("sort=latest", vec!["c", "b", "a"]),
        ("city=TROMSO", vec!["a", "c"]),
        ("city=trom", vec![]),
        ("city=%21", vec![]),
        ("city=avila&category=concert", vec!["b"]),
        ("category=theatre", vec!["c"]),
        ("category=concert&sort=latest&limit=1", vec!["b"]),
        ("from=2099-02-01T20:00:00Z", vec!["b", "c"]),
        ("to=2099-02-01T20:00:00Z", vec!["a"]),
        (
            "from=2099-01-15T00:00:00%2B02:00&to=2099-02-15T00:00:00Z",
            vec!["b"],
        ),
        ("from=2099-03-01T00:00:00Z&to=2099-01-01T00:00:00Z", vec![]),
        ("when=past", vec![]),
        (&*format!("venue_id={south}&q=con"), vec!["b"]),
    ] {
        assert_eq!(found(app, query).await, titles, "{query}");
    }
}

async fn what_is_over_is_in_the_past(app: &App) {
    let venue = app.venue().await;
    let at = |hours: i64| (Utc::now() + TimeDelta::hours(hours)).to_rfc3339();
    for (title, starts, ends) in [
        ("running", -2, Some(2)),
        ("running for long", -1000, Some(500)),
        ("running for days", -73, Some(1)),
        ("over", -4, Some(-1)),
        ("long over", -48, None),
        ("begun without an end", -1, None),
        ("soon", 1, None),
    ] {
        let members = json!({ "starts_at": at(starts), "ends_at": ends.map(at) });
        publish_and_edit(app, venue, title, &members).await;
    }
    let not_over = ["running for long", "running for days", "running", "soon"];
    assert_eq!(found(app, "").await, not_over);
    let latest = not_over.iter().rev().copied().collect::<Vec<_>>();
    assert_eq!(found(app, "sort=latest").await, latest);
    let first = app.get("/api/events?limit=2").await.expect(200);
    let cursor = first["next"].as_str().unwrap();
    assert_eq!(found(app, &format!("cursor={cursor}")).await, not_over[2..]);
    let over = ["begun without an end", "over", "long over"];
    assert_eq!(found(app, "when=past").await, over);
    let first = ["long over", "over"];
    assert_eq!(found(app, "when=past&sort=soonest&limit=2").await, first);
}

async fn pages_stay_as_they_are_while_events_are_made(app: &App) {
    let venue = app.venue().await;
    let make = async |title: &str, day: usize| -> Event {
        let starts_at = format!("2099-01-{day:02}T20:00:00Z");
        publish(app, venue, title, &json!({ "starts_at": starts_at })).await
    };
    // Three start at the same time, over the end of a page.
    for (title, day) in [
        ("Jam 1", 1),
        ("Jam 2", 2),
        ("Jam 3", 2),
        ("Jam 4", 2),
        ("Jam 5", 3),
    ] {
        make(title, day).await;
    }
    for query in ["limit=2", "q=jam&limit=2", "city=tallinn&limit=2"] {
        let (mut seen, mut cursor, mut round) = (Vec::new(), String::new(), 0);
        loop {
            let path = format!("/api/events?{query}{cursor}");
            let page = app.get(&path).await.expect(200);
            seen.extend(names(&page, "title"));
            let Some(next) = page["next"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
            round += 1;
            // Before what was seen, so that it must not move anything.
            let early = make("Jam early", 1).await;
            cancel(app, &early).await.expect(200);
            make("Other", 1).await;
        }
        let jams: Vec<_> = seen
            .iter()
            .filter(|title| title.starts_with("Jam"))
            .collect();
        assert_eq!(
            jams,
            ["Jam 1", "Jam 2", "Jam 3", "Jam 4", "Jam 5"],
            "{query}"
        );
        assert!(round >= 2, "{query}");
        app.execute(
            "UPDATE events SET status = 'cancelled' WHERE title = 'Other'; \
             UPDATE event_search SET status = 'cancelled' WHERE own_text = ' other'",
        )
        .await;
    }
}

async fn a_search_that_makes_no_sense_is_refused_with_its_field(app: &App) {
    for (query, field) in [
        ("q=".to_owned() + &"x".repeat(101), "q"),
        ("when=sometimes".into(), "when"),
        ("sort=cheapest".into(), "sort"),
        ("from=tomorrow".into(), "from"),
        ("to=%2B12099-01-01T00:00:00Z".into(), "to"),
        ("venue_id=x".into(), "venue_id"),
        ("limit=0".into(), "limit"),
        ("limit=201".into(), "limit"),
        ("cursor=x".into(), "cursor"),
    ] {
        let refused = app.get(&format!("/api/events?{query}")).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{query}");
    }
}

/// More events than are looked at one by one have the words, so that both ways are gone.
async fn common_words_are_found_as_rare_ones_are(app: &App) {
    let venue = app.venue().await;
    let event = publish(app, venue, "Common Pearl", &json!({})).await;
    // Copies of it, past the API.
    let copies = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4100) ";
    let id = event.id;
    app.execute(&format!(
        "{copies} INSERT INTO events (id, venue_id, title, description, currency, status, \
                                     starts_at, created_at, published_at, version) \
         SELECT {id} + i, venue_id, 'Common', '', 'EUR', status, starts_at, created_at, \
                published_at, 1 FROM n JOIN events ON events.id = {id}; \
         {copies} INSERT INTO event_search (event_id, status, starts_at, over_at, lasts_long, created_at, \
                                           venue_id, city, category, own_text, text) \
         SELECT {id} + i, status, starts_at, over_at, lasts_long, created_at, venue_id, city, '', ' common', \
                REPLACE(text, ' pearl', '') FROM n JOIN event_search ON event_id = {id}; \
         {copies} INSERT INTO event_words (word, event_id) \
         SELECT word, {id} + i FROM n JOIN event_words ON event_id = {id} WHERE word <> 'pearl'"
    ))
    .await;
    assert_eq!(found(app, "q=pearl").await, ["Common Pearl"]);
    assert_eq!(found(app, "q=common%20pearl").await, ["Common Pearl"]);
    assert_eq!(found(app, "q=common%20tallinn&limit=3").await.len(), 3);
    assert_eq!(
        found(app, "q=common&sort=latest&limit=200").await.len(),
        200
    );
    // Both common, and never together with the third.
    assert_eq!(found(app, "q=common%20hall%20nothing").await, [""; 0]);
}
