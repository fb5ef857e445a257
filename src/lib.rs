//! Holdfast sells tickets that exist once, to crowds, without ever selling one twice.
//!
//! **The mirror proposes, the lock claims, the version decides.** Read the modules in this
//! order; each uses only what stands above it (a test in `tests/` sees to that). The path of a
//! reservation is `reservations::{api, hold, commit, store}`. ARCHITECTURE.md walks through it.

pub mod clock;
pub mod ids;
pub mod money;

pub mod config;

pub mod coordination;
pub mod db;
pub mod entity;
pub mod schema;
pub mod secret;
pub mod telemetry;

pub mod access;
pub mod limiter;

pub mod mirror;

pub mod problem;

pub mod page;
pub mod precondition;
pub mod state;
pub mod texts;

pub mod auth;
pub mod body;
pub mod idempotency;
pub mod limits;
pub mod tags;

pub mod mail;

pub mod catalog;
pub mod identity;

pub mod codes;

pub mod reservations;

pub mod applications;
pub mod inquiries;
pub mod reviews;

pub mod demo;
pub mod health;
pub mod verify;

pub mod openapi;
pub mod server;
