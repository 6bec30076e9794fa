//! Commands that are not carried out: who sent them hears why.

use super::effects::Cx;
use crate::{
    ids::SessionNo,
    protocol::{self, Event, control::ControlEvent, with_namespaces},
};

macro_rules! make {
    (
        control Control($Command:ident, $Event:ident, $Error:ident) $about:literal;
        $($name:ident $Module:ident($MCommand:ident, $MEvent:ident, $MError:ident) keeps $State:ident for $sessions:ident $mabout:literal;)*
    ) => {
        /// Why a command was not carried out: the error event of its namespace goes to the sender.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(super) enum Refusal {
            Control(protocol::control::$Error),
            $($Module(protocol::$name::$MError),)*
            /// `rate_limit_exceeded`.
            TooMuch,
        }

        impl Refusal {
            pub fn tell(self, cx: &mut Cx, to: Sender) {
                match self {
                    Self::Control(error) => to.tell(cx, &ControlEvent::Error(error)),
                    $(Self::$Module(error) => to.tell(cx, &protocol::$name::$MEvent::Error(error)),)*
                    Self::TooMuch => to.tell(cx, &ControlEvent::RateLimitExceeded),
                }
            }
        }

        $(impl From<protocol::$name::$MError> for Refusal {
            fn from(error: protocol::$name::$MError) -> Self {
                Self::$Module(error)
            }
        })*
    };
}
with_namespaces!(make);

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
