//! What is published is told to whoever listens.

use futures_util::StreamExt;
use holdfast::coordination::{SeatChange, SeatStatus};
use redis::aio::PubSubStream;
use serde_json::{Value, json};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_published_as_one_message_and_their_loss_is_noticed() {
    let nodes = RedisNode::start_several(2).await;
    let coordinator = that_tells(&nodes).await;
    assert_eq!(coordinator.health().messages, Some(Status::Up));

    let mut messages = listen(&nodes[1]).await;
    coordinator.publish(vec![
        change(1, SeatStatus::Held),
        change(2, SeatStatus::Available),
    ]);
    let held = json!({ "ticket_id": 1, "event_id": 7, "version": 3, "status": "held" });
    let available = json!({ "ticket_id": 2, "event_id": 7, "version": 3, "status": "available" });
    assert_eq!(next(&mut messages).await, json!([held, available]));

    nodes[1].stop().await;
    // More than the queue takes: what cannot be sent is dropped, and nobody waits.
    for _ in 0..3000 {
        coordinator.publish(vec![change(1, SeatStatus::Sold)]);
    }
    coordinator.drain(secs(5)).await;
    let messages = async || coordinator.health().messages;
    eventually_eq(secs(5), Some(Status::Down), messages).await;
    assert_eq!(lock_status(&coordinator), Status::Up);
    nodes[1].start_again().await;
    eventually_eq(secs(5), Some(Status::Up), messages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_closely_is_told_together_whole_and_in_its_order() {
    let nodes = RedisNode::start_several(2).await;
    let coordinator = that_tells(&nodes).await;
    let mut messages = listen(&nodes[1]).await;
    for ticket in 0..1000 {
        coordinator.publish(vec![change(ticket, SeatStatus::Sold)]);
    }
    let (mut sold, mut count) = (Vec::new(), 0);
    while sold.len() < 1000 {
        let changes = next(&mut messages).await;
        let changes = changes.as_array().unwrap();
        sold.extend(changes.iter().map(|it| it["ticket_id"].as_i64().unwrap()));
        count += 1;
    }
    assert_eq!(sold, (0..1000).collect::<Vec<_>>());
    assert!(count < 100, "{count} messages");
}

/// An instance that locks on the first node and tells by the second.
async fn that_tells(nodes: &[RedisNode]) -> Coordinator {
    let config = RedisConfig {
        redis_url: Some(nodes[1].url()),
        lock_urls: vec![nodes[0].url()],
        lock_ttl: TTL,
    };
    Coordinator::Redis(Redis::connect(config).await.unwrap())
}

/// Whatever is told from now on.
pub async fn listen(node: &RedisNode) -> PubSubStream {
    let client = redis::Client::open(node.url()).unwrap();
    let (mut sink, messages) = client.get_async_pubsub().await.unwrap().split();
    sink.subscribe("holdfast:changes").await.unwrap();
    messages
}

/// The changes of the next message.
pub async fn next(messages: &mut PubSubStream) -> Value {
    let message = timeout(secs(5), messages.next()).await.unwrap().unwrap();
    let payload: String = message.get_payload().unwrap();
    serde_json::from_str::<Value>(&payload).unwrap()["changes"].take()
}

fn change(ticket_id: i64, status: SeatStatus) -> SeatChange {
    SeatChange {
        ticket_id,
        event_id: 7,
        version: 3,
        status,
    }
}
