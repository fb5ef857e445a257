//! One SeaORM entity per table. Entities stay behind the `store` of a slice: what callers of the
//! API see are types of their own.

pub mod access_change;
pub mod account_event;
pub mod application;
pub mod application_form;
pub mod code;
pub mod event;
pub mod event_search;
pub mod event_word;
pub mod idempotency_key;
pub mod inquiry;
pub mod inquiry_change;
pub mod ledger;
pub mod mail;
pub mod one_time_token;
pub mod payment;
pub mod refresh_token;
pub mod reservation;
pub mod reservation_ticket;
pub mod review;
pub mod seat_block;
pub mod session;
pub mod ticket;
pub mod user;
pub mod user_word;
pub mod venue;
pub mod venue_layout;
pub mod zone;
