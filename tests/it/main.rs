//! The stories: what Holdfast promises, told to the real binary over every backend.

#![expect(
    clippy::unwrap_used,
    reason = "a story that cannot go on fails, and says where"
)]

mod accounts;
mod adjacent;
mod admins;
mod applications;
mod architecture;
mod bad_input;
mod bad_requests;
mod bounds;
mod cancelling;
mod catalogue;
mod codes;
mod commands;
mod committing;
mod coordination;
mod database_away;
mod editing;
mod expiring;
mod foreseeing;
mod hang_ups;
mod idempotency;
mod identity;
mod inquiring;
mod layouts;
mod limits;
mod lock_nodes;
mod looking;
mod mailing;
mod mirroring;
mod near_misses;
mod operations;
mod owning;
mod paying;
mod people;
mod permissions;
mod races;
mod rate_limits;
mod releasing;
mod reserving;
mod reviewing;
mod sale_windows;
mod searching;
mod seats;
mod sessions;
mod settings;
mod venues;
mod verifying;
mod zones;
