//! What is remembered of the guesses at one room's password.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{FAILURE_WINDOW, HOLD, spans};

/// The time within which failures count against the room.
pub(super) const ROOM_WINDOW: Duration = Duration::from_hours(1);

/// How long a network is known after it knew the password.
pub(super) const KNOWN: Duration = Duration::from_hours(24);

/// Guesses that are held for one room at the same time.
const HELD_MAX: usize = 64;

/// Failures that are remembered of one room. Held guesses alone can't be so many within an hour.
const FAILURES_MAX: usize = 10_000;

/// Networks that are known to one room.
const KNOWN_MAX: usize = 1_024;

/// Failures, networks that knew the password, and guesses that are held.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The oldest first.
    failures: VecDeque<Failure>,
    known: HashMap<IpAddr, Success>,
    held: Vec<Held>,
    /// Guesses so far.
    guesses: u64,
}

#[derive(Debug)]
struct Failure {
    at: Instant,
    network: IpAddr,
    guess: u64,
}

#[derive(Debug)]
struct Success {
    at: Instant,
    /// Failures before it count no more against this network.
    guess: u64,
}

#[derive(Debug)]
struct Held {
    guess: u64,
    network: IpAddr,
    ends: Instant,
}

impl Record {
    /// How long the network, or one around it, is refused for its failures; `None`: it may guess.
    ///
    /// A network that knew the password answers for its own failures alone, and only for those since.
    pub(super) fn refused_for(&self, network: IpAddr, now: Instant) -> Option<Duration> {
        let known = self.known.get(&network);
        let since = known.map_or(0, |success| success.guess);
        let spans = spans::around(network).take(if known.is_some() { 1 } else { usize::MAX });
        let waits = spans.filter_map(|span| {
            let counting = self.failures.iter().filter(|failure| {
                failure.guess > since
                    && span.contains(failure.network)
                    && now.duration_since(failure.at) < FAILURE_WINDOW
            });
            let ends = counting.map(|failure| failure.at + FAILURE_WINDOW);
            wait_for_place(ends, span.failures_max, now)
        });
        waits.max()
    }

    /// Whether a guess of this network is held: so many failures an hour are too many, except for those who knew it.
    pub(super) fn holds(&self, network: IpAddr, failures_per_hour: usize, now: Instant) -> bool {
        let last = self.failures.len().checked_sub(failures_per_hour.max(1));
        let is_full = last
            .and_then(|index| self.failures.get(index))
            .is_some_and(|failure| now.duration_since(failure.at) < ROOM_WINDOW);
        is_full && !self.known.contains_key(&network)
    }

    /// Takes a place for a held guess, and says its number and when the guess is judged; or how long it is until there is a place.
    /// A network that has none gets the newest one of that with the most when all are taken.
    pub(super) fn hold(&mut self, network: IpAddr, now: Instant) -> Result<(u64, Instant), Duration> {
        if self.held.len() >= HELD_MAX && self.held.iter().all(|held| held.network != network) {
            self.displace();
        }
        let room = wait_for_place(self.held.iter().map(|held| held.ends), HELD_MAX, now);
        let spans = spans::around(network).filter_map(|span| {
            let within = self.held.iter().filter(|held| span.contains(held.network));
            wait_for_place(within.map(|held| held.ends), span.held_max, now)
        });
        if let Some(wait) = spans.chain(room).max() {
            return Err(wait);
        }
        let (guess, ends) = (self.next_guess(), now + HOLD);
        self.held.push(Held { guess, network, ends });
        Ok((guess, ends))
    }

    /// Takes the newest place away from the network that has the most of them, if any has two.
    fn displace(&mut self) {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for held in &self.held {
            *counts.entry(held.network).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);
        let newest = self.held.iter().rposition(|held| counts[&held.network] == most);
        if let Some(newest) = newest.filter(|_| most > 1) {
            self.held.remove(newest);
        }
    }

    /// Gives the place of a held guess back. Whose it was; none where it was taken away.
    pub(super) fn release(&mut self, guess: u64) -> Option<IpAddr> {
        let place = self.held.iter().position(|held| held.guess == guess)?;
        Some(self.held.remove(place).network)
    }

    pub(super) fn failed(&mut self, network: IpAddr, now: Instant) {
        if self.failures.len() >= FAILURES_MAX {
            self.failures.pop_front();
        }
        // Whoever read the clock before another may come after it.
        let at = self.failures.back().map_or(now, |last| last.at.max(now));
        let guess = self.next_guess();
        self.failures.push_back(Failure { at, network, guess });
    }

    pub(super) fn succeeded(&mut self, network: IpAddr, now: Instant) {
        let guess = self.next_guess();
        self.known.insert(network, Success { at: now, guess });
        if self.known.len() > KNOWN_MAX {
            // Not one by one: each time it takes a look at all.
            self.keep_known(KNOWN_MAX - KNOWN_MAX / 8);
        }
    }

    /// Forgets what counts no more.
    pub(super) fn forget(&mut self, now: Instant) {
        let is_past = |failure: &Failure| now.duration_since(failure.at) >= ROOM_WINDOW;
        while self.failures.front().is_some_and(is_past) {
            self.failures.pop_front();
        }
        self.known
            .retain(|_, success| now.duration_since(success.at) < KNOWN);
    }

    /// Forgets the oldest failures until so many are left.
    pub(super) fn keep_failures(&mut self, count: usize) {
        let surplus = self.failures.len().saturating_sub(count);
        self.failures.drain(..surplus);
    }

    /// Forgets the networks that knew the password the longest ago until so many are left.
    pub(super) fn keep_known(&mut self, count: usize) {
        let surplus = self.known.len().saturating_sub(count);
        if surplus == 0 {
            return;
        }
        let mut guesses: Vec<_> = self.known.values().map(|success| success.guess).collect();
        let (_, &mut last, _) = guesses.select_nth_unstable(surplus - 1);
        self.known.retain(|_, success| success.guess > last);
    }

    pub(super) fn failures(&self) -> usize {
        self.failures.len()
    }

    pub(super) fn known(&self) -> usize {
        self.known.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.known.is_empty() && self.held.is_empty()
    }

    fn next_guess(&mut self) -> u64 {
        self.guesses += 1;
        self.guesses
    }
}

/// How long it is until fewer than `max` of what ends at these times (the earliest first) are left; `None`: they are.
fn wait_for_place(ends: impl Iterator<Item = Instant>, max: usize, now: Instant) -> Option<Duration> {
    let ends: Vec<_> = ends.collect();
    let surplus = ends.len().checked_sub(max)?;
    ends.get(surplus).map(|end| end.duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// The /64 with this number in `2001:db8:1::/48`.
    fn within(number: u16) -> IpAddr {
        at(&format!("2001:db8:1:{number:x}::"))
    }

    fn fail(record: &mut Record, network: IpAddr, times: usize, now: Instant) {
        for _ in 0..times {
            assert_eq!(record.refused_for(network, now), None, "{network}");
            record.failed(network, now);
        }
    }

    #[test]
    fn ten_failures_shut_an_address_out_for_half_an_hour() {
        let (mut record, start, network) = (Record::default(), Instant::now(), at("192.0.2.1"));
        for minute in 0..10 {
            fail(&mut record, network, 1, start + minute * MINUTE);
        }
        assert_eq!(
            record.refused_for(network, start + 10 * MINUTE),
            Some(20 * MINUTE)
        );
        assert_eq!(
            record.refused_for(at("192.0.2.2"), start + 10 * MINUTE),
            None,
            "another address"
        );
        fail(&mut record, network, 1, start + 30 * MINUTE);
        assert_eq!(record.refused_for(network, start + 30 * MINUTE), Some(MINUTE));
    }

    #[test]
    fn wider_networks_have_measures_of_their_own() {
        let (mut record, now) = (Record::default(), Instant::now());
        for number in 0..4 {
            fail(&mut record, within(number), 10, now);
            assert!(record.refused_for(within(number), now).is_some());
        }
        assert!(record.refused_for(within(0xff), now).is_some(), "the same /56");
        for number in 0..12 {
            fail(&mut record, within(0x100 * (1 + number % 3) + number), 10, now);
        }
        assert!(record.refused_for(within(0xff00), now).is_some(), "the same /48");
        assert_eq!(record.refused_for(at("2001:db8:2::"), now), None, "another /48");
        assert_eq!(
            record.refused_for(within(0xff00), now + FAILURE_WINDOW),
            None,
            "half an hour later"
        );
    }

    #[test]
    fn who_knew_the_password_answers_for_itself_alone() {
        let (mut record, now) = (Record::default(), Instant::now());
        fail(&mut record, within(1), 9, now);
        record.succeeded(within(1), now);
        assert_eq!(record.refused_for(within(1), now), None);
        for number in 2..6 {
            record.failed(within(number), now);
            (0..9).for_each(|_| record.failed(within(number), now));
        }
        assert!(record.refused_for(within(7), now).is_some(), "the same /56");
        fail(&mut record, within(1), 10, now);
        assert!(record.refused_for(within(1), now).is_some());
        // The success did not make the room forget.
        assert_eq!(record.failures(), 59);
        assert!(record.holds(at("192.0.2.1"), 59, now));
        assert!(!record.holds(at("192.0.2.1"), 60, now));
        assert!(!record.holds(within(1), 59, now));
    }

    #[test]
    fn a_room_holds_for_as_long_as_too_many_failed_within_an_hour() {
        let (mut record, start) = (Record::default(), Instant::now());
        for minute in 0..100 {
            let network = at(&format!("192.0.2.{minute}"));
            let now = start + minute * MINUTE / 2;
            assert!(!record.holds(network, 100, now), "after {minute} failures");
            record.failed(network, now);
        }
        let stranger = at("198.51.100.1");
        assert!(record.holds(stranger, 100, start + 59 * MINUTE));
        assert!(!record.holds(stranger, 100, start + 60 * MINUTE));
        record.forget(start + 60 * MINUTE);
        assert_eq!(record.failures(), 99);
        record.forget(start + 110 * MINUTE);
        assert!(record.is_empty());
    }

    #[test]
    fn places_for_held_guesses_are_few() {
        let (mut record, now) = (Record::default(), Instant::now());
        let second = Duration::from_secs(1);
        let (first, ends) = record.hold(at("192.0.2.1"), now).expect("a place");
        assert_eq!(ends, now + HOLD);
        for _ in 1..4 {
            record.hold(at("192.0.2.1"), now + second).expect("a place");
        }
        assert_eq!(
            record.hold(at("192.0.2.1"), now + second),
            Err(HOLD.saturating_sub(second))
        );
        record.release(first);
        record.hold(at("192.0.2.1"), now + second).expect("a place");
        // A /48 has 16 of the room's 64.
        let taken = (0..100).filter(|&number| record.hold(within(number << 8), now).is_ok());
        assert_eq!(taken.count(), 16);
        let others = (0..100).filter(|number| record.hold(at(&format!("198.51.100.{number}")), now).is_ok());
        // Whoever has several gives all but one of them up for them.
        assert_eq!(others.count(), 64 - 16 - 1);
        assert!(record.hold(at("203.0.113.1"), now).is_err());
    }

    #[test]
    fn the_latest_to_know_the_password_stay_known() {
        let (mut record, now) = (Record::default(), Instant::now());
        for number in 0..2_000 {
            record.succeeded(within(number), now);
            assert!(record.known() <= KNOWN_MAX);
        }
        record.keep_known(3);
        let mut known: Vec<_> = record.known.keys().copied().collect();
        known.sort();
        assert_eq!(known, [within(1_997), within(1_998), within(1_999)]);
        record.forget(now + KNOWN);
        assert!(record.is_empty());
    }

    #[test]
    fn memory_of_failures_is_bounded() {
        let (mut record, now) = (Record::default(), Instant::now());
        for number in 0..=u16::MAX {
            record.failed(within(number), now);
        }
        assert_eq!(record.failures(), FAILURES_MAX);
        record.keep_failures(2);
        let left: Vec<_> = record.failures.iter().map(|failure| failure.network).collect();
        assert_eq!(left, [within(0xfffe), within(0xffff)]);
    }
}
