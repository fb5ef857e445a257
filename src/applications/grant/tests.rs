use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::*;
use crate::coordination::SeatStatus;
use crate::entity::application;
use crate::mirror::Place;

const NOW: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

/// A zone with so many standing places, and applications for so many each.
fn seen(places: i64, quantities: &[i32]) -> (Grant, Seen) {
    let mut seen = Seen::default();
    let zone = SeenZone {
        name: "Guests".into(),
        focus: None,
        event: EventId(1),
        event_title: "Last Night".into(),
        event_status: EventStatus::Published,
        starts_at: NOW,
        currency: "EUR".into(),
        limit_per_customer: None,
        places: (1..=places).map(place).collect(),
        now: NOW,
    };
    seen.zones.insert(ZoneId(1), zone);
    let mut applications = Vec::new();
    for quantity in quantities {
        let application = application(*quantity);
        let id = ApplicationId(application.id);
        applications.push((id, ReservationId::random()));
        let customer = (UserId(application.user_id), EventId(1));
        seen.customers.insert(customer, 0);
        let applicant = SeenApplication {
            application,
            name: "Ada".into(),
            email: "ada@example.com".into(),
        };
        seen.applications.insert(id, applicant);
    }
    let grant = Grant {
        admin: UserId::random(),
        applications,
        customers: Vec::new(),
        zones: Vec::new(),
        key: None,
    };
    (grant, seen)
}

fn outcomes(grant: &Grant, seen: &Seen) -> Vec<Outcome> {
    let (decisions, writes) = grant.decide(seen).unwrap();
    let outcomes: Vec<_> = decisions.results.iter().map(|one| one.outcome).collect();
    let granted = outcomes.iter().filter(|one| **one == Outcome::Granted);
    let granted = granted.count();
    assert_eq!(writes.granted.len(), granted);
    assert_eq!(writes.reservations.len(), granted);
    assert_eq!(writes.mails.len(), granted);
    outcomes
}

#[test]
fn applications_are_served_in_their_order_and_all_or_nothing() {
    let (grant, seen) = seen(5, &[2, 4, 3, 1]);
    let granted = outcomes(&grant, &seen);
    assert_eq!(
        granted,
        [
            Outcome::Granted,
            Outcome::ZoneFull,
            Outcome::Granted,
            Outcome::ZoneFull
        ]
    );
    let (_, writes) = grant.decide(&seen).unwrap();
    let mut tickets: Vec<_> = writes.moves.iter().map(|one| one.ticket.0).collect();
    tickets.sort_unstable();
    assert_eq!(tickets, [1, 2, 3, 4, 5]);
}

#[test]
fn what_is_decided_on_or_unknown_changes_nothing() {
    let (grant, mut seen) = seen(9, &[1, 1, 1]);
    let (first, second) = (grant.applications[0].0, grant.applications[1].0);
    seen.applications.remove(&first);
    let decided = seen.applications.get_mut(&second).unwrap();
    decided.application.status = ApplicationStatus::Withdrawn;
    assert_eq!(
        outcomes(&grant, &seen),
        [Outcome::NotFound, Outcome::NotPending, Outcome::Granted]
    );
}

#[test]
fn a_cancelled_event_grants_nothing() {
    let (grant, mut seen) = seen(9, &[1]);
    let zone = seen.zones.get_mut(&ZoneId(1)).unwrap();
    zone.event_status = EventStatus::Cancelled;
    assert_eq!(outcomes(&grant, &seen), [Outcome::EventCancelled]);
}

#[test]
fn tickets_that_the_applicant_has_count_against_the_limit() {
    let (grant, mut seen) = seen(9, &[2, 2]);
    let zone = seen.zones.get_mut(&ZoneId(1)).unwrap();
    zone.limit_per_customer = Some(3);
    let richer = &seen.applications[&grant.applications[0].0].application;
    let richer = (UserId(richer.user_id), EventId(1));
    seen.customers.insert(richer, 2);
    assert_eq!(
        outcomes(&grant, &seen),
        [Outcome::LimitExceeded, Outcome::Granted]
    );
}

fn place(ticket_id: i64) -> Place {
    Place {
        ticket_id,
        row: None,
        seat: None,
        status: SeatStatus::Available,
        version: 0,
    }
}

fn application(quantity: i32) -> application::Model {
    application::Model {
        id: Uuid::new_v4(),
        user_id: Uuid::new_v4(),
        event_id: 1,
        zone_id: 1,
        quantity,
        answers: "[]".into(),
        search: String::new(),
        status: ApplicationStatus::Pending,
        reservation_id: None,
        reason: None,
        created_at: NOW,
        ended_at: None,
        decided_by: None,
        version: 1,
    }
}
