//! Namespace `polls`: questions with choices, and how many chose what.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Event;
use crate::ids::{PollId, Timestamp};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum PollsCommand {
    /// Begins a poll. For moderators.
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
    /// Replaces the sender's earlier vote.
    Vote {
        poll_id: PollId,
        #[serde(flatten)]
        choices: Choices,
    },
    /// Ends a poll before its time. For moderators.
    Finish { id: PollId },
}

/// What somebody votes for; an empty list withdraws the vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Choices {
    Single { choice_id: u32 },
    Multiple { choice_ids: BTreeSet<u32> },
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum PollsEvent<'a> {
    /// A poll runs.
    Started(&'a PollConfig),
    /// The votes so far, in polls with live results.
    LiveUpdate { id: PollId, results: &'a [Item] },
    /// The poll has ended.
    Done { id: PollId, results: &'a [Item] },
    /// A command was refused.
    Error(PollsError),
}

impl Event for PollsEvent<'_> {
    const NAMESPACE: &'static str = "polls";
}

/// A poll as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Choice {
    /// 0, 1, 2 …
    pub id: u32,
    pub content: String,
}

/// How many have chosen an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Item {
    pub id: u32,
    pub count: u32,
}

/// `polls` in `join_success`, while a poll runs.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PollsState<'a> {
    #[serde(flatten)]
    pub config: &'a PollConfig,
    pub started: Timestamp,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
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
