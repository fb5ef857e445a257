//! Holding tickets: propose, lock, commit.
//!
//! ```text
//!        ┌───────────── contended, within the wait ─────────────┐
//!        v                                                      │
//!     propose ── refused: taken, sold out, not on sale ──>      │
//!        │ tickets that were free a moment ago                  │
//!        v                                                      │
//!     the committer: lock ── another attempt is working on it ──┤
//!        │           commit ── somebody was quicker, and any ───┘
//!        │ durable              places do
//!        v
//!     release the locks, off the reply path
//! ```
//!
//! The commit looks at the tickets again and decides, and writes from the versions that it saw:
//! whatever the mirror told and whoever held the locks, a ticket that is not available is not held.

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use std::time::Duration;

use super::BoxOffice;
use super::batch::{Failure, Move, Needs, Seen, SeenTicket, Writes};
use super::commit::Change;
use super::foresee::foresee;
use super::near_miss::{self, Block};
use super::patience::Patience;
use super::propose::{Proposal, Proposed, Together, not_on_sale, propose};
use super::store::{Conflict, HeldTicket};
use super::terms::{Terms, look_at_code};
use super::views::Reservation;
use crate::codes::{CodeText, NotValid};
use crate::coordination::SeatChange;
use crate::entity::code;
use crate::entity::ledger::Cause;
use crate::entity::reservation::{self, ReservationStatus};
use crate::entity::ticket::TicketStatus;
use crate::idempotency::Key;
use crate::ids::{EventId, ReservationId, TicketId, UserId, ZoneId};
use crate::mirror::seat_status;
use crate::state::App;
use crate::telemetry::VERSION_CONFLICTS;

/// What a buyer wants.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Exactly these tickets, all of one event.
    Tickets {
        /// The event they must belong to; that of the first one where absent.
        event: Option<EventId>,
        /// Without duplicates.
        tickets: Vec<TicketId>,
    },
    /// Places of a zone.
    Places {
        event: EventId,
        zone: ZoneId,
        quantity: usize,
        together: Together,
    },
}

/// Why nothing was held.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// A ticket, event or zone that does not exist.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// The tickets are not all of the event.
    #[error("the tickets are not all of one event")]
    MixedEvents,
    /// The event is not on sale.
    #[error("the event is not on sale")]
    NotOnSale {
        sales_open_at: Option<DateTime<Utc>>,
    },
    /// Some of them are given to those who apply, and to nobody else.
    #[error("the places of zone {zone} are given away by application")]
    ByApplication { zone: ZoneId },
    /// Somebody has some of them.
    #[error("{} of the tickets are taken", .conflicts.len())]
    Taken {
        conflicts: Vec<Conflict>,
        alternatives: Vec<Block>,
    },
    /// The zone has fewer places left than wanted.
    #[error("the zone has {available} places left")]
    SoldOut { zone: ZoneId, available: u64 },
    /// The zone has enough places left, but not side by side.
    #[error("no more than {largest} of the {available} places left are side by side")]
    NotAdjacent {
        zone: ZoneId,
        available: u64,
        largest: u64,
        alternatives: Vec<Block>,
    },
    /// The buyer would have more tickets of the event than one customer may.
    #[error("{already} tickets and the wanted ones are more than {limit}")]
    LimitExceeded { limit: u32, already: u32 },
    /// Other attempts are working on the tickets.
    #[error("other attempts are working on the tickets")]
    Contended { retry_after: Duration },
    /// Somebody was quicker.
    #[error("{} of the tickets have moved on", .0.len())]
    Outrun(Vec<Conflict>),
    /// The code does nothing for these tickets.
    #[error(transparent)]
    CodeNotValid(#[from] NotValid),
    /// Some are no part of the event any more.
    #[error("{} of the tickets were taken out of the event", .0.len())]
    Gone(Vec<Conflict>),
    /// The event is not what the proposal took it for.
    #[error("the event has changed")]
    EventChanged,
    /// It was not committed.
    #[error(transparent)]
    NotCommitted(#[from] Failure),
}

/// Holds what the buyer wants, all or nothing.
pub async fn hold_tickets(
    office: &BoxOffice,
    buyer: UserId,
    wanted: &Wanted,
    code: Option<&CodeText>,
    key: Option<&Key>,
) -> Result<Reservation, HoldError> {
    let mut patience = match wanted {
        Wanted::Tickets { .. } => Patience::for_certain_tickets(&office.config),
        Wanted::Places { .. } => Patience::for_any_places(&office.config),
    };
    loop {
        let Some(proposal) = propose(office, wanted, code).await? else {
            patience.wait().await?;
            continue;
        };
        if let Some(code) = code {
            // On the heap, as all that is seldom: otherwise the future of every hold has room for it.
            Box::pin(look_at_code(office, proposal.event, code)).await?;
        }
        let event = proposal.event;
        let hold = Hold {
            id: ReservationId::random(),
            buyer,
            proposal,
            code: code.map(|code| (event, code.clone())),
            ttl: office.config.hold_ttl(),
            key: key.cloned(),
        };
        match office.committer.commit(hold).await {
            Err(HoldError::NotCommitted(Failure::Contended)) => {}
            Err(HoldError::Outrun(conflicts)) => {
                metrics::counter!(VERSION_CONFLICTS, "operation" => Hold::OPERATION).increment(1);
                learn(office, event, &conflicts);
                if let Wanted::Tickets { tickets, .. } = wanted {
                    let mirrored = office.mirror.peek(event);
                    let near = mirrored.map(|mirrored| near_miss::near(&mirrored, tickets));
                    return Err(HoldError::Taken {
                        conflicts,
                        alternatives: near.unwrap_or_default(),
                    });
                }
            }
            Err(HoldError::Gone(conflicts)) => {
                learn(office, event, &conflicts);
                if let Wanted::Tickets { .. } = wanted {
                    return Err(HoldError::NoSuch("ticket"));
                }
            }
            Err(HoldError::EventChanged) => office.mirror.forget(event),
            Err(HoldError::NotOnSale { .. }) => {
                return Err(Box::pin(not_on_sale(office, event)).await?);
            }
            outcome => return outcome,
        }
        patience.wait().await?;
    }
}

/// Tells the mirror what the database said.
fn learn(app: &App, event: EventId, conflicts: &[Conflict]) {
    let changes: Vec<_> = conflicts
        .iter()
        .map(|conflict| SeatChange {
            ticket_id: conflict.ticket_id,
            event_id: event.0,
            version: conflict.version,
            status: seat_status(conflict.status),
        })
        .collect();
    app.mirror.learn(&changes);
}

/// A hold about to be committed.
struct Hold {
    id: ReservationId,
    buyer: UserId,
    proposal: Proposal,
    code: Option<(EventId, CodeText)>,
    /// How long it lasts, unless its event says otherwise.
    ttl: Duration,
    key: Option<Key>,
}

impl Change for Hold {
    const OPERATION: &'static str = "hold";
    type Done = Reservation;
    type Refused = HoldError;

    fn needs(&self) -> Needs {
        let customers = self.proposal.is_limited.then_some(self.customer());
        Needs {
            tickets: self
                .proposal
                .tickets
                .iter()
                .map(|ticket| ticket.id)
                .collect(),
            customers: customers.into_iter().collect(),
            codes: self.code.iter().cloned().collect(),
            ..Needs::default()
        }
        .with_key(self.key.as_ref())
    }

    fn foresee(&self, now: DateTime<Utc>) -> Option<Vec<(TicketId, SeenTicket)>> {
        // The uses of a code are counted in the database alone.
        let mirrored = self.proposal.mirrored.as_ref();
        let mirrored = mirrored.filter(|_| self.code.is_none())?;
        let tickets = self.proposal.tickets.iter();
        foresee(mirrored, tickets.map(|ticket| ticket.id), now)
    }

    fn decide(&self, seen: &Seen) -> Result<(Reservation, Writes), HoldError> {
        seen.check_key(self.key.as_ref())?;
        let tickets = self.available_tickets(seen)?;
        let terms = Terms::of(self.code.as_ref(), seen, &tickets)?;
        self.check_limit(seen, &tickets)?;
        let now = tickets.iter().map(|(_, seen)| seen.now).max();
        let now = now.unwrap_or_default();
        let held = |(proposed, seen): &(&Proposed, &SeenTicket)| {
            proposed.held(seen.version + 1, terms.price(seen))
        };
        let held: Vec<_> = tickets.iter().map(held).collect();
        let ttl = tickets.iter().find_map(|(_, seen)| seen.hold_ttl);
        let ttl = ttl.unwrap_or(self.ttl);
        let reservation = self.reservation(&held, terms.code(), (now, ttl));
        let moves = held.iter().map(|ticket| Move {
            ticket: TicketId(ticket.id),
            event: self.proposal.event,
            reservation: self.id,
            version: ticket.version - 1,
            from: TicketStatus::Available,
            to: TicketStatus::Held,
            cause: Cause::Hold,
            price_amount: ticket.price_amount,
            discount_amount: ticket.discount_amount,
            at: now,
        });
        let mut writes = Writes {
            moves: moves.collect(),
            reservations: vec![reservation.clone()],
            ..Writes::default()
        };
        let code = terms.code().map(|code| code.code.clone());
        let view = Reservation::new(reservation, held, code);
        writes.keep(self.key.as_ref(), now, &view)?;
        Ok((view, writes))
    }
}

impl Hold {
    /// The tickets as they are now, all of them available.
    fn available_tickets<'a>(
        &'a self,
        seen: &'a Seen,
    ) -> Result<Vec<(&'a Proposed, &'a SeenTicket)>, HoldError> {
        let mut found = Vec::with_capacity(self.proposal.tickets.len());
        for proposed in &self.proposal.tickets {
            // Its whole zone is gone. The event as it is then tells whether there are others.
            let ticket = seen.tickets.get(&proposed.id);
            let ticket = ticket.ok_or(HoldError::EventChanged)?;
            if ticket.event != self.proposal.event || ticket.version < proposed.version {
                // The database only ever goes on, so it is the mirror that is wrong.
                return Err(HoldError::EventChanged);
            }
            if ticket.by_application {
                return Err(HoldError::ByApplication { zone: ticket.zone });
            }
            found.push((proposed, ticket));
        }
        let gone = found.iter().filter(|(_, seen)| seen.is_removed);
        let gone: Vec<_> = gone
            .map(|(proposed, seen)| proposed.conflict(seen))
            .collect();
        if !gone.is_empty() {
            return Err(HoldError::Gone(gone));
        }
        let is_taken =
            |(_, seen): &&(&Proposed, &SeenTicket)| seen.status != TicketStatus::Available;
        let taken: Vec<_> = found.iter().filter(is_taken).collect();
        if taken.is_empty() {
            return Ok(found);
        }
        if taken
            .iter()
            .any(|(proposed, seen)| proposed.version == seen.version)
        {
            return Err(HoldError::EventChanged);
        }
        let conflicts = taken.iter().map(|(proposed, seen)| proposed.conflict(seen));
        Err(HoldError::Outrun(conflicts.collect()))
    }

    fn check_limit(
        &self,
        seen: &Seen,
        tickets: &[(&Proposed, &SeenTicket)],
    ) -> Result<(), HoldError> {
        let limit = tickets.iter().find_map(|(_, seen)| seen.limit_per_customer);
        let Some(limit) = limit else {
            return Ok(());
        };
        // Counted only where the proposal knew of the limit.
        let already = seen.customers.get(&self.customer());
        let already = *already.ok_or(HoldError::EventChanged)?;
        let wanted = u32::try_from(tickets.len()).unwrap_or(u32::MAX);
        if already.saturating_add(wanted) > limit {
            return Err(HoldError::LimitExceeded { limit, already });
        }
        Ok(())
    }

    fn customer(&self) -> (UserId, EventId) {
        (self.buyer, self.proposal.event)
    }

    fn reservation(
        &self,
        tickets: &[HeldTicket],
        code: Option<&code::Model>,
        (now, ttl): (DateTime<Utc>, Duration),
    ) -> reservation::Model {
        reservation::Model {
            id: self.id.0,
            user_id: self.buyer.0,
            event_id: self.proposal.event.0,
            status: ReservationStatus::Held,
            expires_at: now + ttl,
            total_amount: tickets.iter().map(|ticket| ticket.price_amount).sum(),
            currency: self.proposal.currency.clone(),
            created_at: now,
            ended_at: None,
            version: 1,
            refund_due_at: None,
            code_id: code.map(|code| code.id),
        }
    }
}

impl From<DbErr> for HoldError {
    fn from(err: DbErr) -> Self {
        Self::NotCommitted(Failure::Db(err))
    }
}
