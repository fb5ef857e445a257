//! What must not be among reviews and inquiries.

use kit::App;
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{Sale, Violation, violation};

kit::stories! { the_database_itself_refuses_impossible_reviews_and_inquiries }

async fn the_database_itself_refuses_impossible_reviews_and_inquiries(app: &App) {
    Sale::new(app).await;
    review_what_was_bought(app).await;
    decide_an_inquiry(app).await;
    let connection = app.connect().await;
    for statement in [
        "INSERT INTO reviews (event_id, user_id, stars, text, pictures, created_at) \
         SELECT event_id, user_id, stars, text, pictures, created_at FROM reviews",
        "UPDATE reviews SET stars = 0",
        "UPDATE reviews SET stars = 6",
        "UPDATE reviews SET status = 'lost'",
        "UPDATE reviews SET status = 'removed'",
        "UPDATE reviews SET removal_reason = 'because'",
        "UPDATE reviews SET event_id = 999999",
        "UPDATE inquiries SET status = 'lost'",
        "UPDATE inquiries SET expected_attendance = 0",
        "UPDATE inquiry_changes SET from_status = 'pending' WHERE version = 3",
        "UPDATE inquiry_changes SET to_status = 'rejected' WHERE version = 2",
        "UPDATE inquiry_changes SET version = 2 WHERE version = 3",
        "DELETE FROM inquiries",
    ] {
        let refused = connection.execute_unprepared(statement).await;
        let Err(error) = refused else {
            panic!("{statement} is allowed");
        };
        // Not because it is no SQL.
        let error = error.to_string().to_lowercase();
        assert!(error.contains("constraint"), "{error}");
    }
    connection.close().await.unwrap();
}

/// What breaks the rules of reviews and inquiries, of which there is one each from now on.
pub async fn violations(app: &App) -> Vec<Violation> {
    review_what_was_bought(app).await;
    decide_an_inquiry(app).await;
    assert_eq!(app.violations(), Ok(()));
    vec![
        violation(
            "a review is by somebody who has or had a confirmed reservation of its event",
            "UPDATE reviews SET event_id = \
             (SELECT MAX(id) FROM events WHERE id <> reviews.event_id)"
                .to_owned(),
            "UPDATE reviews SET event_id = \
             (SELECT MAX(event_id) FROM reservations r \
              WHERE r.user_id = reviews.user_id AND r.status = 'confirmed')"
                .to_owned(),
        ),
        violation(
            "an inquiry's version tells how often it was decided",
            "UPDATE inquiries SET version = version + 1".to_owned(),
            "UPDATE inquiries SET version = version - 1".to_owned(),
        ),
        violation(
            "an inquiry is what its last change made it",
            "UPDATE inquiries SET status = 'rejected'".to_owned(),
            "UPDATE inquiries SET status = 'approved'".to_owned(),
        ),
        violation(
            "each change of an inquiry begins where the one before ended",
            "UPDATE inquiry_changes SET from_status = 'reviewed', to_status = 'rejected' \
             WHERE version = 2"
                .to_owned(),
            "UPDATE inquiry_changes SET from_status = 'pending', to_status = 'reviewed' \
             WHERE version = 2"
                .to_owned(),
        ),
    ]
}

async fn review_what_was_bought(app: &App) {
    let review = "INSERT INTO reviews (event_id, user_id, stars, text, pictures, created_at) \
                  SELECT event_id, user_id, 5, 'Loud.', '[]', created_at \
                  FROM reservations WHERE status = 'confirmed'";
    assert_eq!(app.execute(review).await, 1);
}

async fn decide_an_inquiry(app: &App) {
    let inquiry = json!({
        "organiser": "Choir", "email": "office@choir.example", "category": "concert",
        "expected_attendance": 450, "contact_name": "Clara", "city": "Berlin",
        "date": "2099-06-01", "proposal": "Bach.",
    });
    let sent = app.post("/api/inquiries").json(&inquiry).await.expect(201);
    let admin = app.admin().await;
    for status in ["reviewed", "approved"] {
        app.put(&format!("/api/admin/inquiries/{}/status", sent.id()))
            .by(&admin)
            .header("if-match", "*")
            .json(&json!({ "status": status }))
            .await
            .expect(200);
    }
}
