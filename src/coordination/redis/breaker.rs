//! When a lock node counts as gone: a rule over what its pings brought, without clocks or I/O.
//!
//! ```text
//!                       refused, failed, no answer for the ping's whole time limit,
//!                       or a majority already answered a later ping
//!   Unknown ──answer──> Closed ─────────────────────────────────────────────> Open
//!      └──anything else──────────────────────────────────────────────────────> │
//!                         ^──────────── three answers in a row ────────────────┘
//! ```
//!
//! Silence is measured against the other nodes and not against a clock. An instance that stalls
//! hears nothing from any node; it would take all of them for dead. A majority that has meanwhile
//! answered a later ping shows that this instance does listen.

/// Answers in a row that a lost node must give before its vote counts again, so that it does not
/// come and go with every ping.
const ANSWERS_TO_CLOSE: u8 = 3;

/// What a ping brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Answer,
    /// The node, or its host, said no: commands sent to it end by themselves.
    Refusal,
    /// Nothing within the time limit of a ping: commands sent to it hang.
    Silence,
}

/// The breakers of all nodes as of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Per node: its breaker is closed, it may be asked.
    pub closed: Vec<bool>,
    /// How often a node fell silent. When this grows, commands in flight are hanging.
    pub silences: u64,
    /// Every node has answered or failed once.
    pub settled: bool,
}

impl Verdict {
    pub fn has_quorum(&self) -> bool {
        self.closed.iter().filter(|closed| **closed).count() >= quorum(self.closed.len())
    }
}

/// The votes that a majority of `nodes` needs.
pub(super) fn quorum(nodes: usize) -> usize {
    nodes / 2 + 1
}

#[derive(Debug)]
pub(super) struct Breakers {
    nodes: Vec<Node>,
    round: u64,
    silences: u64,
}

#[derive(Debug, Clone)]
struct Node {
    state: State,
    /// The round whose ping is on its way.
    awaited: Option<u64>,
    /// The latest round that was answered; 0 is none.
    answered: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    Closed,
    Open { answers: u8 },
}

impl Breakers {
    pub fn new(nodes: usize) -> Self {
        let node = Node {
            state: State::Unknown,
            awaited: None,
            answered: 0,
        };
        Self {
            nodes: vec![node; nodes],
            round: 0,
            silences: 0,
        }
    }

    /// Judges the rounds so far, begins the next one and returns the nodes to ping: those that owe
    /// no answer.
    pub fn next_round(&mut self) -> Vec<usize> {
        self.open_silent_nodes();
        self.round += 1;
        let mut to_ping = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if node.awaited.is_none() {
                node.awaited = Some(self.round);
                to_ping.push(index);
            }
        }
        to_ping
    }

    /// Notes how the ping of `node` that is on its way ended.
    pub fn hear(&mut self, node: usize, heard: Heard) {
        let node = &mut self.nodes[node];
        let pinged = node.awaited.take();
        let was = node.state;
        node.state = match (heard, was) {
            (Heard::Answer, State::Unknown | State::Closed) => State::Closed,
            (Heard::Answer, State::Open { answers }) if answers + 1 >= ANSWERS_TO_CLOSE => {
                State::Closed
            }
            (Heard::Answer, State::Open { answers }) => State::Open {
                answers: answers + 1,
            },
            (Heard::Refusal | Heard::Silence, _) => State::Open { answers: 0 },
        };
        match heard {
            Heard::Answer => node.answered = pinged.unwrap_or(node.answered),
            Heard::Silence if was == State::Closed => self.silences += 1,
            Heard::Refusal | Heard::Silence => {}
        }
    }

    pub fn verdict(&self) -> Verdict {
        Verdict {
            closed: self
                .nodes
                .iter()
                .map(|node| node.state == State::Closed)
                .collect(),
            silences: self.silences,
            settled: self.nodes.iter().all(|node| node.state != State::Unknown),
        }
    }

    fn open_silent_nodes(&mut self) {
        let silent: Vec<usize> = (0..self.nodes.len())
            .filter(|node| self.is_silent(*node))
            .collect();
        for node in silent {
            self.nodes[node].state = State::Open { answers: 0 };
            self.silences += 1;
        }
    }

    /// True when a majority has answered a ping that was sent later than the one this node still
    /// owes an answer to.
    fn is_silent(&self, node: usize) -> bool {
        let node = &self.nodes[node];
        let Some(awaited) = node.awaited else {
            return false;
        };
        let ahead = self
            .nodes
            .iter()
            .filter(|other| other.answered > awaited)
            .count();
        node.state == State::Closed && ahead >= quorum(self.nodes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Breakers of nodes that have all answered their first ping.
    fn healthy(nodes: usize) -> Breakers {
        let mut breakers = Breakers::new(nodes);
        round(&mut breakers, &vec![Some(Heard::Answer); nodes]);
        breakers
    }

    /// One round in which every node that was pinged brings what is given for it; `None` leaves the
    /// ping on its way.
    fn round(breakers: &mut Breakers, heard: &[Option<Heard>]) {
        for node in breakers.next_round() {
            if let Some(heard) = heard[node] {
                breakers.hear(node, heard);
            }
        }
    }

    const ANSWER: Option<Heard> = Some(Heard::Answer);
    const REFUSAL: Option<Heard> = Some(Heard::Refusal);
    const NOTHING: Option<Heard> = None;

    #[test]
    fn nothing_is_settled_or_usable_before_the_first_answers() {
        let mut breakers = Breakers::new(3);
        round(&mut breakers, &[ANSWER, ANSWER, NOTHING]);
        let verdict = breakers.verdict();
        assert_eq!(verdict.closed, [true, true, false]);
        assert!(verdict.has_quorum());
        assert!(!verdict.settled);
        assert_eq!(verdict.silences, 0);
        breakers.hear(2, Heard::Silence);
        assert!(breakers.verdict().settled);
        assert_eq!(
            breakers.verdict().silences,
            0,
            "nothing was sent to a node that was never usable"
        );
    }

    #[test]
    fn a_silent_node_opens_once_a_majority_has_answered_a_later_round() {
        let mut breakers = healthy(3);
        round(&mut breakers, &[ANSWER, ANSWER, NOTHING]);
        round(&mut breakers, &[ANSWER, ANSWER, NOTHING]);
        assert_eq!(
            breakers.verdict().closed,
            [true, true, true],
            "judged only when the next round begins"
        );
        round(&mut breakers, &[ANSWER, ANSWER, NOTHING]);
        assert_eq!(breakers.verdict().closed, [true, true, false]);
        assert_eq!(breakers.verdict().silences, 1);
        assert!(breakers.verdict().has_quorum());
    }

    #[test]
    fn an_answer_that_comes_late_but_before_judgement_keeps_the_breaker_closed() {
        let mut breakers = healthy(3);
        round(&mut breakers, &[ANSWER, ANSWER, NOTHING]);
        round(&mut breakers, &[ANSWER, ANSWER, NOTHING]);
        breakers.hear(2, Heard::Answer);
        round(&mut breakers, &[ANSWER, ANSWER, ANSWER]);
        assert_eq!(breakers.verdict().closed, [true, true, true]);
        assert_eq!(breakers.verdict().silences, 0);
    }

    #[test]
    fn a_stalled_instance_does_not_take_its_nodes_for_dead() {
        let mut breakers = healthy(3);
        for _ in 0..100 {
            round(&mut breakers, &[NOTHING, NOTHING, NOTHING]);
        }
        assert_eq!(breakers.verdict().closed, [true, true, true]);
        // It wakes up and the answers to the old pings arrive one by one, with rounds in between.
        for node in 0..3 {
            breakers.hear(node, Heard::Answer);
            breakers.next_round();
        }
        assert_eq!(breakers.verdict().closed, [true, true, true]);
        assert_eq!(breakers.verdict().silences, 0);
    }

    #[test]
    fn a_silent_majority_is_not_judged_by_the_minority() {
        let mut breakers = healthy(3);
        for _ in 0..10 {
            round(&mut breakers, &[ANSWER, NOTHING, NOTHING]);
        }
        assert_eq!(breakers.verdict().closed, [true, true, true]);
        breakers.hear(1, Heard::Silence);
        breakers.hear(2, Heard::Silence);
        assert_eq!(breakers.verdict().closed, [true, false, false]);
        assert_eq!(breakers.verdict().silences, 2);
        assert!(!breakers.verdict().has_quorum());
    }

    #[test]
    fn a_lost_node_does_not_vote_on_the_silence_of_another() {
        let mut breakers = healthy(3);
        round(&mut breakers, &[REFUSAL, ANSWER, ANSWER]);
        for _ in 0..10 {
            round(&mut breakers, &[REFUSAL, ANSWER, NOTHING]);
        }
        assert_eq!(breakers.verdict().closed, [false, true, true]);
    }

    #[test]
    fn two_of_five_may_fall_silent_together() {
        let mut breakers = healthy(5);
        for _ in 0..3 {
            round(&mut breakers, &[NOTHING, ANSWER, NOTHING, ANSWER, ANSWER]);
        }
        assert_eq!(breakers.verdict().closed, [false, true, false, true, true]);
        assert!(breakers.verdict().has_quorum());
    }

    #[test]
    fn a_refusal_opens_at_once_and_is_no_silence() {
        let mut breakers = healthy(3);
        round(&mut breakers, &[ANSWER, REFUSAL, ANSWER]);
        assert_eq!(breakers.verdict().closed, [true, false, true]);
        assert_eq!(breakers.verdict().silences, 0);
    }

    #[test]
    fn a_single_node_opens_only_by_its_own_ping() {
        let mut breakers = healthy(1);
        for _ in 0..10 {
            round(&mut breakers, &[NOTHING]);
        }
        assert_eq!(breakers.verdict().closed, [true]);
        breakers.hear(0, Heard::Silence);
        assert!(!breakers.verdict().has_quorum());
    }

    #[test]
    fn a_lost_node_returns_after_three_answers_in_a_row() {
        let mut breakers = healthy(3);
        for heard in [REFUSAL, ANSWER, ANSWER, REFUSAL, ANSWER, ANSWER] {
            round(&mut breakers, &[ANSWER, ANSWER, heard]);
            assert_eq!(breakers.verdict().closed, [true, true, false]);
        }
        round(&mut breakers, &[ANSWER, ANSWER, ANSWER]);
        assert_eq!(breakers.verdict().closed, [true, true, true]);
    }

    #[test]
    fn a_majority_is_more_than_half() {
        assert_eq!([1, 2, 3, 4, 5].map(quorum), [1, 2, 2, 3, 3]);
    }
}
