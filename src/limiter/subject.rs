//! Whom a limit counts, as a number: nothing personal is kept for counting, here or in Redis.

use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv6Addr};

use crate::ids::UserId;

/// An account, an address, or something that stands for one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject(pub(super) u128);

impl Subject {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::hashed(&[&self.0.to_be_bytes(), &other.0.to_be_bytes()])
    }

    fn hashed(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        let hash = hash.finalize();
        let half = hash.first_chunk::<16>().expect("a hash has 32 bytes");
        Self(u128::from_be_bytes(*half))
    }
}

/// An account that there is.
impl From<UserId> for Subject {
    fn from(id: UserId) -> Self {
        Self(id.0.as_u128())
    }
}

/// An account as somebody names it, by its e-mail address, whether there is one or not.
impl From<&str> for Subject {
    fn from(name: &str) -> Self {
        Self::hashed(&[name.trim().to_lowercase().as_bytes()])
    }
}

/// A client. One IPv6 client has a whole /64 to choose addresses from.
impl From<IpAddr> for Subject {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().into()),
            IpAddr::V6(address) => Self(u128::from(address) & NETWORK),
        }
    }
}

const NETWORK: u128 = Ipv6Addr::new(0xffff, 0xffff, 0xffff, 0xffff, 0, 0, 0, 0).to_bits();

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Subject {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn addresses_of_one_network_are_one_client_in_ipv6_only() {
        assert_eq!(of("2001:db8:0:7::1"), of("2001:db8:0:7:ffff::9"));
        assert_ne!(of("2001:db8:0:7::1"), of("2001:db8:0:8::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("192.0.2.1"), of("::"));
    }

    #[test]
    fn an_account_is_the_same_in_whatever_case_it_is_named() {
        assert_eq!(Subject::from("Ada@Example.com"), "ada@example.com".into());
        assert_ne!(Subject::from("ada@example.com"), "bob@example.com".into());
        let (ada, here) = (Subject::from("ada@example.com"), of("192.0.2.1"));
        assert_ne!(ada.and(here), here.and(ada));
    }
}
