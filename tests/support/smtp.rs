//! A mail server of another make: aiosmtpd, which Python's `email` and `icalendar` read the mails for.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};

use super::ports;

/// From a mail's transaction until it is here, also while the whole test suite runs.
const DEADLINE: Duration = Duration::from_secs(30);

pub struct SmtpServer {
    pub port: u16,
    process: Mutex<Option<Process>>,
}

struct Process {
    child: Child,
    orders: ChildStdin,
    /// Its lines, read by a thread that ends with it.
    told: mpsc::UnboundedReceiver<String>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; nobody is left behind either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl SmtpServer {
    /// A server that takes mails.
    pub async fn start() -> Self {
        let server = Self::dead();
        server.revive().await;
        server
    }

    /// A port at which nobody answers yet.
    pub fn dead() -> Self {
        Self {
            port: ports::free(),
            process: Mutex::new(None),
        }
    }

    /// Ends the process; connections break.
    pub async fn die(&self) {
        let process = self.process.lock().await.take();
        drop(process.expect("a living server"));
    }

    /// Starts the process at the same port.
    pub async fn revive(&self) {
        let python = std::env::var("COLLOQUY_TEST_PYTHON");
        let python = python.expect("COLLOQUY_TEST_PYTHON is not set: run the tests by ./test");
        let mut child = Command::new(python)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/support/smtp_server.py"
            ))
            .arg(self.port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (tell, told) = mpsc::unbounded_channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let process = Process {
            orders: child.stdin.take().expect("a pipe"),
            told,
            child,
        };
        *self.process.lock().await = Some(process);
        assert_eq!(self.told().await["mode"], "accept");
    }

    /// How it goes on: `accept`, `refuse 451`, `hang` or `hold`. Nothing may be untold.
    pub async fn be(&self, mode: &str) {
        let order = format!("{mode}\n");
        let mut process = self.process.lock().await;
        let orders = &mut process.as_mut().expect("a living server").orders;
        orders.write_all(order.as_bytes()).expect("an order");
        drop(process);
        assert_eq!(self.told().await["mode"], mode);
    }

    /// The next mail; panics at anything else.
    pub async fn mail(&self) -> ReceivedMail {
        let mut told = self.told().await;
        assert!(told["mail"].is_object(), "no mail: {told}");
        let mail = ReceivedMail(told["mail"].take());
        mail.check();
        mail
    }

    /// What it tells next: a mail, or what it did instead of taking one.
    pub async fn told(&self) -> Value {
        let mut process = self.process.lock().await;
        let told = &mut process.as_mut().expect("a living server").told;
        let line = timeout(DEADLINE, told.recv()).await;
        let line = line.expect("the mail server tells nothing");
        serde_json::from_str(&line.expect("a living server")).expect("JSON")
    }

    /// No mail is on its way: what is told next is the answer to an order.
    pub async fn expect_nothing(&self) {
        self.be("accept").await;
    }
}

/// A mail as the other side read it.
#[derive(Debug)]
pub struct ReceivedMail(pub Value);

impl ReceivedMail {
    /// What must hold for every mail.
    fn check(&self) {
        assert_eq!(self.0["defects"], Value::Array(Vec::new()), "{}", self.0);
        assert_eq!(self.0["bare_line_ends"], 0);
        assert!(self.0["lines_max"].as_u64().expect("a number") <= 998);
        for calendar in self.calendars() {
            assert_eq!(calendar["errors"], Value::Array(Vec::new()), "{calendar}");
            let zones = calendar["wrong_offsets"].as_object().expect("zones");
            assert!(
                zones.values().all(|wrong| wrong == &Value::Array(Vec::new())),
                "{zones:?}"
            );
        }
    }

    /// The header, which stands once.
    pub fn header(&self, name: &str) -> &str {
        let headers = self.0["headers"].as_array().expect("headers");
        let found: Vec<_> = headers.iter().filter(|header| header[0] == name).collect();
        assert_eq!(found.len(), 1, "{name}: {headers:?}");
        found[0][1].as_str().expect("a text")
    }

    /// Names of all headers.
    pub fn header_names(&self) -> Vec<&str> {
        let headers = self.0["headers"].as_array().expect("headers");
        headers.iter().filter_map(|header| header[0].as_str()).collect()
    }

    /// The text of the part of this kind.
    pub fn text(&self, kind: &str) -> &str {
        self.part(kind)["text"].as_str().expect("a text")
    }

    pub fn part(&self, kind: &str) -> &Value {
        let parts = self.0["parts"].as_array().expect("parts");
        let part = parts.iter().find(|part| part["kind"] == kind);
        part.unwrap_or_else(|| panic!("no {kind}: {parts:?}"))
    }

    /// The calendar for mail programs.
    pub fn calendar(&self) -> &Value {
        &self.part("text/calendar")["calendar"]
    }

    /// The only event of the calendar.
    pub fn event(&self) -> &Value {
        let events = self.calendar()["events"].as_array().expect("events");
        assert_eq!(events.len(), 1, "{events:?}");
        &events[0]
    }

    fn calendars(&self) -> impl Iterator<Item = &Value> {
        let parts = self.0["parts"].as_array().expect("parts");
        parts
            .iter()
            .map(|part| &part["calendar"])
            .filter(|calendar| !calendar.is_null())
    }
}
