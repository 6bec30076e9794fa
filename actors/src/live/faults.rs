//! What breaks, for tests.

use super::Live;
use crate::ids::RoomId;

impl Live {
    /// Kills the actor of a room, as a bug in its shell would.
    pub fn kill_room(&self, room: RoomId) {
        if let Some(room) = self.rooms.living(room) {
            room.actor().kill();
        }
    }

    /// Ends everything of this node at once, as kill -9 would: nobody is told.
    pub fn crash(&self) {
        self.vanish();
        self.supervisor.kill();
    }

    /// Kills the registry, as a bug in it would.
    pub fn kill_registry(&self) {
        if let Some(registry) = self.registry.get() {
            registry.kill();
        }
    }

    fn vanish(&self) {
        let Some(membership) = &self.cluster else { return };
        for task in membership.tasks.iter() {
            task.abort();
        }
        membership.cluster.cut_links();
    }

    /// What rooms have for other nodes is too much, as if those took nothing.
    pub fn give_up_edges(&self) {
        if let Some(cluster) = self.cluster() {
            cluster.give_up_edges();
        }
    }

    /// Cuts all connections to other nodes, as a network would.
    pub fn cut_links(&self) {
        if let Some(cluster) = self.cluster() {
            cluster.cut_links();
        }
    }
}
