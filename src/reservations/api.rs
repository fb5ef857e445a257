//! Calls about reservations.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::BoxOffice;
use super::confirm::confirm_reservation;
use super::extend::extend_hold;
use super::hold::{Wanted, hold_tickets};
use super::problems::{
    ConfirmProblems, ExtendProblems, ListProblems, ReadProblems, ReleaseProblems,
    ReleaseTicketProblems, ReserveProblems, ReserveTicketProblems,
};
use super::release::{release_hold, release_ticket};
use super::requests::{ConfirmRequest, ReservationRequest, Status};
use super::store;
use super::views::Reservation;
use crate::auth::SignedIn;
use crate::body::{Body, Reply};
use crate::codes::{self, CodeText};
use crate::entity::reservation;
use crate::idempotency::{Answer, Key, once};
use crate::ids::{CodeId, ReservationId, TicketId, UserId};
use crate::limits::{self, Client};
use crate::page::{self, Cursor};
use crate::problem::{Problem, Refused};
use crate::tags::Tags;
use crate::telemetry::count_outcome;

/// The calls about reservations.
pub struct ReservationsApi {
    /// Where tickets are sold.
    pub office: BoxOffice,
}

/// Where reservations are made.
pub const RESERVATIONS: &str = "/api/reservations";

/// A page of reservations.
#[derive(Debug, Object)]
pub struct ReservationList {
    /// The reservations, newest first.
    items: Vec<Reservation>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    next: Option<String>,
}

/// The tickets are held.
#[derive(ApiResponse)]
pub enum Held {
    /// The hold, until its `expires_at`.
    #[oai(status = 201)]
    Created(
        Reply<Reservation>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

/// The reservation was changed.
#[derive(ApiResponse)]
pub enum Changed {
    /// The reservation as it is now.
    #[oai(status = 200)]
    Changed(
        Reply<Reservation>,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

/// The hold was given up.
#[derive(ApiResponse)]
pub enum Released {
    /// Its tickets are on sale again. Asking again is answered the same.
    #[oai(status = 204)]
    Released,
}

#[OpenApi(prefix_path = "/api", tag = "Tags::Reservations")]
impl ReservationsApi {
    /// Reserve a ticket
    ///
    /// Holds this one ticket for the caller.
    #[oai(
        path = "/tickets/:ticket_id/reserve",
        method = "post",
        operation_id = "reserve_ticket"
    )]
    async fn reserve_ticket(
        &self,
        buyer: SignedIn,
        client: Client,
        /// The ticket.
        ticket_id: Path<i64>,
        /// A code, in any case: it opens the sale early, takes something off, or both.
        #[oai(validator(min_length = "3", max_length = "40", pattern = "^[A-Za-z0-9_-]*$"))]
        code: Query<Option<String>>,
        /// Makes it safe to ask twice: the same key gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
    ) -> Result<Held, Refused<ReserveTicketProblems>> {
        let buyer = buyer.0.id;
        limits::attempt_reservation(&self.office, buyer, client)?;
        let key = match &code.0 {
            None => Key::read(key.0, buyer, "reserve_ticket", &ticket_id.0)?,
            Some(code) => Key::read(key.0, buyer, "reserve_ticket", &(ticket_id.0, code))?,
        };
        let read = |text: String| CodeText::read("code", &text);
        let code = code.0.map(read).transpose()?;
        let wanted = Wanted::Tickets {
            event: None,
            tickets: vec![TicketId(ticket_id.0)],
        };
        Ok(held(self.hold(buyer, wanted, code, key).await?))
    }

    /// Reserve tickets or places
    ///
    /// Holds the named tickets, or any places of a zone, all of them or none.
    #[oai(
        path = "/reservations",
        method = "post",
        operation_id = "create_reservation"
    )]
    async fn create_reservation(
        &self,
        buyer: SignedIn,
        client: Client,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<ReservationRequest>,
    ) -> Result<Held, Refused<ReserveProblems>> {
        let answer = self.reserve(buyer.0.id, client, key.0, body.0);
        Ok(held(answer.await?))
    }

    /// List my reservations
    ///
    /// The caller's own, newest first.
    #[oai(
        path = "/reservations",
        method = "get",
        operation_id = "list_reservations"
    )]
    async fn list_reservations(
        &self,
        owner: SignedIn,
        /// Only those in this state.
        status: Query<Option<Status>>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ReservationList>, Refused<ListProblems>> {
        let limit = limit.0.unwrap_or(page::DEFAULT_LIMIT);
        let after = Cursor::read(cursor.0)?;
        let status = status.0.map(Into::into);
        let db = &self.office.db;
        let found = store::own_reservations(db, owner.0.id, status, after, limit).await?;
        let (found, next) = page::cut(found, limit, |reservation| Cursor {
            at: reservation.created_at,
            id: reservation.id,
        });
        let items = self.with_tickets(found).await?;
        Ok(Json(ReservationList { items, next }))
    }

    /// Read a reservation
    ///
    /// One of the caller's own; somebody else's is not found.
    #[oai(
        path = "/reservations/:reservation_id",
        method = "get",
        operation_id = "get_reservation"
    )]
    async fn get_reservation(
        &self,
        owner: SignedIn,
        /// The reservation.
        reservation_id: Path<Uuid>,
    ) -> Result<Reply<Reservation>, Refused<ReadProblems>> {
        let id = ReservationId(reservation_id.0);
        let found = store::own_reservation(self.office.db.reader(), owner.0.id, id).await?;
        let view = self.with_tickets(found.into_iter().collect()).await?.pop();
        Ok(Reply(
            view.ok_or_else(|| Problem::not_found("reservation"))?,
        ))
    }

    /// Extend a hold
    ///
    /// Gives it its full time again, up to a fixed maximum since it began; at the maximum nothing
    /// changes.
    #[oai(
        path = "/reservations/:reservation_id/extend",
        method = "post",
        operation_id = "extend_reservation"
    )]
    async fn extend_reservation(
        &self,
        owner: SignedIn,
        /// The reservation.
        reservation_id: Path<Uuid>,
        /// Makes it safe to ask twice: the same key gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
    ) -> Result<Changed, Refused<ExtendProblems>> {
        let (office, owner) = (self.office.clone(), owner.0.id);
        let id = ReservationId(reservation_id.0);
        let key = Key::read(key.0, owner, "extend_reservation", &id)?;
        let work = async move {
            let key = key.as_ref();
            once(&office, key, extend_hold(&office, owner, id, key)).await
        };
        Ok(changed(self.run("extend", work).await?))
    }

    /// Confirm a hold
    ///
    /// Pays for it. With success its tickets are the caller's for good; otherwise the hold stands
    /// until it expires, and no money is kept.
    #[oai(
        path = "/reservations/:reservation_id/confirm",
        method = "post",
        operation_id = "confirm_reservation"
    )]
    async fn confirm_reservation(
        &self,
        owner: SignedIn,
        /// The reservation.
        reservation_id: Path<Uuid>,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<ConfirmRequest>,
    ) -> Result<Changed, Refused<ConfirmProblems>> {
        let (office, owner) = (self.office.clone(), owner.0.id);
        let id = ReservationId(reservation_id.0);
        let key = Key::read(key.0, owner, "confirm_reservation", &(id, &body.0))?;
        let token = body.0.token();
        let work = async move {
            let key = key.as_ref();
            once(
                &office,
                key,
                confirm_reservation(&office, owner, id, token, key),
            )
            .await
        };
        Ok(changed(self.run("confirm", work).await?))
    }

    /// Give up a hold
    ///
    /// All its tickets are on sale again.
    #[oai(
        path = "/reservations/:reservation_id",
        method = "delete",
        operation_id = "release_reservation"
    )]
    async fn release_reservation(
        &self,
        owner: SignedIn,
        /// The reservation.
        reservation_id: Path<Uuid>,
    ) -> Result<Released, Refused<ReleaseProblems>> {
        let (office, owner) = (self.office.clone(), owner.0.id);
        let id = ReservationId(reservation_id.0);
        let work = async move { Ok(release_hold(&office, owner, id).await?) };
        self.run("release", work).await?;
        Ok(Released::Released)
    }

    /// Give up one ticket
    ///
    /// Of the caller's hold. With its last ticket the hold is released.
    #[oai(
        path = "/tickets/:ticket_id/release",
        method = "post",
        operation_id = "release_ticket"
    )]
    async fn release_ticket(
        &self,
        owner: SignedIn,
        /// The ticket.
        ticket_id: Path<i64>,
        /// Makes it safe to ask twice: the same key gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
    ) -> Result<Changed, Refused<ReleaseTicketProblems>> {
        let (office, owner) = (self.office.clone(), owner.0.id);
        let ticket = TicketId(ticket_id.0);
        let key = Key::read(key.0, owner, "release_ticket", &ticket)?;
        let work = async move {
            let key = key.as_ref();
            once(&office, key, release_ticket(&office, owner, ticket, key)).await
        };
        Ok(changed(self.run("release", work).await?))
    }

    /// What `POST` [`RESERVATIONS`] does.
    pub async fn reserve(
        &self,
        buyer: UserId,
        client: Client,
        key: Option<String>,
        request: ReservationRequest,
    ) -> Result<Answer<Reservation>, Problem> {
        limits::attempt_reservation(&self.office, buyer, client)?;
        let key = Key::read(key, buyer, "create_reservation", &request)?;
        let code = request.code()?;
        let wanted = Wanted::try_from(request)?;
        self.hold(buyer, wanted, code, key).await
    }

    async fn hold(
        &self,
        buyer: UserId,
        wanted: Wanted,
        code: Option<CodeText>,
        key: Option<Key>,
    ) -> Result<Answer<Reservation>, Problem> {
        let key = key.as_ref();
        // Not detached: what must not be cut off is in the committer's hands.
        // On the heap, for the layers around it.
        let held = Box::pin(hold_tickets(
            &self.office,
            buyer,
            &wanted,
            code.as_ref(),
            key,
        ));
        count("hold", once(&self.office, key, held).await)
    }

    /// Runs an operation to its end, whether or not the caller waits for it, and counts its outcome.
    async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        count(operation, self.office.detached(work).await)
    }

    async fn with_tickets(
        &self,
        reservations: Vec<reservation::Model>,
    ) -> Result<Vec<Reservation>, Problem> {
        let reader = self.office.db.reader();
        let tickets = store::tickets_of(reader, &reservations).await?;
        let codes = reservations.iter().filter_map(|r| r.code_id.map(CodeId));
        let codes = codes::store::texts(reader, codes).await?;
        let views = reservations.into_iter().map(|reservation| {
            let of_it = tickets.iter().filter(|(id, _)| id.0 == reservation.id);
            let of_it = of_it.map(|(_, ticket)| ticket.clone()).collect();
            let code = reservation.code_id.map(CodeId);
            let code = code.and_then(|id| codes.get(&id).cloned());
            Reservation::new(reservation, of_it, code)
        });
        Ok(views.collect())
    }
}

fn count<T>(operation: &'static str, outcome: Result<T, Problem>) -> Result<T, Problem> {
    let label = outcome
        .as_ref()
        .map_or_else(|problem| problem.slug().as_str(), |_| "ok");
    count_outcome(operation, label);
    outcome
}

fn held(answer: Answer<Reservation>) -> Held {
    let location = location_of(&answer.value);
    let replayed = answer.replayed_header();
    Held::Created(Reply(answer.value), location, replayed)
}

/// Where a reservation is read.
pub fn location_of(reservation: &Reservation) -> String {
    let mut id = Uuid::encode_buffer();
    let id = reservation.id.hyphenated().encode_lower(&mut id);
    [RESERVATIONS, "/", id].concat()
}

fn changed(answer: Answer<Reservation>) -> Changed {
    let replayed = answer.replayed_header();
    Changed::Changed(Reply(answer.value), replayed)
}
