//! What differs from one app or cluster to the next.

use std::{collections::BTreeMap, ffi::OsString};

use anyhow::Result;

use crate::{backend::Backend, instance::Settings, mail_server::MailServer, system::Stores};

const LOCK_NODES: usize = 3;

/// How an [`App`](crate::App) or a [`Cluster`](crate::Cluster) is started.
#[derive(Debug)]
#[must_use]
pub struct Builder<T> {
    /// What is to be started: a backend for an app, a number of instances for a cluster.
    pub(crate) target: T,
    lock_nodes: usize,
    own_postgres: bool,
    mail_server: bool,
    env: BTreeMap<String, String>,
    args: Vec<OsString>,
}

impl<T> Builder<T> {
    pub(crate) fn new(target: T) -> Self {
        Self {
            target,
            lock_nodes: LOCK_NODES,
            own_postgres: false,
            mail_server: false,
            env: BTreeMap::new(),
            args: Vec::new(),
        }
    }

    pub fn hold_ttl_secs(self, secs: u32) -> Self {
        self.env("HOLDFAST_HOLD_TTL_SECS", &secs.to_string())
    }

    pub fn lock_ttl_ms(self, ms: u32) -> Self {
        self.env("HOLDFAST_LOCK_TTL_MS", &ms.to_string())
    }

    /// The number of lock nodes, three unless said otherwise.
    pub fn lock_nodes(mut self, count: usize) -> Self {
        self.lock_nodes = count;
        self
    }

    /// A PostgreSQL server that no other test uses, for stories that pause it or stop it.
    pub fn own_postgres(mut self) -> Self {
        self.own_postgres = true;
        self
    }

    /// With a mail server; without one mails are written into files.
    pub fn mail_server(mut self) -> Self {
        self.mail_server = true;
        self
    }

    /// A setting, by the name of its environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// An argument of the command line, which wins over the environment.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) async fn start_stores(&self, backend: Backend) -> Result<Stores> {
        let mut stores = Stores::start(backend, self.lock_nodes, self.own_postgres).await?;
        if self.mail_server {
            stores.mail_server = Some(MailServer::start().await?);
        }
        Ok(stores)
    }

    pub(crate) fn settings(&self, stores: &Stores) -> Settings {
        let mut env = stores.env();
        env.extend(self.env.clone());
        Settings {
            env,
            args: self.args.clone(),
            program: None,
        }
    }
}
