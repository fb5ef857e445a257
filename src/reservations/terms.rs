//! The terms of a hold: whether its tickets can be had now, and for how much, with a code or without.

use super::batch::{Seen, SeenCode, SeenTicket};
use super::hold::HoldError;
use super::propose::Proposed;
use crate::codes::{CodeText, NotValid, rules, store};
use crate::entity::code;
use crate::ids::EventId;
use crate::state::App;

/// What tickets may be held for.
pub struct Terms<'a> {
    code: Option<&'a code::Model>,
}

/// What a ticket costs, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// What is to be paid.
    pub amount: i64,
    /// What a code has taken off.
    pub discount: i64,
}

/// Refuses, before anything is locked for it, a code that does not stand up to a look.
pub async fn look_at_code(app: &App, event: EventId, text: &CodeText) -> Result<(), HoldError> {
    let found = store::code_by_text(&app.db, event, text).await?;
    let (code, now) = found.ok_or(NotValid::Unknown)?;
    Ok(rules::check_time(&code, now)?)
}

impl<'a> Terms<'a> {
    /// The terms for these tickets, or why they cannot be had.
    pub fn of(
        code: Option<&(EventId, CodeText)>,
        seen: &'a Seen,
        tickets: &[(&Proposed, &SeenTicket)],
    ) -> Result<Self, HoldError> {
        let not_on_sale = HoldError::NotOnSale {
            sales_open_at: None,
        };
        if !tickets.iter().all(|(_, ticket)| ticket.is_for_sale) {
            return Err(not_on_sale);
        }
        let has_opened = tickets.iter().all(|(_, ticket)| ticket.has_opened);
        let code = code.map(|code| valid(seen.codes.get(code))).transpose()?;
        if !has_opened && !code.is_some_and(|code| code.opens_early) {
            return Err(not_on_sale);
        }
        if let Some(code) = code {
            let mut of_its_zone = tickets
                .iter()
                .map(|(_, seen)| rules::is_for(code, seen.zone));
            let is_of_use = if has_opened {
                of_its_zone.any(|is| is)
            } else {
                // For tickets of another zone the sale has not opened.
                of_its_zone.all(|is| is)
            };
            if !is_of_use {
                return Err(NotValid::OtherZone.into());
            }
        }
        Ok(Self { code })
    }

    /// What a ticket costs.
    pub fn price(&self, ticket: &SeenTicket) -> Price {
        let discount = |code| rules::discount(code, ticket.zone, ticket.price_amount);
        let discount = self.code.map_or(0, discount);
        Price {
            amount: ticket.price_amount - discount,
            discount,
        }
    }

    /// The code that it is had with.
    pub fn code(&self) -> Option<&code::Model> {
        self.code
    }
}

fn valid(found: Option<&SeenCode>) -> Result<&code::Model, NotValid> {
    let SeenCode { code, uses, now } = found.ok_or(NotValid::Unknown)?;
    rules::check_time(code, *now)?;
    rules::check_uses(code, *uses)?;
    Ok(code)
}
