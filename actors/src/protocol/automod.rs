//! Namespace `automod`: a talking stick. At most one participant speaks, chosen from those who remain; clients mute themselves.

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Event, Namespace,
    limits::{AUTOMOD_LIST_MAX, AUTOMOD_SPEECH_MILLIS_MAX, AUTOMOD_SPEECH_MILLIS_MIN},
};
use crate::ids::ParticipantId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum AutomodCommand {
    /// Starts the session of the room; nobody speaks yet. Of the lists, the one that the strategy chooses from is looked at. For
    /// moderators.
    Start {
        #[serde(flatten)]
        parameters: SpeakingRules,
        #[serde(default)]
        allow_list: Option<SentSpeakers>,
        #[serde(default)]
        playlist: Option<SentSpeakers>,
    },
    /// Replaces the list that the strategy chooses from. For moderators.
    Edit {
        #[serde(default)]
        allow_list: Option<SentSpeakers>,
        #[serde(default)]
        playlist: Option<SentSpeakers>,
    },
    /// Ends the session. For moderators.
    Stop,
    /// Chooses who speaks; where that is nobody, the session ends. For moderators.
    Select {
        #[serde(flatten)]
        how: SpeakerSelection,
    },
    /// The speaker is done; the next one is chosen as the strategy says. For the speaker.
    Yield {
        /// Who speaks next, with strategy `nomination`.
        #[serde(default)]
        next: Option<ParticipantId>,
    },
}

/// How a moderator chooses who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum SpeakerSelection {
    /// Nobody.
    None,
    /// Somebody of the list.
    Random,
    /// As the strategy says.
    Next,
    /// This participant, whether or not it is in the list.
    Specific {
        participant: ParticipantId,
        /// Whether its entry stays in the list.
        keep_in_remaining: bool,
    },
}

/// How a session goes, as its `start` has said.
#[expect(clippy::struct_excessive_bools, reason = "the fields of the wire")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SpeakingRules {
    pub selection_strategy: SelectionStrategy,
    /// Whether participants see the list, with the strategies `playlist` and `random`.
    pub show_list: bool,
    /// Whether raised hands come into the list.
    pub consider_hand_raise: bool,
    /// How long somebody speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<SpeakingTime>,
    /// Whether somebody who was chosen stays in the allow list.
    pub allow_double_selection: bool,
    /// Whether clients show how somebody is chosen at random from an allow list, for 8 s.
    pub animation_on_random: bool,
    /// Whether newcomers come into the list.
    pub auto_append_on_join: bool,
}

/// Who comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelectionStrategy {
    /// Nobody: moderators choose each speaker.
    None,
    /// The first of the playlist.
    Playlist,
    /// Somebody of the allow list.
    Random,
    /// Whom the speaker names, of the allow list.
    Nomination,
}

impl SpeakingRules {
    /// Whether participants do not see the list.
    #[must_use]
    pub fn hide_list(&self) -> bool {
        let may_hide = matches!(
            self.selection_strategy,
            SelectionStrategy::Playlist | SelectionStrategy::Random
        );
        may_hide && !self.show_list
    }
}

/// Milliseconds for which somebody speaks: 100 ms to 24 h.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "u64")]
#[schemars(!try_from, inline, extend("minimum" = AUTOMOD_SPEECH_MILLIS_MIN, "maximum" = AUTOMOD_SPEECH_MILLIS_MAX))]
pub struct SpeakingTime(u32);

/// A time that nobody speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{AUTOMOD_SPEECH_MILLIS_MIN} to {AUTOMOD_SPEECH_MILLIS_MAX} milliseconds")]
pub struct InvalidSpeakingTime;

impl SpeakingTime {
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0.into()
    }
}

impl TryFrom<u64> for SpeakingTime {
    type Error = InvalidSpeakingTime;

    fn try_from(millis: u64) -> Result<Self, InvalidSpeakingTime> {
        let fits = u32::try_from(millis).ok();
        fits.filter(|millis| (AUTOMOD_SPEECH_MILLIS_MIN..=AUTOMOD_SPEECH_MILLIS_MAX).contains(millis))
            .map(Self)
            .ok_or(InvalidSpeakingTime)
    }
}

/// A list as it was sent: at most 10,000 entries. Of more, one is kept, which is enough to see that there are too many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(inline, description = "", extend("minItems" = 1, "maxItems" = AUTOMOD_LIST_MAX))]
pub struct SentSpeakers(#[serde(deserialize_with = "not_many_more")] Vec<ParticipantId>);

impl SentSpeakers {
    /// The entries, if there are any and not too many.
    #[must_use]
    pub fn entries(self) -> Option<Vec<ParticipantId>> {
        (1..=AUTOMOD_LIST_MAX).contains(&self.0.len()).then_some(self.0)
    }
}

fn not_many_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ParticipantId>, D::Error> {
    let mut list = Vec::deserialize(deserializer)?;
    list.truncate(AUTOMOD_LIST_MAX + 1);
    Ok(list)
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum AutomodEvent<'a> {
    /// A session has begun; nobody speaks yet.
    Started(AutomodConfig<'a>),
    /// The session has ended; nobody speaks any more.
    Stopped(StoppedReason),
    /// Somebody else speaks; nobody, while clients show how somebody is chosen.
    SpeakerUpdated {
        #[serde(skip_serializing_if = "Option::is_none")]
        speaker: Option<ParticipantId>,
        /// All who have spoken, in order, the speaker included; absent while nobody has.
        #[serde(skip_serializing_if = "Option::is_none")]
        history: Option<&'a [ParticipantId]>,
        /// The list; absent where participants do not see it.
        #[serde(skip_serializing_if = "Option::is_none")]
        remaining: Option<&'a [ParticipantId]>,
    },
    /// The list has changed.
    RemainingUpdated { remaining: &'a [ParticipantId] },
    /// Somebody is chosen at random: clients show that for 8 s, then it speaks.
    StartAnimation {
        /// Whom it is chosen from; nobody else, where participants do not see the list.
        pool: &'a [ParticipantId],
        result: ParticipantId,
    },
    /// A command was refused.
    Error(AutomodError),
}

impl Event for AutomodEvent<'_> {
    const NAMESPACE: Namespace = Namespace::Automod;
}

/// A session as clients see it.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct AutomodConfig<'a> {
    #[serde(flatten)]
    pub parameters: SpeakingRules,
    /// All who have spoken, in order, the speaker included.
    pub history: &'a [ParticipantId],
    /// Who may still be chosen; empty where participants do not see it.
    pub remaining: &'a [ParticipantId],
    pub issued_by: ParticipantId,
}

/// How a session came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum StoppedReason {
    StoppedByModerator {
        issued_by: ParticipantId,
    },
    /// Nobody is left to speak.
    SessionFinished,
}

/// `automod` in `join_success`, while a session runs.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct AutomodState<'a> {
    pub config: AutomodConfig<'a>,
    /// Null while nobody speaks.
    pub speaker: Option<ParticipantId>,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum AutomodError {
    #[error("no list, an empty or too long one, or somebody who is not here")]
    InvalidSelection,
    #[error("moderators only, or the speaker only")]
    InsufficientPermissions,
    #[error("a session is running")]
    SessionAlreadyRunning,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn start(mut more: serde_json::Value) -> Result<AutomodCommand, serde_json::Error> {
        let mut start = json!({
            "action": "start", "selection_strategy": "playlist", "show_list": true, "consider_hand_raise": false,
            "allow_double_selection": false, "animation_on_random": false, "auto_append_on_join": true,
        });
        if let (Some(start), Some(more)) = (start.as_object_mut(), more.as_object_mut()) {
            start.append(more);
        }
        serde_json::from_value(start)
    }

    #[test]
    fn a_time_limit_has_bounds() {
        for (millis, fits) in [
            (json!(100), true),
            (json!(86_400_000), true),
            (json!(null), true),
            (json!(99), false),
            (json!(86_400_001), false),
            (json!(u64::MAX), false),
            (json!(-1), false),
            (json!("100"), false),
        ] {
            assert_eq!(start(json!({"time_limit": millis})).is_ok(), fits, "{millis}");
        }
    }

    #[test]
    fn every_switch_must_be_said() {
        assert!(start(json!({"show_list": null})).is_err());
        assert!(start(json!({"selection_strategy": "loudest"})).is_err());
        let select = json!({"action": "select", "how": "specific", "participant": uuid::Uuid::nil()});
        assert!(serde_json::from_value::<AutomodCommand>(select).is_err());
    }

    #[test]
    fn of_a_list_that_is_too_long_one_entry_more_is_kept() {
        let list = |len| vec![ParticipantId(uuid::Uuid::nil()); len];
        for (len, entries) in [(0, None), (1, Some(1)), (10_000, Some(10_000)), (10_001, None)] {
            let AutomodCommand::Start {
                playlist: Some(sent), ..
            } = start(json!({"playlist": list(len)})).unwrap()
            else {
                panic!("no list");
            };
            assert_eq!(sent.entries().map(|list| list.len()), entries);
        }
        let sent: SentSpeakers = serde_json::from_value(json!(list(20_000))).unwrap();
        assert_eq!(sent.0.len(), AUTOMOD_LIST_MAX + 1);
    }
}
