//! How the mirror learns: messages as they come, and the ledger for what no message told.
//!
//! The ledger is read from the highest id on that was seen. Ids are given out before their
//! transactions commit, so a lower one may turn up later: ids that were left out are asked for again
//! until no transaction can be that old.

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::DbErr;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as AsyncMutex;

use super::store::{self, LedgerRow};
use super::{Mirror, Slot};
use crate::coordination::{Coordinator, News, SeatChange};
use crate::ids::EventId;
use crate::telemetry::{MIRROR_HEALED, OkOrLog};

/// Where the reading of the ledger stands.
#[derive(Default)]
pub(super) struct Feed {
    position: AsyncMutex<Option<Position>>,
    clock: Mutex<Option<Clock>>,
}

struct Position {
    /// The highest id that was seen.
    high: i64,
    /// Lower ids that were not there, and since when.
    missing: BTreeMap<i64, Instant>,
}

/// The database's time when the ledger was last read.
#[derive(Clone, Copy)]
struct Clock {
    /// Before it was asked: what is known is as old as that.
    read_at: Instant,
    /// After it was answered: its time has gone on since then, at least.
    told_at: Instant,
    database: DateTime<Utc>,
}

/// Longer than any transaction that writes can take.
const MISSING_FOR: Duration = Duration::from_secs(30);
/// Most ids that are asked for again.
const MOST_MISSING: usize = 10_000;
/// How far before the end the reading begins, for transactions that are not committed yet.
const BACKWARDS: i64 = 10_000;

/// Follows the messages of the other instances. Ends with the coordinator.
pub async fn follow(mirror: Mirror, coordinator: &Coordinator) {
    let Some(mut news) = coordinator.subscribe() else {
        return;
    };
    while let Some(news) = news.recv().await {
        match news {
            News::Changed(changes) => mirror.learn(&changes),
            // What was said while nobody listened is in the ledger.
            News::Interrupted => {
                mirror.heal().await.ok_or_log("reading the ledger");
            }
        }
    }
}

impl Mirror {
    /// Reads from the ledger what no message told. Call it at least every second. Returns how many
    /// changes were news.
    pub async fn heal(&self) -> Result<usize, DbErr> {
        let mut position = self.0.feed.position.lock().await;
        let read_at = Instant::now();
        let database = self.0.db.read_time().await?;
        let told_at = Instant::now();
        let mut healed = 0;
        match position.as_mut() {
            None => *position = Some(Position::near_the_end(store::last_id(&self.0.db).await?)),
            Some(_) if self.events().is_empty() => {
                // Nothing to keep up with; the next event that is loaded begins anew.
                *position = None;
            }
            Some(position) => {
                loop {
                    let (rows, is_all) = position.read(self).await?;
                    healed += self.apply(&rows);
                    if is_all {
                        break;
                    }
                }
                self.refresh_facts().await?;
            }
        }
        let clock = Clock {
            read_at,
            told_at,
            database,
        };
        *self.0.feed.clock() = Some(clock);
        metrics::counter!(MIRROR_HEALED).increment(healed as u64);
        Ok(healed)
    }

    /// The database's time, as far as it is known without asking and as finely as the database keeps
    /// it: some milliseconds less than it is, and not more.
    pub fn now(&self) -> Option<DateTime<Utc>> {
        let clock = *self.0.feed.clock();
        let now = clock.map(|clock| clock.database + clock.told_at.elapsed());
        now.map(|now| now.trunc_subsecs(self.0.db.digits_of_seconds()))
    }

    /// Takes over rows of the ledger, which do not say of which event they are.
    fn apply(&self, rows: &[LedgerRow]) -> usize {
        let mut healed = 0;
        for slot in self.events().values_mut() {
            match slot {
                Slot::Ready(mirrored) => {
                    let mut seats = mirrored.seats();
                    for row in rows {
                        let may_have = mirrored.spans(row.ticket_id) || seats.is_remembering();
                        if may_have && seats.set(row.ticket_id, row.version, row.status) {
                            healed += 1;
                        }
                    }
                }
                Slot::Loading { learnt, .. } => learnt.extend(rows.iter().map(LedgerRow::change)),
            }
        }
        healed
    }

    /// Takes over what organisers changed of the mirrored events. Where they changed which places
    /// there are, the event is read anew meanwhile.
    async fn refresh_facts(&self) -> Result<(), DbErr> {
        let ready = |(id, slot): (&EventId, &Slot)| matches!(slot, Slot::Ready(_)).then_some(*id);
        let ids: Vec<EventId> = self.events().iter().filter_map(ready).collect();
        let changed = store::changed_events(&self.0.db, &ids, |event| {
            match self.events().get(&EventId(event.id)) {
                Some(Slot::Ready(mirrored)) => mirrored.facts().event != *event,
                _ => false,
            }
        });
        for id in changed.await? {
            let facts = store::facts(&self.0.db, id).await?;
            let Some(facts) = facts else {
                self.forget(id);
                continue;
            };
            let events = self.events();
            if let Some(Slot::Ready(mirrored)) = events.get(&id) {
                if !mirrored.facts().has_places_of(&facts) {
                    drop(events);
                    self.refresh_in_background(id);
                    continue;
                }
                let mut known = mirrored
                    .facts
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *known = std::sync::Arc::new(facts);
            }
        }
        Ok(())
    }
}

impl Feed {
    /// Whether the ledger was read less than `within` ago.
    pub fn is_fresh(&self, within: Duration) -> bool {
        let clock = *self.clock();
        clock.is_some_and(|clock| clock.read_at.elapsed() < within)
    }

    fn clock(&self) -> std::sync::MutexGuard<'_, Option<Clock>> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Position {
    fn near_the_end(last_id: i64) -> Self {
        Self {
            high: (last_id - BACKWARDS).max(0),
            missing: BTreeMap::new(),
        }
    }

    /// The next rows, and whether those are all that there are. While a sale goes on there are always
    /// more a moment later, which the next reading finds.
    async fn read(&mut self, mirror: &Mirror) -> Result<(Vec<LedgerRow>, bool), DbErr> {
        let now = Instant::now();
        self.missing
            .retain(|_, since| now.duration_since(*since) < MISSING_FOR);
        let missing: Vec<i64> = self.missing.keys().copied().collect();
        let rows = store::ledger_after(&mirror.0.db, self.high, &missing).await?;
        let is_all = rows.len() < store::LEDGER_ROWS_AT_ONCE;
        self.note(&rows, now);
        Ok((rows, is_all))
    }

    fn note(&mut self, rows: &[LedgerRow], now: Instant) {
        for row in rows {
            self.missing.remove(&row.id);
            if row.id > self.high {
                let skipped = (self.high + 1..row.id).take(MOST_MISSING);
                self.missing.extend(skipped.map(|id| (id, now)));
                self.high = row.id;
            }
        }
        while self.missing.len() > MOST_MISSING {
            self.missing.pop_first();
        }
    }
}

impl LedgerRow {
    fn change(&self) -> SeatChange {
        SeatChange {
            ticket_id: self.ticket_id,
            event_id: 0,
            version: self.version,
            status: self.status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::SeatStatus;

    fn row(id: i64) -> LedgerRow {
        LedgerRow {
            id,
            ticket_id: id,
            version: 1,
            status: SeatStatus::Held,
        }
    }

    #[test]
    fn an_id_that_was_left_out_is_asked_for_until_it_is_there() {
        let mut position = Position::near_the_end(0);
        let now = Instant::now();
        position.note(&[row(1), row(4)], now);
        assert_eq!(position.high, 4);
        assert_eq!(position.missing.keys().collect::<Vec<_>>(), [&2, &3]);
        position.note(&[row(3), row(5)], now);
        assert_eq!(position.missing.keys().collect::<Vec<_>>(), [&2]);
        assert_eq!(position.high, 5);
    }

    #[test]
    fn the_reading_begins_before_the_end() {
        assert_eq!(Position::near_the_end(5).high, 0);
        assert_eq!(Position::near_the_end(50_000).high, 40_000);
    }
}
