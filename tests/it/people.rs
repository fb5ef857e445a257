//! What admins see of people, and do to their accounts.

use kit::{Answer, App, BUYER_PASSWORD, Call, Person, Zone, eventually, secs};
use serde_json::{Value, json};

kit::stories! {
    people_are_found_by_the_beginnings_of_their_words,
    people_made_past_the_application_are_found_too,
    people_are_listed_newest_first_in_pages,
    a_role_counts_for_tokens_that_were_issued_before,
    who_is_disabled_acts_no_more_until_enabled_again,
    who_is_erased_leaves_sales_and_nothing_personal,
}

async fn people_are_found_by_the_beginnings_of_their_words(app: &App) {
    let admin = app.admin().await;
    let register = async |name: &str, email: &str| {
        let account = json!({ "name": name, "email": email, "password": BUYER_PASSWORD });
        let made = app.post("/api/auth/register").json(&account).await;
        kit::signed_in(&made.expect(201).body)
    };
    register("Žofie Nováková", "zofie@example.com").await;
    let emil = register("Émil Novák", "emil.n@example.org").await;
    for (q, emails) in [
        ("novak", vec!["emil.n@example.org", "zofie@example.com"]),
        ("NOVÁKOVÁ", vec!["zofie@example.com"]),
        ("nov%20zof", vec!["zofie@example.com"]),
        ("emil.n@example.org", vec!["emil.n@example.org"]),
        ("emile", vec![]),
        ("***", vec![]),
    ] {
        let found = list(app, &admin, &format!("q={q}")).await;
        assert_eq!(emails_of(&found), emails, "{q}");
    }
    // Who changes is found by what they are now.
    let rename = app.put("/api/me").by(&emil).if_match(1);
    rename
        .json(&json!({ "name": "Emil Svoboda" }))
        .await
        .expect(200);
    let found = list(app, &admin, "q=novak").await;
    assert_eq!(emails_of(&found), ["zofie@example.com"]);
    let found = list(app, &admin, "q=svob&role=customer&status=active").await;
    assert_eq!(emails_of(&found), ["emil.n@example.org"]);
    let found = list(app, &admin, "q=svob&role=staff").await;
    assert!(emails_of(&found).is_empty());
}

async fn people_made_past_the_application_are_found_too(app: &App) {
    let admin = app.admin().await;
    app.buyer().await;
    app.execute(
        "DELETE FROM user_words; UPDATE users SET has_words = false; \
         UPDATE users SET name = 'Zaphod' WHERE role = 'customer'",
    )
    .await;
    eventually(secs(40), async || {
        let found = list(app, &admin, "q=zaph").await;
        found["items"].as_array().map(Vec::len) == Some(1)
    })
    .await;
}

async fn people_are_listed_newest_first_in_pages(app: &App) {
    let admin = app.admin().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(app.buyer().await.email);
    }
    made.reverse();
    // Every one of them has the word, so that it is looked up in both ways.
    for query in ["role=customer", "q=buyer"] {
        let first = list(app, &admin, &format!("{query}&limit=2")).await;
        let newer = app.buyer().await;
        let mut listed = emails_of(&first);
        let mut next = first["next"].clone();
        while let Some(cursor) = next.as_str() {
            let page = list(app, &admin, &format!("{query}&limit=2&cursor={cursor}")).await;
            listed.extend(emails_of(&page));
            next = page["next"].clone();
        }
        assert!(listed.ends_with(&made[1..]), "{listed:?} {made:?}");
        made.insert(0, newer.email);
    }
}

async fn a_role_counts_for_tokens_that_were_issued_before(app: &App) {
    let admin = app.admin().await;
    let buyer = app.buyer().await;
    let see_people = || app.get("/api/admin/users").by(&buyer);
    see_people().await.expect_problem(403, "forbidden");
    let changed = change_role(app, &admin, &buyer, "admin").if_match(1).await;
    let changed = changed.expect(200);
    assert_eq!(
        (
            &changed["role"],
            &changed["version"],
            changed.header("etag")
        ),
        (&json!("admin"), &json!(2), Some("\"2\""))
    );
    see_people().await.expect(200);
    change_role(app, &admin, &buyer, "staff")
        .if_match(2)
        .await
        .expect(200);
    see_people().await.expect_problem(403, "forbidden");
    let again = app.login(&buyer.email, BUYER_PASSWORD).await;
    let me = app.get("/api/me").by(&again).await.expect(200);
    assert_eq!(me["role"], "staff");
}

async fn who_is_disabled_acts_no_more_until_enabled_again(app: &App) {
    let admin = app.admin().await;
    let buyer = app.buyer().await;
    let login = |password: &str| {
        let credentials = json!({ "email": buyer.email, "password": password });
        app.post("/api/auth/login").json(&credentials)
    };
    let disabled = disable(app, &admin, &buyer).await.expect(200);
    assert_eq!(disabled["status"], "disabled");
    let again = disable(app, &admin, &buyer).await.expect(200);
    assert_eq!(again.body, disabled.body, "nothing is done twice");

    let refused = app.get("/api/me").by(&buyer).await;
    refused.expect_problem(401, "unauthenticated");
    login(BUYER_PASSWORD)
        .await
        .expect_problem(403, "account-disabled");
    let wrong = login("not the password").await;
    wrong.expect_problem(401, "unauthenticated");
    let token = json!({ "refresh_token": buyer.refresh_token() });
    let refused = app.post("/api/auth/refresh").json(&token).await;
    refused.expect_problem(401, "unauthenticated");

    let enable = format!("{}/enable", path(&buyer));
    let enabled = app.post(&enable).by(&admin).await.expect(200);
    assert_eq!(
        (&enabled["status"], &enabled["version"]),
        (&json!("active"), &json!(3))
    );
    let refused = app.get("/api/me").by(&buyer).await;
    refused.expect_problem(401, "unauthenticated");
    let back = app.login(&buyer.email, BUYER_PASSWORD).await;
    app.get("/api/me").by(&back).await.expect(200);
}

async fn who_is_erased_leaves_sales_and_nothing_personal(app: &App) {
    let admin = app.admin().await;
    let stalls = Zone::seated("Stalls", 1, 1, 1500);
    let guests = Zone::standing("Guests", 5, 0).by_application();
    let event = app.by_application(&[stalls, guests]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    let guests = event.zone("Guests").id;
    let wish = app.apply(&buyer, &event, guests, 1).await.expect(201).id();
    let forgot = json!({ "email": buyer.email });
    app.post("/api/auth/password/forgot")
        .json(&forgot)
        .await
        .expect(202);
    eventually(secs(10), async || {
        app.count("SELECT count(*) FROM mails").await == 1
    })
    .await;

    for _ in 0..2 {
        app.delete(&path(&buyer)).by(&admin).await.expect(204);
    }
    let refused = app.get("/api/me").by(&buyer).await;
    refused.expect_problem(401, "unauthenticated");
    let credentials = json!({ "email": buyer.email, "password": BUYER_PASSWORD });
    let refused = app.post("/api/auth/login").json(&credentials).await;
    refused.expect_problem(401, "unauthenticated");
    let shown = app.get(&path(&buyer)).by(&admin).await.expect(200);
    assert_eq!(
        (&shown["status"], &shown["name"], &shown["email"]),
        (&json!("erased"), &Value::Null, &Value::Null)
    );
    let placeholder = app
        .rows("SELECT email FROM users WHERE status = 'erased'")
        .await;
    let credentials = json!({ "email": placeholder[0]["email"], "password": "" });
    let refused = app.post("/api/auth/login").json(&credentials).await;
    refused.expect_problem(401, "unauthenticated");
    for table in ["mails", "one_time_tokens"] {
        let left = app.count(&format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(left, 0, "{table}");
    }
    assert_eq!(app.seats(&event, "sold").await, 1);
    let refused = app.grant(&admin, &[wish]).await.expect(200);
    assert_eq!(refused.outcomes(), ["not_pending"]);
    let listed = list(app, &admin, "role=customer").await;
    assert!(emails_of(&listed).is_empty());
    let listed = list(app, &admin, "status=erased").await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    // Somebody may begin anew with the address, and has nothing of the old account.
    let account = json!({ "name": "Ada", "email": buyer.email, "password": BUYER_PASSWORD });
    let fresh = app
        .post("/api/auth/register")
        .json(&account)
        .await
        .expect(201);
    assert_ne!(fresh["user"]["id"], buyer.id);
    let stopped = change_role(app, &admin, &buyer, "staff").header("if-match", "*");
    let stopped = stopped.await.expect_problem(409, "invalid-transition");
    assert_eq!(stopped["current_status"], "erased");
}

async fn list(app: &App, admin: &Person, query: &str) -> Answer {
    let path = format!("/api/admin/users?{query}");
    app.get(&path).by(admin).await.expect(200)
}

fn emails_of(page: &Answer) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|it| it["email"].as_str().unwrap().to_owned())
        .collect()
}

pub fn path(person: &Person) -> String {
    format!("/api/admin/users/{}", person.id.as_str().unwrap())
}

pub fn change_role(app: &App, by: &Person, of: &Person, role: &str) -> Call {
    let call = app.put(&format!("{}/role", path(of))).by(by);
    call.json(&json!({ "role": role }))
}

pub fn disable(app: &App, by: &Person, of: &Person) -> Call {
    let call = app.post(&format!("{}/disable", path(of))).by(by);
    call.json(&json!({ "reason": "a test" }))
}
