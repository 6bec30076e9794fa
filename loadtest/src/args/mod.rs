//! The command line.

mod rules;

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;
use url::Url;

use crate::{
    forwarded::ForwardedFor,
    identity::IdentityArgs,
    rest::{RestArgs, baseline::Identity},
    stamp,
};

/// The server cuts longer chat messages.
const MESSAGE_BYTES_MAX: u16 = 4096;

/// Drive many concurrent rooms against a running Colloquy and report what was seen.
#[derive(Debug, Parser)]
#[command(version, args_override_self = true, disable_help_subcommand = true)]
pub struct Args {
    /// What the participants do.
    #[arg(long, value_enum, default_value_t = ScenarioName::Chat)]
    pub scenario: ScenarioName,
    /// Where the server listens (http only).
    #[arg(long, global = true, default_value = "http://127.0.0.1:11311", value_parser = http_url)]
    pub url: Url,
    /// The issuer that knows the accounts [default: the one that the server names].
    #[arg(long, global = true, value_name = "URL", value_parser = web_url)]
    pub issuer: Option<Url>,
    /// Where all clients seem to come from: an address, "each" (each from one of its own, of 198.18.0.0/15) or "none"; the
    /// server must have this machine in `http.trusted_proxies` [default: none; class, restart: 198.18.0.1].
    #[arg(long, global = true, value_name = "ADDRESS|each|none")]
    forwarded_for: Option<ForwardedFor>,
    /// Process id of the server on this machine: its CPU time and memory go into the report (Linux).
    #[arg(long, global = true, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// Concurrent rooms [default: 10, class: 1, restart: 200, neighbours: 100, moderation: 1].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rooms: Option<u32>,
    /// Participants per room [default: 10, idle, neighbours: 5, class: 301, moderation: 300]; the first is the owner, the others are guests.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    participants: Option<u32>,
    /// chat, breakout: messages that each participant sends.
    #[arg(long, default_value_t = 20)]
    pub messages: u32,
    /// Messages per second of each sender [default: 5]; waiting-room: acceptances per second [default: 10]; churn: departures per
    /// second of each participant [default: 1]. The server's default limit is 20. fanout, stall and baseline take "max", too: as
    /// fast as the server hands out what was sent.
    #[arg(long)]
    rate: Option<Rate>,
    /// Bytes of each message.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(i64::from(stamp::BYTES_MAX)..=i64::from(MESSAGE_BYTES_MAX)))]
    pub size: u16,
    /// fanout, stall, baseline: participants per room that send; fewer where a room has fewer.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    senders: u32,
    /// Seconds of sending (fanout, stall, baseline), holding (idle), coming and going (churn) [default: 10, idle: 30].
    #[arg(long, value_parser = seconds)]
    duration: Option<Duration>,
    /// join-storm, class: seconds over which the joins begin; vote: over which people vote; 0: all at once.
    #[arg(long, default_value = "1", value_parser = seconds_or_none)]
    pub spread: Duration,
    /// class: seconds from the first click until all are inside; restart: from the first closed socket until all are back.
    #[arg(long, default_value = "60", value_parser = seconds)]
    pub deadline: Duration,
    /// class, restart: seconds until who was refused or lost its socket tries again; the web client's are 5.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub retry: Duration,
    /// restart: run in a shell when all are inside; without it somebody else restarts the server within 5 minutes.
    #[arg(long, value_name = "COMMAND")]
    pub restart_command: Option<String>,
    /// stall: share of a room's participants that stop reading, in percent; at least one does.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=90))]
    pub stalled_percent: u32,
    /// baseline: how often baseline and server take turns.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub pairs: u32,
    /// neighbours: participants of the large room.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub large_room: u32,
    /// neighbours: messages per second of each sender in the large room.
    #[arg(long, default_value = "20", value_parser = positive)]
    pub large_rate: f64,
    /// moderation: where the load tester plays LiveKit; the server has it as `livekit.service_url`.
    #[arg(long, default_value = "127.0.0.1:7880")]
    pub livekit: SocketAddr,
    /// moderation: milliseconds that each call to LiveKit takes.
    #[arg(long, default_value_t = 10)]
    pub livekit_delay: u64,
    /// breakout: breakout rooms per room.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub breakout_rooms: u32,
    /// Rooms created and participants joining at the same time; a join storm goes without this limit.
    #[arg(long, default_value_t = 64, value_parser = at_least_one)]
    pub join_concurrency: usize,
    /// Seconds that a request, a join, or a pause between deliveries may last.
    #[arg(long, global = true, default_value = "15", value_parser = seconds)]
    pub timeout: Duration,
    /// A user that owns rooms, as `name:password`; repeat it to spread the rooms over several. vote: one for each participant of a room.
    #[arg(long = "account", global = true, default_values = ["alice:alice", "bob:bob", "carol:carol"])]
    pub accounts: Vec<Credentials>,
    /// OIDC client id for the password grant.
    #[arg(long, global = true, default_value = "Frontend")]
    pub client_id: String,
    /// Write the report as JSON to this file, too; "-": to the standard output, and the text to the standard error.
    #[arg(long, global = true, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Leave the rooms behind.
    #[arg(long)]
    pub keep: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What is done instead of a scenario.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask REST operations as often as the server answers.
    Rest(RestArgs),
    /// Be the identity provider of a server that restarts, and of people who come back then.
    Identity(IdentityArgs),
    /// The bare handler with which `rest` compares.
    #[command(hide = true)]
    RestBaseline(Identity),
    /// Broadcast without any rules; the baseline of the scenario baseline.
    #[command(hide = true)]
    BaselineServer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioName {
    /// Everyone joins, then everyone writes to the room's chat.
    Chat,
    /// Everyone joins within the same second.
    JoinStorm,
    /// A few write, everyone in the room receives.
    Fanout,
    /// Everyone joins and keeps the heart beating.
    Idle,
    /// Everyone leaves and comes back, again and again.
    Churn,
    /// Everyone moves to breakout rooms, writes there, and goes back.
    Breakout,
    /// Everyone waits until the moderator lets them in.
    WaitingRoom,
    /// Guests behind one address follow one invite link; all must be inside soon.
    Class,
    /// A company behind one address must be back soon after the server has restarted.
    Restart,
    /// As fanout, while some receivers do not read.
    Stall,
    /// As fanout, by turns at a bare broadcast server and at the server.
    Baseline,
    /// As fanout in small rooms, first alone, then beside a large room that is flooded.
    Neighbours,
    /// As fanout, first undisturbed, then while a moderator restricts and mutes everybody.
    Moderation,
    /// A talking stick goes round to everyone, who hands it on at once.
    Automod,
    /// Everyone votes; each is a user, of --account.
    Vote,
}

impl ScenarioName {
    /// Whether this scenario floods a room by a few senders.
    pub fn floods(self) -> bool {
        matches!(
            self,
            Self::Fanout | Self::Stall | Self::Baseline | Self::Neighbours | Self::Moderation
        )
    }
}

/// How often somebody does something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    PerSecond(f64),
    /// As fast as what was done takes effect.
    Max,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        positive(text).map(Self::PerSecond)
    }
}

/// A user's name and password at the development issuer.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl FromStr for Credentials {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (username, password) = text.split_once(':').ok_or("expected name:password")?;
        Ok(Self {
            username: username.to_owned(),
            password: password.to_owned(),
        })
    }
}

fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if url.scheme() != "http" {
        return Err("only http:// is driven: point it at the server itself, behind the proxy".to_owned());
    }
    Ok(url)
}

fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err("expected an http or https URL".to_owned()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    // Beyond the upper bound an interval would be shorter than a timer's grain.
    if (0.001..=1000.0).contains(&number) {
        Ok(number)
    } else {
        Err("expected 0.001 to 1000".to_owned())
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a number from 1 on".to_owned()),
        Ok(number) => Ok(number),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected whole seconds from 1 on".to_owned()),
        Ok(number) => Ok(Duration::from_secs(number)),
    }
}

fn seconds_or_none(text: &str) -> Result<Duration, String> {
    let number: u64 = text
        .parse()
        .map_err(|_| "expected whole seconds from 0 on".to_owned())?;
    Ok(Duration::from_secs(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["loadtest"], arguments].concat())
    }

    #[test]
    fn defaults_are_usable() {
        let args = parse(&[]).unwrap();
        assert_eq!(args.participants_total(), 100);
        assert_eq!(args.interval(), Some(Duration::from_millis(200)));
        assert_eq!(args.accounts[0].username, "alice");
    }

    #[test]
    fn the_last_of_an_option_counts_and_accounts_add_up() {
        let args = parse(&[
            "--rooms",
            "3",
            "--rooms",
            "4",
            "--account",
            "a:b",
            "--account",
            "c:d",
        ])
        .unwrap();
        assert_eq!(args.rooms(), 4);
        assert_eq!(args.accounts[1].username, "c");
    }

    /// Names of options that all commands have must not come again in one of them.
    #[test]
    fn every_command_can_be_read() {
        <Args as clap::CommandFactory>::command().debug_assert();
        for arguments in [
            &["rest"][..],
            &["baseline-server"],
            &["identity", "--restart", "true"],
            &["rest-baseline", "--iss", "https://id.example.org", "--sub", "s"],
        ] {
            assert!(parse(arguments).is_ok(), "{arguments:?}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for arguments in [
            ["--rooms", "0"],
            ["--participants", "0"],
            ["--rate", "0"],
            ["--rate", "NaN"],
            ["--rate", "-3"],
            ["--size", "20"],
            ["--size", "5000"],
            ["--join-concurrency", "0"],
            ["--timeout", "0"],
            ["--url", "https://example.org"],
            ["--account", "alice"],
            ["--scenario", "unknown"],
            ["--senders", "0"],
            ["--duration", "0"],
            ["--spread", "-1"],
            ["--stalled-percent", "0"],
            ["--pairs", "0"],
            ["--server-pid", "x"],
            ["--forwarded-for", "everybody"],
            ["--issuer", "urn:issuer"],
            ["--deadline", "0"],
            ["--retry", "0"],
        ] {
            assert!(parse(&arguments).is_err(), "{arguments:?} was taken");
        }
    }

    #[test]
    fn a_password_may_hold_colons_and_is_not_printed() {
        let args = parse(&["--account", "dora:s:e:c"]).unwrap();
        assert_eq!(args.accounts[0].password, "s:e:c");
        assert!(!format!("{args:?}").contains("s:e:c"));
    }
}
