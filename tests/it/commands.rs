//! Subcommands, and what a start does and does not do.

use kit::{App, BUYER_PASSWORD, Zone, run_holdfast};
use serde_json::{Value, json};

kit::stories! {
    migrating_again_changes_nothing,
    an_admin_is_made_from_the_command_line,
    a_restart_resets_nothing,
}

kit::stories! { on [SqliteEmbedded];
    the_openapi_document_is_the_same_from_the_command_line_and_the_server,
    the_demo_is_made_once_in_an_empty_database: |app| app.env("HOLDFAST_DEMO", "on"),
}

#[test]
fn a_machine_with_nothing_but_the_program_has_a_database_at_once() {
    // In an empty directory, without a single setting.
    let output = run_holdfast(&["migrate"], &[]);
    assert!(output.status.success(), "{output:?}");
}

async fn migrating_again_changes_nothing(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 1500)]).await;
    let buyer = app.buyer().await;
    app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    let before = crate::bad_input::contents(app).await;
    for _ in 0..2 {
        let output = app.run(&["migrate"]);
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(crate::bad_input::contents(app).await, before);
    app.reserve(&buyer, event.tickets()[1]).await.expect(201);
}

async fn an_admin_is_made_from_the_command_line(app: &App) {
    let buyer = app.buyer().await;
    let boss = "Boss@example.com";
    let make = |email: &str| {
        let args = [
            "admin",
            "create",
            "--admin-email",
            email,
            "--admin-password",
            "a boss's password",
        ];
        let output = app.run(&args);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            format!("{email} is an admin\n")
        );
    };
    make(boss);
    make(boss);
    // Who has an account keeps its password.
    make(&buyer.email);
    for (email, password) in [(boss, "a boss's password"), (&buyer.email, BUYER_PASSWORD)] {
        let person = app.login(email, password).await;
        let me = app.get("/api/me").by(&person).await.expect(200);
        assert_eq!(me["role"], "admin");
        let venue =
            json!({ "name": "Hall", "city": "Riga", "country": "LV", "time_zone": "Europe/Riga" });
        app.post("/api/venues")
            .by(&person)
            .json(&venue)
            .await
            .expect(201);
    }
    let output = run_holdfast(&["admin", "create"], &[]);
    assert!(crate::settings::only_line(&output).contains("--admin-email"));
}

async fn a_restart_resets_nothing(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 4, 1500)]).await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    let hold = app
        .reserve_tickets(&buyer, &event, &seats[..2])
        .await
        .expect(201);
    let order = app.reserve(&buyer, seats[2]).await.expect(201);
    let order = app
        .confirm(&buyer, &order.id(), "tok_success")
        .await
        .expect(200);
    let before = crate::bad_input::contents(app).await;

    assert_eq!(app.instance().terminate().await.code(), Some(0));
    app.instance().start_again().await;
    app.instance().restart().await;

    assert_eq!(crate::bad_input::contents(app).await, before);
    // The token from before still signs in.
    for kept in [&hold, &order] {
        let read = app.get_reservation(&buyer, &kept.id()).await.expect(200);
        assert_eq!(read.body, kept.body);
    }
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    assert_eq!(app.seats(&event, "sold").await, 3);
}

async fn the_openapi_document_is_the_same_from_the_command_line_and_the_server(app: &App) {
    let output = run_holdfast(&["openapi"], &[]);
    assert!(output.status.success(), "{output:?}");
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let served = app.get("/openapi.json").await.expect(200);
    assert_eq!(served.body, printed);
    assert!(
        served
            .header("content-type")
            .unwrap()
            .starts_with("application/json")
    );

    assert_eq!(
        app.get("/").await.expect(303).header("location"),
        Some("/docs")
    );
    let page = app.get("/docs").await.expect(200);
    assert!(page.text.contains("swagger"), "{page:?}");
}

async fn the_demo_is_made_once_in_an_empty_database(app: &App) {
    let events = app.get("/api/events").await.expect(200);
    let [event] = events["items"].as_array().unwrap().as_slice() else {
        panic!("{events:?}");
    };
    let path = format!("/api/events/{}", event["id"]);
    let whole = app.get(&path).await.expect(200);
    let kinds = whole["zones"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds
        .map(|zone| zone["seating"]["kind"].as_str().unwrap())
        .collect();
    assert!(
        kinds.contains(&"seated") && kinds.contains(&"standing"),
        "{kinds:?}"
    );

    let log = app.instance().log();
    for part in [
        app.base_url(),
        "/docs",
        "buyer@example.com / holdfast-buyer",
    ] {
        assert!(log.contains(part), "the log says where to click: {part}");
    }
    let buyer = app.login("buyer@example.com", "holdfast-buyer").await;
    let ticket = app.count("SELECT min(id) FROM tickets").await;
    app.reserve(&buyer, ticket).await.expect(201);
    let before = crate::bad_input::contents(app).await;
    app.instance().restart().await;
    assert_eq!(crate::bad_input::contents(app).await, before);
    assert_eq!(app.ticket_status(ticket).await, "held");
}
