//! One Redis server as its URL describes it, and a connection to it that is made again when it is
//! lost.

use std::pin::pin;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo, RedisResult};
use tokio::time::timeout;

use super::breaker::Heard;

/// How long a command on a [`Link`] may take, connecting included.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// How long it takes at most to read an answer that has arrived.
const READ_WITHIN: Duration = Duration::from_millis(20);

/// Nothing can exist below a device file, so connecting here fails at once and without the network.
const NOBODY: &str = "/dev/null/holdfast";

#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Host and port, without credentials.
    pub label: String,
    pub client: Client,
}

impl Node {
    pub fn parse(url: &str) -> Result<Self, String> {
        let info = url
            .into_connection_info()
            .map_err(|error| error.to_string())?;
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err("TLS is not supported".into());
        }
        let label = info.addr().to_string();
        // Nagle's algorithm would hold back an unlock until the answer to the lock before it is
        // acknowledged.
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = Client::open(info).map_err(|error| error.to_string())?;
        Ok(Self { label, client })
    }

    /// A connection that is made when it is first used, and again when it is lost; it bounds what it
    /// waits for itself.
    pub fn connection(&self) -> ConnectionManager {
        // Whoever comes next tries again.
        let config = ConnectionManagerConfig::new().set_number_of_retries(0);
        ConnectionManager::new_lazy_with_config(self.client.clone(), config)
            .expect("without messages there is nothing to misconfigure")
    }
}

/// A client that stands in for a lost node: every command fails at once.
pub(super) fn refusing_client() -> Client {
    Client::open(ConnectionAddr::Unix(NOBODY.into())).expect("a path needs no parsing")
}

#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    connection: Option<MultiplexedConnection>,
}

impl Link {
    pub fn new(client: Client) -> Self {
        Self {
            client,
            connection: None,
        }
    }

    /// Sends a command whose reply does not matter. After a failure the next call connects anew.
    pub async fn send(&mut self, command: &Cmd) -> Heard {
        let heard = self.send_within_limit(command).await;
        if heard != Heard::Answer {
            self.connection = None;
        }
        heard
    }

    async fn send_within_limit(&mut self, command: &Cmd) -> Heard {
        let mut answer = pin!(self.try_send(command));
        let mut outcome = timeout(ANSWER_WITHIN, &mut answer).await;
        if outcome.is_err() {
            // Perhaps it was this process that slept, and the answer is there but not read yet.
            outcome = timeout(READ_WITHIN, &mut answer).await;
        }
        match outcome {
            Ok(Ok(())) => Heard::Answer,
            Ok(Err(_)) => Heard::Refusal,
            Err(_) => Heard::Silence,
        }
    }

    async fn try_send(&mut self, command: &Cmd) -> RedisResult<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                // One limit, above, for everything.
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(None)
                    .set_response_timeout(None);
                let connected = self
                    .client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await?;
                none.insert(connected)
            }
        };
        command.exec_async(connection).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_names_host_and_port_and_no_credentials() {
        assert_eq!(
            Node::parse("redis://user:secret@cache.example:7000/2")
                .unwrap()
                .label,
            "cache.example:7000"
        );
        assert_eq!(
            Node::parse("redis://127.0.0.1").unwrap().label,
            "127.0.0.1:6379"
        );
    }

    #[test]
    fn what_is_not_a_redis_url_is_refused() {
        for url in [
            "",
            "127.0.0.1:6379",
            "http://127.0.0.1",
            "rediss://127.0.0.1:6379",
        ] {
            assert!(Node::parse(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn the_stand_in_for_a_lost_node_refuses_at_once() {
        let started = std::time::Instant::now();
        assert_eq!(
            Link::new(refusing_client()).send(&redis::cmd("PING")).await,
            Heard::Refusal
        );
        assert!(started.elapsed() < Duration::from_millis(100));
    }
}
