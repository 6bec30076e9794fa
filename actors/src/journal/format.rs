//! The bytes of a log: a line that names format and rules, a snapshot, then the inputs since.
//!
//! Each record is its length and its CRC-32 (both little endian, 4 bytes) and JSON. What does not match its checksum,
//! or is shorter than its length, was not written to its end: it and what follows is cut off.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::JournalError;
use crate::{
    encoding,
    protocol::limits::JOURNAL_RECORD_BYTES_MAX,
    room::{Room, input::Stamped},
};

/// First line of every log of this format.
const MAGIC: &str = "colloquy-journal 1 ";
/// Hash over the sources of the rules (build.rs): inputs are replayed only by the rules that wrote them.
pub const RULES_HASH: &str = env!("COLLOQUY_RULES_HASH");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record<I = Stamped> {
    Input(I),
    /// This input panicked and must not be handled again.
    Skipped {
        seq: u64,
    },
}

/// A log taken apart.
#[derive(Debug)]
pub struct Parsed<'a> {
    pub snapshot: &'a [u8],
    pub records: Vec<Record>,
    /// Bytes up to the end of the snapshot.
    pub snapshot_bytes: usize,
    /// Bytes up to the end of the last whole record.
    pub whole_bytes: usize,
    pub other_rules: bool,
}

/// The bytes with which a log begins.
pub fn begin(room: &Room) -> Result<Vec<u8>, JournalError> {
    let mut bytes = format!("{MAGIC}{RULES_HASH}\n").into_bytes();
    push(&mut bytes, encoding::encode(room)?.as_bytes())?;
    Ok(bytes)
}

impl Parsed<'_> {
    pub fn inputs(&self) -> impl Iterator<Item = &Stamped> {
        self.records.iter().filter_map(|record| {
            if let Record::Input(stamped) = record {
                Some(stamped)
            } else {
                None
            }
        })
    }

    /// Numbers of all inputs that must not be handled again, wherever their marks stand.
    #[must_use]
    pub fn skipped(&self) -> BTreeSet<u64> {
        let skipped = |record: &Record| {
            if let Record::Skipped { seq } = record {
                Some(*seq)
            } else {
                None
            }
        };
        self.records.iter().filter_map(skipped).collect()
    }
}

/// Encodes a batch of inputs, one record each.
pub fn encode_inputs(batch: &[Stamped]) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::with_capacity(batch.len() * 256);
    for stamped in batch {
        push_record(&mut bytes, &Record::Input(stamped))?;
    }
    Ok(bytes)
}

/// Encodes the mark of an input that panicked.
pub fn encode_skipped(seq: u64) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::new();
    push_record::<&Stamped>(&mut bytes, &Record::Skipped { seq })?;
    Ok(bytes)
}

fn push_record<I: Serialize>(bytes: &mut Vec<u8>, record: &Record<I>) -> Result<(), JournalError> {
    push(bytes, encoding::encode(record)?.as_bytes())
}

/// Nothing is written that [`next`] would take for damage.
fn push(bytes: &mut Vec<u8>, record: &[u8]) -> Result<(), JournalError> {
    let too_long = || JournalError::Corrupt(format!("a record of {} bytes", record.len()));
    if record.len() > JOURNAL_RECORD_BYTES_MAX {
        return Err(too_long());
    }
    let length = u32::try_from(record.len()).map_err(|_| too_long())?;
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(record).to_le_bytes());
    bytes.extend_from_slice(record);
    Ok(())
}

/// Reads a log as far as it is whole.
pub fn parse(bytes: &[u8]) -> Result<Parsed<'_>, JournalError> {
    let corrupt = |what: &str| JournalError::Corrupt(what.to_owned());
    let line_end = bytes
        .iter()
        .take(256)
        .position(|byte| *byte == b'\n')
        .ok_or_else(|| corrupt("no first line"))?;
    let line = std::str::from_utf8(&bytes[..line_end]).map_err(|_| corrupt("first line is not text"))?;
    let rules = line
        .strip_prefix(MAGIC)
        .ok_or_else(|| corrupt("not a journal of this format"))?;
    let (snapshot, rest) = next(&bytes[line_end + 1..]).ok_or_else(|| corrupt("snapshot is broken"))?;
    let snapshot_bytes = bytes.len() - rest.len();
    let other_rules = rules != RULES_HASH;
    let mut parsed = Parsed {
        snapshot,
        records: Vec::new(),
        snapshot_bytes,
        whole_bytes: snapshot_bytes,
        other_rules,
    };
    let mut rest = if other_rules { &[] } else { rest };
    while let Some((record, after)) = next(rest) {
        let Ok(record) = serde_json::from_slice(record) else {
            break;
        };
        parsed.records.push(record);
        rest = after;
        parsed.whole_bytes = bytes.len() - rest.len();
    }
    Ok(parsed)
}

fn next(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > JOURNAL_RECORD_BYTES_MAX {
        return None;
    }
    let (record, rest) = rest.split_at_checked(length)?;
    (crc32fast::hash(record) == u32::from_le_bytes(*checksum)).then_some((record, rest))
}
