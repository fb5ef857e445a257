//! Identifiers as types of their own, so that a zone's id cannot be passed as a ticket's.
//!
//! Venues, events, zones and tickets are public and have plain 64-bit numbers. Whatever grants
//! something has a UUID that nobody can guess: of a user all random (version 4), of a reservation,
//! an application, a payment or a session the time and then 74 random bits (version 7, RFC 9562), so
//! that what is made together is stored together. Random keys would have each sale write to pages of
//! its own.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::{NoContext, Timestamp, Uuid};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A venue.
    VenueId(i64)
);
id!(
    /// An event.
    EventId(i64)
);
id!(
    /// A zone of an event.
    ZoneId(i64)
);
id!(
    /// A ticket: one seat, or one place in a standing zone.
    TicketId(i64)
);
id!(
    /// A code of an event.
    CodeId(i64)
);
id!(
    /// A person with an account.
    UserId(Uuid)
);
id!(
    /// Somebody who has signed in, on one device.
    SessionId(Uuid)
);
id!(
    /// A buyer's set of tickets of one event.
    ReservationId(Uuid)
);
id!(
    /// An application for free tickets.
    ApplicationId(Uuid)
);
id!(
    /// One attempt to pay for a reservation; the provider's idempotency key.
    PaymentId(Uuid)
);
id!(
    /// What somebody says about an event.
    ReviewId(i64)
);
id!(
    /// An inquiry of an organiser who wants to sell here.
    InquiryId(Uuid)
);

impl ReservationId {
    /// A fresh, unguessable id.
    pub fn random() -> Self {
        Self(random_after_time())
    }
}

impl SessionId {
    /// A fresh, unguessable id.
    pub fn random() -> Self {
        Self(random_after_time())
    }
}

impl ApplicationId {
    /// A fresh, unguessable id.
    pub fn random() -> Self {
        Self(random_after_time())
    }
}

impl PaymentId {
    /// A fresh, unguessable id.
    pub fn random() -> Self {
        Self(random_after_time())
    }
}

impl InquiryId {
    /// A fresh, unguessable id.
    pub fn random() -> Self {
        Self(random_after_time())
    }
}

/// Without the library's counter, which would take random bits away from ids of one millisecond.
fn random_after_time() -> Uuid {
    Uuid::new_v7(Timestamp::now(NoContext))
}

impl UserId {
    /// A fresh, unguessable id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_moment_share_its_time_and_nothing_else() {
        let ids: Vec<_> = (0..1000)
            .map(|_| ReservationId::random().0.as_u128())
            .collect();
        let mut random: Vec<_> = ids
            .iter()
            .map(|id| id & 0xfff_3fff_ffff_ffff_ffff)
            .collect();
        random.sort_unstable();
        let gaps = random.windows(2).map(|pair| pair[1] - pair[0]);
        // A counter would make them neighbours.
        assert!(gaps.min().unwrap() > 1 << 32);
    }
}
