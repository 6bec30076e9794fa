//! From pieces of messages to chunks of a recording.

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::pieces::{MESSAGE_BYTES_MAX, Piece};
use crate::assets::{CHUNKS_MAX, Recording, RecordingError};

/// Bytes in front of a chunk's data.
const NUMBER_BYTES: usize = 4;

/// Why a piece was not taken.
#[derive(Debug)]
pub(super) enum ChunkRefusal {
    /// The recorder broke a rule.
    Rule(CloseCode),
    /// It could not be kept.
    Failed(RecordingError),
}

/// The chunk that is under way.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Its number, as far as it has come.
    number: Vec<u8>,
    text: Text,
}

impl Chunk {
    /// Takes the next piece of what the recorder sends.
    pub(super) async fn take(
        &mut self,
        recording: &mut Recording,
        piece: Piece,
        bytes: &[u8],
    ) -> Result<(), ChunkRefusal> {
        if piece.announced > MESSAGE_BYTES_MAX {
            return Err(ChunkRefusal::Rule(CloseCode::Size));
        }
        if piece.begins {
            *self = Self::default();
        }
        if piece.is_text && !self.text.goes_on(bytes, piece.ends) {
            return Err(ChunkRefusal::Rule(CloseCode::Invalid));
        }
        let missing = NUMBER_BYTES - self.number.len();
        let (head, data) = bytes.split_at(missing.min(bytes.len()));
        self.number.extend(head);
        let Some(number) = self.number.first_chunk::<NUMBER_BYTES>() else {
            return if piece.ends {
                Err(ChunkRefusal::Rule(CloseCode::Policy))
            } else {
                Ok(())
            };
        };
        if missing > 0 {
            // A negative number is a large one here.
            let number = u32::from_be_bytes(*number);
            if number >= CHUNKS_MAX {
                return Err(ChunkRefusal::Rule(CloseCode::Policy));
            }
            recording.begin_chunk(number).await?;
        }
        recording.extend_chunk(data).await?;
        if piece.ends {
            recording.end_chunk().await?;
        }
        Ok(())
    }
}

impl From<RecordingError> for ChunkRefusal {
    fn from(error: RecordingError) -> Self {
        match error {
            RecordingError::TooLarge => Self::Rule(CloseCode::Size),
            error => Self::Failed(error),
        }
    }
}

/// Whether a text that comes in pieces is UTF-8.
#[derive(Debug, Default)]
struct Text {
    /// The beginning of a character whose rest is to come.
    cut: Vec<u8>,
}

impl Text {
    fn goes_on(&mut self, bytes: &[u8], ends: bool) -> bool {
        let mut rest = bytes;
        // A character that is cut is whole within three bytes more.
        while !self.cut.is_empty() && !rest.is_empty() {
            self.cut.push(rest[0]);
            rest = &rest[1..];
            match std::str::from_utf8(&self.cut) {
                Ok(_) => self.cut.clear(),
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        if self.cut.is_empty()
            && let Err(error) = std::str::from_utf8(rest)
        {
            if error.error_len().is_some() {
                return false;
            }
            self.cut.extend(&rest[error.valid_up_to()..]);
        }
        !ends || self.cut.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a text that comes in these pieces is one.
    fn is_text(pieces: &[&[u8]]) -> bool {
        let mut text = Text::default();
        let last = pieces.len() - 1;
        pieces
            .iter()
            .enumerate()
            .all(|(index, piece)| text.goes_on(piece, index == last))
    }

    #[test]
    fn characters_may_be_cut() {
        let text = "Grüße, 日本語, 👩‍🚀".as_bytes();
        for size in 1..=text.len() {
            let pieces: Vec<_> = text.chunks(size).collect();
            assert!(is_text(&pieces), "{size}");
        }
        assert!(is_text(&[b""]));
    }

    #[test]
    fn what_is_no_utf8_is_no_text() {
        for pieces in [
            &[&b"\xff"[..]][..],
            &[b"a\xc3"],
            &[b"a\xc3", b"a"],
            &[b"\xe6\x97", b"\xff"],
            &[b"\xf0\x9f", b"\x91"],
            &[b"ok", b"\xed\xa0\x80"],
        ] {
            assert!(!is_text(pieces), "{pieces:x?}");
        }
    }
}
