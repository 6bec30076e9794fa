//! What a recorder has sent so far, in a file of this machine: chunks come in any order and replace one another, and
//! neither a folder nor S3 takes them so. It outlives the process.

use std::{
    collections::BTreeMap,
    io::{self, SeekFrom},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _, BufReader},
};

use super::NewAsset;

/// Bytes that are read at a time.
const PIECE_BYTES: u64 = 1024 * 1024;

/// Bytes of the line that tells what it will be.
const HEAD_BYTES_MAX: u64 = 4096;

/// Bytes before the data of each chunk: its number and its length, big-endian.
const CHUNK_HEAD_BYTES: u64 = 8;

/// The first of them.
const NUMBER_BYTES: u64 = 4;

/// Length of a chunk that is under way: beyond the end of any file in which it is the last one.
const UNKNOWN_LENGTH: u32 = u32::MAX;

/// The file: a line of JSON that tells what it will be, then the chunks as they came. Of those with the same number the
/// last one counts.
#[derive(Debug)]
pub(super) struct Spool {
    pub(super) asset: NewAsset,
    path: PathBuf,
    file: File,
    /// Where the data of each number lies.
    chunks: BTreeMap<u32, Chunk>,
    /// Where the next chunk goes, or the one that is under way lies.
    end: u64,
    growing: Option<Growing>,
}

/// A chunk that has not ended.
#[derive(Debug, Clone, Copy)]
struct Growing {
    number: u32,
    length: u64,
}

#[derive(Debug, Clone, Copy)]
struct Chunk {
    at: u64,
    length: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    asset: NewAsset,
}

impl Spool {
    /// A new one in this folder, under the asset's id.
    pub(super) async fn create(folder: &Path, asset: NewAsset) -> io::Result<Self> {
        let path = folder.join(asset.id.to_string());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&path).await?;
        let head = Head { asset };
        let mut line = serde_json::to_vec(&head)?;
        line.push(b'\n');
        file.write_all(&line).await?;
        file.flush().await?;
        Ok(Self {
            asset: head.asset,
            path,
            file,
            chunks: BTreeMap::new(),
            end: line.len() as u64,
            growing: None,
        })
    }

    /// One that an earlier process has left. A chunk that is cut off at the end is not there.
    pub(super) async fn open(path: PathBuf) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await?;
        let length = file.metadata().await?.len();
        let mut line = Vec::new();
        let mut reader = BufReader::new(&mut file).take(HEAD_BYTES_MAX);
        let mut at = reader.read_until(b'\n', &mut line).await? as u64;
        let head: Head = serde_json::from_slice(&line)?;
        let mut chunks = BTreeMap::new();
        while at + CHUNK_HEAD_BYTES <= length {
            file.seek(SeekFrom::Start(at)).await?;
            let (number, size) = (file.read_u32().await?, u64::from(file.read_u32().await?));
            at += CHUNK_HEAD_BYTES;
            if at + size > length {
                at -= CHUNK_HEAD_BYTES;
                break;
            }
            chunks.insert(number, Chunk { at, length: size });
            at += size;
        }
        Ok(Self {
            asset: head.asset,
            path,
            file,
            chunks,
            end: at,
            growing: None,
        })
    }

    /// Begins a chunk. Until it ends it is longer than the file, so that it is not there should the process end meanwhile; one
    /// that was under way is given up. After an error nothing can be added any more.
    pub(super) async fn begin(&mut self, number: u32) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end)).await?;
        self.file.write_u32(number).await?;
        self.file.write_u32(UNKNOWN_LENGTH).await?;
        self.file.flush().await?;
        self.growing = Some(Growing { number, length: 0 });
        Ok(())
    }

    /// Takes what comes next of the chunk that is under way.
    pub(super) async fn extend(&mut self, data: &[u8]) -> io::Result<()> {
        let growing = self.growing.as_mut().ok_or_else(nothing_begun)?;
        self.file.write_all(data).await?;
        // What the file buffers is told to have failed only now.
        self.file.flush().await?;
        growing.length += data.len() as u64;
        Ok(())
    }

    /// The chunk that is under way is whole: it is there, in the place of one with the same number.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        let Growing { number, length } = self.growing.take().ok_or_else(nothing_begun)?;
        self.file.seek(SeekFrom::Start(self.end + NUMBER_BYTES)).await?;
        let told = u32::try_from(length).map_err(io::Error::other)?;
        self.file.write_u32(told).await?;
        self.file.flush().await?;
        let at = self.end + CHUNK_HEAD_BYTES;
        self.end = at + length;
        self.chunks.insert(number, Chunk { at, length });
        Ok(())
    }

    /// Bytes of the file, with the chunk that is under way.
    pub(super) fn file_size(&self) -> u64 {
        let growing = self.growing.map_or(0, |chunk| CHUNK_HEAD_BYTES + chunk.length);
        self.end + growing
    }

    /// Bytes of the content.
    pub(super) fn size(&self) -> u64 {
        self.chunks.values().map(|chunk| chunk.length).sum()
    }

    /// The data in the order of the numbers.
    pub(super) fn content(self) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
        let chunks = self.chunks.into_values();
        let start = (self.file, chunks, None::<Chunk>);
        futures_util::stream::try_unfold(start, async |(mut file, mut chunks, left)| {
            let Some(chunk) = left.or_else(|| chunks.find(|chunk| chunk.length > 0)) else {
                return Ok(None);
            };
            let now = chunk.length.min(PIECE_BYTES);
            file.seek(SeekFrom::Start(chunk.at)).await?;
            let mut piece = vec![0; usize::try_from(now).map_err(io::Error::other)?];
            file.read_exact(&mut piece).await?;
            let rest = Chunk {
                at: chunk.at + now,
                length: chunk.length - now,
            };
            let left = (rest.length > 0).then_some(rest);
            Ok(Some((Bytes::from(piece), (file, chunks, left))))
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn nothing_begun() -> io::Error {
    io::Error::other("no chunk is under way")
}

/// Removes a spool whose content is stored, or is not wanted.
pub(super) async fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use futures_util::TryStreamExt as _;
    use uuid::Uuid;

    use super::*;

    fn asset() -> NewAsset {
        NewAsset {
            id: Uuid::from_u128(7),
            room: Uuid::from_u128(8),
            created_at: DateTime::UNIX_EPOCH,
            namespace: "recording".to_owned(),
            kind: "recording".to_owned(),
            filename: "Grüße\n.mkv".to_owned(),
        }
    }

    /// A chunk that comes in two pieces.
    async fn add(spool: &mut Spool, number: u32, data: &[u8]) {
        let (first, second) = data.split_at(data.len() / 2);
        spool.begin(number).await.unwrap();
        spool.extend(first).await.unwrap();
        spool.extend(second).await.unwrap();
        spool.end().await.unwrap();
    }

    async fn content(spool: Spool) -> Vec<u8> {
        let pieces: Vec<Bytes> = spool.content().try_collect().await.unwrap();
        pieces.concat()
    }

    #[tokio::test]
    async fn the_data_comes_in_the_order_of_the_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(folder.path(), asset()).await.unwrap();
        let long = vec![9; 2_500_000];
        for (number, data) in [
            (0, &b"header"[..]),
            (9_999, b"end"),
            (2, &long),
            (1, b""),
            (0, b"new header"),
            (9_999, b""),
        ] {
            add(&mut spool, number, data).await;
        }
        let expected = [b"new header", &long[..]].concat();
        assert_eq!(spool.size(), expected.len() as u64);
        let path = spool.path().to_owned();
        assert!(content(spool).await == expected);
        let again = Spool::open(path.clone()).await.unwrap();
        assert_eq!(again.asset, asset());
        assert!(content(again).await == expected);
        remove(&path).await.unwrap();
        remove(&path).await.unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_cut_end_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        for cut in [1, 6, 7, 13] {
            let mut spool = Spool::create(folder.path(), asset()).await.unwrap();
            add(&mut spool, 0, b"first").await;
            add(&mut spool, 1, b"second").await;
            let (path, whole) = (spool.path().to_owned(), spool.file_size());
            drop(spool);
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(whole - cut).unwrap();
            let mut spool = Spool::open(path.clone()).await.unwrap();
            assert_eq!(spool.size(), 5, "{cut}");
            // What comes now takes the place of the cut one.
            add(&mut spool, 2, b"third").await;
            assert_eq!(content(spool).await, b"firstthird");
            remove(&path).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_chunk_that_does_not_end_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        for sent in [&b""[..], b"half a chunk that was longer than what comes next"] {
            let mut spool = Spool::create(folder.path(), asset()).await.unwrap();
            add(&mut spool, 0, b"first").await;
            let whole = spool.file_size();
            spool.begin(0).await.unwrap();
            spool.extend(sent).await.unwrap();
            assert_eq!(spool.file_size(), whole + CHUNK_HEAD_BYTES + sent.len() as u64);
            assert_eq!(spool.size(), 5);
            let path = spool.path().to_owned();
            assert_eq!(content(Spool::open(path.clone()).await.unwrap()).await, b"first");
            assert_eq!(content(spool).await, b"first");
            remove(&path).await.unwrap();
        }
    }

    #[tokio::test]
    async fn nothing_comes_before_a_chunk_begins() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(folder.path(), asset()).await.unwrap();
        assert!(spool.extend(b"x").await.is_err());
        assert!(spool.end().await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_spool_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "{}", "{\"asset\":", "no line"] {
            let path = folder.path().join("file");
            std::fs::write(&path, text).unwrap();
            assert!(Spool::open(path).await.is_err(), "{text}");
        }
    }
}
