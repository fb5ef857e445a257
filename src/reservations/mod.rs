//! Reservations: one buyer's set of tickets of one event, all or nothing.
//!
//! ```text
//!   reservation     held ──confirm──> confirmed
//!                    ├────release───> released
//!                    ├────cancel────> released         (its event was cancelled)
//!                    └────expire────> expired          (by database time)
//!
//!   its tickets     available ──hold──> held ──confirm──> sold
//!                       ^                 │
//!                       └─release, cancel,┘
//!                                   expire
//! ```
//!
//! Every arrow is one transaction that compares versions and sets them, appends a ledger row for
//! each ticket, and commits the caller's idempotency key with it ([`commit`]). The path of a hold
//! reads top to bottom in [`api`], [`hold`], [`commit`] and [`store`].
//!
//! Places that are given away come into a confirmed reservation at once, by a [`Change`] of the slice
//! that gives them away.

pub mod api;
mod batch;
mod cancel;
mod change;
mod commit;
mod confirm;
mod expire;
mod extend;
mod foresee;
mod hold;
mod line;
mod lock;
mod near_miss;
mod patience;
mod payment;
mod problems;
mod propose;
mod queue;
mod release;
mod requests;
mod store;
mod terms;
mod views;

pub use batch::{
    Failure, GrantedApplication, Move, Needs, Seen, SeenApplication, SeenZone, Writes,
};
pub use cancel::settle_cancelled_events;
pub use commit::Change;
pub use confirm::settle_lost_payments;
pub use expire::{expire_due_holds, sample_active_holds};
pub use requests::ReservationRequest;
pub use store::merge_portions;
pub use views::{Reservation, ReservedTicket};

use std::ops::Deref;
use tokio::runtime::Handle;

use crate::state::App;
use commit::Committer;

/// Where tickets are sold: the application, and the committer that every change goes through.
#[derive(Clone)]
pub struct BoxOffice {
    app: App,
    committer: Committer,
}

impl BoxOffice {
    /// Opens the box office; `committing` is the runtime of its committer.
    pub fn open(app: &App, committing: &Handle) -> Self {
        Self {
            app: app.clone(),
            committer: Committer::start(app, committing),
        }
    }

    /// Makes a change durable; see [`Change`].
    pub async fn commit<C: Change>(&self, change: C) -> Result<C::Done, C::Refused> {
        self.committer.commit(change).await
    }

    /// A box office that sells nothing, for what needs none: the OpenAPI document.
    pub fn closed(app: &App) -> Self {
        Self {
            app: app.clone(),
            committer: Committer::idle(app),
        }
    }
}

impl Deref for BoxOffice {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}
