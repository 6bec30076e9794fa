//! What the options mean together: defaults of a scenario, and combinations that make no sense.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{Args, Rate, ScenarioName};
use crate::forwarded::{CLIENTS_MAX, ForwardedFor};

/// Descriptors of the load tester itself: runtime, terminal, libraries.
const FILES_ASIDE: u64 = 64;

impl Args {
    pub fn rooms(&self) -> u32 {
        let default = match self.scenario {
            ScenarioName::Class | ScenarioName::Moderation => 1,
            ScenarioName::Restart => 200,
            ScenarioName::Neighbours => 100,
            _ => 10,
        };
        self.rooms.unwrap_or(default)
    }

    /// Participants of each room.
    pub fn participants(&self) -> u32 {
        let default = match self.scenario {
            ScenarioName::Idle | ScenarioName::Neighbours => 5,
            ScenarioName::Class => 301,
            ScenarioName::Moderation => 300,
            _ => 10,
        };
        self.participants.unwrap_or(default)
    }

    /// Everybody in all rooms.
    pub fn participants_total(&self) -> u64 {
        u64::from(self.rooms()) * u64::from(self.participants())
    }

    /// Where clients seem to come from: a class and a company are behind one address, unless told otherwise.
    pub fn forwarded_for(&self) -> ForwardedFor {
        let is_house = matches!(self.scenario, ScenarioName::Class | ScenarioName::Restart);
        let is_house = is_house && self.command.is_none();
        let default = if is_house {
            ForwardedFor::HOUSE
        } else {
            ForwardedFor::Nobody
        };
        self.forwarded_for.unwrap_or(default)
    }

    /// Senders of each room.
    pub fn senders(&self) -> u32 {
        self.senders.min(self.participants())
    }

    pub fn duration(&self) -> Duration {
        let default_secs = if self.scenario == ScenarioName::Idle {
            30
        } else {
            10
        };
        self.duration.unwrap_or(Duration::from_secs(default_secs))
    }

    fn rate(&self) -> Rate {
        self.rate.unwrap_or(Rate::PerSecond(match self.scenario {
            ScenarioName::WaitingRoom => 10.0,
            ScenarioName::Churn => 1.0,
            _ => 5.0,
        }))
    }

    /// Time between two actions of one participant; `None`: as fast as possible.
    pub fn interval(&self) -> Option<Duration> {
        match self.rate() {
            Rate::PerSecond(rate) => Some(Duration::from_secs_f64(rate.recip())),
            Rate::Max => None,
        }
    }

    /// Participants of each room that stop reading: the last ones, never a sender.
    pub fn stalled(&self) -> u32 {
        let share = (self.participants() * self.stalled_percent).div_ceil(100);
        share.min(self.participants() - self.senders())
    }

    /// Open files that a run needs at the most: a socket and an HTTP connection for each participant, and once more the
    /// sockets of the baseline.
    pub fn files_needed(&self) -> u64 {
        let large = if self.scenario == ScenarioName::Neighbours {
            u64::from(self.large_room)
        } else {
            0
        };
        2 * (self.participants_total() + large) + FILES_ASIDE
    }

    /// What the parser can't see in one option alone.
    pub fn check(&self) -> Result<(), String> {
        let scenario = self.scenario;
        if self.rate() == Rate::Max && !scenario.floods() {
            return Err("--rate max is for fanout, stall and baseline".to_owned());
        }
        if scenario == ScenarioName::Baseline && self.server_pid.is_none() {
            return Err("baseline compares CPU times: --server-pid is needed".to_owned());
        }
        let needs_company = matches!(
            scenario,
            ScenarioName::Breakout | ScenarioName::WaitingRoom | ScenarioName::Churn
        );
        if needs_company && self.participants() < 2 {
            return Err("this scenario needs --participants from 2 on".to_owned());
        }
        if scenario == ScenarioName::Stall && self.stalled() == 0 {
            return Err("everybody sends: stall needs more --participants than --senders".to_owned());
        }
        if scenario == ScenarioName::Vote && self.accounts.len() < self.participants() as usize {
            return Err("only users vote: --account is needed as often as --participants".to_owned());
        }
        if self.restart_command.is_some() && scenario != ScenarioName::Restart {
            return Err("--restart-command is for restart".to_owned());
        }
        let clients = self.participants_total() + self.accounts.len() as u64;
        if self.forwarded_for() == ForwardedFor::Each && clients > CLIENTS_MAX {
            return Err(format!("--forwarded-for each has {CLIENTS_MAX} addresses"));
        }
        if scenario == ScenarioName::Breakout && self.breakout_rooms > self.participants() {
            return Err("more --breakout-rooms than --participants".to_owned());
        }
        Ok(())
    }

    fn of_large_room(&self) -> [(&'static str, Value); 2] {
        [
            ("large_room", json!(self.large_room)),
            ("large_rate", json!(self.large_rate)),
        ]
    }

    fn rate_shown(&self) -> Value {
        match self.rate() {
            Rate::PerSecond(rate) => json!(rate),
            Rate::Max => json!("max"),
        }
    }

    /// What the run was told to do, as far as its scenario cares.
    pub fn parameters(&self) -> BTreeMap<&'static str, Value> {
        let rate = self.rate_shown();
        let duration_secs = json!(self.duration().as_secs());
        let flood = [
            ("rate", rate.clone()),
            ("message_bytes", json!(self.size)),
            ("senders_per_room", json!(self.senders())),
            ("duration_secs", duration_secs.clone()),
        ];
        let talk = [
            ("rate", rate.clone()),
            ("message_bytes", json!(self.size)),
            ("messages_per_participant", json!(self.messages)),
        ];
        let mut parameters = BTreeMap::from([
            ("rooms", json!(self.rooms())),
            ("participants_per_room", json!(self.participants())),
        ]);
        let forwarded_for = self.forwarded_for();
        if forwarded_for != ForwardedFor::Nobody {
            parameters.insert("forwarded_for", json!(forwarded_for.to_string()));
        }
        let (deadline_secs, retry_secs) = (self.deadline.as_secs(), self.retry.as_secs());
        let deadline = [
            ("deadline_secs", json!(deadline_secs)),
            ("retry_secs", json!(retry_secs)),
        ];
        let spread = ("spread_secs", json!(self.spread.as_secs()));
        match self.scenario {
            ScenarioName::Class => parameters.extend(deadline.into_iter().chain([spread])),
            ScenarioName::Restart => parameters.extend(deadline),
            ScenarioName::Chat => parameters.extend(talk),
            ScenarioName::JoinStorm | ScenarioName::Vote => parameters.extend([spread]),
            ScenarioName::Fanout => parameters.extend(flood),
            ScenarioName::Idle => parameters.extend([("duration_secs", duration_secs)]),
            ScenarioName::Churn => parameters.extend([("rate", rate), ("duration_secs", duration_secs)]),
            ScenarioName::Breakout => {
                parameters.extend(talk);
                parameters.extend([("breakout_rooms", json!(self.breakout_rooms))]);
            }
            ScenarioName::Automod => {}
            ScenarioName::WaitingRoom => parameters.extend([("rate", rate)]),
            ScenarioName::Stall => {
                parameters.extend(flood);
                parameters.extend([("stalled_per_room", json!(self.stalled()))]);
            }
            ScenarioName::Neighbours => {
                parameters.extend(flood);
                parameters.extend(self.of_large_room());
            }
            ScenarioName::Moderation => {
                let delay = ("livekit_delay_ms", json!(self.livekit_delay));
                parameters.extend(flood.into_iter().chain([delay]));
            }
            ScenarioName::Baseline => {
                parameters.extend(flood.into_iter().chain([("pairs", json!(self.pairs))]));
            }
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn args(arguments: &[&str]) -> Args {
        Args::parse_from([&["loadtest"], arguments].concat())
    }

    #[test]
    fn defaults_depend_on_the_scenario() {
        assert_eq!(args(&["--scenario", "idle"]).participants(), 5);
        assert_eq!(args(&["--scenario", "fanout"]).participants(), 10);
        assert_eq!(
            args(&["--scenario", "idle", "--participants", "7"]).participants(),
            7
        );
        assert_eq!(
            args(&["--scenario", "churn"]).interval(),
            Some(Duration::from_secs(1))
        );
        assert_eq!(args(&["--scenario", "fanout", "--rate", "max"]).interval(), None);
        assert_eq!(args(&["--scenario", "class"]).participants_total(), 301);
        assert_eq!(args(&["--scenario", "restart"]).participants_total(), 2_000);
        assert_eq!(args(&[]).forwarded_for(), ForwardedFor::Nobody);
        for scenario in ["class", "restart"] {
            let arguments = ["--scenario", scenario];
            assert_eq!(args(&arguments).forwarded_for(), ForwardedFor::HOUSE);
            let told = [&arguments[..], &["--forwarded-for", "none"]].concat();
            assert_eq!(args(&told).forwarded_for(), ForwardedFor::Nobody);
        }
    }

    #[test]
    fn every_stall_stalls_somebody_and_no_sender() {
        let stalled = |participants: &str, percent: &str| {
            let options = ["--participants", participants, "--stalled-percent", percent];
            args(&[["--scenario", "stall"].as_slice(), &options].concat()).stalled()
        };
        assert_eq!(stalled("10", "5"), 1);
        assert_eq!(stalled("100", "5"), 5);
        assert_eq!(stalled("4", "90"), 1);
        assert_eq!(stalled("3", "5"), 0);
    }

    #[test]
    fn combinations_without_sense_are_refused() {
        for arguments in [
            ["--scenario", "chat", "--rate", "max"],
            ["--scenario", "churn", "--rate", "max"],
            ["--scenario", "baseline", "--rate", "5"],
            ["--scenario", "breakout", "--participants", "1"],
            ["--scenario", "breakout", "--breakout-rooms", "11"],
            ["--scenario", "waiting-room", "--participants", "1"],
            ["--scenario", "stall", "--participants", "3"],
            ["--scenario", "class", "--restart-command", "true"],
            ["--scenario", "vote", "--participants", "4"],
            ["--forwarded-for", "each", "--participants", "20000"],
        ] {
            assert!(args(&arguments).check().is_err(), "{arguments:?} was taken");
        }
        for arguments in [
            ["--scenario", "stall", "--participants", "4"],
            ["--scenario", "fanout", "--rate", "max"],
            ["--scenario", "chat", "--participants", "1"],
            ["--scenario", "vote", "--participants", "3"],
        ] {
            assert_eq!(args(&arguments).check(), Ok(()), "{arguments:?} was refused");
        }
    }

    #[test]
    fn only_what_matters_is_reported() {
        let parameters = args(&["--scenario", "fanout", "--rate", "max"]).parameters();
        assert_eq!(parameters["rate"], "max");
        assert_eq!(parameters["senders_per_room"], 3);
        assert!(!parameters.contains_key("messages_per_participant"));
    }
}
