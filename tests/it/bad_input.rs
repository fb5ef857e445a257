//! What a bad request gets: a problem that names the field, and nothing done.

use kit::{App, Call, Person, Zone};
use serde_json::{Value, json};

kit::stories! {
    a_bad_reservation_is_refused_with_the_field_named,
    a_bad_payment_is_refused_with_the_field_named,
    a_bad_account_is_refused_with_the_field_named,
    a_bad_venue_or_event_is_refused_with_the_field_named,
    bad_paths_and_queries_are_refused_with_the_parameter_named,
}

/// Larger than any 64-bit number.
const OVERFLOW: &str = "99999999999999999999";

async fn a_bad_reservation_is_refused_with_the_field_named(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 2, 40, 1500)]).await;
    let other = app.on_sale(&[Zone::seated("Stalls", 1, 2, 1500)]).await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    let zone = event.zones[0].id;
    let call = |body: &Value| app.post("/api/reservations").by(&buyer).json(body);
    let before = contents(app).await;

    let named = json!({ "event_id": event.id, "ticket_ids": [seats[0]] });
    let places = json!({ "event_id": event.id, "zone_id": zone, "quantity": 1 });
    let overflow: Value = serde_json::from_str(OVERFLOW).unwrap();
    for (base, pointer, value, field) in [
        (&named, "/colour", json!("red"), "colour"),
        (&named, "/event_id", Value::Null, "event_id"),
        (&named, "/event_id", json!("1"), "event_id"),
        (&named, "/event_id", json!(1.5), "event_id"),
        (&named, "/event_id", json!([1]), "event_id"),
        (&named, "/event_id", json!(i64::MAX), "ticket_ids"),
        (&named, "/event_id", overflow.clone(), "event_id"),
        (&named, "/ticket_ids", json!("1"), "ticket_ids"),
        (&named, "/ticket_ids", json!({}), "ticket_ids"),
        (&named, "/ticket_ids", json!([]), "ticket_ids"),
        (&named, "/ticket_ids", json!(["x"]), "ticket_ids[0]"),
        (
            &named,
            "/ticket_ids",
            json!([seats[0], null]),
            "ticket_ids[1]",
        ),
        (&named, "/ticket_ids", json!([overflow]), "ticket_ids[0]"),
        (&named, "/ticket_ids", json!(&seats[..51]), "ticket_ids"),
        (
            &named,
            "/ticket_ids",
            json!([seats[0], seats[0]]),
            "ticket_ids",
        ),
        (
            &named,
            "/ticket_ids",
            json!([seats[0], other.tickets()[0]]),
            "ticket_ids",
        ),
        (&named, "/ticket_ids", json!(other.tickets()), "ticket_ids"),
        (&named, "/quantity", json!(1), "ticket_ids"),
        (&named, "/zone_id", json!(zone), "ticket_ids"),
        (&places, "/quantity", json!(0), "quantity"),
        (&places, "/quantity", json!(-1), "quantity"),
        (&places, "/quantity", json!(51), "quantity"),
        (&places, "/quantity", json!(1_000_000_000), "quantity"),
        (&places, "/quantity", json!(10_000_000_000_i64), "quantity"),
        (&places, "/quantity", json!(1.5), "quantity"),
        (&places, "/quantity", json!("two"), "quantity"),
        (&places, "/quantity", Value::Null, "quantity"),
        (&places, "/zone_id", Value::Null, "zone_id"),
        (&places, "/zone_id", json!("Stalls"), "zone_id"),
        (&places, "/zone_id", overflow.clone(), "zone_id"),
        (&places, "/together", json!("please"), "together"),
    ] {
        let body = changed(base, pointer, value);
        refuses(call(&body), field, &body.to_string()).await;
    }
    for field in ["event_id", "ticket_ids"] {
        let mut body = named.clone();
        body.as_object_mut().unwrap().remove(field);
        let field = if field == "ticket_ids" {
            "zone_id"
        } else {
            field
        };
        refuses(call(&body), field, &body.to_string()).await;
    }
    assert_eq!(contents(app).await, before, "nothing is changed");
    call(&named).await.expect(201);
    call(&places).await.expect(201);
}

async fn a_bad_payment_is_refused_with_the_field_named(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    let path = format!("/api/reservations/{}/confirm", hold.id());
    let call = |body: &Value| app.post(&path).by(&buyer).json(body);
    let before = contents(app).await;

    let good = json!({ "payment": { "method": "simulated", "token": "tok_success" } });
    for (pointer, value, field) in [
        ("/tip", json!(100), "tip"),
        ("/payment", Value::Null, "payment"),
        ("/payment", json!("cash"), "payment"),
        (
            "/payment",
            json!({ "method": "simulated" }),
            "payment.token",
        ),
        (
            "/payment",
            json!({ "token": "tok_success" }),
            "payment.method",
        ),
        ("/payment/method", json!("cash"), "payment.method"),
        ("/payment/method", json!(1), "payment.method"),
        ("/payment/amount", json!(1), "payment.amount"),
        ("/payment/token", json!(17), "payment.token"),
        ("/payment/token", json!("tok\0success"), "payment.token"),
        ("/payment/token", json!(""), "token"),
        ("/payment/token", json!("x".repeat(101)), "token"),
    ] {
        let body = changed(&good, pointer, value);
        refuses(call(&body), field, &body.to_string()).await;
    }
    assert_eq!(contents(app).await, before, "nothing is changed");
    call(&good).await.expect(200);
}

async fn a_bad_account_is_refused_with_the_field_named(app: &App) {
    let before = contents(app).await;
    let good =
        json!({ "name": "Ada", "email": "ada@example.com", "password": "long enough for us" });
    let register = |body: &Value| app.post("/api/auth/register").json(body);
    let long_email = format!("{}@example.com", "x".repeat(250));
    for (pointer, value, field) in [
        ("/role", json!("admin"), "role"),
        ("/name", json!(""), "name"),
        ("/name", json!("x".repeat(101)), "name"),
        ("/name", json!("A\0da"), "name"),
        ("/name", json!(["Ada"]), "name"),
        ("/email", json!("ada"), "email"),
        ("/email", json!("ada@"), "email"),
        ("/email", json!("a da@example.com"), "email"),
        ("/email", json!("ada@b@example.com"), "email"),
        ("/email", json!("ada@example.com\nbcc: all"), "email"),
        ("/email", json!("ada\0@example.com"), "email"),
        ("/email", json!(long_email), "email"),
        ("/email", Value::Null, "email"),
        ("/password", json!("too short"), "password"),
        ("/password", json!("x".repeat(201)), "password"),
        ("/password", json!("long enough\0for us"), "password"),
        ("/password", json!(1_234_567_890), "password"),
    ] {
        let body = changed(&good, pointer, value);
        refuses(register(&body), field, &body.to_string()).await;
    }
    let credentials = json!({ "email": "ada@example.com", "password": "long enough for us" });
    for (pointer, value, field) in [
        ("/remember", json!(true), "remember"),
        ("/email", json!(["ada@example.com"]), "email"),
        ("/email", json!("ada\0@example.com"), "email"),
        ("/email", json!("x".repeat(255)), "email"),
        ("/password", json!("x".repeat(201)), "password"),
        ("/password", Value::Null, "password"),
    ] {
        let body = changed(&credentials, pointer, value);
        let call = app.post("/api/auth/login").json(&body);
        refuses(call, field, &body.to_string()).await;
    }
    assert_eq!(contents(app).await, before, "nothing is changed");
    register(&good).await.expect(201);
}

async fn a_bad_venue_or_event_is_refused_with_the_field_named(app: &App) {
    let admin = app.admin().await;
    let venue = app.venue().await;
    let before = contents(app).await;
    refuses_bad_venues(app, &admin).await;
    let good = refuses_bad_events(app, &admin, venue).await;
    assert_eq!(contents(app).await, before, "nothing is changed");
    let call = app.post("/api/events").by(&admin).json(&good);
    call.await.expect(201);
}

async fn refuses_bad_venues(app: &App, admin: &Person) {
    let good =
        json!({ "name": "Hall", "city": "Riga", "country": "LV", "time_zone": "Europe/Riga" });
    for (pointer, value, field) in [
        ("/stars", json!(5), "stars"),
        ("/name", json!(""), "name"),
        ("/name", json!("x".repeat(201)), "name"),
        ("/city", Value::Null, "city"),
        ("/country", json!("Latvia"), "country"),
        ("/country", json!("lv"), "country"),
        ("/time_zone", json!("Mars/Olympus"), "time_zone"),
        ("/time_zone", json!(""), "time_zone"),
        ("/address", json!(17), "address"),
        ("/address", json!("Main\0Street"), "address"),
    ] {
        let body = changed(&good, pointer, value);
        let call = app.post("/api/venues").by(admin).json(&body);
        refuses(call, field, &body.to_string()).await;
    }
}

/// Gives an event that is not bad.
async fn refuses_bad_events(app: &App, admin: &Person, venue: i64) -> Value {
    let price = json!({ "amount": 100, "currency": "EUR" });
    let seated = json!({ "kind": "seated", "rows": 2, "seats_per_row": 3 });
    let zone = json!({ "name": "Stalls", "price": price, "seating": seated });
    let dollars = changed(&zone, "/price/currency", json!("USD"));
    let million = changed(
        &zone,
        "/seating",
        json!({ "kind": "seated", "rows": 1000, "seats_per_row": 1000 }),
    );
    let good = json!({
        "venue_id": venue, "title": "Premiere", "starts_at": "2099-01-01T20:00:00Z", "zones": [zone],
    });
    for (pointer, value, field) in [
        ("/venue_id", json!(i64::MAX), "venue_id"),
        ("/venue_id", json!("1"), "venue_id"),
        ("/title", json!(""), "title"),
        ("/title", json!("x".repeat(201)), "title"),
        ("/description", json!("x".repeat(10_001)), "description"),
        ("/category", json!(""), "category"),
        ("/status", json!("published"), "status"),
        ("/starts_at", json!("tomorrow"), "starts_at"),
        ("/starts_at", json!("2099-02-30T20:00:00Z"), "starts_at"),
        ("/starts_at", json!(4_070_000_000_i64), "starts_at"),
        ("/starts_at", json!("+12099-01-01T20:00:00Z"), "starts_at"),
        ("/ends_at", json!("2098-01-01T20:00:00Z"), "ends_at"),
        ("/sales_close_at", json!("soon"), "sales_close_at"),
        ("/zones", json!([]), "zones"),
        ("/zones", json!({}), "zones"),
        ("/zones", json!([million, zone]), "zones"),
        ("/zones", json!([zone, dollars]), "zones[1].price.currency"),
        ("/zones/0/name", json!(""), "name"),
        ("/zones/0/price/amount", json!(-1), "amount"),
        (
            "/zones/0/price/amount",
            json!(9.99),
            "zones[0].price.amount",
        ),
        ("/zones/0/price/currency", json!("euro"), "currency"),
        ("/zones/0/price/tip", json!(1), "zones[0].price.tip"),
        ("/zones/0/seating", json!({}), "zones[0].seating.kind"),
        (
            "/zones/0/seating/kind",
            json!("floating"),
            "zones[0].seating.kind",
        ),
        ("/zones/0/seating/rows", json!(0), "rows"),
        ("/zones/0/seating/rows", json!(1001), "rows"),
        (
            "/zones/0/seating/rows",
            json!(5_000_000_000_i64),
            "zones[0].seating",
        ),
        ("/zones/0/seating/seats_per_row", json!(-3), "seats_per_row"),
        (
            "/zones/0/seating",
            json!({ "kind": "standing", "capacity": 0 }),
            "capacity",
        ),
        (
            "/zones/0/seating",
            json!({ "kind": "standing", "capacity": 1_000_001 }),
            "capacity",
        ),
    ] {
        let body = changed(&good, pointer, value);
        let call = app.post("/api/events").by(admin).json(&body);
        let about = format!(
            "{pointer}: {:.100}",
            body.pointer(pointer).unwrap().to_string()
        );
        refuses(call, field, &about).await;
    }
    let mut window = good.clone();
    window["sales_open_at"] = json!("2098-01-02T00:00:00Z");
    window["sales_close_at"] = json!("2098-01-01T00:00:00Z");
    let call = app.post("/api/events").by(admin).json(&window);
    refuses(call, "sales_close_at", "a sale that closes before it opens").await;
    good
}

async fn bad_paths_and_queries_are_refused_with_the_parameter_named(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let before = contents(app).await;
    let seats = format!("/api/events/{}/seats", event.id);
    for (path, field) in [
        ("/api/tickets/abc".to_owned(), "ticket_id"),
        ("/api/tickets/1.5".to_owned(), "ticket_id"),
        ("/api/tickets/0x10".to_owned(), "ticket_id"),
        (format!("/api/tickets/{OVERFLOW}"), "ticket_id"),
        ("/api/tickets/%00".to_owned(), "ticket_id"),
        ("/api/tickets/1%20OR%201=1".to_owned(), "ticket_id"),
        ("/api/events/first".to_owned(), "event_id"),
        (format!("/api/events/{OVERFLOW}/availability"), "event_id"),
        ("/api/venues/-".to_owned(), "venue_id"),
        ("/api/reservations/17".to_owned(), "reservation_id"),
        ("/api/events?limit=0".to_owned(), "limit"),
        ("/api/events?limit=201".to_owned(), "limit"),
        ("/api/events?limit=-1".to_owned(), "limit"),
        ("/api/events?limit=ten".to_owned(), "limit"),
        (format!("/api/venues?limit={OVERFLOW}"), "limit"),
        ("/api/venues?cursor=garbage".to_owned(), "cursor"),
        ("/api/events?cursor=%00".to_owned(), "cursor"),
        ("/api/events?cursor=%ff".to_owned(), "cursor"),
        ("/api/reservations?status=lost".to_owned(), "status"),
        ("/api/reservations?cursor=AAAA".to_owned(), "cursor"),
        (format!("{seats}?zone_id=Stalls"), "zone_id"),
        (format!("{seats}?zone_id={OVERFLOW}"), "zone_id"),
    ] {
        refuses(app.get(&path).by(&buyer), field, &path).await;
    }
    for (path, field) in [
        ("/api/tickets/abc/reserve", "ticket_id"),
        ("/api/tickets/99999999999999999999/release", "ticket_id"),
        ("/api/reservations/17/extend", "reservation_id"),
        ("/api/reservations/17/confirm", "reservation_id"),
    ] {
        refuses(app.post(path).by(&buyer), field, path).await;
    }
    refuses(
        app.delete("/api/reservations/x").by(&buyer),
        "reservation_id",
        "DELETE",
    )
    .await;
    // Numbers that no ticket has are numbers all the same.
    for id in [i64::MIN, -1, 0, i64::MAX] {
        app.ticket(id).await.expect_problem(404, "not-found");
    }
    assert_eq!(contents(app).await, before, "nothing is changed");
}

async fn refuses(call: Call, field: &str, about: &str) {
    let answer = call.await;
    assert_eq!(
        (answer.status, answer.slug()),
        (400, "validation-failed"),
        "{about} is answered {answer:?}"
    );
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors[0]["field"], field, "{about} is answered {answer:?}");
    assert!(
        errors[0]["message"]
            .as_str()
            .is_some_and(|it| !it.is_empty())
    );
}

/// The value with something else at the place that a JSON pointer (RFC 6901) names.
fn changed(value: &Value, pointer: &str, to: Value) -> Value {
    let mut changed = value.clone();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    changed.pointer_mut(parent).unwrap()[member] = to;
    changed
}

/// How many rows each table has, and how far the tickets have come.
pub async fn contents(app: &App) -> Vec<Value> {
    let tables = [
        "users",
        "venues",
        "events",
        "codes",
        "zones",
        "tickets",
        "reservations",
        "payments",
        "ledger",
        "idempotency_keys",
    ];
    let counts = tables.map(|table| format!("(SELECT count(*) FROM {table}) AS {table}"));
    let moves = "(SELECT count(*) FROM tickets WHERE status = 'available') AS available";
    app.rows(&format!("SELECT {}, {moves}", counts.join(", ")))
        .await
}
