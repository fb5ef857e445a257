//! What applicants are told by mail.

use super::store::Found;
use crate::ids::ReservationId;
use crate::mail::Mail;
use crate::reservations::{SeenApplication, SeenZone};

/// Their application was granted.
pub fn grant(applicant: &SeenApplication, zone: &SeenZone, reservation: ReservationId) -> Mail {
    let title = &zone.event_title;
    let places = places(applicant.application.quantity);
    Mail {
        to: applicant.email.clone(),
        subject: format!("Your application for {title} was granted"),
        text: format!(
            "Hello {name},\n\nyour application was granted: {places} in {zone} at {title}, which \
             starts at {starts_at}.\n\nThe tickets are yours. You find them among your \
             reservations, under {reservation}.\n",
            name = applicant.name,
            zone = zone.name,
            starts_at = zone.starts_at.format("%Y-%m-%d %H:%M UTC"),
        ),
    }
}

/// Their application was rejected.
pub fn rejection(rejected: &Found) -> Mail {
    let places = places(rejected.application.quantity);
    let reason = rejected.application.reason.as_deref();
    let reason = reason.map_or_else(String::new, |reason| format!("\n{reason}\n"));
    Mail {
        to: rejected.applicant_email.clone(),
        subject: format!("Your application for {}", rejected.event_title),
        text: format!(
            "Hello {},\n\nyour application for {places} in {} at {} was not granted.\n{reason}",
            rejected.applicant_name, rejected.zone_name, rejected.event_title,
        ),
    }
}

fn places(quantity: i32) -> String {
    match quantity {
        1 => "one place".to_owned(),
        more => format!("{more} places"),
    }
}
