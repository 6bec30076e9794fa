//! Large chunks: never whole in memory, and bounded.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{content, listed, query};
use crate::{
    rest::contents::files,
    support::{meeting::Meeting, quiet::Quiet, recorder::Upload, server::Server},
};

on_both_databases!(Quiet:
    a_large_chunk_is_kept_as_it_is, what_is_larger_than_a_message_is_refused_at_its_head, large_chunks_take_little_memory);

const DEADLINE: Duration = Duration::from_mins(1);
const MIB: u64 = 1024 * 1024;

async fn begin(server: &Server) -> (Meeting, Upload) {
    let meeting = Meeting::create(server, json!({})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let upload = Upload::open(server, &recorder, &query(&meeting)).await;
    (meeting, upload.expect("a socket"))
}

/// Bytes of all spools.
fn spooled(server: &Server) -> u64 {
    let folder = server.data_dir().join("recordings");
    let size = |name: &String| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    files(&folder).iter().map(size).sum()
}

async fn a_large_chunk_is_kept_as_it_is(server: &Server) {
    let (meeting, mut upload) = begin(server).await;
    let large: Vec<u8> = (0..5_000_011_u32).flat_map(u32::to_le_bytes).collect();
    upload.chunk(1, b" and the end").await;
    upload.chunk(0, &large).await;
    assert_eq!(upload.close().await, Some(1000));
    let asset = &listed(&meeting).await[0];
    assert!(content(&meeting.alice, &meeting, asset).await == [&large[..], b" and the end"].concat());
}

async fn what_is_larger_than_a_message_is_refused_at_its_head(server: &Server) {
    let (meeting, mut upload) = begin(server).await;
    upload.raw(&Upload::head(100_000_001)).await;
    assert_eq!(upload.closed().await, Some(1009));
    assert_eq!(listed(&meeting).await, Vec::<Value>::new());
}

async fn large_chunks_take_little_memory(server: &Server) {
    const UPLOADS: u64 = 8;
    const SENT: u64 = 24 * MIB;
    // What the first one needs is there once and for all.
    let (_, mut first) = begin(server).await;
    first.chunk(0, &vec![7; 3_000_000]).await;
    assert_eq!(first.close().await, Some(1000));
    let mut uploads = Vec::new();
    for _ in 0..UPLOADS {
        uploads.push(begin(server).await);
    }
    let before = server.resident_bytes();
    let half = vec![0; usize::try_from(SENT).expect("a number")];
    for (_, upload) in &mut uploads {
        upload.raw(&Upload::head(100_000_000)).await;
        upload.raw(&half).await;
    }
    let deadline = Instant::now() + DEADLINE;
    while spooled(server) < UPLOADS * (SENT - 2 * MIB) {
        assert!(Instant::now() < deadline, "{} bytes came", spooled(server));
        sleep(Duration::from_millis(10)).await;
    }
    let grown = server.resident_bytes().saturating_sub(before) / MIB;
    assert!(grown < UPLOADS * 8, "{grown} MiB for {UPLOADS} uploads");
    // What did not end is nothing.
    let meetings: Vec<_> = uploads.into_iter().map(|(meeting, _)| meeting).collect();
    while !files(&server.data_dir().join("recordings")).is_empty() {
        assert!(Instant::now() < deadline, "{} bytes are left", spooled(server));
        sleep(Duration::from_millis(10)).await;
    }
    for meeting in meetings {
        assert_eq!(listed(&meeting).await, Vec::<Value>::new());
    }
}
