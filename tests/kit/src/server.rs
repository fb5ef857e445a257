//! One server, wherever it runs: what a test does to it reads the same for a process and a container.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use testcontainers::{
    ContainerAsync, ContainerRequest, GenericImage, ImageExt, TestcontainersError,
    runners::AsyncRunner,
};
use tokio::time::Instant;

use crate::{
    background::background,
    janitor,
    process::{POLL, Process, describe},
};

const READY_WITHIN: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) enum Server {
    Process(Box<Process>),
    Container(Container),
}

impl Server {
    /// None in a container, whose processes are not of this machine.
    pub(crate) fn pid(&self) -> Option<u32> {
        match self {
            Self::Process(process) => Some(process.pid()),
            Self::Container(_) => None,
        }
    }

    /// Stops it where it is: its connections stay open, nothing answers.
    pub(crate) async fn pause(&self) -> Result<()> {
        match self {
            Self::Process(process) => process.pause(),
            Self::Container(container) => {
                container.act(|it| async move { it.pause().await }).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn resume(&self) -> Result<()> {
        match self {
            Self::Process(process) => process.resume(),
            Self::Container(container) => {
                container
                    .act(|it| async move { it.unpause().await })
                    .await?;
            }
        }
        Ok(())
    }

    /// Ends it at once, with nothing finished.
    pub(crate) async fn stop(&self) -> Result<()> {
        match self {
            Self::Process(process) => process.stop(),
            Self::Container(container) => {
                let at_once = Some(0);
                container
                    .act(|it| async move { it.stop_with_timeout(at_once).await })
                    .await?;
            }
        }
        Ok(())
    }

    /// Starts it again on the same port.
    pub(crate) async fn start(&self) -> Result<()> {
        match self {
            Self::Process(process) => process.start_again(),
            Self::Container(container) => container.act(|it| async move { it.start().await }).await,
        }
    }

    /// Polls until the check passes, and gives up at once when the process has ended.
    pub(crate) async fn ready<F>(&self, check: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let Err(why) = check().await else {
                return Ok(());
            };
            if let Self::Process(process) = self
                && let Some(status) = process.exit_status()
            {
                let (how, tail) = (describe(status), process.log_tail());
                bail!("it {how}; its log ends with:\n{tail}");
            }
            if Instant::now() > deadline {
                return Err(why.context("it is not ready after a minute"));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// A container of the Docker engine, removed when this is dropped or when the test process ends.
#[derive(Debug)]
pub(crate) struct Container {
    name: String,
    /// None only while it is dropped.
    running: Option<Arc<ContainerAsync<GenericImage>>>,
    pub(crate) host: String,
}

impl Container {
    pub(crate) async fn start(request: ContainerRequest<GenericImage>) -> Result<Self> {
        let name = format!("holdfast-test-{}", uuid::Uuid::new_v4());
        std::fs::write(janitor::containers().join(&name), "")?;
        let request = request.with_container_name(&name);
        let started = background()
            .spawn(async move {
                let container = request.start().await?;
                let host = container.get_host().await?.to_string();
                let host = host.replace("localhost", "127.0.0.1");
                anyhow::Ok((container, host))
            })
            .await?;
        let (container, host) = started.context("failed to start a container")?;
        Ok(Self {
            name,
            running: Some(Arc::new(container)),
            host,
        })
    }

    async fn act<F>(
        &self,
        action: impl FnOnce(Arc<ContainerAsync<GenericImage>>) -> F,
    ) -> Result<()>
    where
        F: Future<Output = Result<(), TestcontainersError>> + Send + 'static,
    {
        let running = self.running.clone().context("it has been dropped")?;
        Ok(background().spawn(action(running)).await??)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Whoever drops it last must be in a runtime, so it moves to one.
        let running = self.running.take().and_then(Arc::into_inner);
        let record = janitor::containers().join(&self.name);
        background().spawn(async move {
            if let Some(container) = running
                && container.rm().await.is_ok()
            {
                std::fs::remove_file(record).ok();
            }
        });
    }
}
