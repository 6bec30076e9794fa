//! Commands that are not carried out: who sent them hears why.

use super::effects::Cx;
use crate::{
    ids::SessionNo,
    protocol::{
        Event,
        breakout::{BreakoutError, BreakoutEvent},
        chat::{ChatError, ChatEvent},
        control::{ControlError, ControlEvent},
        livekit::{LivekitError, LivekitEvent},
        moderation::{ModerationError, ModerationEvent},
        polls::{PollsError, PollsEvent},
        timer::{TimerError, TimerEvent},
    },
};

/// Why a command was not carried out: the error event of its namespace goes to the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Control(ControlError),
    Moderation(ModerationError),
    Breakout(BreakoutError),
    Chat(ChatError),
    Timer(TimerError),
    Polls(PollsError),
    Livekit(LivekitError),
    /// `rate_limit_exceeded`.
    TooMuch,
}

impl Refusal {
    pub fn tell(self, cx: &mut Cx, to: Sender) {
        match self {
            Self::Control(error) => to.tell(cx, &ControlEvent::Error(error)),
            Self::Moderation(error) => to.tell(cx, &ModerationEvent::Error(error)),
            Self::Breakout(error) => to.tell(cx, &BreakoutEvent::Error(error)),
            Self::Chat(error) => to.tell(cx, &ChatEvent::Error(error)),
            Self::Timer(error) => to.tell(cx, &TimerEvent::Error(error)),
            Self::Polls(error) => to.tell(cx, &PollsEvent::Error(error)),
            Self::Livekit(error) => to.tell(cx, &LivekitEvent::Error(error)),
            Self::TooMuch => to.tell(cx, &ControlEvent::RateLimitExceeded),
        }
    }
}

/// Who sent a command.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sender {
    /// Somebody who takes part: what it is told has a number.
    Line(SessionNo),
    /// Not yet joined. A number would say that the client has heard what came before, which it may want to resume from.
    Session(SessionNo),
}

impl Sender {
    pub fn tell<E: Event>(self, cx: &mut Cx, event: &E) {
        match self {
            Self::Line(line) => cx.send_one(Some(line), event),
            Self::Session(session) => cx.tell(session, event),
        }
    }
}
