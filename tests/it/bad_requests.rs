//! Requests that are off before anybody looks at what they say.

use kit::{App, Person, Zone};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bad_input::contents;

kit::stories! {
    what_is_no_json_is_refused,
    a_body_that_is_too_large_is_refused_unread,
    a_body_that_is_not_declared_as_json_is_refused,
    unknown_addresses_and_methods_are_refused,
    whatever_comes_over_the_wire_the_server_goes_on_serving,
}

const MIB: usize = 1024 * 1024;

async fn what_is_no_json_is_refused(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let before = contents(app).await;
    let good = format!(
        r#"{{"event_id":{},"ticket_ids":{:?}}}"#,
        event.id,
        event.tickets()
    );
    let deep = |opening: &str| opening.repeat(60_000 / opening.len());
    let bodies: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "body"),
        (b" \n".to_vec(), "body"),
        (b"{".to_vec(), "body"),
        (b"null".to_vec(), "body"),
        (b"[]".to_vec(), "body"),
        (b"42".to_vec(), "body"),
        (b"\"text\"".to_vec(), "body"),
        (b"event_id=1&ticket_ids=2".to_vec(), "body"),
        (format!("{good} {good}").into(), "body"),
        (format!("{good},").into(), "body"),
        (good.as_bytes()[..good.len() - 1].to_vec(), "body"),
        (good.replace(':', "=").into(), "body"),
        (good.replace('"', "'").into(), "body"),
        (
            good.replacen('{', r#"{"event_id":1,"#, 1).into(),
            "event_id",
        ),
        (
            br#"{"event_id":99999999999999999999,"ticket_ids":[1]}"#.to_vec(),
            "event_id",
        ),
        (
            br#"{"event_id":1,"ticket_ids":[-99999999999999999999]}"#.to_vec(),
            "ticket_ids[0]",
        ),
        (
            b"{\"event_id\":1,\"zone_id\":\"\xff\xfe\",\"quantity\":1}".to_vec(),
            "zone_id",
        ),
        (b"\xff\xfe{}".to_vec(), "body"),
        (b"\xef\xbb\xbf{}".to_vec(), "body"),
        (deep("[").into(), "[0]"),
        (format!(r#"{{"event_id":{}"#, deep("[")).into(), "event_id"),
        (
            format!(r#"{{"ticket_ids":[{}"#, deep(r#"{"a":"#)).into(),
            "ticket_ids[0]",
        ),
    ];
    for (body, field) in bodies {
        let about = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = json_call(app, &buyer).body(body).await;
        assert_eq!(
            (answer.status, answer.slug()),
            (400, "validation-failed"),
            "{about}: {answer:?}"
        );
        assert_eq!(answer["errors"][0]["field"], field, "{about}: {answer:?}");
    }
    assert_eq!(contents(app).await, before, "nothing is changed");
    json_call(app, &buyer).body(good).await.expect(201);
}

async fn a_body_that_is_too_large_is_refused_unread(app: &App) {
    let buyer = app.buyer().await;
    let before = contents(app).await;
    let padding = |size: usize| format!(r#"{{"event_id": {}1}}"#, " ".repeat(size));
    let answer = json_call(app, &buyer).body(padding(64 * 1024)).await;
    answer.expect_problem(413, "body-too-large");
    for path in ["/api/reservations", "/api/auth/register", "/api/auth/login"] {
        let call = app
            .post(path)
            .by(&buyer)
            .header("content-type", "application/json");
        // The server may answer and hang up while the client is still sending.
        if let Ok(answer) = call.body(padding(10 * MIB)).attempt().await {
            answer.expect_problem(413, "body-too-large");
        }
    }
    // Nobody says beforehand how long this one is.
    let head = format!(
        "POST /api/reservations HTTP/1.1\r\nhost: holdfast\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        buyer.token()
    );
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let answer = talk(
        app,
        [head, chunk.repeat(20), "0\r\n\r\n".to_owned()]
            .concat()
            .as_bytes(),
    )
    .await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 413"),
        "{answer}"
    );
    assert_eq!(contents(app).await, before, "nothing is changed");
}

async fn a_body_that_is_not_declared_as_json_is_refused(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let good = format!(
        r#"{{"event_id":{},"ticket_ids":{:?}}}"#,
        event.id,
        event.tickets()
    );
    let call = || app.post("/api/reservations").by(&buyer).body(good.clone());
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "json",
        "",
    ] {
        let refused = call().header("content-type", kind).await;
        refused.expect_problem(415, "unsupported-media-type");
    }
    call().await.expect_problem(415, "unsupported-media-type");
    assert_eq!(app.seats(&event, "held").await, 0);
    let declared = call().header("content-type", "Application/JSON; charset=utf-8");
    declared.await.expect(201);
}

async fn unknown_addresses_and_methods_are_refused(app: &App) {
    let buyer = app.buyer().await;
    for path in [
        "/api",
        "/api/",
        "/api/orders",
        "/api/tickets/1/steal",
        "/nothing",
        "/api/events/1/",
        "/../etc/passwd",
        "/%ff",
    ] {
        let answer = app.get(path).by(&buyer).await;
        answer.expect_problem(404, "not-found");
    }
    for (method, path) in [
        ("PUT", "/api/events"),
        ("DELETE", "/api/tickets/1"),
        ("GET", "/api/tickets/1/reserve"),
        ("PATCH", "/api/reservations"),
        ("POST", "/health/live"),
        ("BREW", "/api/venues"),
    ] {
        let call = app.call(method.parse().unwrap(), path).by(&buyer);
        call.await.expect_problem(405, "method-not-allowed");
    }
    // Metrics are for operators, on a listener of their own.
    app.get("/metrics").await.expect_problem(404, "not-found");
}

async fn whatever_comes_over_the_wire_the_server_goes_on_serving(app: &App) {
    let pipelined = "GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n".repeat(50);
    let long_line = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(100_000));
    let many_headers = format!(
        "GET / HTTP/1.1\r\nhost: a\r\n{}\r\n",
        "x: y\r\n".repeat(1000)
    );
    let lies = "POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                content-length: 50\r\nconnection: close\r\n\r\n{";
    for bytes in [
        b"\r\n\r\n".as_slice(),
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: \xff\xfe\r\nconnection: close\r\n\r\n",
        b"POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n",
        pipelined.as_bytes(),
        long_line.as_bytes(),
        many_headers.as_bytes(),
        lies.as_bytes(),
    ] {
        let answer = talk(app, bytes).await;
        let about = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert!(
            !answer.starts_with("HTTP/1.1 5"),
            "{about} is answered {answer}"
        );
        app.get("/health/ready").await.expect(200);
    }
}

fn json_call(app: &App, buyer: &Person) -> kit::Call {
    let call = app.post("/api/reservations").by(buyer);
    call.header("content-type", "application/json")
}

/// Sends bytes as they are and says no more; gives what comes back, if anything does.
async fn talk(app: &App, bytes: &[u8]) -> String {
    let address = app.base_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut from, mut to) = stream.split();
    let mut answer = Vec::new();
    let sending = async {
        // The server may hang up before it has heard everything.
        let _ = to.write_all(bytes).await;
        let _ = to.shutdown().await;
    };
    let (_, ()) = tokio::join!(from.read_to_end(&mut answer), sending);
    String::from_utf8_lossy(&answer).into_owned()
}
