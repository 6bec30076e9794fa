//! The text of a ticket: 64 letters and digits. The room's id in base 62 (22 characters), so that redeeming finds the room on
//! whatever node, then 42 random ones (250 bits).

use uuid::Uuid;

use crate::{ids::RoomId, ports::Random};

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
}
