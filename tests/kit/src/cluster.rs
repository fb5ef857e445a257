//! Several instances behind Nginx, over one PostgreSQL database and independent lock nodes.

use std::ops::Deref;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;

use crate::{
    backend::Backend,
    builder::Builder,
    instance::{Instance, Settings},
    nginx::Nginx,
    race::{eventually_eq, secs},
    sale::Event,
    system::System,
};

/// Where Nginx connects to the instances from.
const NGINX: &str = "127.0.0.1";

/// A running cluster. Requests go through Nginx. Everything ends when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    /// In the order in which they depend on each other, so that each ends before what it needs.
    nginx: Nginx,
    pub instances: Vec<Instance>,
    system: System,
}

/// The number of instances of a cluster.
#[derive(Debug, Clone, Copy)]
pub struct Instances(usize);

impl Cluster {
    pub async fn start(instances: usize) -> Self {
        Self::builder(instances).start().await
    }

    pub fn builder(instances: usize) -> Builder<Instances> {
        Builder::new(Instances(instances))
    }

    pub fn nginx(&self) -> &Nginx {
        &self.nginx
    }

    /// Expects so many tickets of the event in this state: at once in the database, and at Nginx as
    /// soon as whichever instance is asked has heard of it.
    ///
    /// # Panics
    /// When it is another number.
    pub async fn expect_seats(&self, event: &Event, state: &str, expected: usize) {
        let expected = i64::try_from(expected).expect("it is a number of tickets");
        let in_state = format!("event_id = {} AND status = '{state}'", event.id);
        let stored = format!("SELECT count(*) FROM tickets WHERE {in_state} AND NOT removed");
        assert_eq!(self.count(&stored).await, expected, "{in_state}");
        eventually_eq(secs(20), expected, async || self.seats(event, state).await).await;
    }

    /// The sum over the instances that answer; see [`Instance::metric`].
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let mut sum = 0.0;
        for instance in self
            .instances
            .iter()
            .filter(|instance| instance.is_running())
        {
            sum += instance.metric(name, labels).await;
        }
        sum
    }
}

impl Deref for Cluster {
    type Target = System;

    fn deref(&self) -> &System {
        &self.system
    }
}

impl Builder<Instances> {
    /// # Panics
    /// When it does not become ready, with the end of the log of who is not.
    pub async fn start(self) -> Cluster {
        let started = self.try_start().await;
        started.unwrap_or_else(|error| panic!("failed to start a cluster: {error:#}"))
    }

    async fn try_start(self) -> Result<Cluster> {
        let stores = self.start_stores(Backend::PostgresRedis).await?;
        let mut settings = self.settings(&stores);
        let proxies = settings.env.entry("HOLDFAST_TRUSTED_PROXIES".to_owned());
        proxies.or_insert_with(|| NGINX.to_owned());
        let instances = start_together(self.target.0, &settings).await?;
        let addresses: Vec<&str> = instances.iter().map(Instance::address).collect();
        let nginx = Nginx::start(&addresses).await?;
        let system = System::new(stores, nginx.base_url(), settings.env)?;
        Ok(Cluster {
            nginx,
            instances,
            system,
        })
    }
}

/// All at once, as an orchestrator does: they have to agree on who migrates.
async fn start_together(count: usize, settings: &Settings) -> Result<Vec<Instance>> {
    let starting = (1..=count).map(async |number| {
        let name = format!("app-{number}");
        let started = Instance::start(&name, settings).await;
        started.with_context(|| format!("instance {name}"))
    });
    try_join_all(starting).await
}
