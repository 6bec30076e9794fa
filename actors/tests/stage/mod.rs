//! A live core with in-memory sockets, a directory that says what a test wants, and tokio's clock.
#![allow(dead_code, reason = "each test file uses its part of this")]

pub mod store;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use colloquy_actors::{
    ballots::Ballots,
    ids::{InviteCode, OriginHash, RoomId, Timestamp},
    live::{Admission, Issued, JournalMode, Live, LiveSettings, StartError, StartRequest},
    ports::{BoxFuture, CallerNames, Clock, Directory, Ports, Slept, SystemRandom, TaskRunner, Unavailable},
    protocol::meeting::{
        Caller, Identity, MeetingFacts, ParticipationKind, Role, RoomInfo, Tariff, UserInfo,
    },
    room::input::Notice,
    sealed::{Sealed, Unsealer},
    session::Places,
    task::{Outcome, Task},
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{io::DuplexStream, time::Instant};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role as Side},
};
use uuid::Uuid;

/// Guard against hanging; what is waited for takes milliseconds (of real or virtual time, unless said otherwise).
const PATIENCE: Duration = Duration::from_mins(10);

/// Waits for a condition.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Virtual where the test's time is.
#[derive(Debug)]
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let micros = i64::try_from(self.0.elapsed().as_micros()).unwrap();
        Timestamp::from_micros(1_767_225_600_000_000 + micros)
    }
}

/// Says that all rooms exist, that none does, or nothing; and which invites were withdrawn while rooms slept.
#[derive(Debug)]
struct TestDirectory(Mutex<Result<bool, Unavailable>>, Mutex<Vec<InviteCode>>);

/// Nothing is sealed here.
#[derive(Debug)]
struct Shut;

impl Unsealer for Shut {
    fn open(&self, _sealed: &Sealed) -> String {
        String::new()
    }
}

impl Directory for TestDirectory {
    fn missing_rooms(&self, rooms: Vec<RoomId>) -> BoxFuture<'_, Result<Vec<RoomId>, Unavailable>> {
        let exist = *self.0.lock().unwrap();
        Box::pin(async move { exist.map(|exist| if exist { Vec::new() } else { rooms }) })
    }

    fn missed_notices(&self, slept: Slept) -> BoxFuture<'_, Result<Vec<Notice>, Unavailable>> {
        let callers = slept.callers.into_iter();
        let withdrawn = self.1.lock().unwrap();
        let codes = callers.filter_map(|(caller, _)| match caller {
            Caller::Guest(code) => withdrawn.contains(&code).then_some(code),
            _ => None,
        });
        let missed = Ok(codes.map(Notice::InviteWithdrawn).collect());
        Box::pin(async move { missed })
    }
}

/// Journals in a test's folder.
pub fn journals(folder: &tempfile::TempDir) -> usize {
    let entries = std::fs::read_dir(folder.path().join("journal")).unwrap();
    entries
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|end| end == "log")
        })
        .count()
}

/// Can do nothing.
#[derive(Debug)]
struct NoTasks;

impl TaskRunner for NoTasks {
    fn run(&self, _task: Task) -> BoxFuture<'_, Outcome> {
        Box::pin(async { Outcome::Unavailable })
    }
}

/// Knows who has which number.
#[derive(Debug)]
struct TestNames;

impl CallerNames for TestNames {
    fn name(&self, _room: RoomId, given: String) -> BoxFuture<'_, String> {
        Box::pin(async move { format!("Caller {given}") })
    }

    fn origin(&self, _given: &str) -> Option<OriginHash> {
        None
    }
}

pub struct Stage {
    pub live: Live,
    pub room: RoomId,
    directory: Arc<TestDirectory>,
    began: Instant,
}

impl Stage {
    pub async fn start(journal: JournalMode) -> Self {
        Self::revive(journal, RoomId(Uuid::new_v4()), Ok(())).await
    }

    pub async fn revive(journal: JournalMode, room: RoomId, directory: Result<(), Unavailable>) -> Self {
        let directory = Arc::new(TestDirectory(
            Mutex::new(directory.map(|()| true)),
            Mutex::default(),
        ));
        let began = Instant::now();
        let ports = Ports {
            ballots: Ballots::default(),
            clock: Arc::new(TestClock(began)),
            random: Arc::new(SystemRandom),
            directory: Arc::clone(&directory) as Arc<dyn Directory>,
            tasks: Arc::new(NoTasks),
            callers: Arc::new(TestNames),
            unsealer: Arc::new(Shut),
        };
        let settings = LiveSettings {
            journal,
            ..LiveSettings::default()
        };
        let live = Live::start(settings, ports).await.unwrap();
        Self {
            live,
            room,
            directory,
            began,
        }
    }

    pub fn directory(&self, says: Result<(), Unavailable>) {
        *self.directory.0.lock().unwrap() = says.map(|()| true);
    }

    /// An invite is withdrawn, and no room has heard of it.
    pub fn withdrawn(&self, code: InviteCode) {
        self.directory.1.lock().unwrap().push(code);
    }

    /// No room exists any more.
    pub fn gone(&self) {
        *self.directory.0.lock().unwrap() = Ok(false);
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub async fn rooms(&self) -> usize {
        // A registry that is just being restarted does not answer.
        self.live
            .observe_registry()
            .await
            .map_or(usize::MAX, |summary| summary.rooms)
    }

    /// What a guest asks for, who has read everything just now.
    pub fn request(&self, resumption: Option<String>) -> StartRequest {
        StartRequest {
            room: self.room,
            caller: Caller::Guest(InviteCode(Uuid::nil())),
            resumption,
            breakout_room: None,
            origin: None,
            signed_in: None,
            as_of: self.live.access_revision(),
        }
    }

    pub async fn issue(&self, resumption: Option<String>) -> Result<Issued, StartError> {
        self.issue_as(&self.request(resumption)).await
    }

    pub async fn issue_as(&self, request: &StartRequest) -> Result<Issued, StartError> {
        self.issue_with(request, identity(request.caller)).await
    }

    async fn issue_with(&self, request: &StartRequest, identity: Identity) -> Result<Issued, StartError> {
        let admission = Admission {
            identity: Some(identity),
            facts: Box::new(facts(self.room)),
            living_rooms_max: None,
        };
        self.live.issue(request, Some(&admission)).await
    }

    /// A registered user comes in.
    pub async fn enter_user(&self, user: Caller, role: Role, name: &str) -> Guest {
        let request = StartRequest {
            caller: user,
            ..self.request(None)
        };
        let identity = Identity {
            kind: ParticipationKind::User,
            role,
            ..identity(user)
        };
        let issued = self.issue_with(&request, identity).await;
        self.join(issued.unwrap(), name).await
    }

    pub async fn enter(&self, name: &str, resumption: Option<String>) -> Guest {
        let issued = self.issue(resumption).await.unwrap();
        self.join(issued, name).await
    }

    /// Somebody calls by telephone, with this number.
    pub async fn call_in(&self, number: &str) -> Guest {
        let request = StartRequest {
            caller: Caller::Sip,
            ..self.request(None)
        };
        let issued = self.issue_as(&request).await;
        self.join(issued.unwrap(), number).await
    }

    pub async fn join(&self, issued: Issued, name: &str) -> Guest {
        let (ours, theirs) = tokio::io::duplex(1024 * 1024);
        let mut guest = self.begin_join(issued, name, (ours, theirs)).await;
        guest.join_success = guest.expect("join_success").await;
        guest.id = guest.join_success["id"].as_str().unwrap().to_owned();
        guest
    }

    /// Asks to join over these two ends of a connection, the client's and the server's.
    pub async fn begin_join(
        &self,
        issued: Issued,
        name: &str,
        (ours, theirs): (DuplexStream, DuplexStream),
    ) -> Guest {
        let (seat, _) = self.live.redeem(&issued.ticket).await.unwrap();
        let live = self.live.clone();
        tokio::spawn(async move {
            let places = Places {
                while_open: Box::new(()),
                until_seated: Box::new(()),
            };
            live.begin_session(seat, theirs, places).await;
        });
        let socket = WebSocketStream::from_raw_socket(ours, Side::Client, None).await;
        let mut guest = Guest {
            socket: Some(socket),
            resumption: issued.resumption,
            ..Guest::none()
        };
        guest
            .send(json!({"namespace": "control", "payload": {"action": "join", "display_name": name}}))
            .await;
        guest
    }

    pub async fn stop(&self) {
        self.live.stop().await;
    }
}

/// A participant at the other end of an in-memory socket.
pub struct Guest {
    socket: Option<WebSocketStream<DuplexStream>>,
    pub id: String,
    pub resumption: String,
    pub join_success: Value,
}

impl Guest {
    pub fn none() -> Self {
        Self {
            socket: None,
            id: String::new(),
            resumption: String::new(),
            join_success: Value::Null,
        }
    }

    fn socket(&mut self) -> &mut WebSocketStream<DuplexStream> {
        self.socket.as_mut().unwrap()
    }

    pub async fn send(&mut self, message: Value) {
        self.socket()
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    pub async fn say(&mut self, content: &str) {
        let payload = json!({"action": "send_message", "scope": "global", "content": content});
        self.send(json!({"namespace": "chat", "payload": payload})).await;
    }

    async fn next(&mut self) -> Message {
        self.next_within(PATIENCE).await
    }

    async fn next_within(&mut self, time: Duration) -> Message {
        let next = tokio::time::timeout(time, self.socket().next()).await;
        next.expect("nothing came").expect("the socket ended").unwrap()
    }

    /// The payload of the next event of this kind; others are passed over.
    pub async fn expect(&mut self, message: &str) -> Value {
        self.expect_within(message, PATIENCE).await
    }

    /// The same over a slow connection.
    pub async fn expect_within(&mut self, message: &str, time: Duration) -> Value {
        loop {
            if let Message::Text(text) = self.next_within(time).await {
                let mut event: Value = serde_json::from_str(&text).unwrap();
                if event["payload"]["message"] == message {
                    return event["payload"].take();
                }
            }
        }
    }

    /// The code with which the server closes.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.unwrap().code.into();
            }
        }
    }

    pub async fn close(&mut self) {
        self.socket().close(None).await.unwrap();
        while let Some(Ok(_)) = self.socket().next().await {}
    }
}

fn identity(caller: Caller) -> Identity {
    Identity {
        kind: match caller {
            Caller::Sip => ParticipationKind::Sip,
            _ => ParticipationKind::Guest,
        },
        role: Role::Guest,
        profile_name: None,
        avatar_url: None,
        is_room_owner: false,
        groups: Arc::default(),
    }
}

fn facts(room: RoomId) -> MeetingFacts {
    let owner = UserInfo {
        title: String::new(),
        firstname: "Ann".to_owned(),
        lastname: "Owner".to_owned(),
        display_name: "Ann Owner".to_owned(),
        avatar_url: String::new(),
    };
    let tariff = json!({
        "id": Uuid::nil(), "name": "test", "quotas": {},
        "modules": {"chat": {"features": []}, "moderation": {"features": []}, "legal_vote": {"features": []}},
    });
    MeetingFacts {
        owner: None,
        room: RoomInfo {
            id: room,
            password: None,
            created_by: owner,
        },
        tariff: serde_json::from_value::<Tariff>(tariff).unwrap(),
        event: None,
        waiting_room: false,
        guests_wait: false,
        sip_lobby: false,
        custom_display_names: true,
        training: None,
        shared_folder: None,
        recording: None,
    }
}
