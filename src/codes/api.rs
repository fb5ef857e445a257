//! Calls about codes.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::drafts::{CodeBatch, CodeDraft};
use super::problems::{CheckProblems, CreateProblems, DeleteProblems, EditProblems, ReadProblems};
use super::views::{Code, CodeOffer};
use super::{
    CodeError, CodeText, CountedCode, NotValid, create_codes, delete_code, edit_code, rules, store,
};
use crate::auth::{AdminOnly, SignedIn};
use crate::body::Body;
use crate::catalog::store as catalogue;
use crate::catalog::venues::api::Deleted;
use crate::entity::code;
use crate::idempotency::{Key, commit_once};
use crate::ids::{CodeId, EventId};
use crate::limits::{self, Client};
use crate::page::{self, Cursor};
use crate::precondition::{Edited, Expected};
use crate::problem::{Problem, Refused};
use crate::state::App;
use crate::tags::Tags;

/// The calls about codes.
pub struct CodesApi {
    /// The application.
    pub app: App,
}

/// A page of codes.
#[derive(Debug, Object)]
pub struct CodeList {
    /// The codes, newest first.
    items: Vec<Code>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    next: Option<String>,
}

/// The codes that were made at once.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct NewCodes {
    /// All of them.
    items: Vec<Code>,
}

/// The code was made.
#[derive(ApiResponse)]
pub enum CodeCreated {
    /// The code as it was made.
    #[oai(status = 201)]
    Created(
        Json<Code>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

/// The codes were made.
#[derive(ApiResponse)]
pub enum CodesCreated {
    /// The codes as they were made.
    #[oai(status = 201)]
    Created(
        Json<NewCodes>,
        /// Where the codes of the event are.
        #[oai(header = "Location")]
        String,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

#[OpenApi(prefix_path = "/api", tag = "Tags::Codes")]
impl CodesApi {
    /// Make a code
    ///
    /// It opens the sale early for whoever reserves with it, takes something off each ticket, or both.
    #[oai(
        path = "/events/:event_id/codes",
        method = "post",
        operation_id = "create_code"
    )]
    async fn create_code(
        &self,
        admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<CodeDraft>,
    ) -> Result<CodeCreated, Refused<CreateProblems>> {
        let event = EventId(event_id.0);
        let key = Key::read(key.0, admin.0.id, "create_code", &(event, &body.0))?;
        let (text, terms) = body.0.read()?;
        let made = commit_once(&self.app, key, move |tx, now| {
            Box::pin(async move {
                let made = create_codes(tx, now, event, vec![text], &terms).await?;
                Ok::<_, CodeError>(made.into_iter().map(Code::from).collect::<Vec<_>>())
            })
        })
        .await?;
        let replayed = made.replayed_header();
        let code = made.value.into_iter().next();
        let code = code.ok_or_else(|| Problem::internal("no code was made"))?;
        let location = format!("/api/events/{event}/codes/{}", code.id);
        Ok(CodeCreated::Created(Json(code), location, replayed))
    }

    /// Make many codes
    ///
    /// Random ones that nobody can guess, all with the same terms.
    #[oai(
        path = "/events/:event_id/codes/batch",
        method = "post",
        operation_id = "create_codes"
    )]
    async fn create_codes(
        &self,
        admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<CodeBatch>,
    ) -> Result<CodesCreated, Refused<CreateProblems>> {
        let event = EventId(event_id.0);
        let key = Key::read(key.0, admin.0.id, "create_codes", &(event, &body.0))?;
        let (texts, terms) = body.0.read()?;
        let made = commit_once(&self.app, key, move |tx, now| {
            Box::pin(async move {
                let made = create_codes(tx, now, event, texts, &terms).await?;
                let items = made.into_iter().map(Code::from).collect();
                Ok::<_, CodeError>(NewCodes { items })
            })
        })
        .await?;
        let replayed = made.replayed_header();
        let location = format!("/api/events/{event}/codes");
        Ok(CodesCreated::Created(Json(made.value), location, replayed))
    }

    /// List codes
    ///
    /// Those of the event, newest first.
    #[oai(
        path = "/events/:event_id/codes",
        method = "get",
        operation_id = "list_codes"
    )]
    async fn list_codes(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// Only those with this in their text or note, in any case.
        #[oai(validator(min_length = "1", max_length = "100"))]
        q: Query<Option<String>>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<CodeList>, Refused<ReadProblems>> {
        let event = EventId(event_id.0);
        let limit = limit.0.unwrap_or(page::DEFAULT_LIMIT);
        let after = Cursor::read(cursor.0)?;
        if q.0.as_ref().is_some_and(|q| q.contains('\0')) {
            return Err(Problem::invalid("q", "must not contain U+0000").into());
        }
        let found = store::codes(&self.app.db, event, q.0.as_deref(), after, limit).await?;
        let (found, next) = page::cut(found, limit, |code| Cursor {
            at: code.created_at,
            id: code.id,
        });
        let items = self.counted(event, found).await?;
        Ok(Json(CodeList { items, next }))
    }

    /// Read a code
    #[oai(
        path = "/events/:event_id/codes/:code_id",
        method = "get",
        operation_id = "get_code"
    )]
    async fn get_code(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The code's number.
        code_id: Path<i64>,
    ) -> Result<Edited<Code>, Refused<ReadProblems>> {
        let event = EventId(event_id.0);
        let found = store::code(&self.app.db, event, CodeId(code_id.0)).await?;
        let found = self.counted(event, found.into_iter().collect()).await?;
        let code = found.into_iter().next();
        Ok(shown(code.ok_or(CodeError::NoSuchCode)?))
    }

    /// Edit a code
    ///
    /// Puts all of it in the place of what it was. Reservations that were made with it stay as they
    /// are; so its text cannot change once there are any, nor may fewer use it than do.
    #[oai(
        path = "/events/:event_id/codes/:code_id",
        method = "put",
        operation_id = "edit_code"
    )]
    async fn edit_code(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The code's number.
        code_id: Path<i64>,
        /// The `ETag` of the code as it was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<CodeDraft>,
    ) -> Result<Edited<Code>, Refused<EditProblems>> {
        let id = (EventId(event_id.0), CodeId(code_id.0));
        let expected = Expected::read(if_match.0)?;
        let (text, terms) = body.0.read()?;
        let edited = commit_once(&self.app, None, move |tx, _now| {
            Box::pin(async move {
                let edited = edit_code(tx, id, expected, text, &terms).await?;
                Ok::<_, CodeError>(Code::from(edited))
            })
        })
        .await?;
        Ok(shown(edited.value))
    }

    /// Delete a code
    ///
    /// One that no reservation was ever made with; any other can be switched off.
    #[oai(
        path = "/events/:event_id/codes/:code_id",
        method = "delete",
        operation_id = "delete_code"
    )]
    async fn delete_code(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The code's number.
        code_id: Path<i64>,
        /// The `ETag` of the code as it was read, where only that may be deleted.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, Refused<DeleteProblems>> {
        let id = (EventId(event_id.0), CodeId(code_id.0));
        let expected = Expected::read_optional(if_match.0)?;
        commit_once(&self.app, None, move |tx, _now| {
            Box::pin(delete_code(tx, id, expected))
        })
        .await?;
        Ok(Deleted::Deleted)
    }

    /// What a code would do
    ///
    /// For whoever has it, without reserving anything. A moment later it may be used up. It counts as
    /// an attempt to reserve, so that nobody guesses for long.
    #[oai(
        path = "/events/:event_id/codes/check",
        method = "get",
        operation_id = "check_code"
    )]
    async fn check_code(
        &self,
        buyer: SignedIn,
        client: Client,
        /// The event.
        event_id: Path<i64>,
        /// The code, in any case.
        #[oai(validator(min_length = "3", max_length = "40", pattern = "^[A-Za-z0-9_-]*$"))]
        code: Query<String>,
    ) -> Result<Json<CodeOffer>, Refused<CheckProblems>> {
        limits::attempt_reservation(&self.app, buyer.0.id, client)?;
        let (db, id) = (&self.app.db, EventId(event_id.0));
        let text = CodeText::read("code", &code.0)?;
        let event = catalogue::published_event(db, id).await?;
        let (event, _) = event.ok_or_else(|| Problem::not_found("event"))?;
        let found = store::code_by_text(db, id, &text).await?;
        let (code, now) = found.ok_or(NotValid::Unknown)?;
        rules::check_time(&code, now)?;
        let code_id = CodeId(code.id);
        let uses = store::count_uses(db.reader(), &[code_id]).await?;
        rules::check_uses(&code, uses.get(&code_id).copied().unwrap_or(0))?;
        let zones = catalogue::zones(db.reader(), id).await?;
        Ok(Json(CodeOffer::new(code, zones, &event.currency)))
    }

    /// Codes of an event with their uses; an event that is not there has none that are not found.
    async fn counted(
        &self,
        event: EventId,
        codes: Vec<code::Model>,
    ) -> Result<Vec<Code>, CodeError> {
        let reader = self.app.db.reader();
        let event = catalogue::event(reader, event).await?;
        let currency = event.ok_or(CodeError::NoSuchEvent)?.currency;
        let ids: Vec<_> = codes.iter().map(|code| CodeId(code.id)).collect();
        let uses = store::count_uses(reader, &ids).await?;
        let counted = |code: code::Model| CountedCode {
            uses: uses.get(&CodeId(code.id)).copied().unwrap_or(0),
            currency: currency.clone(),
            code,
        };
        Ok(codes.into_iter().map(counted).map(Code::from).collect())
    }
}

/// The uses change without an edit, and the tag with them.
fn shown(code: Code) -> Edited<Code> {
    let tag = format!("\"{}.{}\"", code.version, code.uses);
    Edited::Now(Json(code), tag)
}
