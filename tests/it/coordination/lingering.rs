//! Claims that are in no hurry to be given back.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_in_no_hurry_is_given_back_though_nobody_else_claims() {
    let nodes = RedisNode::start_several(3).await;
    let coordinator = instance(&nodes).await;
    until_locks_are(&coordinator, Status::Up).await;
    for _ in 0..20 {
        linger(&coordinator, 1).await;
        // Its rivals are held up by it for no longer than they try.
        drop(claim_soon(&coordinator, &[1]).await);
    }
    linger(&coordinator, 1).await;
    coordinator.drain(secs(5)).await;
    nothing_is_locked(&nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_in_no_hurry_goes_with_the_next_that_are_made() {
    let nodes = RedisNode::start_several(3).await;
    let coordinator = instance(&nodes).await;
    until_locks_are(&coordinator, Status::Up).await;
    for round in 0..20 {
        linger(&coordinator, 1).await;
        let next = [10 + round, 100 + round].into_iter();
        let next = claim_at_once(&coordinator, next).await;
        assert!(next.iter().all(Result::is_ok), "{next:?}");
        for node in &nodes {
            let locked = node.command("EXISTS holdfast:lock:ticket:1").await;
            assert_eq!(locked.unwrap(), ":0\r\n", "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_given_back_by_all_nodes_where_the_first_refuses_the_next() {
    let nodes = RedisNode::start_several(3).await;
    let [one, two] = [instance(&nodes).await, instance(&nodes).await];
    until_locks_are(&one, Status::Up).await;
    until_locks_are(&two, Status::Up).await;
    let held = claim_soon(&two, &[2, 3]).await;
    for _ in 0..20 {
        linger(&one, 1).await;
        for refused in claim_at_once(&one, [2, 3].into_iter()).await {
            assert_eq!(refused.unwrap_err(), ClaimError::Contended);
        }
        drop(claim_soon(&two, &[1]).await);
    }
    drop(held);
    one.drain(secs(5)).await;
    two.drain(secs(5)).await;
    nothing_is_locked(&nodes).await;
}

async fn linger(coordinator: &Coordinator, ticket: i64) {
    let mut claim = claim_soon(coordinator, &[ticket]).await;
    claim.take_your_time();
    drop(claim);
    assert!(coordinator.mark(&[ticket]).is_ok(), "its marks are gone");
}
