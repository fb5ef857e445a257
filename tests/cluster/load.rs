//! Buyers who go on buying whatever happens, and know exactly what they were promised.
//!
//! Whoever hears that nobody can say what became of a request repeats it with the same key, as the
//! API advises. So in the end there is a certain answer to everything, and [`Promises::expect_kept`]
//! compares all of them with the database.

use std::{cell::Cell, collections::BTreeMap};

use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, join_all},
};
use kit::{Answer, Call, Cluster, Event, Person};

/// What was answered: reservations with the state that they were said to be in.
#[derive(Debug, Default)]
pub struct Promises(BTreeMap<String, &'static str>);

/// Answers after which a request is repeated: it may have been done, or another one stood in its way.
const REPEATED: [&str; 4] = [
    "unavailable",
    "ticket-contended",
    "idempotency-key-in-flight",
    "payment-in-progress",
];

/// Lets each buyer hold a place of the first zone, and pay for it or give it up, again and again
/// until `meanwhile` is over.
pub fn sell_during<'a>(
    meanwhile: impl Future<Output = ()> + 'a,
    cluster: &'a Cluster,
    event: &'a Event,
    buyers: &'a [Person],
) -> LocalBoxFuture<'a, Promises> {
    let sell = async move {
        let is_over = Cell::new(false);
        let crowd = buyers.iter().map(async |buyer| {
            let mut promises = Promises::default();
            while !is_over.get() {
                shop(cluster, event, buyer, &mut promises).await;
            }
            promises
        });
        let meanwhile = async {
            meanwhile.await;
            is_over.set(true);
        };
        let (promises, ()) = tokio::join!(join_all(crowd), meanwhile);
        Promises(promises.into_iter().flat_map(|it| it.0).collect())
    };
    sell.boxed_local()
}

async fn shop(cluster: &Cluster, event: &Event, buyer: &Person, promises: &mut Promises) {
    let number = promises.0.len();
    let key = format!("{}-{number}", buyer.email);
    let zone = event.zones[0].id;
    let reserve = || cluster.reserve_places(buyer, event, zone, 1).key(&key);
    let id = certain(reserve).await.expect(201).id();
    promises.0.insert(id.clone(), "held");

    if number.is_multiple_of(2) {
        let key = format!("{key}-paid");
        let confirm = || cluster.confirm(buyer, &id, "tok_success").key(&key);
        certain(confirm).await.expect(200);
        promises.0.insert(id, "confirmed");
    } else {
        // Giving up what is given up already is answered the same, so it needs no key.
        certain(|| cluster.release(buyer, &id)).await.expect(204);
        promises.0.insert(id, "released");
    }
}

/// Repeats a request until its answer is certain. No answer at all is a fault.
pub async fn certain(request: impl Fn() -> Call) -> Answer {
    loop {
        let answer = request().await;
        if !REPEATED.contains(&answer.slug()) {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

impl Promises {
    /// Expects each promise to be kept, and nothing to be there that nobody was told of.
    pub async fn expect_kept(&self, cluster: &Cluster) {
        let rows = cluster.rows("SELECT id, status FROM reservations").await;
        let found: BTreeMap<&str, &str> = rows
            .iter()
            .filter_map(|row| Some((row["id"].as_str()?, row["status"].as_str()?)))
            .collect();
        let promised: BTreeMap<&str, &str> =
            self.0.iter().map(|(id, state)| (&**id, *state)).collect();
        assert_eq!(found, promised);
        assert!(!promised.is_empty(), "nobody bought anything");
        let unsettled = "SELECT count(*) FROM payments WHERE status NOT IN ('succeeded', 'voided')";
        assert_eq!(cluster.count(unsettled).await, 0);
    }
}

/// How many reservations have been paid so far.
pub async fn count_paid(cluster: &Cluster) -> i64 {
    cluster
        .count("SELECT count(*) FROM reservations WHERE status = 'confirmed'")
        .await
}
