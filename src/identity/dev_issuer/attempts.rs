//! Failed logins, counted per user name and per address.
//!
//! What is counted is bounded without anybody's failures being lost to others': the configured users always have their
//! counter; names that nobody has, and addresses, push out the oldest of their own kind.

use std::{collections::HashMap, hash::Hash, net::IpAddr};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::limits::{
    ATTEMPT_SUBJECTS_MAX, ATTEMPTS_PER_ADDRESS_MAX, ATTEMPTS_PER_USERNAME_MAX, ATTEMPTS_WINDOW,
};

/// Recent failures.
#[derive(Debug)]
pub(super) struct Attempts {
    /// Of the users there are; none is added later.
    users: HashMap<String, Failures>,
    /// Of other names, by their SHA-256: a name may be long.
    strangers: Recent<[u8; 32]>,
    addresses: Recent<IpAddr>,
}

/// Failures of the newest [`ATTEMPT_SUBJECTS_MAX`] of one kind.
#[derive(Debug)]
struct Recent<K>(HashMap<K, Failures>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    first_at: DateTime<Utc>,
}

impl Attempts {
    pub fn new(usernames: impl IntoIterator<Item = String>) -> Self {
        let never = Failures::since(DateTime::UNIX_EPOCH);
        Self {
            users: usernames.into_iter().map(|name| (name, never)).collect(),
            strangers: Recent(HashMap::new()),
            addresses: Recent(HashMap::new()),
        }
    }

    /// How long to wait before the next attempt counts; `None` when it may be made now.
    pub fn wait(&self, username: &str, address: Option<IpAddr>, now: DateTime<Utc>) -> Option<TimeDelta> {
        let of_name = match self.users.get(username) {
            Some(failures) => Some(failures),
            None => self.strangers.0.get(&key(username)),
        };
        let of_address = address.and_then(|address| self.addresses.0.get(&address));
        let by_name = of_name.and_then(|failures| failures.wait(ATTEMPTS_PER_USERNAME_MAX, now));
        let by_address = of_address.and_then(|failures| failures.wait(ATTEMPTS_PER_ADDRESS_MAX, now));
        by_name.max(by_address)
    }

    pub fn failed(&mut self, username: &str, address: Option<IpAddr>, now: DateTime<Utc>) {
        match self.users.get_mut(username) {
            Some(failures) => failures.add(now),
            None => self.strangers.add(key(username), now),
        }
        if let Some(address) = address {
            self.addresses.add(address, now);
        }
    }

    pub fn succeeded(&mut self, username: &str) {
        if let Some(failures) = self.users.get_mut(username) {
            failures.count = 0;
        }
    }
}

impl<K: Copy + Eq + Hash> Recent<K> {
    fn add(&mut self, subject: K, now: DateTime<Utc>) {
        if self.0.len() >= ATTEMPT_SUBJECTS_MAX && !self.0.contains_key(&subject) {
            self.0.retain(|_, failures| !failures.is_over(now));
        }
        if self.0.len() >= ATTEMPT_SUBJECTS_MAX && !self.0.contains_key(&subject) {
            let oldest = self.0.iter().min_by_key(|(_, failures)| failures.first_at);
            let oldest = oldest.map(|(subject, _)| *subject);
            oldest.and_then(|subject| self.0.remove(&subject));
        }
        self.0.entry(subject).or_insert(Failures::since(now)).add(now);
    }
}

impl Failures {
    fn since(first_at: DateTime<Utc>) -> Self {
        Self { count: 0, first_at }
    }

    fn add(&mut self, now: DateTime<Utc>) {
        if self.count == 0 || self.is_over(now) {
            *self = Self::since(now);
        }
        self.count += 1;
    }

    fn wait(self, failures_max: u32, now: DateTime<Utc>) -> Option<TimeDelta> {
        let wait = self.first_at + ATTEMPTS_WINDOW - now;
        (self.count >= failures_max && wait > TimeDelta::zero()).then_some(wait)
    }

    fn is_over(self, now: DateTime<Utc>) -> bool {
        self.first_at + ATTEMPTS_WINDOW <= now
    }
}

fn key(username: &str) -> [u8; 32] {
    Sha256::digest(username).into()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));

    fn attempts() -> (Attempts, DateTime<Utc>) {
        (Attempts::new(["alice", "bob"].map(str::to_owned)), Utc::now())
    }

    #[test]
    fn ten_failures_of_a_name_close_it_for_a_minute() {
        for name in ["alice", "nobody"] {
            let (mut attempts, now) = attempts();
            for _ in 0..ATTEMPTS_PER_USERNAME_MAX {
                assert_eq!(attempts.wait(name, None, now), None);
                attempts.failed(name, None, now);
            }
            assert_eq!(attempts.wait(name, None, now), Some(ATTEMPTS_WINDOW));
            assert_eq!(attempts.wait("bob", None, now), None);
            let later = now + ATTEMPTS_WINDOW;
            assert_eq!(attempts.wait(name, None, later), None);
            attempts.failed(name, None, later);
            assert_eq!(attempts.wait(name, None, later), None, "the count starts anew");
        }
    }

    #[test]
    fn many_names_from_one_address_close_the_address() {
        let (mut attempts, now) = attempts();
        for index in 0..ATTEMPTS_PER_ADDRESS_MAX {
            attempts.failed(&format!("name{index}"), HERE, now);
        }
        assert!(attempts.wait("alice", HERE, now).is_some());
        assert_eq!(attempts.wait("alice", None, now), None);
    }

    #[test]
    fn a_success_clears_the_name() {
        let (mut attempts, now) = attempts();
        for _ in 0..ATTEMPTS_PER_USERNAME_MAX {
            attempts.failed("alice", None, now);
        }
        attempts.succeeded("alice");
        assert_eq!(attempts.wait("alice", None, now), None);
    }

    /// An address per index, and a name.
    fn other(index: usize) -> (String, Option<IpAddr>) {
        let address = Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(index).expect("fits"));
        (format!("name{index}"), Some(address.into()))
    }

    #[test]
    fn no_number_of_other_names_reopens_an_account() {
        let (mut attempts, now) = attempts();
        let fail = |attempts: &mut Attempts, index| {
            let (name, address) = other(index);
            attempts.failed(&name, address, now);
        };
        for _ in 0..ATTEMPTS_PER_USERNAME_MAX / 2 {
            attempts.failed("alice", None, now);
        }
        (0..=ATTEMPT_SUBJECTS_MAX).for_each(|index| fail(&mut attempts, index));
        for _ in 0..ATTEMPTS_PER_USERNAME_MAX / 2 {
            attempts.failed("alice", None, now);
        }
        (0..=ATTEMPT_SUBJECTS_MAX).for_each(|index| fail(&mut attempts, index));
        assert_eq!(attempts.wait("alice", None, now), Some(ATTEMPTS_WINDOW));
        // A newcomer among names and addresses is counted as well.
        for _ in 0..ATTEMPTS_PER_USERNAME_MAX {
            attempts.failed("another", None, now);
        }
        assert!(attempts.wait("another", None, now).is_some());
        for _ in 0..ATTEMPTS_PER_ADDRESS_MAX {
            attempts.failed("alice", HERE, now);
        }
        assert!(attempts.wait("bob", HERE, now).is_some());
    }

    #[test]
    fn what_is_counted_is_bounded_and_the_oldest_goes() {
        let (mut attempts, now) = attempts();
        for index in 0..ATTEMPT_SUBJECTS_MAX {
            let (name, address) = other(index);
            let at = now + TimeDelta::microseconds(i64::try_from(index).expect("fits"));
            attempts.failed(&name, address, at);
        }
        attempts.failed("another", HERE, now + TimeDelta::seconds(1));
        assert_eq!(attempts.strangers.0.len(), ATTEMPT_SUBJECTS_MAX);
        assert_eq!(attempts.addresses.0.len(), ATTEMPT_SUBJECTS_MAX);
        let (first, first_address) = other(0);
        assert!(!attempts.strangers.0.contains_key(&key(&first)));
        assert!(
            !attempts
                .addresses
                .0
                .contains_key(&first_address.expect("an address"))
        );

        attempts.failed("late", None, now + ATTEMPTS_WINDOW + TimeDelta::seconds(1));
        assert_eq!(attempts.strangers.0.len(), 1, "what is over makes room");
    }
}
