//! Rate limits: who tries too often is told when to come back, and nobody else is concerned.

use kit::{Answer, App, BUYER_PASSWORD, Backend, Builder, Person, Zone};
use kit::{eventually, race, secs, tally};
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};

// No quota comes back while a story is told, however slow the machine is.
kit::stories! {
    the_eleventh_login_is_refused_and_other_addresses_are_not_concerned:
        |app| super::behind_a_proxy(app).env("HOLDFAST_LIMIT_LOGIN", "10/1h"),
    logins_from_one_address_are_limited_over_all_accounts:
        |app| super::behind_a_proxy(app).env("HOLDFAST_LIMIT_LOGIN_ADDRESS", "5/1h"),
    the_owner_gets_in_from_a_known_address_while_strangers_hammer: |app| super::behind_a_proxy(app)
        .env("HOLDFAST_LIMIT_LOGIN", "3/1h")
        .env("HOLDFAST_LIMIT_LOGIN_ACCOUNT", "6/1h"),
    an_email_without_an_account_is_limited_like_any_other:
        |app| super::behind_a_proxy(app).env("HOLDFAST_LIMIT_LOGIN", "3/1h"),
    what_an_untrusted_peer_claims_changes_nothing:
        |app| super::limited(app).env("HOLDFAST_LIMIT_REGISTER", "3/1h"),
    a_network_of_ipv6_is_one_client:
        |app| super::behind_a_proxy(app).env("HOLDFAST_LIMIT_REGISTER", "3/1h"),
    an_account_may_try_to_reserve_so_often:
        |app| super::behind_a_proxy(app).env("HOLDFAST_LIMIT_RESERVE", "5/1h"),
    an_address_may_try_to_reserve_so_often:
        |app| super::behind_a_proxy(app).env("HOLDFAST_LIMIT_RESERVE_ADDRESS", "5/1h"),
    a_password_may_be_asked_for_so_often_whether_there_is_an_account_or_not:
        |app| super::limited(app).env("HOLDFAST_LIMIT_RESET", "3/1h"),
    of_a_hundred_logins_at_once_as_many_are_tried_as_are_allowed:
        |app| super::limited(app).env("HOLDFAST_LIMIT_LOGIN", "10/1h"),
}

kit::stories! { on [SqliteRedis, PostgresRedis];
    redis_is_told_no_names_and_forgets_by_itself:
        |app| super::behind_a_proxy(app)
            .env("HOLDFAST_LIMIT_LOGIN", "10/1h")
            .env("HOLDFAST_LIMIT_LOGIN_ADDRESS", "10/1h")
            .env("HOLDFAST_LIMIT_REGISTER", "10/1h"),
    without_redis_an_instance_limits_by_itself:
        |app| super::limited(app).env("HOLDFAST_LIMIT_LOGIN", "5/1h"),
}

kit::stories! { on [SqliteEmbedded];
    the_document_tells_of_every_limit,
}

fn limited(app: Builder<Backend>) -> Builder<Backend> {
    app.env("HOLDFAST_LIMITS", "on")
}

/// Who asks is who the story says.
fn behind_a_proxy(app: Builder<Backend>) -> Builder<Backend> {
    limited(app).env("HOLDFAST_TRUSTED_PROXIES", "127.0.0.1/32")
}

async fn the_eleventh_login_is_refused_and_other_addresses_are_not_concerned(app: &App) {
    let buyer = app.buyer().await;
    for _ in 0..10 {
        guess(app, "192.0.2.1", &buyer.email).await.expect(401);
    }
    let refused = guess(app, "192.0.2.1", &buyer.email).await;
    expect_limit(&refused, "login", 10);
    // Not with the right password either, or a stranger could go on guessing.
    let refused = log_in(app, "192.0.2.1", &buyer).await;
    expect_limit(&refused, "login", 10);
    log_in(app, "192.0.2.2", &buyer).await.expect(200);
    let other = app.buyer().await;
    log_in(app, "192.0.2.1", &other).await.expect(200);
    let refused = [("limit", "login")];
    let refused = app
        .instance()
        .metric("holdfast_rate_limited_total", &refused);
    assert_eq!(refused.await.to_string(), "2");
    // Who logs in successfully is not counted.
    for _ in 0..20 {
        log_in(app, "192.0.2.3", &buyer).await.expect(200);
    }
}

async fn logins_from_one_address_are_limited_over_all_accounts(app: &App) {
    for number in 0..5 {
        let email = format!("nobody-{number}@example.com");
        guess(app, "192.0.2.1", &email).await.expect(401);
    }
    let refused = guess(app, "192.0.2.1", "nobody@example.com").await;
    expect_limit(&refused, "login-address", 5);
    guess(app, "192.0.2.2", "nobody@example.com")
        .await
        .expect(401);
}

async fn the_owner_gets_in_from_a_known_address_while_strangers_hammer(app: &App) {
    let victim = app.buyer().await;
    log_in(app, "192.0.2.1", &victim).await.expect(200);
    let mut outcomes = Vec::new();
    for stranger in 0..10 {
        let from = format!("198.51.100.{stranger}");
        for _ in 0..4 {
            outcomes.push(guess(app, &from, &victim.email).await);
        }
    }
    let outcomes = tally(&outcomes);
    let expected = [
        ("rate-limited".to_owned(), 34),
        ("unauthenticated".to_owned(), 6),
    ];
    assert_eq!(outcomes, expected.into());
    for _ in 0..5 {
        log_in(app, "192.0.2.1", &victim).await.expect(200);
    }
    // Where the account was never used, its owner has to wait like anybody else.
    let elsewhere = log_in(app, "203.0.113.9", &victim).await;
    expect_limit(&elsewhere, "login-account", 6);
}

async fn an_email_without_an_account_is_limited_like_any_other(app: &App) {
    let buyer = app.buyer().await;
    let mut answers = Vec::new();
    for (from, email) in [
        ("192.0.2.1", &*buyer.email),
        ("192.0.2.2", "nobody@example.com"),
    ] {
        let mut told = Vec::new();
        for _ in 0..5 {
            let answer = guess(app, from, email).await;
            told.push((answer.status, answer["title"].clone()));
        }
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!((answers[0][2].0, answers[0][3].0), (401, 429));
}

async fn what_an_untrusted_peer_claims_changes_nothing(app: &App) {
    for number in 0..3 {
        register(app, &format!("192.0.2.{number}"))
            .await
            .expect(201);
    }
    let refused = register(app, "192.0.2.99").await;
    expect_limit(&refused, "register", 3);
}

async fn a_network_of_ipv6_is_one_client(app: &App) {
    for number in 0..3 {
        let from = format!("2001:db8:0:1:{number}::{number}");
        register(app, &from).await.expect(201);
    }
    let refused = register(app, "2001:db8:0:1:ffff::1").await;
    expect_limit(&refused, "register", 3);
    register(app, "2001:db8:0:2::1").await.expect(201);
    // Only the last hop that is not ours counts.
    let refused = register(app, "203.0.113.1, 2001:db8:0:1::7, 127.0.0.1").await;
    expect_limit(&refused, "register", 3);
}

async fn an_account_may_try_to_reserve_so_often(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 9, 4500)]).await;
    let [one, two] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    for &seat in &seats[..4] {
        app.reserve(&one, seat).await.expect(201);
    }
    // However it ends, and whichever way it is asked.
    app.reserve_tickets(&one, &event, &seats[..1])
        .await
        .expect_problem(409, "ticket-taken");
    for refused in [
        app.reserve(&one, seats[5]).await,
        app.reserve_tickets(&one, &event, &seats[5..6]).await,
    ] {
        expect_limit(&refused, "reserve", 5);
    }
    app.reserve(&two, seats[5]).await.expect(201);
    assert_eq!(app.seats(&event, "held").await, 5);
    let reservations = app.get("/api/reservations").by(&one).await.expect(200);
    assert_eq!(reservations["items"].as_array().unwrap().len(), 4);
}

async fn an_address_may_try_to_reserve_so_often(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 9, 4500)]).await;
    let buyers = app.buyers(7).await;
    let reserve = |buyer: usize, from| {
        let call = app.reserve(&buyers[buyer], event.tickets()[buyer]);
        call.header("x-forwarded-for", from)
    };
    for buyer in 0..5 {
        reserve(buyer, "192.0.2.1").await.expect(201);
    }
    let refused = reserve(5, "192.0.2.1").await;
    expect_limit(&refused, "reserve-address", 5);
    reserve(6, "192.0.2.2").await.expect(201);
}

async fn a_password_may_be_asked_for_so_often_whether_there_is_an_account_or_not(app: &App) {
    let buyer = app.buyer().await;
    for email in [&*buyer.email, "nobody@example.com"] {
        let ask = || {
            app.post("/api/auth/password/forgot")
                .json(&json!({ "email": email }))
        };
        for _ in 0..3 {
            ask().await.expect(202);
        }
        expect_limit(&ask().await, "reset", 3);
    }
    let change = json!({ "current_password": "not the right one", "new_password": BUYER_PASSWORD });
    let change = || app.post("/api/me/password").by(&buyer).json(&change);
    for _ in 0..3 {
        change().await.expect_problem(400, "validation-failed");
    }
    expect_limit(&change().await, "reset", 3);
}

async fn of_a_hundred_logins_at_once_as_many_are_tried_as_are_allowed(app: &App) {
    let buyer = app.buyer().await;
    let guesses = race(100, |_| guess(app, "", &buyer.email));
    let expected = [
        ("rate-limited".to_owned(), 90),
        ("unauthenticated".to_owned(), 10),
    ];
    assert_eq!(tally(&guesses.await), expected.into());
}

async fn redis_is_told_no_names_and_forgets_by_itself(app: &App) {
    let buyer = app.buyer().await;
    guess(app, "192.0.2.77", &buyer.email).await.expect(401);
    log_in(app, "192.0.2.77", &buyer).await.expect(200);
    let mut keys = 0;
    for node in app.lock_nodes.iter().chain([app.messages()]) {
        let reply = node.command("KEYS *").await.unwrap();
        let own = reply
            .lines()
            .filter(|line| line.starts_with("holdfast:limit:"));
        for key in own {
            assert!(!key.contains('@') && !key.contains("192.0.2"), "{key}");
            let ttl = node.command(&format!("PTTL {key}")).await.unwrap();
            assert!(
                ttl.trim_start_matches(':').trim().parse::<i64>().unwrap() > 0,
                "{key}"
            );
            keys += 1;
        }
    }
    // Registered; by address, by account and address, by account; where its owner is known.
    assert_eq!(keys, 5);
}

async fn without_redis_an_instance_limits_by_itself(app: &App) {
    let buyer = app.buyer().await;
    for node in app.lock_nodes.iter().chain([app.messages()]) {
        node.stop().await;
    }
    let answers = race(20, |_| guess(app, "", &buyer.email)).await;
    let expected = [
        ("rate-limited".to_owned(), 15),
        ("unauthenticated".to_owned(), 5),
    ];
    assert_eq!(tally(&answers), expected.into());
    app.login(&app.buyer().await.email, BUYER_PASSWORD).await;
    let fallbacks = "holdfast_rate_limit_fallbacks_total";
    assert!(app.instance().metric(fallbacks, &[]).await >= 5.0);

    for node in app.lock_nodes.iter().chain([app.messages()]) {
        node.start_again().await;
    }
    // Redis has forgotten, the instance has not.
    let keys = async || {
        guess(app, "", &format!("{}@example.com", unique())).await;
        let mut keys = 0;
        for node in app.lock_nodes.iter().chain([app.messages()]) {
            keys += node.key_count().await;
        }
        keys > 0
    };
    eventually(secs(20), keys).await;
    let refused = guess(app, "", &buyer.email).await;
    expect_limit(&refused, "login", 5);
}

async fn the_document_tells_of_every_limit(app: &App) {
    let document = app.get("/openapi.json").await.expect(200);
    for path in [
        "/api/auth/register",
        "/api/auth/login",
        "/api/auth/password/forgot",
        "/api/auth/password/reset",
        "/api/auth/email/confirm",
        "/api/me/password",
        "/api/me/email",
        "/api/reservations",
        "/api/tickets/{ticket_id}/reserve",
    ] {
        let refused = &document["paths"][path]["post"]["responses"]["429"];
        for header in ["Retry-After", "RateLimit-Policy", "RateLimit"] {
            assert!(refused["headers"][header].is_object(), "{path}: {refused}");
        }
    }
}

fn guess(app: &App, from: &str, email: &str) -> kit::Call {
    let account = json!({ "email": email, "password": "not the right one" });
    let call = app.post("/api/auth/login").json(&account);
    call.header("x-forwarded-for", from)
}

fn log_in(app: &App, from: &str, person: &Person) -> kit::Call {
    let account = json!({ "email": person.email, "password": BUYER_PASSWORD });
    let call = app.post("/api/auth/login").json(&account);
    call.header("x-forwarded-for", from)
}

fn register(app: &App, from: &str) -> kit::Call {
    let email = format!("{}@example.com", unique());
    let account = json!({ "name": "Ada", "email": email, "password": BUYER_PASSWORD });
    let call = app.post("/api/auth/register").json(&account);
    call.header("x-forwarded-for", from)
}

fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("person-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[track_caller]
fn expect_limit(refused: &Answer, limit: &str, quota: u32) {
    let refused = refused.clone().expect_problem(429, "rate-limited");
    let header = |name| refused.header(name).unwrap_or_default().to_owned();
    let policy = format!("\"{limit}\";q={quota};w=3600");
    assert_eq!(header("ratelimit-policy"), policy);
    let wait_secs: u32 = header("retry-after").parse().unwrap();
    assert!(
        wait_secs > 0 && wait_secs <= 3600 / quota + 1,
        "{wait_secs}"
    );
    assert_eq!(
        header("ratelimit"),
        format!("\"{limit}\";r=0;t={wait_secs}")
    );
    assert!(refused["retry_after_ms"].as_u64().unwrap() <= u64::from(wait_secs) * 1000);
}
