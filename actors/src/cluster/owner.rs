//! The owner's side of a connection: what an edge says reaches the rooms here.

use std::{collections::HashMap, fmt, sync::Arc};

use crate::{
    edge::{
        Downlink, Outlet, RoomLink,
        wire::{Answer, Down, NodeCall, Nonsense, Note, Read, RoomLife, Up},
    },
    ids::{RoomId, SessionNo},
    ports::BoxFuture,
    room::input::Input,
    room_actor::{RoomMsg, RoomRef},
    session::{Arriving, Mailbox as _},
    shell::outbox::SentCommand,
};

/// Rooms that an edge has been in are looked through when there are so many more than were in use then.
const KNOWN_MORE: usize = 64;

/// The rooms of this node, for other nodes.
pub trait Here: fmt::Debug + Send + Sync {
    /// Answers a call of another node.
    fn answer(&self, call: NodeCall) -> BoxFuture<'static, Answer>;

    /// Has all rooms that have changed take a snapshot.
    fn take_snapshots(&self);

    /// Has all rooms look whether they are still this node's.
    fn look_at_rooms(&self);

    /// Brings a room to life whose owner has died.
    fn take_up(&self, room: RoomId) -> BoxFuture<'static, ()>;

    /// A life of a room that is here.
    fn room(&self, of: RoomLife) -> Option<RoomRef>;
}

/// What is behind a connection of an edge.
pub(super) struct Visitor {
    downlink: Arc<Downlink>,
    here: Arc<dyn Here>,
    known: HashMap<RoomLife, (RoomRef, Arc<Outlet>)>,
    /// How many were in use when the others were last forgotten.
    kept: usize,
}

impl Visitor {
    pub fn new(downlink: Arc<Downlink>, here: Arc<dyn Here>) -> Self {
        Self {
            downlink,
            here,
            known: HashMap::new(),
            kept: 0,
        }
    }

    /// A life of a room, and the way back to the edge.
    fn room(&mut self, of: RoomLife) -> Option<&(RoomRef, Arc<Outlet>)> {
        let is_good = |(_, outlet): &(RoomRef, Arc<Outlet>)| !outlet.is_over();
        if !self.known.get(&of).is_some_and(is_good) {
            let room = self.here.room(of)?;
            if self.known.len() > 2 * self.kept + KNOWN_MORE {
                self.known.retain(|_, (_, outlet)| !outlet.is_idle());
                self.kept = self.known.len();
            }
            let told = room.clone();
            let lose = move |sessions| told.send(RoomMsg::Input(Input::EdgeLost { sessions }));
            let outlet = self.downlink.outlet(of, lose);
            self.known.insert(of, (room, outlet));
        }
        self.known.get(&of)
    }

    /// The edge says something.
    pub fn receive(&mut self, read: Read<Up>) -> Result<(), Nonsense> {
        match read {
            Read::Heartbeat => {}
            Read::Message(Up::Call { number, call }) => self.answer(number, call),
            Read::Message(Up::Attach(of, taken)) => {
                let session = taken.session;
                self.arrives(of, session, |link| RoomMsg::Attach { taken, link });
            }
            Read::Message(Up::Reattach(of, asked)) => {
                let session = asked.session;
                self.arrives(of, session, |link| RoomMsg::Reattach { asked, link });
            }
            Read::Message(Up::Command {
                of,
                session,
                number,
                bytes,
                command,
            }) => {
                // Where this life is over, the session hears of it by its link.
                if let Some((room, _)) = self.room(of) {
                    let sent = SentCommand {
                        number,
                        command,
                        bytes,
                    };
                    room.command(session, sent);
                }
            }
            Read::Message(Up::Ended(of, session, how)) => {
                if let Some((room, outlet)) = self.room(of) {
                    outlet.forget(session);
                    room.input(Input::Ended { session, how });
                }
            }
            Read::Delivery { .. } | Read::Told { .. } => {
                return Err(Nonsense("an edge that sends events".to_owned()));
            }
        }
        Ok(())
    }

    fn arrives(
        &mut self,
        of: RoomLife,
        session: SessionNo,
        message: impl FnOnce(Arriving<RoomLink>) -> RoomMsg,
    ) {
        match self.room(of) {
            Some((room, outlet)) => {
                let link = RoomLink::There(outlet.link(session));
                room.send(message(Arriving::new(link)));
                outlet.arrived(session);
            }
            None => self.downlink.send(&Down::Note(of, session, Note::Lost)),
        }
    }

    fn answer(&self, number: u64, call: NodeCall) {
        let (answering, downlink) = (self.here.answer(call), Arc::clone(&self.downlink));
        tokio::spawn(async move {
            let answer = answering.await;
            downlink.send(&Down::Answer { number, answer });
        });
    }
}
