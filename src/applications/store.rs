//! Every query about applications and what is asked of those who apply, but for granting.

use sea_orm::sea_query::{Alias, Expr};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    FromQueryResult, IntoActiveModel, JoinType, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, RelationTrait, Select,
};
use uuid::Uuid;

use crate::db::{self, Db};
use crate::entity::application::{ApplicationStatus, Column, Entity, Model, Relation};
use crate::entity::event::EventStatus;
use crate::entity::{application_form, event, reservation, reservation_ticket, user, zone};
use crate::ids::{ApplicationId, EventId, UserId, ZoneId};
use crate::page::Cursor;

/// An application with the names of what it is about.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Found {
    #[sea_orm(nested)]
    pub application: Model,
    pub event_title: String,
    pub zone_name: String,
    pub applicant_name: String,
    pub applicant_email: String,
    /// The admin who granted or rejected it.
    pub decider_name: Option<String>,
}

impl Found {
    /// Where it stands in a list, newest first.
    pub fn position(&self) -> Cursor<Uuid> {
        Cursor {
            at: self.application.created_at,
            id: self.application.id,
        }
    }
}

/// Which applications an organiser wants to see.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub event: Option<EventId>,
    pub zone: Option<ZoneId>,
    pub status: Option<ApplicationStatus>,
    /// A part of the applicant's name or e-mail address, folded.
    pub search: Option<String>,
}

/// What an event asks of those who apply.
pub async fn form(
    connection: &impl ConnectionTrait,
    event: EventId,
) -> Result<Option<application_form::Model>, DbErr> {
    application_form::Entity::find_by_id(event.0)
        .one(connection)
        .await
}

pub async fn insert_form(
    tx: &DatabaseTransaction,
    form: application_form::Model,
) -> Result<(), DbErr> {
    form.into_active_model().insert(tx).await?;
    Ok(())
}

pub async fn update_form(
    tx: &DatabaseTransaction,
    form: application_form::Model,
) -> Result<(), DbErr> {
    form.into_active_model().reset_all().update(tx).await?;
    Ok(())
}

/// An event the public may see, which nobody changes before the transaction ends.
pub async fn event_that_stays(
    tx: &DatabaseTransaction,
    id: EventId,
) -> Result<Option<event::Model>, DbErr> {
    event::Entity::find_by_id(id.0)
        .filter(event::Column::Status.ne(EventStatus::Draft))
        .lock_shared()
        .one(tx)
        .await
}

/// A zone of an event.
pub async fn zone(
    tx: &DatabaseTransaction,
    event: EventId,
    id: ZoneId,
) -> Result<Option<zone::Model>, DbErr> {
    zone::Entity::find_by_id(id.0)
        .filter(zone::Column::EventId.eq(event.0))
        .one(tx)
        .await
}

/// The name and the e-mail address of an account.
pub async fn person(
    tx: &DatabaseTransaction,
    id: UserId,
) -> Result<Option<(String, String)>, DbErr> {
    user::Entity::find_by_id(id.0)
        .select_only()
        .columns([user::Column::Name, user::Column::Email])
        .into_tuple()
        .one(tx)
        .await
}

/// How many tickets of an event somebody has, held and confirmed.
pub async fn count_tickets(
    tx: &DatabaseTransaction,
    owner: UserId,
    event: EventId,
) -> Result<u32, DbErr> {
    let own = reservation::Entity::find()
        .select_only()
        .column(reservation::Column::Id)
        .filter(reservation::of(owner.0, tx.get_database_backend()))
        .filter(reservation::Column::EventId.eq(event.0));
    let tickets = reservation_ticket::Entity::find()
        .filter(reservation_ticket::Column::Active.eq(true))
        .filter(reservation_ticket::Column::ReservationId.in_subquery(own.into_query()))
        .count(tx)
        .await?;
    Ok(u32::try_from(tickets).unwrap_or(u32::MAX))
}

/// Writes an application down.
///
/// # Errors
/// A duplicate where the applicant has an active application to the event.
pub async fn insert(tx: &DatabaseTransaction, application: Model) -> Result<(), DbErr> {
    application.into_active_model().insert(tx).await?;
    Ok(())
}

/// Writes an application as it is now, whose row is locked.
pub async fn update(tx: &DatabaseTransaction, application: Model) -> Result<(), DbErr> {
    application
        .into_active_model()
        .reset_all()
        .update(tx)
        .await?;
    Ok(())
}

/// Those of the applications that exist, by id, which nobody changes before the transaction ends.
pub async fn applications_for_update(
    tx: &DatabaseTransaction,
    ids: &[ApplicationId],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Id.is_in(ids.iter().map(|id| id.0)))
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(tx)
        .await
}

/// Those of the applications that exist.
pub async fn applications(db: &Db, ids: &[ApplicationId]) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Id.is_in(ids.iter().map(|id| id.0)))
        .all(db.reader())
        .await
}

/// An application.
pub async fn application(
    connection: &impl ConnectionTrait,
    id: ApplicationId,
) -> Result<Option<Found>, DbErr> {
    select()
        .filter(Column::Id.eq(id.0))
        .into_model()
        .one(connection)
        .await
}

/// Somebody's applications, newest first; one more than `limit`.
pub async fn own_applications(
    db: &Db,
    applicant: UserId,
    after: Option<Cursor<Uuid>>,
    limit: u64,
) -> Result<Vec<Found>, DbErr> {
    let own = select().filter(Column::UserId.eq(applicant.0));
    newest(own, after, limit)
        .into_model()
        .all(db.reader())
        .await
}

/// Applications, newest first; one more than `limit`.
pub async fn all_applications(
    db: &Db,
    filter: Filter,
    after: Option<Cursor<Uuid>>,
    limit: u64,
) -> Result<Vec<Found>, DbErr> {
    let mut query = select();
    if let Some(event) = filter.event {
        query = query.filter(Column::EventId.eq(event.0));
    }
    if let Some(zone) = filter.zone {
        query = query.filter(Column::ZoneId.eq(zone.0));
    }
    if let Some(status) = filter.status {
        query = query.filter(Column::Status.eq(status));
    }
    if let Some(search) = filter.search {
        // It is folded, so that it holds no sign with a meaning.
        query = query.filter(Column::Search.contains(&search));
    }
    newest(query, after, limit)
        .into_model()
        .all(db.reader())
        .await
}

fn newest(query: Select<Entity>, after: Option<Cursor<Uuid>>, limit: u64) -> Select<Entity> {
    let columns = (Column::CreatedAt, Column::Id);
    db::newest_first(query, columns, after.map(Into::into), limit)
}

fn select() -> Select<Entity> {
    let of = |person: &'static str, column| Expr::col((Alias::new(person), column));
    Entity::find()
        .column_as(event::Column::Title, "event_title")
        .column_as(zone::Column::Name, "zone_name")
        .expr_as(of("applicant", user::Column::Name), "applicant_name")
        .expr_as(of("applicant", user::Column::Email), "applicant_email")
        .expr_as(of("decider", user::Column::Name), "decider_name")
        .join(JoinType::InnerJoin, Relation::Event.def())
        .join(JoinType::InnerJoin, Relation::Zone.def())
        .join_as(
            JoinType::InnerJoin,
            Relation::Applicant.def(),
            Alias::new("applicant"),
        )
        .join_as(
            JoinType::LeftJoin,
            Relation::Decider.def(),
            Alias::new("decider"),
        )
}
