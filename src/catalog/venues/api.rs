//! Calls about venues.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::problems::{DeleteProblems, EditProblems};
use super::{VenueError, delete_venue, edit_venue, store};
use crate::auth::AdminOnly;
use crate::body::Body;
use crate::catalog::drafts::VenueDraft;
use crate::catalog::problems::{CreateProblems, ListProblems, ReadProblems};
use crate::catalog::views::Venue;
use crate::catalog::{self, CatalogError, NewVenue, create_venue, search};
use crate::idempotency::{Key, commit_once};
use crate::ids::VenueId;
use crate::page::{self, Cursor};
use crate::precondition::{Cacheable, Edited, Expected, entity_tag};
use crate::problem::{Problem, Refused};
use crate::state::App;
use crate::tags::Tags;
use crate::texts::fold;

/// The calls about venues.
pub struct VenuesApi {
    /// The application.
    pub app: App,
}

/// A page of venues.
#[derive(Debug, Object)]
pub struct VenueList {
    /// The venues.
    items: Vec<Venue>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    next: Option<String>,
}

/// The venue was made.
#[derive(ApiResponse)]
pub enum VenueCreated {
    /// The venue as it was made.
    #[oai(status = 201)]
    Created(
        Json<Venue>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

/// It was deleted.
#[derive(ApiResponse)]
pub enum Deleted {
    /// It is gone.
    #[oai(status = 204)]
    Deleted,
}

/// Venues change seldom.
const MAX_AGE_SECS: u32 = 5;

#[OpenApi(prefix_path = "/api", tag = "Tags::Catalogue")]
impl VenuesApi {
    /// List venues
    ///
    /// In the order in which they were made.
    #[oai(path = "/venues", method = "get", operation_id = "list_venues")]
    async fn list_venues(
        &self,
        /// Words of the name or city, or their beginnings; case and accents do not matter.
        #[oai(validator(max_length = "100"))]
        q: Query<Option<String>>,
        /// Only those in this city; case and accents do not matter.
        #[oai(validator(max_length = "100"))]
        city: Query<Option<String>>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// The `ETag` of the page that the caller has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Result<Cacheable<VenueList>, Refused<ListProblems>> {
        let limit = limit.0.unwrap_or(page::DEFAULT_LIMIT);
        let words = search::wanted(q.0.as_deref());
        let city = city.0.as_deref().map(fold);
        let after = Cursor::read(cursor.0)?;
        let venues = store::find(&self.app.db, &words, city.as_deref(), after, limit).await?;
        let (venues, next) = page::cut(venues, limit, |venue| Cursor {
            at: venue.created_at,
            id: venue.id,
        });
        let list = VenueList {
            items: venues.into_iter().map(Into::into).collect(),
            next,
        };
        Ok(Cacheable::of_content(
            list,
            known.0.as_deref(),
            MAX_AGE_SECS,
        ))
    }

    /// Read a venue
    #[oai(path = "/venues/:venue_id", method = "get", operation_id = "get_venue")]
    async fn get_venue(
        &self,
        /// The venue.
        venue_id: Path<i64>,
        /// The `ETag` that the caller has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Result<Cacheable<Venue>, Refused<ReadProblems>> {
        let venue = catalog::store::venue(self.app.db.reader(), VenueId(venue_id.0))
            .await?
            .ok_or_else(|| Problem::not_found("venue"))?;
        let tag = entity_tag(venue.version);
        Ok(Cacheable::tagged(
            tag,
            known.0.as_deref(),
            MAX_AGE_SECS,
            venue.into(),
        ))
    }

    /// Make a venue
    #[oai(path = "/venues", method = "post", operation_id = "create_venue")]
    async fn create_venue(
        &self,
        admin: AdminOnly,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<VenueDraft>,
    ) -> Result<VenueCreated, Refused<CreateProblems>> {
        let key = Key::read(key.0, admin.0.id, "create_venue", &body.0)?;
        let new = NewVenue::try_from(body.0)?;
        let venue = commit_once(&self.app, key, move |tx, now| {
            Box::pin(async move {
                let venue = create_venue(tx, now, new).await?;
                Ok::<Venue, CatalogError>(venue.into())
            })
        })
        .await?;
        let location = format!("/api/venues/{}", venue.value.id);
        let replayed = venue.replayed_header();
        Ok(VenueCreated::Created(Json(venue.value), location, replayed))
    }

    /// Edit a venue
    ///
    /// Replaces all that can be edited. Its events are found by its new name and city from then on.
    #[oai(
        path = "/venues/:venue_id",
        method = "put",
        operation_id = "edit_venue"
    )]
    async fn edit_venue(
        &self,
        _admin: AdminOnly,
        /// The venue.
        venue_id: Path<i64>,
        /// The `ETag` of the venue as the caller has read it.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<VenueDraft>,
    ) -> Result<Edited<Venue>, Refused<EditProblems>> {
        let expected = Expected::read(if_match.0)?;
        let new = NewVenue::try_from(body.0)?;
        let id = VenueId(venue_id.0);
        let venue = commit_once(&self.app, None, move |tx, _now| {
            Box::pin(async move {
                let venue = edit_venue(tx, id, expected, new).await?;
                Ok::<Venue, VenueError>(venue.into())
            })
        })
        .await?
        .value;
        let tag = entity_tag(venue.version);
        Ok(Edited::Now(Json(venue), tag))
    }

    /// Delete a venue
    ///
    /// One without events.
    #[oai(
        path = "/venues/:venue_id",
        method = "delete",
        operation_id = "delete_venue"
    )]
    async fn delete_venue(
        &self,
        _admin: AdminOnly,
        /// The venue.
        venue_id: Path<i64>,
        /// The `ETag` of the venue as the caller has read it; whatever it is now where absent.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, Refused<DeleteProblems>> {
        let expected = Expected::read_optional(if_match.0)?;
        let id = VenueId(venue_id.0);
        commit_once(&self.app, None, move |tx, _now| {
            Box::pin(delete_venue(tx, id, expected))
        })
        .await?;
        Ok(Deleted::Deleted)
    }
}
