//! Calls about the zones of an event, for organisers.

use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::drafts::{CapacityEdit, SeatsDraft, ZoneDraft, ZoneEdit};
use super::problems::{AddProblems, CapacityProblems, EditProblems, RemoveProblems};
use super::{add_seats, add_zone, edit_zone, remove_zone, set_capacity};
use crate::auth::AdminOnly;
use crate::body::Body;
use crate::catalog::layout::check_rows;
use crate::catalog::seats::commit_and_tell;
use crate::catalog::views::Event;
use crate::catalog::{CatalogError, NewZone, whole_event};
use crate::idempotency::{Answer, Key, commit_once};
use crate::ids::{EventId, ZoneId};
use crate::precondition::{Edited, Expected, entity_tag};
use crate::problem::Refused;
use crate::state::App;
use crate::tags::Tags;

/// The calls about zones.
pub struct ZonesApi {
    /// The application.
    pub app: App,
}

/// A zone or seats were added.
#[derive(ApiResponse)]
pub enum PlacesAdded {
    /// The event as it is now.
    #[oai(status = 201)]
    Added(
        Json<Event>,
        /// Of the event, for `If-Match` of the next edit.
        #[oai(header = "ETag")]
        String,
        /// Where the event is.
        #[oai(header = "Location")]
        String,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

#[OpenApi(prefix_path = "/api", tag = "Tags::Catalogue")]
impl ZonesApi {
    /// Add a zone
    ///
    /// Behind the others, with all its tickets, which are on sale at once where the event is.
    #[oai(
        path = "/events/:event_id/zones",
        method = "post",
        operation_id = "add_zone"
    )]
    async fn add_zone(
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
        body: Body<ZoneDraft>,
    ) -> Result<PlacesAdded, Refused<AddProblems>> {
        let id = EventId(event_id.0);
        let expected = Expected::read(if_match.0)?;
        let key = Key::read(key.0, admin.0.id, "add_zone", &(id, &body.0))?;
        body.0.check("")?;
        let currency = body.0.price.currency.clone();
        let new = NewZone::from(body.0);
        let event = commit_once(&self.app, key, move |tx, _now| {
            Box::pin(async move {
                let event = add_zone(tx, (id, expected), &new, &currency).await?;
                whole_event(tx, event).await
            })
        });
        Ok(self.added(event.await?).await)
    }

    /// Edit a zone
    ///
    /// Replaces its name, price, description and best seat. A price holds for what is held from now
    /// on; what is held or paid for keeps the price it has.
    #[oai(
        path = "/events/:event_id/zones/:zone_id",
        method = "put",
        operation_id = "edit_zone"
    )]
    async fn edit_zone(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The zone.
        zone_id: Path<i64>,
        /// The `ETag` of the event as it was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<ZoneEdit>,
    ) -> Result<Edited<Event>, Refused<EditProblems>> {
        let (id, zone) = (EventId(event_id.0), ZoneId(zone_id.0));
        let expected = Expected::read(if_match.0)?;
        let edit = body.0;
        let event = commit_once(&self.app, None, move |tx, _now| {
            Box::pin(async move {
                let event = edit_zone(tx, (id, expected), zone, edit).await?;
                whole_event(tx, event).await
            })
        });
        Ok(self.edited(event.await?).await)
    }

    /// Remove a zone
    ///
    /// Only while no ticket of it has ever been held, sold or withheld, and not the last one.
    #[oai(
        path = "/events/:event_id/zones/:zone_id",
        method = "delete",
        operation_id = "remove_zone"
    )]
    async fn remove_zone(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The zone.
        zone_id: Path<i64>,
        /// The `ETag` of the event as it was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Edited<Event>, Refused<RemoveProblems>> {
        let (id, zone) = (EventId(event_id.0), ZoneId(zone_id.0));
        let expected = Expected::read_optional(if_match.0)?;
        let event = commit_once(&self.app, None, move |tx, _now| {
            Box::pin(async move {
                let event = remove_zone(tx, (id, expected), zone).await?;
                whole_event(tx, event).await
            })
        });
        Ok(self.edited(event.await?).await)
    }

    /// Set the capacity of a standing zone
    ///
    /// It grows at any time, and shrinks by places that are nobody's: where fewer than needed are
    /// `available`, nothing changes.
    #[oai(
        path = "/events/:event_id/zones/:zone_id/capacity",
        method = "put",
        operation_id = "set_capacity"
    )]
    async fn set_capacity(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The zone.
        zone_id: Path<i64>,
        /// The `ETag` of the event as it was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<CapacityEdit>,
    ) -> Result<Edited<Event>, Refused<CapacityProblems>> {
        let (id, zone) = (EventId(event_id.0), ZoneId(zone_id.0));
        let expected = Expected::read(if_match.0)?;
        let capacity = body.0.capacity;
        let event = commit_and_tell(&self.app, None, move |tx, now| {
            Box::pin(async move {
                let (event, changed) =
                    set_capacity(tx, now, (id, expected), zone, capacity).await?;
                let event = whole_event(tx, event).await?;
                Ok::<_, CatalogError>(changed.with(event))
            })
        });
        Ok(self.edited(event.await?).await)
    }

    /// Add seats to a seated zone
    ///
    /// New rows, or seats at the ends of rows that it has.
    #[oai(
        path = "/events/:event_id/zones/:zone_id/seats",
        method = "post",
        operation_id = "add_seats"
    )]
    async fn add_seats(
        &self,
        admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The zone.
        zone_id: Path<i64>,
        /// The `ETag` of the event as it was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<SeatsDraft>,
    ) -> Result<PlacesAdded, Refused<AddProblems>> {
        let (id, zone) = (EventId(event_id.0), ZoneId(zone_id.0));
        let expected = Expected::read(if_match.0)?;
        let key = Key::read(key.0, admin.0.id, "add_seats", &(id, zone, &body.0))?;
        let rows = body.0.rows;
        check_rows("rows", &rows)?;
        let event = commit_once(&self.app, key, move |tx, _now| {
            Box::pin(async move {
                let event = add_seats(tx, (id, expected), zone, rows).await?;
                whole_event(tx, event).await
            })
        });
        Ok(self.added(event.await?).await)
    }

    async fn added(&self, done: Answer<Event>) -> PlacesAdded {
        // Whoever asks next on this instance is answered by what is committed.
        self.app.mirror.refresh(EventId(done.value.id)).await;
        let (event, replayed) = (&done.value, done.replayed_header());
        let tag = entity_tag(event.version);
        let location = format!("/api/events/{}", event.id);
        PlacesAdded::Added(Json(done.value), tag, location, replayed)
    }

    async fn edited(&self, done: Answer<Event>) -> Edited<Event> {
        self.app.mirror.refresh(EventId(done.value.id)).await;
        let tag = entity_tag(done.value.version);
        Edited::Now(Json(done.value), tag)
    }
}
