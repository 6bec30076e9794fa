//! Failed logins, counted per user name and per address.

use std::{collections::HashMap, net::IpAddr};

use chrono::{DateTime, TimeDelta, Utc};

use super::limits::{
    ATTEMPT_SUBJECTS_MAX, ATTEMPTS_PER_ADDRESS_MAX, ATTEMPTS_PER_USERNAME_MAX, ATTEMPTS_WINDOW,
};

/// Recent failures.
#[derive(Debug, Default)]
pub(super) struct Attempts(HashMap<Subject, Failures>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Username(String),
    Address(IpAddr),
}

#[derive(Debug)]
struct Failures {
    count: u32,
    first_at: DateTime<Utc>,
}

impl Attempts {
    /// How long to wait before the next attempt counts; `None` when it may be made now.
    pub fn wait(&self, username: &str, address: Option<IpAddr>, now: DateTime<Utc>) -> Option<TimeDelta> {
        subjects(username, address)
            .filter_map(|(subject, failures_max)| {
                let failures = self.0.get(&subject)?;
                let wait = failures.first_at + ATTEMPTS_WINDOW - now;
                (failures.count >= failures_max && wait > TimeDelta::zero()).then_some(wait)
            })
            .max()
    }

    pub fn failed(&mut self, username: &str, address: Option<IpAddr>, now: DateTime<Utc>) {
        if self.0.len() + 2 > ATTEMPT_SUBJECTS_MAX {
            self.0.retain(|_, failures| !failures.is_over(now));
        }
        for (subject, _) in subjects(username, address) {
            if self.0.len() >= ATTEMPT_SUBJECTS_MAX && !self.0.contains_key(&subject) {
                continue;
            }
            let failures = self.0.entry(subject).or_insert(Failures::since(now));
            if failures.is_over(now) {
                *failures = Failures::since(now);
            }
            failures.count += 1;
        }
    }

    pub fn succeeded(&mut self, username: &str) {
        self.0.remove(&Subject::Username(username.to_owned()));
    }
}

impl Failures {
    fn since(first_at: DateTime<Utc>) -> Self {
        Self { count: 0, first_at }
    }

    fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.first_at + ATTEMPTS_WINDOW <= now
    }
}

fn subjects(username: &str, address: Option<IpAddr>) -> impl Iterator<Item = (Subject, u32)> {
    let username = (Subject::Username(username.to_owned()), ATTEMPTS_PER_USERNAME_MAX);
    let address = address.map(|address| (Subject::Address(address), ATTEMPTS_PER_ADDRESS_MAX));
    std::iter::once(username).chain(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    #[test]
    fn ten_failures_of_a_name_close_it_for_a_minute() {
        let (mut attempts, now) = (Attempts::default(), Utc::now());
        for _ in 0..ATTEMPTS_PER_USERNAME_MAX {
            assert_eq!(attempts.wait("alice", None, now), None);
            attempts.failed("alice", None, now);
        }
        assert_eq!(attempts.wait("alice", None, now), Some(ATTEMPTS_WINDOW));
        assert_eq!(attempts.wait("bob", None, now), None);
        let later = now + ATTEMPTS_WINDOW;
        assert_eq!(attempts.wait("alice", None, later), None);
        attempts.failed("alice", None, later);
        assert_eq!(attempts.wait("alice", None, later), None, "the count starts anew");
    }

    #[test]
    fn many_names_from_one_address_close_the_address() {
        let (mut attempts, now) = (Attempts::default(), Utc::now());
        for index in 0..ATTEMPTS_PER_ADDRESS_MAX {
            attempts.failed(&format!("name{index}"), HERE, now);
        }
        assert!(attempts.wait("alice", HERE, now).is_some());
        assert_eq!(attempts.wait("alice", None, now), None);
    }

    #[test]
    fn a_success_clears_the_name() {
        let (mut attempts, now) = (Attempts::default(), Utc::now());
        for _ in 0..ATTEMPTS_PER_USERNAME_MAX {
            attempts.failed("alice", None, now);
        }
        attempts.succeeded("alice");
        assert_eq!(attempts.wait("alice", None, now), None);
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let (mut attempts, now) = (Attempts::default(), Utc::now());
        let names = (0..ATTEMPT_SUBJECTS_MAX).map(|index| Subject::Username(index.to_string()));
        attempts.0 = names.map(|name| (name, Failures::since(now))).collect();
        attempts.failed("another", HERE, now);
        assert_eq!(attempts.0.len(), ATTEMPT_SUBJECTS_MAX);
        attempts.failed("another", HERE, now + ATTEMPTS_WINDOW);
        assert_eq!(attempts.0.len(), 2, "what is over makes room");
    }
}
