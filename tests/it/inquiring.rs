//! Inquiries of organisers: anybody asks, admins decide, and the applicant is told.

use kit::{Answer, App, Call, Person, race, tally};
use serde_json::{Value, json};

mod finding;

kit::stories! {
    anybody_may_ask_and_is_told_an_id_and_no_more,
    who_is_signed_in_finds_again_what_they_asked_and_nobody_else_does,
    a_token_that_is_not_valid_is_refused_rather_than_ignored,
    an_inquiry_goes_along_its_arrows_and_the_applicant_is_told,
    of_admins_who_decide_at_once_one_does,
    an_inquiry_that_is_sent_twice_with_its_key_is_taken_once,
    what_is_off_in_an_inquiry_is_named,
    what_is_off_in_a_decision_is_named,
}

const NOBODYS: &str = "3f2a9d10-5b77-4e0c-9a41-c6d8e0f12233";

async fn anybody_may_ask_and_is_told_an_id_and_no_more(app: &App) {
    let sent = send(app, &inquiry()).await.expect(201);
    assert_eq!(sent.body, json!({ "id": sent.id() }));
    assert_eq!(sent.header("location"), None);
    // Nobody can have strangers written to by typing their addresses.
    assert_eq!(app.count("SELECT count(*) FROM mails").await, 0);
    let received = read(app, &app.admin().await, &sent).await.expect(200);
    let typed = inquiry();
    for (member, value) in typed.as_object().unwrap() {
        assert_eq!(&received[member], value);
    }
    assert_eq!(received["status"], "pending");
    assert_eq!(received["history"], json!([]));
    assert_eq!(received["user_id"], Value::Null);
    assert_eq!(received["version"], 1);
}

async fn who_is_signed_in_finds_again_what_they_asked_and_nobody_else_does(app: &App) {
    let [ada, bob] = [app.buyer().await, app.buyer().await];
    let mine = send(app, &inquiry()).by(&ada).await.expect(201);
    let theirs = send(app, &inquiry()).by(&bob).await.expect(201);
    send(app, &inquiry()).await.expect(201);

    let own = format!("/api/me/inquiries/{}", mine.id());
    assert_eq!(mine.header("location"), Some(own.as_str()));
    for address in ["/api/me/inquiries".to_owned(), ask_for(&bob)] {
        let listed = app.get(&address).by(&ada).await.expect(200);
        let items = listed["items"].as_array().unwrap();
        assert_eq!(
            items.len(),
            1,
            "whoever is asked for, it is the caller's own"
        );
        assert_eq!(items[0]["id"], mine["id"]);
        assert_eq!(items[0].get("user_id"), None);
    }
    decide(app, &app.admin().await, &mine, 1, "reviewed")
        .await
        .expect(200);
    let read = app.get(&own).by(&ada).await.expect(200);
    assert_eq!(read["status"], "reviewed");
    assert_eq!(read["history"][0]["note"], "As it is");
    assert_eq!(read["history"][0].get("by"), None, "not who decided");
    let account = format!("/api/admin/users/{}", bob.id.as_str().unwrap());
    let admin = app.admin().await;
    app.delete(&account).by(&admin).await.expect(204);
    let left = decide(app, &admin, &theirs, 1, "reviewed")
        .await
        .expect(200);
    let left = [&left["contact_name"], &left["email"], &left["phone"]];
    assert_eq!(left, [&json!(""), &json!(""), &Value::Null]);
    assert_eq!(
        app.count("SELECT count(*) FROM mails").await,
        1,
        "nobody is there"
    );
    for id in [theirs.id(), NOBODYS.to_owned()] {
        let call = app.get(&format!("/api/me/inquiries/{id}")).by(&ada);
        call.await.expect_problem(404, "not-found");
    }
}

async fn a_token_that_is_not_valid_is_refused_rather_than_ignored(app: &App) {
    let forged = Person::with_token("eyJhbGciOiJub25lIn0.e30.");
    let calls = [
        send(app, &inquiry()).by(&forged),
        send(app, &inquiry()).header("authorization", "Basic YWRhOng="),
        send(app, &inquiry()).header("authorization", ""),
        app.get("/api/reviews/1").by(&forged),
    ];
    for call in calls {
        call.await.expect_problem(401, "unauthenticated");
    }
    assert_eq!(app.count("SELECT count(*) FROM inquiries").await, 0);
}

async fn an_inquiry_goes_along_its_arrows_and_the_applicant_is_told(app: &App) {
    let admin = app.admin().await;
    let chosen = send(app, &inquiry()).await.expect(201);
    let unlucky = send(app, &inquiry()).await.expect(201);
    for to in ["pending", "approved", "rejected"] {
        let refused = decide(app, &admin, &chosen, 1, to).await;
        let refused = refused.expect_problem(409, "invalid-transition");
        assert_eq!(refused["current_status"], "pending");
    }
    let reviewed = decide(app, &admin, &chosen, 1, "reviewed")
        .await
        .expect(200);
    assert_eq!(reviewed.header("etag"), Some("\"2\""));
    for to in ["pending", "reviewed"] {
        let refused = decide(app, &admin, &chosen, 2, to).await;
        refused.expect_problem(409, "invalid-transition");
    }
    let approved = decide(app, &admin, &chosen, 2, "approved")
        .await
        .expect(200);
    for to in ["pending", "reviewed", "approved", "rejected"] {
        let refused = decide(app, &admin, &chosen, 3, to).await;
        refused.expect_problem(409, "invalid-transition");
    }
    decide(app, &admin, &unlucky, 1, "reviewed")
        .await
        .expect(200);
    decide(app, &admin, &unlucky, 2, "rejected")
        .await
        .expect(200);

    assert_eq!(read(app, &admin, &chosen).await.body, approved.body);
    let steps: Vec<_> = approved["history"].as_array().unwrap().iter().collect();
    assert_eq!(steps.len(), 2);
    for (step, [from, to]) in steps
        .into_iter()
        .zip([["pending", "reviewed"], ["reviewed", "approved"]])
    {
        assert_eq!((&step["from"], &step["to"]), (&json!(from), &json!(to)));
        assert_eq!(
            (&step["by"], &step["note"]),
            (&admin.id, &json!("As it is"))
        );
        assert!(step["at"].is_string());
    }
    let mails = app
        .rows("SELECT recipient, subject, body FROM mails ORDER BY id")
        .await;
    let told: Vec<_> = mails
        .iter()
        .map(|mail| mail["subject"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "Your inquiry is being looked at",
            "Your inquiry was approved",
            "Your inquiry is being looked at",
            "Your inquiry was rejected",
        ]
    );
    for mail in &mails {
        assert_eq!(mail["recipient"], inquiry()["email"]);
        let text = mail["body"].as_str().unwrap();
        assert!(
            text.contains("Clara <b>Wieck</b>") && text.contains("As it is"),
            "{text}"
        );
    }
}

async fn of_admins_who_decide_at_once_one_does(app: &App) {
    let admins = [app.admin().await, app.person_of_role("admin").await];
    let sent = send(app, &inquiry()).await.expect(201);
    decide(app, &admins[0], &sent, 1, "reviewed")
        .await
        .expect(200);
    let answers = race(10, |number| {
        let to = ["approved", "rejected"][number % 2];
        decide(app, &admins[number % 2], &sent, 2, to)
    })
    .await;
    let outcomes = tally(&answers);
    assert_eq!(
        (outcomes["200"], outcomes["version-mismatch"]),
        (1, 9),
        "{outcomes:?}"
    );
    let won = answers.iter().find(|answer| answer.status == 200).unwrap();
    assert_eq!(read(app, &admins[0], &sent).await.body, won.body);
    assert_eq!(app.count("SELECT count(*) FROM inquiry_changes").await, 2);
    assert_eq!(app.count("SELECT count(*) FROM mails").await, 2);
}

async fn an_inquiry_that_is_sent_twice_with_its_key_is_taken_once(app: &App) {
    let buyer = app.buyer().await;
    let of_nobody = || send(app, &inquiry()).key("k");
    let first = of_nobody().await.expect(201);
    let answers = race(8, |_| of_nobody()).await;
    for again in &answers {
        assert_eq!((again.status, &again.body), (201, &first.body), "{again:?}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
    }
    let mut other = inquiry();
    other["proposal"] = json!("Something else");
    let refused = send(app, &other).key("k").await;
    refused.expect_problem(422, "idempotency-key-reused");
    // Somebody else's key is another one.
    other["email"] = json!("somebody@else.example");
    let theirs = send(app, &other).key("k").await.expect(201);
    let mine = send(app, &other).key("k").by(&buyer).await.expect(201);
    let again = send(app, &other).key("k").by(&buyer).await.expect(201);
    assert_eq!(mine.body, again.body);
    assert_ne!(theirs.id(), mine.id());
    assert_eq!(app.count("SELECT count(*) FROM inquiries").await, 3);
    // Without a key each is another one.
    send(app, &inquiry()).await.expect(201);
    send(app, &inquiry()).await.expect(201);
}

async fn what_is_off_in_an_inquiry_is_named(app: &App) {
    let yesterday = chrono::Utc::now().date_naive() - chrono::Days::new(2);
    for (member, value) in [
        ("organiser", json!("")),
        ("organiser", json!(" ")),
        ("organiser", json!("x".repeat(201))),
        ("organiser", Value::Null),
        ("email", json!("choir")),
        ("email", json!("choir@localhost")),
        ("email", json!("choir@choir.example\nbcc: all@example.com")),
        ("email", json!("choir@choir.example, all@example.com")),
        ("email", json!("Choir <choir@choir.example>")),
        ("email", json!(format!("{}@choir.example", "x".repeat(250)))),
        ("category", json!("x".repeat(51))),
        ("expected_attendance", json!(0)),
        ("expected_attendance", json!(-1)),
        ("expected_attendance", json!(1_000_000_000)),
        ("expected_attendance", json!(1.5)),
        ("contact_name", json!("")),
        ("phone", json!("call me")),
        ("phone", json!("1".repeat(41))),
        ("city", json!("\t")),
        ("date", json!("2099-02-30")),
        ("date", json!("tomorrow")),
        ("date", json!("2099-06-01T19:00:00Z")),
        ("date", json!("+12345-06-01")),
        ("date", json!("1969-06-01")),
        ("date", json!(yesterday.to_string())),
        ("date", json!(20_990_601)),
        ("proposal", json!("")),
        ("proposal", json!("x".repeat(10_001))),
        ("proposal", json!("x\0")),
        ("status", json!("approved")),
        ("user_id", json!(NOBODYS)),
    ] {
        let mut body = inquiry();
        body[member] = value;
        let refused = send(app, &body).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], member, "{refused:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM inquiries").await, 0);
    let mut without_phone = inquiry();
    without_phone.as_object_mut().unwrap().remove("phone");
    send(app, &without_phone).await.expect(201);
}

async fn what_is_off_in_a_decision_is_named(app: &App) {
    let admin = app.admin().await;
    let sent = send(app, &inquiry()).await.expect(201);
    let address = format!("/api/admin/inquiries/{}/status", sent.id());
    let put = |body: &Value| app.put(&address).by(&admin).json(body);
    for (body, field) in [
        (json!({ "status": "lost" }), "status"),
        (json!({ "status": null }), "status"),
        (json!({}), "status"),
        (
            json!({ "status": "reviewed", "note": "x".repeat(2001) }),
            "note",
        ),
        (json!({ "status": "reviewed", "by": NOBODYS }), "by"),
    ] {
        let refused = put(&body).if_match(1).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{refused:?}");
    }
    let good = json!({ "status": "reviewed" });
    put(&good)
        .await
        .expect_problem(428, "precondition-required");
    let bad = put(&good).header("if-match", "1").await;
    bad.expect_problem(400, "validation-failed");
    let unknown = app.put(&address.replace(&sent.id(), NOBODYS)).by(&admin);
    let unknown = unknown.if_match(1).json(&good).await;
    unknown.expect_problem(404, "not-found");
    put(&good).if_match(1).await.expect(200);
    let stale = put(&good).if_match(1).await;
    assert_eq!(stale.expect_problem(412, "version-mismatch")["version"], 2);
}

fn inquiry() -> Value {
    json!({
        "organiser": "Chamber Choir <i>Berlin</i>",
        "email": "office@choir.example",
        "category": "Concert",
        "expected_attendance": 450,
        "contact_name": "Clara <b>Wieck</b>",
        "phone": "+49 (30) 123-4567",
        "city": "Zürich",
        "date": "2099-06-01",
        "proposal": "Two evenings of Bach; '); DROP TABLE inquiries; --",
    })
}

fn send(app: &App, inquiry: &Value) -> Call {
    app.post("/api/inquiries").json(inquiry)
}

fn read(app: &App, admin: &Person, sent: &Answer) -> Call {
    app.get(&format!("/api/admin/inquiries/{}", sent.id()))
        .by(admin)
}

fn decide(app: &App, admin: &Person, sent: &Answer, version: i64, status: &str) -> Call {
    let decision = json!({ "status": status, "note": "As it is" });
    app.put(&format!("/api/admin/inquiries/{}/status", sent.id()))
        .by(admin)
        .if_match(version)
        .json(&decision)
}

/// A list that names somebody else as its owner.
fn ask_for(person: &Person) -> String {
    let id = person.id.as_str().unwrap();
    format!("/api/me/inquiries?user_id={id}&email={}", person.email)
}
