//! The chapters of the OpenAPI document.

/// The chapters of the OpenAPI document.
#[derive(poem_openapi::Tags)]
pub enum Tags {
    /// People: register, log in.
    Identity,
    /// Venues, events, zones and tickets.
    Catalogue,
    /// Hold tickets, pay for them, give them up.
    Reservations,
    /// Probes for operators.
    Operations,
}
