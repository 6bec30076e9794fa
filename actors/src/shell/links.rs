//! The sessions of a room, by the line that they receive.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::SessionLink;
use crate::ids::SessionNo;

/// Links by line. A session begins on the line of its own number, and moves to another when it resumes that one.
#[derive(Debug)]
pub struct Links<L: SessionLink> {
    by_line: FxHashMap<SessionNo, (SessionNo, L)>,
    /// Lines of the sessions that resumed.
    moved: FxHashMap<SessionNo, SessionNo>,
    /// Sessions that ask to go on, each in the order in which it asks: they are brought nothing before the room says from where.
    returning: FxHashMap<SessionNo, VecDeque<L>>,
}

impl<L: SessionLink> Default for Links<L> {
    fn default() -> Self {
        Self {
            by_line: FxHashMap::default(),
            moved: FxHashMap::default(),
            returning: FxHashMap::default(),
        }
    }
}

impl<L: SessionLink> Links<L> {
    pub(super) fn insert(&mut self, session: SessionNo, link: L) {
        self.by_line.insert(session, (session, link));
    }

    pub(super) fn insert_returning(&mut self, session: SessionNo, link: L) {
        self.returning.entry(session).or_default().push_back(link);
    }

    /// A session that has asked to go on receives this line from now on.
    pub(super) fn settle(&mut self, session: SessionNo, line: SessionNo) {
        if let Some(link) = self.next_returning(session) {
            self.insert(session, link);
            if session != line {
                self.bind(session, line);
            }
        }
    }

    /// What the room says of a session that asks to go on is the answer to what it asked first.
    fn next_returning(&mut self, session: SessionNo) -> Option<L> {
        let links = self.returning.get_mut(&session)?;
        let first = links.pop_front();
        if links.is_empty() {
            self.returning.remove(&session);
        }
        first
    }

    /// The session receives another line from now on.
    pub(super) fn bind(&mut self, session: SessionNo, line: SessionNo) {
        if let Some((_, link)) = self.remove_settled(session) {
            self.by_line.insert(line, (session, link));
            self.moved.insert(session, line);
        }
    }

    /// Who receives a line now.
    #[must_use]
    pub fn get(&self, line: SessionNo) -> Option<&L> {
        self.by_line.get(&line).map(|(_, link)| link)
    }

    /// The link of a session, on whatever line.
    #[must_use]
    pub fn of_session(&self, session: SessionNo) -> Option<&L> {
        let (on_it, link) = self.by_line.get(&self.line(session))?;
        (*on_it == session).then_some(link)
    }

    /// The line that a session receives, if it receives any.
    #[must_use]
    pub fn line_of(&self, session: SessionNo) -> Option<SessionNo> {
        self.of_session(session).map(|_| self.line(session))
    }

    /// Takes a session out, on whatever line.
    pub(super) fn remove(&mut self, session: SessionNo) -> Option<(SessionNo, L)> {
        if let Some(link) = self.next_returning(session) {
            return Some((session, link));
        }
        self.remove_settled(session)
    }

    /// The same of one that is not on its way back: what is known of a broken connection is of the one before.
    pub(super) fn remove_settled(&mut self, session: SessionNo) -> Option<(SessionNo, L)> {
        self.of_session(session)?;
        let line = self.line(session);
        self.moved.remove(&session);
        self.by_line.remove(&line)
    }

    fn line(&self, session: SessionNo) -> SessionNo {
        self.moved.get(&session).copied().unwrap_or(session)
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = L> {
        self.moved.clear();
        let settled = self.by_line.drain().map(|(_, (_, link))| link);
        settled.chain(self.returning.drain().flat_map(|(_, links)| links))
    }

    /// The numbers of all sessions.
    pub fn sessions(&self) -> impl Iterator<Item = SessionNo> {
        self.by_line.values().map(|(session, _)| *session)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.by_line.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_line.is_empty()
    }
}

impl<L: SessionLink> Drop for Links<L> {
    /// The room's shell is gone, whatever ended it.
    fn drop(&mut self) {
        for link in self.drain() {
            link.lost();
        }
    }
}
