//! Reading a mirrored event anew, because its organiser changed which places it has.
//!
//! The seats as they are known go on being used meanwhile, so that nobody is told that an event is
//! sold out because it is being read. What is told of any ticket from the moment on at which the
//! reading begins is kept in mind and applied to what was read: what was committed before is read,
//! what is committed later is told, and an entry only ever moves to a higher version.

use sea_orm::DbErr;
use std::sync::{Arc, PoisonError};

use super::{Facts, Mirror, Mirrored, Slot, show_size, store};
use crate::ids::EventId;
use crate::telemetry::OkOrLog;

impl Mirror {
    /// Reads an event anew where it is mirrored, and returns once what is committed by now is known.
    pub async fn refresh(&self, id: EventId) {
        let Some(mirrored) = self.ready(id) else {
            return;
        };
        let mirror = self.clone();
        // On its own: whoever asked may go away.
        let done = tokio::spawn(async move {
            let _turn = mirrored.turn.lock().await;
            mirror.reload(id, &mirrored).await;
        });
        done.await.ok_or_log("reading an event anew");
    }

    /// The same without waiting, and without doing it twice at the same time.
    pub(super) fn refresh_in_background(&self, id: EventId) {
        let Some(mirrored) = self.ready(id) else {
            return;
        };
        let mirror = self.clone();
        tokio::spawn(async move {
            if let Ok(_turn) = mirrored.turn.try_lock() {
                mirror.reload(id, &mirrored).await;
            }
        });
    }

    async fn reload(&self, id: EventId, mirrored: &Mirrored) {
        mirrored.seats().remember();
        match self.read_anew(id).await {
            Ok(Some((facts, loaded))) => {
                mirrored.replace(facts, loaded);
                show_size(&self.events());
            }
            Ok(None) => {
                mirrored.seats().stop_remembering();
                self.forget(id);
            }
            Err(err) => {
                mirrored.seats().stop_remembering();
                tracing::warn!(event = id.0, error = %err, "an event could not be read anew");
            }
        }
    }

    async fn read_anew(&self, id: EventId) -> Result<Option<(Facts, store::Tickets)>, DbErr> {
        let Some(facts) = store::facts(&self.0.db, id).await? else {
            return Ok(None);
        };
        let tickets = store::tickets(&self.0.db, id).await?;
        Ok(Some((facts, tickets)))
    }

    fn ready(&self, id: EventId) -> Option<Arc<Mirrored>> {
        match self.events().get(&id) {
            Some(Slot::Ready(mirrored)) => Some(Arc::clone(mirrored)),
            _ => None,
        }
    }
}

impl Mirrored {
    fn replace(&self, facts: Facts, loaded: store::Tickets) {
        let size = loaded.size();
        let new = loaded.seats(&facts);
        let mut seats = self.seats();
        let old = seats.replace(new);
        self.resize(size);
        // While nobody can look at the seats, so that both are of one moment.
        *self.facts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(facts);
        drop(seats);
        drop(old);
    }
}

impl Facts {
    /// Whether the same places are on sale in the same zones: if not, the seats are to be read anew.
    pub(super) fn has_places_of(&self, other: &Self) -> bool {
        let places = |facts: &Self| -> Vec<_> {
            let zones = facts.zones.iter();
            zones
                .map(|zone| {
                    let focus = (zone.focus_row, zone.focus_seat);
                    (zone.id, zone.places_version, focus)
                })
                .collect()
        };
        places(self) == places(other)
    }
}
