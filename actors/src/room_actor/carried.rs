//! What a room's shell wants done, done by its actor: messages to itself, tasks, and numbers that others read.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use ractor::{ActorRef, RpcReplyPort};
use tokio::task::{AbortHandle, JoinHandle};

use super::{Gauge, RoomMsg, rings::Share};
use crate::{
    ballots::Ballots,
    edge::RoomLink,
    ids::{RoomId, TaskId, Timestamp},
    journal::{JournalError, Rebuild, threads::Threads},
    ports::{BoxFuture, Ports},
    registry::{Life, Lifecycle},
    room::{
        Room,
        input::{Input, StartOutcome},
    },
    sealed::Unsealer,
    shell::{Carrier, carrier::WriteSnapshot},
    task::{Outcome, Task},
};

/// How long a room handles inputs before other tasks of the thread have their turn.
const SLICE: Duration = Duration::from_millis(5);

/// A log that has not answered for so long lets the sockets go.
const LOG_HANGS: Duration = Duration::from_secs(30);

/// The longest sleep before a look at the clock.
const CLOCK_LOOK: Duration = Duration::from_secs(10);

/// The outside of a room's shell.
#[derive(Debug)]
pub(super) struct Carried {
    ports: Ports,
    threads: Arc<Threads>,
    /// Who is to be told of this life of the room.
    registry: (Arc<dyn Lifecycle>, Life),
    room: RoomId,
    gauge: Arc<Gauge>,
    actor: ActorRef<RoomMsg>,
    slice_began: Instant,
    alarm: Option<JoinHandle<()>>,
    /// Tasks that are under way.
    tasks: HashMap<TaskId, AbortHandle>,
    stop_replies: Vec<RpcReplyPort<()>>,
    ring: Share,
}

impl Carried {
    pub fn new(
        (room, actor): (RoomId, ActorRef<RoomMsg>),
        (ports, threads): (Ports, Arc<Threads>),
        registry: (Arc<dyn Lifecycle>, Life),
        gauge: Arc<Gauge>,
    ) -> Self {
        Self {
            ports,
            threads,
            registry,
            room,
            gauge,
            actor,
            slice_began: Instant::now(),
            alarm: None,
            tasks: HashMap::new(),
            stop_replies: Vec::new(),
            ring: Share::new(),
        }
    }

    pub fn begin_slice(&mut self) {
        self.slice_began = Instant::now();
    }

    /// Somebody waits for the end.
    pub fn wait_for_stop(&mut self, reply: RpcReplyPort<()>) {
        self.stop_replies.push(reply);
    }

    /// An input comes in: a task that has ended needs no handle.
    pub fn note(&mut self, input: &Input) {
        if let Input::TaskDone { task, .. } = input {
            self.tasks.remove(task);
        }
    }

    /// Does something elsewhere that ends with a message to the actor.
    fn spawn<F>(&self, work: F) -> JoinHandle<()>
    where
        F: Future<Output = RoomMsg> + Send + 'static,
    {
        let actor = self.actor.clone();
        tokio::spawn(async move {
            let message = work.await;
            let _ = actor.cast(message);
        })
    }

    /// The same of an input, which is counted when it is sent.
    fn spawn_input<F>(&self, work: F) -> JoinHandle<()>
    where
        F: Future<Output = Input> + Send + 'static,
    {
        let gauge = Arc::clone(&self.gauge);
        self.spawn(async move {
            let input = work.await;
            gauge.up();
            RoomMsg::Input(input)
        })
    }
}

impl Carrier for Carried {
    type Asker = RpcReplyPort<StartOutcome>;
    type Link = RoomLink;

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn wall(&self) -> Timestamp {
        self.ports.clock.wall()
    }

    fn seed(&mut self) -> u64 {
        self.ports.random.seed()
    }

    fn is_slice_over(&self) -> bool {
        self.slice_began.elapsed() > SLICE
    }

    fn turn(&mut self) {
        // An actor that has ended hears nothing more, rightly.
        let _ = self.actor.cast(RoomMsg::Turn);
    }

    fn write(&mut self, doing: BoxFuture<'static, io::Result<()>>) {
        let actor = self.actor.clone();
        self.spawn(async move {
            let mut doing = doing;
            loop {
                match tokio::time::timeout(LOG_HANGS, &mut doing).await {
                    Ok(written) => return RoomMsg::Written(written),
                    Err(_) => {
                        let _ = actor.cast(RoomMsg::LogHangs);
                    }
                }
            }
        });
    }

    fn beside(&mut self, doing: BoxFuture<'static, io::Result<()>>) {
        tokio::spawn(doing);
    }

    fn rebuild(&mut self, rebuild: Rebuild) {
        let threads = Arc::clone(&self.threads);
        self.spawn(async move {
            let room = threads.long(rebuild).await;
            RoomMsg::Rebuilt(Box::new(room.unwrap_or_else(|_| {
                Err(JournalError::Corrupt("reading it panics".to_owned()))
            })))
        });
    }

    fn write_snapshot(&mut self, number: u64, write: WriteSnapshot) {
        let threads = Arc::clone(&self.threads);
        self.spawn(async move {
            let staged = threads.long(write).await;
            RoomMsg::Staged(number, staged.unwrap_or_else(|error| Err(error.into())))
        });
    }

    fn wake_at(&mut self, at: Option<Timestamp>, now: Timestamp) {
        if let Some(task) = self.alarm.take() {
            task.abort();
        }
        let Some(at) = at else { return };
        let clock = Arc::clone(&self.ports.clock);
        let micros = at.as_micros().saturating_sub(now.as_micros()).max(0);
        let rings_at = clock.now().as_micros().saturating_add(micros);
        self.alarm = Some(self.spawn_input(async move {
            // The clock may go slower than what sleeps, or jump.
            loop {
                let left = rings_at.saturating_sub(clock.now().as_micros()).max(0);
                if left == 0 {
                    return Input::Tick;
                }
                let left = Duration::from_micros(left.unsigned_abs());
                tokio::time::sleep(left.min(CLOCK_LOOK)).await;
            }
        }));
    }

    fn ballots(&self) -> &Ballots {
        &self.ports.ballots
    }

    fn unsealer(&self) -> &dyn Unsealer {
        &*self.ports.unsealer
    }

    fn task(&mut self, task: Task) {
        let tasks = Arc::clone(&self.ports.tasks);
        let (id, limit) = (task.id, task.work.time_limit());
        let doing = self.spawn_input(async move {
            let done = tokio::time::timeout(limit, tasks.run(task)).await;
            let outcome = done.unwrap_or(Outcome::Unavailable);
            Input::TaskDone { task: id, outcome }
        });
        self.tasks.insert(id, doing.abort_handle());
    }

    fn cancel(&mut self, task: TaskId) {
        if let Some(doing) = self.tasks.remove(&task) {
            doing.abort();
        }
    }

    fn link(&self, task: TaskId) -> Option<String> {
        self.ports.tasks.link(task)
    }

    fn answer(&mut self, room: &Room, asker: RpcReplyPort<StartOutcome>, reply: StartOutcome) {
        // Nobody with a ticket finds a room of nobody.
        self.gauge.note_owner(room);
        // Whoever asked may have gone.
        let _ = asker.send(reply);
    }

    fn entered(&mut self) {
        self.gauge.entered.store(true, Ordering::Relaxed);
    }

    fn waits(&mut self) {
        self.gauge.up();
    }

    fn waits_no_more(&mut self) {
        self.gauge.down();
    }

    fn takes_bytes(&mut self, bytes: usize) {
        self.gauge.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn keeps(&mut self, sockets: usize, ring_bytes: usize) -> bool {
        self.gauge.sockets.store(sockets, Ordering::Relaxed);
        self.ring.set(ring_bytes)
    }

    fn show_disk(&mut self, has_failed: bool) {
        self.gauge.disk_failed.store(has_failed, Ordering::Relaxed);
    }

    fn wants_to_end(&mut self, room: RoomId) {
        self.registry.0.ending(room, self.registry.1);
    }

    fn stays(&mut self, room: RoomId) {
        self.registry.0.stays(room, self.registry.1);
    }

    fn ended(&mut self, room: RoomId) {
        self.registry.0.ended(room, self.registry.1);
        self.actor.stop(None);
    }

    fn stopped(&mut self) {
        for reply in self.stop_replies.drain(..) {
            let _ = reply.send(());
        }
        self.actor.stop(None);
    }
}

impl Drop for Carried {
    /// The actor is gone, whatever ended it; its shell has closed the sessions just before.
    fn drop(&mut self) {
        self.registry.0.gone(self.room, self.registry.1);
        if let Some(task) = self.alarm.take() {
            task.abort();
        }
        for (_, task) in self.tasks.drain() {
            task.abort();
        }
    }
}
