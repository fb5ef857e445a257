//! Who may still act: what access tokens that were issued do not know of.
//!
//! An access token is checked without asking the database. That a session ended, or that its account
//! has another role or may not act any more, is written down in the transaction that does it, as a
//! row that is never changed; every instance reads the new rows several times a second and keeps in
//! memory what is younger than the oldest token that can be valid. So each of them takes effect at
//! once on the instance that did it, and within a second on the others.
//!
//! An instance that cannot read the rows goes on with what it knows: whatever writes is decided by the
//! database, which it cannot reach either.

mod store;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{DatabaseTransaction, DbErr};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as AsyncMutex;

use crate::db::Db;
use crate::entity::user::Role;
use crate::ids::{SessionId, UserId};

/// How long a change is kept: the longest that an access token can be valid, and an hour more for
/// clocks that differ.
pub const KEPT_HOURS: i64 = 25;

/// What this instance knows.
pub struct Access {
    db: Db,
    known: RwLock<Known>,
    /// Raised with every change, so that what was judged before is judged again.
    generation: AtomicU64,
    position: AsyncMutex<Option<Position>>,
}

/// A change that was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Later changes of an account have higher ids.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Whose.
    pub user: UserId,
    /// What.
    pub what: What,
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A session has ended.
    SessionEnded(SessionId),
    /// What the account is from now on.
    Account(Account),
}

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// What its holder may do.
    pub role: Role,
    /// Whether they may do anything.
    pub is_active: bool,
    /// Whether all its sessions were ended with this, each of which is a change of its own.
    pub all_ended: bool,
}

#[derive(Default)]
struct Known {
    accounts: HashMap<UserId, (i64, DateTime<Utc>, Account)>,
    ended: HashMap<SessionId, DateTime<Utc>>,
}

/// Writes down what an account has become.
pub async fn note_account(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    user: UserId,
    account: Account,
) -> Result<Change, DbErr> {
    store::insert(tx, now, user, What::Account(account)).await
}

/// Writes down that a session has ended.
pub async fn note_end(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    user: UserId,
    session: SessionId,
) -> Result<Change, DbErr> {
    store::insert(tx, now, user, What::SessionEnded(session)).await
}

impl Access {
    /// Knows nothing until it is told or reads.
    pub fn new(db: Db) -> Self {
        Self {
            db,
            known: RwLock::default(),
            generation: AtomicU64::new(0),
            position: AsyncMutex::default(),
        }
    }

    /// Changes whenever [`Access::judge`] may say something else than before.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// As which role somebody may act whose token names this session and role; none if they may not.
    ///
    /// A token without a session, which a tool has signed, ends when all sessions of its account do.
    pub fn judge(&self, user: UserId, session: Option<SessionId>, role: Role) -> Option<Role> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if session.is_some_and(|session| known.ended.contains_key(&session)) {
            return None;
        }
        let Some((_, _, account)) = known.accounts.get(&user) else {
            return Some(role);
        };
        let is_ended = session.is_none() && account.all_ended;
        (account.is_active && !is_ended).then_some(account.role)
    }

    /// Takes over changes that were committed, in any order and any number of times.
    pub fn learn(&self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            known.take_over(change);
        }
        drop(known);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Reads what was committed since the last time. Call it before serving, and then several times
    /// a second. Returns how many changes there were.
    pub async fn read_changes(&self) -> Result<usize, DbErr> {
        let mut position = self.position.lock().await;
        let position = if let Some(position) = position.as_mut() {
            position
        } else {
            let since = self.db.read_time().await? - TimeDelta::hours(KEPT_HOURS);
            let changes = store::changes_since(&self.db, since).await?;
            self.learn(&changes);
            position.insert(Position::after(&changes))
        };
        let missing = position.missing(Instant::now());
        let changes = store::changes_after(&self.db, position.high, &missing).await?;
        position.note(&changes, Instant::now());
        self.learn(&changes);
        Ok(changes.len())
    }

    /// Forgets what no token that is valid can depend on, here and in the database.
    pub async fn forget_old_changes(
        &self,
        tx: &DatabaseTransaction,
        now: DateTime<Utc>,
    ) -> Result<u64, DbErr> {
        let limit = now - TimeDelta::hours(KEPT_HOURS);
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .forget_before(limit);
        store::delete_before(tx, limit).await
    }
}

impl Known {
    fn forget_before(&mut self, limit: DateTime<Utc>) {
        self.accounts.retain(|_, (_, at, _)| *at >= limit);
        self.ended.retain(|_, at| *at >= limit);
    }

    fn take_over(&mut self, change: &Change) {
        match change.what {
            What::SessionEnded(session) => {
                self.ended.insert(session, change.at);
            }
            What::Account(account) => {
                let entry = self.accounts.entry(change.user);
                let known = entry.or_insert((change.id, change.at, account));
                // What was ended stays ended, whichever of the two is heard of first.
                let all_ended = known.2.all_ended || account.all_ended;
                if change.id > known.0 {
                    *known = (change.id, change.at, account);
                }
                known.2.all_ended = all_ended;
            }
        }
    }
}

/// Where the reading stands. Ids are given out before their transactions commit, so a lower one may
/// turn up later: ids that were left out are asked for again until no transaction can be that old.
struct Position {
    high: i64,
    missing: BTreeMap<i64, Instant>,
}

/// Longer than any transaction that writes can take.
const MISSING_FOR: Duration = Duration::from_secs(30);
/// Most ids before a row that are asked for again.
const MOST_SKIPPED: i64 = 1000;

impl Position {
    fn after(changes: &[Change]) -> Self {
        let mut position = Self {
            high: 0,
            missing: BTreeMap::new(),
        };
        position.note(changes, Instant::now());
        position
    }

    fn missing(&mut self, now: Instant) -> Vec<i64> {
        self.missing
            .retain(|_, since| now.duration_since(*since) < MISSING_FOR);
        self.missing.keys().copied().collect()
    }

    fn note(&mut self, changes: &[Change], now: Instant) {
        for change in changes {
            self.missing.remove(&change.id);
            if change.id > self.high {
                let first = (self.high + 1).max(change.id - MOST_SKIPPED);
                self.missing.extend((first..change.id).map(|id| (id, now)));
                self.high = change.id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: Account = Account {
        role: Role::Customer,
        is_active: true,
        all_ended: false,
    };

    fn change(id: i64, user: UserId, what: What) -> Change {
        let at = DateTime::UNIX_EPOCH;
        Change { id, at, user, what }
    }

    #[test]
    fn the_latest_change_of_an_account_counts_whichever_is_heard_first() {
        let access = Access::new(Db::disconnected());
        let user = UserId::random();
        let become_role = |id, role| {
            let account = Account { role, ..MEMBER };
            access.learn(&[change(id, user, What::Account(account))]);
        };
        assert_eq!(
            access.judge(user, None, Role::Customer),
            Some(Role::Customer)
        );
        become_role(2, Role::Admin);
        become_role(1, Role::Staff);
        assert_eq!(access.judge(user, None, Role::Customer), Some(Role::Admin));
        assert_eq!(access.generation(), 2);
    }

    #[test]
    fn what_ended_stays_ended_for_its_tokens_only() {
        let access = Access::new(Db::disconnected());
        let user = UserId::random();
        let [old, new] = [SessionId::random(), SessionId::random()];
        let all_ended = Account {
            all_ended: true,
            ..MEMBER
        };
        access.learn(&[
            change(1, user, What::SessionEnded(old)),
            change(3, user, What::Account(MEMBER)),
            change(2, user, What::Account(all_ended)),
        ]);
        assert_eq!(access.judge(user, Some(old), Role::Customer), None);
        assert_eq!(access.judge(user, None, Role::Customer), None);
        assert!(access.judge(user, Some(new), Role::Customer).is_some());
        let inactive = Account {
            is_active: false,
            ..MEMBER
        };
        access.learn(&[change(4, user, What::Account(inactive))]);
        assert_eq!(access.judge(user, Some(new), Role::Customer), None);
    }

    #[test]
    fn an_id_that_was_left_out_is_asked_for_until_it_is_there() {
        let user = UserId::random();
        let row = |id| change(id, user, What::Account(MEMBER));
        let mut position = Position::after(&[row(5_000)]);
        let now = Instant::now();
        assert_eq!(position.missing(now).len(), 1000);
        position.note(&[row(4_999), row(5_002)], now);
        assert_eq!(position.missing(now).last(), Some(&5_001));
        assert!(!position.missing(now).contains(&4_999));
        assert_eq!(position.high, 5_002);
        assert!(position.missing(now + MISSING_FOR).is_empty());
    }
}
