//! One attempt to take money for a reservation, written before the provider is called.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    /// Also the provider's idempotency key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub reservation_id: Uuid,
    /// Minor units.
    pub amount: i64,
    pub currency: String,
    pub method: String,
    /// The provider's handle for the payer's means; never a card number.
    pub token: String,
    pub status: PaymentStatus,
    /// Why the provider said no.
    pub reason: Option<String>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// `pending -> succeeded | declined`, or `pending -> voiding -> voided` when the answer came too
/// late or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum PaymentStatus {
    /// The provider is being asked, or its answer was lost.
    Pending,
    /// The money is ours and the reservation confirmed, in one transaction.
    Succeeded,
    /// The provider said no.
    Declined,
    /// Whatever the provider took has to be given back.
    Voiding,
    /// The provider has confirmed that it keeps nothing.
    Voided,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Those that have neither succeeded nor come to nothing, as their index has them; as with
/// [`is_held`](super::reservation::is_held).
pub fn is_unsettled() -> Expr {
    Expr::cust("status IN ('pending', 'voiding')")
}
