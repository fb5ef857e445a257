//! What needs several instances: stories told through Nginx to three of them, over PostgreSQL, three
//! lock nodes and a Redis for messages. Instances, nodes and clients die, hang and come back meanwhile.
//!
//! Every story has a cluster of its own, and `holdfast verify` has the last word.

/// Turns stories into tests, as `kit::stories!` does, over the one back end that a cluster has.
macro_rules! stories {
    (@setup) => { |cluster| cluster };
    (@setup $setup:expr) => { $setup };
    ($($story:ident $(: $setup:expr)?),* $(,)?) => {
        $(
            mod $story {
                #[test]
                fn on_three_instances() {
                    crate::tell::tell(stories!(@setup $($setup)?), async |cluster| {
                        super::$story(cluster).await;
                    });
                }
            }
        )*
    };
}

mod answers;
mod applications;
mod balancer;
mod cancelling;
mod dead_clients;
mod dead_instances;
mod expiry;
mod gate;
mod idempotency;
mod last_places;
mod leaving;
mod limits;
mod load;
mod lock_nodes;
mod mailing;
mod mid_batch;
mod mirrors;
mod paused_instances;
mod people;
mod places;
mod races;
mod seats;
mod starting;
mod tell;
