//! Mails: what is in the outbox is sent, once, as soon as it can be, to nobody else.

use std::collections::BTreeSet;

use kit::{App, body, eventually, eventually_eq, header, secs};
use serde_json::json;

kit::stories! {
    without_a_mail_server_mails_are_files,
    a_mail_server_is_given_each_mail_once: kit::Builder::mail_server,
    a_mail_server_that_is_away_gets_its_mails_when_it_is_back: kit::Builder::mail_server,
    a_mail_that_nobody_takes_is_given_up_and_the_others_are_sent: kit::Builder::mail_server,
    a_mail_whose_instance_is_gone_is_taken_over_when_its_lease_ends: kit::Builder::mail_server,
    mails_that_ended_long_ago_are_forgotten,
    a_test_mail_is_for_admins_and_sent_once,
}

async fn without_a_mail_server_mails_are_files(app: &App) {
    let subject = "Plätze für Žofie ✓";
    let text = "Grüße aus Kärnten,\nReihe B, Platz 7: 45 €.\n.\nEnde";
    post(app, "ada@example.com", subject, text).await;
    post(app, "bob@example.com", "Later", "Later.").await;
    eventually_eq(secs(20), 2, async || app.mail_files().len()).await;
    eventually_eq(secs(20), 2, async || count(app, "sent").await).await;

    let files = app.mail_files();
    let [mail, later] = files.as_slice() else {
        panic!("{files:?}");
    };
    let own = |name| header(mail, name).unwrap_or_default();
    assert_eq!(own("From"), "Holdfast <holdfast@localhost>");
    assert_eq!(own("To"), "ada@example.com");
    assert!(own("Subject").starts_with("=?utf-8?"), "{mail}");
    assert_eq!(own("Content-Type"), "text/plain; charset=utf-8");
    assert_eq!(own("Auto-Submitted"), "auto-generated");
    assert!(own("Date").ends_with("+0000"), "{mail}");
    assert!(own("Message-ID").ends_with("@localhost>"), "{mail}");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(body(mail).lines().collect::<Vec<_>>(), lines);
    assert_eq!(header(later, "Subject").as_deref(), Some("Later"));
    assert_ne!(header(later, "Message-ID"), header(mail, "Message-ID"));
}

async fn a_mail_server_is_given_each_mail_once(app: &App) {
    for number in 0..30 {
        let to = format!("buyer-{number}@example.com");
        post(app, &to, "Your seats", "Preis: 45 €\n.dots\n..are kept").await;
    }
    eventually_eq(secs(30), 30, async || count(app, "sent").await).await;
    let mails = app.mail_server().mails();
    let to: BTreeSet<_> = mails.iter().flat_map(|mail| mail.to.clone()).collect();
    assert_eq!((mails.len(), to.len()), (30, 30));
    for mail in &mails {
        assert_eq!(mail.from, "tickets@holdfast.example");
        assert_eq!(mail.header("To").as_ref(), Some(&mail.to[0]));
        let from = mail.header("From").unwrap();
        assert_eq!(from, "Holdfast <tickets@holdfast.example>");
        let lines = mail.body().lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines, ["Preis: 45 €", ".dots", "..are kept"]);
    }
    // "\0holdfast\0secret" in base64.
    let logins = app.mail_server().logins();
    assert!(!logins.is_empty());
    assert!(
        logins
            .iter()
            .all(|login| login == "AUTH PLAIN AGhvbGRmYXN0AHNlY3JldA==")
    );
    assert!(app.mail_files().is_empty());
    let sent = [("outcome", "sent")];
    let sent = app.instance().metric("holdfast_mails_total", &sent).await;
    assert_eq!(sent.to_string(), "30");
    let log = app.instance().log();
    assert!(!log.contains("secret"), "{log}");
}

async fn a_mail_server_that_is_away_gets_its_mails_when_it_is_back(app: &App) {
    app.mail_server().stop().await;
    post(app, "ada@example.com", "Your seats", "Row B.").await;
    let tried = "SELECT count(*) FROM mails WHERE attempts >= 2 AND error IS NOT NULL";
    eventually_eq(secs(30), 1, async || app.count(tried).await).await;
    assert_eq!(count(app, "waiting").await, 1);
    let waiting = async || app.instance().metric("holdfast_mails_waiting", &[]).await;
    eventually_eq(secs(20), "1".to_owned(), async || {
        waiting().await.to_string()
    })
    .await;
    let oldest = "holdfast_mails_oldest_waiting_seconds";
    assert!(app.instance().metric(oldest, &[]).await > 0.0);

    app.mail_server().start_again().await;
    eventually_eq(secs(60), 1, async || count(app, "sent").await).await;
    assert_eq!(app.mail_server().mails().len(), 1);
    eventually_eq(secs(20), "0".to_owned(), async || {
        waiting().await.to_string()
    })
    .await;
}

async fn a_mail_that_nobody_takes_is_given_up_and_the_others_are_sent(app: &App) {
    app.mail_server()
        .refuse("gone@example.com", "550 5.1.1 no such user");
    post(app, "gone@example.com", "s", "t").await;
    post(app, "a b@example.com", "s", "t").await;
    post(
        app,
        "x@example.com>\r\nRCPT TO:<victim@example.com",
        "s",
        "t",
    )
    .await;
    post(app, "ada@example.com", "x\r\nBcc: victim@example.com", "t").await;
    eventually_eq(secs(30), 3, async || count(app, "failed").await).await;
    eventually_eq(secs(30), 1, async || count(app, "sent").await).await;
    let mails = app.mail_server().mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["ada@example.com"]);
    assert_eq!(mails[0].header("Bcc"), None);
    let errors = app
        .rows("SELECT error FROM mails WHERE status = 'failed'")
        .await;
    assert!(
        errors
            .iter()
            .any(|row| row.to_string().contains("no such user"))
    );

    // What fails for now is tried again, but not for ever.
    app.mail_server()
        .refuse("full@example.com", "450 come back later");
    post(app, "full@example.com", "s", "t").await;
    let put_off = "SELECT count(*) FROM mails WHERE status = 'waiting' AND error IS NOT NULL";
    eventually_eq(secs(30), 1, async || app.count(put_off).await).await;
    app.execute("UPDATE mails SET attempts = 19 WHERE status = 'waiting'")
        .await;
    eventually_eq(secs(60), 4, async || count(app, "failed").await).await;
    let given_up = [("outcome", "given_up")];
    let given_up = app.instance().metric("holdfast_mails_total", &given_up);
    assert_eq!(given_up.await.to_string(), "4");
}

async fn a_mail_whose_instance_is_gone_is_taken_over_when_its_lease_ends(app: &App) {
    let due = if is_sqlite(app) {
        "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+3 seconds')"
    } else {
        "now() + interval '3 seconds'"
    };
    insert(app, ["ada@example.com", "s", "t"], "waiting", due).await;
    app.execute("UPDATE mails SET attempts = 1").await;
    post(app, "bob@example.com", "s", "t").await;
    eventually_eq(secs(20), 2, async || count(app, "sent").await).await;
    let to: Vec<_> = app
        .mail_server()
        .mails()
        .into_iter()
        .flat_map(|mail| mail.to)
        .collect();
    assert_eq!(
        to,
        ["bob@example.com", "ada@example.com"],
        "the lease is kept"
    );
}

async fn mails_that_ended_long_ago_are_forgotten(app: &App) {
    let ago = |days: u32| {
        if is_sqlite(app) {
            format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-{days} days')")
        } else {
            format!("now() - interval '{days} days'")
        }
    };
    for (to, days) in [("old@example.com", 8), ("young@example.com", 6)] {
        insert(app, [to, "s", "t"], "sent", &ago(days)).await;
    }
    app.instance().restart().await;
    let left = async || {
        let rows = app.rows("SELECT recipient FROM mails").await;
        rows.iter()
            .map(|row| row["recipient"].clone())
            .collect::<Vec<_>>()
    };
    eventually_eq(secs(20), vec![json!("young@example.com")], left).await;
}

async fn a_test_mail_is_for_admins_and_sent_once(app: &App) {
    let path = "/api/admin/mail/test";
    let mail = json!({ "to": "operator@example.com" });
    app.post(path)
        .json(&mail)
        .await
        .expect_problem(401, "unauthenticated");
    let buyer = app.buyer().await;
    app.post(path)
        .by(&buyer)
        .json(&mail)
        .await
        .expect_problem(403, "forbidden");
    let admin = app.admin().await;
    for to in [
        "",
        "nobody",
        "a@example.com, b@example.com",
        "a@b\r\nBcc: c@d",
    ] {
        let mail = json!({ "to": to });
        let refused = app.post(path).by(&admin).json(&mail).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], "to", "{refused:?}");
    }
    for replayed in [None, Some("true")] {
        let answer = app.post(path).by(&admin).key("once").json(&mail).await;
        assert_eq!(answer.expect(202).header("idempotency-replayed"), replayed);
    }
    let files = eventually(secs(20), async || match app.mail_files() {
        files if files.is_empty() => Err("no mail"),
        files => Ok(files),
    });
    let files = files.await;
    assert_eq!(files.len(), 1);
    assert_eq!(
        header(&files[0], "To").as_deref(),
        Some("operator@example.com")
    );
}

/// Puts a mail into the outbox past the application.
async fn post(app: &App, to: &str, subject: &str, text: &str) {
    let now = if is_sqlite(app) {
        "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
    } else {
        "statement_timestamp()"
    };
    insert(app, [to, subject, text], "waiting", now).await;
}

async fn insert(app: &App, [to, subject, text]: [&str; 3], status: &str, at: &str) {
    let ended_at = if status == "waiting" { "NULL" } else { at };
    app.execute(&format!(
        "INSERT INTO mails (recipient, subject, body, status, created_at, due_at, attempts, ended_at) \
         VALUES ('{to}', '{subject}', '{text}', '{status}', {at}, {at}, 0, {ended_at})"
    ))
    .await;
}

fn is_sqlite(app: &App) -> bool {
    app.database_url().starts_with("sqlite")
}

async fn count(app: &App, status: &str) -> i64 {
    let query = format!("SELECT count(*) FROM mails WHERE status = '{status}'");
    app.count(&query).await
}
