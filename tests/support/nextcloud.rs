//! A small real NextCloud: folders over WebDAV and public links by the OCS share API, with errors in its two languages.
//! It checks account, headers and fields of each call, and can be silent, full, broken or dead.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use colloquy::{config, secrets::Secret};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::serving::Serving;

pub const USERNAME: &str = "meet ü";
pub const PASSWORD: &str = "app-password-of-the-tests";

/// A path, as an installation below another site has it.
const BASE: &str = "/nextcloud";
const FILES: &str = "/nextcloud/remote.php/dav/files/meet%20%C3%BC";
const SHARES: &str = "/nextcloud/ocs/v2.php/apps/files_sharing/api/v1/shares";

/// It ends with this.
pub struct FakeNextcloud {
    serving: Serving,
    world: Arc<Mutex<World>>,
}

/// How calls are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Honest,
    /// Never.
    Silent,
    /// The first link of a folder is made, the second one refused.
    RefusesSecondShare,
    /// The first link is made, and no answer comes about the second.
    SilentAtSecondShare,
    /// No space is left for a folder.
    Full,
    /// 200 with a page for people, as a login page in between would do.
    Page,
    /// Folders can't be deleted.
    KeepsFolders,
}

/// A public link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub path: String,
    pub permissions: String,
    pub password: String,
    pub expires: Option<String>,
}

/// What it keeps.
#[derive(Debug)]
pub struct World {
    mood: Mood,
    /// Paths without a slash at their ends.
    pub folders: BTreeSet<String>,
    pub links: BTreeMap<u64, Link>,
    /// Method and path of every call with the right account.
    pub calls: Vec<String>,
    last_link: u64,
}

impl FakeNextcloud {
    pub async fn start() -> Self {
        let world = Arc::new(Mutex::new(World {
            mood: Mood::Honest,
            folders: BTreeSet::new(),
            links: BTreeMap::new(),
            calls: Vec::new(),
            last_link: 0,
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&world));
        Self {
            serving: Serving::start(router).await,
            world,
        }
    }

    /// What a server is configured with to use this.
    pub fn settings(&self) -> config::SharedFolderSettings {
        config::SharedFolderSettings {
            url: format!("http://{}{BASE}/", self.serving.address).parse().ok(),
            username: Some(USERNAME.to_owned()),
            password: Some(Secret::new(PASSWORD)),
            directory: "of colloquy/meetings".to_owned(),
            expiry_days: Some(30),
            ..config::SharedFolderSettings::default()
        }
    }

    pub fn be(&self, mood: Mood) {
        self.world().mood = mood;
    }

    /// From now on connections are refused, and those that were open are cut.
    pub async fn die(&self) {
        self.serving.die().await;
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Folders of events, without those above them.
    pub fn event_folders(&self) -> Vec<String> {
        let world = self.world();
        let of_events = world.folders.iter().filter(|path| path.matches('/').count() == 2);
        of_events.cloned().collect()
    }

    pub fn links(&self) -> Vec<Link> {
        self.world().links.values().cloned().collect()
    }
}

async fn answer(
    State(world): State<Arc<Mutex<World>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let decided = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        world.handle(&method, &uri, &headers, &body)
    };
    match decided {
        Some(response) => response,
        // Whoever waits goes at some time, or the test ends.
        None => std::future::pending().await,
    }
}

impl World {
    /// `None`: no answer ever.
    fn handle(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Option<Response> {
        let credentials = STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        if given != Some(&format!("Basic {credentials}")) {
            return Some(dav_error(
                StatusCode::UNAUTHORIZED,
                "Cannot authenticate over ajax calls",
            ));
        }
        self.calls.push(format!("{method} {uri}"));
        match self.mood {
            Mood::Silent => return None,
            Mood::Page => return Some("<html><body>Log in</body></html>".into_response()),
            _ => {}
        }
        if let Some(path) = uri.path().strip_prefix(FILES) {
            let path = path.trim_matches('/').replace("%20", " ");
            return Some(self.file(method, &path));
        }
        let rest = uri.path().strip_prefix(SHARES)?;
        if headers.get("ocs-apirequest").is_none_or(|value| value != "true") {
            return Some(ocs(
                StatusCode::PRECONDITION_FAILED,
                "CSRF check failed",
                &Value::Null,
            ));
        }
        assert_eq!(uri.query(), Some("format=json"), "the answer would be XML");
        if *method == Method::DELETE {
            let id = rest.trim_start_matches('/').parse().unwrap_or_default();
            return Some(match self.links.remove(&id) {
                Some(_) => ocs(StatusCode::OK, "OK", &json!([])),
                None => ocs(
                    StatusCode::NOT_FOUND,
                    "Wrong share ID, share does not exist",
                    &json!([]),
                ),
            });
        }
        assert_eq!((method, rest), (&Method::POST, ""));
        self.share(body)
    }

    fn file(&mut self, method: &Method, path: &str) -> Response {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        match method.as_str() {
            "MKCOL" if self.mood == Mood::Full => {
                dav_error(StatusCode::INSUFFICIENT_STORAGE, "Not enough free space")
            }
            "MKCOL" if self.folders.contains(path) => dav_error(
                StatusCode::METHOD_NOT_ALLOWED,
                "The resource you tried to create already exists",
            ),
            "MKCOL" if !parent.is_empty() && !self.folders.contains(parent) => {
                dav_error(StatusCode::CONFLICT, "Parent node does not exist")
            }
            "MKCOL" => {
                self.folders.insert(path.to_owned());
                StatusCode::CREATED.into_response()
            }
            "DELETE" if self.mood == Mood::KeepsFolders => dav_error(StatusCode::LOCKED, "It is locked"),
            "DELETE" if self.folders.contains(path) => {
                let is_inside = |other: &str| other == path || other.starts_with(&format!("{path}/"));
                self.folders.retain(|other| !is_inside(other));
                self.links
                    .retain(|_, link| !is_inside(link.path.trim_start_matches('/')));
                StatusCode::NO_CONTENT.into_response()
            }
            "DELETE" => dav_error(StatusCode::NOT_FOUND, "File with name could not be located"),
            other => panic!("nobody needs {other}"),
        }
    }

    fn share(&mut self, body: &Bytes) -> Option<Response> {
        let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        assert_eq!(field("shareType"), "3", "a public link");
        let path = field("path");
        if !self.folders.contains(path.trim_start_matches('/')) {
            return Some(ocs(
                StatusCode::NOT_FOUND,
                "Wrong path, file/folder does not exist",
                &json!([]),
            ));
        }
        let is_second = self.links.values().any(|link| link.path == path);
        match self.mood {
            Mood::SilentAtSecondShare if is_second => return None,
            Mood::RefusesSecondShare if is_second => {
                return Some(ocs(
                    StatusCode::FORBIDDEN,
                    "Public upload disabled by the administrator",
                    &json!([]),
                ));
            }
            _ => {}
        }
        self.last_link += 1;
        let link = Link {
            path,
            permissions: field("permissions"),
            password: field("password"),
            expires: form.get("expireDate").cloned(),
        };
        self.links.insert(self.last_link, link);
        let data = json!({
            "id": self.last_link.to_string(),
            "url": format!("https://cloud.example.org/s/{}", self.last_link),
        });
        Some(ocs(StatusCode::OK, "OK", &data))
    }
}

fn ocs(status: StatusCode, message: &str, data: &Value) -> Response {
    let word = if status.is_success() { "ok" } else { "failure" };
    let meta = json!({"status": word, "statuscode": status.as_u16(), "message": message});
    (status, Json(json!({"ocs": {"meta": meta, "data": data}}))).into_response()
}

fn dav_error(status: StatusCode, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<d:error xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\">\n  \
         <s:exception>Sabre\\DAV\\Exception</s:exception>\n  <s:message>{message}</s:message>\n</d:error>\n"
    );
    (status, [("content-type", "application/xml; charset=utf-8")], body).into_response()
}
