//! People of an identity provider whose userinfo is slow come back after the server has restarted: those whom it knows must not
//! wait for the provider.

mod issuer;

use std::{
    fmt::{self, Display},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use clap::Args as Options;
use reqwest::{Client, StatusCode};
use serde::Serialize;
use serde_json::Value;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use url::Url;

use self::issuer::{Issuer, IssuerError};
use crate::{
    args::Args,
    flow::{Flow, Latencies, float},
    report::Errors,
};

/// Time for the server to come, at the beginning and after the restart.
const SERVER_TIME: Duration = Duration::from_mins(2);

/// Between two looks whether it is there.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Who is made known at the same time before the restart: each of them waits for the provider.
const NEWCOMERS: usize = 8;

/// What is measured.
#[derive(Debug, Options)]
pub struct IdentityArgs {
    /// Port of the provider: the server's `oidc.authority` is `http://127.0.0.1:PORT`.
    #[arg(long, default_value_t = 11_398)]
    authority_port: u16,
    /// People, whom the server knows before it restarts.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    people: u32,
    /// Milliseconds that userinfo takes.
    #[arg(long, default_value_t = 30)]
    userinfo_ms: u64,
    /// Seconds within which they all come back.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    within: u64,
    /// Run in a shell when all are known; it ends when the server is on its way down and up again.
    #[arg(long, value_name = "COMMAND")]
    restart: String,
}

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("{0}")]
    Issuer(#[from] IssuerError),
    #[error("no token can be signed")]
    Token(#[from] aws_lc_rs::error::Unspecified),
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    #[error("{0} can't be the base of a path")]
    Url(Url),
    #[error("the server does not answer at {0}")]
    NoServer(Url),
    #[error("the restart command can't be run: {0}")]
    Restart(std::io::Error),
    #[error("the server does not find its identity provider, which is here: look at its oidc.authority")]
    NoProvider,
    #[error("the restart command failed")]
    RestartFailed,
    #[error("not everybody became known before the restart: {0:?}")]
    Unknown(Errors),
    #[error("somebody's task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct IdentityReport {
    pub passed: bool,
    people: u32,
    userinfo_ms: u64,
    /// Everybody's first answer after the restart.
    first_answers: Flow,
    /// Questions to userinfo until the last of them.
    userinfo_asked: u64,
    errors: Errors,
}

impl IdentityArgs {
    /// Descriptors that everybody's connection needs, here and at the provider.
    pub fn files_needed(&self) -> u64 {
        2 * u64::from(self.people) + 64
    }
}

impl IdentityReport {
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

impl Display for IdentityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.userinfo_asked;
        writeln!(
            f,
            "{} people, userinfo takes {} ms",
            self.people, self.userinfo_ms
        )?;
        writeln!(f, "first answers  {}", self.first_answers)?;
        writeln!(f, "userinfo       asked {asked} times until the last of them")?;
        write!(f, "{}", if self.passed { "passed" } else { "FAILED" })?;
        if !self.passed {
            write!(f, "\n{:?}", self.errors)?;
        }
        Ok(())
    }
}

pub async fn run(args: &Args, identity: &IdentityArgs) -> Result<IdentityReport, IdentityError> {
    let userinfo_time = Duration::from_millis(identity.userinfo_ms);
    let issuer = Issuer::start(identity.authority_port, &args.client_id, userinfo_time).await?;
    let server = Arc::new(Server::new(args)?);
    server.wait_for_provider().await?;
    let (_, errors) = ask(
        &server,
        tokens(&issuer, identity.people)?,
        Duration::ZERO,
        NEWCOMERS,
    )
    .await?;
    if !errors.is_empty() {
        return Err(IdentityError::Unknown(errors));
    }
    restart(&identity.restart).await?;
    server.wait().await?;
    let tokens = tokens(&issuer, identity.people)?;
    let (asked_before, begin) = (issuer.asked(), Instant::now());
    let within = Duration::from_secs(identity.within);
    let (latencies, errors) = ask(&server, tokens, within, usize::MAX).await?;
    Ok(IdentityReport {
        passed: errors.is_empty(),
        people: identity.people,
        userinfo_ms: identity.userinfo_ms,
        first_answers: latencies.flow(begin.elapsed()),
        userinfo_asked: issuer.asked() - asked_before,
        errors,
    })
}

/// A token for each of the people.
fn tokens(issuer: &Issuer, people: u32) -> Result<Vec<String>, aws_lc_rs::error::Unspecified> {
    (0..people).map(|n| issuer.token(n)).collect()
}

/// Asks once with each token, spread over this time, so many at once at the most.
async fn ask(
    server: &Arc<Server>,
    tokens: Vec<String>,
    within: Duration,
    at_once: usize,
) -> Result<(Latencies, Errors), IdentityError> {
    let (begin, total) = (Instant::now(), float(tokens.len() as u64));
    let places = Arc::new(Semaphore::new(at_once.min(Semaphore::MAX_PERMITS)));
    let mut people = JoinSet::new();
    for (token, n) in tokens.into_iter().zip(0_u64..) {
        let (server, places) = (Arc::clone(server), Arc::clone(&places));
        let due = begin + within.mul_f64(float(n) / total);
        people.spawn(async move {
            sleep_until(due).await;
            let place = places.acquire().await;
            let outcome = server.me(&token).await;
            drop(place);
            outcome
        });
    }
    let (mut latencies, mut errors) = (Latencies::new(), Errors::default());
    while let Some(person) = people.join_next().await {
        match person? {
            Ok(took) => latencies.add(took),
            Err(reason) => errors.add(reason),
        }
    }
    Ok((latencies, errors))
}

/// The server as these people see it.
struct Server {
    http: Client,
    url: Url,
    ready: Url,
    me: Url,
}

impl Server {
    fn new(args: &Args) -> Result<Self, IdentityError> {
        let join = |path: &str| {
            args.url
                .join(path)
                .map_err(|_| IdentityError::Url(args.url.clone()))
        };
        Ok(Self {
            http: Client::builder()
                .timeout(args.timeout)
                .tcp_nodelay(true)
                .build()?,
            url: join("health/live")?,
            ready: join("health/ready")?,
            me: join("v1/users/me")?,
        })
    }

    /// Waits until the server answers.
    async fn wait(&self) -> Result<(), IdentityError> {
        let answers = async {
            while self.http.get(self.url.clone()).send().await.is_err() {
                sleep(LOOK_INTERVAL).await;
            }
        };
        let waited = timeout(SERVER_TIME, answers).await;
        waited.map_err(|_| IdentityError::NoServer(self.url.clone()))
    }

    /// Waits until the server has found the provider here: one that was started before asks every few seconds.
    async fn wait_for_provider(&self) -> Result<(), IdentityError> {
        let found = async {
            loop {
                let answer = self.http.get(self.ready.clone()).send().await;
                if let Ok(answer) = answer.and_then(reqwest::Response::error_for_status)
                    && let Ok(told) = answer.json::<Value>().await
                    && told["identity_provider"].is_null()
                {
                    return;
                }
                sleep(LOOK_INTERVAL).await;
            }
        };
        let waited = timeout(SERVER_TIME, found).await;
        waited.map_err(|_| IdentityError::NoProvider)
    }

    /// How long it took until somebody's profile was there.
    async fn me(&self, token: &str) -> Result<Duration, String> {
        let begin = Instant::now();
        let answer = self.http.get(self.me.clone()).bearer_auth(token).send().await;
        let answer = answer.map_err(|_| "GET users/me: no answer".to_owned())?;
        let status = answer.status();
        answer
            .bytes()
            .await
            .map_err(|_| "GET users/me: the answer broke off".to_owned())?;
        if status == StatusCode::OK {
            Ok(begin.elapsed())
        } else {
            Err(format!("GET users/me: {status}"))
        }
    }
}

/// Runs the command; its output goes to the standard error.
async fn restart(command: &str) -> Result<(), IdentityError> {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(std::io::stderr());
    let status = tokio::task::spawn_blocking(move || shell.status()).await?;
    let status = status.map_err(IdentityError::Restart)?;
    if status.success() {
        Ok(())
    } else {
        Err(IdentityError::RestartFailed)
    }
}
