//! Who may do something to accounts, and that somebody always can.

use kit::{ADMIN_EMAIL, ADMIN_PASSWORD, App, BUYER_PASSWORD, eventually, race, secs, tally};
use serde_json::{Value, json};

use crate::people::{change_role, disable, path};

kit::stories! {
    the_last_active_admin_stays,
    of_admins_who_demote_each_other_at_once_one_stays,
    what_admins_do_is_written_down_and_done_to_what_they_have_seen,
    only_admins_see_people_and_bad_requests_name_the_field,
}

async fn the_last_active_admin_stays(app: &App) {
    let admin = app.admin().await;
    let other = app.buyer().await;
    let attempts = || {
        [
            change_role(app, &admin, &admin, "customer").header("if-match", "*"),
            disable(app, &admin, &admin),
            app.delete(&path(&admin)).by(&admin),
        ]
    };
    for attempt in attempts() {
        attempt.await.expect_problem(409, "last-admin");
    }
    // A disabled admin is none who could take over.
    change_role(app, &admin, &other, "admin")
        .if_match(1)
        .await
        .expect(200);
    disable(app, &admin, &other).await.expect(200);
    for attempt in attempts() {
        attempt.await.expect_problem(409, "last-admin");
    }
    app.get("/api/admin/users").by(&admin).await.expect(200);
}

async fn of_admins_who_demote_each_other_at_once_one_stays(app: &App) {
    let admin = app.admin().await;
    let mut admins = vec![admin.clone()];
    for buyer in app.buyers(3).await {
        change_role(app, &admin, &buyer, "admin")
            .if_match(1)
            .await
            .expect(200);
        admins.push(buyer);
    }
    let answers = race(4, |number| {
        let (by, of) = (&admins[number], &admins[(number + 1) % 4]);
        change_role(app, by, of, "customer").header("if-match", "*")
    })
    .await;
    let left = app
        .count("SELECT count(*) FROM users WHERE role = 'admin'")
        .await;
    assert!(left >= 1, "{answers:?}");
    let outcomes = tally(&answers);
    let refused = ["forbidden", "last-admin"].map(|slug| outcomes.get(slug).copied());
    let refused: usize = refused.into_iter().flatten().sum();
    assert_eq!(outcomes["200"] + refused, 4, "{outcomes:?}");
    assert_eq!(left, 4 - i64::try_from(outcomes["200"]).unwrap());
    // Two against each other, again and again: never are both of them, and never is none, left.
    for _ in 0..5 {
        app.execute("UPDATE users SET role = 'customer'").await;
        let boss = app.run(&["admin", "create", "--admin-email", ADMIN_EMAIL]);
        assert!(boss.status.success(), "{boss:?}");
        let admin = app.login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
        // What was done on the command line reaches the instance within a second.
        eventually(secs(10), async || {
            app.get("/api/admin/users").by(&admin).await.is_success()
        })
        .await;
        let promoted = change_role(app, &admin, &admins[1], "admin").header("if-match", "*");
        promoted.await.expect(200);
        let other = app.login(&admins[1].email, BUYER_PASSWORD).await;
        let pair = [&admin, &other];
        let answers = race(2, |number| {
            let (by, of) = (pair[number], pair[1 - number]);
            change_role(app, by, of, "customer").header("if-match", "*")
        })
        .await;
        assert_eq!(tally(&answers)["200"], 1, "{answers:?}");
        let left = app
            .count("SELECT count(*) FROM users WHERE role = 'admin'")
            .await;
        assert_eq!(left, 1);
    }
}

async fn what_admins_do_is_written_down_and_done_to_what_they_have_seen(app: &App) {
    let admin = app.admin().await;
    let buyer = app.buyer().await;
    let blind = change_role(app, &admin, &buyer, "staff").await;
    blind.expect_problem(428, "precondition-required");
    change_role(app, &admin, &buyer, "staff")
        .if_match(1)
        .await
        .expect(200);
    for late in [
        change_role(app, &admin, &buyer, "customer").if_match(1),
        disable(app, &admin, &buyer).if_match(1),
        app.delete(&path(&buyer)).by(&admin).if_match(1),
    ] {
        late.await.expect_problem(412, "version-mismatch");
    }
    disable(app, &admin, &buyer).if_match(2).await.expect(200);
    let shown = app.get(&path(&buyer)).by(&admin).await.expect(200);
    let events = shown["events"].as_array().unwrap();
    let said = |event: &Value| {
        let member = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(event["actor_id"], admin.id);
        [member("action"), member("role"), member("reason")]
    };
    let said: Vec<_> = events.iter().map(said).collect();
    assert_eq!(
        said,
        [["disable", "", "a test"], ["change_role", "staff", ""]]
    );
    let unknown = format!("/api/admin/users/{}", uuid::Uuid::new_v4());
    let refused = app.get(&unknown).by(&admin).await;
    refused.expect_problem(404, "not-found");
    let refused = app.delete(&unknown).by(&admin).await;
    refused.expect_problem(404, "not-found");
}

async fn only_admins_see_people_and_bad_requests_name_the_field(app: &App) {
    let admin = app.admin().await;
    let [buyer, other] = [app.buyer().await, app.buyer().await];
    let calls = || {
        [
            app.get("/api/admin/users"),
            app.get(&path(&other)),
            app.put(&format!("{}/role", path(&other)))
                .json(&json!({ "role": "admin" })),
            app.post(&format!("{}/disable", path(&other)))
                .json(&json!({ "reason": "x" })),
            app.post(&format!("{}/enable", path(&other))),
            app.delete(&path(&other)),
        ]
    };
    for call in calls() {
        call.by(&buyer).await.expect_problem(403, "forbidden");
    }
    for call in calls() {
        call.await.expect_problem(401, "unauthenticated");
    }
    for (query, field) in [
        ("role=emperor", "role"),
        ("status=lost", "status"),
        ("q=", "q"),
        ("limit=1000000000", "limit"),
        ("cursor=x", "cursor"),
    ] {
        let refused = app
            .get(&format!("/api/admin/users?{query}"))
            .by(&admin)
            .await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{query}");
    }
    let role = format!("{}/role", path(&other));
    let disable = format!("{}/disable", path(&other));
    for (call, field) in [
        (app.put(&role).json(&json!({ "role": "emperor" })), "role"),
        (app.put(&role).json(&json!({})), "role"),
        (app.post(&disable).json(&json!({ "reason": "" })), "reason"),
        (
            app.post(&disable)
                .json(&json!({ "reason": "x".repeat(501) })),
            "reason",
        ),
        (
            app.post(&disable).json(&json!({ "reason": "x", "y": 1 })),
            "y",
        ),
        (app.get("/api/admin/users/17"), "user_id"),
    ] {
        let refused = call.by(&admin).header("if-match", "*").await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field);
    }
}
