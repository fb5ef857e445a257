//! The numbers of [`super::gcra`] in Redis, by Redis' own time, so that all instances have the same.
//!
//! A key is on one node, chosen by its hash among all that are configured. A node that does not
//! answer within [`ANSWER_WITHIN`] is left alone for [`LEFT_ALONE`]; what is on it is counted by each
//! instance for itself meanwhile.

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, RedisResult, Script,
    ScriptInvocation,
};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::gcra::Pace;
use super::table::Key;

/// How long a node may take, connecting included: a login waits for it.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// How long a node that did not answer is not asked.
const LEFT_ALONE: Duration = Duration::from_secs(1);
/// Most keys in one command, so that a lock on the same node does not wait for long.
pub const KEYS_AT_ONCE: usize = 200;
/// Most addresses of an account that are remembered.
const FAMILIAR_ADDRESSES: isize = 8;

/// The nodes that counts are shared through.
#[derive(Debug)]
pub struct Shared {
    nodes: Vec<Node>,
}

/// A node did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

#[derive(Debug)]
struct Node {
    label: String,
    client: Client,
    link: Mutex<Link>,
}

#[derive(Debug, Default)]
struct Link {
    connection: Option<MultiplexedConnection>,
    left_alone_until: Option<Instant>,
}

impl Shared {
    /// Over the nodes with these URLs, which were checked with the settings; connects to none yet.
    pub fn new<'a>(urls: impl Iterator<Item = &'a String>) -> Self {
        let mut nodes: Vec<_> = urls.filter_map(|url| Node::new(url)).collect();
        // Every instance must choose the same one, in whatever order it was told of them.
        nodes.sort_by(|one, other| one.label.cmp(&other.label));
        nodes.dedup_by(|one, other| one.label == other.label);
        Self { nodes }
    }

    /// Counts an attempt; the inner error is in how many microseconds it may be made.
    pub async fn attempt(&self, key: Key, pace: Pace) -> Result<Result<(), u64>, Gone> {
        let mut call = ATTEMPT.key(name(key));
        call.arg(pace.interval_us).arg(pace.tolerance_us);
        let wait_us: u64 = self.node(key).invoke(&call).await?;
        Ok(if wait_us == 0 { Ok(()) } else { Err(wait_us) })
    }

    /// Takes an attempt back.
    pub async fn give_back(&self, key: Key, pace: Pace) -> Result<(), Gone> {
        let mut call = GIVE_BACK.key(name(key));
        call.arg(pace.interval_us);
        self.node(key).invoke(&call).await
    }

    /// Adds attempts that were made, all of keys on one node; gives how far ahead of the clock each
    /// key is then, in microseconds.
    pub async fn add(&self, attempts: &[(Key, u32, Pace)]) -> Result<Vec<u64>, Gone> {
        let Some((first, _, _)) = attempts.first() else {
            return Ok(Vec::new());
        };
        let mut call = ADD.prepare_invoke();
        for (key, count, pace) in attempts {
            call.key(name(*key));
            call.arg(pace.interval_us * u64::from(*count));
        }
        self.node(*first).invoke(&call).await
    }

    /// Remembers a subject as familiar to an account, one of the last few.
    pub async fn remember(&self, account: Key, subject: u128, secs: u64) -> Result<(), Gone> {
        let mut call = REMEMBER.key(familiar(account));
        call.arg(format!("{subject:032x}"));
        call.arg(FAMILIAR_ADDRESSES).arg(secs);
        self.node(account).invoke(&call).await
    }

    /// Whether a subject is familiar to an account.
    pub async fn is_familiar(&self, account: Key, subject: u128) -> Result<bool, Gone> {
        let mut call = IS_FAMILIAR.key(familiar(account));
        call.arg(format!("{subject:032x}"));
        self.node(account).invoke(&call).await
    }

    /// Connects to the nodes that are not connected to, so that no login has to wait for it.
    pub async fn connect(&self) {
        join_all(self.nodes.iter().map(Node::connect)).await;
    }

    /// The number of the node that a key is on.
    pub fn node_of(&self, key: Key) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "both halves of it count")]
        let folded = (key.subject >> 64) as u64 ^ key.subject as u64;
        // Addresses are not hashes: their last bits say little.
        let mixed = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        usize::try_from(mixed).unwrap_or_default() % self.nodes.len().max(1)
    }

    fn node(&self, key: Key) -> &Node {
        &self.nodes[self.node_of(key)]
    }
}

impl Node {
    fn new(url: &str) -> Option<Self> {
        let info = url.into_connection_info().ok()?;
        let label = info.addr().to_string();
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        Some(Self {
            label,
            client: Client::open(info).ok()?,
            link: Mutex::default(),
        })
    }

    async fn connect(&self) {
        let error = match timeout(ANSWER_WITHIN, self.connection()).await {
            Ok(Ok(_) | Err(None)) => return,
            Ok(Err(Some(error))) => error,
            Err(_) => TOO_LATE.to_owned(),
        };
        self.leave_alone(&error).await;
    }

    async fn invoke<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Gone> {
        let answer = async {
            let mut connection = self.connection().await?;
            let answer = call.invoke_async(&mut connection).await;
            answer.map_err(|error| Some(error.to_string()))
        };
        let outcome = match timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(outcome)) => outcome,
            Err(_) => Some(TOO_LATE.to_owned()),
        };
        if let Some(error) = outcome {
            self.leave_alone(&error).await;
        }
        Err(Gone)
    }

    /// A clone of the open connection; `None` as an error while the node is left alone.
    async fn connection(&self) -> Result<MultiplexedConnection, Option<String>> {
        let mut link = self.link.lock().await;
        if link
            .left_alone_until
            .is_some_and(|until| Instant::now() < until)
        {
            return Err(None);
        }
        if let Some(connection) = &link.connection {
            return Ok(connection.clone());
        }
        // One limit, of the whole call.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connected: RedisResult<_> = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await;
        let connection = connected.map_err(|error| Some(error.to_string()))?;
        if link.left_alone_until.take().is_some() {
            tracing::info!(node = self.label, "rate limits are shared through it again");
        }
        Ok(link.connection.insert(connection).clone())
    }

    async fn leave_alone(&self, error: &str) {
        let mut link = self.link.lock().await;
        link.connection = None;
        let until = Instant::now() + LEFT_ALONE;
        if link.left_alone_until.replace(until).is_none() {
            tracing::warn!(
                node = self.label,
                error,
                "rate limits are not shared through it; each instance counts for itself"
            );
        }
    }
}

const TOO_LATE: &str = "no answer in time";

fn name(key: Key) -> String {
    format!("holdfast:limit:{}:{:032x}", key.limit.as_str(), key.subject)
}

fn familiar(account: Key) -> String {
    format!("holdfast:limit:familiar:{:032x}", account.subject)
}

/// How many microseconds to wait; 0 where the attempt may be made, and is counted.
static ATTEMPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
        local number = tonumber(redis.call('GET', KEYS[1]) or '0')
        local next = math.max(number, now) + interval
        if next > now + tolerance then return next - now - tolerance end
        local ms = math.ceil((next - now) / 1000)
        redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', ms)
        return 0
        ",
    )
});

static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local number = redis.call('GET', KEYS[1])
        if not number then return end
        local back = string.format('%.0f', number - ARGV[1])
        redis.call('SET', KEYS[1], back, 'KEEPTTL')
        ",
    )
});

/// How many microseconds ahead of the clock each key is, after that many were added.
static ADD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local ahead = {}
        for position, key in ipairs(KEYS) do
            local number = tonumber(redis.call('GET', key) or '0')
            local next = math.max(number, now) + tonumber(ARGV[position])
            ahead[position] = next - now
            redis.call('SET', key, string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
        end
        return ahead
        ",
    )
});

static REMEMBER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
        redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[2])
        redis.call('EXPIRE', KEYS[1], ARGV[3])
        ",
    )
});

static IS_FAMILIAR: LazyLock<Script> =
    LazyLock::new(|| Script::new("return redis.call('ZSCORE', KEYS[1], ARGV[1]) and 1 or 0"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limit;

    #[test]
    fn every_instance_chooses_the_same_node_and_all_nodes_are_used() {
        let urls = ["redis://b:1", "redis://a:1", "redis://c:1", "redis://a:1"].map(str::to_owned);
        let one = Shared::new(urls.iter());
        let other = Shared::new(urls.iter().rev());
        assert_eq!(one.nodes.len(), 3);
        let mut used = [0; 3];
        for number in 0..300_u128 {
            // Networks of IPv6 addresses, whose last half is empty.
            let key = Key {
                limit: Limit::Login,
                subject: number << 64,
            };
            assert_eq!(one.node(key).label, other.node(key).label);
            used[one.node_of(key)] += 1;
        }
        assert!(used.iter().all(|count| *count > 50), "{used:?}");
    }
}
