//! One SeaORM entity per table. Entities stay behind the `store` of a slice: what callers of the
//! API see are types of their own.

pub mod event;
pub mod event_search;
pub mod event_word;
pub mod idempotency_key;
pub mod ledger;
pub mod mail;
pub mod payment;
pub mod reservation;
pub mod reservation_ticket;
pub mod ticket;
pub mod user;
pub mod venue;
pub mod zone;
