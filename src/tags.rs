//! The chapters of the OpenAPI document.

/// The chapters of the OpenAPI document.
#[derive(poem_openapi::Tags)]
pub enum Tags {
    /// People: register, log in, one's own account, and everybody's for admins.
    Identity,
    /// Venues, events, zones and tickets.
    Catalogue,
    /// Codes that open a sale early or take something off the price.
    Codes,
    /// Hold tickets, pay for them, give them up.
    Reservations,
    /// What people who were there say.
    Reviews,
    /// Organisers who want to sell here.
    Inquiries,
    /// Free tickets that one applies for.
    Applications,
    /// Probes for operators.
    Operations,
}
