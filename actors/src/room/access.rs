//! Who may take a seat: participant ids, their resumption tokens, and the sessions that hold them now.
//! Outlives the meeting by the lifetime of the tokens.

mod away;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{input::SeatTaken, tickets::Tickets, unredeemed::Unredeemed};
use crate::{
    ids::{OriginHash, ParticipantId, SessionNo, Space, Timestamp, TokenHash, UserId},
    protocol::{
        limits::{RESUMPTION_SECS, TICKET_SECS, TOKENS_PER_PARTICIPANT_MAX, VOID_TOKENS_MAX},
        meeting::{Caller, Identity},
    },
};

/// Where a request or a socket comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The client's network: an IPv4 address or the /56 of an IPv6 address.
    pub network: OriginHash,
    /// Whether limits by network hold for it; they do not for the machine itself while it is developed on.
    pub counted: bool,
}

/// The owner of a participant id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub struct Holder {
    pub caller: Caller,
    /// The user whom a guest has said to be, by an access token beside the invite.
    #[serde(default)]
    pub signed_in: Option<UserId>,
    pub identity: Identity,
    /// Good tokens: the one joined with first, then its successors.
    pub tokens: Vec<TokenHash>,
    /// The session that takes part: inside or waiting.
    #[serde(default)]
    pub seat: Option<Seat>,
    /// Sockets whose `join` has not succeeded yet, oldest first: the first that joins takes the seat.
    #[serde(default)]
    pub pending: Vec<Seat>,
    /// Sockets that stood when a life of the room ended, and may go on in this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub away: Vec<Seat>,
    /// A moderator has let this participant in; holds as long as the tokens.
    #[serde(default)]
    pub accepted: bool,
    /// Must wait until a moderator accepts, whatever the waiting room's flag says.
    #[serde(default)]
    pub must_wait: bool,
    /// Its client may still show a meeting that is over, or one that it was sent out of: it came with a token of then.
    #[serde(default)]
    pub shows_past: bool,
    /// No socket has come for the id yet; counted under this origin.
    #[serde(default)]
    pub unredeemed: bool,
    #[serde(default)]
    pub origin: Option<Origin>,
    /// The end of the last ticket that was given out.
    #[serde(default = "long_ago")]
    pub ticket_until: Timestamp,
    /// Since when no session takes part, as far as one ever did or might have: tokens are good for a while from then on, however
    /// many others were asked for since.
    #[serde(default)]
    pub left_at: Option<Timestamp>,
}

const fn long_ago() -> Timestamp {
    Timestamp::from_micros(0)
}

impl Holder {
    /// The user who is behind it, as far as that is known.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.caller.user(self.signed_in)
    }

    /// Whether an open socket stands for the id.
    #[must_use]
    pub fn has_socket(&self) -> bool {
        self.seat.is_some() || !self.pending.is_empty()
    }

    /// Whether a ticket for a new socket is under way.
    #[must_use]
    pub fn has_fresh_ticket(&self, now: Timestamp) -> bool {
        !self.tokens.is_empty() && self.ticket_until > now
    }

    /// All open sockets of the id.
    pub fn sockets(&self) -> impl Iterator<Item = Seat> {
        self.seat.iter().chain(&self.pending).copied()
    }
}

/// An open WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    pub session: SessionNo,
    /// The token that came with the redeemed ticket.
    pub token: TokenHash,
    /// Whether `join` was accepted: inside or waiting.
    pub joined: bool,
    /// Whether the client has sent `join`, and expects to be told why it is sent away.
    #[serde(default)]
    pub asked: bool,
    /// The room of the meeting that the ticket was asked for.
    #[serde(default)]
    pub space: Space,
    /// The number of the last event that the client has seen, if it asks to go on from there.
    #[serde(default)]
    pub resume_from: Option<u64>,
    /// Where the socket comes from.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// The number of the last command that was handled.
    #[serde(default)]
    pub handled: u64,
}

impl From<SeatTaken> for Seat {
    fn from(taken: SeatTaken) -> Self {
        Self {
            session: taken.session,
            token: taken.grant.token,
            joined: false,
            asked: false,
            space: Space(taken.grant.breakout_room),
            resume_from: taken.resume_from,
            origin: taken.origin,
            handled: 0,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Access {
    holders: BTreeMap<ParticipantId, Holder>,
    tokens: BTreeMap<TokenHash, ParticipantId>,
    sessions: BTreeMap<SessionNo, ParticipantId>,
    #[serde(default)]
    unredeemed: Unredeemed,
    /// Tokens that a removal made void, and until when whoever presents one must wait.
    #[serde(default)]
    void: BTreeMap<TokenHash, Timestamp>,
    #[serde(default)]
    pub(super) tickets: Tickets,
}

impl Access {
    /// The participant that a token speaks for: it was given to this caller, or to a guest who signed in since.
    #[must_use]
    pub fn resume(&self, token: TokenHash, caller: Caller) -> Option<ParticipantId> {
        let id = *self.tokens.get(&token)?;
        let owner = self.holders.get(&id)?.caller;
        let as_guest = matches!((caller, owner), (Caller::User(_), Caller::Guest(_)));
        (owner == caller || as_guest).then_some(id)
    }

    /// Makes a holder. Of too many that no socket came for, the oldest of the same user or network is forgotten, and
    /// returned.
    pub fn add(
        &mut self,
        id: ParticipantId,
        caller: Caller,
        identity: Identity,
        origin: Option<Origin>,
    ) -> Option<ParticipantId> {
        let holder = Holder {
            caller,
            signed_in: None,
            identity,
            tokens: Vec::new(),
            seat: None,
            pending: Vec::new(),
            away: Vec::new(),
            accepted: false,
            must_wait: false,
            shows_past: false,
            unredeemed: true,
            origin,
            ticket_until: long_ago(),
            left_at: None,
        };
        self.holders.insert(id, holder);
        self.unredeemed.add(id, caller, origin)
    }

    /// A guest says which user it is.
    pub fn set_signed_in(&mut self, id: ParticipantId, user: UserId) {
        if let Some(holder) = self.holders.get_mut(&id) {
            holder.signed_in = Some(user);
        }
    }

    /// Adds a successor token, which goes out with a ticket; of too many successors the oldest is void, but not that of an
    /// open socket.
    pub fn add_token(&mut self, id: ParticipantId, token: TokenHash, now: Timestamp) {
        if let Some(holder) = self.holders.get_mut(&id) {
            let in_use = |token: &TokenHash| holder.sockets().any(|seat| seat.token == *token);
            let oldest = (1..holder.tokens.len()).find(|index| !in_use(&holder.tokens[*index]));
            if let Some(oldest) = oldest.filter(|_| holder.tokens.len() >= TOKENS_PER_PARTICIPANT_MAX) {
                self.tokens.remove(&holder.tokens.remove(oldest));
            }
            holder.ticket_until = now.plus_secs(TICKET_SECS);
            holder.tokens.push(token);
            self.tokens.insert(token, id);
        }
    }

    /// No session takes part: until when the tokens are good.
    pub fn good_until(&mut self, id: ParticipantId, now: Timestamp) -> Timestamp {
        let holder = self.holders.get_mut(&id);
        let left_at = holder.map_or(now, |holder| *holder.left_at.get_or_insert(now));
        left_at.plus_secs(RESUMPTION_SECS)
    }

    /// A socket stands for the id and has yet to join. Of too many the oldest is returned: it must be closed.
    pub fn sit(&mut self, id: ParticipantId, seat: Seat) -> Option<SessionNo> {
        let holder = self.holders.get_mut(&id)?;
        if std::mem::take(&mut holder.unredeemed) {
            self.unredeemed.remove(id, holder.caller, holder.origin);
        }
        holder.pending.push(seat);
        self.sessions.insert(seat.session, id);
        if holder.pending.len() <= TOKENS_PER_PARTICIPANT_MAX {
            return None;
        }
        let oldest = holder.pending.remove(0).session;
        self.sessions.remove(&oldest);
        Some(oldest)
    }

    /// The client of a socket has sent `join`.
    pub fn asked(&mut self, id: ParticipantId, session: SessionNo) {
        let holder = self.holders.get_mut(&id);
        let pending = holder.into_iter().flat_map(|holder| &mut holder.pending);
        for seat in pending.filter(|seat| seat.session == session) {
            seat.asked = true;
        }
    }

    /// The session has joined and takes the seat: its token is now the only good one, and all other sockets of the id,
    /// which are returned, must be closed.
    pub fn joined(&mut self, id: ParticipantId, session: SessionNo) -> Vec<SessionNo> {
        let Some(holder) = self.holders.get_mut(&id) else {
            return Vec::new();
        };
        let Some(index) = holder.pending.iter().position(|seat| seat.session == session) else {
            return Vec::new();
        };
        let mut seat = holder.pending.remove(index);
        (seat.joined, seat.asked) = (true, true);
        let token = seat.token;
        let others: Vec<_> = holder.sockets().map(|seat| seat.session).collect();
        holder.pending.clear();
        holder.away.clear();
        holder.seat = Some(seat);
        holder.left_at = None;
        // A token that was withdrawn meanwhile stays void.
        let (kept, old): (Vec<_>, Vec<_>) = holder.tokens.drain(..).partition(|good| *good == token);
        holder.tokens = kept;
        // Its ticket has done its work, and those of the others are worth nothing any more.
        holder.ticket_until = long_ago();
        for old in old {
            self.tokens.remove(&old);
        }
        for other in &others {
            self.sessions.remove(other);
        }
        others
    }

    /// The socket is gone; its holder is returned.
    pub fn stand_up(&mut self, session: SessionNo) -> Option<(ParticipantId, Seat)> {
        let id = self.sessions.remove(&session)?;
        let holder = self.holders.get_mut(&id)?;
        if let Some(seat) = holder.seat.take_if(|seat| seat.session == session) {
            return Some((id, seat));
        }
        let index = holder.pending.iter().position(|seat| seat.session == session)?;
        Some((id, holder.pending.remove(index)))
    }

    /// A session sends a command: its participant and its socket. None where the session has ended, or the command was handled
    /// before.
    pub fn commanded(&mut self, session: SessionNo, number: u64) -> Option<(ParticipantId, Seat)> {
        let id = *self.sessions.get(&session)?;
        let holder = self.holders.get_mut(&id)?;
        let mut sockets = holder.seat.iter_mut().chain(&mut holder.pending);
        let seat = sockets.find(|seat| seat.session == session)?;
        if number != 0 && number <= seat.handled {
            return None;
        }
        seat.handled = number;
        Some((id, *seat))
    }

    /// Forgets a participant id and its tokens.
    pub fn forget(&mut self, id: ParticipantId) -> Option<Holder> {
        let holder = self.holders.remove(&id)?;
        for token in &holder.tokens {
            self.tokens.remove(token);
        }
        for seat in holder.sockets() {
            self.sessions.remove(&seat.session);
        }
        if holder.unredeemed {
            self.unredeemed.remove(id, holder.caller, holder.origin);
        }
        Some(holder)
    }

    /// Forgets a participant id whom somebody removed: its tokens are void, and whoever presents one must wait.
    pub fn remove(&mut self, id: ParticipantId, now: Timestamp) {
        let Some(holder) = self.forget(id) else { return };
        let until = now.plus_secs(RESUMPTION_SECS);
        for token in holder.tokens {
            if self.void.len() >= VOID_TOKENS_MAX {
                self.void.retain(|_, until| *until > now);
            }
            if self.void.len() < VOID_TOKENS_MAX {
                self.void.insert(token, until);
            }
        }
    }

    /// Whether a removal made this token void a short time ago.
    #[must_use]
    pub fn is_void(&self, token: TokenHash, now: Timestamp) -> bool {
        self.void.get(&token).is_some_and(|until| *until > now)
    }

    /// Voids all tokens of these callers; seats stay. Returns the ids that nobody can claim any more.
    pub fn withdraw(&mut self, is_meant: impl Fn(Caller) -> bool) -> Vec<ParticipantId> {
        let mut unclaimed = Vec::new();
        for (id, holder) in self
            .holders
            .iter_mut()
            .filter(|(_, holder)| is_meant(holder.caller))
        {
            for token in holder.tokens.drain(..) {
                self.tokens.remove(&token);
            }
            if !holder.has_socket() {
                unclaimed.push(*id);
            }
        }
        unclaimed
    }

    /// All participant ids of a caller; of a user also those of guests who have said to be this user.
    #[must_use]
    pub fn of_caller(&self, caller: Caller) -> Vec<ParticipantId> {
        let is_own = |holder: &Holder| {
            let is_user = |user| caller == Caller::User(user);
            holder.caller == caller || holder.user().is_some_and(is_user)
        };
        let holders = self.holders.iter();
        let own = holders.filter(|(_, holder)| is_own(holder));
        own.map(|(id, _)| *id).collect()
    }

    /// The participant of a session, and its socket.
    #[must_use]
    pub fn of_session(&self, session: SessionNo) -> Option<(ParticipantId, Seat)> {
        let id = *self.sessions.get(&session)?;
        let seat = self
            .holders
            .get(&id)?
            .sockets()
            .find(|seat| seat.session == session)?;
        Some((id, seat))
    }

    #[must_use]
    pub fn get(&self, id: ParticipantId) -> Option<&Holder> {
        self.holders.get(&id)
    }

    /// Whether somebody may come back under this id.
    pub(super) fn has_good_token(&self, id: ParticipantId) -> bool {
        self.get(id).is_some_and(|holder| !holder.tokens.is_empty())
    }

    /// A moderator has let a participant in, or sent it out to wait until one does.
    pub fn set_accepted(&mut self, id: ParticipantId, accepted: bool) {
        if let Some(holder) = self.holders.get_mut(&id) {
            (holder.accepted, holder.must_wait) = (accepted, !accepted);
        }
    }

    /// Notes that a client comes from another meeting; returns what was noted before.
    pub fn set_shows_past(&mut self, id: ParticipantId, shows_past: bool) -> bool {
        let holder = self.holders.get_mut(&id);
        holder.is_some_and(|holder| std::mem::replace(&mut holder.shows_past, shows_past))
    }

    /// The participant must wait until a moderator accepts.
    pub fn set_must_wait(&mut self, id: ParticipantId) {
        if let Some(holder) = self.holders.get_mut(&id) {
            holder.must_wait = true;
        }
    }

    /// Nobody is accepted in the next meeting because of this one, nor made to wait.
    pub fn forget_acceptances(&mut self) {
        for holder in self.holders.values_mut() {
            (holder.accepted, holder.must_wait) = (false, false);
        }
    }

    /// Tickets that no socket took.
    #[must_use]
    pub fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    pub fn sessions(&self) -> impl Iterator<Item = (SessionNo, ParticipantId)> {
        self.sessions.iter().map(|(session, id)| (*session, *id))
    }

    pub fn iter(&self) -> impl Iterator<Item = (ParticipantId, &Holder)> {
        self.holders.iter().map(|(id, holder)| (*id, holder))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let tokens: usize = self.holders.values().map(|holder| holder.tokens.len()).sum();
        let sockets: usize = self.holders.values().map(|holder| holder.sockets().count()).sum();
        let unredeemed = self.holders.values().filter(|holder| holder.unredeemed).count();
        if tokens != self.tokens.len()
            || sockets != self.sessions.len()
            || unredeemed != self.unredeemed.len()
        {
            return Err(format!(
                "access counts differ: {tokens}/{} tokens, {sockets}/{} sockets, {unredeemed}/{} unredeemed",
                self.tokens.len(),
                self.sessions.len(),
                self.unredeemed.len()
            ));
        }
        for (id, holder) in &self.holders {
            if holder.seat.is_some_and(|seat| !seat.joined) || holder.pending.iter().any(|seat| seat.joined) {
                return Err(format!(
                    "{id}: a socket that has joined has the seat, and no other"
                ));
            }
        }
        Ok(())
    }
}
