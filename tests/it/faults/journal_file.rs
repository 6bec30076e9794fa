//! A journal's bytes, read without the server's code: a first line, then records of length, checksum and JSON.

use std::{
    fs::{self, OpenOptions},
    ops::Range,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use crate::support::{meeting::Meeting, server::Server};

/// Length and checksum, four bytes each.
const RECORD_HEAD: usize = 8;

/// The journal of one room, while no server has it open.
pub struct JournalFile {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    /// Where the records lie, with their heads; the first one is the snapshot.
    pub records: Vec<Range<usize>>,
}

impl JournalFile {
    pub fn read(server: &Server, meeting: &Meeting) -> Self {
        let path = Self::path(server, meeting);
        let bytes = fs::read(&path).expect("a journal");
        let line = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .expect("a first line");
        let mut records = Vec::new();
        let mut at = line + 1;
        while let Some((length, _)) = bytes[at..].split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_le_bytes(*length)).expect("a length");
            let end = at + RECORD_HEAD + length;
            assert!(end <= bytes.len(), "the server wrote half a record");
            records.push(at..end);
            at = end;
        }
        Self { path, bytes, records }
    }

    pub fn path(server: &Server, meeting: &Meeting) -> PathBuf {
        server.data_dir().join(format!("journal/{}.log", meeting.room))
    }

    /// The record in which this was said.
    pub fn saying(&self, content: &str) -> Range<usize> {
        let wanted = format!("\"{content}\"");
        let says = |record: &&Range<usize>| {
            String::from_utf8_lossy(&self.bytes[(*record).clone()]).contains(&wanted)
        };
        self.records[1..].iter().find(says).expect("a record").clone()
    }

    pub fn write(&self) {
        fs::write(&self.path, &self.bytes).expect("a written journal");
    }

    /// Makes the file look as if nobody had written to it since.
    pub fn set_age(&self, age: Duration) {
        let file = OpenOptions::new()
            .append(true)
            .open(&self.path)
            .expect("a journal");
        file.set_modified(SystemTime::now() - age).expect("another time");
    }
}
