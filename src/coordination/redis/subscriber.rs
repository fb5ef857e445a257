//! Hears what the other instances changed: one connection that is made again when it is lost, and
//! a bounded queue. What this instance has said itself is not read.

use std::time::Duration;

use futures_util::StreamExt;
use redis::RedisResult;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::messages::{CHANNEL, Said};
use super::node::Node;
use crate::coordination::{News, SeatChange};

const QUEUE: usize = 1024;
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
const RECONNECT_AFTER: Duration = Duration::from_millis(100);

/// Listens until nobody wants to hear it any more.
pub(super) fn listen(
    node: Node,
    own_name: &str,
) -> (mpsc::Receiver<News>, impl Future<Output = ()> + use<>) {
    let (heard, news) = mpsc::channel(QUEUE);
    let listener = Listener {
        node,
        own: format!(r#"{{"by":"{own_name}","#),
        heard,
        missed: false,
    };
    (news, listener.run())
}

struct Listener {
    node: Node,
    /// How every message begins that this instance sends.
    own: String,
    heard: mpsc::Sender<News>,
    /// Whether something was said that did not get through.
    missed: bool,
}

impl Listener {
    async fn run(mut self) {
        while !self.heard.is_closed() {
            if let Err(error) = self.listen().await {
                tracing::debug!(node = self.node.label, %error, "not listening to the other instances");
            }
            sleep(RECONNECT_AFTER).await;
        }
    }

    /// Listens until the connection ends.
    async fn listen(&mut self) -> RedisResult<()> {
        let connecting = async {
            let mut connection = self.node.client.get_async_pubsub().await?;
            connection.subscribe(CHANNEL).await?;
            Ok::<_, redis::RedisError>(connection)
        };
        let Ok(connected) = timeout(CONNECT_WITHIN, connecting).await else {
            return Ok(());
        };
        let mut messages = connected?.into_on_message();
        // Nobody listened until now.
        self.missed = true;
        self.pass_on(None);
        while let Some(message) = messages.next().await {
            let payload = message.get_payload_bytes();
            if !payload.starts_with(self.own.as_bytes()) {
                self.pass_on(parse(payload));
            }
            if self.heard.is_closed() {
                break;
            }
        }
        Ok(())
    }

    fn pass_on(&mut self, changes: Option<Vec<SeatChange>>) {
        if self.missed && self.heard.try_send(News::Interrupted).is_ok() {
            self.missed = false;
        }
        if let Some(changes) = changes {
            self.missed |= self.heard.try_send(News::Changed(changes)).is_err();
        }
    }
}

fn parse(payload: &[u8]) -> Option<Vec<SeatChange>> {
    match serde_json::from_slice::<Said>(payload) {
        Ok(said) => Some(said.changes.into_owned()),
        Err(error) => {
            tracing::warn!(%error, "a message of another instance is not understood");
            None
        }
    }
}
