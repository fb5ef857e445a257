//! The demo: a venue, a published event with seated and standing zones, and logins to try.

use chrono::TimeDelta;
use sea_orm::{DbErr, EntityTrait, PaginatorTrait};

use crate::catalog::{
    CatalogError, EventDetails, NewEvent, NewSeating, NewVenue, NewZone, create_event,
    create_venue, publish_event,
};
use crate::db;
use crate::entity::user::Role;
use crate::entity::{event, venue};
use crate::identity::{IdentityError, NewUser, create_account};
use crate::ids::{EventId, VenueId};
use crate::state::App;

/// The demo buyer's e-mail.
pub const BUYER_EMAIL: &str = "buyer@example.com";
/// The demo buyer's password.
pub const BUYER_PASSWORD: &str = "holdfast-buyer";
/// The demo admin's e-mail.
pub const ADMIN_EMAIL: &str = "admin@example.com";
/// The demo admin's password.
pub const ADMIN_PASSWORD: &str = "holdfast-admin";

/// Why the demo was not made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A login was not made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The venue or event was not made.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// Makes the demo in a database that has no venue yet.
///
/// Of several instances that start at once, the one that registers the buyer makes it.
pub async fn create_if_empty(app: &App) -> Result<(), DemoError> {
    if venue::Entity::find().count(app.db.reader()).await? > 0 {
        return Ok(());
    }
    let buyer = login("Demo Buyer", BUYER_EMAIL, BUYER_PASSWORD, Role::Customer);
    match create_account(app, buyer).await {
        Ok(_) => {}
        Err(IdentityError::EmailTaken) => return Ok(()),
        Err(err) => return Err(err.into()),
    }
    if app.config.admin_email.is_none() {
        let admin = login("Demo Admin", ADMIN_EMAIL, ADMIN_PASSWORD, Role::Admin);
        create_account(app, admin).await?;
    }
    let db = app.db.clone();
    app.detached(async move {
        let tx = db.begin().await?;
        let now = db::read_time(&tx).await?;
        let venue = create_venue(&tx, now, demo_venue()).await?;
        let starts_at = now + TimeDelta::days(30);
        let event: event::Model =
            create_event(&tx, now, demo_event(VenueId(venue.id), starts_at)).await?;
        publish_event(&tx, now, EventId(event.id)).await?;
        tx.commit().await?;
        Ok(())
    })
    .await
}

fn login(name: &str, email: &str, password: &str, role: Role) -> NewUser {
    NewUser {
        name: name.to_owned(),
        email: email.to_owned(),
        password: password.to_owned(),
        role,
    }
}

fn demo_venue() -> NewVenue {
    NewVenue {
        name: "Stadttheater".to_owned(),
        address: Some("Theaterplatz 1".to_owned()),
        city: "Berlin".to_owned(),
        country: "DE".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        picture: None,
    }
}

fn demo_event(venue_id: VenueId, starts_at: chrono::DateTime<chrono::Utc>) -> NewEvent {
    NewEvent {
        details: EventDetails {
            venue_id,
            title: "Opening Night".to_owned(),
            description: "An evening of chamber music. This event is a demo: nothing is charged."
                .to_owned(),
            category: Some("concert".to_owned()),
            starts_at,
            ends_at: Some(starts_at + TimeDelta::hours(2)),
            sales_open_at: None,
            sales_close_at: None,
            limit_per_customer: None,
            picture: None,
            gallery: Vec::new(),
            doors_at: Some(starts_at - TimeDelta::hours(1)),
            hold_secs: None,
        },
        currency: "EUR".to_owned(),
        zones: vec![
            NewZone {
                name: "Stalls".to_owned(),
                benefits: Some("The best sound in the house".to_owned()),
                price_amount: 6500,
                by_application: false,
                seating: NewSeating::Seated {
                    rows: 12,
                    seats_per_row: 20,
                    focus: None,
                },
            },
            NewZone {
                name: "Circle".to_owned(),
                benefits: None,
                price_amount: 4500,
                by_application: false,
                seating: NewSeating::Seated {
                    rows: 6,
                    seats_per_row: 24,
                    focus: None,
                },
            },
            NewZone {
                name: "Standing".to_owned(),
                benefits: None,
                price_amount: 1500,
                by_application: false,
                seating: NewSeating::Standing { capacity: 200 },
            },
        ],
    }
}
