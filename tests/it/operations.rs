//! What operators see: probes, metrics, request ids and logs, to the last request.

use std::collections::BTreeSet;

use kit::{App, Zone, eventually, eventually_eq, race, secs};
use serde_json::{Value, json};

kit::stories! {
    probes_tell_how_each_dependency_is,
    every_documented_metric_is_there_after_some_traffic: |app| app.hold_ttl_secs(1),
    labels_stay_few_whatever_is_asked_for,
    a_request_is_found_by_its_id_in_the_answer_and_the_log:
        |app| app.env("HOLDFAST_LOG", "info,holdfast=debug"),
    a_log_for_machines_is_one_object_a_line: |app| app
        .env("HOLDFAST_LOG_FORMAT", "json")
        .env("HOLDFAST_LOG", "info,holdfast=debug"),
    a_server_that_is_asked_to_leave_finishes_what_is_in_flight,
    more_requests_than_allowed_are_shed: |app| app.env("HOLDFAST_MAX_IN_FLIGHT", "4"),
    answered_requests_are_logged_only_where_that_is_asked_for,
}

async fn probes_tell_how_each_dependency_is(app: &App) {
    let live = app.get("/health/live").await.expect(200);
    assert_eq!(
        live.body,
        json!({ "status": "live", "instance": "holdfast" })
    );
    let mut dependencies = json!({ "database": { "status": "up" } });
    if !app.lock_nodes.is_empty() {
        let nodes = app
            .lock_nodes
            .iter()
            .map(|node| json!({ "node": node.address(), "status": "up" }));
        dependencies["messages"] = json!({ "status": "up" });
        dependencies["locks"] = json!({ "status": "up", "nodes": nodes.collect::<Vec<_>>() });
    }
    let ready = json!({ "status": "ready", "instance": "holdfast", "dependencies": dependencies });
    for path in ["/health/ready".to_owned(), operators(app, "/health/ready")] {
        let answer = app.get(&path).await.expect(200);
        assert_eq!(answer.body, ready);
    }
    assert_eq!(
        app.get("/health/live").await.header("x-served-by"),
        Some("holdfast")
    );
}

async fn every_documented_metric_is_there_after_some_traffic(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    app.reserve(&buyer, event.tickets()[1]).await.expect(201);
    eventually_eq(secs(10), 0, async || app.seats(&event, "held").await).await;

    let mut names = vec![
        "holdfast_build_info{version=",
        "holdfast_http_requests_total{route=\"/api/tickets/{ticket_id}/reserve\",method=\"POST\",status=\"201\"}",
        "holdfast_http_request_duration_seconds_bucket{route=",
        "holdfast_http_requests_in_flight ",
        "holdfast_http_requests_shed_total ",
        "holdfast_reservation_outcomes_total{operation=\"hold\",outcome=\"ok\"}",
        "holdfast_reservation_outcomes_total{operation=\"confirm\",outcome=\"ok\"}",
        "holdfast_reservation_outcomes_total{operation=\"expire\",outcome=\"ok\"}",
        "holdfast_lock_attempts_total{outcome=\"acquired\"}",
        "holdfast_lock_acquire_duration_seconds_bucket{",
        "holdfast_lock_wait_duration_seconds_bucket{",
        "holdfast_lock_bypassed_total ",
        "holdfast_commit_duration_seconds_bucket{operation=\"hold\",",
        "holdfast_commit_batch_changes_bucket{le=\"512\"}",
        "holdfast_version_conflicts_total{operation=\"hold\"}",
        "holdfast_mirror_events ",
        "holdfast_mirror_tickets ",
        "holdfast_mirror_loads_total ",
        "holdfast_mirror_healed_total ",
        "holdfast_holds_active ",
        "holdfast_holds_expired_total ",
        "holdfast_hold_expiry_lag_seconds_bucket{",
        "holdfast_db_pool_connections{pool=\"read\",state=\"idle\"}",
        "holdfast_db_pool_connections{pool=\"write\",state=\"in_use\"}",
        "holdfast_db_pool_max_connections{pool=\"read\"}",
        "holdfast_db_pool_max_connections{pool=\"write\"}",
        "holdfast_dependency_up{dependency=\"database\"} 1",
        "holdfast_password_hashes_waiting ",
        "holdfast_password_hash_duration_seconds_bucket{",
        "holdfast_payments_total{outcome=\"succeeded\"} 1",
        "holdfast_payments_total{outcome=\"declined\"} 0",
        "holdfast_rate_limited_total{limit=\"login\"} 0",
        "holdfast_rate_limit_fallbacks_total 0",
        "holdfast_mails_waiting 0",
        "holdfast_mails_oldest_waiting_seconds 0",
        "holdfast_mails_total{outcome=\"sent\"} 0",
        "holdfast_draining 0",
    ];
    let mut nodes = Vec::new();
    if !app.lock_nodes.is_empty() {
        nodes.extend(
            app.lock_nodes
                .iter()
                .map(|node| format!("holdfast_lock_node_up{{node=\"{}\"}} 1", node.address())),
        );
        names.extend(nodes.iter().map(String::as_str));
        names.extend([
            "holdfast_lock_quorum 1",
            "holdfast_dependency_up{dependency=\"locks\"} 1",
            "holdfast_dependency_up{dependency=\"messages\"} 1",
        ]);
    }
    // Some are sampled every few seconds.
    eventually(secs(15), async || {
        let text = app.instance().metrics().await;
        let is_there = |name: &&str| text.lines().any(|line| same_series(line, name));
        let missing: Vec<_> = names.iter().filter(|name| !is_there(name)).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{missing:?} are missing in\n{text}"))
        }
    })
    .await;
    let text = app.instance().metrics().await;
    let undocumented = text
        .lines()
        .find(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("holdfast_"));
    assert_eq!(
        undocumented, None,
        "every name begins with that of the program"
    );
}

/// Is true when the line begins with this name and has at least these labels, in any order.
fn same_series(line: &str, wanted: &str) -> bool {
    let Some((name, labels)) = wanted.split_once('{') else {
        return line.starts_with(wanted);
    };
    let (labels, value) = labels.rsplit_once('}').unwrap_or((labels, ""));
    let Some(rest) = line.strip_prefix(name) else {
        return false;
    };
    rest.starts_with('{')
        && labels
            .split_terminator(',')
            .all(|label| rest.contains(label))
        && rest.ends_with(value)
}

async fn labels_stay_few_whatever_is_asked_for(app: &App) {
    let buyer = app.buyer().await;
    let series = async || {
        let text = app.instance().metrics().await;
        let lines = text
            .lines()
            .filter(|line| line.starts_with("holdfast_http_requests_total{"));
        lines
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(series, _)| series.to_owned())
            .collect::<BTreeSet<_>>()
    };
    let ask = async |round: i64| {
        for path in [
            format!("/nothing/{round}"),
            format!("/api/tickets/{round}"),
            format!("/api/tickets/no{round}"),
            format!("/api/events/{round}/availability?x={round}"),
            format!("/api/reservations/{round}"),
        ] {
            app.get(&path).by(&buyer).await;
            let method = format!("BREW{round}").parse().unwrap();
            app.call(method, &path).by(&buyer).await;
        }
    };
    ask(-1).await;
    let before = series().await;
    for round in -20..-1 {
        ask(round).await;
    }
    assert_eq!(
        series().await,
        before,
        "no request makes a series of its own"
    );

    let document = app.get("/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().unwrap();
    for series in &before {
        let route = label(series, "route");
        let is_known = paths.contains_key(route) || ["none", "/openapi.json"].contains(&route);
        assert!(is_known, "{series}");
        let method = label(series, "method");
        assert!(["GET", "POST", "other"].contains(&method), "{series}");
    }
}

fn label<'a>(series: &'a str, name: &str) -> &'a str {
    let value = series.split_once(&format!("{name}=\""));
    let value = value.and_then(|(_, rest)| rest.split_once('"'));
    value.unwrap_or_else(|| panic!("{series} has no {name}")).0
}

async fn a_request_is_found_by_its_id_in_the_answer_and_the_log(app: &App) {
    let sane = "Order-17_of.Ada";
    let taken_over = app.get("/api/venues").header("x-request-id", sane).await;
    assert_eq!(taken_over.header("x-request-id"), Some(sane));

    let mut made = BTreeSet::new();
    let too_long = "x".repeat(65);
    for insane in ["", "with space", "with\"quote", "new=field", "é", &too_long] {
        let answer = app
            .get("/api/tickets/0")
            .header("x-request-id", insane)
            .await;
        let answer = answer.expect_problem(404, "not-found");
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert_ne!(id, insane);
        assert_eq!(answer["request_id"], id.as_str());
        made.insert(id);
    }
    assert_eq!(made.len(), 6, "each is another one");
    made.insert(sane.to_owned());
    eventually(secs(5), async || {
        let log = app.instance().log();
        let missing: Vec<_> = made
            .iter()
            .filter(|id| !log.contains(&format!("request_id={id}")))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{missing:?} are not in the log"))
        }
    })
    .await;
}

async fn a_log_for_machines_is_one_object_a_line(app: &App) {
    app.get("/api/tickets/0")
        .header("x-request-id", "machine-17")
        .await
        .expect(404);
    app.instance().terminate().await;
    let log = app.instance().log();
    let mut answered = Vec::new();
    for line in log.lines().filter(|line| !line.is_empty()) {
        let event: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if event["message"] == "answered" && line.contains("machine-17") {
            answered.push(event);
        }
    }
    assert_eq!(answered.len(), 1);
    assert_eq!(answered[0]["status"], 404);
    app.instance().start_again().await;
}

async fn answered_requests_are_logged_only_where_that_is_asked_for(app: &App) {
    for number in 0..3 {
        let call = app.get("/api/tickets/0");
        let id = format!("quiet-{number}");
        call.header("x-request-id", id).await.expect(404);
    }
    app.instance().terminate().await;
    let log = app.instance().log();
    assert!(log.contains("INFO") && !log.contains("quiet-"), "{log}");
    app.instance().start_again().await;
}

async fn a_server_that_is_asked_to_leave_finishes_what_is_in_flight(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    let id = hold.id();

    let leaving = async {
        let begun = "SELECT count(*) FROM payments";
        eventually_eq(secs(5), 1, async || app.count(begun).await).await;
        app.instance().ask_to_leave();
        let ready = operators(app, "/health/ready");
        eventually(secs(5), async || match app.get(&ready).attempt().await {
            Ok(answer) if answer.status == 503 && answer["status"] == "draining" => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        let draining = app.instance().metric("holdfast_draining", &[]).await;
        assert!((draining - 1.0).abs() < f64::EPSILON);
        // Who comes now has to go to another instance.
        let fresh = tokio::net::TcpStream::connect(app.base_url().trim_start_matches("http://"));
        assert!(fresh.await.is_err());
    };
    let (paid, ()) = tokio::join!(app.confirm(&buyer, &id, "tok_slow"), leaving);
    assert_eq!(paid.expect(200)["status"], "confirmed");
    assert_eq!(app.instance().left().await.code(), Some(0));
    app.verify();
    app.instance().start_again().await;
    assert_eq!(app.seats(&event, "sold").await, 1);
}

async fn more_requests_than_allowed_are_shed(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 30, 1500)]).await;
    let buyer = app.buyer().await;
    let answers = race(30, |number| app.reserve(&buyer, event.tickets()[number])).await;
    let (held, shed): (Vec<_>, Vec<_>) = answers.into_iter().partition(kit::Answer::is_success);
    assert!(!held.is_empty() && !shed.is_empty());
    let count = shed.len();
    for refused in shed {
        let refused = refused.expect_problem(503, "unavailable");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    assert_eq!(
        app.seats(&event, "held").await,
        i64::try_from(held.len()).unwrap()
    );
    let metric = app
        .instance()
        .metric("holdfast_http_requests_shed_total", &[])
        .await;
    assert_eq!(metric.to_string(), count.to_string());
}

/// An address on the listener for operators.
fn operators(app: &App, path: &str) -> String {
    app.instance().metrics_url().replace("/metrics", path)
}
