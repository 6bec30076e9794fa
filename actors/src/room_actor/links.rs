//! The sessions of a room, by the line that they receive.

use rustc_hash::FxHashMap;

use crate::{ids::SessionNo, protocol::codes::CloseCode, session::Link};

/// Links by line. A session begins on the line of its own number, and moves to another when it resumes that one.
#[derive(Debug, Default)]
pub(super) struct Links {
    by_line: FxHashMap<SessionNo, (SessionNo, Link)>,
    /// Lines of the sessions that resumed.
    moved: FxHashMap<SessionNo, SessionNo>,
}

impl Links {
    pub fn insert(&mut self, session: SessionNo, link: Link) {
        self.by_line.insert(session, (session, link));
    }

    /// The session receives another line from now on.
    pub fn bind(&mut self, session: SessionNo, line: SessionNo) {
        if let Some((_, link)) = self.remove(session) {
            self.by_line.insert(line, (session, link));
            self.moved.insert(session, line);
        }
    }

    /// Who receives a line now.
    pub fn get(&self, line: SessionNo) -> Option<&Link> {
        self.by_line.get(&line).map(|(_, link)| link)
    }

    /// The link of a session, on whatever line.
    pub fn of_session(&self, session: SessionNo) -> Option<&Link> {
        let (on_it, link) = self.by_line.get(&self.line(session))?;
        (*on_it == session).then_some(link)
    }

    /// Takes a session out, on whatever line.
    pub fn remove(&mut self, session: SessionNo) -> Option<(SessionNo, Link)> {
        self.of_session(session)?;
        let line = self.line(session);
        self.moved.remove(&session);
        self.by_line.remove(&line)
    }

    fn line(&self, session: SessionNo) -> SessionNo {
        self.moved.get(&session).copied().unwrap_or(session)
    }

    pub fn drain(&mut self) -> impl Iterator<Item = Link> {
        self.moved.clear();
        self.by_line.drain().map(|(_, (_, link))| link)
    }

    /// The numbers of all sessions.
    pub fn sessions(&self) -> impl Iterator<Item = SessionNo> {
        self.by_line.values().map(|(session, _)| *session)
    }

    pub fn len(&self) -> usize {
        self.by_line.len()
    }
}

impl Drop for Links {
    /// The room's actor is gone, whatever ended it: the clients come back with their tokens, and find the room revived.
    fn drop(&mut self) {
        for link in self.drain() {
            link.close(CloseCode::Restart);
        }
    }
}
