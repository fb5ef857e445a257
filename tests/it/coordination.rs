//! Coordination against real Redis nodes that are killed, stopped, resumed and wiped.

mod lingering;
pub mod telling;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use holdfast::coordination::{
    Claim, ClaimError, ConnectError, Coordinator, Redis, RedisConfig, Status,
};
use kit::{RedisNode, eventually, eventually_eq, secs};
use tokio::time::{sleep, timeout};

const TTL: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_never_hold_the_same_ticket_with_one_three_and_five_nodes() {
    for count in [1, 3, 5] {
        let nodes = RedisNode::start_several(count).await;
        let [one, two] = [instance(&nodes).await, instance(&nodes).await];
        until_locks_are(&one, Status::Up).await;
        until_locks_are(&two, Status::Up).await;
        let claim = claim_soon(&one, &[1]).await;
        assert!(claim.is_live());
        for rival in [&two, &one] {
            assert_eq!(refused(rival, &[1]).await, ClaimError::Contended);
        }
        drop(claim);
        let claim = claim_soon(&two, &[1]).await;
        assert_eq!(refused(&one, &[0, 1]).await, ClaimError::Contended);
        drop(claim);
        drop(claim_soon(&one, &[0, 1]).await);
        one.drain(secs(2)).await;
        two.drain(secs(2)).await;
        nothing_is_locked(&nodes).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_hundred_claims_at_once_for_one_ticket_one_wins() {
    let nodes = RedisNode::start_several(3).await;
    let coordinator = instance(&nodes).await;
    let outcomes = claim_at_once(&coordinator, (0..500).map(|_| 1)).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let contended =
        |outcome: &&Result<Claim, ClaimError>| matches!(outcome, Err(ClaimError::Contended));
    assert_eq!(outcomes.iter().filter(contended).count(), 499);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_claims_at_once_for_different_tickets_all_win() {
    let nodes = RedisNode::start_several(3).await;
    let coordinator = instance(&nodes).await;
    for outcome in claim_at_once(&coordinator, 0..500).await {
        // On a busy machine a node may seem to hang, but nobody is in anybody's way.
        assert!(matches!(outcome, Ok(_) | Err(ClaimError::TimedOut)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_crowds_on_two_instances_one_wins_each_ticket() {
    let nodes = RedisNode::start_several(3).await;
    let [one, two] = [instance(&nodes).await, instance(&nodes).await];
    until_locks_are(&one, Status::Up).await;
    until_locks_are(&two, Status::Up).await;
    // Claimed alone, and so in another way than those of a crowd.
    let first = claim_soon(&one, &[0]).await;
    let (ours, theirs) = tokio::join!(claim_at_once(&one, 1..200), claim_at_once(&two, 0..200));
    assert!(theirs[0].is_err(), "it is claimed");
    for (ticket, (ours, theirs)) in (1..).zip(ours.iter().zip(&theirs[1..])) {
        assert!(ours.is_err() || theirs.is_err(), "both have {ticket}");
        // Two rivals cannot split three votes. On a busy machine a node may seem to hang, though.
        let contended = |claim: &Result<_, _>| matches!(claim, Err(ClaimError::Contended));
        assert!(
            !contended(ours) || !contended(theirs),
            "nobody has {ticket}"
        );
    }
    drop((first, ours, theirs));
    one.drain(secs(2)).await;
    two.drain(secs(2)).await;
    nothing_is_locked(&nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_of_three_instances_has_at_most_one_winner_and_soon_one() {
    let nodes = RedisNode::start_several(3).await;
    let instances = join_all((0..3).map(|_| instance(&nodes))).await;
    for ticket in 0..100 {
        let claims = instances.iter().map(|instance| {
            let instance = Arc::clone(instance);
            tokio::spawn(async move { claim(&instance, &[ticket]).await })
        });
        let claims = join_all(claims).await;
        let won = claims
            .iter()
            .filter(|claim| matches!(claim, Ok(Ok(_))))
            .count();
        assert!(won <= 1, "{claims:?}");
        if won == 0 {
            // Each had the vote of one node, so that none had a majority.
            drop(claim_soon(&instances[0], &[ticket]).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_claims_in_opposite_orders_do_not_block_each_other() {
    let nodes = RedisNode::start_several(3).await;
    let [one, two] = [instance(&nodes).await, instance(&nodes).await];
    for round in 0..100 {
        let base = round * 10;
        let first = [base + 1, base + 2, base + 3];
        let second = [base + 3, base + 2, base + 1];
        let (a, b) = tokio::join!(claim(&one, &first), claim(&two, &second));
        assert!(a.is_err() || b.is_err(), "both have them");
        // Two rivals cannot split three votes. On a busy machine a node may seem to hang, though.
        let contended = |claim: &Result<_, _>| matches!(claim, Err(ClaimError::Contended));
        assert!(
            !contended(&a) || !contended(&b),
            "each was in the other's way"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contended_claim_gives_back_what_it_had_taken() {
    let nodes = RedisNode::start_several(3).await;
    let [one, two] = [instance(&nodes).await, instance(&nodes).await];
    let _three = claim_soon(&one, &[3]).await;
    assert_eq!(refused(&two, &[1, 2, 3]).await, ClaimError::Contended);
    drop(claim_soon(&one, &[1, 2]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_of_three_is_not_missed() {
    let nodes = RedisNode::start_several(3).await;
    let coordinator = instance(&nodes).await;
    nodes[1].stop().await;
    for ticket in 0..100 {
        drop(claim_soon(&coordinator, &[ticket]).await);
    }
    until_locks_are(&coordinator, Status::Degraded).await;
    let seen = coordinator.health().locks.unwrap().nodes;
    let statuses: Vec<_> = seen.iter().map(|node| node.status).collect();
    assert_eq!(statuses, [Status::Up, Status::Down, Status::Up]);

    nodes[1].start_again().await;
    until_locks_are(&coordinator, Status::Up).await;
    drop(claim_soon(&coordinator, &[1]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_claims_are_refused_and_return_with_it() {
    let nodes = RedisNode::start_several(3).await;
    let coordinator = instance(&nodes).await;
    nodes[0].stop().await;
    nodes[1].stop().await;
    until_locks_are(&coordinator, Status::Down).await;
    for ticket in 0..100 {
        assert_eq!(
            refused(&coordinator, &[ticket]).await,
            ClaimError::QuorumLost
        );
    }
    nodes[0].start_again().await;
    until_locks_are(&coordinator, Status::Degraded).await;
    drop(claim_soon(&coordinator, &[1]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_majority_hangs_claims_are_refused_until_it_goes_on() {
    let nodes = RedisNode::start_several(3).await;
    let coordinator = instance(&nodes).await;
    nodes[0].pause().await;
    nodes[1].pause().await;
    for ticket in 1..3 {
        assert_eq!(
            refused(&coordinator, &[ticket]).await,
            ClaimError::QuorumLost
        );
    }
    nodes[0].resume().await;
    nodes[1].resume().await;
    until_locks_are(&coordinator, Status::Up).await;
    drop(claim_soon(&coordinator, &[1]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_meets_a_hung_node_leaves_no_lock_behind() {
    let nodes = RedisNode::start_several(3).await;
    let coordinator = instance(&nodes).await;
    nodes[0].pause().await;
    assert_eq!(
        refused(&coordinator, &[1, 2, 3]).await,
        ClaimError::TimedOut
    );
    coordinator.drain(secs(3)).await;
    // The others go on without it, and what it has missed is not held against anybody.
    drop(claim_soon(&coordinator, &[1, 2, 3]).await);
    coordinator.drain(secs(3)).await;
    nodes[0].resume().await;
    until_locks_are(&coordinator, Status::Up).await;
    nothing_is_locked(&nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_leaves_no_lock_behind() {
    let nodes = RedisNode::start_several(3).await;
    let coordinator = instance(&nodes).await;
    for attempt in 0..50 {
        // From before the first command to after the last.
        let patience = Duration::from_micros(attempt * 40);
        drop(timeout(patience, claim(&coordinator, &[1, 2])).await);
    }
    coordinator.drain(secs(5)).await;
    nothing_is_locked(&nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_past_its_time_is_not_live_and_does_not_unlock_its_successor() {
    let nodes = RedisNode::start_several(3).await;
    let ttl = Duration::from_millis(300);
    let [one, two] = [instance_with_ttl(&nodes, ttl).await, instance(&nodes).await];
    let late = claim_soon(&one, &[1]).await;
    sleep(ttl).await;
    assert!(!late.is_live());
    let successor = claim_soon(&two, &[1]).await;
    drop(late);
    one.drain(secs(1)).await;
    assert_eq!(refused(&one, &[1]).await, ClaimError::Contended);
    assert!(successor.is_live());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wiping_every_node_frees_the_tickets_and_breaks_nothing() {
    let nodes = RedisNode::start_several(3).await;
    let [one, two] = [instance(&nodes).await, instance(&nodes).await];
    let forgotten = claim_soon(&one, &[1]).await;
    for node in &nodes {
        node.flush().await;
    }
    let successor = claim_soon(&two, &[1]).await;
    drop(forgotten);
    one.drain(secs(1)).await;
    assert_eq!(refused(&one, &[1]).await, ClaimError::Contended);
    drop(successor);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_down_at_the_start_are_no_error_and_are_found_later() {
    let nodes = RedisNode::start_several(3).await;
    for node in &nodes {
        node.stop().await;
    }
    let coordinator = instance(&nodes).await;
    assert_eq!(lock_status(&coordinator), Status::Down);
    assert_eq!(refused(&coordinator, &[1]).await, ClaimError::QuorumLost);
    for node in &nodes {
        node.start_again().await;
    }
    until_locks_are(&coordinator, Status::Up).await;
    drop(claim_soon(&coordinator, &[1]).await);
}

#[tokio::test]
async fn a_wrong_address_is_named_without_its_password() {
    let connect = async |redis_url: Option<&str>, lock_urls: &[&str]| {
        let config = RedisConfig {
            redis_url: redis_url.map(str::to_owned),
            lock_urls: lock_urls.iter().map(|url| (*url).to_owned()).collect(),
            lock_ttl: TTL,
        };
        Redis::connect(config).await.unwrap_err()
    };
    let good = "redis://127.0.0.1:1";
    let error = connect(Some("nonsense"), &[good]).await;
    assert!(matches!(error, ConnectError::MessageUrl { .. }), "{error}");
    let error = connect(None, &[good, "redis://:secret@:x"]).await;
    assert!(
        matches!(error, ConnectError::LockUrl { position: 2, .. }),
        "{error}"
    );
    assert!(!error.to_string().contains("secret"));
    let error = connect(None, &[good, "redis://:secret@127.0.0.1:1/3"]).await;
    assert!(matches!(error, ConnectError::SameNode { .. }), "{error}");
    assert!(!error.to_string().contains("secret"));
    let error = connect(None, &[]).await;
    assert!(matches!(error, ConnectError::NoLockNode), "{error}");
}

async fn instance(nodes: &[RedisNode]) -> Arc<Coordinator> {
    instance_with_ttl(nodes, TTL).await
}

async fn instance_with_ttl(nodes: &[RedisNode], lock_ttl: Duration) -> Arc<Coordinator> {
    let config = RedisConfig {
        redis_url: None,
        lock_urls: nodes.iter().map(RedisNode::url).collect(),
        lock_ttl,
    };
    Arc::new(Coordinator::Redis(Redis::connect(config).await.unwrap()))
}

/// Claims each of these tickets for somebody else, all together; winners keep what they have. Those
/// that are claimed in the same process come first.
async fn claim_at_once(
    coordinator: &Coordinator,
    tickets: impl Iterator<Item = i64>,
) -> Vec<Result<Claim, ClaimError>> {
    let (mut outcomes, mut marked) = (Vec::new(), Vec::new());
    for ticket in tickets {
        match coordinator.mark(&[ticket]) {
            Ok(marks) => marked.push(marks),
            Err(refused) => outcomes.push(Err(refused)),
        }
    }
    outcomes.extend(coordinator.claim(marked).await);
    outcomes
}

/// Makes one attempt to claim these tickets.
async fn claim(coordinator: &Coordinator, tickets: &[i64]) -> Result<Claim, ClaimError> {
    let marks = coordinator.mark(tickets)?;
    coordinator.claim(vec![marks]).await.remove(0)
}

/// Tries as a caller would, for a few seconds at the most.
async fn claim_soon(coordinator: &Coordinator, tickets: &[i64]) -> Claim {
    eventually(secs(5), async || claim(coordinator, tickets).await).await
}

async fn refused(coordinator: &Coordinator, tickets: &[i64]) -> ClaimError {
    claim(coordinator, tickets).await.unwrap_err()
}

fn lock_status(coordinator: &Coordinator) -> Status {
    coordinator.health().locks.unwrap().status
}

async fn until_locks_are(coordinator: &Coordinator, status: Status) {
    eventually_eq(secs(10), status, async || lock_status(coordinator)).await;
}

async fn nothing_is_locked(nodes: &[RedisNode]) {
    for node in nodes {
        let locked = async || node.command("KEYS holdfast:lock:ticket:*").await.unwrap();
        eventually_eq(secs(5), "*0\r\n".to_owned(), locked).await;
    }
}
