//! What a shell wants done outside, and by whom.

use std::io;

use crate::{
    ballots::Ballots,
    frame::Frame,
    ids::{RoomId, TaskId, Timestamp},
    journal::{JournalError, Rebuild, file::Staged},
    ports::BoxFuture,
    protocol::{Namespaces, codes::CloseCode},
    room::{
        Room,
        effects::Effects,
        input::{Stamped, StartOutcome},
    },
    sealed::Unsealer,
    task::Task,
};

/// Work that encodes and writes a snapshot, for a blocking thread.
pub type WriteSnapshot = Box<dyn FnOnce() -> Result<Staged, JournalError> + Send>;

/// Who carries a shell: its actor, or a simulator. Nothing here waits; what takes time comes back to the shell later.
pub trait Carrier {
    /// Whoever waits for the answer to a `start`.
    type Asker;
    type Link: SessionLink;
    /// Whether [`Carrier::look`] and its like are to be called: it costs a copy of each input.
    const LOOKS: bool = false;

    /// Never goes back.
    fn now(&self) -> Timestamp;
    /// What other machines take for the time.
    fn wall(&self) -> Timestamp;
    fn seed(&mut self) -> u64;
    /// Keys and tokens of secret votes, which outlive the shell.
    fn ballots(&self) -> &Ballots;
    /// Whether the thread should be given back: what is logged already is handled in the next slice.
    fn is_slice_over(&self) -> bool;
    /// [`super::Shell::turn`] is to be called when the inputs that are here now have been taken in.
    fn turn(&mut self);
    /// Something is being done with the log; [`super::Shell::written`] hears of its end.
    fn write(&mut self, doing: BoxFuture<'static, io::Result<()>>);
    /// Something that nobody waits for.
    fn beside(&mut self, doing: BoxFuture<'static, io::Result<()>>);
    /// Reads the room anew, for [`super::Shell::rebuilt`].
    fn rebuild(&mut self, rebuild: Rebuild);
    /// Writes the snapshot of this number, for [`super::Shell::staged`].
    fn write_snapshot(&mut self, number: u64, write: WriteSnapshot);
    /// Wakes the room by an input at this time of the room, and at no earlier one any more.
    fn wake_at(&mut self, at: Option<Timestamp>, now: Timestamp);
    /// Opens what is sealed in events that leave.
    fn unsealer(&self) -> &dyn Unsealer;
    /// Has something done outside; what became of it is an input.
    fn task(&mut self, task: Task);
    /// It need not be done any more.
    fn cancel(&mut self, task: TaskId);
    /// The link to what a task has made, which is no part of what it answered: a secret of whoever gets it.
    fn link(&self, _task: TaskId) -> Option<String> {
        None
    }
    /// Answers a `start`; before that, whose room it is may have become known.
    fn answer(&mut self, room: &Room, asker: Self::Asker, reply: StartOutcome);
    /// Somebody has joined.
    fn entered(&mut self);
    /// The shell makes an input by itself, which waits from now on.
    fn waits(&mut self);
    /// An input waits no more.
    fn waits_no_more(&mut self);
    /// So many bytes of commands wait no more.
    fn takes_bytes(&mut self, bytes: usize);
    /// The room has so many sockets, and its ring takes so many bytes; whether that is too much, as long as other rooms take what they
    /// do.
    fn keeps(&mut self, sockets: usize, ring_bytes: usize) -> bool;
    /// Whether the room lives in memory because the disk failed.
    fn show_disk(&mut self, has_failed: bool);
    /// The room is over, and asks whether it may end.
    fn wants_to_end(&mut self, room: RoomId);
    /// Something came meanwhile.
    fn stays(&mut self, room: RoomId);
    /// The room has ended.
    fn ended(&mut self, room: RoomId);
    /// The last snapshot is written, or never will be.
    fn stopped(&mut self);
    /// Sees each batch before it is logged.
    fn look_at_batch(&mut self, _batch: &[Stamped]) {}
    /// Sees each input that made a rule panic.
    fn look_at_panic(&mut self, _of: &Stamped) {}
    /// Sees each input that was handled, and what came of it, before that leaves.
    fn look(&mut self, _room: &Room, _handled: Stamped, _effects: &Effects) {}
}

/// The room's end of a session. All that is queued goes out in order.
pub trait SessionLink {
    /// The session takes part in the life of the room that has this nonce.
    fn takes_part_in(&self, nonce: u64);
    /// Queues a frame without a number. A session that does not keep up is cut.
    fn push(&self, frame: Frame);
    /// Queues an event with its number: up to this one the session has been brought everything.
    fn bring(&self, seq: u64, frame: Frame);
    /// The session goes on after the command with this number.
    fn goes_on(&self, handled: u64);
    /// Nobody carries the room's shell any more: the session looks for the room's next life.
    fn lost(&self);
    /// The session has joined; these namespaces are open for it.
    fn open_namespaces(&self, namespaces: Namespaces);
    /// The session waits again.
    fn close_namespaces(&self);
    /// Ends the session after what was queued before.
    fn close(&self, code: CloseCode);
    /// The room's node stops: sockets here end, those of other nodes look for the room's next owner.
    fn node_stops(&self) {
        self.close(CloseCode::GoingAway);
    }
    /// Whether nothing of what it still asks for would reach it.
    fn is_cut(&self) -> bool;
    /// A command of this session was handled.
    fn command_handled(&self);
}
