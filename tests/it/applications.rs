//! Free places that one applies for, and that an organiser grants.

mod applying;
mod forms;
mod granting;
mod races;

use kit::{Answer, App, Event, Person, Zone};

/// An event that gives so many places away by application, and their zone.
async fn guest_event(app: &App, places: u32) -> (Event, i64) {
    let zone = Zone::standing("Guests", places, 0).by_application();
    let event = app.by_application(&[zone]).await;
    let guests = event.zones[0].id;
    (event, guests)
}

async fn read(app: &App, person: &Person, id: &str) -> Answer {
    let path = format!("/api/applications/{id}");
    app.get(&path).by(person).await.expect(200)
}
