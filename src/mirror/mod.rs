//! The mirror: an instance's versioned copy of the seat states of the events in demand.
//!
//! ```text
//!   own commits ──────────────────┐
//!   messages of other instances ──┼──> a higher version? ──> seat states ──> refuse, propose, draw
//!   the ledger, twice a second ───┘        else ignored
//! ```
//!
//! It saves work and decides nothing. An event is loaded when somebody first asks for it, once
//! however many ask, and what is learnt meanwhile is applied after. An entry only ever moves to a
//! higher version, so that messages may come twice or in any order; those that are lost are made up
//! for from the ledger. While the ledger cannot be read the mirror is not fresh, and not used.

mod bits;
mod blocks;
mod feed;
mod free;
mod names;
mod reload;
mod seats;
mod store;
mod suggest;
mod take;
mod zone;

pub use feed::follow;
pub use free::FreePlaces;
pub use names::Labels;
pub use seats::{Place, Seat, Seats};
pub use take::Taken;
pub use zone::Counts;

use sea_orm::DbErr;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex as AsyncMutex, watch};

use crate::coordination::{SeatChange, SeatStatus};
use crate::db::Db;
use crate::entity;
use crate::entity::ticket::TicketStatus;
use crate::ids::{EventId, TicketId};
use crate::telemetry::{MIRROR_EVENTS, MIRROR_LOADS, MIRROR_TICKETS};
use feed::Feed;

/// The events in demand; cheap to clone.
#[derive(Clone)]
pub struct Mirror(Arc<Parts>);

struct Parts {
    db: Db,
    /// Most tickets that are kept, over all events.
    most_tickets: usize,
    started: Instant,
    events: Mutex<HashMap<EventId, Slot>>,
    feed: Feed,
}

/// One event as this instance knows it.
pub struct Mirrored {
    facts: RwLock<Arc<Facts>>,
    seats: Mutex<Seats>,
    /// The lowest of its tickets.
    first: AtomicI64,
    /// The highest of its tickets.
    last: AtomicI64,
    tickets: AtomicUsize,
    /// Whoever reads it anew has this.
    turn: AsyncMutex<()>,
    /// When it was last asked for, in milliseconds since the mirror was made.
    used_at_ms: AtomicU64,
}

/// What is known of an event besides its seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The event; not a draft.
    pub event: entity::event::Model,
    /// Its zones, in order of display.
    pub zones: Vec<entity::zone::Model>,
}

impl Facts {
    /// Whether the places of a zone are given to those who apply, and to nobody else.
    pub fn is_by_application(&self, zone_id: i64) -> bool {
        let mut zones = self.zones.iter();
        zones.any(|zone| zone.id == zone_id && zone.by_application)
    }
}

/// How many tickets an event has, and which.
#[derive(Debug, Clone, Copy)]
struct Size {
    first: i64,
    last: i64,
    count: usize,
}

enum Slot {
    Loading {
        /// What was learnt meanwhile.
        learnt: Vec<SeatChange>,
        done: watch::Receiver<Loaded>,
    },
    Ready(Arc<Mirrored>),
}

/// What came of loading an event; `None` until it is over.
type Loaded = Option<Result<Option<Arc<Mirrored>>, DbErr>>;

/// How long after the ledger was last read the mirror counts as fresh.
const FRESH_FOR: Duration = Duration::from_secs(2);

/// Most events that are kept.
const MOST_EVENTS: usize = 1000;

impl Mirror {
    /// A mirror of nothing yet.
    pub fn new(db: Db, most_tickets: usize) -> Self {
        Self(Arc::new(Parts {
            db,
            most_tickets,
            started: Instant::now(),
            events: Mutex::default(),
            feed: Feed::default(),
        }))
    }

    /// An event, loaded where nobody has asked for it before; `None` where there is none that the
    /// public may know of.
    pub async fn event(&self, id: EventId) -> Result<Option<Arc<Mirrored>>, DbErr> {
        if !self.is_fresh() {
            self.heal().await?;
        }
        let mut done = match self.find_or_load(id) {
            Found::Ready(mirrored) => return Ok(Some(mirrored)),
            Found::Loading(done) => done,
        };
        let loaded = done.wait_for(Option::is_some).await;
        let loaded = loaded.map(|loaded| loaded.clone());
        loaded
            .ok()
            .flatten()
            .unwrap_or_else(|| Err(DbErr::Custom("loading an event was interrupted".into())))
    }

    /// An event that is loaded and fresh; otherwise it begins to load.
    pub fn peek(&self, id: EventId) -> Option<Arc<Mirrored>> {
        match self.find_or_load(id) {
            Found::Ready(mirrored) if self.is_fresh() => Some(mirrored),
            _ => None,
        }
    }

    /// The event of a ticket, where it is loaded and fresh.
    pub fn peek_event_of(&self, ticket: TicketId) -> Option<(EventId, Arc<Mirrored>)> {
        if !self.is_fresh() {
            return None;
        }
        let events = self.events();
        let (id, mirrored) = events.iter().find_map(|(id, slot)| match slot {
            Slot::Ready(mirrored) if mirrored.has(ticket) => Some((*id, mirrored)),
            _ => None,
        })?;
        mirrored.touch(self.0.started);
        Some((id, Arc::clone(mirrored)))
    }

    /// Takes over what changed, wherever it comes from.
    pub fn learn(&self, changes: &[SeatChange]) {
        let mut events = self.events();
        for of_event in changes.chunk_by(|a, b| a.event_id == b.event_id) {
            match events.get_mut(&EventId(of_event[0].event_id)) {
                Some(Slot::Ready(mirrored)) => mirrored.learn(of_event),
                Some(Slot::Loading { learnt, .. }) => learnt.extend_from_slice(of_event),
                None => {}
            }
        }
    }

    /// Forgets an event, so that it is read anew when it is next asked for.
    pub fn forget(&self, id: EventId) {
        let mut events = self.events();
        // What is being loaded is new enough, and somebody waits for it.
        if matches!(events.get(&id), Some(Slot::Ready(_))) {
            events.remove(&id);
            show_size(&events);
        }
    }

    /// Whether what is mirrored was compared with the ledger lately.
    pub fn is_fresh(&self) -> bool {
        self.0.feed.is_fresh(FRESH_FOR) || self.events().is_empty()
    }

    fn find_or_load(&self, id: EventId) -> Found {
        let mut events = self.events();
        match events.get(&id) {
            Some(Slot::Ready(mirrored)) => {
                mirrored.touch(self.0.started);
                return Found::Ready(Arc::clone(mirrored));
            }
            // Where the loading was interrupted nobody is left to tell of it, and it begins again.
            Some(Slot::Loading { done, .. }) if done.has_changed().is_ok() => {
                return Found::Loading(done.clone());
            }
            Some(Slot::Loading { .. }) | None => {}
        }
        let (loaded, done) = watch::channel(None);
        let slot = Slot::Loading {
            learnt: Vec::new(),
            done: done.clone(),
        };
        events.insert(id, slot);
        // On its own: whoever asked first may go away.
        let mirror = self.clone();
        tokio::spawn(async move {
            let outcome = mirror.load(id).await;
            let outcome = mirror.put(id, outcome);
            loaded.send_replace(Some(outcome));
        });
        Found::Loading(done)
    }

    async fn load(&self, id: EventId) -> Result<Option<Mirrored>, DbErr> {
        // Before anything else: anybody can make up an id.
        let Some(facts) = store::facts(&self.0.db, id).await? else {
            return Ok(None);
        };
        // From here on nothing that is committed is missed.
        self.heal().await?;
        let tickets = store::tickets(&self.0.db, id).await?;
        metrics::counter!(MIRROR_LOADS).increment(1);
        Ok(Some(Mirrored::new(facts, tickets)))
    }

    /// Shows what was loaded, with what was learnt meanwhile.
    fn put(
        &self,
        id: EventId,
        loaded: Result<Option<Mirrored>, DbErr>,
    ) -> Result<Option<Arc<Mirrored>>, DbErr> {
        let mut events = self.events();
        let slot = events.remove(&id);
        let outcome = match loaded {
            Ok(Some(mirrored)) => {
                let mirrored = Arc::new(mirrored);
                if let Some(Slot::Loading { learnt, .. }) = slot {
                    mirrored.learn(&learnt);
                }
                mirrored.touch(self.0.started);
                events.insert(id, Slot::Ready(Arc::clone(&mirrored)));
                self.make_room(&mut events, id);
                Ok(Some(mirrored))
            }
            Ok(None) => Ok(None),
            Err(err) => Err(err),
        };
        show_size(&events);
        outcome
    }

    /// Forgets the events that nobody has asked for the longest, but not this one.
    fn make_room(&self, events: &mut HashMap<EventId, Slot>, but: EventId) {
        while count_tickets(events) > self.0.most_tickets || events.len() > MOST_EVENTS {
            let coldest = events
                .iter()
                .filter_map(|(id, slot)| match slot {
                    Slot::Ready(mirrored) if *id != but => {
                        Some((mirrored.used_at_ms.load(Ordering::Relaxed), *id))
                    }
                    _ => None,
                })
                .min();
            let Some((_, id)) = coldest else { return };
            events.remove(&id);
        }
    }

    fn events(&self) -> MutexGuard<'_, HashMap<EventId, Slot>> {
        // Nothing panics half-way through a change of the map.
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Found {
    Ready(Arc<Mirrored>),
    Loading(watch::Receiver<Loaded>),
}

fn show_size(events: &HashMap<EventId, Slot>) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    let show = |name: &'static str, count: usize| metrics::gauge!(name).set(count as f64);
    show(MIRROR_EVENTS, events.len());
    show(MIRROR_TICKETS, count_tickets(events));
}

fn count_tickets(events: &HashMap<EventId, Slot>) -> usize {
    let tickets = |slot: &Slot| match slot {
        Slot::Ready(mirrored) => mirrored.tickets.load(Ordering::Relaxed),
        Slot::Loading { .. } => 0,
    };
    events.values().map(tickets).sum()
}

impl Mirrored {
    fn new(facts: Facts, loaded: store::Tickets) -> Self {
        let size = loaded.size();
        let mirrored = Self {
            seats: Mutex::new(loaded.seats(&facts)),
            facts: RwLock::new(Arc::new(facts)),
            first: AtomicI64::default(),
            last: AtomicI64::default(),
            tickets: AtomicUsize::default(),
            turn: AsyncMutex::default(),
            used_at_ms: AtomicU64::default(),
        };
        mirrored.resize(size);
        mirrored
    }

    /// The event and its zones.
    pub fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.facts.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The seats. Hold on to them for microseconds only: everybody needs them.
    pub fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, ticket: TicketId) -> bool {
        self.spans(ticket.0) && self.seats().get(ticket.0).is_some()
    }

    /// Whether the ticket is not below nor above all that it has.
    fn spans(&self, ticket: i64) -> bool {
        let (first, last) = (&self.first, &self.last);
        (first.load(Ordering::Relaxed)..=last.load(Ordering::Relaxed)).contains(&ticket)
    }

    fn resize(&self, size: Size) {
        self.first.store(size.first, Ordering::Relaxed);
        self.last.store(size.last, Ordering::Relaxed);
        self.tickets.store(size.count, Ordering::Relaxed);
    }

    fn learn(&self, changes: &[SeatChange]) {
        let mut seats = self.seats();
        for change in changes {
            seats.set(change.ticket_id, change.version, change.status);
        }
    }

    fn touch(&self, since: Instant) {
        let now = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.used_at_ms.store(now, Ordering::Relaxed);
    }
}

/// A ticket's status as instances tell each other.
pub fn seat_status(status: TicketStatus) -> SeatStatus {
    match status {
        TicketStatus::Available => SeatStatus::Available,
        TicketStatus::Held => SeatStatus::Held,
        TicketStatus::Sold => SeatStatus::Sold,
        TicketStatus::Blocked => SeatStatus::Blocked,
    }
}

/// A ticket's status as the database has it.
pub fn ticket_status(status: SeatStatus) -> TicketStatus {
    match status {
        SeatStatus::Available => TicketStatus::Available,
        SeatStatus::Held => TicketStatus::Held,
        SeatStatus::Sold => TicketStatus::Sold,
        SeatStatus::Blocked => TicketStatus::Blocked,
    }
}
