//! Staying signed in, and what ends it.

use kit::{App, BUYER_PASSWORD, Call, Person, eventually_eq, race, secs, signed_in, tally};
use serde_json::{Value, json};

kit::stories! {
    a_refresh_token_is_good_for_one_exchange_and_a_second_one_ends_the_session,
    of_fifty_exchanges_at_once_one_wins_and_the_session_ends,
    logging_out_ends_this_session_and_no_other,
    logging_out_everywhere_ends_every_session,
    sessions_are_listed_in_pages_and_ended_one_by_one,
    a_session_that_was_not_used_in_time_is_over,
    what_has_ended_stays_so_after_a_restart,
    refresh_tokens_are_neither_in_the_database_nor_in_the_log,
    what_is_over_for_long_is_swept,
}

kit::stories! { on [SqliteEmbedded];
    of_many_sessions_the_one_used_longest_ago_makes_room,
}

async fn a_refresh_token_is_good_for_one_exchange_and_a_second_one_ends_the_session(app: &App) {
    let first = app.buyer().await;
    let answer = refresh(app, first.refresh_token()).await.expect(200);
    let second = signed_in(&answer.body);
    assert_ne!(first.refresh_token(), second.refresh_token());
    assert_eq!(answer["user"]["id"], first.id);
    for person in [&first, &second] {
        me(app, person).await.expect(200);
    }
    let third = refresh(app, second.refresh_token()).await.expect(200);
    let third = signed_in(&third.body);

    let again = refresh(app, first.refresh_token()).await;
    again.expect_problem(401, "unauthenticated");
    for person in [&first, &second, &third] {
        me(app, person).await.expect_problem(401, "unauthenticated");
        let refused = refresh(app, person.refresh_token()).await;
        refused.expect_problem(401, "unauthenticated");
    }
    let guess = refresh(app, "a guess").await;
    guess.expect_problem(401, "unauthenticated");
    // Another session of the same person is not concerned.
    let other = app.login(&first.email, BUYER_PASSWORD).await;
    me(app, &other).await.expect(200);
}

async fn of_fifty_exchanges_at_once_one_wins_and_the_session_ends(app: &App) {
    let buyer = app.buyer().await;
    let answers = race(50, |_| refresh(app, buyer.refresh_token())).await;
    let outcomes = tally(&answers);
    assert_eq!((outcomes["200"], outcomes["unauthenticated"]), (1, 49));
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
    let winner = signed_in(&winner.body);
    me(app, &winner)
        .await
        .expect_problem(401, "unauthenticated");
    let refused = refresh(app, winner.refresh_token()).await;
    refused.expect_problem(401, "unauthenticated");
    let live = app.count("SELECT count(*) FROM refresh_tokens").await;
    assert_eq!(live, 0);
}

async fn logging_out_ends_this_session_and_no_other(app: &App) {
    let here = app.buyer().await;
    let there = app.login(&here.email, BUYER_PASSWORD).await;
    app.post("/api/auth/logout").by(&here).await.expect(204);
    me(app, &here).await.expect_problem(401, "unauthenticated");
    let refused = refresh(app, here.refresh_token()).await;
    refused.expect_problem(401, "unauthenticated");
    me(app, &there).await.expect(200);
    refresh(app, there.refresh_token()).await.expect(200);
    let nobody = app.post("/api/auth/logout").await;
    nobody.expect_problem(401, "unauthenticated");
}

async fn logging_out_everywhere_ends_every_session(app: &App) {
    let here = app.buyer().await;
    let there = app.login(&here.email, BUYER_PASSWORD).await;
    let somebody = app.buyer().await;
    let call = app.post("/api/auth/logout-everywhere").by(&here);
    call.await.expect(204);
    for person in [&here, &there] {
        me(app, person).await.expect_problem(401, "unauthenticated");
        let refused = refresh(app, person.refresh_token()).await;
        refused.expect_problem(401, "unauthenticated");
    }
    me(app, &somebody).await.expect(200);
    let again = app.login(&here.email, BUYER_PASSWORD).await;
    me(app, &again).await.expect(200);
}

async fn sessions_are_listed_in_pages_and_ended_one_by_one(app: &App) {
    let buyer = app.buyer().await;
    let credentials = json!({ "email": buyer.email, "password": BUYER_PASSWORD });
    for agent in ["a phone", "a tablet"] {
        let login = app.post("/api/auth/login").header("user-agent", agent);
        login.json(&credentials).await.expect(200);
    }
    let page = async |query: &str| {
        let path = format!("/api/me/sessions?limit=2{query}");
        app.get(&path).by(&buyer).await.expect(200)
    };
    let first = page("").await;
    let cursor = first["next"].as_str().unwrap().to_owned();
    let second = page(&format!("&cursor={cursor}")).await;
    assert_eq!(second["next"], Value::Null);
    let listed: Vec<Value> = [&first, &second]
        .into_iter()
        .flat_map(|page| page["items"].as_array().unwrap().clone())
        .collect();
    let current: Vec<_> = listed.iter().filter(|it| it["current"] == true).collect();
    assert_eq!((listed.len(), current.len()), (3, 1), "{listed:?}");
    let phone = listed.iter().find(|it| it["user_agent"] == "a phone");
    let phone = format!("/api/me/sessions/{}", text(&phone.unwrap()["id"]));

    let stranger = app.buyer().await;
    let refused = app.delete(&phone).by(&stranger).await;
    refused.expect_problem(404, "not-found");
    app.delete(&phone).by(&buyer).await.expect(204);
    let again = app.delete(&phone).by(&buyer).await;
    again.expect_problem(404, "not-found");
    let left = app.get("/api/me/sessions").by(&buyer).await.expect(200);
    assert_eq!(left["items"].as_array().map(Vec::len), Some(2));
    for (path, field) in [
        ("/api/me/sessions?limit=0", "limit"),
        ("/api/me/sessions?limit=201", "limit"),
        ("/api/me/sessions?cursor=x", "cursor"),
    ] {
        let refused = app.get(path).by(&buyer).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field);
    }
}

async fn a_session_that_was_not_used_in_time_is_over(app: &App) {
    let buyer = app.buyer().await;
    app.execute("UPDATE sessions SET expires_at = created_at")
        .await;
    let refused = refresh(app, buyer.refresh_token()).await;
    refused.expect_problem(401, "unauthenticated");
    let other = app.login(&buyer.email, BUYER_PASSWORD).await;
    let listed = app.get("/api/me/sessions").by(&other).await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
}

async fn what_has_ended_stays_so_after_a_restart(app: &App) {
    let buyer = app.buyer().await;
    let other = app.buyer().await;
    app.post("/api/auth/logout").by(&buyer).await.expect(204);
    app.instance().restart().await;
    let refused = me(app, &buyer).await;
    refused.expect_problem(401, "unauthenticated");
    me(app, &other).await.expect(200);
    refresh(app, other.refresh_token()).await.expect(200);
}

async fn refresh_tokens_are_neither_in_the_database_nor_in_the_log(app: &App) {
    let buyer = app.buyer().await;
    let renewed = refresh(app, buyer.refresh_token()).await.expect(200);
    refresh(app, buyer.refresh_token()).await.expect(401);
    let renewed = signed_in(&renewed.body);
    // What came twice is in the log, but not by its name.
    let said = async || app.instance().log().contains("came twice");
    eventually_eq(secs(5), true, said).await;
    let log = app.instance().log();
    for secret in [
        buyer.refresh_token(),
        renewed.refresh_token(),
        buyer.token(),
        BUYER_PASSWORD,
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(buyer.refresh_token().len() >= 43);
}

async fn what_is_over_for_long_is_swept(app: &App) {
    let [gone, stays] = [app.buyer().await, app.buyer().await];
    app.post("/api/auth/logout").by(&gone).await.expect(204);
    let renewed = refresh(app, stays.refresh_token()).await.expect(200);
    let old = "'2020-01-01T00:00:00.000+00:00'";
    app.execute(&format!(
        "UPDATE sessions SET ended_at = {old} WHERE ended_at IS NOT NULL; \
         UPDATE refresh_tokens SET used_at = {old} WHERE used_at IS NOT NULL; \
         UPDATE access_changes SET at = {old}; \
         INSERT INTO one_time_tokens (hash, user_id, purpose, created_at, expires_at) \
             SELECT 'x', user_id, 'password', created_at, {old} FROM sessions WHERE ended_at IS NULL"
    ))
    .await;
    // Every instance sweeps when it starts, and again and again.
    app.instance().restart().await;
    for (table, left) in [
        ("sessions", 1),
        ("refresh_tokens", 1),
        ("one_time_tokens", 0),
        ("access_changes", 0),
    ] {
        let query = format!("SELECT count(*) FROM {table}");
        eventually_eq(secs(20), left, async || app.count(&query).await).await;
    }
    let renewed = signed_in(&renewed.body);
    refresh(app, renewed.refresh_token()).await.expect(200);
}

async fn of_many_sessions_the_one_used_longest_ago_makes_room(app: &App) {
    let first = app.buyer().await;
    let second = app.login(&first.email, BUYER_PASSWORD).await;
    let answer = refresh(app, first.refresh_token()).await.expect(200);
    let first = signed_in(&answer.body);
    for _ in 0..99 {
        app.login(&first.email, BUYER_PASSWORD).await;
    }
    me(app, &second)
        .await
        .expect_problem(401, "unauthenticated");
    me(app, &first).await.expect(200);
    let live = app.count("SELECT count(*) FROM sessions WHERE ended_at IS NULL");
    assert_eq!(live.await, 100);
}

fn refresh(app: &App, token: &str) -> Call {
    let body = json!({ "refresh_token": token });
    app.post("/api/auth/refresh").json(&body)
}

fn me(app: &App, person: &Person) -> Call {
    app.get("/api/me").by(person)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
