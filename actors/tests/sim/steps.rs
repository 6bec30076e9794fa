//! What may happen next, and what must hold then.

use std::sync::Arc;

use colloquy_actors::{
    ids::{InviteCode, SessionNo, UserId},
    logged::LoggedRoom,
    protocol::codes::CloseCode,
    room::input::{Input, Notice},
};

use super::{
    cast::CAST,
    disk::{Fault, Loss},
    server::Server,
    trial::id_of,
    world::{Step, World},
};

/// Steps of the room's actor after which it must have come to rest.
const TURNS_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy)]
enum Next {
    Turn,
    Deliver,
    Come,
    Act,
    Go,
    GoElsewhere,
    Ending,
    Stall,
    Vanish,
    Disk,
    DiskFault,
    Media,
    Time,
    Snapshot,
    Sweep,
    Notice,
    Crash,
    Stop,
    Rest,
    Empty,
    Clock,
}

impl World {
    /// Something happens.
    pub fn step(&mut self) -> Step {
        if !self.up {
            self.down();
            return Ok(());
        }
        self.pass(20_000);
        match self.draw() {
            Next::Turn => {
                for _ in 0..self.chance.between(1, 12) {
                    self.turn()?;
                }
                Ok(())
            }
            Next::Deliver => self.deliver_some(),
            Next::Come => {
                let index = self.somebody();
                self.come(index);
                Ok(())
            }
            Next::Act => {
                for _ in 0..self.chance.between(1, 3) {
                    let index = self.somebody();
                    self.act(index);
                }
                Ok(())
            }
            Next::Go => {
                let index = self.somebody();
                self.go(index)
            }
            Next::GoElsewhere => {
                let index = self.somebody();
                self.go_elsewhere(index);
                Ok(())
            }
            Next::Ending => {
                self.tell_ending();
                Ok(())
            }
            Next::Media => self.media_answers(),
            Next::Crash => self.crash(),
            Next::Stop => self.stop(),
            Next::Rest => self.rest(),
            Next::Empty => {
                self.tell(|_| "everybody goes".to_owned());
                self.everybody_goes()
            }
            quiet => {
                self.quiet_step(quiet);
                Ok(())
            }
        }
    }

    /// Nothing but time, and the process that comes back.
    fn down(&mut self) {
        self.pass(2_000_000);
        self.up = self.chance.coin();
        if !self.up {
            return;
        }
        self.clock.restart();
        if self.disk.has_log() {
            self.open_room();
        }
    }

    /// What happens next, as often as the plan says.
    fn draw(&mut self) -> Next {
        let plan = &self.plan;
        let choices = [
            (900, Next::Turn),
            (500, Next::Deliver),
            (plan.come, Next::Come),
            (plan.act, Next::Act),
            (plan.go, Next::Go),
            (plan.go_elsewhere, Next::GoElsewhere),
            (100, Next::Ending),
            (plan.stall, Next::Stall),
            (plan.vanish, Next::Vanish),
            (plan.disk_busy, Next::Disk),
            (plan.disk_fault, Next::DiskFault),
            (60, Next::Media),
            (20, Next::Time),
            (plan.snapshot, Next::Snapshot),
            (5, Next::Sweep),
            (plan.notice, Next::Notice),
            (plan.crash, Next::Crash),
            (plan.crash.div_ceil(4), Next::Stop),
            (30, Next::Rest),
            (plan.empty, Next::Empty),
            (plan.clock, Next::Clock),
        ];
        self.chance.weighted(&choices).unwrap_or(Next::Turn)
    }

    /// What cannot go wrong at once.
    fn quiet_step(&mut self, next: Next) {
        match next {
            Next::Stall => {
                if let Some(session) = self.a_session()
                    && let Some(socket) = self.net.sockets.get_mut(&session)
                {
                    socket.stalled = !socket.stalled;
                }
            }
            Next::Vanish => {
                let index = self.somebody();
                self.disconnect(index, false);
            }
            Next::Disk => {
                let busy = !self.disk.is_busy();
                self.disk.set_busy(busy, self.chance.coin());
            }
            Next::DiskFault => {
                let part = Fault::Part(self.chance.below(1_000));
                let fault = self.chance.pick(&[Fault::Nothing, part, Fault::All]);
                self.disk.fail_next(fault.unwrap_or(part), self.chance.one_in(3));
            }
            Next::Time => {
                let longest = [(6, 3), (3, 12), (self.plan.long_wait, 200)];
                let secs = self.chance.weighted(&longest).unwrap_or(3);
                self.pass(secs * 1_000_000);
            }
            Next::Notice => self.notice(),
            Next::Snapshot => {
                if let Some(server) = &mut self.server {
                    server.snapshot(&mut self.chance);
                }
            }
            Next::Sweep => {
                if let Some(server) = &mut self.server {
                    server.sweep();
                }
            }
            Next::Clock => {
                let wrong_by = self.later.pick(&[-86_400, -3_600, -7, 0, 7, 3_600]).unwrap_or(0);
                self.clock.set(wrong_by);
                self.tell(|_| format!("the wall clock is set: wrong by {wrong_by} s"));
                self.count("clock set");
            }
            _ => {}
        }
    }

    fn pass(&mut self, micros_max: u64) {
        let micros = self.chance.between(1, micros_max.max(1));
        self.clock.pass(micros);
    }

    fn somebody(&mut self) -> usize {
        self.chance.below(self.clients.len())
    }

    fn a_session(&mut self) -> Option<SessionNo> {
        let sessions: Vec<_> = self.net.sockets.keys().copied().collect();
        self.chance.pick(&sessions)
    }

    fn deliver_some(&mut self) -> Step {
        let Some(session) = self.a_session() else {
            return Ok(());
        };
        let is_stalled = self.net.sockets[&session].stalled;
        let frames = self.chance.below(10) + 1;
        if is_stalled {
            Ok(())
        } else {
            self.deliver(session, frames)
        }
    }

    /// The room hears that a socket has ended.
    fn tell_ending(&mut self) {
        let Some(server) = &mut self.server else { return };
        if let Some((session, how)) = self.net.endings.pop_front() {
            server.input(Input::Ended { session, how });
        }
    }

    fn notice(&mut self) {
        let Some(server) = &mut self.server else { return };
        let user = CAST[self.chance.below(CAST.len())].name;
        let notice = match self.chance.below(6) {
            0 => Notice::RoomDeleted,
            1 | 2 => Notice::InviteWithdrawn(InviteCode(id_of("invite"))),
            _ => Notice::UserWithdrawn(UserId(id_of(user))),
        };
        server.notice(notice);
    }

    /// The process dies; what it had told the disk last may be lost.
    fn crash(&mut self) -> Step {
        let losses = [
            (6, Loss::Nothing),
            (4, Loss::Tail),
            (2, Loss::Flipped),
            (2, Loss::Garbage),
            (1, Loss::Snapshot),
        ];
        let loss = self.chance.weighted(&losses).filter(|_| self.plan.lose_tails);
        let loss = loss.unwrap_or(Loss::Nothing);
        self.tell(|_| format!("CRASH, lost: {loss:?}"));
        self.count(&format!("crash, lost: {loss:?}"));
        if let Some(server) = &self.server
            && let Some(room) = server.room()
        {
            server.outside.ledger.compare(room.room(), "the room that dies")?;
        }
        let Some(dead) = self.end_process(None) else {
            return Ok(());
        };
        self.media.is_told_all &= loss == Loss::Nothing && !self.plan.loses_inputs();
        self.disk.crash(loss, &mut self.chance);
        self.bury(dead, loss)
    }

    /// Whoever reads the log finds the room as it was after the last input that is left.
    fn bury(&mut self, dead: Server, loss: Loss) -> Step {
        if !self.disk.has_log() {
            return Ok(());
        }
        let mut ledger = dead.outside.ledger;
        match LoggedRoom::open(self.disk.log(), Arc::clone(&self.livekit)) {
            Ok(revived) => {
                ledger.compare(revived.room(), "the revived room")?;
                self.count("room revived");
                ledger.cut(revived.room().input_seq());
            }
            Err(_) if loss == Loss::Snapshot => {}
            Err(error) => return Err(format!("a journal can't be read: {error}")),
        }
        self.past = Some(ledger);
        Ok(())
    }

    /// The server is stopped in order, in the middle of a turn or between two.
    fn stop(&mut self) -> Step {
        let is_sudden = self.chance.coin();
        if is_sudden {
            // What is being written may still fail.
            self.disk.set_busy(false, false);
        } else {
            self.disk.heal();
        }
        let is_between = |server: &Server| is_sudden || server.is_between_turns();
        while !self.server.as_ref().is_none_or(is_between) {
            self.turn()?;
        }
        self.tell(|_| "the server stops".to_owned());
        self.count("stop");
        if let Some(server) = &mut self.server {
            server.stop();
        }
        while self
            .server
            .as_ref()
            .is_some_and(|server| !server.outside.has_stopped)
        {
            self.turn()?;
        }
        // What was handled just before is still looked at.
        self.turn()?;
        let Some(server) = self.end_process(Some(CloseCode::GoingAway)) else {
            return Ok(());
        };
        self.bury(server, Loss::Nothing)
    }

    fn end_process(&mut self, code: Option<CloseCode>) -> Option<Server> {
        (self.up, self.died_at) = (false, self.now());
        self.net.close_all(code);
        self.end_asks();
        for client in &mut self.clients {
            client.tickets.clear();
        }
        self.server.take()
    }

    /// Everything on its way arrives. Then what everybody knows is compared with what is so.
    pub fn rest(&mut self) -> Step {
        self.settle()?;
        let Some(server) = &self.server else { return Ok(()) };
        server.check_log()?;
        server.check_counts()?;
        let Some(room) = server.room().map(|logged| logged.room().clone()) else {
            return Err("the actor does not come to rest".to_owned());
        };
        let state = serde_json::to_value(&room).map_err(|error| error.to_string())?;
        for index in 0..self.clients.len() {
            self.check_client(index, &room, &state)
                .map_err(|error| format!("{}: {error}", self.name(index)))?;
        }
        Ok(())
    }

    /// The room's actor and the sockets that are not stalled do all that they have to do.
    pub fn settle(&mut self) -> Step {
        self.disk.set_busy(false, false);
        for _ in 0..TURNS_MAX {
            self.turn()?;
            if self.server.as_ref().is_none_or(Server::is_idle) {
                break;
            }
        }
        let sessions: Vec<_> = self.net.sockets.keys().copied().collect();
        for session in sessions {
            if self
                .net
                .sockets
                .get(&session)
                .is_some_and(|socket| !socket.stalled)
            {
                self.deliver(session, usize::MAX)?;
            }
        }
        Ok(())
    }
}
