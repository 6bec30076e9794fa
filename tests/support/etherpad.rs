//! A small real Etherpad: groups, pads, authors and sessions by its HTTP API, with the pages of the two plugins. It checks key, method and
//! form of each call, answers refusals with 200 as the real one does, and can be silent, dead, broken, and lie.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use colloquy::{
    config::{EtherpadAccess, EtherpadSettings},
    secrets::Secret,
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use url::Url;

use super::serving::Serving;

pub const API_KEY: &str = "key-of-etherpad-that-nobody-sees";

/// A path, as an installation below another site has it.
const BASE: &str = "/pads";

/// What was sent has left by then.
const BEFORE_CUT: Duration = Duration::from_millis(50);

/// What its converter makes of a pad.
pub const PDF: &[u8] = b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n";

/// It ends with this.
pub struct FakeEtherpad {
    serving: Serving,
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
}

/// How calls are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Honest,
    /// Never.
    Silent,
    /// 200 with a page for people.
    Page,
    /// 502, as a proxy says it whose backend is dead.
    Gateway,
    /// 500.
    Broken,
    /// JSON without what is needed.
    Odd,
    /// What should be an id is more than that.
    Path,
    /// An answer that breaks off.
    Half,
    /// An answer without end.
    Endless,
    /// Code 2 to everything.
    Internal,
    /// The pages of the plugins are missing.
    Plain,
    /// No sessions can be made, or none that may write.
    NoSessions,
    NoWriting,
    /// No converter: 200 with a sentence.
    NoConverter,
    /// Half of a PDF.
    PdfHalf,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PadSession {
    pub group: String,
    pub author: String,
    pub readonly: bool,
}

/// What it keeps.
#[derive(Debug)]
pub struct World {
    mood: Mood,
    /// Groups by what they are mapped from.
    pub groups: BTreeMap<String, String>,
    /// Ids of pads; those that are public.
    pub pads: BTreeSet<String>,
    pub public: BTreeSet<String>,
    /// Names of authors by what they are mapped from.
    pub authors: BTreeMap<String, String>,
    pub sessions: BTreeMap<String, PadSession>,
    /// The last part of the path of every call.
    pub calls: Vec<String>,
    under_way: usize,
    /// The most calls that were ever under way at the same time.
    pub at_once_max: usize,
    /// How long each call takes.
    pub thinks: Duration,
    made: u32,
}

impl FakeEtherpad {
    pub async fn start() -> Self {
        let world = Mutex::new(World {
            mood: Mood::Honest,
            groups: BTreeMap::new(),
            pads: BTreeSet::new(),
            public: BTreeSet::new(),
            authors: BTreeMap::new(),
            sessions: BTreeMap::new(),
            calls: Vec::new(),
            under_way: 0,
            at_once_max: 0,
            thinks: Duration::ZERO,
            made: 0,
        });
        let shared = Arc::new(Shared { world });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        Self {
            serving: Serving::start(router).await,
            shared,
        }
    }

    pub fn url(&self) -> Url {
        format!("http://{}{BASE}", self.serving.address)
            .parse()
            .expect("a URL")
    }

    /// What a client is made with to use this.
    pub fn settings(&self, access: EtherpadAccess) -> EtherpadSettings {
        EtherpadSettings {
            base_url: Some(self.url()),
            api_key: Some(Secret::new(API_KEY)),
            api_key_file: None,
            access,
        }
    }

    /// What a server is started with to use this.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("COLLOQUY_ETHERPAD__BASE_URL", self.url().to_string()),
            ("COLLOQUY_ETHERPAD__API_KEY", API_KEY.to_owned()),
        ]
    }

    pub fn be(&self, mood: Mood) {
        self.world().mood = mood;
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session that a URL leads to.
    #[track_caller]
    pub fn session_of(&self, url: &Value) -> (String, Option<PadSession>) {
        let url: Url = url.as_str().expect("a URL").parse().expect("a URL");
        assert_eq!(url.path(), format!("{BASE}/auth_session"));
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let names: Vec<_> = query.keys().map(String::as_str).collect();
        assert_eq!(names, ["groupID", "padName", "sessionID"]);
        assert_eq!(query["padName"], "meeting_notes");
        let id = query["sessionID"].clone();
        let session = self.world().sessions.get(&id).cloned();
        assert!(
            session
                .as_ref()
                .is_none_or(|session| session.group == query["groupID"])
        );
        (id, session)
    }

    /// From now on connections are refused, and those that were open are cut.
    pub async fn die(&self) {
        self.serving.die().await;
    }

    /// It lives again, at its old address.
    pub async fn revive(&self) {
        self.serving.revive().await;
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let world = || shared.world.lock().unwrap_or_else(PoisonError::into_inner);
    let thinks = {
        let mut world = world();
        world.under_way += 1;
        world.at_once_max = world.at_once_max.max(world.under_way);
        world.thinks
    };
    if !thinks.is_zero() {
        tokio::time::sleep(thinks).await;
    }
    let decided = {
        let mut world = world();
        world.under_way -= 1;
        world.handle(&method, &uri, &headers, &body)
    };
    match decided {
        Some(response) => response,
        // Whoever waits goes at some time, or the test ends.
        None => std::future::pending().await,
    }
}

fn page() -> Response {
    ([("content-type", "text/html")], "<html><body>Sorry</body></html>").into_response()
}

/// A piece, and a moment later, when it has left, the connection breaks.
fn pieces(content_type: &str, piece: &'static [u8]) -> Response {
    let cut = stream::once(async {
        tokio::time::sleep(BEFORE_CUT).await;
        Err(io::Error::other("cut"))
    });
    let body = stream::iter([Ok(Bytes::from_static(piece))]).chain(cut);
    ([("content-type", content_type)], Body::from_stream(body)).into_response()
}

fn endless() -> Response {
    let megabyte = Bytes::from(vec![b' '; 1024 * 1024]);
    let all = std::iter::repeat_with(move || Ok::<_, io::Error>(megabyte.clone()));
    (
        [("content-type", "application/json")],
        Body::from_stream(stream::iter(all)),
    )
        .into_response()
}

fn done(data: &Value) -> Response {
    Json(json!({"code": 0, "message": "ok", "data": data})).into_response()
}

/// As the real one refuses all but the key.
fn refused(message: &str) -> Response {
    Json(json!({"code": 1, "message": message, "data": null})).into_response()
}

impl World {
    /// `None`: no answer ever.
    fn handle(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Option<Response> {
        let path = uri.path().strip_prefix(BASE).expect("the base").to_owned();
        if let Some(pad) = path
            .strip_prefix("/p/")
            .and_then(|rest| rest.strip_suffix("/export/pdf"))
        {
            self.calls.push("pdf".to_owned());
            return Some(self.export(pad, headers));
        }
        assert_eq!(
            (method, uri.query()),
            (&Method::POST, None),
            "no URL holds the key"
        );
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
        if form.get("apikey").map(String::as_str) != Some(API_KEY) {
            let refusal = json!({"code": 4, "message": "no or wrong API Key", "data": null});
            return Some((StatusCode::UNAUTHORIZED, Json(refusal)).into_response());
        }
        let (folder, call) = path.rsplit_once('/').expect("a path");
        self.calls.push(call.to_owned());
        let is_plugin = folder == "/readSession";
        assert!(is_plugin || ["/api/1", "/api/1.2.1"].contains(&folder), "{path}");
        Some(match self.mood {
            Mood::Silent => return None,
            Mood::Page => page(),
            Mood::Gateway => (StatusCode::BAD_GATEWAY, "bad gateway").into_response(),
            Mood::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "oops").into_response(),
            Mood::Odd => done(&json!({"groupID": 7})),
            Mood::Path => {
                done(&json!({"groupID": "g.1/../../x", "readOnlyID": "../", "sessionID": "s.1; Path=/"}))
            }
            Mood::Half => pieces("application/json", br#"{"code":0,"da"#),
            Mood::Endless => endless(),
            Mood::Internal => {
                Json(json!({"code": 2, "message": "internal error", "data": null})).into_response()
            }
            Mood::Plain if is_plugin => StatusCode::NOT_FOUND.into_response(),
            _ if is_plugin => self.plugin(call, &form),
            _ => self.api(call, &form),
        })
    }

    fn api(&mut self, call: &str, form: &BTreeMap<String, String>) -> Response {
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        match call {
            "checkToken" => done(&Value::Null),
            "createGroupIfNotExistsFor" => {
                let id = format!("g.{:016}", self.groups.len() + 1);
                let id = self.groups.entry(field("groupMapper")).or_insert(id);
                done(&json!({"groupID": id}))
            }
            "createGroupPad" => {
                if !self.has_group(&field("groupID")) {
                    return refused("groupID does not exist");
                }
                let id = format!("{}${}", field("groupID"), field("padName"));
                if !self.pads.insert(id.clone()) {
                    return refused("padName does already exist");
                }
                done(&json!({"padID": id}))
            }
            "createAuthorIfNotExistsFor" => {
                let mapper = field("authorMapper");
                self.authors.insert(mapper.clone(), field("name"));
                done(&json!({"authorID": format!("a.{mapper}")}))
            }
            "createSession" if self.mood == Mood::NoWriting => refused("validUntil is in the past"),
            "createSession" => self.session(form, false),
            "deleteSession" => match self.sessions.remove(&field("sessionID")) {
                Some(_) => done(&Value::Null),
                None => refused("sessionID does not exist"),
            },
            "listSessionsOfGroup" => self.list(&field("groupID")),
            "deletePad" if self.pads.remove(&field("padID")) => done(&Value::Null),
            "deletePad" => refused("padID does not exist"),
            "deleteGroup" => {
                let group = field("groupID");
                if !self.has_group(&group) {
                    return refused("groupID does not exist");
                }
                self.groups.retain(|_, other| *other != group);
                self.sessions.retain(|_, session| session.group != group);
                done(&Value::Null)
            }
            "setPublicStatus" => {
                assert_eq!(field("publicStatus"), "true");
                self.public.insert(field("padID"));
                done(&Value::Null)
            }
            "getReadOnlyID" => {
                let id = field("padID");
                if self.pads.contains(&id) {
                    done(&json!({"readOnlyID": format!("r.{}", id.replace(['.', '$'], "-"))}))
                } else {
                    refused("padID does not exist")
                }
            }
            other => panic!("nobody needs {other}"),
        }
    }

    fn plugin(&mut self, call: &str, form: &BTreeMap<String, String>) -> Response {
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        match call {
            "createReadSession" => self.session(form, true),
            "deleteSession" => {
                let id = field("sessionID");
                match self.sessions.get(&id).filter(|session| session.readonly) {
                    Some(_) => {
                        self.sessions.remove(&id);
                        done(&Value::Null)
                    }
                    None => refused("sessionID does not exist"),
                }
            }
            "deleteGroup" => {
                let group = field("groupID");
                self.sessions
                    .retain(|_, session| session.group != group || !session.readonly);
                done(&Value::Null)
            }
            other => panic!("nobody needs {other}"),
        }
    }

    fn has_group(&self, id: &str) -> bool {
        self.groups.values().any(|group| group == id)
    }

    fn session(&mut self, form: &BTreeMap<String, String>, readonly: bool) -> Response {
        if self.mood == Mood::NoSessions {
            return refused("authorID does not exist");
        }
        if !self.has_group(&form["groupID"]) {
            return refused("groupID does not exist");
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a time")
            .as_secs();
        let until: u64 = form["validUntil"].parse().expect("seconds");
        assert!((now + 7_000..=now + 7_300).contains(&until), "two hours");
        self.made += 1;
        let id = format!("s.secret-session-{:08}", self.made);
        let session = PadSession {
            group: form["groupID"].clone(),
            author: form["authorID"].clone(),
            readonly,
        };
        self.sessions.insert(id.clone(), session);
        done(&json!({"sessionID": id}))
    }

    fn list(&self, group: &str) -> Response {
        if !self.has_group(group) {
            return refused("groupID does not exist");
        }
        let of_group = self.sessions.iter().filter(|(_, session)| session.group == group);
        let mut all: BTreeMap<&str, Value> = of_group
            .map(|(id, session)| {
                (
                    &**id,
                    json!({"groupID": group, "authorID": session.author, "validUntil": 1}),
                )
            })
            .collect();
        if all.is_empty() {
            return done(&Value::Null);
        }
        // One that was deleted stays in its list.
        all.insert("s.gone", Value::Null);
        done(&json!(all))
    }

    fn export(&self, pad: &str, headers: &HeaderMap) -> Response {
        let cookie = headers.get("cookie").and_then(|cookie| cookie.to_str().ok());
        let session = cookie.and_then(|cookie| cookie.strip_prefix("sessionID="));
        let pad = pad.replace("%24", "$");
        let may = session.is_some_and(|id| self.sessions.contains_key(id)) || self.public.contains(&pad);
        if !may || !self.pads.contains(&pad) {
            return (StatusCode::FORBIDDEN, page()).into_response();
        }
        match self.mood {
            Mood::NoConverter => page(),
            Mood::PdfHalf => pieces("application/pdf", &PDF[..20]),
            Mood::Silent => (StatusCode::GATEWAY_TIMEOUT, page()).into_response(),
            _ => ([("content-type", "application/pdf")], PDF).into_response(),
        }
    }
}
