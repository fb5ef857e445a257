//! One instance over one backend.

use std::ops::Deref;

use anyhow::Result;

use crate::{backend::Backend, builder::Builder, instance::Instance, system::System};

/// A running instance with stores of its own. Everything ends when this is dropped.
#[derive(Debug)]
pub struct App {
    /// First, so that it ends before its stores do.
    instance: Instance,
    system: System,
    backend: Backend,
}

impl App {
    pub async fn start(backend: Backend) -> Self {
        Self::builder(backend).start().await
    }

    pub fn builder(backend: Backend) -> Builder<Backend> {
        Builder::new(backend)
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The instance: its log, its metrics, and what can happen to it.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }
}

impl Deref for App {
    type Target = System;

    fn deref(&self) -> &System {
        &self.system
    }
}

impl Builder<Backend> {
    /// # Panics
    /// When it does not become ready, with the end of its log.
    pub async fn start(self) -> App {
        let backend = self.target;
        let started = self.try_start().await;
        started.unwrap_or_else(|error| panic!("failed to start on {backend:?}: {error:#}"))
    }

    async fn try_start(self) -> Result<App> {
        let stores = self.start_stores(self.target).await?;
        let settings = self.settings(&stores);
        let instance = Instance::start("holdfast", &settings).await?;
        let system = System::new(stores, instance.base_url().to_owned(), settings.env)?;
        Ok(App {
            instance,
            system,
            backend: self.target,
        })
    }
}
