//! Reports as PDFs: what they say is read back by `pdftotext`, how they look is seen on pictures of their pages.

mod assets;
mod child;
mod pages;
mod texts;

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use chrono::{DateTime, Utc};
use colloquy::{
    config::Quotas,
    reports::{Renderer, Reports},
};
use colloquy_actors::{
    ids::{RoomId, TaskId, Timestamp, UserId},
    protocol::{meeting::Role, names::DisplayName},
    report::{Attendance, Attendee, Report, ReportContent, ReportZone},
    task::Outcome,
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    rest::api::{Api, Person, request},
    support::binary,
};

/// Names in the scripts whose fonts are part of the server.
const NAMES: [&str; 11] = [
    "Zoë Müller-Łukasz",
    "Ελένη Παπαδοπούλου",
    "Дмитрий Щёголев",
    "محمد بن عبد الله",
    "لا إله إلا الإسلام",
    "לאה כהן",
    "प्रियंका शर्मा",
    "क्षत्रिय हिन्दी",
    "สมชาย น้ำผึ้ง",
    "İbrahim Çağlayan",
    "Nguyễn Thị Ánh",
];

/// Names that would be something else in the languages that documents are made of.
const MARKUP: [&str; 7] = [
    "<b>bold</b>",
    "&amp;lt;",
    "#let x = 1",
    "*x* _y_ $z$",
    "\\textbf{x}",
    "(a) Tj ET Q",
    "%PDF-1.7 endobj",
];

fn at(text: &str) -> Timestamp {
    text.parse::<DateTime<Utc>>().expect("a time").into()
}

fn attendee(name: &str) -> Attendee {
    Attendee {
        name: DisplayName::from(name.to_owned()),
        role: Role::User,
        user: None,
        joined: at("2026-12-01T09:00:00Z"),
        left: Some(at("2026-12-01T10:30:00Z")),
    }
}

fn attendance(room: &str, participants: Vec<Attendee>) -> Report {
    report(
        room,
        ReportContent::Attendance(Attendance {
            with_addresses: false,
            participants,
        }),
    )
}

fn report(room: &str, content: ReportContent) -> Report {
    Report {
        room: RoomId(room.parse().expect("an id")),
        at: at("2026-12-01T11:00:00Z"),
        zone: ReportZone::EventCreator,
        content,
    }
}

/// The reports of a server that works with this database.
fn reports(api: &Api) -> Reports {
    reports_by(
        api,
        Renderer::new(env!("CARGO_BIN_EXE_colloquy").into(), ["render"]),
    )
}

fn reports_by(api: &Api, renderer: Renderer) -> Reports {
    Reports::new(
        api.database.db.clone(),
        api.state.assets.clone(),
        Quotas::NONE,
        renderer,
    )
}

fn task() -> TaskId {
    TaskId(Uuid::new_v4())
}

/// An event with its times in Berlin, and the room of it.
async fn event(api: &Api, owner: &Person, title: &str, description: &str) -> String {
    let berlin = |time: &str| json!({"datetime": time, "timezone": "Europe/Berlin"});
    let body = json!({
        "title": title, "description": description, "is_time_independent": false, "is_all_day": false,
        "starts_at": berlin("2026-12-01T09:00:00Z"), "ends_at": berlin("2026-12-01T10:00:00Z"),
        "recurrence_pattern": [],
    });
    let event = api.call(owner, "POST", "/v1/events", body).await.expect(201);
    event["room"]["id"].as_str().expect("an id").to_owned()
}

async fn user(api: &Api, person: &Person) -> UserId {
    let me = api.get(person, "/v1/users/me").await.expect(200);
    let id: Uuid = me["id"].as_str().expect("an id").parse().expect("a UUID");
    id.into()
}

/// Makes the report and gets it as its room's people do.
async fn made(api: &Api, owner: &Person, report: Report) -> (String, Vec<u8>) {
    let (id, room) = (task(), report.room);
    let Outcome::Stored { filename } = reports(api).make(id, report).await else {
        panic!("the report is stored");
    };
    let path = format!("/v1/rooms/{room}/assets/{id}");
    let authorization = format!("Bearer {}", owner.access_token);
    let answer = api
        .begin(request("GET", &path, Some(&authorization), &Value::Null))
        .await;
    assert_eq!(answer.status(), 200);
    let pdf = answer.into_body().collect().await.expect("a body");
    (filename, pdf.to_bytes().to_vec())
}

/// What somebody reads, with the words of each line by one space.
fn text(pdf: &[u8]) -> String {
    let output = with_input(Command::new("pdftotext").args(["-layout", "-", "-"]), pdf);
    let text = String::from_utf8(output.stdout).expect("text");
    // Where a direction begins and ends is no word.
    let marks =
        |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    let text = text.replace(marks, "");
    let lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs a program with something at its stdin.
fn with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program (./test installs poppler-utils)");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // Who has read enough closes it.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("an end")
    })
}

/// `colloquy render` with this document.
fn render(document: &Value) -> Output {
    let mut command = binary::colloquy();
    with_input(command.arg("render"), document.to_string().as_bytes())
}

fn is_installed(font: &str) -> bool {
    Path::new(font).exists()
}
