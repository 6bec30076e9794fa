//! A small real Spacedeck: spaces, their list by name, and PDFs. It checks the key of each call, and can be silent, dead, broken, and
//! lie about PDFs in many ways.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Redirect, Response},
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use url::Url;

use super::serving::Serving;

pub const API_KEY: &str = "key-of-spacedeck-that-nobody-sees";

/// A path, as an installation below another site has it.
const BASE: &str = "/deck";

/// What was sent has left by then.
const BEFORE_CUT: Duration = Duration::from_millis(50);

/// What it makes of a whiteboard.
pub const PDF: &[u8] = b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n";

/// It ends with this.
pub struct FakeSpacedeck {
    serving: Serving,
    world: Arc<Mutex<World>>,
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
    /// JSON of another shape.
    Odd,
    /// What should be an id is a path.
    Path,
    /// An answer that breaks off.
    Half,
    /// An answer without end.
    Endless,
    /// Lists can't be had; everything else is fine.
    Listless,
    /// Nothing can be deleted.
    Keeps,
    /// PDFs: a page, half of one, one without its end, at another origin, behind a redirect, too large by its own word, without end, never.
    PdfPage,
    PdfHalf,
    PdfCut,
    PdfElsewhere,
    PdfRedirect,
    PdfHuge,
    PdfEndless,
    PdfSilent,
}

/// What it keeps.
#[derive(Debug)]
pub struct World {
    mood: Mood,
    /// Names by ids.
    pub spaces: BTreeMap<String, String>,
    /// Method and path of every call with the right key, and of every PDF that was fetched.
    pub calls: Vec<String>,
    made: u32,
}

impl FakeSpacedeck {
    pub async fn start() -> Self {
        let world = Arc::new(Mutex::new(World {
            mood: Mood::Honest,
            spaces: BTreeMap::new(),
            calls: Vec::new(),
            made: 0,
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&world));
        Self {
            serving: Serving::start(router).await,
            world,
        }
    }

    pub fn url(&self) -> Url {
        format!("http://{}{BASE}", self.serving.address)
            .parse()
            .expect("a URL")
    }

    /// What a server is started with to use this.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("COLLOQUY_WHITEBOARD__BASE_URL", self.url().to_string()),
            ("COLLOQUY_WHITEBOARD__API_KEY", API_KEY.to_owned()),
        ]
    }

    pub fn be(&self, mood: Mood) {
        self.world().mood = mood;
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of all spaces.
    pub fn names(&self) -> Vec<String> {
        self.world().spaces.values().cloned().collect()
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

/// A piece, and then the end, or, a moment later, when it has left, the connection breaks.
fn pieces(content_type: &str, piece: &'static [u8], breaks: bool) -> Response {
    let piece = stream::iter([Ok(Bytes::from_static(piece))]);
    let cut = stream::iter(breaks.then_some(())).then(|()| async {
        tokio::time::sleep(BEFORE_CUT).await;
        Err(io::Error::other("cut"))
    });
    let body = Body::from_stream(piece.chain(cut));
    ([("content-type", content_type)], body).into_response()
}

/// A megabyte again and again.
fn endless(content_type: &str, begin: &'static [u8]) -> Response {
    let megabyte = Bytes::from(vec![b' '; 1024 * 1024]);
    let rest = std::iter::repeat_with(move || Ok::<_, io::Error>(megabyte.clone()));
    let all = std::iter::once(Ok(Bytes::from_static(begin))).chain(rest);
    (
        [("content-type", content_type)],
        Body::from_stream(stream::iter(all)),
    )
        .into_response()
}

fn page() -> Response {
    ([("content-type", "text/html")], "<html><body>Sorry</body></html>").into_response()
}

impl World {
    /// `None`: no answer ever.
    fn handle(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Option<Response> {
        let key = headers
            .get("x-spacedeck-api-token")
            .map(axum::http::HeaderValue::as_bytes);
        let path = uri.path().strip_prefix(BASE).unwrap_or_default().to_owned();
        if path.starts_with("/storage/") {
            assert_eq!(key, None, "the key is not for whoever keeps files");
            self.calls.push(format!("{method} {path}"));
            return self.file();
        }
        if key != Some(API_KEY.as_bytes()) {
            return Some((StatusCode::FORBIDDEN, Json(json!({"error": "auth required"}))).into_response());
        }
        self.calls.push(format!("{method} {path}"));
        match self.mood {
            Mood::Silent => return None,
            Mood::Page => return Some(page()),
            Mood::Gateway => return Some((StatusCode::BAD_GATEWAY, "bad gateway").into_response()),
            Mood::Broken => return Some((StatusCode::INTERNAL_SERVER_ERROR, "oops").into_response()),
            Mood::Odd => return Some(Json(json!({"_id": 7, "url": null})).into_response()),
            Mood::Half => return Some(pieces("application/json", br#"{"_id":"a","edit_"#, true)),
            Mood::Endless => return Some(endless("application/json", b"[")),
            _ => {}
        }
        let segments: Vec<_> = path.split('/').skip(1).collect();
        Some(match (method.as_str(), &segments[..]) {
            ("GET", ["api", "spaces"]) => self.list(uri.query().unwrap_or_default()),
            ("POST", ["api", "spaces"]) => self.create(body),
            ("DELETE", ["api", "spaces", id]) => self.delete(id),
            ("GET", ["api", "spaces", id, "pdf"]) => self.render(id),
            other => panic!("nobody needs {other:?}"),
        })
    }

    fn list(&self, query: &str) -> Response {
        if self.mood == Mood::Listless {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let query: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let wanted = &query["search"];
        let found = self.spaces.iter().filter(|(_, name)| name.contains(&**wanted));
        let found: Vec<_> = found
            .map(|(id, name)| json!({"_id": id, "name": name, "edit_hash": "0a1b2c3", "thumbnail_url": null}))
            .collect();
        Json(found).into_response()
    }

    fn create(&mut self, body: &Bytes) -> Response {
        let body: Value = serde_json::from_slice(body).expect("JSON");
        let name = body["name"].as_str().expect("a name").to_owned();
        let expected = json!({"artifacts": [], "name": name, "parent_space_id": null, "space_type": "space"});
        assert_eq!(body, expected);
        self.made += 1;
        let id = match self.mood {
            Mood::Path => "../../users".to_owned(),
            _ => format!("space-{}", self.made),
        };
        self.spaces.insert(id.clone(), name.clone());
        let slug = name.replace(':', "");
        let made =
            json!({"_id": id, "edit_hash": format!("hash{}", self.made), "edit_slug": slug, "name": name});
        (StatusCode::CREATED, Json(made)).into_response()
    }

    fn delete(&mut self, id: &str) -> Response {
        if self.mood == Mood::Keeps {
            return StatusCode::FORBIDDEN.into_response();
        }
        match self.spaces.remove(id) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => (StatusCode::NOT_FOUND, Json(json!({"error": "space_not_found"}))).into_response(),
        }
    }

    fn render(&self, id: &str) -> Response {
        if !self.spaces.contains_key(id) {
            return StatusCode::NOT_FOUND.into_response();
        }
        let url = match self.mood {
            Mood::PdfElsewhere => "http://127.0.0.2:9/storage/x.pdf".to_owned(),
            _ => format!("/storage/{id}.pdf"),
        };
        Json(json!({"url": url})).into_response()
    }

    fn file(&self) -> Option<Response> {
        const KIND: &str = "application/pdf";
        let (half, _) = PDF.split_at(20);
        Some(match self.mood {
            Mood::PdfSilent => return None,
            Mood::PdfPage => page(),
            Mood::PdfHalf => pieces(KIND, half, true),
            Mood::PdfCut => pieces(KIND, half, false),
            Mood::PdfRedirect => Redirect::temporary("/deck/storage/other.pdf").into_response(),
            Mood::PdfHuge => {
                let headers = [("content-type", KIND), ("content-length", "104857601")];
                // The rest never comes.
                let begin = stream::iter([Ok::<_, io::Error>(Bytes::from_static(half))]);
                let body = Body::from_stream(begin.chain(stream::pending()));
                (headers, body).into_response()
            }
            Mood::PdfEndless => endless(KIND, half),
            _ => ([("content-type", KIND)], PDF).into_response(),
        })
    }
}
