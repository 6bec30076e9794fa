//! Who may take a seat: participant ids, their resumption tokens, and the sessions that hold them now.
//! Outlives the meeting by the lifetime of the tokens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ParticipantId, SessionNo, Space, TokenHash},
    protocol::{
        limits::TOKENS_PER_PARTICIPANT_MAX,
        meeting::{Caller, Identity},
    },
};

/// The owner of a participant id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    pub caller: Caller,
    pub identity: Identity,
    /// Good tokens: the one joined with first, then its successors.
    pub tokens: Vec<TokenHash>,
    #[serde(default)]
    pub seat: Option<Seat>,
    /// A moderator has let this participant in; holds as long as the tokens.
    #[serde(default)]
    pub accepted: bool,
    /// No session has taken the seat yet.
    #[serde(default)]
    pub fresh: bool,
}

/// An open WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    pub session: SessionNo,
    /// The token that came with the redeemed ticket.
    pub token: TokenHash,
    /// Whether `join` was accepted: inside or waiting.
    pub joined: bool,
    /// The room of the meeting that the ticket was asked for.
    #[serde(default)]
    pub space: Space,
    /// The number of the last event that the client has seen, if it asks to go on from there.
    #[serde(default)]
    pub resume_from: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Access {
    holders: BTreeMap<ParticipantId, Holder>,
    tokens: BTreeMap<TokenHash, ParticipantId>,
    sessions: BTreeMap<SessionNo, ParticipantId>,
    fresh: usize,
    /// The highest number of a session that ever took a seat.
    #[serde(default)]
    last_session: u64,
}

impl Access {
    /// The participant that a token speaks for, if it was given to this caller.
    #[must_use]
    pub fn resume(&self, token: TokenHash, caller: Caller) -> Option<ParticipantId> {
        let id = *self.tokens.get(&token)?;
        (self.holders.get(&id)?.caller == caller).then_some(id)
    }

    pub fn add(&mut self, id: ParticipantId, caller: Caller, identity: Identity) {
        let holder = Holder {
            caller,
            identity,
            tokens: Vec::new(),
            seat: None,
            accepted: false,
            fresh: true,
        };
        self.holders.insert(id, holder);
        self.fresh += 1;
    }

    /// Adds a successor token; of too many successors the oldest is void, but not that of an open socket.
    pub fn add_token(&mut self, id: ParticipantId, token: TokenHash) {
        if let Some(holder) = self.holders.get_mut(&id) {
            let in_use = holder.seat.map(|seat| seat.token);
            let oldest = (1..holder.tokens.len()).find(|index| Some(holder.tokens[*index]) != in_use);
            if let Some(oldest) = oldest.filter(|_| holder.tokens.len() == TOKENS_PER_PARTICIPANT_MAX) {
                self.tokens.remove(&holder.tokens.remove(oldest));
            }
            holder.tokens.push(token);
            self.tokens.insert(token, id);
        }
    }

    /// Takes the seat; the session that had it before is returned.
    pub fn sit(&mut self, id: ParticipantId, seat: Seat) -> Option<SessionNo> {
        let holder = self.holders.get_mut(&id)?;
        if std::mem::take(&mut holder.fresh) {
            self.fresh -= 1;
        }
        let old = holder.seat.replace(seat).map(|seat| seat.session);
        if let Some(old) = old {
            self.sessions.remove(&old);
        }
        self.sessions.insert(seat.session, id);
        self.last_session = self.last_session.max(seat.session.0);
        old
    }

    /// The session has joined: its token is now the only good one.
    pub fn joined(&mut self, id: ParticipantId) {
        let Some(holder) = self.holders.get_mut(&id) else {
            return;
        };
        let Some(seat) = &mut holder.seat else { return };
        seat.joined = true;
        let token = seat.token;
        // A token that was withdrawn meanwhile stays void.
        let (kept, old): (Vec<_>, Vec<_>) = holder.tokens.drain(..).partition(|good| *good == token);
        holder.tokens = kept;
        for old in old {
            self.tokens.remove(&old);
        }
    }

    /// The seat is free; its holder is returned if the session had it.
    pub fn stand_up(&mut self, session: SessionNo) -> Option<(ParticipantId, Seat)> {
        let id = self.sessions.remove(&session)?;
        let seat = self.holders.get_mut(&id)?.seat.take()?;
        Some((id, seat))
    }

    /// Forgets a participant id and its tokens.
    pub fn forget(&mut self, id: ParticipantId) -> Option<Holder> {
        let holder = self.holders.remove(&id)?;
        for token in &holder.tokens {
            self.tokens.remove(token);
        }
        if let Some(seat) = holder.seat {
            self.sessions.remove(&seat.session);
        }
        if holder.fresh {
            self.fresh -= 1;
        }
        Some(holder)
    }

    /// Voids all tokens of a caller; seats stay. Returns the ids that nobody can claim any more.
    pub fn withdraw(&mut self, caller: Caller) -> Vec<ParticipantId> {
        let mut unclaimed = Vec::new();
        for (id, holder) in self
            .holders
            .iter_mut()
            .filter(|(_, holder)| holder.caller == caller)
        {
            for token in holder.tokens.drain(..) {
                self.tokens.remove(&token);
            }
            if holder.seat.is_none() {
                unclaimed.push(*id);
            }
        }
        unclaimed
    }

    /// All participant ids of a caller.
    #[must_use]
    pub fn of_caller(&self, caller: Caller) -> Vec<ParticipantId> {
        let holders = self.holders.iter();
        let own = holders.filter(|(_, holder)| holder.caller == caller);
        own.map(|(id, _)| *id).collect()
    }

    /// The participant of a session and whether it has joined.
    #[must_use]
    pub fn of_session(&self, session: SessionNo) -> Option<(ParticipantId, Seat)> {
        let id = *self.sessions.get(&session)?;
        Some((id, self.holders.get(&id)?.seat?))
    }

    #[must_use]
    pub fn get(&self, id: ParticipantId) -> Option<&Holder> {
        self.holders.get(&id)
    }

    pub fn set_accepted(&mut self, id: ParticipantId, accepted: bool) {
        if let Some(holder) = self.holders.get_mut(&id) {
            holder.accepted = accepted;
        }
    }

    /// Nobody is accepted in the next meeting because of this one.
    pub fn forget_acceptances(&mut self) {
        for holder in self.holders.values_mut() {
            holder.accepted = false;
        }
    }

    pub fn sessions(&self) -> impl Iterator<Item = (SessionNo, ParticipantId)> {
        self.sessions.iter().map(|(session, id)| (*session, *id))
    }

    pub fn iter(&self) -> impl Iterator<Item = (ParticipantId, &Holder)> {
        self.holders.iter().map(|(id, holder)| (*id, holder))
    }

    /// The highest number of a session that ever took a seat.
    #[must_use]
    pub fn last_session(&self) -> SessionNo {
        SessionNo(self.last_session)
    }

    /// Participant ids whose first ticket nobody redeemed yet.
    #[must_use]
    pub fn fresh(&self) -> usize {
        self.fresh
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let tokens: usize = self.holders.values().map(|holder| holder.tokens.len()).sum();
        let seats = self
            .holders
            .values()
            .filter(|holder| holder.seat.is_some())
            .count();
        let fresh = self.holders.values().filter(|holder| holder.fresh).count();
        if tokens != self.tokens.len() || seats != self.sessions.len() || fresh != self.fresh {
            return Err(format!(
                "access counts differ: {tokens}/{} tokens, {seats}/{} seats, {fresh}/{} fresh",
                self.tokens.len(),
                self.sessions.len(),
                self.fresh
            ));
        }
        Ok(())
    }
}
