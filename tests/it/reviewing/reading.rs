//! What everybody sees of reviews.

use std::collections::BTreeSet;

use kit::{Answer, App, Event};
use serde_json::{Value, json};

use super::{attend, change, concert, crowd, id_of, list, path, rating, remove, write};

kit::stories! {
    a_rating_is_of_what_everybody_sees,
    a_review_tells_the_name_of_its_author_and_no_more,
    reviews_are_listed_newest_first_whatever_comes_in_meanwhile,
    a_page_of_reviews_is_known_until_it_changes,
    what_is_typed_stays_what_it_is,
}

async fn a_rating_is_of_what_everybody_sees(app: &App) {
    let event = concert(app).await;
    let silent = concert(app).await;
    assert_eq!(rating(app, &event).await, (Value::Null, 0));
    let [ada, bob, cid, admin] = crowd(app).await;
    drop(admin);
    let mut written = Vec::new();
    for (guest, stars) in [(&ada, 5), (&bob, 4), (&cid, 4)] {
        attend(app, &event, guest).await;
        written.push(write(app, guest, &event, stars).await.expect(201));
    }
    assert_eq!(rating(app, &event).await, (json!(4.33), 3));
    change(app, &cid, &written[2], 1).await.expect(200);
    assert_eq!(rating(app, &event).await, (json!(3.33), 3));
    remove(app, &app.admin().await, &written[2], "Rude.").await;
    assert_eq!(rating(app, &event).await, (json!(4.5), 2));
    app.delete(&path(&written[1])).by(&bob).await.expect(204);
    assert_eq!(rating(app, &event).await, (json!(5.0), 1));

    let listed = app.get("/api/events").await.expect(200);
    let listed = listed["items"].as_array().unwrap();
    let rating_of = |event: &Event| {
        let found = listed.iter().find(|item| item["id"] == event.id).unwrap();
        found["rating"].clone()
    };
    assert_eq!(rating_of(&event), json!({ "average": 5.0, "count": 1 }));
    assert_eq!(rating_of(&silent), json!({ "average": null, "count": 0 }));
}

async fn a_review_tells_the_name_of_its_author_and_no_more(app: &App) {
    let event = concert(app).await;
    let guest = app.buyer().await;
    attend(app, &event, &guest).await;
    let written = write(app, &guest, &event, 5).await.expect(201);
    let read = app.get(&path(&written)).await.expect(200);
    let listed = list(app, &event, "").await.expect(200);
    assert_eq!(listed["items"][0], read.body);
    assert_eq!(read["author"], "Buyer");
    for answer in [&written, &read, &listed] {
        assert!(!answer.text.contains(guest.id.as_str().unwrap()));
        assert!(!answer.text.contains(&guest.email));
    }
    // The name is the one that the account has now.
    let rename = format!("UPDATE users SET name = 'Ada' WHERE id = {}", id_of(&guest));
    assert_eq!(app.execute(&rename).await, 1);
    assert_eq!(app.get(&path(&written)).await["author"], "Ada");
    let account = format!("/api/admin/users/{}", guest.id.as_str().unwrap());
    let admin = app.admin().await;
    let act = |action: &str| app.post(&format!("{account}/{action}")).by(&admin);
    let disabled = act("disable").json(&json!({ "reason": "Spam" }));
    disabled.await.expect(200);
    assert_eq!(app.get(&path(&written)).await["author"], Value::Null);
    act("enable").await.expect(200);
    assert_eq!(app.get(&path(&written)).await["author"], "Ada");
    app.delete(&account).by(&admin).await.expect(204);
    let left = list(app, &event, "").await.expect(200);
    assert_eq!(left["items"][0]["author"], Value::Null);
    assert_eq!(rating(app, &event).await, (json!(5.0), 1));
}

async fn reviews_are_listed_newest_first_whatever_comes_in_meanwhile(app: &App) {
    let event = concert(app).await;
    let guests = app.buyers(7).await;
    let mut written = Vec::new();
    for guest in &guests {
        attend(app, &event, guest).await;
    }
    for guest in &guests[..5] {
        written.push(write(app, guest, &event, 3).await.expect(201));
    }
    let first = list(app, &event, "limit=2").await.expect(200);
    // What comes in later, or goes, does not move the pages that follow.
    write(app, &guests[5], &event, 3).await.expect(201);
    app.delete(&path(&written[4]))
        .by(&guests[4])
        .await
        .expect(204);
    let next = |page: &Answer| format!("limit=2&cursor={}", page["next"].as_str().unwrap());
    let second = list(app, &event, &next(&first)).await.expect(200);
    write(app, &guests[6], &event, 3).await.expect(201);
    let third = list(app, &event, &next(&second)).await.expect(200);
    assert_eq!(third["next"], Value::Null);
    let ids = |page: &Answer| {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_i64()).collect::<Vec<_>>()
    };
    let listed = [ids(&first), ids(&second), ids(&third)].concat();
    let expected: Vec<_> = written.iter().rev().map(|it| it["id"].as_i64()).collect();
    let as_set = |ids: &[Option<i64>]| ids.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(listed.len(), 5);
    assert_eq!(as_set(&listed), as_set(&expected));
    let times = |page: &Answer| {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| item["created_at"].to_string())
            .collect::<Vec<_>>()
    };
    assert!(
        [times(&first), times(&second), times(&third)]
            .concat()
            .is_sorted_by(|a, b| a >= b)
    );
}

async fn a_page_of_reviews_is_known_until_it_changes(app: &App) {
    let event = concert(app).await;
    let guest = app.buyer().await;
    attend(app, &event, &guest).await;
    let empty = list(app, &event, "").await.expect(200);
    let known = |page: &Answer| {
        let tag = page.header("etag").unwrap();
        list(app, &event, "").header("if-none-match", tag)
    };
    let unchanged = known(&empty).await.expect(304);
    assert_eq!(unchanged.text, "");
    for answer in [&empty, &unchanged] {
        let cached = answer.header("cache-control").unwrap();
        assert!(cached.starts_with("public"), "{cached}");
        assert_eq!(answer.header("etag"), empty.header("etag"));
    }
    let written = write(app, &guest, &event, 5).await.expect(201);
    let one = known(&empty).await.expect(200);
    assert_eq!(one["items"][0]["id"], written["id"]);
    change(app, &guest, &written, 4).await.expect(200);
    known(&one).await.expect(200);
    // What only its author may see nobody else keeps.
    let single = app.get(&path(&written)).by(&guest).await.expect(200);
    assert_eq!(single.header("cache-control"), Some("no-store"));
}

async fn what_is_typed_stays_what_it_is(app: &App) {
    let event = concert(app).await;
    let guest = app.buyer().await;
    attend(app, &event, &guest).await;
    let body = json!({
        "stars": 5,
        "text": "<script>alert('1')</script> & \"\u{1f600}\" \\ %_ '; DROP TABLE reviews; --\n  ",
        "pictures": ["https://example.com/a.jpg", "HTTP://example.com/b?x=%3Cb%3E"],
    });
    let address = format!("/api/events/{}/reviews", event.id);
    let written = app.post(&address).by(&guest).json(&body).await.expect(201);
    let read = app.get(&path(&written)).await.expect(200);
    for member in ["stars", "text", "pictures"] {
        assert_eq!(read[member], body[member]);
    }
    let longest = json!({ "stars": 1, "text": "\u{1f600}".repeat(5000), "pictures": [] });
    let call = app.put(&path(&written)).by(&guest).if_match(1);
    let changed = call.json(&longest).await.expect(200);
    assert_eq!(changed["text"], longest["text"]);
}
