//! A server with two rooms: what happens to the process happens to both.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use colloquy_actors::{
    ids::RoomId,
    room::{RoomSettings, faults},
};

use super::{
    chance::Chance,
    process::{Mail, Process},
    reach::Reached,
    trial::{ROOM, id_of},
    world::{Step, Trace, Wish, World},
};

/// Of so many steps one is of the other room.
const OTHER_ROOM: usize = 4;

#[derive(Debug)]
pub struct House {
    process: Rc<RefCell<Process>>,
    rooms: Vec<World>,
    /// Whether the process runs.
    up: bool,
    chance: Chance,
    trace: Trace,
}

impl House {
    pub fn new(seed: u64, traced: bool) -> Self {
        let trace = Trace::default();
        trace.replace(traced.then(Vec::new));
        let process = Process::new(Vec::new(), RoomSettings::default(), None);
        let process = Rc::new(RefCell::new(process));
        let mut chance = Chance::new(seed.rotate_left(32));
        let other = RoomId(id_of("another room"));
        let rooms = vec![
            World::new(ROOM, seed, &process, &trace),
            World::new(other, chance.number(), &process, &trace),
        ];
        let panics: BTreeSet<_> = rooms
            .iter()
            .flat_map(|room| &room.plan.panics_at)
            .copied()
            .collect();
        let _ = faults::panic_at(panics);
        for room in &rooms {
            room.tell(|room| format!("{:?}", room.plan));
        }
        Self {
            process,
            rooms,
            up: true,
            chance,
            trace,
        }
    }

    pub fn play(&mut self) -> Step {
        for _ in 0..self.rooms[0].plan.steps {
            self.step()?;
        }
        while !self.up {
            self.down();
        }
        self.rooms.iter_mut().try_for_each(World::end)
    }

    pub fn trace(&self) -> Vec<String> {
        self.trace.borrow().clone().unwrap_or_default()
    }

    pub fn add_reached(self, reached: &mut Reached) {
        for (what, count) in self.rooms.into_iter().flat_map(|room| room.reached) {
            *reached.entry(what).or_default() += count;
        }
    }

    fn step(&mut self) -> Step {
        if !self.up {
            self.down();
            return Ok(());
        }
        let room = &mut self.rooms[usize::from(self.chance.one_in(OTHER_ROOM))];
        room.step()?;
        match room.wish.take() {
            None => Ok(()),
            Some(wish) => self.end_process(wish),
        }
    }

    fn end_process(&mut self, wish: Wish) -> Step {
        self.up = false;
        if wish == Wish::Crash {
            return self.rooms.iter_mut().try_for_each(World::crash);
        }
        self.process.borrow_mut().stop();
        for room in &mut self.rooms {
            room.stop()?;
            self.process.borrow().mailbox.put(Mail::Stopped(room.room));
        }
        let mut process = self.process.borrow_mut();
        while process.read() {}
        if process.has_stopped() {
            Ok(())
        } else {
            Err("the registry waits for ever for rooms to stop".to_owned())
        }
    }

    /// Nothing but time, and the process that comes back.
    fn down(&mut self) {
        for room in &mut self.rooms {
            room.pass(2_000_000);
        }
        self.up = self.chance.coin();
        if !self.up {
            return;
        }
        let asleep = self.rooms.iter().filter(|room| room.disk.has_log());
        let (asleep, settings) = (asleep.map(|room| room.room).collect(), RoomSettings::default());
        let now = self.process.borrow().now();
        self.process.replace(Process::new(asleep, settings, Some(now)));
        for room in &mut self.rooms {
            room.clock.restart();
            room.up = true;
        }
    }
}
