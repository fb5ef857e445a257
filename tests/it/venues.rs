//! Venues: edited by one at a time, kept while anything takes place there, and found by name.

use kit::{Answer, App, Person, race, tally};
use serde_json::{Value, json};

use crate::catalogue::publish;

kit::stories! {
    a_venue_is_edited_by_whoever_has_seen_its_last_version,
    a_venue_with_events_stays,
    a_venue_is_found_by_name_and_city,
    a_venue_is_told_again_only_when_it_has_changed,
    a_renamed_venue_renames_what_its_events_are_found_by,
}

async fn a_venue_is_edited_by_whoever_has_seen_its_last_version(app: &App) {
    let admin = app.admin().await;
    let path = format!("/api/venues/{}", app.venue().await);
    let edit = venue("Grand Hall", "Tartu");
    let put = |edit: &Value| app.put(&path).by(&admin).json(edit);
    put(&edit)
        .await
        .expect_problem(428, "precondition-required");
    let edited = put(&edit).if_match(1).await.expect(200);
    assert_eq!(edited.header("etag"), Some("\"2\""));
    assert_eq!(edited["picture"], "https://example.com/seats.svg");
    assert_eq!(app.get(&path).await.expect(200).body, edited.body);

    let stale = put(&edit).if_match(1).await;
    let stale = stale.expect_problem(412, "version-mismatch");
    assert_eq!(stale["version"], 2);
    let answers = race(8, |number| {
        put(&venue(&format!("Hall {number}"), "Tartu")).if_match(2)
    })
    .await;
    let expected = [("200".to_owned(), 1), ("version-mismatch".to_owned(), 7)];
    assert_eq!(tally(&answers), expected.into());
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
    assert_eq!(app.get(&path).await.expect(200).body, winner.body);

    let mut bad = edit.clone();
    bad["picture"] = json!("javascript:alert(1)");
    let refused = put(&bad).if_match(3).await;
    let refused = refused.expect_problem(400, "validation-failed");
    assert_eq!(refused["errors"][0]["field"], "picture");
    let buyer = app.buyer().await;
    for call in [app.put(&path).json(&edit).if_match(3), app.delete(&path)] {
        call.by(&buyer).await.expect_problem(403, "forbidden");
    }
    let nowhere = app.put("/api/venues/999999").by(&admin).json(&edit);
    nowhere.if_match(1).await.expect_problem(404, "not-found");
}

async fn a_venue_with_events_stays(app: &App) {
    let admin = app.admin().await;
    let draft = app.draft(&[kit::Zone::standing("Floor", 1, 100)]).await;
    let path = format!("/api/venues/{}", draft.venue_id);
    let delete = || app.delete(&path).by(&admin);
    delete().await.expect_problem(409, "venue-in-use");
    app.delete(&format!("/api/events/{}", draft.id))
        .by(&admin)
        .await
        .expect(204);
    delete()
        .if_match(7)
        .await
        .expect_problem(412, "version-mismatch");
    delete().if_match(1).await.expect(204);
    app.get(&path).await.expect_problem(404, "not-found");
    delete().await.expect_problem(404, "not-found");
}

async fn a_venue_is_found_by_name_and_city(app: &App) {
    let admin = app.admin().await;
    for (name, city) in [
        ("Café Noir", "Malmö"),
        ("Nøkken", "Malmö"),
        ("Cafe Central", "Wien"),
    ] {
        make(app, &admin, name, city).await;
    }
    for (query, found) in [
        ("q=CAFE", vec!["Café Noir", "Cafe Central"]),
        ("q=malm%20noi", vec!["Café Noir"]),
        ("q=afe", vec![]),
        ("city=malmo", vec!["Café Noir", "Nøkken"]),
        ("city=malm", vec![]),
        ("q=nok&city=MALM%C3%96", vec!["Nøkken"]),
    ] {
        let answer = app.get(&format!("/api/venues?{query}")).await.expect(200);
        assert_eq!(names(&answer, "name"), found, "{query}");
    }
    let first = app.get("/api/venues?city=malmo&limit=1").await.expect(200);
    let cursor = first["next"].as_str().unwrap();
    let next = format!("/api/venues?city=malmo&limit=1&cursor={cursor}");
    let second = app.get(&next).await.expect(200);
    assert_eq!(names(&second, "name"), ["Nøkken"]);
    assert_eq!(second["next"], json!(null));
}

async fn a_venue_is_told_again_only_when_it_has_changed(app: &App) {
    let admin = app.admin().await;
    let path = format!("/api/venues/{}", app.venue().await);
    let read = app.get(&path).await.expect(200);
    assert_eq!(read.header("etag"), Some("\"1\""));
    let cache = read.header("cache-control").unwrap();
    assert!(cache.starts_with("public, max-age="), "{cache}");
    let list = app.get("/api/venues").await.expect(200);
    let list_tag = list.header("etag").unwrap().to_owned();
    let again = async |path: &str, tag: &str| app.get(path).header("if-none-match", tag).await;
    assert_eq!(again(&path, "\"1\"").await.expect(304).text, "");
    again("/api/venues", &list_tag).await.expect(304);

    let edit = app.put(&path).by(&admin).json(&venue("Hall", "Tartu"));
    edit.if_match(1).await.expect(200);
    again(&path, "\"1\"").await.expect(200);
    again("/api/venues", &list_tag).await.expect(200);
}

async fn a_renamed_venue_renames_what_its_events_are_found_by(app: &App) {
    let admin = app.admin().await;
    let id = make(app, &admin, "Jazz Cellar", "Kraków").await;
    publish(app, id, "Jazz for two", &json!({})).await;
    publish(app, id, "Readings", &json!({})).await;
    let found = async |query: &str| {
        let answer = app.get(&format!("/api/events?{query}")).await.expect(200);
        let mut titles = names(&answer, "title");
        titles.sort();
        titles
    };
    assert_eq!(found("q=jazz%20krak").await, ["Jazz for two", "Readings"]);
    let path = format!("/api/venues/{id}");
    let edit = app
        .put(&path)
        .by(&admin)
        .json(&venue("Book Cellar", "Lviv"));
    edit.if_match(1).await.expect(200);
    // It is a word of the one's own title.
    assert_eq!(found("q=jazz").await, ["Jazz for two"]);
    assert_eq!(found("q=krakow").await, [""; 0]);
    assert_eq!(found("q=book%20cellar").await, ["Jazz for two", "Readings"]);
    assert_eq!(found("city=LVIV").await, ["Jazz for two", "Readings"]);
}

fn venue(name: &str, city: &str) -> Value {
    json!({
        "name": name, "city": city, "country": "EE", "time_zone": "Europe/Tallinn",
        "picture": "https://example.com/seats.svg",
    })
}

/// The id of a new venue.
pub async fn make(app: &App, admin: &Person, name: &str, city: &str) -> i64 {
    let made = app.post("/api/venues").by(admin).json(&venue(name, city));
    made.await.expect(201)["id"].as_i64().unwrap()
}

/// This member of each item.
pub fn names(list: &Answer, member: &str) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    let names = items.filter_map(|item| item[member].as_str());
    names.map(str::to_owned).collect()
}
