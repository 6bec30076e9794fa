//! A look at a frame of a flood that reads no more of it than whose message it is: parsing every frame would cost more than
//! the server spends on sending it.

use crate::{clock::Moment, ledger::MessageId, stamp};

const CONTENT: &str = r#""content":"#;
const MESSAGE: &str = r#""message_sent""#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    Message(MessageId, Moment),
    /// A chat message that is not as it was sent.
    Mutilated,
    /// No chat message.
    Other,
}

/// Looks at a frame of a server whose chat messages hold stamps of `bytes`. Stamps need no escapes in JSON.
pub fn look(frame: &str, bytes: u16) -> FrameKind {
    let stamped = frame.find(CONTENT).and_then(|at| {
        let begin = at + CONTENT.len() + 1;
        let end = begin + usize::from(bytes);
        let content = frame.get(begin..end)?;
        let is_whole = frame.as_bytes().get(end) == Some(&b'"');
        is_whole.then(|| stamp::read(content)).flatten()
    });
    match stamped {
        Some((id, sent_at)) => FrameKind::Message(id, sent_at),
        None if frame.contains(MESSAGE) => FrameKind::Mutilated,
        None => FrameKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: MessageId = MessageId {
        sender: 3,
        counter: 14,
    };

    fn frame(content: &str) -> String {
        format!(
            r#"{{"namespace":"chat","seq":5,"payload":{{"message":"message_sent","id":"m","source":"ä","content":"{content}","scope":"global"}}}}"#
        )
    }

    #[test]
    fn a_message_is_seen_in_its_frame() {
        let content = stamp::write(ID, Moment(15), 200);
        assert_eq!(look(&frame(&content), 200), FrameKind::Message(ID, Moment(15)));
    }

    #[test]
    fn a_message_that_was_changed_is_noticed() {
        let content = stamp::write(ID, Moment(15), 200);
        let longer = content.clone() + "x";
        for broken in [&content[..199], &longer, &content.replace("xx", "äx"), "", "lt 3"] {
            assert_eq!(look(&frame(broken), 200), FrameKind::Mutilated, "{broken}");
        }
    }

    #[test]
    fn other_frames_are_other() {
        for frame in [
            "",
            r#"{"namespace":"control","payload":{"message":"joined","id":"a"}}"#,
            r#"{"namespace":"chat","payload":{"message":"error","content":"#,
        ] {
            assert_eq!(look(frame, 200), FrameKind::Other, "{frame}");
        }
    }
}
