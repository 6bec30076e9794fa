//! What a chat message of the load test says: who sent it, its number, and when.

use crate::{clock::Moment, ledger::MessageId};

/// No stamp is longer: mark, two 32-bit and one 64-bit decimal, separators.
pub const BYTES_MAX: u16 = 48;

/// Numbers from here on are no messages but fences: everything sent before one arrives before it.
pub const FENCES_FROM: u32 = u32::MAX - 1000;

const MARK: &str = "lt";

/// The content of a message, padded with `x` to `bytes`.
pub fn write(id: MessageId, sent_at: Moment, bytes: u16) -> String {
    let stamp = format!("{MARK} {} {} {} ", id.sender, id.counter, sent_at.0);
    format!("{stamp:x<width$}", width = usize::from(bytes))
}

/// The stamp of a message, `None` when it isn't ours or was mutilated.
pub fn read(content: &str) -> Option<(MessageId, Moment)> {
    let mut words = content.split(' ');
    if words.next() != Some(MARK) {
        return None;
    }
    let id = MessageId {
        sender: words.next()?.parse().ok()?,
        counter: words.next()?.parse().ok()?,
    };
    let sent_at = Moment(words.next()?.parse().ok()?);
    let padding = words.next()?;
    (words.next().is_none() && padding.bytes().all(|byte| byte == b'x')).then_some((id, sent_at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(sender: u32, counter: u32, nanos: u64, bytes in BYTES_MAX..4096) {
            let id = MessageId { sender, counter };
            let content = write(id, Moment(nanos), bytes);
            prop_assert_eq!(content.len(), usize::from(bytes));
            prop_assert_eq!(read(&content), Some((id, Moment(nanos))));
        }

        #[test]
        fn any_text_is_taken_without_panic(text: String) {
            let _ = read(&text);
        }
    }

    #[test]
    fn mutilated_content_is_no_stamp() {
        let id = MessageId {
            sender: 3,
            counter: 4,
        };
        let content = write(id, Moment(5), 100);
        for broken in [
            content.replace("lt", "LT"),
            content.replace("xx", "xy"),
            "lt 3 4 5".to_owned(),
            String::new(),
        ] {
            assert_eq!(read(&broken), None, "{broken}");
        }
    }
}
