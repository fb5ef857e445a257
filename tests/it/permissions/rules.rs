//! Who may do what: one line for each operation, in order.

use Rule::{Admin, Author, Credentials, Optional, Owner, Public, SignedIn};

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Everybody, without a word about who they are.
    Public,
    /// Everybody who shows something else than an access token: a password, say.
    Credentials,
    /// Everybody; whoever sends an access token, a valid one.
    Optional,
    /// Everybody with an account.
    SignedIn,
    /// Everybody with an account; somebody else's is not found.
    Owner,
    /// Everybody with an account; somebody else's, which all see, is forbidden.
    Author,
    /// Those at the door, and admins.
    #[expect(dead_code, reason = "nothing is for those at the door alone yet")]
    Staff,
    /// Admins.
    Admin,
}

/// Of each operation, by its id.
pub const RULES: &[(&str, Rule)] = &[
    ("add_seats", Admin),
    ("add_zone", Admin),
    ("block_seats", Admin),
    ("cancel_event", Admin),
    ("change_application_form", Admin),
    ("change_email", SignedIn),
    ("change_password", SignedIn),
    ("change_role", Admin),
    ("check_code", SignedIn),
    ("confirm_email", Public),
    ("confirm_reservation", Owner),
    ("create_application", SignedIn),
    ("create_code", Admin),
    ("create_codes", Admin),
    ("create_event", Admin),
    ("create_inquiry", Optional),
    ("create_reservation", SignedIn),
    ("create_review", SignedIn),
    ("create_venue", Admin),
    ("decide_inquiry", Admin),
    ("delete_code", Admin),
    ("delete_event", Admin),
    ("delete_review", Author),
    ("delete_venue", Admin),
    ("disable_user", Admin),
    ("edit_code", Admin),
    ("edit_event", Admin),
    ("edit_me", SignedIn),
    ("edit_review", Author),
    ("edit_venue", Admin),
    ("edit_zone", Admin),
    ("enable_user", Admin),
    ("end_session", Owner),
    ("erase_user", Admin),
    ("extend_reservation", Owner),
    ("forgot_password", Public),
    ("get_any_application_form", Admin),
    ("get_application", Owner),
    ("get_application_form", Public),
    ("get_availability", Public),
    ("get_code", Admin),
    ("get_event", Public),
    ("get_event_as_admin", Admin),
    ("get_inquiry", Admin),
    ("get_layout", Public),
    ("get_my_inquiry", Owner),
    ("get_plan", Public),
    ("get_received_application", Admin),
    ("get_reservation", Owner),
    ("get_review", Optional),
    ("get_seats", Public),
    ("get_ticket", Public),
    ("get_user", Admin),
    ("get_venue", Public),
    ("grant_applications", Admin),
    ("list_all_reviews", Admin),
    ("list_applications", Admin),
    ("list_blocked_seats", Admin),
    ("list_codes", Admin),
    ("list_events", Public),
    ("list_events_as_admin", Admin),
    ("list_inquiries", Admin),
    ("list_my_applications", SignedIn),
    ("list_my_inquiries", SignedIn),
    ("list_my_reviews", SignedIn),
    ("list_reservations", SignedIn),
    ("list_reviews", Public),
    ("list_sessions", SignedIn),
    ("list_users", Admin),
    ("list_venues", Public),
    ("list_zone_seats", Admin),
    ("live", Public),
    ("login", Credentials),
    ("logout", SignedIn),
    ("logout_everywhere", SignedIn),
    ("me", SignedIn),
    ("publish_event", Admin),
    ("ready", Public),
    ("refresh", Credentials),
    ("register", Public),
    ("reject_applications", Admin),
    ("release_reservation", Owner),
    ("release_ticket", Owner),
    ("remove_layout", Admin),
    ("remove_seats", Admin),
    ("remove_zone", Admin),
    ("replace_layout", Admin),
    ("reserve_ticket", SignedIn),
    ("reset_password", Public),
    ("restore_seats", Admin),
    ("send_test_mail", Admin),
    ("set_capacity", Admin),
    ("unblock_seats", Admin),
    ("withdraw_application", Owner),
];

/// # Panics
/// Where there is none.
pub fn rule_of(id: &str) -> Rule {
    let found = RULES.iter().find(|(name, _)| *name == id);
    found.unwrap_or_else(|| panic!("{id} has no rule")).1
}

impl Rule {
    /// Whether it lets this role through: `nobody`, `customer`, `staff` or `admin`.
    pub fn allows(self, role: &str) -> bool {
        match self {
            Self::Public | Self::Credentials | Self::Optional => true,
            Self::SignedIn | Self::Owner | Self::Author => role != "nobody",
            Self::Staff => ["staff", "admin"].contains(&role),
            Self::Admin => role == "admin",
        }
    }

    /// The security schemes by which the document tells it.
    pub fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::Public | Self::Credentials => &[],
            Self::Optional | Self::SignedIn | Self::Owner | Self::Author => &["access_token"],
            Self::Staff => &["staff_access_token"],
            Self::Admin => &["admin_access_token"],
        }
    }
}
