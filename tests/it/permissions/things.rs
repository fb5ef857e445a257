//! Things that operations are about, by the name of the parameter that takes their id.

use kit::{Answer, App, BUYER_PASSWORD, Event, Person, Zone};
use serde_json::json;

/// One of each kind, all of them a stranger's where they are somebody's.
pub struct Things {
    ids: Vec<(&'static str, String)>,
}

impl Things {
    pub async fn new(app: &App) -> Self {
        let event = app.on_sale(&[Zone::seated("Stalls", 1, 4, 1500)]).await;
        let stranger = app.buyer().await;
        let mut ids = vec![
            ("event_id", event.id.to_string()),
            ("venue_id", event.venue_id.to_string()),
            ("zone_id", event.zones[0].id.to_string()),
            ("ticket_id", event.tickets()[0].to_string()),
            ("user_id", stranger.id.as_str().unwrap().to_owned()),
        ];
        for parameter in ["reservation_id", "review_id", "inquiry_id"] {
            ids.push((parameter, one_of(app, &stranger, parameter).await));
        }
        Self { ids }
    }

    /// The id that goes where a path has this parameter.
    pub fn id_of(&self, parameter: &str) -> Option<String> {
        let found = self.ids.iter().find(|(name, _)| *name == parameter);
        found.map(|(_, id)| id.clone())
    }
}

/// A new thing of somebody's.
///
/// # Panics
/// Where it is not known how to make one: say so here.
pub async fn one_of(app: &App, owner: &Person, parameter: &str) -> String {
    match parameter {
        "reservation_id" => hold(app, owner).await.1.id(),
        "ticket_id" => hold(app, owner).await.1.tickets()[0].to_string(),
        "review_id" => {
            let (event, hold) = hold(app, owner).await;
            let paid = app.confirm(owner, &hold.id(), "tok_success");
            paid.await.expect(200);
            let review = json!({ "stars": 4, "text": "So it was" });
            let path = format!("/api/events/{}/reviews", event.id);
            app.post(&path)
                .by(owner)
                .json(&review)
                .await
                .expect(201)
                .id()
        }
        "inquiry_id" => {
            let inquiry = json!({
                "organiser": "Choir", "email": "office@choir.example", "category": "concert",
                "expected_attendance": 450, "contact_name": "Clara", "city": "Berlin",
                "date": "2099-06-01", "proposal": "Bach.",
            });
            let call = app.post("/api/inquiries").by(owner).json(&inquiry);
            call.await.expect(201).id()
        }
        "application_id" => {
            let zone = Zone::standing("Floor", 5, 0).by_application();
            let event = app.by_application(&[zone]).await;
            let applied = app.apply(owner, &event, event.zones[0].id, 1);
            applied.await.expect(201).id()
        }
        "session_id" => {
            app.login(&owner.email, BUYER_PASSWORD).await;
            let sessions = app.get("/api/me/sessions").by(owner).await.expect(200);
            let mut other = sessions["items"].as_array().unwrap().iter();
            let other = other.find(|session| session["current"] == false);
            other.unwrap()["id"].as_str().unwrap().to_owned()
        }
        _ => panic!("one_of does not know how to make what {parameter} names"),
    }
}

async fn hold(app: &App, owner: &Person) -> (Event, Answer) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let hold = app.reserve(owner, event.tickets()[0]).await.expect(201);
    (event, hold)
}
