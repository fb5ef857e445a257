//! Calls about the layouts of venues.

use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::check::check_layout;
use super::drawing::Layout;
use super::problems::{ReadProblems, RemoveProblems, ReplaceProblems};
use super::{LayoutError, read_layout, remove_layout, replace_layout};
use crate::auth::AdminOnly;
use crate::body::Body;
use crate::idempotency::commit_once;
use crate::ids::VenueId;
use crate::precondition::{Edited, Expected, entity_tag};
use crate::problem::Refused;
use crate::state::App;
use crate::tags::Tags;

/// The calls about layouts.
pub struct LayoutApi {
    /// The application.
    pub app: App,
}

/// The layout is gone.
#[derive(ApiResponse)]
pub enum LayoutRemoved {
    /// Gone.
    #[oai(status = 204)]
    Gone,
}

#[OpenApi(prefix_path = "/api", tag = "Tags::Catalogue")]
impl LayoutApi {
    /// Read a venue's layout
    ///
    /// Its `ETag` is that of the venue.
    #[oai(
        path = "/venues/:venue_id/layout",
        method = "get",
        operation_id = "get_layout"
    )]
    async fn get_layout(
        &self,
        /// The venue.
        venue_id: Path<i64>,
    ) -> Result<Edited<Layout>, Refused<ReadProblems>> {
        let (layout, version) = read_layout(&self.app.db, VenueId(venue_id.0)).await?;
        Ok(Edited::Now(Json(layout), entity_tag(version)))
    }

    /// Replace a venue's layout
    ///
    /// It raises the venue's version. Events that were made from the layout before stay as they are.
    #[oai(
        path = "/venues/:venue_id/layout",
        method = "put",
        operation_id = "replace_layout"
    )]
    async fn replace_layout(
        &self,
        _admin: AdminOnly,
        /// The venue.
        venue_id: Path<i64>,
        /// The `ETag` of the venue, or of its layout, as it was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<Layout>,
    ) -> Result<Edited<Layout>, Refused<ReplaceProblems>> {
        let expected = Expected::read(if_match.0)?;
        let layout = body.0;
        check_layout(&layout)?;
        let id = VenueId(venue_id.0);
        let kept = layout.clone();
        let version = commit_once(&self.app, None, move |tx, _now| {
            Box::pin(async move { replace_layout(tx, id, expected, &kept).await })
        })
        .await?;
        Ok(Edited::Now(Json(layout), entity_tag(version.value)))
    }

    /// Remove a venue's layout
    ///
    /// Events that were made from it stay as they are.
    #[oai(
        path = "/venues/:venue_id/layout",
        method = "delete",
        operation_id = "remove_layout"
    )]
    async fn remove_layout(
        &self,
        _admin: AdminOnly,
        /// The venue.
        venue_id: Path<i64>,
        /// The `ETag` of the venue, or of its layout, as it was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<LayoutRemoved, Refused<RemoveProblems>> {
        let expected = Expected::read_optional(if_match.0)?;
        let id = VenueId(venue_id.0);
        commit_once(&self.app, None, move |tx, _now| {
            Box::pin(async move {
                remove_layout(tx, id, expected).await?;
                Ok::<(), LayoutError>(())
            })
        })
        .await?;
        Ok(LayoutRemoved::Gone)
    }
}
