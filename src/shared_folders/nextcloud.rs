//! NextCloud: folders by WebDAV, links by the OCS share API.

use chrono::{DateTime, Days, Utc};
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use tokio::time::timeout;
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::{
    ProviderTimeouts, StorageError,
    ocs::{self, Link},
    password,
};
use crate::{
    config,
    outgoing::{self, Waits},
    secrets::Secret,
    store::shared_folders::{Discarded, Share, SharedFolder},
};

/// An answer; of longer ones the rest is not read, and counts as nonsense.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A share by a public link.
const PUBLIC_LINK: &str = "3";

/// What a link allows: the sum of read 1, change 2, create 4, delete 8.
const READ: &str = "1";
const READ_WRITE: &str = "15";

pub(super) struct Nextcloud {
    http: reqwest::Client,
    url: Url,
    username: String,
    password: Secret,
    directory: Vec<String>,
    expiry_days: Option<u32>,
    timeouts: ProviderTimeouts,
}

impl Nextcloud {
    pub(super) fn new(
        outgoing: &config::Outgoing,
        url: &Url,
        settings: &config::SharedFolderSettings,
        timeouts: ProviderTimeouts,
    ) -> Result<Self, reqwest::Error> {
        let waits = Waits {
            connect: timeouts.connect,
            read: None,
        };
        Ok(Self {
            http: outgoing::client(outgoing, url, waits)?,
            url: url.clone(),
            username: settings.username.clone().unwrap_or_default(),
            password: settings.password.clone().unwrap_or_else(|| Secret::new("")),
            directory: settings.directory.split('/').map(str::to_owned).collect(),
            expiry_days: settings.expiry_days,
            timeouts,
        })
    }

    pub(super) async fn create(&self, event: Uuid, now: DateTime<Utc>) -> Result<SharedFolder, StorageError> {
        let name = format!("{event}-{:08x}", rand::random::<u32>());
        let path = format!("{}/{name}", self.directory.join("/"));
        let creation = async {
            let made = self.make_folder(&path).await;
            let is_made = made.as_ref().err().is_none_or(|error| !error.is_without_effect());
            let shared = match made {
                Ok(()) => self.share_both_ways(&path, now).await,
                Err(error) => Err(error),
            };
            shared.map_err(|error| (error, is_made))
        };
        let created = timeout(self.timeouts.creation, creation).await;
        match created.unwrap_or(Err((StorageError::TimedOut, true))) {
            Ok(folder) => Ok(folder),
            Err((error, is_made)) => {
                if is_made {
                    self.undo(&path).await;
                }
                Err(error)
            }
        }
    }

    /// The links die with the folder; asking for each is for providers that keep them in a trash.
    pub(super) async fn delete(&self, folder: &Discarded) -> Result<(), StorageError> {
        self.delete_folder(&folder.path).await?;
        for share in &folder.shares {
            self.delete_share(share).await?;
        }
        Ok(())
    }

    pub(super) async fn undo(&self, path: &str) {
        if let Err(error) = self.delete_folder(path).await {
            tracing::warn!(%error, path, "a shared folder that no event has could not be deleted at the storage provider");
        }
    }

    async fn share_both_ways(&self, path: &str, now: DateTime<Utc>) -> Result<SharedFolder, StorageError> {
        Ok(SharedFolder {
            write: self.share(path, READ_WRITE, now).await?,
            read: self.share(path, READ, now).await?,
            path: path.to_owned(),
        })
    }

    /// Makes a folder, and those above it where they are missing.
    async fn make_folder(&self, path: &str) -> Result<(), StorageError> {
        match self.mkcol(path).await? {
            (StatusCode::CREATED, _) => return Ok(()),
            // The folder above is missing.
            (StatusCode::CONFLICT, _) => {}
            (status, words) => return Err(refusal(status, words)),
        }
        for depth in 1..=self.directory.len() {
            match self.mkcol(&self.directory[..depth].join("/")).await? {
                // New, or there already.
                (StatusCode::CREATED | StatusCode::METHOD_NOT_ALLOWED, _) => {}
                (status, words) => return Err(refusal(status, words)),
            }
        }
        match self.mkcol(path).await? {
            (StatusCode::CREATED, _) => Ok(()),
            (status, words) => Err(refusal(status, words)),
        }
    }

    async fn mkcol(&self, path: &str) -> Result<(StatusCode, String), StorageError> {
        // A constant of valid characters.
        let method = Method::from_bytes(b"MKCOL").map_err(|_| StorageError::Nonsense)?;
        let (status, body) = self.call(self.http.request(method, self.file_url(path)?)).await?;
        Ok((status, ocs::words(&body)))
    }

    async fn delete_folder(&self, path: &str) -> Result<(), StorageError> {
        let request = self.http.delete(self.file_url(path)?);
        match self.call(request).await? {
            // No page in between, such as one to log in, says that; 207 would mean that a part is still there.
            (StatusCode::NO_CONTENT, _) => Ok(()),
            (status, _) if status.is_success() => Err(StorageError::Nonsense),
            answer => gone(answer),
        }
    }

    async fn delete_share(&self, id: &str) -> Result<(), StorageError> {
        let request = self.http.delete(self.shares_url(Some(id))?);
        gone(self.call(request.header("OCS-APIRequest", "true")).await?)
    }

    async fn share(&self, path: &str, permissions: &str, now: DateTime<Utc>) -> Result<Share, StorageError> {
        let password = password::random();
        let end = self.end(now);
        let fields = [
            ("path", Some(&*format!("/{path}"))),
            ("shareType", Some(PUBLIC_LINK)),
            ("permissions", Some(permissions)),
            ("password", Some(password.reveal())),
            ("expireDate", end.as_deref()),
        ];
        let fields = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self
            .http
            .post(self.shares_url(None)?)
            .header("OCS-APIRequest", "true")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        let (status, body) = self.call(request).await?;
        if !status.is_success() {
            return Err(refusal(status, ocs::words(&body)));
        }
        let Link { id, url } = ocs::link(&body)?;
        Ok(Share {
            id,
            url: url.into(),
            password,
        })
    }

    /// The last day of a new link.
    fn end(&self, now: DateTime<Utc>) -> Option<String> {
        let end = now.checked_add_days(Days::new(self.expiry_days?.into()))?;
        Some(end.format("%Y-%m-%d").to_string())
    }

    /// Sends a request with the account's credentials, and reads the answer.
    async fn call(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), StorageError> {
        let request = request
            .basic_auth(&self.username, Some(self.password.reveal()))
            .header(ACCEPT, "application/json");
        let call = async {
            let response = request.send().await.map_err(broken)?;
            let status = response.status();
            Ok((status, read(response).await?))
        };
        let answer = timeout(self.timeouts.call, call).await;
        answer.unwrap_or(Err(StorageError::TimedOut))
    }

    fn file_url(&self, path: &str) -> Result<Url, StorageError> {
        let folder = ["remote.php", "dav", "files", &self.username];
        self.below(folder.into_iter().chain(path.split('/')))
    }

    fn shares_url(&self, id: Option<&str>) -> Result<Url, StorageError> {
        let api = ["ocs", "v2.php", "apps", "files_sharing", "api", "v1", "shares"];
        let mut url = self.below(api.into_iter().chain(id))?;
        url.set_query(Some("format=json"));
        Ok(url)
    }

    fn below<'a>(&self, segments: impl Iterator<Item = &'a str>) -> Result<Url, StorageError> {
        let mut url = self.url.clone();
        // An http URL always has a path.
        let mut path = url.path_segments_mut().map_err(|()| StorageError::Nonsense)?;
        path.pop_if_empty().extend(segments);
        drop(path);
        Ok(url)
    }
}

/// What is not there is deleted as well.
fn gone((status, body): (StatusCode, Vec<u8>)) -> Result<(), StorageError> {
    if status.is_success() || status == StatusCode::NOT_FOUND {
        Ok(())
    } else {
        Err(refusal(status, ocs::words(&body)))
    }
}

fn refusal(status: StatusCode, words: String) -> StorageError {
    match status {
        StatusCode::UNAUTHORIZED => StorageError::Account,
        StatusCode::INSUFFICIENT_STORAGE => StorageError::Full,
        status => StorageError::Refused { status, words },
    }
}

fn broken(error: reqwest::Error) -> StorageError {
    let is_unreachable = error.is_connect();
    tracing::debug!(error = %error.without_url(), "a call to the storage provider failed");
    if is_unreachable {
        StorageError::Unreachable
    } else {
        StorageError::Nonsense
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, StorageError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(StorageError::Nonsense);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nextcloud(url: &str) -> Nextcloud {
        let settings = config::SharedFolderSettings {
            username: Some("meet ü/x".to_owned()),
            directory: "a b/c".to_owned(),
            expiry_days: Some(30),
            ..config::SharedFolderSettings::default()
        };
        let url = Url::parse(url).expect("a URL");
        Nextcloud::new(
            &config::Outgoing::default(),
            &url,
            &settings,
            ProviderTimeouts::default(),
        )
        .expect("a client")
    }

    #[test]
    fn addresses_lie_below_the_provider_and_are_escaped() {
        for base in ["https://cloud.example.org/nc", "https://cloud.example.org/nc/"] {
            let cloud = nextcloud(base);
            assert_eq!(
                cloud.file_url("a b/c/?#").expect("a URL").as_str(),
                "https://cloud.example.org/nc/remote.php/dav/files/meet%20%C3%BC%2Fx/a%20b/c/%3F%23"
            );
            assert_eq!(
                cloud.shares_url(Some("17")).expect("a URL").as_str(),
                "https://cloud.example.org/nc/ocs/v2.php/apps/files_sharing/api/v1/shares/17?format=json"
            );
        }
    }

    #[test]
    fn links_end_after_the_configured_days() {
        let now = DateTime::parse_from_rfc3339("2028-02-01T23:59:59Z").expect("a time");
        let cloud = nextcloud("https://cloud.example.org");
        assert_eq!(cloud.end(now.to_utc()).as_deref(), Some("2028-03-02"));
    }
}
