//! Calls about what is on sale: making and publishing events, their seats and tickets.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use std::sync::Arc;

use super::drafts::EventDraft;
use super::problems::{CreateProblems, PublishProblems, ReadProblems};
use super::seat_map::{SeatMap, draw, entity_tag};
use super::views::{Availability, Event, Ticket, Zone, zones_with_counts};
use super::{NewEvent, create_event, publish_event, store, whole_event};
use crate::auth::AdminOnly;
use crate::body::Body;
use crate::entity::{event, venue};
use crate::idempotency::{Key, commit_once};
use crate::ids::{EventId, TicketId, ZoneId};
use crate::mirror::Mirrored;
use crate::precondition::{Cacheable, names};
use crate::problem::{Problem, Refused};
use crate::state::App;
use crate::tags::Tags;

/// The calls about the catalogue.
pub struct CatalogApi {
    /// The application.
    pub app: App,
}

/// The event was made.
#[derive(ApiResponse)]
pub enum EventCreated {
    /// The event as it was made.
    #[oai(status = 201)]
    Created(
        Json<Event>,
        /// Where it will be once it is published.
        #[oai(header = "Location")]
        String,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

/// The event is on sale.
#[derive(ApiResponse)]
pub enum EventPublished {
    /// The event as it is now.
    #[oai(status = 200)]
    Published(
        Json<Event>,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

/// The seats as they are, or that they are as the caller knows them.
#[derive(ApiResponse)]
pub enum SeatMapAnswer {
    /// The seats.
    #[oai(status = 200)]
    Seats(
        Json<SeatMap>,
        /// Changes exactly when a seat does.
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
impl CatalogApi {
    /// Make an event
    ///
    /// With its zones and all their tickets. It is a draft until it is published.
    #[oai(path = "/events", method = "post", operation_id = "create_event")]
    async fn create_event(
        &self,
        admin: AdminOnly,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<EventDraft>,
    ) -> Result<EventCreated, Refused<CreateProblems>> {
        let key = Key::read(key.0, admin.0.id, "create_event", &body.0)?;
        let new = NewEvent::try_from(body.0)?;
        let event = commit_once(&self.app, key, move |tx, now| {
            Box::pin(async move {
                let event = create_event(tx, now, new).await?;
                whole_event(tx, event).await
            })
        })
        .await?;
        let location = format!("/api/events/{}", event.value.id);
        let replayed = event.replayed_header();
        Ok(EventCreated::Created(Json(event.value), location, replayed))
    }

    /// Publish an event
    ///
    /// From now on the public sees it, and its tickets are on sale within its sale window.
    #[oai(
        path = "/events/:event_id/publish",
        method = "post",
        operation_id = "publish_event"
    )]
    async fn publish_event(
        &self,
        admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// Makes it safe to ask twice: the same key gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
    ) -> Result<EventPublished, Refused<PublishProblems>> {
        let id = EventId(event_id.0);
        let key = Key::read(key.0, admin.0.id, "publish_event", &id)?;
        let event = commit_once(&self.app, key, move |tx, now| {
            Box::pin(async move {
                let event = publish_event(tx, now, id).await?;
                whole_event(tx, event).await
            })
        })
        .await?;
        self.app.mirror.forget(id);
        let replayed = event.replayed_header();
        Ok(EventPublished::Published(Json(event.value), replayed))
    }

    /// How an event stands
    ///
    /// For each zone, how many tickets are in each state.
    #[oai(
        path = "/events/:event_id/availability",
        method = "get",
        operation_id = "get_availability"
    )]
    async fn get_availability(
        &self,
        /// The event.
        event_id: Path<i64>,
        /// The `ETag` that the caller has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Result<Cacheable<Availability>, Refused<ReadProblems>> {
        let mirrored = self.mirrored(event_id.0).await?;
        let zones = zones(&mirrored);
        let known = known.0.as_deref();
        Ok(Cacheable::of_content(Availability { zones }, known, 1))
    }

    /// Seat map
    ///
    /// Every seat with its ticket and state, in a compact form.
    #[oai(
        path = "/events/:event_id/seats",
        method = "get",
        operation_id = "get_seats"
    )]
    async fn get_seats(
        &self,
        /// The event.
        event_id: Path<i64>,
        /// One zone only.
        zone_id: Query<Option<i64>>,
        /// The `ETag` of the map that the caller has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Result<SeatMapAnswer, Refused<ReadProblems>> {
        let mirrored = self.mirrored(event_id.0).await?;
        let zone = zone_id.0.map(ZoneId);
        let tag = entity_tag(&mirrored, zone).ok_or_else(|| Problem::not_found("zone"))?;
        if known.0.is_some_and(|known| names(&known, &tag)) {
            return Ok(SeatMapAnswer::Unchanged(tag));
        }
        Ok(SeatMapAnswer::Seats(Json(draw(&mirrored, zone)), tag))
    }

    /// Read a ticket
    #[oai(
        path = "/tickets/:ticket_id",
        method = "get",
        operation_id = "get_ticket"
    )]
    async fn get_ticket(
        &self,
        /// The ticket.
        ticket_id: Path<i64>,
    ) -> Result<Json<Ticket>, Refused<ReadProblems>> {
        match store::published_ticket(&self.app.db, TicketId(ticket_id.0)).await? {
            Some((ticket, Some(zone), Some(event))) => {
                Ok(Json(Ticket::new(&ticket, &zone, &event.currency)))
            }
            _ => Err(Problem::not_found("ticket").into()),
        }
    }

    async fn mirrored(&self, id: i64) -> Result<Arc<Mirrored>, Problem> {
        let mirrored = self.app.mirror.event(EventId(id)).await?;
        mirrored.ok_or_else(|| Problem::not_found("event"))
    }
}

/// The zones of an event, and how they stand.
pub fn zones(mirrored: &Mirrored) -> Vec<Zone> {
    let facts = mirrored.facts();
    let seats = mirrored.seats();
    let counts_of = |zone_id| seats.counts(zone_id).unwrap_or_default();
    zones_with_counts(&facts.zones, counts_of, &facts.event.currency)
}

/// An event that the public may know of, with its venue.
pub async fn published_event(
    app: &App,
    id: EventId,
) -> Result<(event::Model, venue::Model), Problem> {
    match store::published_event(&app.db, id).await? {
        Some((event, Some(venue))) => Ok((event, venue)),
        _ => Err(Problem::not_found("event")),
    }
}
