//! Identifiers as types of their own, so that a zone's id cannot be passed as a ticket's.
//!
//! Venues, events, zones and tickets are public and have plain 64-bit numbers. Whatever grants
//! something (a reservation, a user) has a random UUID (version 4, 122 random bits), which
//! nobody can guess.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

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
    /// A person with an account.
    UserId(Uuid)
);
id!(
    /// A buyer's set of tickets of one event.
    ReservationId(Uuid)
);
id!(
    /// One attempt to pay for a reservation; the provider's idempotency key.
    PaymentId(Uuid)
);

impl ReservationId {
    /// A fresh, unguessable id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl PaymentId {
    /// A fresh, unguessable id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl UserId {
    /// A fresh, unguessable id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}
