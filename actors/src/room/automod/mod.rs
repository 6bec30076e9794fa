//! Namespace `automod`: one talking stick per room of a meeting.

mod stick;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::stick::{Chosen, News, Stick};
use super::{
    Room, RoomSettings,
    agenda::Agenda,
    effects::Cx,
    invariants::check_deadlines,
    missed::Missed,
    module::{Around, Module, PerSpace, State},
    refusal::Refusal,
    roster::{Circle, Roster},
};
use crate::{
    ids::{ParticipantId, Space, Timestamp},
    protocol::{
        Namespace,
        automod::{
            AutomodCommand, AutomodError, AutomodEvent, SelectionStrategy, SentSpeakers, SpeakerSelection,
            SpeakingRules, StoppedReason,
        },
        control::LeaveReason,
    },
};

/// The talking sticks of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TalkingStick(PerSpace<OfSpace>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct OfSpace {
    running: Option<Stick>,
    /// When the last session ended, for those who were away.
    ended: Option<Timestamp>,
}

/// When the speaker's time is up, when somebody who was chosen at random speaks, and when everybody is told what is new.
const SPEECH: u8 = 0;
const ANIMATION: u8 = 1;
const NEWS: u8 = 2;

fn deadline(space: Space, tag: u8) -> (Namespace, Space, u8) {
    (Namespace::Automod, space, tag)
}

impl Module for TalkingStick {
    type Command = AutomodCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: AutomodCommand,
    ) -> Result<(), Refusal> {
        let Some((modules, mut around)) = room.modules() else {
            return Ok(());
        };
        Ok(modules.automod.obey(cx, &mut around, who, command)?)
    }

    fn joined(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        let Some(me) = around.people.get(who).filter(|p| !p.is_hidden()) else {
            return;
        };
        let (space, hand_is_up) = (me.space, me.hand_is_up);
        if let Some(stick) = self.running_mut(space)
            && (stick.append_newcomer(who) || hand_is_up && stick.append_by_hand(who))
        {
            self.tell(cx, around, space, News::REMAINING);
        }
    }

    fn left(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        space: Space,
        _reason: LeaveReason,
    ) {
        let Some(stick) = self.running_mut(space) else {
            return;
        };
        let (spoke, was_listed) = (stick.speaker() == Some(who), stick.take_all_out(who));
        if was_listed {
            self.list_has_changed(cx, around, space);
        }
        if spoke && let Some(stick) = self.running_mut(space) {
            let next = stick.next(cx, None);
            self.hand_over(cx, around, space, next);
        }
    }

    fn hands_changed(&mut self, cx: &mut Cx, around: &mut Around<'_>, whose: &[ParticipantId]) {
        let spaces: Vec<_> = self.0.iter().map(|(space, _)| space).collect();
        for space in spaces {
            let Some(stick) = self.running_mut(space) else {
                continue;
            };
            let here = whose
                .iter()
                .copied()
                .filter(|id| is_here(around.people, space, *id));
            let (up, down): (BTreeSet<_>, BTreeSet<_>) =
                here.partition(|id| around.people.get(*id).is_some_and(|p| p.hand_is_up));
            let lowered = stick.take_hands_out(down);
            let raised = up.into_iter().filter(|id| stick.append_by_hand(*id)).count();
            if lowered || raised > 0 {
                self.list_has_changed(cx, around, space);
            }
        }
    }

    fn space_closed(&mut self, _cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        forget_deadlines(around, space);
        self.0.remove(space);
    }

    fn due(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, tag: u8) {
        let Some(stick) = self.running_mut(space) else {
            return;
        };
        let chosen = match tag {
            NEWS => return self.tell_now(cx, around, space),
            ANIMATION => stick.end_animation(),
            _ => stick.next(cx, None),
        };
        self.hand_over(cx, around, space, chosen);
    }

    fn join_state(&mut self, _cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        let stick = self.running(around.people.space(who))?;
        Some(State::of(&stick.state()))
    }

    fn shown(&self, space: Space) -> Option<Uuid> {
        Some(self.running(space)?.id)
    }

    /// A session in `join_success` takes the place of what the client shows; of the end of one it must be told.
    fn tell_missed(&self, cx: &mut Cx, around: &Around<'_>, who: ParticipantId, missed: &Missed) {
        let Some(me) = around.people.get(who) else { return };
        let shows_another = match missed {
            Missed::AnotherMeeting => around.has(Namespace::Automod),
            Missed::Since(away) => {
                let ended = |space| self.0.get(space).and_then(|there| there.ended);
                away.shown(Namespace::Automod).next().is_some()
                    || away
                        .spaces()
                        .any(|space| ended(space).is_some_and(|at| at > away.since()))
            }
        };
        if shows_another && self.running(me.space).is_none() {
            cx.send_one(
                Some(me.line),
                &AutomodEvent::Stopped(StoppedReason::SessionFinished),
            );
        }
    }

    fn check(&self, _settings: &RoomSettings, agenda: &Agenda) -> Result<(), String> {
        for stick in self.0.values().filter_map(|of| of.running.as_ref()) {
            stick.check()?;
        }
        let planned = |when: fn(&Stick) -> Option<Timestamp>| {
            let running = self.0.iter();
            running.filter_map(move |(space, of)| Some((space, when(of.running.as_ref()?)?)))
        };
        let of = |tag| (Namespace::Automod, tag);
        check_deadlines(agenda, of(SPEECH), planned(Stick::speech_ends))?;
        check_deadlines(agenda, of(ANIMATION), planned(Stick::animation_ends))?;
        check_deadlines(agenda, of(NEWS), planned(Stick::news_go))
    }
}

/// Whether somebody can be chosen in a room: a recorder never can.
fn is_here(people: &Roster, space: Space, id: ParticipantId) -> bool {
    people
        .get(id)
        .is_some_and(|p| p.is_inside(space) && !p.is_hidden())
}

fn forget_deadlines(around: &mut Around<'_>, space: Space) {
    for tag in [SPEECH, ANIMATION, NEWS] {
        around.forget(deadline(space, tag));
    }
}

impl TalkingStick {
    fn running(&self, space: Space) -> Option<&Stick> {
        self.0.get(space)?.running.as_ref()
    }

    fn running_mut(&mut self, space: Space) -> Option<&mut Stick> {
        self.0.get_mut(space)?.running.as_mut()
    }

    fn obey(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        command: AutomodCommand,
    ) -> Result<(), AutomodError> {
        let space = around.people.space(who);
        match command {
            AutomodCommand::Yield { next } => self.hand_on(cx, around, (space, who), next),
            _ if !around.people.is_moderator(who) => Err(AutomodError::InsufficientPermissions),
            AutomodCommand::Start {
                parameters,
                allow_list,
                playlist,
            } => {
                let strategy = parameters.selection_strategy;
                let list = checked_list(around.people, space, (strategy, allow_list, playlist))?;
                self.begin(cx, around, who, (parameters, list))
            }
            AutomodCommand::Edit { allow_list, playlist } => {
                let Some(stick) = self.running_mut(space) else {
                    return Ok(());
                };
                let lists = (stick.strategy(), allow_list, playlist);
                stick.set_list(checked_list(around.people, space, lists)?);
                self.list_has_changed(cx, around, space);
                Ok(())
            }
            AutomodCommand::Stop => {
                self.end(
                    cx,
                    around,
                    space,
                    StoppedReason::StoppedByModerator { issued_by: who },
                );
                Ok(())
            }
            AutomodCommand::Select { how } => self.select(cx, around, space, how),
        }
    }

    fn begin(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        (parameters, list): (SpeakingRules, Vec<ParticipantId>),
    ) -> Result<(), AutomodError> {
        let space = around.people.space(who);
        if self.running(space).is_some() {
            return Err(AutomodError::SessionAlreadyRunning);
        }
        let stick = Stick::begin(cx, (parameters, list), who);
        cx.send(
            around.people.around(who),
            &AutomodEvent::Started(stick.state().config),
        );
        self.0.of(space).running = Some(stick);
        Ok(())
    }

    fn select(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        space: Space,
        how: SpeakerSelection,
    ) -> Result<(), AutomodError> {
        let Some(stick) = self.running_mut(space) else {
            return Ok(());
        };
        let chosen = match how {
            SpeakerSelection::None => Chosen::Nobody,
            SpeakerSelection::Random => stick.draw(cx),
            SpeakerSelection::Next => stick.next(cx, None),
            SpeakerSelection::Specific {
                participant,
                keep_in_remaining,
            } => {
                let known = around.people.get(participant);
                if !known.is_some_and(|p| p.is_listed(space)) {
                    return Ok(());
                }
                // Who is known and has gone can't speak.
                if !is_here(around.people, space, participant) {
                    return Err(AutomodError::InvalidSelection);
                }
                if !keep_in_remaining {
                    stick.take_out(participant);
                }
                Chosen::Speaker(participant)
            }
        };
        self.hand_over(cx, around, space, chosen);
        Ok(())
    }

    /// The speaker is done.
    fn hand_on(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (space, who): (Space, ParticipantId),
        next: Option<ParticipantId>,
    ) -> Result<(), AutomodError> {
        let Some(stick) = self.running_mut(space) else {
            return Ok(());
        };
        if stick.speaker() != Some(who) {
            return Err(AutomodError::InsufficientPermissions);
        }
        if next.is_some_and(|next| !stick.may_be_named(next)) {
            return Err(AutomodError::InvalidSelection);
        }
        let chosen = stick.next(cx, next);
        self.hand_over(cx, around, space, chosen);
        Ok(())
    }

    /// Everybody hears what came of a choice.
    fn hand_over(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, chosen: Chosen) {
        let Some(stick) = self.running_mut(space) else {
            return;
        };
        let news = match chosen {
            Chosen::Nobody => return self.end(cx, around, space, StoppedReason::SessionFinished),
            Chosen::Speaker(who) => stick.begin_speech(who, cx.at),
            Chosen::InAWhile(who) => stick.begin_animation(who, cx.at),
        };
        around.set_deadline(deadline(space, SPEECH), stick.speech_ends());
        around.set_deadline(deadline(space, ANIMATION), stick.animation_ends());
        self.tell(cx, around, space, news);
    }

    /// Whoever was to speak after an animation, and is in the list no more, does not.
    fn list_has_changed(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        self.tell(cx, around, space, News::REMAINING);
        if let Some(stick) = self.running_mut(space)
            && stick.animation_is_void()
        {
            let again = stick.draw(cx);
            self.hand_over(cx, around, space, again);
        }
    }

    fn end(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, reason: StoppedReason) {
        let Some(here) = self.0.get_mut(space) else { return };
        if here.running.take().is_none() {
            return;
        }
        here.ended = Some(cx.at);
        forget_deadlines(around, space);
        let to = around.people.circle(Circle::In(space));
        cx.send(to, &AutomodEvent::Stopped(reason));
    }

    /// Everybody hears what is new: at once, or with what else is new by then where lists have been told too fast.
    fn tell(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, news: News) {
        let Some(stick) = self.running_mut(space) else {
            return;
        };
        stick.add_news(news, cx.at);
        match stick.news_go() {
            Some(at) if at > cx.at => around.remind(deadline(space, NEWS), at),
            _ => self.tell_now(cx, around, space),
        }
    }

    fn tell_now(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        around.forget(deadline(space, NEWS));
        let to = around.people.circle(Circle::In(space));
        if let Some(stick) = self.running_mut(space) {
            stick.tell(cx, &to);
        }
    }
}

/// The list that a strategy chooses from, as it was sent: of those who are here. In an allow list each stands once.
fn checked_list(
    people: &Roster,
    space: Space,
    (strategy, allow_list, playlist): (SelectionStrategy, Option<SentSpeakers>, Option<SentSpeakers>),
) -> Result<Vec<ParticipantId>, AutomodError> {
    let is_ordered = strategy == SelectionStrategy::Playlist;
    let sent = if is_ordered { playlist } else { allow_list };
    let list = sent
        .and_then(SentSpeakers::entries)
        .ok_or(AutomodError::InvalidSelection)?;
    let mut named = BTreeSet::new();
    let each_once = list.iter().copied().filter(|id| named.insert(*id));
    let each_once: Vec<_> = each_once.collect();
    if !each_once.iter().all(|id| is_here(people, space, *id)) {
        return Err(AutomodError::InvalidSelection);
    }
    Ok(if is_ordered { list } else { each_once })
}
