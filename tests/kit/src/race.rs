//! Many at once, and waiting for what must come.

use std::{
    collections::BTreeMap,
    fmt::Display,
    future::IntoFuture,
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use crate::http::Answer;

const POLL: Duration = Duration::from_millis(20);

/// Makes `count` requests and sends them together.
pub async fn race<C>(count: usize, request: impl Fn(usize) -> C) -> Vec<Answer>
where
    C: IntoFuture<Output = Answer>,
{
    // Everything is prepared before the first one is polled, which is what sends it.
    let prepared: Vec<C::IntoFuture> = (0..count)
        .map(|number| request(number).into_future())
        .collect();
    join_all(prepared).await
}

/// How often each outcome occurs: the status of a success, the slug of a refusal.
pub fn tally(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        let outcome = match answer.slug() {
            "" => answer.status.to_string(),
            slug => slug.to_owned(),
        };
        *tally.entry(outcome).or_default() += 1;
    }
    tally
}

/// Polls until the check is settled: `true`, or `Ok` with what it found.
///
/// # Panics
/// When it is not settled in time, with what it said last.
pub async fn eventually<V: Verdict>(within: Duration, check: impl AsyncFn() -> V) -> V::Found {
    let since = Instant::now();
    loop {
        match check().await.settled() {
            Ok(found) => return found,
            Err(last) => assert!(since.elapsed() < within, "not so after {within:?}: {last}"),
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What a check says that is asked again and again.
pub trait Verdict {
    type Found;

    /// # Errors
    /// What is still missing.
    fn settled(self) -> Result<Self::Found, String>;
}

impl Verdict for bool {
    type Found = ();

    fn settled(self) -> Result<(), String> {
        self.then_some(()).ok_or_else(|| "still false".to_owned())
    }
}

impl<T, E: Display> Verdict for Result<T, E> {
    type Found = T;

    fn settled(self) -> Result<T, String> {
        self.map_err(|missing| format!("{missing:#}"))
    }
}

/// Polls until the value is the expected one.
///
/// # Panics
/// When it is another one all the time, with the last.
pub async fn eventually_eq<T>(within: Duration, expected: T, value: impl AsyncFn() -> T)
where
    T: PartialEq + std::fmt::Debug,
{
    eventually(within, async || {
        let value = value().await;
        let differs = || format!("it is {value:?}, not {expected:?}");
        (value == expected).then_some(()).ok_or_else(differs)
    })
    .await;
}

/// Seconds, for those who wait.
pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
