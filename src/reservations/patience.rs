//! How long a hold goes on trying while others stand in its way.

use rand::RngExt;
use std::time::{Duration, Instant};

use super::hold::HoldError;
use crate::config::Config;

/// The patience of one hold.
pub struct Patience {
    /// Tries that are made even if each of them takes long.
    tries_left: u32,
    deadline: Instant,
    pause: Duration,
}

impl Patience {
    /// Somebody who wants certain tickets soon hears whether they are gone.
    pub fn for_certain_tickets(config: &Config) -> Self {
        Self::new(1, config.lock_wait())
    }

    /// Somebody who wants any places is not refused for as long as places are left and a few
    /// attempts take.
    pub fn for_any_places(config: &Config) -> Self {
        Self::new(16, config.lock_ttl() / 2)
    }

    fn new(tries_left: u32, wait: Duration) -> Self {
        Self {
            tries_left,
            deadline: Instant::now() + wait,
            pause: Duration::from_millis(4),
        }
    }

    /// Pauses for a random while, longer each time.
    pub async fn wait(&mut self) -> Result<(), HoldError> {
        let pause = self.pause.mul_f64(rand::rng().random_range(0.5..1.5));
        if self.tries_left == 0 && Instant::now() + pause > self.deadline {
            return Err(HoldError::Contended {
                retry_after: self.pause.max(Duration::from_millis(10)),
            });
        }
        self.tries_left = self.tries_left.saturating_sub(1);
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(Duration::from_millis(64));
        Ok(())
    }
}
