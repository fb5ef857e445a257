//! Free places that one applies for.

use serde_json::{Value, json};

use crate::{
    http::{Answer, Call},
    people::Person,
    sale::{Event, Zone},
    system::System,
};

impl System {
    /// A published event with these zones that takes applications, and asks nothing.
    pub async fn by_application(&self, zones: &[Zone]) -> Event {
        let event = self.on_sale(zones).await;
        self.open_applications(&event, &json!([])).await;
        event
    }

    /// Has the event take applications from now on, with these questions.
    pub async fn open_applications(&self, event: &Event, questions: &Value) {
        let form = json!({ "questions": questions });
        let admin = self.admin().await;
        self.change_form(&admin, event, &form)
            .header("if-match", "*")
            .await
            .expect(200);
    }

    pub fn change_form(&self, admin: &Person, event: &Event, form: &Value) -> Call {
        let path = format!("/api/events/{}/application-form", event.id);
        self.put(&path).by(admin).json(form)
    }

    /// For so many places of a zone, without answers.
    pub fn apply(&self, person: &Person, event: &Event, zone: i64, quantity: u32) -> Call {
        let wanted = json!({ "zone_id": zone, "quantity": quantity });
        self.apply_with(person, event, &wanted)
    }

    pub fn apply_with(&self, person: &Person, event: &Event, wanted: &Value) -> Call {
        let path = format!("/api/events/{}/applications", event.id);
        self.post(&path).by(person).json(wanted)
    }

    /// The ids of applications of so many people, each for one place.
    pub async fn applicants(&self, count: usize, event: &Event, zone: i64) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        for person in self.buyers(count).await {
            let made = self.apply(&person, event, zone, 1).await.expect(201);
            ids.push(made.id());
        }
        ids
    }

    pub fn grant(&self, admin: &Person, ids: &[String]) -> Call {
        self.post("/api/admin/applications/grant")
            .by(admin)
            .json(&json!({ "ids": ids }))
    }
}

impl Answer {
    /// What came of deciding on each application.
    ///
    /// # Panics
    /// When that is not what was answered.
    #[track_caller]
    pub fn outcomes(&self) -> Vec<&str> {
        let results = self.body["results"].as_array();
        let results = results.unwrap_or_else(|| panic!("no results in {self:?}"));
        results
            .iter()
            .map(|result| result["outcome"].as_str().unwrap_or_default())
            .collect()
    }
}
