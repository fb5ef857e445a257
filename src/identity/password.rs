//! Passwords: argon2id, a few at a time.
//!
//! Hashing takes memory and a core for tens of milliseconds on purpose. A semaphore gives it half
//! of the machine at the most and its queue is bounded, so that a login storm is refused rather
//! than served at the cost of the sale.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::state::App;
use crate::telemetry;

/// Why a password was neither hashed nor compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many are waiting already.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// The library refused.
    #[error("failed to hash a password: {0}")]
    Hash(String),
}

/// Hashes a new password into PHC string format, with a random salt.
pub async fn hash(app: &App, password: String) -> Result<String, PasswordError> {
    in_turn(app, move || hash_now(&password)).await?
}

/// Whether the password is the one that was hashed.
///
/// Without a stored hash, that is for an unknown e-mail, the same work is done for nothing.
pub async fn verify(
    app: &App,
    password: String,
    stored: Option<String>,
) -> Result<bool, PasswordError> {
    in_turn(app, move || {
        let known = stored.is_some();
        let hash = stored.as_deref().unwrap_or(&DUMMY_HASH);
        let parsed = PasswordHash::new(hash).map_err(|err| PasswordError::Hash(err.to_string()))?;
        let matches = argon2id()
            .verify_password(password.as_bytes(), &parsed)
            .is_ok();
        Ok(matches && known)
    })
    .await?
}

async fn in_turn<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PasswordError> {
    let waiting = Waiting::enter()?;
    let _turn = app
        .hashing
        .acquire()
        .await
        .map_err(|_| PasswordError::Busy)?;
    drop(waiting);
    tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        let done = work();
        metrics::histogram!(telemetry::HASH_DURATION).record(started.elapsed());
        done
    })
    .await
    .map_err(|err| PasswordError::Hash(err.to_string()))
}

// The least that OWASP's Password Storage Cheat Sheet asks of argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The most passwords that wait; at some 20 ms each the last waits for half a minute.
const MAX_WAITING: usize = 1024;

static WAITING: AtomicUsize = AtomicUsize::new(0);

static DUMMY_HASH: LazyLock<String> =
    LazyLock::new(|| hash_now("nobody's password").expect("a constant password can be hashed"));

fn hash_now(password: &str) -> Result<String, PasswordError> {
    argon2id()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|err| PasswordError::Hash(err.to_string()))
}

fn argon2id() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// A place in the queue, for as long as it lives.
struct Waiting;

impl Waiting {
    fn enter() -> Result<Self, PasswordError> {
        let before = WAITING.fetch_add(1, Ordering::Relaxed);
        let place = Self;
        metrics::gauge!(telemetry::HASHES_WAITING).increment(1);
        if before >= MAX_WAITING {
            return Err(PasswordError::Busy);
        }
        Ok(place)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!(telemetry::HASHES_WAITING).decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_names_its_parameters_and_matches_its_password_only() {
        let hash = hash_now("correct horse").unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let parsed = PasswordHash::new(&hash).unwrap();
        assert!(
            argon2id()
                .verify_password(b"correct horse", &parsed)
                .is_ok()
        );
        assert!(argon2id().verify_password(b"wrong horse", &parsed).is_err());
    }
}
