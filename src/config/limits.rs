//! How often somebody may try, and by which address they are known.

use clap::Args;
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

use super::Switch;

/// What is limited, and per whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Logins into one account from one address.
    Login,
    /// Logins from one address, into whatever account.
    LoginAddress,
    /// Logins into one account from addresses that it has not been logged into from before.
    LoginAccount,
    /// Registrations from one address.
    Register,
    /// Password resets and changes of e-mail or password of one account.
    Reset,
    /// The same from one address.
    ResetAddress,
    /// Attempts of one account to reserve.
    Reserve,
    /// Attempts to reserve from one address.
    ReserveAddress,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 8] = [
        Self::Login,
        Self::LoginAddress,
        Self::LoginAccount,
        Self::Register,
        Self::Reset,
        Self::ResetAddress,
        Self::Reserve,
        Self::ReserveAddress,
    ];

    /// Its name in headers, metrics and Redis.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::LoginAddress => "login-address",
            Self::LoginAccount => "login-account",
            Self::Register => "register",
            Self::Reset => "reset",
            Self::ResetAddress => "reset-address",
            Self::Reserve => "reserve",
            Self::ReserveAddress => "reserve-address",
        }
    }
}

/// So many at once, and as many again over the window, evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many at once.
    pub count: u32,
    /// How long it takes until all of them are there again.
    pub window: Duration,
}

/// How often somebody may try, each as in `10/1m`, or `off`.
#[derive(Debug, Clone, Args)]
pub struct LimitSettings {
    /// Networks of the load balancers whose X-Forwarded-For is believed, separated by commas, as in `10.0.0.0/8,127.0.0.1`; default: none, a client is who connects.
    #[arg(long, env = "HOLDFAST_TRUSTED_PROXIES", value_parser = network, value_delimiter = ',', value_name = "NETWORK,...", global = true)]
    pub trusted_proxies: Vec<IpNet>,

    /// Whether anybody is limited at all; off for load tests.
    #[arg(
        long,
        env = "HOLDFAST_LIMITS",
        default_value = "on",
        value_enum,
        value_name = "SWITCH",
        global = true
    )]
    pub limits: Switch,

    /// Logins into an account from one address; each limit is as in `10/1m` (ten at once, and ten more a minute), or `off`.
    #[arg(long, env = "HOLDFAST_LIMIT_LOGIN", default_value = "10/1m", value_parser = allowance, value_name = "LIMIT", global = true)]
    limit_login: Allowed,

    /// Logins from one address.
    #[arg(long, env = "HOLDFAST_LIMIT_LOGIN_ADDRESS", default_value = "100/1m", value_parser = allowance, value_name = "LIMIT", global = true)]
    limit_login_address: Allowed,

    /// Failed logins into an account from addresses that are new to it.
    #[arg(long, env = "HOLDFAST_LIMIT_LOGIN_ACCOUNT", default_value = "100/1h", value_parser = allowance, value_name = "LIMIT", global = true)]
    limit_login_account: Allowed,

    /// Registrations from one address.
    #[arg(long, env = "HOLDFAST_LIMIT_REGISTER", default_value = "300/1m", value_parser = allowance, value_name = "LIMIT", global = true)]
    limit_register: Allowed,

    /// Password resets and changes of e-mail or password of an account.
    #[arg(long, env = "HOLDFAST_LIMIT_RESET", default_value = "5/1h", value_parser = allowance, value_name = "LIMIT", global = true)]
    limit_reset: Allowed,

    /// Password resets and changes of e-mail or password from one address.
    #[arg(long, env = "HOLDFAST_LIMIT_RESET_ADDRESS", default_value = "60/1h", value_parser = allowance, value_name = "LIMIT", global = true)]
    limit_reset_address: Allowed,

    /// Attempts of an account to reserve.
    #[arg(long, env = "HOLDFAST_LIMIT_RESERVE", default_value = "60/3s", value_parser = allowance, value_name = "LIMIT", global = true)]
    limit_reserve: Allowed,

    /// Attempts to reserve from one address, behind which may be many people.
    #[arg(long, env = "HOLDFAST_LIMIT_RESERVE_ADDRESS", default_value = "6000/3s", value_parser = allowance, value_name = "LIMIT", global = true)]
    limit_reserve_address: Allowed,
}

/// A quota, or none. A type of its own, because to the command line an `Option` is a setting that
/// may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Allowed(Option<Quota>);

impl LimitSettings {
    /// The quota of a limit; `None` where it is off.
    pub fn quota(&self, limit: Limit) -> Option<Quota> {
        if self.limits == Switch::Off {
            return None;
        }
        let Allowed(quota) = match limit {
            Limit::Login => self.limit_login,
            Limit::LoginAddress => self.limit_login_address,
            Limit::LoginAccount => self.limit_login_account,
            Limit::Register => self.limit_register,
            Limit::Reset => self.limit_reset,
            Limit::ResetAddress => self.limit_reset_address,
            Limit::Reserve => self.limit_reserve,
            Limit::ReserveAddress => self.limit_reserve_address,
        };
        quota
    }

    /// Whether what this address forwards is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse()
        .or_else(|_| address())
        .map_err(|_| "expected a network or an address, as in 10.0.0.0/8")
}

fn allowance(text: &str) -> Result<Allowed, &'static str> {
    if text == "off" {
        return Ok(Allowed(None));
    }
    let quota = || {
        let (count, window) = text.split_once('/')?;
        let count = count
            .parse()
            .ok()
            .filter(|count| (1..=MOST).contains(count))?;
        let digits = window.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u64 = digits.parse().ok()?;
        let unit_secs = match &window[digits.len()..] {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        let secs = number.checked_mul(unit_secs)?;
        let window = (1..=86_400).contains(&secs).then_some(secs)?;
        Some(Quota {
            count,
            window: Duration::from_secs(window),
        })
    };
    quota().map(|quota| Allowed(Some(quota))).ok_or(
        "expected a number and a time of at most 24 hours, as in 10/1m, 60/3s or 5/1h, or off",
    )
}

const MOST: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_over_a_time_or_off() {
        for (text, count, secs) in [("10/1m", 10, 60), ("60/3s", 60, 3), ("1/24h", 1, 86_400)] {
            let window = Duration::from_secs(secs);
            assert_eq!(allowance(text), Ok(Allowed(Some(Quota { count, window }))));
        }
        assert_eq!(allowance("off"), Ok(Allowed(None)));
        for text in [
            "",
            "10",
            "10/",
            "/1m",
            "0/1m",
            "-1/1m",
            "10/m",
            "10/0s",
            "10/1d",
            "10/25h",
            "10/1.5s",
            "1000001/1s",
            "10/99999999999999999999h",
            "10/1é",
        ] {
            assert!(allowance(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        assert!(
            network("127.0.0.1")
                .unwrap()
                .contains(&IpAddr::from([127, 0, 0, 1]))
        );
        assert!(network("fd00::/8").is_ok());
        for text in ["", "nginx", "10.0.0.0/33", "10.0.0.0/"] {
            assert!(network(text).is_err(), "{text}");
        }
    }
}
