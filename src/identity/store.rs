//! Every query about people.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::NewUser;
use crate::db::{self, Db};
use crate::entity::user::{ActiveModel, Column, Entity, Model, Role};
use crate::ids::UserId;
use crate::state::App;

/// Adds an account; a duplicate error where its e-mail has one.
pub async fn insert_user(app: &App, new: NewUser, password_hash: String) -> Result<Model, DbErr> {
    let db = app.db.clone();
    app.detached(async move {
        let tx = db.begin().await?;
        let user = ActiveModel {
            id: Set(UserId::random().0),
            name: Set(new.name),
            email_lower: Set(new.email.to_lowercase()),
            email: Set(new.email),
            password_hash: Set(password_hash),
            role: Set(new.role),
            created_at: Set(db::read_time(&tx).await?),
        }
        .insert(&tx)
        .await?;
        tx.commit().await?;
        Ok(user)
    })
    .await
}

/// Gives the account with that e-mail the role admin; whether there is one.
pub async fn make_admin(app: &App, email: &str) -> Result<bool, DbErr> {
    let db = app.db.clone();
    let email = email.to_lowercase();
    app.detached(async move {
        let tx = db.begin().await?;
        let done = Entity::update_many()
            .col_expr(Column::Role, Role::Admin.into())
            .filter(Column::EmailLower.eq(email))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected == 1)
    })
    .await
}

/// The account with that e-mail, whatever its case.
pub async fn user_by_email(db: &Db, email: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::EmailLower.eq(email.to_lowercase()))
        .one(db.reader())
        .await
}

/// The account with that id.
pub async fn user_by_id(db: &Db, id: UserId) -> Result<Option<Model>, DbErr> {
    let id: Uuid = id.0;
    Entity::find_by_id(id).one(db.reader()).await
}
