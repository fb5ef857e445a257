//! Reservations: one buyer's set of tickets of one event, all or nothing.
//!
//! ```text
//!   reservation     held ──confirm──> confirmed
//!                    ├────release───> released
//!                    └────expire────> expired          (by database time)
//!
//!   its tickets     available ──hold──> held ──confirm──> sold
//!                       ^                 │
//!                       └─release, expire─┘
//! ```
//!
//! Every arrow is one transaction that compares versions and sets them, appends a ledger row for
//! each ticket, and commits the caller's idempotency key with it ([`commit`]). The path of a hold
//! reads top to bottom in [`api`], [`hold`], [`commit`] and [`store`].

pub mod api;
mod change;
mod commit;
mod confirm;
mod expire;
mod extend;
mod hold;
mod payment;
mod problems;
mod release;
mod requests;
mod store;
mod views;

pub use confirm::settle_lost_payments;
pub use expire::{expire_due_holds, sample_active_holds};
pub use views::{Reservation, ReservedTicket};
