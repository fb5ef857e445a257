//! Extending: a little longer, up to a fixed maximum since the hold began.

use std::time::Duration;

use super::BoxOffice;
use super::batch::{Needs, Seen, Writes};
use super::change::{self, ChangeError, refuse_cancelled, running_hold};
use super::commit::Change;
use super::views::Reservation;
use crate::entity::reservation;
use crate::idempotency::Key;
use crate::ids::{ReservationId, UserId};

/// Gives a hold its full time from now on, but never past its maximum. At the maximum it stays
/// as it is. Its event may say how long its full time is; the maximum is never less than that.
pub async fn extend_hold(
    office: &BoxOffice,
    owner: UserId,
    id: ReservationId,
    key: Option<&Key>,
) -> Result<Reservation, ChangeError> {
    let extension = Extension {
        owner,
        id,
        ttl: office.config.hold_ttl(),
        max: office.config.hold_max(),
        key: key.cloned(),
    };
    office.committer.commit(extension).await
}

struct Extension {
    owner: UserId,
    id: ReservationId,
    ttl: Duration,
    max: Duration,
    key: Option<Key>,
}

impl Change for Extension {
    const OPERATION: &'static str = "extend";
    type Done = Reservation;
    type Refused = ChangeError;

    fn needs(&self) -> Needs {
        change::needs(self.id, self.key.as_ref())
    }

    fn decide(&self, seen: &Seen) -> Result<(Reservation, Writes), ChangeError> {
        seen.check_key(self.key.as_ref())?;
        let hold = running_hold(seen, self.owner, self.id)?;
        refuse_cancelled(hold)?;
        let ttl = hold.hold_ttl.unwrap_or(self.ttl);
        let longest = hold.reservation.created_at + self.max.max(ttl);
        let expires_at = (hold.now + ttl).min(longest);
        let mut reservation = hold.reservation.clone();
        let mut writes = Writes::default();
        if expires_at > reservation.expires_at {
            reservation = reservation::Model {
                expires_at,
                version: reservation.version + 1,
                ..reservation
            };
            writes.changed.push(reservation.clone());
        }
        let extended = Reservation::new(reservation, hold.tickets.clone(), hold.code.clone());
        writes.keep(self.key.as_ref(), hold.now, &extended)?;
        Ok((extended, writes))
    }
}
