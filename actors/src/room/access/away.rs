//! Sockets that the room does not reach, and which may come back: its life is over, or what stands between them is broken.

use super::{Access, Seat};
use crate::{
    ids::{ParticipantId, SessionNo, TokenHash},
    protocol::limits::TOKENS_PER_PARTICIPANT_MAX,
};

impl Access {
    /// The room's life is over, and its sockets with it, unless they come back to the next one. Returns whose they were.
    pub fn all_away(&mut self) -> Vec<ParticipantId> {
        let sessions = std::mem::take(&mut self.sessions);
        for holder in self.holders.values_mut() {
            // Those of an earlier life may still be on their way.
            holder
                .away
                .extend(holder.seat.take().into_iter().chain(holder.pending.drain(..)));
            let excess = holder.away.len().saturating_sub(2 * TOKENS_PER_PARTICIPANT_MAX);
            holder.away.drain(..excess);
        }
        sessions.into_values().collect()
    }

    /// The room does not reach the socket any more, which may come back by another way.
    pub fn out_of_reach(&mut self, session: SessionNo) -> Option<(ParticipantId, Seat)> {
        let (id, seat) = self.stand_up(session)?;
        let away = &mut self.holders.get_mut(&id)?.away;
        away.push(seat);
        let excess = away.len().saturating_sub(2 * TOKENS_PER_PARTICIPANT_MAX);
        away.drain(..excess);
        Some((id, seat))
    }

    /// A socket of the room's last life is here, or gone for good.
    pub fn take_away(&mut self, session: SessionNo, token: TokenHash) -> Option<(ParticipantId, Seat)> {
        let is_it = |seat: &Seat| seat.session == session && seat.token == token;
        // Its token may be void although its seat is not.
        let id = self.tokens.get(&token).copied().or_else(|| {
            let mut holders = self.holders.iter();
            let (id, _) = holders.find(|(_, holder)| holder.away.iter().any(is_it))?;
            Some(*id)
        })?;
        let away = &mut self.holders.get_mut(&id)?.away;
        let index = away.iter().position(is_it)?;
        Some((id, away.remove(index)))
    }

    /// A socket of the room's last life goes on.
    pub fn sit_again(&mut self, id: ParticipantId, seat: Seat) {
        let Some(holder) = self.holders.get_mut(&id) else {
            return;
        };
        self.sessions.insert(seat.session, id);
        if seat.joined {
            (holder.seat, holder.left_at) = (Some(seat), None);
        } else {
            holder.pending.push(seat);
        }
    }
}
