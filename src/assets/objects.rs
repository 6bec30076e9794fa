//! Contents of assets, each under its id, in a folder or in S3. Every call has a time limit.

use std::{fmt, ops::Range, path::Path as FsPath, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    RetryConfig,
    aws::AmazonS3Builder,
    client::{HttpClient, HttpConnector},
    local::LocalFileSystem,
    path::Path,
};
use url::Url;
use uuid::Uuid;

use super::{error::ObjectError, space::Space, writer::Writer};
use crate::{
    config::{AssetSettings as Settings, AssetStoreKind, Outgoing, S3},
    outgoing::{self, Waits},
    secrets::Secret,
};

/// Object that tells whose contents the others are.
const DATABASE: &str = "database";

/// What is written there is shorter.
const DATABASE_BYTES_MAX: u64 = 256;

/// Name of the assets' folder in the data folder.
const FOLDER: &str = "assets";

/// Bytes of a part of an object on its way into a folder.
const FOLDER_PART_BYTES: u64 = 1024 * 1024;

/// Bytes of a part on its way to S3, which takes no smaller ones but the last.
const S3_PART_BYTES_MIN: u64 = 5 * 1024 * 1024;

/// Parts of an object in S3 at the most.
const S3_PARTS_MAX: u64 = 10_000;

/// Where S3 is when no endpoint is set.
const AMAZON: &str = "https://s3.amazonaws.com";

/// Time for a connection to S3.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Retries of a request to S3, all within its time.
const RETRIES_MAX: usize = 3;

/// Time for a folder to do one thing.
const FOLDER_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time until a content begins to come: well below the time that a request may take.
const READ_TIMEOUT_MAX: Duration = Duration::from_secs(15);

/// Groups into which objects are divided by the first byte of their ids.
pub(super) const SHARDS: std::ops::RangeInclusive<u8> = 0..=u8::MAX;

/// Where contents lie. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects {
    pub(super) store: Arc<dyn ObjectStore>,
    /// Bytes that are sent at a time, and at most twice that of an upload are in memory.
    pub(super) part_bytes: usize,
    pub(super) timeout: Duration,
    /// Of the disk that they take.
    pub(super) space: Space,
}

/// Why there is no place for contents.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot use the folder of the assets {}: {source}", path.display())]
    Folder {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    #[error("cannot use the asset store: {0}")]
    Store(#[from] object_store::Error),
    #[error("cannot prepare requests to the asset store: {0}")]
    Client(#[from] reqwest::Error),
    #[error("the asset store has no URL: {0}")]
    Url(#[from] url::ParseError),
}

/// A content, or a range of it, on its way out.
pub struct Content {
    /// Bytes of the whole content.
    pub size: u64,
    /// What of it comes.
    pub range: Range<u64>,
    pub stream: BoxStream<'static, Result<Bytes, ObjectError>>,
}

/// An object that lies in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub id: Uuid,
    pub written_at: DateTime<Utc>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, range, .. } = self;
        f.debug_struct("Content")
            .field("size", size)
            .field("range", range)
            .finish_non_exhaustive()
    }
}

impl Objects {
    /// Opens the store that is configured, and removes what an earlier process did not finish: one server has a folder. S3
    /// is not asked for anything yet.
    pub fn open(outgoing: &Outgoing, settings: &Settings, data_folder: &FsPath) -> Result<Self, OpenError> {
        if settings.store == AssetStoreKind::Folder {
            let path = folder(settings, data_folder);
            remove_unfinished(&path).map_err(|source| OpenError::Folder { path, source })?;
        }
        Self::open_beside(outgoing, settings, data_folder)
    }

    /// The same beside a server, whose uploads are under way.
    pub fn open_beside(
        outgoing: &Outgoing,
        settings: &Settings,
        data_folder: &FsPath,
    ) -> Result<Self, OpenError> {
        match settings.store {
            AssetStoreKind::Folder => {
                let folder = folder(settings, data_folder);
                let store = open_folder(&folder)?;
                Ok(Self {
                    store: Arc::new(store),
                    part_bytes: part_bytes(FOLDER_PART_BYTES),
                    timeout: FOLDER_TIMEOUT,
                    space: Space::of(&folder, settings.free_bytes_min),
                })
            }
            AssetStoreKind::S3 => {
                let timeout = Duration::from_secs(settings.s3.request_secs_max);
                let most = settings.upload_bytes_max.max(settings.recording_bytes_max);
                let least = most.div_ceil(S3_PARTS_MAX);
                Ok(Self {
                    store: Arc::new(open_s3(outgoing, &settings.s3, timeout)?),
                    part_bytes: part_bytes(least.max(S3_PART_BYTES_MIN)),
                    timeout,
                    space: Space::elsewhere(),
                })
            }
        }
    }

    /// Begins the object of this id. It is there when the writer has finished, and not before.
    #[must_use]
    pub fn writer(&self, id: Uuid) -> Writer {
        Writer::new(self.clone(), key(id))
    }

    /// The content of this id, or a range of it that is not empty.
    pub async fn read(&self, id: Uuid, range: Option<Range<u64>>) -> Result<Content, ObjectError> {
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let location = key(id);
        let asked = self.store.get_opts(&location, options);
        let found = within(self.timeout.min(READ_TIMEOUT_MAX), asked).await?;
        Ok(Content {
            size: found.meta.size,
            range: found.range.clone(),
            stream: found.into_stream().map_err(ObjectError::from).boxed(),
        })
    }

    /// Removes objects; those that are not there count as removed.
    pub async fn remove(&self, ids: &[Uuid]) -> Result<(), ObjectError> {
        let keys: Vec<_> = ids.iter().map(|id| Ok(key(*id))).collect();
        let mut removals = self.store.delete_stream(futures_util::stream::iter(keys).boxed());
        let mut failed = None;
        while let Some(removed) = next(self.timeout, &mut removals).await? {
            match removed {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// The database whose contents these are, as [`Objects::belong_to`] has written it; none where nobody has.
    pub(super) async fn database(&self) -> Result<Option<Vec<u8>>, ObjectError> {
        let location = Path::from(DATABASE);
        let found = match within(self.timeout, self.store.get(&location)).await {
            Err(ObjectError::Missing) => return Ok(None),
            found => found?,
        };
        if found.meta.size > DATABASE_BYTES_MAX {
            return Ok(Some(Vec::new()));
        }
        Ok(Some(within(self.timeout, found.bytes()).await?.to_vec()))
    }

    /// Writes whose contents these are.
    pub(super) async fn belong_to(&self, database: &[u8]) -> Result<(), ObjectError> {
        let location = Path::from(DATABASE);
        let written = self.store.put(&location, database.to_vec().into());
        within(self.timeout, written).await.map(drop)
    }

    /// The objects of one shard. What has another name than ours is not seen.
    pub(super) async fn list(&self, shard: u8) -> Result<Vec<Found>, ObjectError> {
        let prefix = Path::from(format!("{shard:02x}"));
        let mut listed = self.store.list(Some(&prefix));
        let mut found = Vec::new();
        while let Some(object) = next(self.timeout, &mut listed).await? {
            match object {
                Ok(object) => found.extend(ours(&object)),
                // A folder that does not exist has no objects.
                Err(object_store::Error::NotFound { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }
}

fn part_bytes(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Names of objects are ids, in folders by their first byte.
fn key(id: Uuid) -> Path {
    Path::from(format!("{:02x}/{id}", id.as_bytes()[0]))
}

fn ours(object: &ObjectMeta) -> Option<Found> {
    let id = object.location.filename()?.parse().ok()?;
    (key(id) == object.location).then_some(Found {
        id,
        written_at: object.last_modified,
    })
}

fn folder(settings: &Settings, data_folder: &FsPath) -> std::path::PathBuf {
    let default = || data_folder.join(FOLDER);
    settings.folder.clone().unwrap_or_else(default)
}

/// Only the server's user may look inside.
fn open_folder(path: &FsPath) -> Result<LocalFileSystem, OpenError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| OpenError::Folder {
        path: path.to_owned(),
        source,
    })?;
    // A row is durable: so must be what it speaks of.
    Ok(LocalFileSystem::new_with_prefix(path)?.with_fsync(true))
}

/// Removes what an earlier process began and did not finish, in files named `<id>#<number>`.
fn remove_unfinished(folder: &FsPath) -> std::io::Result<()> {
    for shard in SHARDS {
        let entries = match std::fs::read_dir(folder.join(format!("{shard:02x}"))) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let id = name
                .to_str()
                .and_then(|name| name.split_once('#'))
                .map(|(id, _)| id);
            if id.is_some_and(|id| Uuid::try_parse(id).is_ok()) {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

/// The server's own client, whatever else the library would make.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

fn s3_client(outgoing: &Outgoing, s3: &S3, timeout: Duration) -> Result<reqwest::Client, OpenError> {
    let waits = Waits {
        connect: CONNECT_TIMEOUT,
        // Of each read. A limit for the whole would cut long downloads; ours are around the calls.
        read: Some(timeout),
    };
    let endpoint = match &s3.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => Url::parse(AMAZON)?,
    };
    Ok(outgoing::client(outgoing, &endpoint, waits)?)
}

fn open_s3(outgoing: &Outgoing, s3: &S3, timeout: Duration) -> Result<impl ObjectStore + use<>, OpenError> {
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: RETRIES_MAX,
        retry_timeout: timeout,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(s3.bucket.clone().unwrap_or_default())
        .with_region(s3.region.as_str())
        .with_virtual_hosted_style_request(!s3.path_style)
        .with_http_connector(Connector(s3_client(outgoing, s3, timeout)?))
        .with_retry(retry);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
    }
    if let Some(id) = &s3.access_key_id {
        builder = builder.with_access_key_id(id);
    }
    if let Some(secret) = s3.secret_access_key.as_ref().map(Secret::reveal) {
        builder = builder.with_secret_access_key(secret);
    }
    Ok(builder.build()?)
}

/// One call to the store, in its time.
pub(super) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = object_store::Result<T>>,
) -> Result<T, ObjectError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answered) => Ok(answered?),
        Err(_) => Err(ObjectError::TooSlow),
    }
}

async fn next<T>(limit: Duration, stream: &mut BoxStream<'_, T>) -> Result<Option<T>, ObjectError> {
    tokio::time::timeout(limit, stream.next())
        .await
        .map_err(|_| ObjectError::TooSlow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ids() {
        let id: Uuid = "ab15b5c4-2e0a-4a6b-8c0d-1f2e3d4c5b6a".parse().unwrap();
        assert_eq!(key(id).as_ref(), "ab/ab15b5c4-2e0a-4a6b-8c0d-1f2e3d4c5b6a");
    }

    #[test]
    fn foreign_objects_are_not_seen() {
        let object = |name: &str| ObjectMeta {
            location: Path::from(name),
            last_modified: DateTime::UNIX_EPOCH,
            size: 1,
            e_tag: None,
            version: None,
        };
        let id = "ab15b5c4-2e0a-4a6b-8c0d-1f2e3d4c5b6a";
        assert!(ours(&object(&format!("ab/{id}"))).is_some());
        for foreign in [
            format!("ac/{id}"),
            id.to_owned(),
            format!("ab/x/{id}"),
            format!("ab/{}", id.to_uppercase()),
            "ab/readme".to_owned(),
        ] {
            assert!(ours(&object(&foreign)).is_none(), "{foreign}");
        }
    }
}
