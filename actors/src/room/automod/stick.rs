//! One session of automod: who may be chosen, who speaks, and what of that everybody has been told.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    ids::{ParticipantId, Timestamp},
    protocol::{
        automod::{AutomodConfig, AutomodEvent, AutomodState, SelectionStrategy, SpeakingRules},
        limits::{
            AUTOMOD_ANIMATION_SECS, AUTOMOD_ENTRIES_BURST_SECS, AUTOMOD_ENTRIES_PER_SECOND, AUTOMOD_LIST_MAX,
        },
    },
    room::effects::{Cx, Receivers},
};

/// A running session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stick {
    pub id: Uuid,
    parameters: SpeakingRules,
    issued_by: ParticipantId,
    /// The list that the strategy chooses from: a playlist in its order, or an allow list, in which each stands once.
    remaining: Vec<ParticipantId>,
    /// Of whom a raised hand has put into it.
    by_hand: BTreeSet<ParticipantId>,
    history: Vec<ParticipantId>,
    speech: Option<Speech>,
    animation: Option<Animation>,
    /// What not everybody has been told yet, and when it goes.
    news: Option<(News, Timestamp)>,
    /// When what was told is paid: so many entries take a second.
    paid: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Speech {
    speaker: ParticipantId,
    ends_at: Option<Timestamp>,
}

/// Clients show how somebody is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Animation {
    result: ParticipantId,
    ends_at: Timestamp,
}

/// Who has been chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    Nobody,
    Speaker(ParticipantId),
    /// Clients show first how that comes about.
    InAWhile(ParticipantId),
}

/// What everybody is to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct News {
    speaker: bool,
    remaining: bool,
    animation: bool,
}

impl News {
    pub const REMAINING: Self = Self {
        speaker: false,
        remaining: true,
        animation: false,
    };

    fn and(self, other: Self) -> Self {
        Self {
            speaker: self.speaker || other.speaker,
            remaining: self.remaining || other.remaining,
            animation: self.animation || other.animation,
        }
    }
}

impl Stick {
    pub fn begin(
        cx: &mut Cx,
        (parameters, list): (SpeakingRules, Vec<ParticipantId>),
        issued_by: ParticipantId,
    ) -> Self {
        let mut stick = Self {
            id: cx.new_id(),
            parameters,
            issued_by,
            remaining: list,
            by_hand: BTreeSet::new(),
            history: Vec::new(),
            speech: None,
            animation: None,
            news: None,
            paid: cx.at,
        };
        stick.pay(cx.at, stick.shown_list().map_or(0, <[_]>::len));
        stick
    }

    pub fn strategy(&self) -> SelectionStrategy {
        self.parameters.selection_strategy
    }

    fn is_playlist(&self) -> bool {
        self.strategy() == SelectionStrategy::Playlist
    }

    pub fn speaker(&self) -> Option<ParticipantId> {
        self.speech.map(|speech| speech.speaker)
    }

    pub fn speech_ends(&self) -> Option<Timestamp> {
        self.speech.and_then(|speech| speech.ends_at)
    }

    pub fn animation_ends(&self) -> Option<Timestamp> {
        self.animation.map(|animation| animation.ends_at)
    }

    /// When everybody is told what is new; none where all is told.
    pub fn news_go(&self) -> Option<Timestamp> {
        self.news.map(|(_, at)| at)
    }

    /// As participants see it.
    fn shown_list(&self) -> Option<&[ParticipantId]> {
        (!self.parameters.hide_list()).then_some(&self.remaining[..])
    }

    pub fn state(&self) -> AutomodState<'_> {
        AutomodState {
            config: AutomodConfig {
                parameters: self.parameters,
                history: &self.history,
                remaining: self.shown_list().unwrap_or_default(),
                issued_by: self.issued_by,
            },
            speaker: self.speaker(),
        }
    }

    pub fn set_list(&mut self, list: Vec<ParticipantId>) {
        self.remaining = list;
        self.by_hand.clear();
    }

    /// Somebody has come who has not spoken yet. Whether it was put into the list.
    pub fn append_newcomer(&mut self, who: ParticipantId) -> bool {
        self.parameters.auto_append_on_join && !self.history.contains(&who) && self.append(who)
    }

    /// Somebody's hand is up. Whether it was put into the list.
    pub fn append_by_hand(&mut self, who: ParticipantId) -> bool {
        let appended = self.parameters.consider_hand_raise && self.append(who);
        if appended {
            self.by_hand.insert(who);
        }
        appended
    }

    fn append(&mut self, who: ParticipantId) -> bool {
        let fits = self.remaining.len() < AUTOMOD_LIST_MAX && !self.remaining.contains(&who);
        if fits {
            self.remaining.push(who);
        }
        fits
    }

    /// Hands are down again: what they have put into the list goes. Whether that was anything.
    pub fn take_hands_out(&mut self, mut whose: BTreeSet<ParticipantId>) -> bool {
        whose.retain(|id| self.by_hand.remove(id));
        self.remaining.retain(|id| !whose.contains(id));
        !whose.is_empty()
    }

    /// Takes all entries of somebody out. Whether there were any.
    pub fn take_all_out(&mut self, who: ParticipantId) -> bool {
        let before = self.remaining.len();
        self.remaining.retain(|id| *id != who);
        self.by_hand.remove(&who);
        self.remaining.len() != before
    }

    /// Takes the first entry of somebody out, if there is one.
    pub fn take_out(&mut self, who: ParticipantId) {
        if let Some(index) = self.remaining.iter().position(|id| *id == who) {
            self.take_out_at(index);
        }
    }

    fn take_out_at(&mut self, index: usize) -> ParticipantId {
        let who = self.remaining.remove(index);
        // Whom a hand has put in stands there once.
        self.by_hand.remove(&who);
        who
    }

    /// Somebody of an allow list was chosen.
    fn take_out_once_chosen(&mut self, who: ParticipantId) {
        if !self.parameters.allow_double_selection {
            self.take_out(who);
        }
    }

    /// Whether the speaker may name somebody, or whom it names is not looked at.
    pub fn may_be_named(&self, who: ParticipantId) -> bool {
        self.strategy() != SelectionStrategy::Nomination || self.remaining.contains(&who)
    }

    /// Who comes next, as the strategy says.
    pub fn next(&mut self, cx: &mut Cx, named: Option<ParticipantId>) -> Chosen {
        match (self.strategy(), named) {
            (SelectionStrategy::Playlist, _) if !self.remaining.is_empty() => {
                Chosen::Speaker(self.take_out_at(0))
            }
            (SelectionStrategy::Random, _) => self.draw(cx),
            (SelectionStrategy::Nomination, Some(named)) => {
                self.take_out_once_chosen(named);
                Chosen::Speaker(named)
            }
            _ => Chosen::Nobody,
        }
    }

    /// Somebody of the list, by chance.
    pub fn draw(&mut self, cx: &mut Cx) -> Chosen {
        let index = cx.one_of(self.remaining.len());
        let Some(who) = self.remaining.get(index).copied() else {
            return Chosen::Nobody;
        };
        if self.is_playlist() {
            return Chosen::Speaker(self.take_out_at(index));
        }
        if self.parameters.animation_on_random && self.remaining.len() > 1 {
            return Chosen::InAWhile(who);
        }
        self.take_out_once_chosen(who);
        Chosen::Speaker(who)
    }

    pub fn begin_speech(&mut self, speaker: ParticipantId, now: Timestamp) -> News {
        let limit = self.parameters.time_limit;
        let ends_at = limit.map(|limit| now.plus_millis(limit.millis()));
        self.speech = Some(Speech { speaker, ends_at });
        self.animation = None;
        if self.history.len() >= AUTOMOD_LIST_MAX {
            self.history.remove(0);
        }
        self.history.push(speaker);
        News {
            speaker: true,
            ..News::default()
        }
    }

    pub fn begin_animation(&mut self, result: ParticipantId, now: Timestamp) -> News {
        let ends_at = now.plus_secs(AUTOMOD_ANIMATION_SECS);
        self.animation = Some(Animation { result, ends_at });
        News {
            speaker: self.speech.take().is_some(),
            remaining: false,
            animation: true,
        }
    }

    /// Whoever the animation was to end with is in the list no more.
    pub fn animation_is_void(&self) -> bool {
        self.animation
            .is_some_and(|animation| !self.remaining.contains(&animation.result))
    }

    pub fn end_animation(&mut self) -> Chosen {
        let Some(Animation { result, .. }) = self.animation.take() else {
            return Chosen::Nobody;
        };
        self.take_out_once_chosen(result);
        Chosen::Speaker(result)
    }

    pub fn add_news(&mut self, news: News, now: Timestamp) {
        let (before, at) = self.news.unwrap_or_else(|| {
            let at = self.paid.minus_secs(AUTOMOD_ENTRIES_BURST_SECS);
            (News::default(), at.max(now))
        });
        self.news = Some((before.and(news), at));
    }

    /// Tells what is new; what everybody knows then is paid for in the time after it.
    pub fn tell(&mut self, cx: &mut Cx, to: &Receivers) {
        let Some((news, _)) = self.news.take() else { return };
        let mut entries = 0;
        let remaining = self.shown_list();
        if news.speaker {
            let history = (!self.history.is_empty()).then_some(&self.history[..]);
            entries += self.history.len() + remaining.map_or(0, <[_]>::len);
            let event = AutomodEvent::SpeakerUpdated {
                speaker: self.speaker(),
                history,
                remaining,
            };
            cx.send(to.clone(), &event);
        } else if news.remaining
            && let Some(remaining) = remaining
        {
            entries += remaining.len();
            cx.send(to.clone(), &AutomodEvent::RemainingUpdated { remaining });
        }
        if news.animation
            && let Some(Animation { result, .. }) = self.animation
        {
            let pool = remaining.unwrap_or(std::slice::from_ref(&result));
            entries += pool.len();
            cx.send(to.clone(), &AutomodEvent::StartAnimation { pool, result });
        }
        self.pay(cx.at, entries);
    }

    fn pay(&mut self, now: Timestamp, entries: usize) {
        // At most three lists of 10,000: no overflow.
        let micros = entries as u64 * 1_000_000 / u64::from(AUTOMOD_ENTRIES_PER_SECOND);
        let paid = self.paid.max(now).as_micros().saturating_add_unsigned(micros);
        self.paid = Timestamp::from_micros(paid);
    }

    /// Describes what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if self.remaining.len() > AUTOMOD_LIST_MAX || self.history.len() > AUTOMOD_LIST_MAX {
            return Err("automod: a list is too long".to_owned());
        }
        if self.speech.is_some() && self.animation.is_some() {
            return Err("automod: somebody speaks, and is chosen".to_owned());
        }
        if self.animation_is_void() {
            return Err("automod: chosen is who is not in the list".to_owned());
        }
        let once = |who: &ParticipantId| self.remaining.iter().filter(|id| *id == who).count() == 1;
        if !self.by_hand.iter().all(once) {
            return Err("automod: a hand's entry is not there once".to_owned());
        }
        if self
            .speech
            .is_some_and(|speech| self.history.last() != Some(&speech.speaker))
        {
            return Err("automod: the speaker is not the last who has spoken".to_owned());
        }
        Ok(())
    }
}
