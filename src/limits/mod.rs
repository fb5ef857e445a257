//! How often somebody may try: who is counted for what, and the answer to whom it was too often.
//!
//! Nobody is locked out by a stranger. Failed logins count per account *and* address, so that they
//! hinder who makes them. Those from everywhere together count per account too, against who has many
//! addresses; but an address from which the owner has logged in before is let through all the same.
//! E-mail addresses are counted as they are typed, whether they have an account or not.

mod client;

pub use client::Client;

use std::time::Duration;

use crate::config::Limit;
use crate::ids::UserId;
use crate::limiter::{Refusal, Subject};
use crate::problem::{Problem, Slug};
use crate::state::App;
use crate::telemetry::LIMITED;

/// How often instances tell each other what they have counted at once.
pub const EXCHANGE_EVERY: Duration = Duration::from_millis(200);

/// A login that may be tried.
#[derive(Debug, Clone, Copy)]
#[must_use = "a login that succeeded is told, so that it does not count"]
pub struct LoginAttempt {
    account: Subject,
    address: Subject,
    counts_for_account: bool,
}

/// Counts a login, before the password is looked at.
pub async fn attempt_login(
    app: &App,
    email: &str,
    client: Client,
) -> Result<LoginAttempt, TooMany> {
    let (account, address) = (Subject::from(email), Subject::from(client.0));
    let limiter = &app.limiter;
    limiter.attempt(Limit::LoginAddress, address).await?;
    limiter.attempt(Limit::Login, account.and(address)).await?;
    let counted = limiter.attempt(Limit::LoginAccount, account).await;
    if let Err(refusal) = counted
        && !limiter.is_familiar(account, address).await
    {
        return Err(refusal.into());
    }
    Ok(LoginAttempt {
        account,
        address,
        counts_for_account: counted.is_ok(),
    })
}

impl LoginAttempt {
    /// The password was right: the attempt does not count against the account, and its owner is known
    /// at this address from now on.
    pub async fn succeeded(self, app: &App) {
        let Self {
            account, address, ..
        } = self;
        let limiter = &app.limiter;
        limiter.give_back(Limit::Login, account.and(address)).await;
        if self.counts_for_account {
            limiter.give_back(Limit::LoginAccount, account).await;
        }
        limiter.remember(account, address).await;
    }
}

/// Counts a registration.
pub async fn attempt_registration(app: &App, client: Client) -> Result<(), TooMany> {
    let address = client.0.into();
    Ok(app.limiter.attempt(Limit::Register, address).await?)
}

/// Counts what changes how an account is signed in to: a reset, or a change of e-mail or password.
/// `account` is what names it: its id, an e-mail address as it was typed, or a token.
pub async fn attempt_reset(
    app: &App,
    account: impl Into<Subject>,
    client: Client,
) -> Result<(), TooMany> {
    let address = client.0.into();
    app.limiter.attempt(Limit::ResetAddress, address).await?;
    Ok(app.limiter.attempt(Limit::Reset, account.into()).await?)
}

/// Counts an attempt to reserve; waits for nothing.
pub fn attempt_reservation(app: &App, buyer: UserId, client: Client) -> Result<(), TooMany> {
    app.limiter
        .attempt_at_once(Limit::ReserveAddress, client.0.into())?;
    Ok(app.limiter.attempt_at_once(Limit::Reserve, buyer.into())?)
}

/// Tells the other instances what was counted here at once, and learns from them.
pub async fn exchange(app: &App) {
    app.limiter.exchange().await;
}

/// Somebody has tried too often.
#[derive(Debug, thiserror::Error)]
#[error("too many attempts of {}", .0.limit.as_str())]
pub struct TooMany(Refusal);

impl From<Refusal> for TooMany {
    fn from(refusal: Refusal) -> Self {
        metrics::counter!(LIMITED, "limit" => refusal.limit.as_str()).increment(1);
        Self(refusal)
    }
}

impl From<TooMany> for Problem {
    fn from(TooMany(refusal): TooMany) -> Self {
        let Refusal { limit, quota, wait } = refusal;
        let name = limit.as_str();
        let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        // A whole second more rather than a moment too early.
        let wait_secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let (count, window_secs) = (quota.count, quota.window.as_secs());
        Self::new(
            Slug::RateLimited,
            format!("Try again in {wait_secs} seconds."),
        )
        .with("retry_after_ms", wait_ms.max(1))
        .with_header("Retry-After", wait_secs.to_string())
        // draft-ietf-httpapi-ratelimit-headers-10
        .with_header(
            "RateLimit-Policy",
            format!("\"{name}\";q={count};w={window_secs}"),
        )
        .with_header("RateLimit", format!("\"{name}\";r=0;t={wait_secs}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Cli;
    use clap::Parser;
    use poem::IntoResponse;

    fn app(settings: &[&str]) -> App {
        let config = Cli::try_parse_from([&["holdfast"], settings].concat())
            .unwrap()
            .config;
        App::disconnected(config, Clock::default())
    }

    fn client(last: u8) -> Client {
        Client([192, 0, 2, last].into())
    }

    const ADA: &str = "ada@example.com";

    #[tokio::test]
    async fn failed_logins_hinder_who_makes_them_and_successful_ones_do_not_count() {
        let app = app(&["--limit-login", "3/1h"]);
        for _ in 0..3 {
            let _ = attempt_login(&app, ADA, client(1)).await.unwrap();
        }
        assert!(attempt_login(&app, ADA, client(1)).await.is_err());
        assert!(
            attempt_login(&app, "Ada@Example.com", client(1))
                .await
                .is_err()
        );
        assert!(
            attempt_login(&app, "bob@example.com", client(1))
                .await
                .is_ok()
        );
        for _ in 0..30 {
            let attempt = attempt_login(&app, ADA, client(2)).await.unwrap();
            attempt.succeeded(&app).await;
        }
    }

    #[tokio::test]
    async fn who_has_many_addresses_is_hindered_but_not_the_owner_where_they_are_known() {
        let app = app(&["--limit-login-account", "5/1h"]);
        let attempt = attempt_login(&app, ADA, client(1)).await.unwrap();
        attempt.succeeded(&app).await;
        for stranger in 100..105 {
            let _ = attempt_login(&app, ADA, client(stranger)).await.unwrap();
        }
        assert!(attempt_login(&app, ADA, client(105)).await.is_err());
        for _ in 0..10 {
            let attempt = attempt_login(&app, ADA, client(1)).await.unwrap();
            attempt.succeeded(&app).await;
        }
        // That the owner gets in makes no room for strangers.
        assert!(attempt_login(&app, ADA, client(105)).await.is_err());
    }

    #[tokio::test]
    async fn a_limit_that_is_off_limits_nobody() {
        for settings in [["--limit-reserve", "off"], ["--limits", "off"]] {
            let app = app(&settings);
            let buyer = UserId::random();
            for _ in 0..500 {
                attempt_reservation(&app, buyer, client(1)).unwrap();
            }
        }
    }

    #[test]
    fn the_answer_says_when_to_come_back() {
        let app = app(&["--limit-reserve", "2/10s"]);
        let buyer = UserId::random();
        attempt_reservation(&app, buyer, client(1)).unwrap();
        attempt_reservation(&app, buyer, client(2)).unwrap();
        let refused = attempt_reservation(&app, buyer, client(3)).unwrap_err();
        let answer = Problem::from(refused).into_response();
        assert_eq!(answer.status().as_u16(), 429);
        for (header, value) in [
            ("Retry-After", "5"),
            ("RateLimit-Policy", "\"reserve\";q=2;w=10"),
            ("RateLimit", "\"reserve\";r=0;t=5"),
        ] {
            assert_eq!(answer.header(header), Some(value));
        }
        assert!(attempt_reservation(&app, UserId::random(), client(1)).is_ok());
    }
}
