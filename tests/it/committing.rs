//! The committer: what waits is committed together, and each change stands or falls by itself.

use std::cell::Cell;
use std::fs::{DirEntry, read_dir, read_to_string};
use std::io;

use futures_util::future::join_all;
use kit::{
    App, Backend, Builder, WAITING_BATCHES, Zone, eventually, eventually_eq, race, secs, tally,
};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde_json::json;

kit::stories! {
    a_full_queue_refuses_at_once_and_what_was_in_it_is_done: |app| app.env("HOLDFAST_COMMIT_QUEUE", "1"),
    money_for_which_there_is_no_room_in_the_queue_is_given_back: |app| app.env("HOLDFAST_COMMIT_QUEUE", "1"),
    holds_end_and_are_counted_though_few_can_wait:
        |app| app.env("HOLDFAST_COMMIT_QUEUE", "1").hold_ttl_secs(1),
    everything_at_once_is_done_each_by_itself: super::patient,
    a_thread_of_its_own_commits_the_same:
        |app| super::patient(app).env("HOLDFAST_COMMIT_THREAD", "on"),
    what_was_answered_in_a_burst_outlives_a_crash:
        |app| app.env("HOLDFAST_DB_ACQUIRE_MS", "60000").lock_ttl_ms(2000),
}

mod on_postgresql {
    kit::stories! { on [PostgresEmbedded, PostgresRedis];
        what_moves_after_it_was_read_is_read_again,
        a_batch_that_waits_for_others_is_overtaken,
        one_connection_to_write_with_is_enough: |app| app.env("HOLDFAST_DB_MAX_CONNECTIONS", "2"),
        two_connections_to_write_with_are_enough: |app| app.env("HOLDFAST_DB_MAX_CONNECTIONS", "8"),
    }

    use super::{
        a_batch_that_waits_for_others_is_overtaken, everything_is_sold_and_paid,
        what_moves_after_it_was_read_is_read_again,
    };

    async fn one_connection_to_write_with_is_enough(app: &kit::App) {
        everything_is_sold_and_paid(app).await;
    }

    async fn two_connections_to_write_with_are_enough(app: &kit::App) {
        everything_is_sold_and_paid(app).await;
    }
}

mod believing_what_is_not_so {
    kit::stories! { on [SqliteRedis, PostgresRedis];
        bad_changes_of_a_batch_harm_no_other: super::super::patient,
    }

    use super::bad_changes_of_a_batch_harm_no_other;
}

fn patient(app: Builder<Backend>) -> Builder<Backend> {
    app.env("HOLDFAST_DB_ACQUIRE_MS", "60000")
        .env("HOLDFAST_LOCK_WAIT_MS", "10000")
        .lock_ttl_ms(60_000)
}

async fn a_full_queue_refuses_at_once_and_what_was_in_it_is_done(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 24, 4500)]).await;
    let buyer = app.buyer().await;
    let gate = Gate::close(app).await;
    let refused = Cell::new(0);
    let burst = event.tickets().iter().map(async |ticket| {
        let key = ticket.to_string();
        let answer = app.reserve(&buyer, *ticket).key(&key).await;
        refused.set(refused.get() + usize::from(!answer.is_success()));
        (*ticket, answer)
    });
    // Nobody hears anything but a refusal before the gate is open. Three may be at work on
    // PostgreSQL, two on SQLite, and one waits.
    let opening = async {
        eventually(secs(20), async || refused.get() >= 12).await;
        gate.open().await;
    };
    let (answers, ()) = tokio::join!(join_all(burst), opening);

    let (held, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|it| it.1.is_success());
    assert!(!held.is_empty() && held.len() <= 12, "{}", held.len());
    let count = i64::try_from(held.len()).unwrap();
    assert_eq!(app.seats(&event, "held").await, count);
    for (ticket, answer) in refused {
        let answer = answer.expect_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
        let again = app.reserve(&buyer, ticket).key(&ticket.to_string()).await;
        assert_eq!(again.expect(201).header("idempotency-replayed"), None);
    }
}

async fn money_for_which_there_is_no_room_in_the_queue_is_given_back(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 24, 4500)]).await;
    let buyer = app.buyer().await;
    let (own, others) = event.tickets().split_at(1);
    let hold = app.reserve(&buyer, own[0]).await.expect(201).id();

    // The provider takes a second to answer, and then everybody wants something.
    let burst = async {
        let begun = "SELECT count(*) FROM payments";
        eventually(secs(10), async || app.count(begun).await == 1).await;
        let gate = Gate::close(app).await;
        let refused = Cell::new(0);
        let calls = others.iter().map(async |ticket| {
            let answer = app.reserve(&buyer, *ticket).await;
            refused.set(refused.get() + usize::from(!answer.is_success()));
        });
        let opening = async {
            eventually(secs(20), async || refused.get() >= 12).await;
            gate.open().await;
        };
        tokio::join!(join_all(calls), opening);
    };
    let (paid, ()) = tokio::join!(app.confirm(&buyer, &hold, "tok_slow"), burst);
    if !paid.is_success() {
        paid.expect_problem(503, "unavailable");
        // Money is kept for nothing that was not sold, and the hold can be paid again.
        let kept = "SELECT count(*) FROM payments WHERE status NOT IN ('voided', 'succeeded')";
        eventually(secs(20), async || app.count(kept).await == 0).await;
        let again = app.confirm(&buyer, &hold, "tok_success").await;
        again.expect(200);
    }
    assert_eq!(app.seats(&event, "sold").await, 1);
}

async fn holds_end_and_are_counted_though_few_can_wait(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 30, 4500)]).await;
    let buyer = app.buyer().await;
    for ticket in event.tickets() {
        // Those that end meanwhile may be in the way.
        eventually(secs(20), async || {
            let answer = app.reserve(&buyer, *ticket).await;
            answer.is_success().then_some(()).ok_or(answer.text)
        })
        .await;
    }
    eventually_eq(secs(30), 0, async || app.seats(&event, "held").await).await;
    let instance = app.instance();
    let expired = async || {
        instance
            .metric("holdfast_holds_expired_total", &[])
            .await
            .to_string()
    };
    eventually_eq(secs(5), "30".to_owned(), expired).await;
}

async fn everything_at_once_is_done_each_by_itself(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 5, 10, 4500)]).await;
    let buyers = app.buyers(5).await;
    let rows: Vec<&[i64]> = event.tickets().chunks(10).collect();
    let buyer = |number: usize| &buyers[number % 5];
    let holds = race(30, |number| {
        app.reserve(buyer(number), event.tickets()[number])
    });
    let holds: Vec<_> = holds
        .await
        .into_iter()
        .map(|hold| hold.expect(201).id())
        .collect();

    let answers = race(50, |number| match number {
        0..10 => app.confirm(buyer(number), &holds[number], "tok_success"),
        10..20 => app.release(buyer(number), &holds[number]),
        20..30 => app.extend(buyer(number), &holds[number]),
        // Some of each row that is left want the same seat.
        _ => app.reserve(buyer(number), rows[3][number % 10]),
    });
    let answers = answers.await;
    let expected = [(0..10, 200), (10..20, 204), (20..30, 200)];
    for (numbers, status) in expected {
        for answer in &answers[numbers] {
            assert_eq!(answer.status, status, "{answer:?}");
        }
    }
    let outcomes = tally(&answers[30..]);
    assert_eq!((outcomes["201"], outcomes["ticket-taken"]), (10, 10));
    let states = ["sold", "held", "available"].map(async |state| app.seats(&event, state).await);
    assert_eq!(join_all(states).await, [10, 20, 20]);
}

async fn a_thread_of_its_own_commits_the_same(app: &App) {
    let tasks = format!("/proc/{}/task", app.instance().pid());
    let name = |task: io::Result<DirEntry>| read_to_string(task?.path().join("comm"));
    let names: io::Result<Vec<_>> = read_dir(tasks).unwrap().map(name).collect();
    let names = names.unwrap();
    assert!(names.iter().any(|name| name == "committing\n"), "{names:?}");
    everything_at_once_is_done_each_by_itself(app).await;
    everything_is_sold_and_paid(app).await;
    assert_eq!(app.instance().terminate().await.code(), Some(0));
}

async fn what_was_answered_in_a_burst_outlives_a_crash(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 60, 3, 4500)]).await;
    let buyer = app.buyer().await;
    let rows: Vec<&[i64]> = event.tickets().chunks(3).collect();
    let answered = Cell::new(0);
    let burst = rows.iter().enumerate().map(async |(number, row)| {
        let call = app.reserve_tickets(&buyer, &event, row);
        let answer = call.key(&format!("row {number}")).attempt().await.ok()?;
        answered.set(answered.get() + 1);
        Some(answer.expect(201).id())
    });
    let killing = async {
        eventually(secs(30), async || answered.get() > 0).await;
        app.instance().restart().await;
    };
    let (answers, ()) = tokio::join!(join_all(burst), killing);

    // Whoever heard nothing asks again with the same key, and each has its whole row in the end.
    for (number, (row, answer)) in rows.iter().zip(answers).enumerate() {
        // The locks of who has died live on for a while.
        let again = eventually(secs(20), async || {
            let call = app.reserve_tickets(&buyer, &event, row);
            let answer = call.key(&format!("row {number}")).await;
            match answer.slug() {
                "ticket-contended" => Err(format!("{answer:?}")),
                _ => Ok(answer.expect(201)),
            }
        })
        .await;
        assert_eq!(again.tickets(), *row);
        if let Some(id) = answer {
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
            assert_eq!(again.id(), id);
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 60);
    assert_eq!(app.seats(&event, "held").await, 180);
}

async fn bad_changes_of_a_batch_harm_no_other(app: &App) {
    let event = app
        .on_limited_sale(&[Zone::seated("Stalls", 4, 10, 4500)], 20)
        .await;
    let [first, buyer, full] = [app.buyer().await, app.buyer().await, app.buyer().await];
    let rows: Vec<&[i64]> = event.tickets().chunks(10).collect();
    for (number, pair) in rows[0].chunks(2).enumerate() {
        let call = app.reserve_tickets(&first, &event, pair);
        call.key(&format!("key {number}")).await.expect(201);
    }
    let reserve_all = app.reserve_tickets(&full, &event, rows[1]);
    reserve_all.await.expect(201);
    app.execute("UPDATE events SET limit_per_customer = 10")
        .await;

    // The instance believes that the first row is free, so that only the batch finds out.
    let lies = rows[0].iter().map(|ticket| {
        json!({ "ticket_id": ticket, "event_id": event.id, "version": 7, "status": "available" })
    });
    app.say(&lies.collect()).await;
    eventually(secs(10), async || {
        app.seats(&event, "available").await == 30
    })
    .await;

    let gate = Gate::close(app).await;
    let answered = Cell::new(0);
    let burst = race(30, |number| {
        let call = match number {
            0..10 => app.reserve(&buyer, rows[0][number]),
            10..20 => app.reserve(&buyer, rows[2][number - 10]),
            20..25 => app.reserve(&full, rows[3][number - 20]),
            _ => {
                let call = app.reserve(&first, rows[3][number - 20]);
                call.key(&format!("key {}", number - 25))
            }
        };
        let answered = &answered;
        async move {
            let answer = call.await;
            answered.set(answered.get() + 1);
            answer
        }
    });
    let opening = async {
        let in_flight = "holdfast_http_requests_in_flight";
        let instance = app.instance();
        eventually(secs(20), async || {
            // An instance that was put right too early refuses some before the gate.
            let (waiting, answered) = (instance.metric(in_flight, &[]).await, answered.get());
            let all = (waiting + f64::from(answered) >= 30.0).then_some(());
            all.ok_or_else(|| format!("{waiting} wait, {answered} were answered"))
        })
        .await;
        gate.open().await;
    };
    let (answers, ()) = tokio::join!(burst, opening);
    for (numbers, outcome) in [
        (0..10, "ticket-taken"),
        (10..20, "201"),
        (20..25, "limit-exceeded"),
        (25..30, "idempotency-key-reused"),
    ] {
        let count = numbers.len();
        let of_these = tally(&answers[numbers]);
        assert_eq!(of_these, [(outcome.to_owned(), count)].into());
    }
    // What was believed has been put right.
    assert_eq!(app.seats(&event, "held").await, 30);
}

async fn what_moves_after_it_was_read_is_read_again(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let buyer = app.buyer().await;
    let [moved, other] = <[i64; 2]>::try_from(event.tickets()).unwrap();
    // An organiser keeps a seat back and puts it on sale again, and others cannot see it yet.
    let organiser = app.connect().await;
    let moving = format!(
        "BEGIN; UPDATE tickets SET version = 2 WHERE id = {moved}; \
         INSERT INTO ledger (ticket_id, version, from_status, to_status, cause, at) VALUES \
           ({moved}, 1, 'available', 'blocked', 'block', now()), \
           ({moved}, 2, 'blocked', 'available', 'unblock', now())"
    );
    organiser.execute_unprepared(&moving).await.unwrap();
    let meanwhile = async {
        eventually_eq(secs(10), 1, async || app.count(WAITING_BATCHES).await).await;
        organiser.execute_unprepared("COMMIT").await.unwrap();
    };
    let (first, second, ()) = tokio::join!(
        async { app.reserve(&buyer, moved).await },
        async { app.reserve(&buyer, other).await },
        meanwhile
    );

    first.expect(201);
    second.expect(201);
    assert_eq!(app.seats(&event, "held").await, 2);
    let version = format!("SELECT version FROM tickets WHERE id = {moved}");
    assert_eq!(app.count(&version).await, 3);
}

/// Holds, which a connection is kept for, beside payments, which begin transactions.
async fn everything_is_sold_and_paid(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 2, 24, 4500)]).await;
    let buyer = app.buyer().await;
    let reserve = async |ticket: &i64| app.reserve(&buyer, *ticket).await.expect(201).id();
    let pay = async |id: &String| {
        let paid = app.confirm(&buyer, id, "tok_success").await;
        paid.expect(200);
    };
    let (first, second) = event.tickets().split_at(24);
    let ids = join_all(first.iter().map(reserve)).await;
    let (ids, _) = tokio::join!(
        join_all(second.iter().map(reserve)),
        join_all(ids.iter().map(pay))
    );
    join_all(ids.iter().map(pay)).await;
    assert_eq!(app.seats(&event, "sold").await, 48);
    app.verify();
}

async fn a_batch_that_waits_for_others_is_overtaken(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let buyer = app.buyer().await;
    let [stuck, other] = <[i64; 2]>::try_from(event.tickets()).unwrap();
    let somebody = app.connect().await;
    let lock = format!("BEGIN; SELECT id FROM tickets WHERE id = {stuck} FOR UPDATE");
    somebody.execute_unprepared(&lock).await.unwrap();
    let meanwhile = async {
        eventually_eq(secs(10), 1, async || app.count(WAITING_BATCHES).await).await;
        app.reserve(&buyer, other).await.expect(201);
        assert_eq!(app.seats(&event, "held").await, 1);
        somebody.execute_unprepared("COMMIT").await.unwrap();
    };
    let (answer, ()) = tokio::join!(async { app.reserve(&buyer, stuck).await }, meanwhile);

    answer.expect(201);
    assert_eq!(app.seats(&event, "held").await, 2);
}

/// Nobody can commit a reservation until this is opened. An instance waits no longer than five
/// seconds.
struct Gate(DatabaseConnection);

impl Gate {
    async fn close(app: &App) -> Self {
        let connection = app.connect().await;
        let close = match app.backend() {
            Backend::SqliteEmbedded | Backend::SqliteRedis => "BEGIN IMMEDIATE",
            Backend::PostgresEmbedded | Backend::PostgresRedis => {
                "BEGIN; LOCK TABLE reservations IN SHARE MODE"
            }
        };
        connection.execute_unprepared(close).await.unwrap();
        Self(connection)
    }

    async fn open(self) {
        self.0.execute_unprepared("COMMIT").await.unwrap();
    }
}
