//! Word from REST for rooms, wherever they run.

use super::Live;
use crate::{
    ids::{RoomId, UserId},
    registry_actor::RegistryMsg,
    room::input::Notice,
};

impl Live {
    /// Word from REST, after the commit.
    pub fn notify(&self, room: RoomId, notice: Notice) {
        self.tell_others(room, &notice);
        self.hear(room, notice);
    }

    /// Word from REST, here or at another node.
    pub(super) fn hear(&self, room: RoomId, notice: Notice) {
        match notice {
            Notice::RoomDeleted => self.registry.cast(RegistryMsg::Deleted(room)),
            notice => self.rooms.notice(room, notice, self.revisions.next()),
        }
    }

    /// An operator has locked a user out: all living rooms hear it.
    pub fn user_disabled(&self, user: UserId) {
        self.notify_all(&Notice::UserDisabled(user));
    }

    /// A user has left for where nothing of before is good: all living rooms hear it, tokens are void, running sessions stay.
    pub fn user_withdrawn(&self, user: UserId) {
        self.notify_all(&Notice::UserWithdrawn(user));
    }

    /// Living rooms hear it before anything that is asked of them from now on; those that are coming to life, before all.
    fn notify_all(&self, notice: &Notice) {
        self.tell_all_others(notice);
        self.rooms.notice_all(notice, self.revisions.next());
    }
}
