//! Tickets: one-time keys for the WebSocket upgrade.
//!
//! A ticket is 64 letters and digits: the room's id in base 62 (22 characters), so that redeeming finds the room on
//! whatever node, then 42 random ones (250 bits). Tickets are volatile: a client that loses one asks again.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use crate::{
    ids::{BreakoutRoomId, ParticipantId, RoomId, Timestamp, TokenHash},
    ports::Random,
    protocol::{
        limits::{TICKET_SECS, TOKENS_PER_PARTICIPANT_MAX},
        meeting::Caller,
    },
};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ROOM_CHARS: usize = 22;
/// Characters of a ticket and of a resumption token.
pub const SECRET_CHARS: usize = 64;

/// Makes a ticket for a room.
pub fn make(room: RoomId, random: &dyn Random) -> String {
    let mut rest = room.0.as_u128();
    let mut ticket = vec![b'0'; ROOM_CHARS];
    for digit in ticket.iter_mut().rev() {
        // The remainder is below 62.
        *digit = DIGITS[usize::try_from(rest % 62).unwrap_or_default()];
        rest /= 62;
    }
    let mut ticket: String = ticket.into_iter().map(char::from).collect();
    ticket.push_str(&random.secret(SECRET_CHARS - ROOM_CHARS));
    ticket
}

/// The room that a ticket names, if it is well-formed.
#[must_use]
pub fn room_of(ticket: &str) -> Option<RoomId> {
    if ticket.len() != SECRET_CHARS || !ticket.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let mut id: u128 = 0;
    for byte in ticket.bytes().take(ROOM_CHARS) {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        id = id.checked_mul(62)?.checked_add(digit as u128)?;
    }
    Some(RoomId(Uuid::from_u128(id)))
}

/// A seat that waits for its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub participant: ParticipantId,
    /// Who asked for it.
    pub caller: Caller,
    /// The resumption token that went out with the ticket.
    pub token: TokenHash,
    /// The breakout room to go to; the main room when absent.
    pub breakout_room: Option<BreakoutRoomId>,
}

/// The unredeemed tickets of one room, by hash: looking one up tells nothing by its time.
#[derive(Debug, Default)]
pub struct Tickets {
    claims: HashMap<TokenHash, Claim>,
    order: VecDeque<(Timestamp, TokenHash)>,
    /// Tickets of each participant, oldest first.
    of_participant: HashMap<ParticipantId, VecDeque<TokenHash>>,
}

impl Tickets {
    pub fn add(&mut self, ticket: &str, claim: Claim, now: Timestamp) {
        self.expire(now);
        let hash = TokenHash::of(ticket);
        self.claims.insert(hash, claim);
        self.order.push_back((now.plus_secs(TICKET_SECS), hash));
        // Whoever comes back may ask often: its oldest ticket is void then, as its token is.
        let own = self.of_participant.entry(claim.participant).or_default();
        own.push_back(hash);
        if own.len() > TOKENS_PER_PARTICIPANT_MAX
            && let Some(oldest) = own.pop_front()
        {
            self.claims.remove(&oldest);
            self.order.retain(|(_, hash)| *hash != oldest);
        }
    }

    /// Takes a ticket: it can be redeemed once.
    pub fn redeem(&mut self, ticket: &str, now: Timestamp) -> Option<Claim> {
        self.expire(now);
        let hash = TokenHash::of(ticket);
        let claim = self.claims.remove(&hash)?;
        self.forget(claim.participant, hash);
        Some(claim)
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some((_, hash)) = self.order.pop_front_if(|(expires, _)| *expires <= now) {
            if let Some(claim) = self.claims.remove(&hash) {
                self.forget(claim.participant, hash);
            }
        }
    }

    fn forget(&mut self, participant: ParticipantId, hash: TokenHash) {
        if let Some(own) = self.of_participant.get_mut(&participant) {
            own.retain(|other| *other != hash);
            if own.is_empty() {
                self.of_participant.remove(&participant);
            }
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.claims.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SystemRandom;

    #[test]
    fn a_ticket_names_its_room() {
        for id in [Uuid::nil(), Uuid::max(), Uuid::new_v4()] {
            let ticket = make(RoomId(id), &SystemRandom);
            assert_eq!(ticket.len(), SECRET_CHARS);
            assert_eq!(room_of(&ticket), Some(RoomId(id)));
        }
    }

    #[test]
    fn malformed_tickets_name_none() {
        assert_eq!(room_of(""), None);
        assert_eq!(room_of(&"z".repeat(SECRET_CHARS)), None, "more than 128 bits");
        assert_eq!(room_of(&"-".repeat(SECRET_CHARS)), None);
        assert_eq!(room_of(&"0".repeat(SECRET_CHARS + 1)), None);
        assert_eq!(room_of(&"ü".repeat(SECRET_CHARS / 2)), None);
    }

    #[test]
    fn tickets_of_one_participant_are_bounded() {
        let claim = Claim {
            participant: ParticipantId(Uuid::nil()),
            caller: Caller::Sip,
            token: TokenHash::of("t"),
            breakout_room: None,
        };
        let start = Timestamp::from_micros(0);
        let mut tickets = Tickets::default();
        for index in 0..100 {
            tickets.add(&index.to_string(), claim, start);
        }
        assert_eq!(tickets.len(), TOKENS_PER_PARTICIPANT_MAX);
        assert_eq!(tickets.order.len(), TOKENS_PER_PARTICIPANT_MAX);
        assert_eq!(tickets.redeem("95", start), None);
        assert_eq!(tickets.redeem("99", start), Some(claim));
        tickets.expire(start.plus_secs(TICKET_SECS));
        assert!(tickets.is_empty() && tickets.of_participant.is_empty());
    }

    #[test]
    fn a_ticket_is_redeemed_once_and_in_time() {
        let claim = Claim {
            participant: ParticipantId(Uuid::nil()),
            caller: Caller::Sip,
            token: TokenHash::of("t"),
            breakout_room: None,
        };
        let start = Timestamp::from_micros(0);
        let mut tickets = Tickets::default();
        tickets.add("a", claim, start);
        assert_eq!(tickets.redeem("a", start), Some(claim));
        assert_eq!(tickets.redeem("a", start), None);
        tickets.add("b", claim, start);
        assert_eq!(tickets.redeem("b", start.plus_secs(TICKET_SECS)), None);
        assert!(tickets.is_empty());
    }
}
