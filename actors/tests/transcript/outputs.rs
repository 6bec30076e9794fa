//! What came of an input, as a transcript shows it.

use std::fmt::Write as _;

use colloquy_actors::{
    frame::EncodedEvent,
    ids::{SessionNo, TaskId, Timestamp},
    livekit::{Call, Livekit},
    protocol::Namespace,
    room::{
        Place,
        effects::{Effect, Keys, Receivers, Secret},
        input::StartOutcome,
        locations::StreamLocations,
    },
    task::{Task, Work},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::scene::{Result, Scene, draw};
use crate::trial::{Opener, ROOM};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame<'a> {
    namespace: &'a str,
    timestamp: Timestamp,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

impl Scene {
    pub(super) fn effect(&mut self, effect: &Effect) -> Result<()> {
        match effect {
            Effect::Bound { session, line } => {
                self.lines.remove(session);
                self.lines.insert(*line, *session);
            }
            Effect::NamespacesOpened(line, namespaces) => {
                assert!(namespaces.has(Namespace::Control), "whoever is inside can speak");
                self.opened.extend(self.lines.get(line));
            }
            Effect::NamespacesClosed(line) => {
                if let Some(session) = self.lines.get(line) {
                    self.opened.remove(session);
                }
            }
            Effect::Tell { line, frame } => self.unnumbered(*line, frame)?,
            Effect::Resume {
                line,
                resumed,
                missed,
                ..
            } => {
                self.unnumbered(*line, resumed)?;
                self.again(*line, missed)?;
            }
            Effect::Reattached(it) => {
                self.lines.insert(it.line, it.session);
                if it.place == Place::Inside {
                    self.opened.insert(it.session);
                }
                let label = self.label(it.session)?;
                self.outputs.push(format!(
                    "{label} goes on {:?} after command {}",
                    it.place, it.handled
                ));
                self.again(it.line, &it.missed)?;
            }
            Effect::OpenVote(vote) => {
                let drawn = &mut self.drawn;
                self.ballots.open(ROOM, vote, || draw(drawn));
            }
            Effect::ForgetVote(vote) => self.ballots.forget(*vote),
            Effect::Task(task) => self.asked(task)?,
            Effect::CancelTask(id) => self.cancelled(*id),
            Effect::Close(session, code) => {
                let line = format!("{} closed {}", self.label(*session)?, code.number());
                self.outputs.push(line);
            }
            Effect::Answer(outcome) => {
                let answer = self.answer(*outcome)?;
                self.outputs.push(answer);
            }
            Effect::Send {
                seq,
                frame,
                to,
                secrets,
                ..
            } => self.sent(*seq, (frame, secrets), to)?,
        }
        Ok(())
    }

    /// Where streams of the room are sent to.
    fn locations(&self) -> StreamLocations {
        let known = self.facts.recording.iter().flat_map(|facts| &facts.livestreams);
        let location = |name: &str| format!("rtmp://ingest.example/app/key-of-{name}");
        known.map(|known| (known.id, location(&known.name))).collect()
    }

    /// A link is shown by the task that made what it leads to.
    fn link(&self, task: TaskId) -> Option<String> {
        let index = self.tasks.iter().position(|(known, _)| *known == task)?;
        Some(format!("link to {} {}", self.tasks[index].1, index + 1))
    }

    fn cancelled(&mut self, id: TaskId) {
        if self.looks.contains(&id) {
            return;
        }
        if self.ballot_work.iter().any(|(task, _)| *task == id) {
            return self.ballot_work.retain(|(task, _)| *task != id);
        }
        let (number, of) = self.task(id, None);
        let line = format!("{of} {number} cancelled");
        self.outputs.push(line);
    }

    fn asked(&mut self, task: &Task) -> Result<()> {
        if let Work::Ballots(work) = &task.work {
            self.ballot_work.push((task.id, work.clone()));
            return Ok(());
        }
        let call = task.work.livekit();
        if let Some(Call::Look { .. }) = call
            && !self.shows_looks
        {
            self.looks.insert(task.id);
            return Ok(());
        }
        let mut expected = String::new();
        if let Some(Call::Look { brief, .. }) = call {
            for one in &brief.expected {
                let hidden = if one.is_hidden { " hidden" } else { "" };
                // Writing to a string does not fail.
                let _ = write!(expected, " \"{}\"{hidden} {:?}", one.id, one.sources);
                if one.popouts > 0 {
                    let _ = write!(expected, " popouts {}", one.popouts);
                }
            }
        }
        let name = match &task.work {
            Work::Report(_) => "report",
            Work::AskRecorder { .. } | Work::ReadLivestreams { .. } | Work::Minutes(_) => "task",
            others => others.namespace().name(),
        };
        let work = serde_json::to_string(&task.work).map_err(|error| error.to_string())?;
        // What is called by its kind stands below that name.
        let call = work.split_once(':').and_then(|(_, call)| call.strip_suffix('}'));
        let call = call.filter(|_| name != "task");
        let (number, _) = self.task(task.id, Some(name));
        let line = format!(
            "{name} {number} {}{}",
            self.names.shorten(call.unwrap_or(&work)),
            self.names.shorten(&expected)
        );
        self.outputs.push(line);
        Ok(())
    }

    /// The number of a task, in the order in which they were asked for, and what it is called.
    fn task(&mut self, id: TaskId, name: Option<&'static str>) -> (usize, &'static str) {
        let known = self.tasks.iter().position(|(task, _)| *task == id);
        let index = known.unwrap_or_else(|| {
            self.tasks.push((id, name.unwrap_or("unknown")));
            self.tasks.len() - 1
        });
        (index + 1, self.tasks[index].1)
    }

    fn sent(&mut self, seq: u64, (frame, secrets): (&EncodedEvent, &[Secret]), to: &Receivers) -> Result<()> {
        let keys = Keys {
            livekit: &Livekit::default(),
            ballots: &self.ballots,
            unsealer: &Opener,
            locations: &self.locations(),
            link: &|task| self.link(task),
        };
        let leaves = Secret::put_into(secrets, frame, &keys);
        let frame = leaves.as_ref().ok_or("a secret of it is gone")?;
        let receivers: Vec<_> = to.iter().filter(|line| self.lines.contains_key(line)).collect();
        let line = self.frame(seq, frame, &receivers)?;
        // Whoever is lost may hear it later.
        if !receivers.is_empty() {
            self.outputs.push(line);
        }
        Ok(())
    }

    fn answer(&mut self, outcome: StartOutcome) -> Result<String> {
        Ok(match outcome {
            StartOutcome::Issued(id) => format!("answer issued {}", self.names.participant(id)),
            StartOutcome::NeedsIdentity => "answer needs identity".to_owned(),
            StartOutcome::NeedsFacts => "answer needs facts".to_owned(),
            StartOutcome::NoBreakoutRooms => "answer no breakout rooms".to_owned(),
            StartOutcome::Banned => "answer banned".to_owned(),
            other => return Err(format!("no rule says {other:?}")),
        })
    }

    /// What somebody has missed.
    fn again(&mut self, line: SessionNo, missed: &[(u64, EncodedEvent)]) -> Result<()> {
        for (seq, event) in missed {
            let frame: Frame<'_> = serde_json::from_str(event).map_err(|error| error.to_string())?;
            let shown = self.show(*seq, &frame, &[line])?;
            self.outputs.push(format!("again {shown}"));
        }
        Ok(())
    }

    /// An answer of the session itself.
    fn unnumbered(&mut self, line: SessionNo, text: &str) -> Result<()> {
        let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
        let label = match self.lines.get(&line) {
            Some(session) => self.label(*session)?,
            None => return Err(format!("nobody is on {line:?}")),
        };
        let payload = self.names.shorten(frame.payload.get());
        let (namespace, seq) = (frame.namespace, frame.seq);
        if seq.is_some() {
            return Err(format!("a number where none belongs: {text}"));
        }
        self.outputs.push(format!(
            r#"{label} {{"namespace":"{namespace}","payload":{payload}}}"#
        ));
        Ok(())
    }

    fn frame(&mut self, seq: u64, text: &str, receivers: &[SessionNo]) -> Result<String> {
        let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
        // What somebody missed is told with the time of when it was said.
        let is_told_again = text.contains(r#""scope":"private""#) && frame.timestamp < self.room().room.at();
        if frame.seq != Some(seq) || frame.timestamp != self.room().room.at() && !is_told_again {
            return Err(format!("number or time of the envelope is wrong: {text}"));
        }
        let is_join = frame.payload.get().contains(r#""message":"join_success""#);
        let is_opened = |line| {
            self.lines
                .get(line)
                .is_some_and(|session| self.opened.contains(session))
        };
        if is_join && !receivers.iter().all(is_opened) {
            return Err("joined, but the session does not know".to_owned());
        }
        self.show(seq, &frame, receivers)
    }

    fn show(&mut self, seq: u64, frame: &Frame<'_>, lines: &[SessionNo]) -> Result<String> {
        let sessions = lines.iter().filter_map(|line| self.lines.get(line));
        let labels: Result<Vec<_>> = sessions.map(|session| self.label(*session)).collect();
        let number = match seq >> 32 {
            0 => format!("#{seq}"),
            restarts => format!("#{restarts}:{}", seq & u64::from(u32::MAX)),
        };
        Ok(format!(
            r#"{} {number} {{"namespace":"{}","payload":{}}}"#,
            labels?.join(", "),
            frame.namespace,
            self.names.shorten(frame.payload.get()),
        ))
    }

    /// Whose socket it is; the newest has no number.
    pub(super) fn label(&self, session: SessionNo) -> Result<String> {
        for (name, member) in &self.cast {
            if let Some(index) = member.sockets.iter().position(|socket| *socket == session) {
                let newest = index + 1 == member.sockets.len();
                return Ok(if newest {
                    name.clone()
                } else {
                    format!("{name}/{}", index + 1)
                });
            }
        }
        Err(format!("nobody has {session:?}"))
    }
}
