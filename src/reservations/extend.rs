//! Extending: a little longer, up to a fixed maximum since the hold began.

use std::time::Duration;

use super::change::{ChangeError, change_hold, running_hold, tickets_of};
use super::commit::{Change, Work, commit};
use super::store::HoldChange;
use super::views::Reservation;
use crate::idempotency::Key;
use crate::ids::{ReservationId, UserId};
use crate::state::App;

/// Gives a hold its full time from now on, but never past its maximum. At the maximum it stays
/// as it is.
pub async fn extend_hold(
    app: &App,
    owner: UserId,
    id: ReservationId,
    key: Option<&Key>,
) -> Result<Reservation, ChangeError> {
    let extension = Extension {
        owner,
        id,
        ttl: app.config.hold_ttl(),
        max: app.config.hold_max(),
        key,
    };
    commit(app, &extension).await
}

struct Extension<'a> {
    owner: UserId,
    id: ReservationId,
    ttl: Duration,
    max: Duration,
    key: Option<&'a Key>,
}

impl Change for Extension<'_> {
    const OPERATION: &'static str = "extend";
    type Done = Reservation;
    type Refused = ChangeError;

    async fn apply(&self, work: &mut Work) -> Result<Reservation, ChangeError> {
        let hold = running_hold(work, self.owner, self.id).await?;
        let tickets = tickets_of(work, &hold).await?;
        let longest = hold.created_at + self.max;
        let expires_at = (work.now + self.ttl).min(longest);
        let hold = if expires_at > hold.expires_at {
            let change = HoldChange {
                expires_at,
                ..HoldChange::none(&hold)
            };
            change_hold(work, hold, change).await?
        } else {
            hold
        };
        let extended = Reservation::new(hold, tickets);
        if let Some(key) = self.key {
            key.remember(&work.tx, work.now, &extended).await?;
        }
        Ok(extended)
    }
}
