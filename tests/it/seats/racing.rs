//! Seats that an organiser wants at the same moment as buyers.

use kit::{App, Zone, race};
use serde_json::json;

use super::named;

kit::stories! {
    a_seat_is_withheld_or_held_and_never_both,
    a_seat_is_taken_out_or_held_and_never_both,
}

async fn a_seat_is_withheld_or_held_and_never_both(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 12, 4500)]).await;
    let (admin, buyers) = (app.admin().await, app.buyers(3).await);
    let path = format!("/api/events/{}/seats/block", event.id);
    for &seat in event.tickets() {
        let answers = race(4, |number| {
            if number == 0 {
                let mut body = named(&[(seat, 0)]);
                body["reason"] = json!("House seat");
                app.post(&path).by(&admin).json(&body)
            } else {
                app.reserve(&buyers[number - 1], seat)
            }
        })
        .await;
        let won = answers.iter().filter(|answer| answer.is_success()).count();
        assert!(won <= 1, "{answers:?}");
        let status = app.ticket_status(seat).await;
        let blocked = answers[0].is_success();
        assert_eq!(status == "blocked", blocked, "{answers:?}");
        assert_eq!(status == "held", won == 1 && !blocked, "{answers:?}");
    }
}

async fn a_seat_is_taken_out_or_held_and_never_both(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 9, 4500)]).await;
    let (admin, buyers) = (app.admin().await, app.buyers(3).await);
    let path = format!("/api/events/{}/seats/remove", event.id);
    for &seat in &event.tickets()[1..] {
        let body = named(&[(seat, 0)]);
        let answers = race(4, |number| match number {
            0 => app
                .post(&path)
                .by(&admin)
                .header("if-match", "*")
                .json(&body),
            _ => app.reserve(&buyers[number - 1], seat),
        })
        .await;
        let held = answers[1..]
            .iter()
            .filter(|answer| answer.is_success())
            .count();
        assert!(
            held + usize::from(answers[0].is_success()) <= 1,
            "{answers:?}"
        );
        for refused in answers.iter().filter(|answer| !answer.is_success()) {
            let slugs = ["ticket-taken", "ticket-contended", "not-found"];
            assert!(slugs.contains(&refused.slug()), "{refused:?}");
        }
    }
    let left = app.seats(&event, "available").await + app.seats(&event, "held").await;
    let removed = app
        .count("SELECT count(*) FROM tickets WHERE removed")
        .await;
    assert_eq!(left + removed, 9, "every seat is one or the other");
}
