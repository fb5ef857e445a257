//! Granting: giving places of a zone to those who applied for them.
//!
//! All applications of a request are one [`Change`]: what was granted, and the answer that tells of
//! it, are committed together or not at all. They are served in the order in which they are named,
//! each all or nothing, and whoever is too late for the last places is told so.

use sea_orm::DbErr;
use std::collections::HashMap;

use super::letters;
use super::store;
use super::views::{Decision, Decisions, Outcome};
use crate::entity::application::ApplicationStatus;
use crate::entity::event::EventStatus;
use crate::entity::ledger::Cause;
use crate::entity::reservation::{self, ReservationStatus};
use crate::entity::ticket::TicketStatus;
use crate::idempotency::Key;
use crate::ids::{ApplicationId, EventId, ReservationId, TicketId, UserId, ZoneId};
use crate::mirror::FreePlaces;
use crate::reservations::{
    BoxOffice, Change, Failure, GrantedApplication, Move, Needs, Seen, SeenApplication, SeenZone,
    Writes,
};

/// Grants those of the applications that can be, and says of each what came of it.
pub async fn grant_applications(
    office: &BoxOffice,
    admin: UserId,
    ids: &[ApplicationId],
    key: Option<&Key>,
) -> Result<Decisions, Failure> {
    let grant = Grant::prepare(office, admin, ids, key).await?;
    office.commit(grant).await
}

struct Grant {
    admin: UserId,
    /// In the order in which they are served, with the reservations that they may get.
    applications: Vec<(ApplicationId, ReservationId)>,
    /// Whose they are: of an application that never changes.
    customers: Vec<(UserId, EventId)>,
    zones: Vec<ZoneId>,
    key: Option<Key>,
}

impl Grant {
    async fn prepare(
        office: &BoxOffice,
        admin: UserId,
        ids: &[ApplicationId],
        key: Option<&Key>,
    ) -> Result<Self, DbErr> {
        let found = store::applications(&office.db, ids).await?;
        // What is decided on stays so, and needs nothing.
        let pending = found
            .iter()
            .filter(|application| application.status == ApplicationStatus::Pending);
        let (customers, zones) = pending
            .map(|application| {
                let customer = (UserId(application.user_id), EventId(application.event_id));
                (customer, ZoneId(application.zone_id))
            })
            .unzip();
        let with_reservation = |id: &ApplicationId| (*id, ReservationId::random());
        Ok(Self {
            admin,
            applications: ids.iter().map(with_reservation).collect(),
            customers,
            zones,
            key: key.cloned(),
        })
    }

    /// Grants one application, or says why not.
    fn grant(
        &self,
        seen: &Seen,
        free: &mut HashMap<ZoneId, FreePlaces>,
        (id, reservation): (ApplicationId, ReservationId),
    ) -> Result<Writes, Outcome> {
        let applicant = seen.applications.get(&id).ok_or(Outcome::NotFound)?;
        let wish = &applicant.application;
        if wish.status != ApplicationStatus::Pending {
            return Err(Outcome::NotPending);
        }
        let zone_id = ZoneId(wish.zone_id);
        let zone = seen.zones.get(&zone_id).ok_or(Outcome::NotFound)?;
        if zone.event_status != EventStatus::Published {
            return Err(Outcome::EventCancelled);
        }
        check_limit(seen, applicant, zone)?;
        let free = free
            .entry(zone_id)
            .or_insert_with(|| FreePlaces::new(zone_id.0, zone.focus, &zone.places));
        let places = free.take(usize::try_from(wish.quantity).unwrap_or(0));
        let places = places.ok_or(Outcome::ZoneFull)?;
        Ok(self.writes(applicant, zone, reservation, &places))
    }

    fn writes(
        &self,
        applicant: &SeenApplication,
        zone: &SeenZone,
        reservation: ReservationId,
        places: &[i64],
    ) -> Writes {
        let (wish, now) = (&applicant.application, zone.now);
        let moves = zone
            .places
            .iter()
            .filter(|place| places.contains(&place.ticket_id))
            .map(|place| Move {
                ticket: TicketId(place.ticket_id),
                event: zone.event,
                reservation,
                version: place.version,
                from: TicketStatus::Available,
                to: TicketStatus::Sold,
                cause: Cause::Grant,
                price_amount: 0,
                discount_amount: 0,
                at: now,
            });
        let granted = GrantedApplication {
            application: ApplicationId(wish.id),
            version: wish.version,
            reservation,
            decided_by: self.admin,
            at: now,
        };
        let confirmed = reservation::Model {
            id: reservation.0,
            user_id: wish.user_id,
            event_id: wish.event_id,
            status: ReservationStatus::Confirmed,
            expires_at: now,
            total_amount: 0,
            currency: zone.currency.clone(),
            created_at: now,
            ended_at: Some(now),
            version: 1,
            refund_due_at: None,
            code_id: None,
        };
        Writes {
            moves: moves.collect(),
            reservations: vec![confirmed],
            granted: vec![granted],
            mails: vec![(now, letters::grant(applicant, zone, reservation))],
            ..Writes::default()
        }
    }
}

impl Change for Grant {
    const OPERATION: &'static str = "grant";
    type Done = Decisions;
    type Refused = Failure;

    fn needs(&self) -> Needs {
        Needs {
            applications: self.applications.iter().map(|(id, _)| *id).collect(),
            customers: self.customers.clone(),
            zones: self.zones.clone(),
            ..Needs::default()
        }
        .with_key(self.key.as_ref())
    }

    fn decide(&self, seen: &Seen) -> Result<(Decisions, Writes), Failure> {
        seen.check_key(self.key.as_ref())?;
        let mut free = HashMap::new();
        let mut writes = Writes::default();
        let mut results = Vec::with_capacity(self.applications.len());
        for (id, reservation) in &self.applications {
            results.push(match self.grant(seen, &mut free, (*id, *reservation)) {
                Ok(granted) => {
                    writes.extend(granted);
                    Decision::granted(*id, *reservation)
                }
                Err(outcome) => Decision::new(*id, outcome),
            });
        }
        let decisions = Decisions { results };
        // Where nothing was granted there is nothing to keep: asking again asks anew.
        if let Some(first) = writes.granted.first() {
            let now = first.at;
            writes.keep(self.key.as_ref(), now, &decisions)?;
        }
        Ok((decisions, writes))
    }
}

/// A person has one pending application to an event, so that what this very request grants need not
/// be counted.
fn check_limit(seen: &Seen, applicant: &SeenApplication, zone: &SeenZone) -> Result<(), Outcome> {
    let Some(limit) = zone.limit_per_customer else {
        return Ok(());
    };
    let wish = &applicant.application;
    let customer = (UserId(wish.user_id), EventId(wish.event_id));
    let already = seen.customers.get(&customer).copied().unwrap_or(0);
    let wanted = u32::try_from(wish.quantity).unwrap_or(u32::MAX);
    if already.saturating_add(wanted) > limit {
        return Err(Outcome::LimitExceeded);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
