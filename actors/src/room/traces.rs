//! Traces of people who were kicked: whoever comes back as somebody new must wait for a while, and nobody is refused.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{InviteCode, OriginHash, Timestamp, UserId},
    protocol::limits::{TRACE_SECS, TRACES_MAX},
};

/// What tells that a newcomer may be somebody who was kicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trace {
    User(UserId),
    /// A guest by this link from this network.
    Guest(InviteCode, OriginHash),
    /// Any guest from this network: a banned user must not come back by a link.
    Network(OriginHash),
    /// A caller with this number.
    Caller(OriginHash),
}

/// The traces of a meeting, oldest first, each with its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Traces(VecDeque<(Timestamp, Trace)>);

impl Traces {
    /// Remembers a trace; of too many the oldest is forgotten.
    pub fn add(&mut self, trace: Trace, now: Timestamp) {
        while self.0.pop_front_if(|(until, _)| *until <= now).is_some() {}
        self.0.retain(|(_, known)| *known != trace);
        if self.0.len() == TRACES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((now.plus_secs(TRACE_SECS), trace));
    }

    /// Whether one of a newcomer's traces is remembered.
    #[must_use]
    pub fn match_any(&self, of: &[Trace], now: Timestamp) -> bool {
        let mut living = self.0.iter().filter(|(until, _)| *until > now);
        living.any(|(_, trace)| of.contains(trace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_end_and_are_bounded() {
        let (mut traces, start) = (Traces::default(), Timestamp::from_micros(0));
        let trace = |number: usize| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_le_bytes());
            Trace::Network(OriginHash::new(hash))
        };
        for number in 0..=TRACES_MAX {
            traces.add(trace(number), start);
        }
        assert!(!traces.match_any(&[trace(0)], start), "the oldest gave way");
        assert!(traces.match_any(&[trace(0), trace(1)], start));
        assert!(!traces.match_any(&[trace(1)], start.plus_secs(TRACE_SECS)));
        traces.add(trace(1), start.plus_secs(TRACE_SECS));
        assert_eq!(traces.0.len(), 1);
    }
}
