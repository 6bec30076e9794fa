//! The limits of guesses at room passwords.
//!
//! A network ([`ClientAddress::network`]) may fail ten times within half an hour at one room; then it is refused. That
//! stops one guesser, and not many together, so beyond a count of failures per hour and room, whoever they were of, each
//! guess is held back for a while before it is judged. A closed door would be what an attacker wants: this one lets in
//! whoever knows the password, and at once from where somebody has known it before.
//!
//! [`ClientAddress::network`]: crate::client_address::ClientAddress::network

use std::{
    cmp::Reverse,
    collections::HashMap,
    fmt, mem,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{HOLD, record::Record};
use crate::throttle::whole_secs;

/// How much is remembered of all rooms together. A failure and a known network take about 50 bytes, a room 300.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    rooms: usize,
    failures: usize,
    known: usize,
}

const BOUNDS: Bounds = Bounds {
    rooms: 50_000,
    failures: 100_000,
    known: 100_000,
};

/// How often what counts no more is forgotten, when anybody guesses at all.
const SWEEP: Duration = Duration::from_mins(10);

/// The outcome of a guess.
#[derive(Debug)]
pub enum RoomGuess {
    Right,
    Wrong,
    /// Not looked at yet: to be made again when the hold is over.
    Held(Hold),
    /// Not looked at, and not counted.
    Refused {
        retry_after_secs: u64,
    },
}

/// Guesses at the passwords of all rooms. Clones are one.
#[derive(Debug, Clone)]
pub struct RoomPasswords {
    failures_per_hour: usize,
    bounds: Bounds,
    rooms: Arc<Mutex<Rooms>>,
}

#[derive(Default)]
struct Rooms {
    records: HashMap<Uuid, Record>,
    /// Failures and known networks in all records, or a few more: records forget by themselves.
    failures: usize,
    known: usize,
    swept_at: Option<Instant>,
}

/// The place of a guess that is held back. Dropping it before the guess is judged gives the place to another and counts as
/// a failure: else who only takes places away would never be refused.
#[derive(Debug)]
pub struct Hold {
    rooms: Arc<Mutex<Rooms>>,
    room: Uuid,
    guess: u64,
    /// When the guess is judged.
    pub ends: Instant,
    is_judged: bool,
}

impl RoomPasswords {
    /// Guesses are held back at rooms at which so many have failed within an hour.
    #[must_use]
    pub fn new(failures_per_hour: u32) -> Self {
        Self::within(failures_per_hour, BOUNDS)
    }

    fn within(failures_per_hour: u32, bounds: Bounds) -> Self {
        Self {
            failures_per_hour: usize::try_from(failures_per_hour).unwrap_or(usize::MAX),
            bounds,
            rooms: Arc::default(),
        }
    }

    /// Lets `is_right` look at a guess of a network at a room's password, unless it is refused or held back. A guess that
    /// was held comes with its hold.
    pub fn guess(
        &self,
        (network, room): (IpAddr, Uuid),
        hold: Option<Hold>,
        now: Instant,
        is_right: impl FnOnce() -> bool,
    ) -> RoomGuess {
        let waited = hold.and_then(|hold| hold.judged(now));
        // Looking happens under the lock, so that parallel guesses can't all pass the check before the first fails.
        let mut rooms = lock(&self.rooms);
        rooms.make_room(self.bounds, now);
        let Rooms {
            records,
            failures,
            known,
            ..
        } = &mut *rooms;
        let record = records.entry(room).or_default();
        // A place that was taken away for somebody else's sake is waited for once more.
        let has_waited = waited.is_some_and(|guess| record.release(guess).is_some());
        if let Some(wait) = record.refused_for(network, now) {
            return refused(wait);
        }
        if !has_waited && record.holds(network, self.failures_per_hour, now) {
            return match record.hold(network, now) {
                Ok((guess, ends)) => RoomGuess::Held(Hold {
                    rooms: Arc::clone(&self.rooms),
                    room,
                    guess,
                    ends,
                    is_judged: false,
                }),
                Err(wait) => refused(wait),
            };
        }
        if is_right() {
            record.succeeded(network, now);
            *known += 1;
            RoomGuess::Right
        } else {
            record.failed(network, now);
            *failures += 1;
            RoomGuess::Wrong
        }
    }
}

fn refused(wait: Duration) -> RoomGuess {
    RoomGuess::Refused {
        retry_after_secs: whole_secs(wait),
    }
}

fn lock(rooms: &Mutex<Rooms>) -> MutexGuard<'_, Rooms> {
    rooms.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hold {
    /// Its number, once its time has come.
    fn judged(mut self, now: Instant) -> Option<u64> {
        self.is_judged = self.ends <= now;
        self.is_judged.then_some(self.guess)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.is_judged {
            return;
        }
        let mut rooms = lock(&self.rooms);
        let Rooms {
            records, failures, ..
        } = &mut *rooms;
        let record = records.get_mut(&self.room);
        if let Some((record, network)) = record.and_then(|record| {
            let network = record.release(self.guess)?;
            Some((record, network))
        }) {
            record.failed(network, self.ends.checked_sub(HOLD).unwrap_or(self.ends));
            *failures += 1;
        }
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses of clients are nobody's business.
        f.debug_struct("Rooms")
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

impl Rooms {
    /// Forgets what counts no more, and when that is not enough, what is the least loss.
    fn make_room(&mut self, bounds: Bounds, now: Instant) {
        let is_over = self.records.len() >= bounds.rooms
            || self.failures >= bounds.failures
            || self.known >= bounds.known;
        let swept_at = *self.swept_at.get_or_insert(now);
        if !is_over && now.duration_since(swept_at) < SWEEP {
            return;
        }
        self.swept_at = Some(now);
        self.records.retain(|_, record| {
            record.forget(now);
            !record.is_empty()
        });
        // Some room is made beside what there is, so that not every guess has to look at everything.
        let less = |max: usize| max - max / 8;
        self.keep_fullest(bounds.rooms, less(bounds.rooms));
        self.failures = self.total(Record::failures);
        if self.failures >= bounds.failures {
            let most = level(self.counts(Record::failures), less(bounds.failures));
            self.each(|record| record.keep_failures(most));
            self.failures = self.total(Record::failures);
        }
        self.known = self.total(Record::known);
        if self.known >= bounds.known {
            let most = level(self.counts(Record::known), less(bounds.known));
            self.each(|record| record.keep_known(most));
            self.known = self.total(Record::known);
        }
    }

    /// When there are `max` rooms, keeps the `most` at which the most have failed. Who wants a room forgotten at which
    /// many have failed must fail as often at all others.
    fn keep_fullest(&mut self, max: usize, most: usize) {
        if self.records.len() < max {
            return;
        }
        let mut records: Vec<_> = mem::take(&mut self.records).into_iter().collect();
        let fullness = |record: &Record| (record.failures(), record.known());
        records.sort_by_key(|(_, record)| Reverse(fullness(record)));
        records.truncate(most);
        self.records = records.into_iter().collect();
    }

    fn counts(&self, count: impl Fn(&Record) -> usize) -> Vec<usize> {
        self.records.values().map(count).collect()
    }

    fn total(&self, count: impl Fn(&Record) -> usize) -> usize {
        self.records.values().map(count).sum()
    }

    fn each(&mut self, change: impl Fn(&mut Record)) {
        self.records.values_mut().for_each(change);
    }
}

/// The most that each may keep so that all together keep at most `total`: those that have the most give way first.
fn level(mut counts: Vec<usize>, total: usize) -> usize {
    counts.sort_unstable();
    let mut left = total;
    for (index, &count) in counts.iter().enumerate() {
        let share = left / (counts.len() - index);
        if count > share {
            return share;
        }
        left -= count;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::guessing::HOLD;

    const MINUTE: Duration = Duration::from_mins(1);
    const ROOM: Uuid = Uuid::nil();

    fn at(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn network(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    /// A room at which a hundred networks have failed at this time, once each.
    fn attacked(now: Instant) -> RoomPasswords {
        let passwords = RoomPasswords::new(100);
        for number in 0..100 {
            wrong(&passwords, (network(number), ROOM), None, now);
        }
        passwords
    }

    #[track_caller]
    fn wrong(passwords: &RoomPasswords, who: (IpAddr, Uuid), hold: Option<Hold>, now: Instant) {
        let guess = passwords.guess(who, hold, now, || false);
        assert!(matches!(guess, RoomGuess::Wrong), "{guess:?}");
    }

    #[track_caller]
    fn right(passwords: &RoomPasswords, who: (IpAddr, Uuid), hold: Option<Hold>, now: Instant) {
        let guess = passwords.guess(who, hold, now, || true);
        assert!(matches!(guess, RoomGuess::Right), "{guess:?}");
    }

    #[track_caller]
    fn held(passwords: &RoomPasswords, who: (IpAddr, Uuid), hold: Option<Hold>, now: Instant) -> Hold {
        match passwords.guess(who, hold, now, || panic!("looked at")) {
            RoomGuess::Held(hold) => hold,
            guess => panic!("{guess:?}"),
        }
    }

    #[track_caller]
    fn refused(passwords: &RoomPasswords, who: (IpAddr, Uuid), hold: Option<Hold>, now: Instant) -> u64 {
        match passwords.guess(who, hold, now, || panic!("looked at")) {
            RoomGuess::Refused { retry_after_secs } => retry_after_secs,
            guess => panic!("{guess:?}"),
        }
    }

    #[test]
    fn an_attacked_room_holds_strangers_and_lets_them_in() {
        let now = Instant::now();
        let passwords = attacked(now);
        let stranger = (at("198.51.100.1"), ROOM);
        right(&passwords, (at("198.51.100.2"), Uuid::max()), None, now);
        let hold = held(&passwords, stranger, None, now);
        assert_eq!(hold.ends, now + HOLD);
        // Who does not wait is held again.
        let hold = held(&passwords, stranger, Some(hold), now + HOLD / 2);
        assert_eq!(hold.ends, now + HOLD / 2 + HOLD);
        let then = hold.ends;
        right(&passwords, stranger, Some(hold), then);
        // It is known now.
        right(&passwords, stranger, None, then);
        wrong(&passwords, stranger, None, then);
        held(&passwords, (at("198.51.100.3"), ROOM), None, then);
        // An hour later nobody is held.
        right(&passwords, (at("198.51.100.3"), ROOM), None, now + 60 * MINUTE);
    }

    #[test]
    fn held_guesses_count_and_their_places_come_back() {
        let now = Instant::now();
        let (passwords, guesser) = (attacked(now), (at("198.51.100.1"), ROOM));
        let mut now = now;
        for _ in 0..2 {
            let holds: Vec<_> = (0..4).map(|_| held(&passwords, guesser, None, now)).collect();
            assert_eq!(refused(&passwords, guesser, None, now), 30);
            assert_eq!(refused(&passwords, guesser, None, now + HOLD / 3), 20);
            now += HOLD;
            for hold in holds {
                wrong(&passwords, guesser, Some(hold), now);
            }
        }
        // Four are held when only two failures are left.
        let holds: Vec<_> = (0..4).map(|_| held(&passwords, guesser, None, now)).collect();
        now += HOLD;
        let mut holds = holds.into_iter();
        for hold in holds.by_ref().take(2) {
            wrong(&passwords, guesser, Some(hold), now);
        }
        for hold in holds {
            assert_eq!(refused(&passwords, guesser, Some(hold), now), 30 * 60 - 60);
        }
        assert_eq!(lock(&passwords.rooms).records[&ROOM].failures(), 110);

        let hold = held(&passwords, (at("198.51.100.2"), ROOM), None, now);
        drop(hold);
        for _ in 0..8 {
            // A place that is not kept takes nobody else's.
            held(&passwords, (at("198.51.100.2"), ROOM), None, now);
        }
    }

    #[test]
    fn who_gives_held_guesses_up_has_failed() {
        let now = Instant::now();
        let (passwords, guesser) = (attacked(now), (at("198.51.100.1"), ROOM));
        for _ in 0..10 {
            drop(held(&passwords, guesser, None, now));
        }
        assert_eq!(refused(&passwords, guesser, None, now + HOLD), 30 * 60 - 30);
        held(&passwords, (at("198.51.100.2"), ROOM), None, now);
    }

    #[test]
    fn who_has_no_place_gets_one_of_whom_has_the_most() {
        let now = Instant::now();
        let passwords = attacked(now);
        let hold = |number: u32| held(&passwords, (network(1_000 + number), ROOM), None, now);
        let mut holds: Vec<_> = (0..64).map(|number| hold(number / 4)).collect();
        let newcomer = (at("198.51.100.1"), ROOM);
        let place = held(&passwords, newcomer, None, now);
        right(&passwords, newcomer, Some(place), now + HOLD);
        // The place that was taken away is waited for once more; it is the newest of those with four.
        let displaced = holds.pop().expect("a hold");
        let again = held(&passwords, (network(1_015), ROOM), Some(displaced), now + HOLD);
        assert_eq!(again.ends, now + 2 * HOLD);
        wrong(&passwords, (network(1_015), ROOM), holds.pop(), now + HOLD);
    }

    #[test]
    fn the_fullest_rooms_give_way() {
        assert_eq!(level(vec![5, 1, 10], 16), usize::MAX);
        assert_eq!(level(vec![5, 1, 10], 14), 8);
        assert_eq!(level(vec![5, 1, 10], 7), 3);
        assert_eq!(level(vec![3, 3, 3], 8), 2);
        assert_eq!(level(Vec::new(), 0), usize::MAX);
    }

    #[test]
    fn nobody_flushes_what_is_known_of_another_room_by_filling_the_memory() {
        let bounds = Bounds {
            rooms: 100,
            failures: 1_000,
            known: 1_000,
        };
        let (passwords, now) = (RoomPasswords::within(100, bounds), Instant::now());
        for number in 0..40 {
            wrong(&passwords, (network(number), ROOM), None, now);
        }
        right(&passwords, (at("198.51.100.1"), ROOM), None, now);
        // An attacker with many addresses and rooms of its own: some with much, then many with little.
        for room in 1..12 {
            for number in 0..1_000 {
                right(&passwords, (network(number), Uuid::from_u128(room)), None, now);
            }
            for number in 2_000..2_100 {
                wrong(&passwords, (network(number), Uuid::from_u128(room)), None, now);
            }
        }
        for room in 0..10_000 {
            let who = (network(room), Uuid::from_u128(100 + u128::from(room)));
            wrong(&passwords, who, None, now);
        }
        let rooms = lock(&passwords.rooms);
        let record = &rooms.records[&ROOM];
        assert_eq!((record.failures(), record.known()), (40, 1));
        assert!(rooms.records.len() <= 100);
        assert!(rooms.total(Record::failures) <= 1_000 && rooms.total(Record::known) <= 1_000);
    }

    #[test]
    fn nothing_is_kept_for_ever() {
        let start = Instant::now();
        let passwords = attacked(start);
        let hold = held(&passwords, (at("198.51.100.1"), ROOM), None, start);
        right(&passwords, (at("198.51.100.1"), ROOM), Some(hold), start + HOLD);
        let count = |room: Uuid| {
            let rooms = lock(&passwords.rooms);
            rooms
                .records
                .get(&room)
                .map(|record| (record.failures(), record.known()))
        };
        assert_eq!(count(ROOM), Some((100, 1)));
        let (other, day) = ((network(1), Uuid::max()), 24 * 60 * MINUTE);
        wrong(&passwords, other, None, start + 60 * MINUTE);
        assert_eq!(count(ROOM), Some((0, 1)));
        wrong(&passwords, other, None, start + day + HOLD);
        assert_eq!(count(ROOM), None);
    }
}
