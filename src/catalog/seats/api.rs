//! Calls about single seats, for organisers, and about where seats are drawn.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::plan::{EventPlan, draw_plan};
use super::problems::{BlockProblems, ListProblems, ReadProblems, RemoveProblems};
use super::views::{BlockedList, SeatList, SeatsMoved, SeatsToBlock, SeatsToMove, seen_seats};
use super::{
    block_seats, commit_and_tell, remove_seats, restore_seats, store, unblock_seats, zone_of,
};
use crate::auth::AdminOnly;
use crate::body::Body;
use crate::catalog::store as catalogue;
use crate::catalog::zones::ZoneError;
use crate::idempotency::{Answer, Key};
use crate::ids::{EventId, ZoneId};
use crate::page::{self, Cursor};
use crate::precondition::{Expected, entity_tag, names};
use crate::problem::{Problem, Refused};
use crate::state::App;
use crate::tags::Tags;

/// The calls about single seats.
pub struct SeatsApi {
    /// The application.
    pub app: App,
}

/// Seats were withheld or put on sale again.
#[derive(ApiResponse)]
pub enum SeatsMovedAnswer {
    /// The seats as they are now.
    #[oai(status = 200)]
    Moved(
        Json<SeatsMoved>,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

/// Seats were taken out of the event or put back.
#[derive(ApiResponse)]
pub enum SeatsEdited {
    /// The seats as they are now.
    #[oai(status = 200)]
    Edited(
        Json<SeatsMoved>,
        /// Of the event, for `If-Match` of the next edit.
        #[oai(header = "ETag")]
        String,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

/// Where the seats are drawn, or that they are where the caller knows them.
#[derive(ApiResponse)]
pub enum PlanAnswer {
    /// The plan.
    #[oai(status = 200)]
    Plan(
        Json<EventPlan>,
        /// Changes with the event's version only.
        #[oai(header = "ETag")]
        String,
    ),
    /// Nothing has changed since the `ETag` in `If-None-Match`.
    #[oai(status = 304)]
    Unchanged(
        /// As the caller knows it.
        #[oai(header = "ETag")]
        String,
    ),
}

#[OpenApi(prefix_path = "/api", tag = "Tags::Catalogue")]
impl SeatsApi {
    /// Where the seats of an event are
    ///
    /// For drawing a map: positions and angles of the zones that were made from a venue's layout, and
    /// of their rows.
    #[oai(
        path = "/events/:event_id/plan",
        method = "get",
        operation_id = "get_plan"
    )]
    async fn get_plan(
        &self,
        /// The event.
        event_id: Path<i64>,
        /// The `ETag` of the plan that the caller has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Result<PlanAnswer, Refused<ReadProblems>> {
        let mirrored = self.app.mirror.event(EventId(event_id.0)).await?;
        let facts = mirrored.ok_or_else(|| Problem::not_found("event"))?.facts();
        let tag = entity_tag(facts.event.version);
        if known.0.is_some_and(|known| names(&known, &tag)) {
            return Ok(PlanAnswer::Unchanged(tag));
        }
        Ok(PlanAnswer::Plan(Json(draw_plan(&facts)?), tag))
    }

    /// List the seats of a zone
    ///
    /// For organisers: with those that were taken out, and of drafts too.
    #[oai(
        path = "/events/:event_id/zones/:zone_id/seats",
        method = "get",
        operation_id = "list_zone_seats"
    )]
    async fn list_zone_seats(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The zone.
        zone_id: Path<i64>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<SeatList>, Refused<ListProblems>> {
        let db = &self.app.db;
        let zone = zone_of(db, EventId(event_id.0), ZoneId(zone_id.0)).await?;
        let limit = limit.0.unwrap_or(page::DEFAULT_LIMIT);
        let after = Cursor::read(cursor.0)?;
        let seats = store::seats_of_zone(db, ZoneId(zone.id), after, limit).await?;
        let (seats, next) = page::cut(seats, limit, |seat| Cursor {
            at: chrono::DateTime::UNIX_EPOCH,
            id: seat.id,
        });
        let items = seats.iter().map(Into::into).collect();
        Ok(Json(SeatList { items, next }))
    }

    /// List the seats that are withheld
    ///
    /// Those withheld last first.
    #[oai(
        path = "/events/:event_id/seats/blocked",
        method = "get",
        operation_id = "list_blocked_seats"
    )]
    async fn list_blocked_seats(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<BlockedList>, Refused<ListProblems>> {
        let (db, id) = (&self.app.db, EventId(event_id.0));
        if catalogue::event(db.reader(), id).await?.is_none() {
            return Err(Problem::not_found("event").into());
        }
        let limit = limit.0.unwrap_or(page::DEFAULT_LIMIT);
        let blocked = store::blocked(db, id, Cursor::read(cursor.0)?, limit).await?;
        let (blocked, next) = page::cut(blocked, limit, |blocked| Cursor {
            at: blocked.blocked_at,
            id: blocked.ticket_id,
        });
        let items = blocked.into_iter().map(Into::into).collect();
        Ok(Json(BlockedList { items, next }))
    }

    /// Withhold seats
    ///
    /// All of them or none, each at the version that was seen: a seat that somebody holds or has
    /// bought meanwhile is named in `conflicts`.
    #[oai(
        path = "/events/:event_id/seats/block",
        method = "post",
        operation_id = "block_seats"
    )]
    async fn block_seats(
        &self,
        admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<SeatsToBlock>,
    ) -> Result<SeatsMovedAnswer, Refused<BlockProblems>> {
        let (id, by) = (EventId(event_id.0), admin.0.id);
        let key = Key::read(key.0, by, "block_seats", &(id, &body.0))?;
        let seats = seen_seats(&body.0.tickets)?;
        let reason = body.0.reason;
        let done = commit_and_tell(&self.app, key, move |tx, now| {
            Box::pin(async move { block_seats(tx, now, (id, by), &seats, &reason).await })
        });
        Ok(moved(done.await?))
    }

    /// Put withheld seats on sale again
    ///
    /// All of them or none, each at the version that was seen.
    #[oai(
        path = "/events/:event_id/seats/unblock",
        method = "post",
        operation_id = "unblock_seats"
    )]
    async fn unblock_seats(
        &self,
        admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<SeatsToMove>,
    ) -> Result<SeatsMovedAnswer, Refused<BlockProblems>> {
        let id = EventId(event_id.0);
        let key = Key::read(key.0, admin.0.id, "unblock_seats", &(id, &body.0))?;
        let seats = seen_seats(&body.0.tickets)?;
        let done = commit_and_tell(&self.app, key, move |tx, now| {
            Box::pin(async move { unblock_seats(tx, now, id, &seats).await })
        });
        Ok(moved(done.await?))
    }

    /// Take seats out of an event
    ///
    /// All of them or none; they must be nobody's. They are kept, and can be put back.
    #[oai(
        path = "/events/:event_id/seats/remove",
        method = "post",
        operation_id = "remove_seats"
    )]
    async fn remove_seats(
        &self,
        admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The `ETag` of the event as it was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<SeatsToMove>,
    ) -> Result<SeatsEdited, Refused<RemoveProblems>> {
        let id = EventId(event_id.0);
        let expected = Expected::read(if_match.0)?;
        let key = Key::read(key.0, admin.0.id, "remove_seats", &(id, &body.0))?;
        let seats = seen_seats(&body.0.tickets)?;
        let done = commit_and_tell(&self.app, key, move |tx, now| {
            Box::pin(async move {
                let (event, changed) = remove_seats(tx, now, (id, expected), &seats).await?;
                let answer = (changed.answer.clone(), event.version);
                Ok::<_, ZoneError>(changed.with(answer))
            })
        });
        self.edited(id, done.await?).await
    }

    /// Put seats back into an event
    ///
    /// All of them or none; they are on sale again.
    #[oai(
        path = "/events/:event_id/seats/restore",
        method = "post",
        operation_id = "restore_seats"
    )]
    async fn restore_seats(
        &self,
        admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The `ETag` of the event as it was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<SeatsToMove>,
    ) -> Result<SeatsEdited, Refused<RemoveProblems>> {
        let id = EventId(event_id.0);
        let expected = Expected::read(if_match.0)?;
        let key = Key::read(key.0, admin.0.id, "restore_seats", &(id, &body.0))?;
        let seats = seen_seats(&body.0.tickets)?;
        let done = commit_and_tell(&self.app, key, move |tx, now| {
            Box::pin(async move {
                let (event, changed) = restore_seats(tx, now, (id, expected), &seats).await?;
                let answer = (changed.answer.clone(), event.version);
                Ok::<_, ZoneError>(changed.with(answer))
            })
        });
        self.edited(id, done.await?).await
    }

    async fn edited(
        &self,
        event: EventId,
        done: Answer<(SeatsMoved, i64)>,
    ) -> Result<SeatsEdited, Refused<RemoveProblems>> {
        // Whoever asks next on this instance is answered by what is committed.
        self.app.mirror.refresh(event).await;
        let replayed = done.replayed_header();
        let (seats, version) = done.value;
        Ok(SeatsEdited::Edited(
            Json(seats),
            entity_tag(version),
            replayed,
        ))
    }
}

fn moved(done: Answer<SeatsMoved>) -> SeatsMovedAnswer {
    let replayed = done.replayed_header();
    SeatsMovedAnswer::Moved(Json(done.value), replayed)
}
