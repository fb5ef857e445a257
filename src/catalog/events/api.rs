//! Calls about events: finding and reading them, and what organisers do with them.

use chrono::{DateTime, Utc};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::problems::{
    AdminListProblems, AdminReadProblems, CancelProblems, DeleteProblems, EditProblems,
};
use super::requests::{CancelRequest, EditRequest, Sort, Status};
use super::{EventEdit, cancel_event, delete_event, edit_event, read_event, store};
use crate::auth::AdminOnly;
use crate::body::Body;
use crate::catalog::api::{published_event, zones};
use crate::catalog::problems::{ListProblems, ReadProblems};
use crate::catalog::rating::Rating;
use crate::catalog::search::{self, Order, Search, When};
use crate::catalog::store::{rating, ratings};
use crate::catalog::times::check_time;
use crate::catalog::venues::api::Deleted;
use crate::catalog::views::Event;
use crate::catalog::whole_event;
use crate::entity::event::{self, EventStatus};
use crate::idempotency::{Key, commit_once};
use crate::ids::{EventId, VenueId};
use crate::page::{self, Cursor};
use crate::precondition::{Cacheable, Edited, Expected, entity_tag};
use crate::problem::{Problem, Refused};
use crate::state::App;
use crate::tags::Tags;
use crate::texts::fold;

/// The calls about events.
pub struct EventsApi {
    /// The application.
    pub app: App,
}

/// A page of events.
#[derive(Debug, Object)]
pub struct EventList {
    /// The events, without their zones.
    items: Vec<Event>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    next: Option<String>,
}

/// The event is cancelled.
#[derive(ApiResponse)]
pub enum EventCancelled {
    /// The event as it is now.
    #[oai(status = 200)]
    Cancelled(
        Json<Event>,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

/// Its counts change with every sale.
const EVENT_MAX_AGE_SECS: u32 = 1;
const LIST_MAX_AGE_SECS: u32 = 3;

#[OpenApi(prefix_path = "/api", tag = "Tags::Catalogue")]
impl EventsApi {
    /// Find events
    ///
    /// What is published and not over, by start; with `when=past` what is over, the last one first.
    #[oai(path = "/events", method = "get", operation_id = "list_events")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the call")]
    async fn list_events(
        &self,
        /// Words of the title, category, venue or city, or their beginnings. All must be there; case,
        /// accents and signs do not matter.
        #[oai(validator(max_length = "100"))]
        q: Query<Option<String>>,
        /// Only those in this city; case and accents do not matter.
        #[oai(validator(max_length = "100"))]
        city: Query<Option<String>>,
        /// Only those of this category; case and accents do not matter.
        #[oai(validator(max_length = "50"))]
        category: Query<Option<String>>,
        /// `upcoming` where absent.
        when: Query<Option<When>>,
        /// Only those that start then or later.
        from: Query<Option<DateTime<Utc>>>,
        /// Only those that start before.
        to: Query<Option<DateTime<Utc>>>,
        /// Only those at this venue.
        venue_id: Query<Option<i64>>,
        /// `soonest` first where absent, or `latest` with `when=past`.
        sort: Query<Option<Sort>>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// The `ETag` of the page that the caller has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Result<Cacheable<EventList>, Refused<ListProblems>> {
        check_time("from", from.0)?;
        check_time("to", to.0)?;
        let when = when.0.unwrap_or(When::Upcoming);
        let search = Search {
            words: search::wanted(q.0.as_deref()),
            city: city.0.as_deref().map(fold),
            category: category.0.as_deref().map(fold),
            venue: venue_id.0.map(VenueId),
            status: Some(EventStatus::Published),
            when: Some(when),
            from: from.0,
            to: to.0,
            order: Sort::order(sort.0, when),
        };
        let list = self.page(&search, cursor.0, limit.0).await?;
        let known = known.0.as_deref();
        Ok(Cacheable::of_content(list, known, LIST_MAX_AGE_SECS))
    }

    /// Read an event
    ///
    /// With its venue, zones and how they stand. One that was cancelled says so.
    #[oai(path = "/events/:event_id", method = "get", operation_id = "get_event")]
    async fn get_event(
        &self,
        /// The event.
        event_id: Path<i64>,
        /// The `ETag` that the caller has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Result<Cacheable<Event>, Refused<ReadProblems>> {
        let id = EventId(event_id.0);
        let (event, venue) = published_event(&self.app, id).await?;
        let mirrored = self.app.mirror.event(id).await?;
        let mirrored = mirrored.ok_or_else(|| Problem::not_found("event"))?;
        let mut view = Event::new(event, venue);
        view.rating = Some(rating(self.app.db.reader(), id).await?);
        view.zones = Some(zones(&mirrored));
        let known = known.0.as_deref();
        Ok(Cacheable::of_version(
            view.version,
            view,
            known,
            EVENT_MAX_AGE_SECS,
        ))
    }

    /// Edit an event
    ///
    /// Replaces all that can be edited, of a draft or of an event that is published. Tickets that are
    /// held or sold stay as they are.
    #[oai(
        path = "/events/:event_id",
        method = "put",
        operation_id = "edit_event"
    )]
    async fn edit_event(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The `ETag` of the event as the caller has read it.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<EditRequest>,
    ) -> Result<Edited<Event>, Refused<EditProblems>> {
        let expected = Expected::read(if_match.0)?;
        let edit = EventEdit::try_from(body.0)?;
        let id = EventId(event_id.0);
        let event = commit_once(&self.app, None, move |tx, _now| {
            Box::pin(async move {
                let event = edit_event(tx, id, expected, edit).await?;
                whole_event(tx, event).await.map_err(Problem::from)
            })
        })
        .await?
        .value;
        self.app.mirror.forget(id);
        let tag = entity_tag(event.version);
        Ok(Edited::Now(Json(event), tag))
    }

    /// Delete an event
    ///
    /// A draft, with its zones and tickets. What was published is cancelled instead.
    #[oai(
        path = "/events/:event_id",
        method = "delete",
        operation_id = "delete_event"
    )]
    async fn delete_event(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The `ETag` of the event as the caller has read it; whatever it is now where absent.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, Refused<DeleteProblems>> {
        let expected = Expected::read_optional(if_match.0)?;
        let id = EventId(event_id.0);
        commit_once(&self.app, None, move |tx, _now| {
            Box::pin(delete_event(tx, id, expected))
        })
        .await?;
        self.app.mirror.forget(id);
        Ok(Deleted::Deleted)
    }

    /// Cancel an event
    ///
    /// Nothing more is sold. Within moments its holds end, and its confirmed reservations are marked
    /// for refund. Cancelling again changes nothing.
    #[oai(
        path = "/events/:event_id/cancel",
        method = "post",
        operation_id = "cancel_event"
    )]
    async fn cancel_event(
        &self,
        admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<CancelRequest>,
    ) -> Result<EventCancelled, Refused<CancelProblems>> {
        let id = EventId(event_id.0);
        let key = Key::read(key.0, admin.0.id, "cancel_event", &(id, &body.0))?;
        let reason = body.0.reason;
        let event = commit_once(&self.app, key, move |tx, now| {
            Box::pin(async move {
                let event = cancel_event(tx, now, id, reason).await?;
                whole_event(tx, event).await.map_err(Problem::from)
            })
        })
        .await?;
        self.app.mirror.forget(id);
        let replayed = event.replayed_header();
        Ok(EventCancelled::Cancelled(Json(event.value), replayed))
    }

    /// List all events
    ///
    /// Drafts and cancelled ones too, newest first.
    #[oai(
        path = "/admin/events",
        method = "get",
        operation_id = "list_events_as_admin"
    )]
    async fn list_events_as_admin(
        &self,
        _admin: AdminOnly,
        /// Only those in this state.
        status: Query<Option<Status>>,
        /// Words of the title, category, venue or city, or their beginnings.
        #[oai(validator(max_length = "100"))]
        q: Query<Option<String>>,
        /// Only those at this venue.
        venue_id: Query<Option<i64>>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<EventList>, Refused<AdminListProblems>> {
        let search = Search {
            words: search::wanted(q.0.as_deref()),
            status: status.0.map(Into::into),
            venue: venue_id.0.map(VenueId),
            order: Order::Newest,
            ..Search::default()
        };
        Ok(Json(self.page(&search, cursor.0, limit.0).await?))
    }

    /// Read any event
    ///
    /// A draft too, with its venue, zones and how they stand; with the `ETag` that edits ask for.
    #[oai(
        path = "/admin/events/:event_id",
        method = "get",
        operation_id = "get_event_as_admin"
    )]
    async fn get_event_as_admin(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
    ) -> Result<Edited<Event>, Refused<AdminReadProblems>> {
        let event = read_event(&self.app.db, EventId(event_id.0)).await?;
        let tag = entity_tag(event.version);
        Ok(Edited::Now(Json(event), tag))
    }

    async fn page(
        &self,
        search: &Search,
        cursor: Option<String>,
        limit: Option<u64>,
    ) -> Result<EventList, Problem> {
        let limit = limit.unwrap_or(page::DEFAULT_LIMIT);
        let after = Cursor::read(cursor)?;
        let found = search::find(&self.app.db, search, after, limit).await?;
        let (found, next) = page::cut(found, limit, Cursor::clone);
        let ids: Vec<i64> = found.iter().map(|position| position.id).collect();
        let events = store::events_in_order(&self.app.db, &ids, search.status).await?;
        let ratings = ratings(self.app.db.reader(), ids).await?;
        let rated = |(event, venue): (event::Model, _)| {
            let rating = ratings.get(&event.id).copied();
            Event {
                rating: Some(rating.unwrap_or(Rating::NONE)),
                ..Event::new(event, venue)
            }
        };
        Ok(EventList {
            items: events.into_iter().map(rated).collect(),
            next,
        })
    }
}
