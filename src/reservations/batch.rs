//! What a batch of changes reads and what it writes, as values: to decide is a pure function.

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use super::store::HeldTicket;
use crate::codes::CodeText;
use crate::entity::event::EventStatus;
use crate::entity::ledger::Cause;
use crate::entity::payment::{self, PaymentStatus};
use crate::entity::ticket::TicketStatus;
use crate::entity::{application, code, reservation};
use crate::idempotency::{KeptAnswer, Key};
use crate::ids::{ApplicationId, EventId, PaymentId, ReservationId, TicketId, UserId, ZoneId};
use crate::mail::Mail;
use crate::mirror::Place;

/// What a change must see, and what nobody else may have changed when it is committed.
#[derive(Debug, Default)]
pub struct Needs {
    /// Tickets to be held.
    pub tickets: Vec<TicketId>,
    /// Reservations, with their tickets and payments.
    pub reservations: Vec<ReservationId>,
    /// Reservations that may be left alone where another instance is at them.
    pub due: Vec<ReservationId>,
    /// Idempotency keys that must be new.
    pub keys: Vec<(UserId, String)>,
    /// Buyers whose tickets of an event are counted, because it has a limit.
    pub customers: Vec<(UserId, EventId)>,
    /// Codes of an event, with their uses.
    pub codes: Vec<(EventId, CodeText)>,
    /// Applications to be decided on.
    pub applications: Vec<ApplicationId>,
    /// Zones of which places are given away.
    pub zones: Vec<ZoneId>,
}

/// What a batch of changes needs together, without overlaps between them but for codes: whoever
/// comes second sees what the first has used.
#[derive(Debug, Default)]
pub struct Claimed {
    pub tickets: HashSet<TicketId>,
    pub reservations: HashSet<ReservationId>,
    pub due: HashSet<ReservationId>,
    pub keys: HashSet<(UserId, String)>,
    pub customers: HashSet<(UserId, EventId)>,
    pub codes: HashSet<(EventId, CodeText)>,
    pub applications: HashSet<ApplicationId>,
    pub zones: HashSet<ZoneId>,
}

/// The database as it was read for a batch.
#[derive(Debug, Default)]
pub struct Seen {
    pub tickets: HashMap<TicketId, SeenTicket>,
    pub reservations: HashMap<ReservationId, SeenReservation>,
    /// Those of the keys that are not new.
    pub keys: HashSet<(UserId, String)>,
    /// How many tickets of the event the buyer has.
    pub customers: HashMap<(UserId, EventId), u32>,
    /// Those of the codes that there are.
    pub codes: HashMap<(EventId, CodeText), SeenCode>,
    pub applications: HashMap<ApplicationId, SeenApplication>,
    pub zones: HashMap<ZoneId, SeenZone>,
}

/// A ticket that somebody wants.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Clone)]
pub struct SeenTicket {
    pub event: EventId,
    pub zone: ZoneId,
    pub status: TicketStatus,
    pub version: i64,
    /// Whether its organiser took it out of the event.
    pub is_removed: bool,
    /// What it costs now, in minor units of the event's currency.
    pub price_amount: i64,
    /// Whether its zone is given to those who apply, and to nobody else.
    pub by_application: bool,
    /// Whether its event is published and its sale has not closed.
    pub is_for_sale: bool,
    /// Whether the sale has opened for everybody.
    pub has_opened: bool,
    /// Most tickets of the event that one customer may have.
    pub limit_per_customer: Option<u32>,
    /// How long its event's holds last, where that is not left to the settings.
    pub hold_ttl: Option<Duration>,
    /// The database's time when it was read.
    pub now: DateTime<Utc>,
}

/// A code that somebody wants to use.
#[derive(Debug, Clone)]
pub struct SeenCode {
    pub code: code::Model,
    /// Reservations that use it, those of this batch among them; not counted without a limit.
    pub uses: u64,
    /// The database's time when it was read.
    pub now: DateTime<Utc>,
}

/// A reservation with what belongs to it.
#[derive(Debug, Clone)]
pub struct SeenReservation {
    pub reservation: reservation::Model,
    /// Its active tickets.
    pub tickets: Vec<HeldTicket>,
    /// Its payment that is pending or has succeeded.
    pub payment: Option<(PaymentId, PaymentStatus)>,
    /// Whether its event was cancelled.
    pub is_cancelled: bool,
    /// How long its event's holds last, where that is not left to the settings.
    pub hold_ttl: Option<Duration>,
    /// The code that it was made with.
    pub code: Option<String>,
    /// The database's time when it was read.
    pub now: DateTime<Utc>,
}

/// An application, and who made it.
#[derive(Debug, Clone)]
pub struct SeenApplication {
    pub application: application::Model,
    pub name: String,
    pub email: String,
}

/// A zone of which places are given away. Nobody else gives any of it away meanwhile.
#[derive(Debug, Clone)]
pub struct SeenZone {
    pub name: String,
    /// The row and seat that the best ones are nearest to.
    pub focus: Option<(i32, i32)>,
    pub event: EventId,
    pub event_title: String,
    pub event_status: EventStatus,
    pub starts_at: DateTime<Utc>,
    /// ISO 4217.
    pub currency: String,
    /// Most tickets of the event that one customer may have.
    pub limit_per_customer: Option<u32>,
    /// Those of its places that are available; some thousands at the most.
    pub places: Vec<Place>,
    /// The database's time when it was read.
    pub now: DateTime<Utc>,
}

/// What a change writes, all or nothing.
#[derive(Debug, Default)]
pub struct Writes {
    /// Each raises its ticket's version by one and appends to the ledger.
    pub moves: Vec<Move>,
    /// New ones.
    pub reservations: Vec<reservation::Model>,
    /// Changed ones as they are to be, their versions raised by one.
    pub changed: Vec<reservation::Model>,
    /// New ones, written before the provider is asked.
    pub payments: Vec<payment::Model>,
    /// Pending ones that have succeeded.
    pub paid: Vec<PaymentId>,
    /// Pending ones that are granted.
    pub granted: Vec<GrantedApplication>,
    /// What is told to people, and when that was decided.
    pub mails: Vec<(DateTime<Utc>, Mail)>,
    pub answers: Vec<KeptAnswer>,
}

/// An application that is granted.
#[derive(Debug, Clone)]
pub struct GrantedApplication {
    pub application: ApplicationId,
    /// The version from which it is granted.
    pub version: i64,
    pub reservation: ReservationId,
    pub decided_by: UserId,
    pub at: DateTime<Utc>,
}

/// A transition of one ticket on behalf of a reservation.
#[derive(Debug, Clone)]
pub struct Move {
    pub ticket: TicketId,
    pub event: EventId,
    pub reservation: ReservationId,
    /// The version from which it is moved.
    pub version: i64,
    pub from: TicketStatus,
    pub to: TicketStatus,
    pub cause: Cause,
    /// What it costs in the reservation, in minor units.
    pub price_amount: i64,
    /// What a code has taken off the price.
    pub discount_amount: i64,
    pub at: DateTime<Utc>,
}

/// Why a change was not decided on, or not made durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// Other attempts are working on its tickets.
    #[error("other attempts are working on the tickets")]
    Contended,
    /// The locks are gone, and the settings say to refuse.
    #[error("no quorum of lock nodes answers")]
    WithoutLocks,
    /// Too many changes wait.
    #[error("too many changes wait to be committed")]
    QueueFull,
    /// The committer stopped in the middle of it.
    #[error("the commit was interrupted")]
    Interrupted,
    /// A request with the same idempotency key was committed first.
    #[error("the idempotency key was answered before")]
    AnsweredBefore,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

impl Claimed {
    /// Adds what one change needs, unless another in the batch needs some of it too.
    pub fn add(&mut self, needs: &Needs) -> bool {
        let is_free = apart(&self.tickets, &needs.tickets)
            && apart(&self.reservations, &needs.reservations)
            && apart(&self.reservations, &needs.due)
            && apart(&self.due, &needs.due)
            && apart(&self.due, &needs.reservations)
            && apart(&self.keys, &needs.keys)
            && apart(&self.customers, &needs.customers)
            && apart(&self.applications, &needs.applications)
            && apart(&self.zones, &needs.zones);
        if is_free {
            self.tickets.extend(&needs.tickets);
            self.reservations.extend(&needs.reservations);
            self.due.extend(&needs.due);
            self.keys.extend(needs.keys.iter().cloned());
            self.customers.extend(&needs.customers);
            self.codes.extend(needs.codes.iter().cloned());
            self.applications.extend(&needs.applications);
            self.zones.extend(&needs.zones);
        }
        is_free
    }
}

fn apart<T: Eq + Hash>(taken: &HashSet<T>, wanted: &[T]) -> bool {
    wanted.iter().all(|one| !taken.contains(one))
}

impl Needs {
    /// Adds a key, where there is one.
    #[must_use]
    pub fn with_key(mut self, key: Option<&Key>) -> Self {
        self.keys.extend(key.map(Key::id));
        self
    }
}

impl Seen {
    /// Refuses a key that is not new.
    pub fn check_key(&self, key: Option<&Key>) -> Result<(), Failure> {
        match key {
            Some(key) if self.keys.contains(&key.id()) => Err(Failure::AnsweredBefore),
            _ => Ok(()),
        }
    }

    /// Counts what new reservations use, so that the next change of the batch sees it.
    pub fn add_uses(&mut self, made: &[reservation::Model]) {
        if self.codes.is_empty() {
            return;
        }
        for code in made.iter().filter_map(|made| made.code_id) {
            let mut codes = self.codes.values_mut();
            if let Some(seen) = codes.find(|seen| seen.code.id == code) {
                seen.uses += 1;
            }
        }
    }
}

impl Writes {
    /// Keeps the answer under its key, where there is one.
    pub fn keep(
        &mut self,
        key: Option<&Key>,
        now: DateTime<Utc>,
        answer: &impl serde::Serialize,
    ) -> Result<(), Failure> {
        if let Some(key) = key {
            self.answers.push(key.keep(now, answer)?);
        }
        Ok(())
    }

    /// Adds those of another change.
    pub fn extend(&mut self, other: Self) {
        self.moves.extend(other.moves);
        self.reservations.extend(other.reservations);
        self.changed.extend(other.changed);
        self.payments.extend(other.payments);
        self.paid.extend(other.paid);
        self.granted.extend(other.granted);
        self.mails.extend(other.mails);
        self.answers.extend(other.answers);
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.moves.is_empty()
            && self.reservations.is_empty()
            && self.changed.is_empty()
            && self.payments.is_empty()
            && self.paid.is_empty()
            && self.granted.is_empty()
            && self.mails.is_empty()
            && self.answers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_the_same_ticket_or_reservation_are_not_in_one_batch() {
        let ticket = |id| Needs {
            tickets: vec![TicketId(id)],
            ..Needs::default()
        };
        let reservation = ReservationId::random();
        let owner = Needs {
            reservations: vec![reservation],
            ..Needs::default()
        };
        let sweeper = Needs {
            due: vec![reservation],
            ..Needs::default()
        };
        let mut claimed = Claimed::default();
        assert!(claimed.add(&ticket(1)));
        assert!(claimed.add(&ticket(2)));
        assert!(!claimed.add(&ticket(1)));
        assert!(claimed.add(&owner));
        assert!(!claimed.add(&sweeper));
        assert!(!claimed.add(&owner));
    }

    #[test]
    fn a_use_is_seen_by_the_next_change_of_the_batch() {
        let now = DateTime::UNIX_EPOCH;
        let code = |id| code::Model {
            id,
            event_id: 1,
            zone_id: None,
            code: format!("CODE-{id}"),
            max_uses: Some(1),
            valid_from: None,
            valid_until: None,
            opens_early: true,
            percent_off: None,
            amount_off: None,
            note: None,
            active: true,
            version: 1,
            created_at: now,
        };
        let mut seen = Seen::default();
        for id in [1, 2] {
            let (code, uses) = (code(id), 0);
            let key = (EventId(1), CodeText::from(&code));
            seen.codes.insert(key, SeenCode { code, uses, now });
        }
        let made = |code_id| reservation::Model {
            id: ReservationId::random().0,
            user_id: UserId::random().0,
            event_id: 1,
            status: reservation::ReservationStatus::Held,
            expires_at: now,
            total_amount: 0,
            currency: "EUR".into(),
            created_at: now,
            ended_at: None,
            version: 1,
            refund_due_at: None,
            code_id,
        };
        seen.add_uses(&[made(None), made(Some(2)), made(Some(2))]);
        let uses = |id| {
            let key = (EventId(1), CodeText::from(&code(id)));
            seen.codes.get(&key).map(|seen| seen.uses)
        };
        assert_eq!((uses(1), uses(2)), (Some(0), Some(2)));
    }
}
