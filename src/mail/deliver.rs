//! Sends what is in the outbox: every instance does, and none is special.
//!
//! A mail is claimed for a time that is longer than sending may take, so that no two instances are at
//! it together, and one that was claimed by an instance that is gone is taken over. Nothing of the
//! database is held while the mail server is talked to.

use chrono::TimeDelta;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::store::{self, Ended};
use super::transport::{SEND_WITHIN, SendError, Transport};
use crate::entity::mail;
use crate::state::App;
use crate::telemetry::{MAILS, OkOrLog};

/// Most mails that are sent at once by an instance.
const AT_ONCE: u32 = 8;
/// How soon a mail that was posted is found.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a mail is left to who claimed it: for sending, and for noting that it is sent.
const LEASE: Duration = Duration::from_secs(2 * SEND_WITHIN.as_secs());
/// How long a shutdown waits for mails that are being sent.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// The first pause after a failure; each is twice the one before.
const PAUSE_SECS: i64 = 2;
const LONGEST_PAUSE_SECS: i64 = 3600;
/// Some nine hours.
const MOST_ATTEMPTS: i32 = 20;

/// Sends mails until `stop`.
pub async fn deliver(app: App, stop: CancellationToken) {
    let transport = Transport::new(&app.config, AT_ONCE);
    let Some(transport) = transport.ok_or_log("setting up the mail server") else {
        return;
    };
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sending = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = looks.tick() => {}
            Some(_) = sending.join_next() => {}
        }
        while sending.try_join_next().is_some() {}
        if app.is_draining() {
            break;
        }
        let free = u64::from(AT_ONCE) - sending.len() as u64;
        for mail in claim(&app, free).await {
            sending.spawn(deliver_one(app.clone(), transport.clone(), mail));
        }
    }
    let finish = async { while sending.join_next().await.is_some() {} };
    if timeout(FINISH_WITHIN, finish).await.is_err() {
        tracing::warn!(
            "gave up waiting for mails that are being sent; another instance repeats them"
        );
    }
}

async fn claim(app: &App, most: u64) -> Vec<mail::Model> {
    if most == 0 {
        return Vec::new();
    }
    let lease = TimeDelta::from_std(LEASE).unwrap_or(TimeDelta::MAX);
    let claimed = store::claim(app, most, lease).await;
    claimed.ok_or_log("looking for mails").unwrap_or_default()
}

async fn deliver_one(app: App, transport: Transport, mail: mail::Model) {
    let ended = judge(mail.id, mail.attempts, transport.send(&mail).await);
    let outcome = match &ended {
        Ended::Sent => "sent",
        Ended::PutOff { .. } => "put_off",
        Ended::GivenUp { .. } => "given_up",
    };
    metrics::counter!(MAILS, "outcome" => outcome).increment(1);
    let noted = store::end(&app, &mail, ended).await;
    if noted.ok_or_log("noting what became of a mail") == Some(false) {
        tracing::warn!(
            mail = mail.id,
            "took longer than its lease; another instance repeats it"
        );
    }
}

/// What becomes of a mail after an attempt.
fn judge(id: i64, attempts: i32, sent: Result<(), SendError>) -> Ended {
    match sent {
        Ok(()) => {
            tracing::debug!(mail = id, attempts, "sent");
            Ended::Sent
        }
        Err(SendError::ForNow(error)) if attempts < MOST_ATTEMPTS => {
            let by = pause_after(attempts);
            let again_in_secs = by.num_seconds();
            tracing::warn!(
                mail = id,
                attempts,
                error,
                again_in_secs,
                "failed to send a mail"
            );
            Ended::PutOff { by, error }
        }
        // An address that nobody has is its owner's affair.
        Err(SendError::ForGood(error)) => {
            tracing::warn!(mail = id, attempts, error, "gave up a mail");
            Ended::GivenUp { error }
        }
        Err(SendError::ForNow(error)) => {
            tracing::error!(mail = id, attempts, error, "gave up a mail");
            Ended::GivenUp { error }
        }
    }
}

fn pause_after(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(30);
    TimeDelta::seconds((PAUSE_SECS << doublings).min(LONGEST_PAUSE_SECS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_put_off_longer_each_time_and_given_up_in_the_end() {
        let failed = || Err(SendError::ForNow("away".into()));
        let mut pauses = Vec::new();
        for attempts in 1..MOST_ATTEMPTS {
            let Ended::PutOff { by, .. } = judge(1, attempts, failed()) else {
                panic!("given up after {attempts}");
            };
            pauses.push(by.num_seconds());
        }
        assert_eq!(pauses[..4], [2, 4, 8, 16]);
        assert_eq!(pauses.last(), Some(&3600));
        assert!(pauses.is_sorted());
        let last = judge(1, MOST_ATTEMPTS, failed());
        assert!(matches!(last, Ended::GivenUp { .. }));
    }

    #[test]
    fn what_no_server_would_take_is_given_up_at_once() {
        let refused = Err(SendError::ForGood("no such user".into()));
        assert!(matches!(judge(1, 1, refused), Ended::GivenUp { .. }));
    }
}
