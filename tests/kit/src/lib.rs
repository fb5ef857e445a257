//! Starts the real thing for tests: PostgreSQL, Redis nodes, Nginx and `holdfast` itself.
//!
//! Nothing is mocked. Servers are containers where Docker answers, and local processes otherwise;
//! whichever way a test ends, nothing of it stays behind.

mod app;
mod applications;
mod backend;
mod background;
mod builder;
mod cluster;
mod database;
mod engine;
mod http;
mod instance;
mod janitor;
mod mail_server;
mod metrics;
mod nginx;
mod people;
mod ports;
mod postgres;
mod process;
mod program;
mod race;
mod redis;
mod sale;
mod server;
mod stories;
mod system;

pub use app::App;
pub use backend::Backend;
pub use builder::Builder;
pub use cluster::{Cluster, Instances};
pub use engine::use_local_servers;
pub use http::{Answer, Call};
pub use instance::{Instance, run_holdfast};
pub use janitor::Directory;
pub use mail_server::{MailServer, Received, body, header};
pub use nginx::Nginx;
pub use people::{BUYER_PASSWORD, Person, signed_in};
pub use postgres::{Postgres, postgres_program};
pub use program::Program;
pub use race::{Verdict, eventually, eventually_eq, race, secs, tally};
pub use redis::RedisNode;
pub use sale::{Event, Zone, ZoneOnSale};
pub use stories::tell;
pub use system::{ADMIN_EMAIL, ADMIN_PASSWORD, System, WAITING_BATCHES};
