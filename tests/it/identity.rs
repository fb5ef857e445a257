//! Accounts, sign-in, and what a token is worth.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kit::{ADMIN_EMAIL, App, BUYER_PASSWORD, Backend, Builder, Person, Zone, race, tally};
use serde_json::{Value, json};

kit::stories! {
    an_account_is_made_and_signed_in_to,
    an_email_has_one_account_whatever_its_case,
    an_unknown_email_and_a_wrong_password_get_the_same_answer,
    a_customer_may_not_do_what_admins_do,
    identity_comes_from_the_token_alone,
    a_token_that_is_not_ours_or_not_valid_any_more_signs_nobody_in: super::with_a_known_secret,
    a_login_storm_does_not_starve_reservations,
}

const SECRET: &str = "known to this test, and long enough for it";

async fn an_account_is_made_and_signed_in_to(app: &App) {
    let account = json!({ "name": "Ada", "email": "Ada@Example.com", "password": BUYER_PASSWORD });
    let made = app.post("/api/auth/register").json(&account);
    let made = made.await.expect(201);
    assert_eq!(made["token_type"], "Bearer");
    assert_eq!(made["expires_in"], 3600);
    let user = json!({
        "id": made["user"]["id"], "name": "Ada", "email": "Ada@Example.com", "role": "customer",
        "version": 1,
    });
    assert_eq!(made["user"], user);

    let fresh = Person::with_token(made["access_token"].as_str().unwrap());
    let again = app.login("ada@example.COM", BUYER_PASSWORD).await;
    for person in [&fresh, &again] {
        let me = app.get("/api/me").by(person).await.expect(200);
        assert_eq!(me.body, user);
    }
    let stored = app
        .rows("SELECT password_hash FROM users WHERE role = 'customer'")
        .await;
    let stored = stored[0]["password_hash"].as_str().unwrap();
    assert!(
        stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{stored}"
    );
}

async fn an_email_has_one_account_whatever_its_case(app: &App) {
    let register = |email: &str| {
        let account = json!({ "name": "Ada", "email": email, "password": BUYER_PASSWORD });
        app.post("/api/auth/register").json(&account)
    };
    register("ada@example.com").await.expect(201);
    for email in ["ada@example.com", "ADA@example.com"] {
        register(email).await.expect_problem(409, "email-taken");
    }
    let answers = race(8, |_| register("grace@example.com")).await;
    assert_eq!(tally(&answers)["201"], 1, "{:?}", tally(&answers));
    assert_eq!(tally(&answers)["email-taken"], 7);
    let customers = app.count("SELECT count(*) FROM users WHERE role = 'customer'");
    assert_eq!(customers.await, 2);
}

async fn an_unknown_email_and_a_wrong_password_get_the_same_answer(app: &App) {
    let buyer = app.buyer().await;
    let try_with = async |email: &str, password: &str| {
        let credentials = json!({ "email": email, "password": password });
        let call = app.post("/api/auth/login").json(&credentials);
        let refused = call.header("x-request-id", "the-same").await;
        refused.expect_problem(401, "unauthenticated")
    };
    let unknown = try_with("nobody@example.com", BUYER_PASSWORD).await;
    let wrong = try_with(&buyer.email, "not the password").await;
    assert_eq!(unknown.text, wrong.text);
    let members = |answer: &kit::Answer| {
        let names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        names
    };
    assert_eq!(members(&unknown), members(&wrong));
}

async fn a_customer_may_not_do_what_admins_do(app: &App) {
    let draft = app.draft(&[Zone::standing("Floor", 5, 100)]).await;
    let buyer = app.buyer().await;
    let venue =
        json!({ "name": "Hall", "city": "Riga", "country": "LV", "time_zone": "Europe/Riga" });
    for call in [
        app.post("/api/venues").json(&venue),
        app.post("/api/events").json(&json!({})),
        app.post(&format!("/api/events/{}/publish", draft.id)),
    ] {
        call.by(&buyer).await.expect_problem(403, "forbidden");
    }
    for call in [
        app.post("/api/venues").json(&venue),
        app.post("/api/events").json(&json!({})),
        app.post(&format!("/api/events/{}/publish", draft.id)),
    ] {
        call.await.expect_problem(401, "unauthenticated");
    }
    assert_eq!(app.count("SELECT count(*) FROM venues").await, 1);
    let drafts = app.count("SELECT count(*) FROM events WHERE status = 'draft'");
    assert_eq!(drafts.await, 1);
}

async fn identity_comes_from_the_token_alone(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 1500)]).await;
    let [buyer, victim] = [app.buyer().await, app.buyer().await];
    let ticket = event.tickets()[0];
    let mut wanted = json!({ "event_id": event.id, "ticket_ids": [ticket] });
    for field in ["user_id", "role", "buyer"] {
        wanted[field] = victim.id.clone();
        let call = app.post("/api/reservations").by(&buyer).json(&wanted);
        let refused = call.await.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field);
        wanted.as_object_mut().unwrap().remove(field);
    }
    // Where unknown parameters are let pass, they mean nothing.
    let path = format!(
        "/api/tickets/{ticket}/reserve?user_id={}",
        victim.id.as_str().unwrap()
    );
    let call = app.post(&path).by(&buyer);
    let hold = call.header("x-user-id", victim.id.as_str().unwrap()).await;
    let id = hold.expect(201).id();
    app.get_reservation(&buyer, &id).await.expect(200);
    app.get_reservation(&victim, &id)
        .await
        .expect_problem(404, "not-found");
    let account = json!({
        "name": "Eve", "email": "eve@example.com", "password": BUYER_PASSWORD, "role": "admin",
    });
    let call = app.post("/api/auth/register").json(&account);
    let refused = call.await.expect_problem(400, "validation-failed");
    assert_eq!(refused["errors"][0]["field"], "role");
}

fn with_a_known_secret(app: Builder<Backend>) -> Builder<Backend> {
    app.env("HOLDFAST_JWT_SECRET", SECRET)
}

async fn a_token_that_is_not_ours_or_not_valid_any_more_signs_nobody_in(app: &App) {
    let buyer = app.buyer().await;
    let claims = |change: &dyn Fn(&mut Value)| {
        let now = chrono::Utc::now().timestamp();
        let mut claims = json!({
            "iss": "holdfast", "aud": "holdfast-api", "sub": buyer.id, "role": "customer",
            "iat": now, "exp": now + 600,
        });
        change(&mut claims);
        claims
    };
    let sign = |algorithm, secret: &str, claims: &Value| {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
    };
    let good = claims(&|_| {});
    let set = |name: &'static str, value: Value| {
        let claims = claims(&|claims| claims[name] = value.clone());
        sign(Algorithm::HS256, SECRET, &claims)
    };
    let me = async |token: &str| app.get("/api/me").by(&Person::with_token(token)).await;
    let valid = sign(Algorithm::HS256, SECRET, &good);
    me(&valid).await.expect(200);

    let unsigned = |header: &str| {
        let parts = [header.to_owned(), good.to_string()].map(|part| base64(&part));
        format!("{}.{}.", parts[0], parts[1])
    };
    let tokens = [
        (
            "signed by somebody else",
            sign(
                Algorithm::HS256,
                "a secret of somebody else, of the same length",
                &good,
            ),
        ),
        (
            "signed in another way",
            sign(Algorithm::HS512, SECRET, &good),
        ),
        ("not signed", unsigned(r#"{"alg":"none","typ":"JWT"}"#)),
        (
            "not signed, in disguise",
            unsigned(r#"{"alg":"HS256","typ":"JWT"}"#),
        ),
        (
            "expired",
            set("exp", json!(chrono::Utc::now().timestamp() - 1)),
        ),
        ("without an end", set("exp", Value::Null)),
        ("of another issuer", set("iss", json!("somebody"))),
        ("for another audience", set("aud", json!("somebody"))),
        ("of an unknown role", set("role", json!("emperor"))),
        ("of no account", set("sub", json!("17"))),
        (
            "of an account that is gone",
            set("sub", json!(uuid::Uuid::new_v4())),
        ),
        ("cut short", valid[..valid.len() - 2].to_owned()),
        ("changed", valid.replacen('.', ".e", 1)),
        ("no token", "garbage".to_owned()),
        ("empty", String::new()),
        ("long", "x".repeat(20_000)),
    ];
    for (kind, token) in tokens {
        let refused = me(&token).await;
        assert_eq!(
            (refused.status, refused.slug()),
            (401, "unauthenticated"),
            "{kind}"
        );
    }
    let basic = app.get("/api/me").header("authorization", "Basic YTpi");
    basic.await.expect_problem(401, "unauthenticated");
    let strange = app
        .get("/api/me")
        .header("authorization", b"Bearer \xff\xfe");
    strange.await.expect_problem(401, "unauthenticated");
    // An admin's role in a token that somebody else signed opens nothing.
    let forged = claims(&|claims| claims["role"] = json!("admin"));
    let forged = sign(
        Algorithm::HS256,
        "a secret of somebody else, of the same length",
        &forged,
    );
    let call = app.post("/api/venues").by(&Person::with_token(&forged));
    call.json(&json!({}))
        .await
        .expect_problem(401, "unauthenticated");
}

async fn a_login_storm_does_not_starve_reservations(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 2, 10, 1500)]).await;
    let buyer = app.buyer().await;
    let login = |number: usize| {
        let email = if number.is_multiple_of(2) {
            &buyer.email
        } else {
            ADMIN_EMAIL
        };
        let credentials = json!({ "email": email, "password": BUYER_PASSWORD });
        app.post("/api/auth/login").json(&credentials)
    };
    let (logins, holds) = tokio::join!(
        race(60, login),
        race(20, |number| app.reserve(&buyer, event.tickets()[number])),
    );
    assert_eq!(tally(&holds)["201"], 20, "{:?}", tally(&holds));
    assert_eq!(tally(&logins)["200"], 30, "{:?}", tally(&logins));
    assert_eq!(tally(&logins)["unauthenticated"], 30);
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}
