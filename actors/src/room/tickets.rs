//! Tickets: one-time keys for the WebSocket upgrade. They are in the state, so they outlive a panic and the process.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{BreakoutRoomId, ParticipantId, Timestamp, TokenHash},
    protocol::{
        limits::{TICKET_SECS, TOKENS_PER_PARTICIPANT_MAX},
        meeting::Caller,
    },
};

/// What a `start` grants: the right to a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub participant: ParticipantId,
    /// The resumption token that goes out with the ticket.
    pub token: TokenHash,
    /// The breakout room to go to; the main room when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakout_room: Option<BreakoutRoomId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Given {
    #[serde(alias = "claim")]
    grant: Grant,
    /// Who asked for it; an earlier version did not write it here.
    #[serde(default)]
    caller: Option<Caller>,
    until: Timestamp,
}

/// The tickets of a room that no socket took, by hash: looking one up tells nothing by its time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tickets {
    given: BTreeMap<TokenHash, Given>,
    /// Oldest first, also those that are gone.
    order: VecDeque<(Timestamp, TokenHash)>,
    /// Tickets of each participant, oldest first.
    of_participant: BTreeMap<ParticipantId, VecDeque<TokenHash>>,
}

impl Tickets {
    pub fn add(&mut self, ticket: TokenHash, grant: Grant, caller: Caller, now: Timestamp) {
        self.expire(now);
        let until = now.plus_secs(TICKET_SECS);
        let caller = Some(caller);
        self.given.insert(ticket, Given { grant, caller, until });
        self.order.push_back((until, ticket));
        // Whoever comes back may ask often: its oldest ticket is void then, as its token is.
        let own = self.of_participant.entry(grant.participant).or_default();
        own.push_back(ticket);
        if own.len() > TOKENS_PER_PARTICIPANT_MAX
            && let Some(oldest) = own.pop_front()
        {
            self.given.remove(&oldest);
        }
    }

    /// What a ticket is good for, if it still is, and who asked for it.
    #[must_use]
    pub fn get(&self, ticket: TokenHash, now: Timestamp) -> Option<(Grant, Option<Caller>)> {
        let given = self.given.get(&ticket)?;
        (given.until > now).then_some((given.grant, given.caller))
    }

    /// A socket takes the ticket, once. One that has just expired on its way counts.
    pub fn take(&mut self, ticket: TokenHash) -> bool {
        let Some(given) = self.given.remove(&ticket) else {
            return false;
        };
        self.forget(given.grant.participant, ticket);
        true
    }

    /// What expired a while ago goes: nobody is on its way with it any more.
    fn expire(&mut self, now: Timestamp) {
        let is_old = |(until, _): &mut (Timestamp, TokenHash)| until.plus_secs(TICKET_SECS) <= now;
        while let Some((_, ticket)) = self.order.pop_front_if(is_old) {
            self.take(ticket);
        }
    }

    fn forget(&mut self, participant: ParticipantId, ticket: TokenHash) {
        if let Some(own) = self.of_participant.get_mut(&participant) {
            own.retain(|other| *other != ticket);
            if own.is_empty() {
                self.of_participant.remove(&participant);
            }
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.given.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn grant() -> Grant {
        Grant {
            participant: ParticipantId(Uuid::nil()),
            token: TokenHash::of("t"),
            breakout_room: None,
        }
    }

    fn ticket(number: usize) -> TokenHash {
        TokenHash::of(&number.to_string())
    }

    #[test]
    fn tickets_of_one_participant_are_bounded() {
        let start = Timestamp::from_micros(0);
        let mut tickets = Tickets::default();
        for number in 0..100 {
            tickets.add(ticket(number), grant(), Caller::Sip, start);
        }
        assert_eq!(tickets.len(), TOKENS_PER_PARTICIPANT_MAX);
        assert_eq!(tickets.get(ticket(94), start), None);
        assert_eq!(tickets.get(ticket(99), start), Some((grant(), Some(Caller::Sip))));
        tickets.expire(start.plus_secs(2 * TICKET_SECS));
        assert_eq!(tickets, Tickets::default());
    }

    #[test]
    fn a_ticket_is_taken_once_and_found_in_time() {
        let start = Timestamp::from_micros(0);
        let mut tickets = Tickets::default();
        tickets.add(ticket(1), grant(), Caller::Sip, start);
        let late = start.plus_secs(TICKET_SECS);
        assert_eq!(tickets.get(ticket(1), start), Some((grant(), Some(Caller::Sip))));
        assert_eq!(tickets.get(ticket(1), late), None);
        assert!(tickets.take(ticket(1)), "it was on its way");
        assert!(!tickets.take(ticket(1)));
        assert_eq!(tickets.get(ticket(1), start), None);
    }
}
