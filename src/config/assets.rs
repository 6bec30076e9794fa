//! Settings of the asset store.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::secrets::Secret;

/// Where recordings and reports lie.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssetSettings {
    pub store: AssetStoreKind,
    /// For the store `folder`; `assets` in the data folder when absent.
    pub folder: Option<PathBuf>,
    /// Whether all nodes of a cluster have the folder in common.
    pub shared: bool,
    /// Bytes of an upload at the most.
    pub upload_bytes_max: u64,
    /// Bytes of a recording at the most.
    pub recording_bytes_max: u64,
    /// Uploads at the same time.
    pub uploads_max: usize,
    /// Bytes that stay free where the folder and the spool of recordings lie; 0: none.
    pub free_bytes_min: u64,
    pub s3: S3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetStoreKind {
    #[default]
    Folder,
    S3,
}

/// A bucket at a store that speaks the protocol of Amazon's S3.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3 {
    /// Amazon's of the region when absent.
    pub endpoint: Option<Url>,
    pub bucket: Option<String>,
    pub region: String,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<Secret>,
    /// A file with the key.
    pub secret_access_key_file: Option<PathBuf>,
    /// Whether the bucket stands in the path of URLs instead of the host's name.
    pub path_style: bool,
    /// Seconds for one request.
    pub request_secs_max: u64,
}

impl Default for AssetSettings {
    fn default() -> Self {
        Self {
            store: AssetStoreKind::Folder,
            folder: None,
            shared: false,
            upload_bytes_max: 2 * 1024 * 1024 * 1024,
            recording_bytes_max: 10 * 1024 * 1024 * 1024,
            uploads_max: 64,
            free_bytes_min: 5 * 1024 * 1024 * 1024,
            s3: S3::default(),
        }
    }
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            endpoint: None,
            bucket: None,
            region: "us-east-1".to_owned(),
            access_key_id: None,
            secret_access_key: None,
            secret_access_key_file: None,
            path_style: true,
            request_secs_max: 30,
        }
    }
}
