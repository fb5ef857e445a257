//! What a batch of changes reads and writes: a few statements, however many changes there are.
//!
//! Rows are locked in one order, applications before reservations before payments before customers
//! before codes before events before zones before tickets and each sort by id, so that the batches of
//! several instances wait for each other rather than deadlock. SQLite, which has one writer at a time,
//! has no row locks and needs none.

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, FromQueryResult, QueryResult,
    Statement, Value,
};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use uuid::Uuid;

use super::HeldTicket;
use crate::codes::{CodeText, store as codes};
use crate::db::{self, Column, Rows};
use crate::entity::code;
use crate::entity::payment::PaymentStatus;
use crate::entity::reservation;
use crate::ids::{CodeId, EventId, PaymentId, ReservationId, TicketId, UserId, ZoneId};
use crate::reservations::batch::{Claimed, Seen, SeenCode, SeenReservation, SeenTicket};

/// Reads what a batch needs, and keeps others from changing it until the transaction ends.
pub async fn read_and_lock(tx: &DatabaseTransaction, needs: Claimed) -> Result<Seen, DbErr> {
    let reader = Reader {
        connection: tx,
        // SQLite has one writer at a time, and this is it.
        locks_rows: tx.get_database_backend() == DatabaseBackend::Postgres,
    };
    reader.read(needs).await
}

pub(super) struct Reader<'a> {
    pub(super) connection: &'a DatabaseTransaction,
    pub(super) locks_rows: bool,
}

impl Reader<'_> {
    async fn read(&self, needs: Claimed) -> Result<Seen, DbErr> {
        let mut seen = Seen::default();
        if !needs.applications.is_empty() {
            seen.applications = self.applications(needs.applications).await?;
        }
        if !needs.reservations.is_empty() || !needs.due.is_empty() {
            seen.reservations = self.reservations(needs.reservations, needs.due).await?;
        }
        if !needs.customers.is_empty() {
            seen.customers = self.customers(needs.customers).await?;
        }
        if !needs.codes.is_empty() {
            seen.codes = self.codes(needs.codes).await?;
        }
        if !needs.zones.is_empty() {
            seen.zones = self.zones(needs.zones).await?;
        }
        if !needs.tickets.is_empty() {
            seen.tickets = self.tickets(needs.tickets).await?;
        }
        if !needs.keys.is_empty() {
            seen.keys = self.keys(needs.keys).await?;
        }
        Ok(seen)
    }

    pub(super) fn backend(&self) -> DatabaseBackend {
        self.connection.get_database_backend()
    }

    /// Runs a query over `rows`, which it calls `x`.
    pub(super) async fn query(
        &self,
        rows: Rows,
        sql: impl FnOnce(String) -> String,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let mut values: Vec<Value> = Vec::new();
        let sql = sql(rows.table("x", self.backend(), &mut values));
        self.connection
            .query_all_raw(Statement::from_sql_and_values(self.backend(), sql, values))
            .await
    }

    /// The clause that locks rows of the table `alias` in the order of their ids.
    pub(super) fn locking(&self, alias: &str) -> String {
        if self.locks_rows {
            format!("ORDER BY {alias}.id FOR NO KEY UPDATE OF {alias}")
        } else {
            String::new()
        }
    }

    async fn tickets(
        &self,
        wanted: HashSet<TicketId>,
    ) -> Result<HashMap<TicketId, SeenTicket>, DbErr> {
        let mut ids: Vec<_> = wanted.into_iter().map(|id| id.0).collect();
        ids.sort_unstable();
        let rows = Rows::default().with("id", Column::Integers(ids));
        let now = db::now_sql(self.backend());
        let found = self
            .query(rows, |x| {
                format!(
                    "SELECT t.id, t.event_id, t.zone_id, t.status, t.version, t.removed, \
                            z.price_amount, z.by_application, \
                            e.limit_per_customer, e.hold_secs, {now} AS now, \
                            e.status = 'published' \
                            AND {now} < COALESCE(e.sales_close_at, e.starts_at) AS is_for_sale, \
                            e.sales_open_at IS NULL OR e.sales_open_at <= {now} AS has_opened \
                     FROM {x} JOIN tickets t ON t.id = x.id \
                     JOIN zones z ON z.id = t.zone_id JOIN events e ON e.id = t.event_id {}",
                    self.locking("t")
                )
            })
            .await?;
        found
            .iter()
            .map(|row| {
                let limit: Option<i32> = row.try_get("", "limit_per_customer")?;
                let ticket = SeenTicket {
                    event: EventId(row.try_get("", "event_id")?),
                    zone: ZoneId(row.try_get("", "zone_id")?),
                    status: row.try_get("", "status")?,
                    version: row.try_get("", "version")?,
                    is_removed: row.try_get("", "removed")?,
                    price_amount: row.try_get("", "price_amount")?,
                    by_application: row.try_get("", "by_application")?,
                    is_for_sale: row.try_get("", "is_for_sale")?,
                    has_opened: row.try_get("", "has_opened")?,
                    limit_per_customer: limit.and_then(|limit| u32::try_from(limit).ok()),
                    hold_ttl: hold_ttl(row)?,
                    now: row.try_get("", "now")?,
                };
                Ok((TicketId(row.try_get("", "id")?), ticket))
            })
            .collect()
    }

    async fn reservations(
        &self,
        needed: HashSet<ReservationId>,
        due: HashSet<ReservationId>,
    ) -> Result<HashMap<ReservationId, SeenReservation>, DbErr> {
        let mut seen = HashMap::new();
        for (ids, unless_locked) in [(needed, ""), (due, "SKIP LOCKED")] {
            if ids.is_empty() {
                continue;
            }
            let now = db::now_sql(self.backend());
            let mut locking = self.locking("r");
            if !locking.is_empty() {
                locking = format!("{locking} {unless_locked}");
            }
            let found = self
                .query(reservation_rows(ids), |x| {
                    format!(
                        "SELECT r.*, {now} AS now, e.hold_secs, \
                                e.status = 'cancelled' AS is_cancelled \
                         FROM {x} JOIN reservations r ON r.id = x.id \
                         JOIN events e ON e.id = r.event_id \
                         {locking}"
                    )
                })
                .await?;
            for row in found {
                let reservation = reservation::Model::from_query_result(&row, "")?;
                let entry = SeenReservation {
                    now: row.try_get("", "now")?,
                    tickets: Vec::new(),
                    payment: None,
                    is_cancelled: row.try_get("", "is_cancelled")?,
                    hold_ttl: hold_ttl(&row)?,
                    code: None,
                    reservation,
                };
                seen.insert(ReservationId(entry.reservation.id), entry);
            }
        }
        if !seen.is_empty() {
            self.add_payments(&mut seen).await?;
            self.add_tickets(&mut seen).await?;
            self.add_codes(&mut seen).await?;
        }
        Ok(seen)
    }

    async fn add_payments(
        &self,
        seen: &mut HashMap<ReservationId, SeenReservation>,
    ) -> Result<(), DbErr> {
        let rows = reservation_rows(seen.keys().copied());
        let found = self
            .query(rows, |x| {
                format!(
                    "SELECT p.reservation_id, p.id, p.status \
                     FROM {x} JOIN payments p ON p.reservation_id = x.id \
                     WHERE p.status IN ('pending', 'succeeded') {}",
                    self.locking("p")
                )
            })
            .await?;
        for row in found {
            let id = ReservationId(row.try_get("", "reservation_id")?);
            let payment: (Uuid, PaymentStatus) =
                (row.try_get("", "id")?, row.try_get("", "status")?);
            if let Some(entry) = seen.get_mut(&id) {
                entry.payment = Some((PaymentId(payment.0), payment.1));
            }
        }
        Ok(())
    }

    /// The tickets that reservations have. Only who has locked the reservation changes those.
    async fn add_tickets(
        &self,
        seen: &mut HashMap<ReservationId, SeenReservation>,
    ) -> Result<(), DbErr> {
        let rows = reservation_rows(seen.keys().copied());
        let found = self
            .query(rows, |x| {
                format!(
                    "SELECT a.reservation_id, a.price_amount, a.discount_amount, t.id, t.zone_id, \
                            t.row_number, t.seat_number, t.row_label, t.seat_label, t.version, \
                            z.name AS zone_name \
                     FROM {x} JOIN reservation_tickets a ON a.reservation_id = x.id AND a.active \
                     JOIN tickets t ON t.id = a.ticket_id JOIN zones z ON z.id = t.zone_id \
                     ORDER BY t.id"
                )
            })
            .await?;
        for row in found {
            let id = ReservationId(row.try_get("", "reservation_id")?);
            let ticket = HeldTicket {
                id: row.try_get("", "id")?,
                zone_id: row.try_get("", "zone_id")?,
                zone_name: row.try_get("", "zone_name")?,
                row_number: row.try_get("", "row_number")?,
                seat_number: row.try_get("", "seat_number")?,
                row_label: row.try_get("", "row_label")?,
                seat_label: row.try_get("", "seat_label")?,
                price_amount: row.try_get("", "price_amount")?,
                discount_amount: row.try_get("", "discount_amount")?,
                version: row.try_get("", "version")?,
            };
            if let Some(entry) = seen.get_mut(&id) {
                entry.tickets.push(ticket);
            }
        }
        Ok(())
    }

    /// The texts of the codes that reservations were made with, which nobody changes any more.
    async fn add_codes(
        &self,
        seen: &mut HashMap<ReservationId, SeenReservation>,
    ) -> Result<(), DbErr> {
        let ids = seen.values().filter_map(|seen| seen.reservation.code_id);
        let ids: Vec<_> = ids.map(CodeId).collect();
        let texts = codes::texts(self.connection, ids).await?;
        for entry in seen.values_mut() {
            let text = entry.reservation.code_id.map(CodeId);
            entry.code = text.and_then(|id| texts.get(&id).cloned());
        }
        Ok(())
    }

    /// How many tickets the buyers have. Their rows are locked first, so that what another
    /// instance is about to give them is counted, or waits for this.
    async fn customers(
        &self,
        customers: HashSet<(UserId, EventId)>,
    ) -> Result<HashMap<(UserId, EventId), u32>, DbErr> {
        let users: HashSet<Uuid> = customers.iter().map(|(user, _)| user.0).collect();
        if self.locks_rows {
            let rows = Rows::default().with("id", Column::Uuids(users.into_iter().collect()));
            self.query(rows, |x| {
                format!(
                    "SELECT u.id FROM {x} JOIN users u ON u.id = x.id {}",
                    self.locking("u")
                )
            })
            .await?;
        }
        let (users, events) = customers
            .iter()
            .map(|(user, event)| (user.0, event.0))
            .unzip();
        let rows = Rows::default()
            .with("user_id", Column::Uuids(users))
            .with("event_id", Column::Integers(events));
        let in_any_portion = reservation::in_any_portion(self.connection.get_database_backend());
        let found = self
            .query(rows, |x| {
                format!(
                    "SELECT x.user_id, x.event_id, COUNT(a.ticket_id) AS tickets FROM {x} \
                     JOIN reservations r ON r.user_id = x.user_id AND r.event_id = x.event_id \
                       AND {in_any_portion} \
                     JOIN reservation_tickets a ON a.reservation_id = r.id AND a.active \
                     GROUP BY x.user_id, x.event_id"
                )
            })
            .await?;
        // Who has none is not found, but was counted.
        let mut counts: HashMap<_, _> = customers.into_iter().map(|key| (key, 0)).collect();
        for row in found {
            let key = (
                UserId(row.try_get("", "user_id")?),
                EventId(row.try_get("", "event_id")?),
            );
            let tickets: i64 = row.try_get("", "tickets")?;
            counts.insert(key, u32::try_from(tickets).unwrap_or(u32::MAX));
        }
        Ok(counts)
    }

    /// The codes, and how many reservations use each that has a limit. Their rows are locked first,
    /// so that what another instance is about to give away is counted, or waits for this.
    async fn codes(
        &self,
        wanted: HashSet<(EventId, CodeText)>,
    ) -> Result<HashMap<(EventId, CodeText), SeenCode>, DbErr> {
        let text = |text: CodeText| text.as_str().to_owned();
        let wanted = wanted
            .into_iter()
            .map(|(event, code)| (event.0, text(code)));
        let (events, texts) = wanted.unzip();
        let rows = Rows::default()
            .with("event_id", Column::Integers(events))
            .with("text", Column::Texts(texts));
        let now = db::now_sql(self.backend());
        let found = self
            .query(rows, |x| {
                format!(
                    "SELECT c.*, {now} AS now FROM {x} \
                     JOIN codes c ON c.event_id = x.event_id AND c.code = x.text \
                     {}",
                    self.locking("c")
                )
            })
            .await?;
        let mut seen = HashMap::new();
        for row in found {
            let code = code::Model::from_query_result(&row, "")?;
            let key = (EventId(code.event_id), CodeText::from(&code));
            let now = row.try_get("", "now")?;
            seen.insert(key, SeenCode { code, uses: 0, now });
        }
        let limited = seen.values().filter(|seen| seen.code.max_uses.is_some());
        let limited: Vec<_> = limited.map(|seen| CodeId(seen.code.id)).collect();
        if !limited.is_empty() {
            let uses = codes::count_uses(self.connection, &limited).await?;
            for entry in seen.values_mut() {
                entry.uses = uses.get(&CodeId(entry.code.id)).copied().unwrap_or(0);
            }
        }
        Ok(seen)
    }

    async fn keys(
        &self,
        keys: HashSet<(UserId, String)>,
    ) -> Result<HashSet<(UserId, String)>, DbErr> {
        let (users, texts) = keys.into_iter().map(|(user, text)| (user.0, text)).unzip();
        let rows = Rows::default()
            .with("user_id", Column::Uuids(users))
            .with("text", Column::Texts(texts));
        let found = self
            .query(rows, |x| {
                format!(
                    "SELECT k.user_id, k.key FROM {x} \
                     JOIN idempotency_keys k ON k.user_id = x.user_id AND k.key = x.text"
                )
            })
            .await?;
        found
            .iter()
            .map(|row| Ok((UserId(row.try_get("", "user_id")?), row.try_get("", "key")?)))
            .collect()
    }
}

fn hold_ttl(row: &QueryResult) -> Result<Option<Duration>, DbErr> {
    let secs: Option<i32> = row.try_get("", "hold_secs")?;
    let secs = secs.and_then(|secs| u64::try_from(secs).ok());
    Ok(secs.map(Duration::from_secs))
}

fn reservation_rows(ids: impl IntoIterator<Item = ReservationId>) -> Rows {
    let ids = ids.into_iter().map(|id| id.0).collect();
    Rows::default().with("id", Column::Uuids(ids))
}
