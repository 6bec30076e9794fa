//! Namespace `polls`: questions with choices, and how many chose what.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Event;
use crate::ids::{PollId, Timestamp};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum PollsCommand {
    Start {
        topic: String,
        /// Whether results go out while the poll runs.
        #[serde(default)]
        live: bool,
        #[serde(default)]
        multiple_choice: bool,
        choices: Vec<String>,
        /// Seconds.
        duration: u64,
    },
    Vote {
        poll_id: PollId,
        #[serde(flatten)]
        choices: Choices,
    },
    Finish {
        id: PollId,
    },
}

/// What somebody votes for; an empty list withdraws the vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Choices {
    Single { choice_id: u32 },
    Multiple { choice_ids: BTreeSet<u32> },
}

#[derive(Debug, Serialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum PollsEvent<'a> {
    Started(&'a PollConfig),
    LiveUpdate { id: PollId, results: &'a [Item] },
    Done { id: PollId, results: &'a [Item] },
    Error(PollsError),
}

impl Event for PollsEvent<'_> {
    const NAMESPACE: &'static str = "polls";
}

/// A poll as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PollConfig {
    pub id: PollId,
    pub topic: String,
    pub live: bool,
    pub multiple_choice: bool,
    pub choices: Vec<Choice>,
    /// Seconds.
    pub duration: u64,
}

/// One answer that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// 0, 1, 2 …
    pub id: u32,
    pub content: String,
}

/// How many have chosen an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub id: u32,
    pub count: u32,
}

/// `polls` in `join_success`, while a poll runs.
#[derive(Debug, Serialize)]
pub struct PollsState<'a> {
    #[serde(flatten)]
    pub config: &'a PollConfig,
    pub started: Timestamp,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum PollsError {
    #[error("moderators only")]
    InsufficientPermissions,
    #[error("2 to 64 choices")]
    InvalidChoiceCount,
    #[error("no such poll is running")]
    InvalidPollId,
    #[error("no such choice")]
    InvalidChoiceId,
    #[error("only one choice")]
    MultipleChoicesNotAllowed,
    #[error("a choice has 1 to 100 characters")]
    InvalidChoiceDescription,
    #[error("2 to 3600 seconds")]
    InvalidDuration,
    #[error("a topic has 2 to 100 characters")]
    InvalidTopicLength,
    #[error("a poll is running")]
    StillRunning,
}
