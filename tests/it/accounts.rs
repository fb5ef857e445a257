//! What people change of their own accounts, and what they are mailed for it.

use kit::{App, BUYER_PASSWORD, Call, Person, eventually, race, secs, tally};
use serde_json::{Value, json};

kit::stories! {
    a_name_is_changed_by_who_has_seen_the_last_one,
    another_password_ends_every_other_session,
    what_needs_the_current_password_is_refused_without_it,
    an_address_changes_once_it_is_confirmed,
    a_taken_address_is_found_out_at_its_confirmation_only,
    forgetting_a_password_is_answered_alike_with_and_without_an_account,
    a_mailed_token_sets_one_password_and_ends_every_session,
    a_token_that_is_too_old_or_not_the_newest_sets_nothing,
    of_many_who_use_one_token_at_once_one_sets_a_password,
}

const NEW_PASSWORD: &str = "another password of the tests";

async fn a_name_is_changed_by_who_has_seen_the_last_one(app: &App) {
    let buyer = app.buyer().await;
    let me = app.get("/api/me").by(&buyer).await.expect(200);
    assert_eq!(me.header("etag"), Some("\"1\""));
    let rename = |name: &str| app.put("/api/me").by(&buyer).json(&json!({ "name": name }));
    let blind = rename("Ada").await;
    blind.expect_problem(428, "precondition-required");
    let renamed = rename("Ada").if_match(1).await.expect(200);
    assert_eq!(
        (&renamed["name"], &renamed["version"]),
        (&json!("Ada"), &json!(2))
    );
    let late = rename("Grace").if_match(1).await;
    let late = late.expect_problem(412, "version-mismatch");
    assert_eq!(late["version"], 2);
    let answers = race(8, |number| rename(&format!("Ada {number}")).if_match(2)).await;
    let outcomes = tally(&answers);
    assert_eq!((outcomes["200"], outcomes["version-mismatch"]), (1, 7));
    for (body, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "name": "Ada", "role": "admin" }), "role"),
    ] {
        let refused = app.put("/api/me").by(&buyer).json(&body).if_match(3).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{body}");
    }
}

async fn another_password_ends_every_other_session(app: &App) {
    let here = app.buyer().await;
    let there = app.login(&here.email, BUYER_PASSWORD).await;
    change_password(app, &here, BUYER_PASSWORD)
        .await
        .expect(204);
    app.get("/api/me").by(&here).await.expect(200);
    let refused = app.get("/api/me").by(&there).await;
    refused.expect_problem(401, "unauthenticated");
    login(app, &here.email, BUYER_PASSWORD).await.expect(401);
    login(app, &here.email, NEW_PASSWORD).await.expect(200);
    let mails = mails_to(app, &here.email).await;
    assert_eq!(mails.len(), 1);
    assert!(!mails[0].contains(NEW_PASSWORD), "{mails:?}");
}

async fn what_needs_the_current_password_is_refused_without_it(app: &App) {
    let buyer = app.buyer().await;
    for call in [
        change_password(app, &buyer, "not the password"),
        change_email(app, &buyer, "ada@example.org", "not the password"),
    ] {
        let refused = call.await.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], "current_password");
    }
    assert_eq!(app.count("SELECT count(*) FROM mails").await, 0);
    login(app, &buyer.email, BUYER_PASSWORD).await.expect(200);
    // Of two at once the second does not know the password any more.
    let answers = race(4, |_| change_password(app, &buyer, BUYER_PASSWORD)).await;
    let outcomes = tally(&answers);
    assert_eq!((outcomes["204"], outcomes["validation-failed"]), (1, 3));
}

async fn an_address_changes_once_it_is_confirmed(app: &App) {
    let buyer = app.buyer().await;
    let new = "Ada@example.org";
    change_email(app, &buyer, new, BUYER_PASSWORD)
        .await
        .expect(202);
    login(app, new, BUYER_PASSWORD).await.expect(401);
    let notice = mails_to(app, &buyer.email).await;
    assert_eq!(notice.len(), 1);
    assert!(!notice[0].contains(new) && !notice[0].contains("token"));
    let token = token_mailed_to(app, new, 1).await;

    confirm(app, &token).await.expect(204);
    confirm(app, &token)
        .await
        .expect_problem(410, "token-not-valid");
    let me = app.get("/api/me").by(&buyer).await.expect(200);
    assert_eq!((&me["email"], &me["version"]), (&json!(new), &json!(2)));
    login(app, new, BUYER_PASSWORD).await.expect(200);
    login(app, &buyer.email, BUYER_PASSWORD).await.expect(401);
    assert_eq!(mails_to(app, &buyer.email).await.len(), 2);
    // A token for one thing is good for nothing else.
    change_email(app, &buyer, "b@example.org", BUYER_PASSWORD)
        .await
        .expect(202);
    let token = token_mailed_to(app, "b@example.org", 1).await;
    let refused = reset(app, &token).await;
    refused.expect_problem(410, "token-not-valid");
}

async fn a_taken_address_is_found_out_at_its_confirmation_only(app: &App) {
    let [buyer, other] = [app.buyer().await, app.buyer().await];
    change_email(app, &buyer, &other.email.to_uppercase(), BUYER_PASSWORD)
        .await
        .expect(202);
    let token = token_mailed_to(app, &other.email.to_uppercase(), 1).await;
    confirm(app, &token)
        .await
        .expect_problem(409, "email-taken");
    let me = app.get("/api/me").by(&buyer).await.expect(200);
    assert_eq!(me["email"], buyer.email.as_str());
}

async fn forgetting_a_password_is_answered_alike_with_and_without_an_account(app: &App) {
    let buyer = app.buyer().await;
    let [known, unknown] = [
        forgot(app, &buyer.email).await.expect(202),
        forgot(app, "nobody@example.com").await.expect(202),
    ];
    assert_eq!(known.text, unknown.text);
    let names = |answer: &kit::Answer| {
        let names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        names
    };
    assert_eq!(names(&known), names(&unknown));
    token_mailed_to(app, &buyer.email, 1).await;
    assert_eq!(app.count("SELECT count(*) FROM mails").await, 1);
}

async fn a_mailed_token_sets_one_password_and_ends_every_session(app: &App) {
    let buyer = app.buyer().await;
    forgot(app, &buyer.email.to_uppercase()).await.expect(202);
    let token = token_mailed_to(app, &buyer.email, 1).await;
    let short = json!({ "token": token, "new_password": "short" });
    let refused = app.post("/api/auth/password/reset").json(&short).await;
    refused.expect_problem(400, "validation-failed");

    reset(app, &token).await.expect(204);
    reset(app, &token)
        .await
        .expect_problem(410, "token-not-valid");
    let refused = app.get("/api/me").by(&buyer).await;
    refused.expect_problem(401, "unauthenticated");
    login(app, &buyer.email, BUYER_PASSWORD).await.expect(401);
    login(app, &buyer.email, NEW_PASSWORD).await.expect(200);
    assert!(!app.instance().log().contains(&token));
}

async fn a_token_that_is_too_old_or_not_the_newest_sets_nothing(app: &App) {
    let buyer = app.buyer().await;
    forgot(app, &buyer.email).await.expect(202);
    let first = token_mailed_to(app, &buyer.email, 1).await;
    forgot(app, &buyer.email).await.expect(202);
    let second = token_mailed_to(app, &buyer.email, 2).await;
    for token in [first.as_str(), "a guess"] {
        let refused = reset(app, token).await;
        refused.expect_problem(410, "token-not-valid");
    }
    app.execute("UPDATE one_time_tokens SET expires_at = created_at")
        .await;
    let refused = reset(app, &second).await;
    refused.expect_problem(410, "token-not-valid");
    app.get("/api/me").by(&buyer).await.expect(200);
    login(app, &buyer.email, BUYER_PASSWORD).await.expect(200);
}

async fn of_many_who_use_one_token_at_once_one_sets_a_password(app: &App) {
    let buyer = app.buyer().await;
    forgot(app, &buyer.email).await.expect(202);
    let token = token_mailed_to(app, &buyer.email, 1).await;
    let answers = race(8, |_| reset(app, &token)).await;
    let outcomes = tally(&answers);
    assert_eq!((outcomes["204"], outcomes["token-not-valid"]), (1, 7));
    let used = app.count("SELECT count(*) FROM one_time_tokens WHERE used_at IS NOT NULL");
    assert_eq!(used.await, 1);
}

/// The token in the newest of so many mails to an address.
async fn token_mailed_to(app: &App, address: &str, count: usize) -> String {
    let newest = eventually(secs(10), async || {
        let mails = mails_to(app, address).await;
        let newest = mails.last().cloned();
        let wanted = newest.filter(|_| mails.len() == count);
        wanted.ok_or_else(|| format!("{} mails to {address}", mails.len()))
    })
    .await;
    let (_, after) = newest.split_once("#token=").expect("a token is in it");
    after.split_whitespace().next().unwrap().to_owned()
}

async fn mails_to(app: &App, address: &str) -> Vec<String> {
    let query = format!("SELECT body FROM mails WHERE recipient = '{address}' ORDER BY id");
    let rows = app.rows(&query).await;
    let body = |row: &Value| row["body"].as_str().unwrap().to_owned();
    rows.iter().map(body).collect()
}

fn login(app: &App, email: &str, password: &str) -> Call {
    let credentials = json!({ "email": email, "password": password });
    app.post("/api/auth/login").json(&credentials)
}

fn change_password(app: &App, person: &Person, current: &str) -> Call {
    let body = json!({ "current_password": current, "new_password": NEW_PASSWORD });
    app.post("/api/me/password").by(person).json(&body)
}

fn change_email(app: &App, person: &Person, new: &str, password: &str) -> Call {
    let body = json!({ "new_email": new, "current_password": password });
    app.post("/api/me/email").by(person).json(&body)
}

fn confirm(app: &App, token: &str) -> Call {
    let body = json!({ "token": token });
    app.post("/api/auth/email/confirm").json(&body)
}

fn forgot(app: &App, email: &str) -> Call {
    let body = json!({ "email": email });
    app.post("/api/auth/password/forgot").json(&body)
}

fn reset(app: &App, token: &str) -> Call {
    let body = json!({ "token": token, "new_password": NEW_PASSWORD });
    app.post("/api/auth/password/reset").json(&body)
}
