//! Namespace `shared_folder`: everybody gets the folder as its role may see it, in whatever room of the meeting it is.
//!
//! Passwords are sealed here. The room's own password and the pin of its telephone access are not (`MeetingFacts`): they lead into this
//! meeting and no further, and the journal ends with it. Those of a folder lead to files at somebody else's.

use serde::{Deserialize, Serialize};

use super::{
    Room,
    effects::{Cx, Receivers, Secret, SecretOf},
    module::{Around, Module, State},
    refusal::Refusal,
    roster::{Place, Roster},
};
use crate::{
    ids::ParticipantId,
    protocol::{
        Namespace,
        meeting::MeetingFacts,
        shared_folder::{
            FolderAccess, FolderLink, FolderLinks, SharedFolderCommand, SharedFolderEvent, SharedFolderState,
        },
    },
};

/// The folder of the room's event, if there is one and the tariff allows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SharedFolder(Option<FolderLinks>);

impl Module for SharedFolder {
    type Command = SharedFolderCommand;

    fn begin(facts: &MeetingFacts) -> Self {
        let is_on = facts.tariff.has_module(Namespace::SharedFolder.name());
        Self(facts.shared_folder.clone().filter(|_| is_on))
    }

    fn command(
        _room: &mut Room,
        _cx: &mut Cx,
        _who: ParticipantId,
        command: SharedFolderCommand,
    ) -> Result<(), Refusal> {
        match command {}
    }

    fn role_is_told(&self, cx: &mut Cx, people: &mut Roster, who: ParticipantId) {
        let (Some(links), Some(me)) = (&self.0, people.get(who)) else {
            return;
        };
        let (line, is_moderator) = (me.line, me.is_moderator());
        let seq = tell(cx, Receivers::One(line), links, is_moderator);
        people.set_whole_since(who, seq);
    }

    fn join_state(&mut self, cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        let links = self.0.as_ref()?;
        let shown = Shown::new(cx, links, around.people.is_moderator(who));
        Some(State {
            secrets: shown.secrets.clone(),
            ..State::of(&shown.state())
        })
    }
}

/// A folder as a role sees it: with marks where its passwords will stand.
struct Shown<'a> {
    read: (&'a FolderLink, String),
    read_write: Option<(&'a FolderLink, String)>,
    secrets: Vec<Secret>,
}

impl<'a> Shown<'a> {
    fn new(cx: &Cx, links: &'a FolderLinks, may_write: bool) -> Self {
        let hide = |link: &FolderLink, number| {
            let sealed = link.password.clone();
            cx.secret(SecretOf::Password { sealed, number })
        };
        let (secret, read) = hide(&links.read, 0);
        let mut secrets = vec![secret];
        let read_write = may_write.then(|| {
            let (secret, mark) = hide(&links.read_write, 1);
            secrets.push(secret);
            (&links.read_write, mark)
        });
        Self {
            read: (&links.read, read),
            read_write,
            secrets,
        }
    }

    fn state(&self) -> SharedFolderState<'_> {
        let access = |link: &'a FolderLink, mark| FolderAccess {
            url: &link.url,
            password: mark,
        };
        SharedFolderState {
            read: access(self.read.0, &self.read.1),
            read_write: self.read_write.as_ref().map(|(link, mark)| access(link, mark)),
        }
    }
}

/// `updated` to those who see it alike. Returns its number: it is not kept, so nobody resumes from before it.
fn tell(cx: &mut Cx, to: Receivers, links: &FolderLinks, may_write: bool) -> u64 {
    let shown = Shown::new(cx, links, may_write);
    let secrets = shown.secrets.clone();
    cx.send_secret(to, &SharedFolderEvent::Updated(shown.state()), secrets)
}

impl Room {
    /// REST has given the room's event a folder, or taken it away. Of the latter there is no event.
    pub(super) fn set_shared_folder(&mut self, cx: &mut Cx, folder: Option<FolderLinks>) {
        let Some((modules, around)) = self.modules() else {
            return;
        };
        let folder = folder.filter(|_| around.has(Namespace::SharedFolder));
        let known = std::mem::replace(&mut modules.shared_folder.0, folder);
        let Some(links) = &modules.shared_folder.0 else {
            return;
        };
        if known.is_some_and(|known| known.lead_where(links)) {
            return;
        }
        let inside = around.people.iter().filter(|(_, p)| p.place == Place::Inside);
        let inside: Vec<_> = inside.map(|(id, p)| (id, p.line, p.is_moderator())).collect();
        for may_write in [true, false] {
            let alike = || {
                inside
                    .iter()
                    .filter(|(.., is_moderator)| *is_moderator == may_write)
            };
            let to = Receivers::from(alike().map(|(_, line, _)| *line).collect::<Vec<_>>());
            if to.is_nobody() {
                continue;
            }
            let seq = tell(cx, to, links, may_write);
            for (id, ..) in alike() {
                around.people.set_whole_since(*id, seq);
            }
        }
    }

    /// Where the read link leads that the meeting knows, if it has one; none without a meeting.
    #[must_use]
    pub fn folder_url(&self) -> Option<Option<String>> {
        let links = self.meeting.as_ref()?.modules.shared_folder.0.as_ref();
        Some(links.map(|links| links.read.url.clone()))
    }
}
