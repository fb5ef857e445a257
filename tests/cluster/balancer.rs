//! What Nginx adds between a client and the instances, and what it must not do.

use kit::{Answer, Call, Cluster, Instance, Zone, eventually, race, secs};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

stories! {
    metrics_are_not_shown_to_the_public,
    a_request_keeps_its_id_from_the_client_to_the_log:
        |cluster| cluster.env("HOLDFAST_LOG", "info,holdfast=debug"),
    an_instance_is_told_who_calls_and_not_what_the_caller_claims,
    what_nginx_refuses_is_a_problem_document_too,
    a_delete_that_was_sent_is_not_sent_again,
    a_reservation_that_was_sent_is_not_sent_again,
    a_read_that_was_sent_is_sent_again,
}

async fn metrics_are_not_shown_to_the_public(cluster: &Cluster) {
    for path in [
        "/metrics",
        "/metrics/",
        "/metrics?format=text",
        "//metrics",
        "/%6Detrics",
        "/api/../metrics",
    ] {
        let answer = cluster.get(path).await;
        let answer = answer.expect_problem(404, "not-found");
        assert!(!answer.text.contains("holdfast_"), "{path}: {answer:?}");
    }
    for instance in &cluster.instances {
        assert!(instance.metrics().await.contains("holdfast_build_info"));
    }
}

async fn a_request_keeps_its_id_from_the_client_to_the_log(cluster: &Cluster) {
    let ask = |id: &str| {
        let call = cluster.get("/api/events/4711").header("x-request-id", id);
        async { call.await.expect_problem(404, "not-found") }
    };
    let answer = ask("order-66").await;
    assert_eq!(answer.header("x-request-id"), Some("order-66"));
    assert_eq!(answer["request_id"], "order-66");
    assert!(served_by(cluster, &answer).log().contains("order-66"));
    eventually(secs(10), async || {
        cluster.nginx().access_log().contains("order-66")
    })
    .await;

    for unfit in ["", "with space", "with\"quote", &"long".repeat(17)] {
        let answer = ask(unfit).await;
        let own = answer.header("x-request-id").unwrap_or_default().to_owned();
        assert!(!own.is_empty() && own != unfit, "{unfit} became {own}");
        assert_eq!(answer["request_id"], own);
    }
}

/// The test itself takes the place of an instance that has gone, to hear what Nginx says to it.
async fn an_instance_is_told_who_calls_and_not_what_the_caller_claims(cluster: &Cluster) {
    cluster.instances.iter().for_each(Instance::kill);
    let address = cluster.instances[0]
        .base_url()
        .trim_start_matches("http://");
    let listener = TcpListener::bind(address).await.expect("the port is free");
    let listening = async {
        let (mut stream, _) = listener.accept().await.expect("Nginx connects");
        let mut heard = vec![0; 8192];
        let length = stream.read(&mut heard).await.expect("Nginx speaks");
        let answer = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        stream
            .write_all(answer.as_bytes())
            .await
            .expect("Nginx listens");
        String::from_utf8_lossy(&heard[..length]).to_lowercase()
    };
    let asking = async {
        let call = cluster.get("/api/events").header("x-real-ip", "192.0.2.7");
        let call = call.header("forwarded", "for=192.0.2.7;proto=https");
        let call = call.header("x-forwarded-for", "192.0.2.7");
        call.header("x-request-id", "who-calls").await.expect(204)
    };
    let (heard, _) = tokio::join!(listening, asking);

    let own_address = cluster.base_url().trim_start_matches("http://");
    for header in [
        "x-forwarded-for: 127.0.0.1",
        "x-request-id: who-calls",
        &format!("host: {own_address}"),
    ] {
        assert!(
            heard.lines().any(|line| line == header),
            "{header}: {heard}"
        );
    }
    assert!(!heard.contains("192.0.2.7"), "{heard}");
}

async fn what_nginx_refuses_is_a_problem_document_too(cluster: &Cluster) {
    let buyer = cluster.buyer().await;
    let large = cluster.post("/api/reservations").by(&buyer);
    let large = large.header("content-type", "application/json");
    let large = large.body("x".repeat(65 * 1024)).await;
    expect_refused_by_nginx(&large.expect_problem(413, "body-too-large"));

    let long = cluster.get(&format!("/{}", "long".repeat(3000))).await;
    long.expect_problem(400, "validation-failed");

    cluster.instances.iter().for_each(Instance::kill);
    for call in [
        cluster.get("/api/events"),
        cluster.post("/api/reservations").by(&buyer),
        cluster.release(&buyer, "00000000-0000-4000-8000-000000000000"),
    ] {
        let answer = call.await.expect_problem(503, "unavailable");
        expect_refused_by_nginx(&answer);
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    cluster.instances[0].start_again().await;
}

fn expect_refused_by_nginx(answer: &Answer) {
    assert_eq!(answer.header("x-served-by"), Some("nginx"));
    let id = answer.header("x-request-id").unwrap_or_default();
    assert!(!id.is_empty(), "{answer:?}");
    assert_eq!(answer["request_id"], id);
}

async fn a_delete_that_was_sent_is_not_sent_again(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 9, 4500)]).await;
    let buyer = cluster.buyer().await;
    let mut holds = Vec::with_capacity(9);
    for &seat in event.tickets() {
        holds.push(cluster.reserve(&buyer, seat).await.expect(201).id());
    }
    let release = |number: usize| cluster.release(&buyer, &holds[number]);
    let answers = ask_while_one_dies(cluster, release).await;

    for (number, answer) in answers.iter().enumerate() {
        let was_lost = answer.status == 503;
        let state = cluster.get_reservation(&buyer, &holds[number]).await;
        assert_eq!(
            state["status"],
            if was_lost { "held" } else { "released" },
            "{answer:?}"
        );
        // Asked again, by somebody who knows what it means.
        release(number).await.expect(204);
    }
    let transitions = cluster.count("SELECT count(*) FROM ledger").await;
    assert_eq!(transitions, 18, "a hold and a release of each");
}

async fn a_reservation_that_was_sent_is_not_sent_again(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 9, 4500)]).await;
    let buyer = cluster.buyer().await;
    let reserve = |number: usize| cluster.reserve(&buyer, event.tickets()[number]);
    let answers = ask_while_one_dies(cluster, reserve).await;

    for (number, answer) in answers.iter().enumerate() {
        let was_lost = answer.status == 503;
        let state = cluster.ticket_status(event.tickets()[number]).await;
        assert_eq!(state, if was_lost { "available" } else { "held" });
    }
}

async fn a_read_that_was_sent_is_sent_again(cluster: &Cluster) {
    cluster.on_sale(&[Zone::seated("Stalls", 1, 9, 4500)]).await;
    let answers = while_one_dies(cluster, |_| cluster.get("/api/events")).await;
    for answer in answers {
        answer.expect(200);
    }
}

/// Those of nine requests that were sent to the instance that died are answered with 503.
async fn ask_while_one_dies(cluster: &Cluster, request: impl Fn(usize) -> Call) -> Vec<Answer> {
    let answers = while_one_dies(cluster, request).await;
    let (lost, done): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 503);
    assert!(!lost.is_empty(), "none was sent to the one that died");
    for answer in lost {
        answer.clone().expect_problem(503, "unavailable");
    }
    for answer in done {
        assert!(answer.is_success(), "{answer:?}");
    }
    answers
}

/// Nine requests at once, of which the first instance gets its share, hangs and is killed.
async fn while_one_dies(cluster: &Cluster, request: impl Fn(usize) -> Call) -> Vec<Answer> {
    let [hung, others @ ..] = &cluster.instances[..] else {
        unreachable!("there are three");
    };
    let count_answered = async || {
        let mut answered = 0.0;
        for other in others {
            answered += other.metric("holdfast_http_requests_total", &[]).await;
        }
        answered
    };
    let answered_before = count_answered().await;
    hung.pause();
    let killing = async {
        eventually(secs(20), async || {
            count_answered().await >= answered_before + 4.0
        })
        .await;
        hung.kill();
    };
    let (answers, ()) = tokio::join!(race(9, request), killing);
    answers
}

fn served_by<'a>(cluster: &'a Cluster, answer: &Answer) -> &'a Instance {
    let name = answer.header("x-served-by");
    let found = cluster.instances.iter().find(|it| Some(it.name()) == name);
    found.expect("one of the instances answers")
}
