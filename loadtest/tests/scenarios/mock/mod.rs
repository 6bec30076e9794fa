//! A small real server that speaks what the load test needs, and misbehaves on demand.

mod room;

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Form, Json, Router,
    extract::{Path, Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
    },
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};
use uuid::Uuid;

use room::Room;

/// What the mock does wrong, once in the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// One receiver does not get one message.
    LoseOne,
    /// One receiver gets one message twice.
    DoubleOne,
    /// One receiver gets two messages in the other order.
    SwapTwo,
    /// One participant is refused by `start_invited`.
    RefuseOne,
    /// One socket is closed in the middle.
    CloseOne,
    /// One message is cut short.
    CutOne,
    /// One event's number is lower than the one before.
    NumberBack,
    /// No room can be created.
    RefuseRooms,
    /// One join is not announced to one of the others.
    HideJoin,
    /// One heartbeat is answered twice.
    DoubleEcho,
    /// One heartbeat is not answered.
    SkipEcho,
    /// Whoever shows a token comes back as somebody else.
    ForgetTokens,
    /// Whoever shows no token is taken for the one before.
    TakeForAnother,
    /// One who should wait is let in.
    LetOneIn,
    /// One message is heard in another breakout room, too.
    LeakOne,
    /// Everyone is sent to the same breakout room.
    MixAssignments,
    /// One request for a profile is not answered with it.
    FailOneProfile,
    /// The first starts of guests are refused as too many, the next ones because the server is busy, and the first ticket
    /// after them is unknown.
    BeBusy,
    /// Guests after the first ones are refused as too many, always.
    AdmitFew,
    /// What a proxy says about its clients is not believed.
    DistrustProxies,
}

/// What a ticket is good for.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    room: Uuid,
    pub id: Uuid,
    pub breakout_room: Option<Uuid>,
    pub is_owner: bool,
}

/// What the mock saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub rooms: HashMap<Uuid, Arc<Mutex<Room>>>,
    pub invites: HashMap<Uuid, Uuid>,
    pub tickets: HashMap<String, Ticket>,
    /// Participants by their resumption tokens.
    pub tokens: HashMap<String, Uuid>,
    /// The newest guest of each room.
    newest: HashMap<Uuid, Uuid>,
    /// Starts with a token that was known.
    pub resumed: u64,
    pub guests: u64,
    pub token_requests: u64,
    pub deleted: u64,
    pub profiles: u64,
    /// Where tickets were asked for and redeemed, as a proxy told.
    pub addresses: BTreeSet<String>,
    /// Whether a ticket was taken for a wrong one.
    was_lost: bool,
}

pub struct Mock {
    pub address: SocketAddr,
    fault: Fault,
    seen: Mutex<Seen>,
}

impl Mock {
    fn create_room(&self) -> Uuid {
        let id = Uuid::new_v4();
        let room = Arc::new(Mutex::new(Room::default()));
        let is_first = self.seen(|seen| {
            seen.rooms.insert(id, Arc::clone(&room));
            seen.rooms.len() == 1
        });
        if is_first {
            room.lock().unwrap().fault = Some(self.fault);
        }
        id
    }

    pub async fn start(fault: Fault) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mock = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            fault,
            seen: Mutex::default(),
        });
        let router = Router::new()
            .route("/v1/auth/login", get(login))
            .route("/issuer/.well-known/openid-configuration", get(discovery))
            .route("/issuer/token", post(token))
            .route("/v1/users/me", get(profile))
            .route("/v1/rooms", post(create_room))
            .route("/v1/events", post(create_event))
            .route("/v1/events/{id}", delete(delete_room))
            .route("/v1/events/{id}/invites", post(invite_to_event))
            .route("/v1/rooms/{id}", delete(delete_room))
            .route("/v1/rooms/{id}/invites", post(create_invite))
            .route("/v1/rooms/{id}/start", post(start))
            .route("/v1/rooms/{id}/start_invited", post(start_invited))
            .route("/signaling", get(signaling))
            .with_state(Arc::clone(&mock));
        tokio::spawn(async move { axum::serve(listener, router).await });
        mock
    }

    pub fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap())
    }

    /// Closes every socket, as a server that is about to restart.
    pub fn close_all(&self) {
        let rooms = self.seen(|seen| seen.rooms.values().cloned().collect::<Vec<_>>());
        for room in rooms {
            room.lock().unwrap().close();
        }
    }

    fn note(&self, headers: &HeaderMap) {
        if let Some(address) = headers.get("x-forwarded-for") {
            let address = address.to_str().unwrap().to_owned();
            self.seen(|seen| seen.addresses.insert(address));
        }
    }

    fn ticket(&self, room: Uuid, is_owner: bool, body: &Value) -> Json<Value> {
        let ticket = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let resumption = Uuid::new_v4().to_string();
        self.seen(|seen| {
            let token = body["resumption"].as_str().unwrap_or_default();
            let known = seen.tokens.remove(token);
            seen.resumed += u64::from(known.is_some());
            let resumed = known.filter(|_| self.fault != Fault::ForgetTokens);
            let newest = seen.newest.get(&room).copied();
            let taken_for = newest.filter(|_| self.fault == Fault::TakeForAnother && !is_owner);
            let id = resumed.or(taken_for).unwrap_or_else(Uuid::new_v4);
            if !is_owner {
                seen.newest.insert(room, id);
            }
            seen.tokens.insert(resumption.clone(), id);
            let breakout_room = body["breakout_room"].as_str().map(|id| id.parse().unwrap());
            let good_for = Ticket {
                room,
                id,
                breakout_room,
                is_owner,
            };
            seen.tickets.insert(ticket.clone(), good_for);
        });
        Json(json!({"ticket": ticket, "resumption": resumption}))
    }
}

type Shared = State<Arc<Mock>>;

/// Guests that are enough for some faults.
const FEW: u64 = 3;
const FEW_AND_ONE: u64 = FEW + 1;

/// How every access token begins.
const UNSIGNED: &str = "e30.";

async fn profile(State(mock): Shared, headers: HeaderMap) -> Response {
    if !is_registered(&headers) {
        return refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    let count = mock.seen(|seen| {
        seen.profiles += 1;
        seen.profiles
    });
    if mock.fault == Fault::FailOneProfile && count == 10 {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable");
    }
    Json(json!({"id": Uuid::nil()})).into_response()
}

async fn login(State(mock): Shared, headers: HeaderMap) -> Response {
    let url = format!("http://{}/issuer", mock.address);
    let mut answer = Json(json!({"oidc": {"name": "Mock", "url": url}})).into_response();
    let id = headers
        .get("x-request-id")
        .filter(|_| mock.fault != Fault::DistrustProxies);
    if let Some(id) = id {
        answer.headers_mut().insert("x-request-id", id.clone());
    }
    answer
}

async fn discovery(State(mock): Shared) -> Json<Value> {
    Json(json!({"token_endpoint": format!("http://{}/issuer/token", mock.address)}))
}

async fn token(State(mock): Shared, Form(form): Form<HashMap<String, String>>) -> Response {
    let expected = [
        ("grant_type", "password"),
        ("client_id", "Frontend"),
        ("scope", "openid profile email"),
    ];
    let good = expected
        .iter()
        .all(|(key, value)| form.get(*key).is_some_and(|given| given == value));
    if !good || form["username"] != form["password"] {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    }
    mock.seen(|seen| seen.token_requests += 1);
    // Looks like one, and nobody verifies it here.
    let payload = json!({"iss": "mock", "sub": form["username"]}).to_string();
    let token = format!("{UNSIGNED}{}.signature", URL_SAFE_NO_PAD.encode(payload));
    Json(json!({"access_token": token, "expires_in": 300})).into_response()
}

fn refused(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({"code": code, "message": code}))).into_response()
}

fn is_registered(headers: &HeaderMap) -> bool {
    headers
        .get("authorization")
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .is_some_and(|token| token.starts_with(UNSIGNED))
}

async fn create_room(State(mock): Shared, headers: HeaderMap) -> Response {
    if !is_registered(&headers) {
        return refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    if mock.fault == Fault::RefuseRooms {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable");
    }
    (StatusCode::CREATED, Json(json!({"id": mock.create_room()}))).into_response()
}

async fn create_event(State(mock): Shared, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if !is_registered(&headers) {
        return refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    assert_eq!(body["is_time_independent"], true);
    // An event goes by the id of its room here.
    let id = mock.create_room();
    (StatusCode::CREATED, Json(json!({"id": id, "room": {"id": id}}))).into_response()
}

async fn invite_to_event(headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if !is_registered(&headers) {
        return refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    assert!(body["invitee"].is_string(), "{body}");
    StatusCode::CREATED.into_response()
}

async fn delete_room(State(mock): Shared, Path(id): Path<Uuid>, headers: HeaderMap) -> StatusCode {
    if !is_registered(&headers) || mock.seen(|seen| seen.rooms.remove(&id)).is_none() {
        return StatusCode::NOT_FOUND;
    }
    mock.seen(|seen| seen.deleted += 1);
    StatusCode::NO_CONTENT
}

async fn create_invite(State(mock): Shared, Path(room): Path<Uuid>, headers: HeaderMap) -> Response {
    if !is_registered(&headers) {
        return refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    let code = Uuid::new_v4();
    mock.seen(|seen| seen.invites.insert(code, room));
    (StatusCode::CREATED, Json(json!({"invite_code": code}))).into_response()
}

async fn start(
    State(mock): Shared,
    Path(room): Path<Uuid>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if !is_registered(&headers) {
        return refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    mock.note(&headers);
    mock.ticket(room, true, &body).into_response()
}

async fn start_invited(
    State(mock): Shared,
    Path(room): Path<Uuid>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let code = body["invite_code"].as_str().and_then(|code| code.parse().ok());
    let known = code.and_then(|code: Uuid| mock.seen(|seen| seen.invites.get(&code).copied()));
    if known != Some(room) {
        return refused(StatusCode::NOT_FOUND, "not_found");
    }
    let guests = mock.seen(|seen| {
        seen.guests += 1;
        seen.guests
    });
    mock.note(&headers);
    match (mock.fault, guests) {
        (Fault::RefuseOne, 1) => return refused(StatusCode::FORBIDDEN, "banned_from_room"),
        (Fault::BeBusy, 1..=FEW) | (Fault::AdmitFew, FEW_AND_ONE..) => {
            return refused(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
        }
        (Fault::BeBusy, FEW_AND_ONE) => {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable");
        }
        _ => {}
    }
    mock.ticket(room, false, &body).into_response()
}

async fn signaling(State(mock): Shared, request: Request) -> Response {
    let headers = request.headers();
    mock.note(headers);
    let is_first_of_guests = mock.seen(|seen| {
        let is_first = seen.guests > 0 && !seen.was_lost;
        seen.was_lost |= is_first;
        is_first
    });
    if mock.fault == Fault::BeBusy && is_first_of_guests {
        return refused(StatusCode::UNAUTHORIZED, "invalid_ticket");
    }
    let offered = headers["sec-websocket-protocol"].to_str().unwrap();
    let ticket = offered.strip_prefix("opentalk-signaling-json-v1.0, ticket#");
    let ticket = ticket.and_then(|ticket| mock.seen(|seen| seen.tickets.remove(ticket)));
    let found = ticket.and_then(|ticket| {
        let room = mock.seen(|seen| seen.rooms.get(&ticket.room).cloned())?;
        Some((ticket, room))
    });
    let Some((ticket, room)) = found else {
        return refused(StatusCode::UNAUTHORIZED, "invalid_ticket");
    };
    let accept = derive_accept_key(headers["sec-websocket-key"].as_bytes());
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        // A client may go before it is answered.
        if let Ok(connection) = upgrade.await {
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(connection), Role::Server, None).await;
            room::serve(room, ticket, socket).await;
        }
    });
    let headers = [
        (CONNECTION, "upgrade"),
        (UPGRADE, "websocket"),
        (SEC_WEBSOCKET_ACCEPT, accept.as_str()),
        (SEC_WEBSOCKET_PROTOCOL, "opentalk-signaling-json-v1.0"),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}
