//! Sends what changed to every instance, over Redis publish and subscribe: a bounded queue and one
//! task that empties it.
//!
//! After a quiet moment a change is told at once. What follows it closely is told together, a few
//! milliseconds later: each message costs Redis and every instance more than the changes in it.
//!
//! Messages may be lost, so losing them is made cheap: a full queue drops, and while Redis does not
//! answer nothing is even tried.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::breaker::Heard;
use super::node::{Link, Node};
use crate::coordination::{SeatChange, Status};

pub(super) const CHANNEL: &str = "holdfast:changes";
const QUEUE: usize = 1024;
const PING_EVERY: Duration = Duration::from_secs(1);

/// Sets of changes are not sent more often than this; those that come meanwhile go together.
const SENDS_EVERY: Duration = Duration::from_millis(5);
/// So many of them go together at most.
const TOGETHER: usize = 64;

#[derive(Debug)]
pub(super) struct Messages {
    queue: mpsc::Sender<Message>,
    up: watch::Receiver<bool>,
    overflowing: Arc<AtomicBool>,
    tasks: TaskTracker,
}

/// What is sent: who says so, first, and what has changed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Said<'a> {
    pub by: Cow<'a, str>,
    pub changes: Cow<'a, [SeatChange]>,
}

/// What was committed together.
#[derive(Debug)]
struct Message {
    changes: Vec<SeatChange>,
    /// Keeps a drain waiting until it is sent or dropped.
    _unsent: TaskTrackerToken,
}

impl Messages {
    /// Connects, if `node` answers, and starts the sending task in `background`.
    /// They are sent by the name `by`.
    pub async fn start(
        node: Node,
        by: Arc<str>,
        tasks: TaskTracker,
        background: &mut JoinSet<()>,
    ) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE);
        let (up, up_seen) = watch::channel(false);
        let mut sender = Sender {
            link: Link::new(node.client),
            node: node.label,
            by,
            up,
        };
        sender.show_metrics();
        sender.ping().await;
        background.spawn(sender.run(queued));
        Self {
            queue,
            up: up_seen,
            overflowing: Arc::default(),
            tasks,
        }
    }

    pub fn publish(&self, changes: Vec<SeatChange>) {
        let message = Message {
            changes,
            _unsent: self.tasks.token(),
        };
        let dropped = self.queue.try_send(message).is_err();
        if dropped {
            count_dropped(1);
        }
        if self.overflowing.swap(dropped, Ordering::Relaxed) != dropped && dropped {
            tracing::warn!(
                queue = QUEUE,
                "messages come faster than they can be sent; dropping some"
            );
        }
    }

    pub fn status(&self) -> Status {
        if *self.up.borrow() {
            Status::Up
        } else {
            Status::Down
        }
    }
}

struct Sender {
    link: Link,
    node: String,
    by: Arc<str>,
    up: watch::Sender<bool>,
}

impl Sender {
    async fn run(mut self, mut queued: mpsc::Receiver<Message>) {
        let mut pings = interval(PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut messages = Vec::new();
        let mut next = Instant::now();
        loop {
            let gathered = async {
                sleep_until(next).await;
                queued.recv_many(&mut messages, TOGETHER).await
            };
            tokio::select! {
                _ = pings.tick() => self.ping().await,
                1.. = gathered => {
                    next = Instant::now() + SENDS_EVERY;
                    self.send(&messages).await;
                    messages.clear();
                }
            }
        }
    }

    async fn ping(&mut self) {
        let heard = self.link.send(&redis::cmd("PING")).await;
        self.note(heard);
    }

    async fn send(&mut self, messages: &[Message]) {
        // Only a ping finds out that Redis is back, so that a queue of messages does not wait out
        // its time limit one by one.
        if !*self.up.borrow() {
            return count_dropped(messages.len());
        }
        let changes = messages.iter().flat_map(|message| &message.changes);
        let said = Said {
            by: Cow::Borrowed(&self.by),
            changes: changes.cloned().collect(),
        };
        let payload = match serde_json::to_vec(&said) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(%error, "seat changes cannot be written as JSON");
                return count_dropped(messages.len());
            }
        };
        let heard = self
            .link
            .send(redis::cmd("PUBLISH").arg(CHANNEL).arg(payload))
            .await;
        if heard != Heard::Answer {
            count_dropped(messages.len());
        }
        self.note(heard);
    }

    fn note(&self, heard: Heard) {
        let is_up = heard == Heard::Answer;
        if self.up.send_replace(is_up) == is_up {
            return;
        }
        if is_up {
            tracing::info!(node = self.node, "message server answers");
        } else {
            tracing::warn!(
                node = self.node,
                "message server lost; dropping messages until it answers again"
            );
        }
        self.show_metrics();
    }

    fn show_metrics(&self) {
        metrics::gauge!("holdfast_dependency_up", "dependency" => "messages")
            .set(f64::from(u8::from(*self.up.borrow())));
    }
}

fn count_dropped(messages: usize) {
    metrics::counter!("holdfast_messages_dropped_total").increment(messages as u64);
}
