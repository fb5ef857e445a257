//! The database goes away and comes back; until then Holdfast says so.

use kit::{
    App, Backend, Builder, Event, Person, Zone, eventually, eventually_eq, run_holdfast, secs,
};

kit::stories! { on [PostgresEmbedded, PostgresRedis];
    a_database_that_is_gone_makes_the_instance_unavailable_until_it_is_back: super::on_its_own,
    a_database_that_hangs_makes_the_instance_unready_and_what_waited_is_done: super::on_its_own,
    a_database_that_is_not_there_at_the_start_is_waited_for: super::on_its_own,
}

fn on_its_own(app: Builder<Backend>) -> Builder<Backend> {
    app.own_postgres().env("HOLDFAST_DB_ACQUIRE_MS", "500")
}

async fn a_database_that_is_gone_makes_the_instance_unavailable_until_it_is_back(app: &App) {
    let (event, buyer) = sale(app).await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    app.postgres().stop().await;

    for call in [
        app.reserve(&buyer, event.tickets()[1]),
        app.reserve_places(&buyer, &event, event.zones[0].id, 1),
        app.confirm(&buyer, &hold.id(), "tok_success"),
        app.release(&buyer, &hold.id()),
        app.ticket(event.tickets()[0]),
        app.get("/api/events"),
        app.get("/api/me").by(&buyer),
    ] {
        let refused = call.await.expect_problem(503, "unavailable");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    let ready = app.get("/health/ready").await.expect(503);
    assert_eq!(ready["status"], "unavailable");
    assert_eq!(ready["dependencies"]["database"]["status"], "down");
    app.get("/health/live").await.expect(200);

    app.postgres().start_again().await;
    eventually_eq(secs(15), 200, async || {
        app.get("/health/ready").await.status
    })
    .await;
    app.reserve(&buyer, event.tickets()[1]).await.expect(201);
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    assert_eq!(app.count("SELECT count(*) FROM payments").await, 1);
}

async fn a_database_that_hangs_makes_the_instance_unready_and_what_waited_is_done(app: &App) {
    let (event, buyer) = sale(app).await;
    app.postgres().pause().await;
    let meanwhile = async {
        eventually_eq(secs(15), 503, async || {
            app.get("/health/ready").await.status
        })
        .await;
        app.get("/health/live").await.expect(200);
        app.postgres().resume().await;
    };
    let (waited, ()) = tokio::join!(app.reserve(&buyer, event.tickets()[0]), meanwhile);
    assert!([201, 503].contains(&waited.status), "{waited:?}");
    eventually_eq(secs(15), 200, async || {
        app.get("/health/ready").await.status
    })
    .await;
    eventually(secs(15), async || {
        let answer = app.reserve(&buyer, event.tickets()[1]).await;
        if [201, 409].contains(&answer.status) {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    })
    .await;
    app.reserve(&buyer, event.tickets()[2]).await.expect(201);
}

async fn a_database_that_is_not_there_at_the_start_is_waited_for(app: &App) {
    let (event, buyer) = sale(app).await;
    app.instance().kill();
    app.postgres().stop().await;
    let comes_late = async {
        let waits = || {
            app.instance()
                .log()
                .contains("the database is not there yet")
        };
        eventually(secs(30), async || waits()).await;
        app.postgres().start_again().await;
    };
    tokio::join!(app.instance().start_again(), comes_late);
    app.reserve(&buyer, event.tickets()[0]).await.expect(201);
}

#[test]
fn a_database_that_never_comes_ends_the_start() {
    let nowhere = "postgres://postgres@127.0.0.1:1/holdfast";
    let secret = "0123456789abcdef0123456789abcdef";
    let settings = [
        ("DATABASE_URL", nowhere),
        ("HOLDFAST_JWT_SECRET", secret),
        ("HOLDFAST_START_TIMEOUT_SECS", "2"),
        ("HOLDFAST_DB_ACQUIRE_MS", "100"),
        ("HOLDFAST_LISTEN", "127.0.0.1:0"),
        ("HOLDFAST_METRICS_LISTEN", "127.0.0.1:0"),
        ("HOLDFAST_LOG_FORMAT", "text"),
    ];
    let output = run_holdfast(&[], &settings);
    assert!(!output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the database is not there yet"), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("holdfast: failed to connect to the database of '--database-url'"),
        "{said}"
    );
}

async fn sale(app: &App) -> (Event, Person) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 1500)]).await;
    (event, app.buyer().await)
}
