//! The log of a server at its most talkative, while all that it does with secrets happens.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    databases::Kind,
    recording,
    support::{
        etherpad::{self, FakeEtherpad},
        livekit::{API_SECRET, FakeLivekit},
        meeting::Meeting,
        moto::Moto,
        nextcloud::{FakeNextcloud, PASSWORD, USERNAME},
        participant::{Participant, protocols},
        recorder::Upload,
        rest::{Rest, receive},
        server::Server,
        smtp::SmtpServer,
        spacedeck::{self, FakeSpacedeck},
    },
};

on_both_databases!(World: no_secret_stands_in_the_log);

const TURN_SECRET: &str = "secret-of-turn-that-nobody-sees";
const S3_KEY: &str = "key-of-s3-that-nobody-sees";
const SMTP_PASSWORD: &str = "password-of-smtp-that-nobody-sees";
const ROOM_PASSWORD: &str = "password-of-a-room-that-nobody-sees";
const WRONG_PASSWORD: &str = "password-that-somebody-guessed";
const STREAMING_KEY: &str = "key-of-a-stream-that-nobody-sees";
const SAID: &str = "words that were said in confidence";

/// Fewer kinds than these were not looked for.
const KINDS_MIN: usize = 28;

struct World {
    server: Server,
    smtp: SmtpServer,
    cloud: FakeNextcloud,
    etherpad: FakeEtherpad,
    _deck: FakeSpacedeck,
    _livekit: FakeLivekit,
    _moto: Moto,
}

impl World {
    async fn start(kind: Kind) -> Self {
        let (livekit, moto) = (FakeLivekit::start().await, Moto::start().await);
        let (smtp, cloud) = (SmtpServer::start().await, FakeNextcloud::start().await);
        let (etherpad, deck) = (FakeEtherpad::start().await, FakeSpacedeck::start().await);
        let text = |text: Option<url::Url>| text.expect("a URL").to_string();
        let turn = format!(r#"[{{uris = ["turn:turn.example.org"], secret = "{TURN_SECRET}"}}]"#);
        let port = smtp.port.to_string();
        let bucket = moto.settings().s3;
        let (endpoint, folder) = (text(bucket.endpoint), text(cloud.settings().url));
        let mut environment = vec![
            // Also what a more particular filter would let through.
            (
                "COLLOQUY_LOG__LEVEL",
                "trace,tungstenite::protocol=trace,hyper::proto=trace",
            ),
            ("COLLOQUY_TURN__SERVERS", &*turn),
            ("COLLOQUY_ASSETS__STORE", "s3"),
            ("COLLOQUY_ASSETS__S3__ENDPOINT", &endpoint),
            ("COLLOQUY_ASSETS__S3__BUCKET", "colloquy"),
            ("COLLOQUY_ASSETS__S3__ACCESS_KEY_ID", "key"),
            ("COLLOQUY_ASSETS__S3__SECRET_ACCESS_KEY", S3_KEY),
            ("COLLOQUY_MAIL__HOST", "127.0.0.1"),
            ("COLLOQUY_MAIL__PORT", &port),
            ("COLLOQUY_MAIL__TLS", "none"),
            ("COLLOQUY_MAIL__USER", "colloquy"),
            ("COLLOQUY_MAIL__PASSWORD", SMTP_PASSWORD),
            ("COLLOQUY_MAIL__FROM_ADDRESS", "meetings@colloquy.example"),
            ("COLLOQUY_MAIL__WEB_CLIENT_URL", "https://meet.example"),
            ("COLLOQUY_HTTP__PUBLIC_URL", "http://127.0.0.1:{port}"),
            ("COLLOQUY_SHARED_FOLDER__URL", &folder),
            ("COLLOQUY_SHARED_FOLDER__USERNAME", USERNAME),
            ("COLLOQUY_SHARED_FOLDER__PASSWORD", PASSWORD),
        ];
        let media = livekit.environment();
        environment.extend(media.iter().map(|(name, value)| (*name, &**value)));
        let (pads, boards) = (etherpad.environment(), deck.environment());
        let beside = pads.iter().chain(&boards);
        environment.extend(beside.map(|(name, value)| (*name, &**value)));
        Self {
            server: Server::start_with(kind, &environment).await,
            smtp,
            cloud,
            etherpad,
            _deck: deck,
            _livekit: livekit,
            _moto: moto,
        }
    }

    async fn finish(self) {
        self.server.finish().await;
    }
}

/// What must stand nowhere, with its kind.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn add(&mut self, kind: &'static str, secret: &str) {
        assert!(secret.len() >= 8, "{kind}: `{secret}` may stand anywhere");
        self.0.push((kind, secret.to_owned()));
    }

    fn add_field(&mut self, kind: &'static str, body: &Value, field: &str) {
        let secret = body[field].as_str();
        self.add(
            kind,
            secret.unwrap_or_else(|| panic!("{kind}: no {field} in {body}")),
        );
    }

    fn check(&self, log: &str) {
        let mut kinds: Vec<_> = self.0.iter().map(|(kind, _)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert!(kinds.len() >= KINDS_MIN, "{} kinds: {kinds:?}", kinds.len());
        for (kind, secret) in &self.0 {
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{kind}: {secret}");
        }
    }
}

async fn no_secret_stands_in_the_log(world: &World) {
    let server = &world.server;
    let mut secrets = Secrets(Vec::new());
    for (kind, secret) in [
        ("LiveKit's secret", API_SECRET),
        ("TURN secret", TURN_SECRET),
        ("S3 key", S3_KEY),
        ("SMTP password", SMTP_PASSWORD),
        ("app password", PASSWORD),
        ("Etherpad's key", etherpad::API_KEY),
        ("Spacedeck's key", spacedeck::API_KEY),
        ("room password", ROOM_PASSWORD),
        ("guessed password", WRONG_PASSWORD),
        ("streaming key", STREAMING_KEY),
        ("chat message", SAID),
    ] {
        secrets.add(kind, secret);
    }
    let account = STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));
    secrets.add("basic authorization", &account);
    // All JWTs, those that the server makes for its calls of LiveKit too.
    secrets.add("JWT", "eyJhbGciOi");
    secrets.add("JWT", "eyJ0eXAiOi");

    log_in(server, &mut secrets).await;
    let meeting = Meeting::create(server, json!({"password": ROOM_PASSWORD})).await;
    secrets.add("invite code", &meeting.invite_code);
    meet(server, &meeting, &mut secrets).await;
    call_in(server, &meeting, &mut secrets).await;
    write_and_draw(world, &meeting, &mut secrets).await;
    keep(server, &meeting, &mut secrets).await;
    plan(world, &meeting.alice, &mut secrets).await;
    // What is read back from journals and the database.
    assert!(server.terminate().await.success());
    server.restart().await;

    let log = server.log();
    assert!(log.contains("DEBUG hyper"), "libraries are heard");
    assert!(log.contains("DEBUG sqlx::query"), "so is the database");
    assert!(!log.contains("TRACE tungstenite") && !log.contains("TRACE hyper"));
    secrets.check(&log);
}

/// Tokens of the development issuer, and wrong ones.
async fn log_in(server: &Server, secrets: &mut Secrets) {
    let anyone = server.anonymous();
    let token = async |form: &[(&str, &str)]| {
        let request = anyone.request(Method::POST, "/dev-issuer/token").form(form);
        receive(request, "POST token".to_owned()).await.expect(200)
    };
    let password = [
        ("grant_type", "password"),
        ("client_id", "Frontend"),
        ("username", "bob"),
        ("password", "bob"),
        ("scope", "openid profile email"),
    ];
    let tokens = token(&password).await;
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    let renewal = [
        ("grant_type", "refresh_token"),
        ("client_id", "Frontend"),
        ("refresh_token", refresh),
    ];
    for tokens in [&tokens, &token(&renewal).await] {
        secrets.add_field("access token", tokens, "access_token");
        secrets.add_field("refresh token", tokens, "refresh_token");
        secrets.add_field("ID token", tokens, "id_token");
    }
    let login = json!({"id_token": tokens["id_token"]});
    anyone.post("/v1/auth/login", login).await.expect(200);
    for wrong in [
        format!("{}x", tokens["access_token"].as_str().expect("a token")),
        "token-of-nobody-that-is-known".to_owned(),
    ] {
        let somebody = anyone.with_authorization(&format!("Bearer {wrong}"));
        assert_eq!(somebody.get("/v1/users/me").await.status, 401);
        secrets.add("wrong token", &wrong);
    }
    let guest = anyone.with_authorization("InviteCode 5f1c1b1e-9d0a-4c55-8f7e-0a4f5c1d2e01");
    assert_ne!(guest.get("/v1/turn").await.status, 200);
    secrets.add("wrong invite code", "5f1c1b1e-9d0a-4c55-8f7e-0a4f5c1d2e01");
}

/// Tickets, tokens and words of a meeting.
async fn meet(server: &Server, meeting: &Meeting, secrets: &mut Secrets) {
    let wrong = json!({"password": WRONG_PASSWORD});
    assert_eq!(meeting.invited(wrong).await.status, 401);
    let ticket = meeting.started(json!({})).await.expect(200);
    secrets.add_field("ticket", &ticket, "ticket");
    secrets.add_field("resumption token", &ticket, "resumption");
    let mut alice = meeting.connect(&ticket).await;
    let joined = alice.join("Alice").await;
    secrets.add_field("LiveKit token", &joined["livekit"], "token");
    let again = Participant::upgrade(&server.address(), Some(&protocols(&ticket))).await;
    assert_eq!(again.expect_err("a refusal").0, 401);

    let ticket = meeting
        .invited(json!({"password": ROOM_PASSWORD}))
        .await
        .expect(200);
    secrets.add_field("ticket", &ticket, "ticket");
    let mut gus = meeting.connect(&ticket).await;
    gus.join("Gus").await;
    gus.act("livekit", "request_popout_stream_access_token").await;
    let popout = gus.expect("livekit", "popout_stream_access_token").await;
    secrets.add_field("LiveKit token", &popout, "token");
    gus.say(SAID).await;
    alice.expect("chat", "message_sent").await;
    gus.send_text(&format!("{{\"namespace\": \"chat\", \"payload\": \"{SAID}"))
        .await;
    gus.expect("control", "error").await;
    gus.vanish();
    let back = json!({"password": ROOM_PASSWORD, "resumption": ticket["resumption"]});
    let back = meeting.invited(back).await.expect(200);
    secrets.add_field("resumption token", &back, "resumption");
    let mut gus = meeting.connect(&back).await;
    gus.join("Gus").await;
    // LiveKit is asked to remove somebody.
    alice.act_on("moderation", "kick", &gus.id).await;
    gus.expect("moderation", "kicked").await;
    alice.leave().await;
}

/// Notes and a whiteboard, with their PDFs.
async fn write_and_draw(world: &World, meeting: &Meeting, secrets: &mut Secrets) {
    let mut alice = meeting.joined_owner().await;
    let select = json!({"action": "select_writer", "participant_ids": [&alice.id]});
    alice.send("meeting_notes", select).await;
    let told = alice.expect("meeting_notes", "write_url").await;
    let (session, _) = world.etherpad.session_of(&told["url"]);
    secrets.add("session at Etherpad", &session);
    alice.act("meeting_notes", "generate_pdf").await;
    alice.expect("meeting_notes", "pdf_asset").await;
    alice.act("whiteboard", "initialize").await;
    let told = alice.expect("whiteboard", "space_url").await;
    secrets.add_field("whiteboard", &told, "url");
    alice.act("whiteboard", "generate_pdf").await;
    alice.expect("whiteboard", "pdf_asset").await;
    let assets = meeting.path("/assets");
    for asset in recording::listed(meeting).await {
        let path = format!("{assets}/{}", asset["id"].as_str().expect("an id"));
        meeting.alice.delete(&path).await.expect(204);
    }
    alice.leave().await;
}

/// A call by telephone.
async fn call_in(server: &Server, meeting: &Meeting, secrets: &mut Secrets) {
    let sip = meeting
        .alice
        .put(&meeting.path("/sip"), json!({}))
        .await
        .expect(201);
    secrets.add_field("SIP pin", &sip, "password");
    let gateway = server.anonymous().log_in("call-in").await;
    let path = "/v1/services/call_in/start";
    let right = json!({"id": sip["sip_id"], "pin": sip["password"]});
    let ticket = gateway.post(path, right).await.expect(200);
    secrets.add_field("ticket", &ticket, "ticket");
    let wrong = json!({"id": sip["sip_id"], "pin": "0918273645"});
    assert_ne!(gateway.post(path, wrong).await.status, 200);
    secrets.add("guessed pin", "0918273645");
}

/// Relays, streams, files.
async fn keep(server: &Server, meeting: &Meeting, secrets: &mut Secrets) {
    let relays = meeting.alice.get("/v1/turn").await.expect(200);
    secrets.add_field("TURN password", &relays[0], "password");
    let target = json!({
        "name": "Live", "kind": "custom", "streaming_endpoint": "rtmp://live.example.org/app",
        "streaming_key": STREAMING_KEY, "public_url": "https://live.example.org/watch",
    });
    let path = meeting.path("/streaming_targets");
    meeting.alice.post(&path, target).await.expect(201);
    let path = meeting.path("/assets?kind=x&file_extension=x");
    let upload = meeting.alice.request(Method::POST, &path).body(SAID);
    receive(upload, "an upload".to_owned()).await.expect(200);
    let recorder = server.anonymous().log_in("recorder").await;
    let mut upload = Upload::open(server, &recorder, &recording::query(meeting))
        .await
        .expect("a socket");
    upload.chunk(0, SAID.as_bytes()).await;
    assert_eq!(upload.close().await, Some(1000));
    for asset in recording::listed(meeting).await {
        let content = recording::content(&meeting.alice, meeting, &asset).await;
        assert_eq!(content, SAID.as_bytes());
    }
}

/// An event with its mails, folder and calendar.
async fn plan(world: &World, alice: &Rest, secrets: &mut Secrets) {
    let anyone = world.server.anonymous();
    let event = json!({"title": "Chess", "description": "", "is_time_independent": true});
    let event = alice.post("/v1/events", event).await.expect(201);
    let path = format!("/v1/events/{}", event["id"].as_str().expect("an id"));
    let folder = alice
        .put(&format!("{path}/shared_folder"), Value::Null)
        .await
        .expect(201);
    for link in ["read", "read_write"] {
        secrets.add_field("password of a link", &folder[link], "password");
    }
    assert_eq!(world.cloud.links().len(), 2);
    let gwen = json!({"email": "gwen@elsewhere.example"});
    alice.post(&format!("{path}/invites"), gwen).await.expect(201);
    let mail = world.smtp.mail().await;
    let link = mail.header("list-unsubscribe").trim_matches(['<', '>']);
    let (_, token) = link.rsplit_once('/').expect("a path");
    secrets.add("token of a mail", token);
    let refusal = format!("/v1/mail/unsubscribe/{token}");
    assert_eq!(anyone.get(&refusal).await.status, 200);

    let feed = alice
        .post("/v1/users/me/calendar_feed", json!({}))
        .await
        .expect(201);
    secrets.add_field("calendar token", &feed, "token");
    let calendar = feed["path"].as_str().expect("a path");
    assert_eq!(anyone.get(calendar).await.status, 200);
    assert_eq!(anyone.get(&format!("{calendar}x")).await.status, 404);
}
