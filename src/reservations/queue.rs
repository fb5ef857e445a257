//! A change that waits for the committer, whatever it is.

use chrono::{DateTime, Utc};
use std::time::Instant;
use tokio::sync::oneshot;

use super::batch::{Failure, Needs, Seen, SeenTicket, Writes};
use super::commit::Change;
use crate::coordination::{Claim, Marks};
use crate::ids::TicketId;
use crate::telemetry::{record_commit, record_lock_wait};

/// A change in the queue.
pub trait Queued: Send + Sync {
    fn needs(&self) -> &Needs;
    /// What it has marked, to be claimed.
    fn take_marks(&mut self) -> Option<Marks>;
    /// Keeps its locks until it is answered; none where it goes without.
    fn permit(&mut self, claim: Option<Claim>);
    /// The tickets that it needs, as this instance knows them.
    fn foresee(&self, now: DateTime<Utc>) -> Option<Vec<(TicketId, SeenTicket)>>;
    /// Gives what is to be written: nothing where the change is refused.
    fn decide(&mut self, seen: &Seen) -> Writes;
    /// It was not made durable.
    fn fail(&mut self, failure: Failure);
    /// Tells who waits for it, and gives its locks back.
    fn answer(self: Box<Self>);
}

/// What waits, and for whom.
pub struct Entry<C: Change> {
    change: C,
    needs: Needs,
    queued_at: Instant,
    marks: Option<Marks>,
    claim: Option<Claim>,
    outcome: Option<Result<C::Done, C::Refused>>,
    reply: oneshot::Sender<Result<C::Done, C::Refused>>,
}

impl<C: Change> Entry<C> {
    /// A change that needs this and has marked its tickets; what comes of it is sent to `reply`.
    pub fn new(
        change: C,
        needs: Needs,
        marks: Option<Marks>,
        reply: oneshot::Sender<Result<C::Done, C::Refused>>,
    ) -> Self {
        Self {
            change,
            needs,
            queued_at: Instant::now(),
            marks,
            claim: None,
            outcome: None,
            reply,
        }
    }
}

impl<C: Change> Queued for Entry<C> {
    fn needs(&self) -> &Needs {
        &self.needs
    }

    fn take_marks(&mut self) -> Option<Marks> {
        self.marks.take()
    }

    fn permit(&mut self, claim: Option<Claim>) {
        record_lock_wait(self.queued_at.elapsed());
        self.claim = claim;
    }

    fn foresee(&self, now: DateTime<Utc>) -> Option<Vec<(TicketId, SeenTicket)>> {
        self.change.foresee(now)
    }

    fn decide(&mut self, seen: &Seen) -> Writes {
        let (outcome, writes) = match self.change.decide(seen) {
            Ok((done, writes)) => (Ok(done), writes),
            Err(refused) => (Err(refused), Writes::default()),
        };
        self.outcome = Some(outcome);
        writes
    }

    fn fail(&mut self, failure: Failure) {
        self.outcome = Some(Err(failure.into()));
    }

    fn answer(mut self: Box<Self>) {
        record_commit(C::OPERATION, self.queued_at.elapsed());
        if let (Some(Ok(_)), Some(claim)) = (&self.outcome, &mut self.claim) {
            claim.take_your_time();
        }
        if let Some(outcome) = self.outcome {
            // Whoever asked may be gone.
            let _ = self.reply.send(outcome);
        }
    }
}
