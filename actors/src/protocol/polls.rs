//! Namespace `polls`: questions with choices, and how many chose what.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Event, Namespace,
    limits::{POLL_CHOICE_CHARS_MAX, POLL_CHOICES_MAX, POLL_TOPIC_CHARS_MAX},
    names::Sent,
};
use crate::ids::{PollId, Timestamp};

/// A topic as sent.
pub type SentTopic = Sent<POLL_TOPIC_CHARS_MAX>;
/// A choice as sent.
pub type SentChoice = Sent<POLL_CHOICE_CHARS_MAX>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum PollsCommand {
    /// Begins a poll. For moderators.
    Start {
        topic: SentTopic,
        /// Whether results go out while the poll runs.
        #[serde(default)]
        live: bool,
        #[serde(default)]
        multiple_choice: bool,
        #[serde(deserialize_with = "not_many_more")]
        choices: Vec<SentChoice>,
        /// Seconds.
        duration: u64,
    },
    /// Replaces the sender's earlier vote, also from another tab of the same user.
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
    Single {
        choice_id: u32,
    },
    Multiple {
        #[serde(deserialize_with = "not_many_more_ids")]
        choice_ids: BTreeSet<u32>,
    },
}

/// One more than there may be is enough to see that there are too many.
fn not_many_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SentChoice>, D::Error> {
    let mut choices = Vec::deserialize(deserializer)?;
    choices.truncate(POLL_CHOICES_MAX + 1);
    Ok(choices)
}

/// One of so many is none that a poll has.
fn not_many_more_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<u32>, D::Error> {
    let ids = BTreeSet::deserialize(deserializer)?;
    Ok(ids.into_iter().take(POLL_CHOICES_MAX + 1).collect())
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
    const NAMESPACE: Namespace = Namespace::Polls;
}

/// A poll as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PollConfig {
    pub id: PollId,
    pub topic: Arc<str>,
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
    pub content: Arc<str>,
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
    /// The votes so far, in polls with live results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<&'a [Item]>,
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
    #[error("a choice has 1 to 255 characters")]
    InvalidChoiceDescription,
    #[error("2 to 3600 seconds")]
    InvalidDuration,
    #[error("a topic has 2 to 500 characters")]
    InvalidTopicLength,
    #[error("a poll is running")]
    StillRunning,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_kept_to_one_more() {
        let choices: Vec<_> = (0..10_000).map(|_| "x".repeat(300)).collect();
        let start = serde_json::json!({"action": "start", "topic": "t".repeat(1_000_000), "choices": choices, "duration": 60});
        let PollsCommand::Start { topic, choices, .. } = serde_json::from_value(start).unwrap() else {
            panic!("no start");
        };
        assert_eq!(topic.chars().count(), POLL_TOPIC_CHARS_MAX + 1);
        assert_eq!(choices.len(), POLL_CHOICES_MAX + 1);
        assert!(
            choices
                .iter()
                .all(|choice| choice.chars().count() == POLL_CHOICE_CHARS_MAX + 1)
        );
        let vote: Choices =
            serde_json::from_value(serde_json::json!({"choice_ids": (0..10_000).collect::<Vec<u32>>()}))
                .unwrap();
        assert!(matches!(vote, Choices::Multiple { choice_ids } if choice_ids.len() == POLL_CHOICES_MAX + 1));
    }
}
