//! Every query about accounts; those about sessions, tokens and searches are below.

pub mod people;
pub mod sessions;
pub mod tokens;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

use super::{NewUser, words};
use crate::db::Db;
use crate::entity::user::{ActiveModel, Column, Entity, Model, Role, UserStatus};
use crate::entity::user_word;
use crate::ids::UserId;

/// Adds an account; a duplicate error where its e-mail has one.
pub async fn insert_user(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    new: NewUser,
    password_hash: String,
) -> Result<Model, DbErr> {
    let user = ActiveModel {
        id: Set(UserId::random().0),
        name: Set(new.name),
        email_lower: Set(new.email.to_lowercase()),
        email: Set(new.email),
        password_hash: Set(password_hash),
        role: Set(new.role),
        created_at: Set(now),
        version: Set(1),
        status: Set(UserStatus::Active),
        has_words: Set(true),
    }
    .insert(tx)
    .await?;
    insert_words(tx, std::slice::from_ref(&user)).await?;
    Ok(user)
}

/// The account with that e-mail, whatever its case.
pub async fn user_by_email(db: &Db, email: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::EmailLower.eq(email.to_lowercase()))
        .one(db.reader())
        .await
}

/// The account with that e-mail, to change it.
pub async fn user_by_email_for_update(
    tx: &DatabaseTransaction,
    email: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::EmailLower.eq(email.to_lowercase()))
        .lock_exclusive()
        .one(tx)
        .await
}

/// The account with that id.
pub async fn user_by_id(db: &Db, id: UserId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(db.reader()).await
}

/// The account with that id, to change it.
pub async fn user_for_update(tx: &DatabaseTransaction, id: UserId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).lock_exclusive().one(tx).await
}

pub async fn set_name(tx: &DatabaseTransaction, user: Model, name: String) -> Result<Model, DbErr> {
    let user = update(tx, user, |change| change.name = Set(name)).await?;
    replace_words(tx, &user).await?;
    Ok(user)
}

/// A duplicate error where the address has an account.
pub async fn set_email(
    tx: &DatabaseTransaction,
    user: Model,
    email: String,
) -> Result<Model, DbErr> {
    let user = update(tx, user, |change| {
        change.email_lower = Set(email.to_lowercase());
        change.email = Set(email);
    })
    .await?;
    replace_words(tx, &user).await?;
    Ok(user)
}

/// Another password is no edit of what anybody sees, so the version stays.
pub async fn set_password(
    tx: &DatabaseTransaction,
    user: Model,
    password_hash: String,
) -> Result<Model, DbErr> {
    let mut change: ActiveModel = user.into();
    change.password_hash = Set(password_hash);
    change.update(tx).await
}

pub async fn set_role(tx: &DatabaseTransaction, user: Model, role: Role) -> Result<Model, DbErr> {
    update(tx, user, |change| change.role = Set(role)).await
}

pub async fn set_status(
    tx: &DatabaseTransaction,
    user: Model,
    status: UserStatus,
) -> Result<Model, DbErr> {
    update(tx, user, |change| change.status = Set(status)).await
}

/// Empties an account of everything personal. Its address becomes one that cannot be anybody's.
pub async fn erase_user(tx: &DatabaseTransaction, user: Model) -> Result<Model, DbErr> {
    let address = format!("{}@erased.invalid", user.id.simple());
    let user = update(tx, user, |change| {
        change.name = Set(String::new());
        change.email_lower = Set(address.clone());
        change.email = Set(address);
        change.password_hash = Set(String::new());
        change.role = Set(Role::Customer);
        change.status = Set(UserStatus::Erased);
    })
    .await?;
    delete_words(tx, &user).await?;
    Ok(user)
}

async fn update(
    tx: &DatabaseTransaction,
    user: Model,
    edit: impl FnOnce(&mut ActiveModel),
) -> Result<Model, DbErr> {
    let version = user.version + 1;
    let mut change: ActiveModel = user.into();
    edit(&mut change);
    change.version = Set(version);
    change.update(tx).await
}

async fn replace_words(tx: &DatabaseTransaction, user: &Model) -> Result<(), DbErr> {
    delete_words(tx, user).await?;
    let user = std::slice::from_ref(user);
    insert_words(tx, user).await?;
    mark_words_written(tx, user).await
}

async fn delete_words(tx: &DatabaseTransaction, user: &Model) -> Result<(), DbErr> {
    user_word::Entity::delete_many()
        .filter(user_word::Column::UserId.eq(user.id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Writes down the words of people who have none.
pub async fn insert_words(tx: &DatabaseTransaction, people: &[Model]) -> Result<(), DbErr> {
    let mut rows = Vec::new();
    for user in people {
        let words = words::words_of(&user.name, &user.email).into_iter();
        rows.extend(words.map(|word| user_word::ActiveModel {
            user_id: Set(user.id),
            word: Set(word),
        }));
    }
    while !rows.is_empty() {
        let some = rows.split_off(rows.len().saturating_sub(WORDS_PER_INSERT));
        user_word::Entity::insert_many(some)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

// Two values a word, well below the 32,766 that SQLite takes in a statement.
const WORDS_PER_INSERT: usize = 4000;

/// Whether there is an account whose words are not written down.
pub async fn is_anybody_without_words(db: &Db) -> Result<bool, DbErr> {
    let found = without_words().limit(1).one(db.reader()).await?;
    Ok(found.is_some())
}

/// Accounts whose words are not written down, to change them.
pub async fn people_without_words(
    tx: &DatabaseTransaction,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    without_words()
        .order_by_asc(Column::Id)
        .limit(limit)
        .lock_exclusive()
        .all(tx)
        .await
}

/// As the partial index says it.
fn without_words() -> sea_orm::Select<Entity> {
    Entity::find().filter(Expr::cust("NOT has_words"))
}

pub async fn mark_words_written(tx: &DatabaseTransaction, people: &[Model]) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::HasWords, Expr::value(true))
        .filter(Column::Id.is_in(people.iter().map(|user| user.id)))
        .exec(tx)
        .await?;
    Ok(())
}
