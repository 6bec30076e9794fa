//! What the guests of one network say in a room together, and what one user does: each session has its own limit, and nobody knows how
//! many sessions somebody has, or how soon it comes back with a new one. A few words of each participant are its own, whatever others do.

use std::{
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::{RateLimits, RedeemedTicket};
use crate::{
    bucket::Bucket,
    ids::{OriginHash, ParticipantId, UserId},
    protocol::{
        Command,
        legal_vote::LegalVoteCommand,
        limits::{
            NETWORK_BURSTS, NETWORK_COMMAND_SOCKETS, NETWORK_JOINS_BURST, NETWORK_JOINS_PER_SECOND,
            NETWORK_RATES, NETWORKS_KEPT, PARTICIPANT_JOIN_SECS, PARTICIPANT_JOINS_BURST, PARTICIPANT_RATES,
            PARTICIPANT_SHARE, PARTICIPANT_SHARE_SECS,
        },
        meeting::Caller,
        moderation::ModerationCommand,
        polls::PollsCommand,
        training_participation_report::TrainingParticipationReportCommand,
    },
};

/// Whose limit counts for a participant, besides its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitOf {
    /// A registered user: guests of the same network take nothing from it.
    User(UserId),
    /// Somebody else from this network.
    Network(OriginHash),
}

impl LimitOf {
    /// Of a redeemed ticket; none where its socket is not counted.
    pub(super) fn of(seat: &RedeemedTicket) -> Option<Self> {
        let origin = seat.taken.origin.filter(|origin| origin.counted)?;
        Some(match seat.caller {
            Caller::User(user) => Self::User(user),
            Caller::Guest(_) | Caller::Sip | Caller::Recorder => Self::Network(origin.network),
        })
    }
}

impl Audience {
    /// Of answers to questions, votes and decisions about one, few hear: they are counted, and told to all at a pace of their own.
    pub(super) fn of(command: &Command) -> Self {
        match command {
            Command::Moderation(ModerationCommand::Accept { .. })
            | Command::Polls(PollsCommand::Vote { .. })
            | Command::LegalVote(LegalVoteCommand::Vote(_))
            | Command::TrainingParticipationReport(TrainingParticipationReportCommand::ConfirmPresence) => {
                Self::Few
            }
            _ => Self::All,
        }
    }
}

/// How many hear of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// One, or a few.
    Few,
    /// Perhaps the whole room.
    All,
}

/// The limits of a room for those who send.
#[derive(Debug, Default)]
pub(crate) struct SenderLimits {
    senders: Networks<LimitOf>,
    participants: Networks<ParticipantId>,
    /// What each participant may always send.
    shares: Networks<ParticipantId>,
    joins: Networks<LimitOf>,
    joins_of: Networks<ParticipantId>,
}

impl SenderLimits {
    /// Whether one more command of this participant is taken, in a room with so many sockets.
    pub fn takes(
        &self,
        (who, from): (ParticipantId, Option<LimitOf>),
        rates: RateLimits,
        (audience, sockets): (Audience, usize),
    ) -> bool {
        let now = Instant::now();
        if !self.participants.take(who, Rate::of_participant(rates), 1.0, now) {
            return false;
        }
        if self.shares.take(who, Rate::of_share(), 1.0, now) {
            return true;
        }
        let cost = match audience {
            Audience::Few => 1.0,
            Audience::All => cost(sockets),
        };
        from.is_none_or(|from| self.senders.take(from, Rate::of_commands(rates), cost, now))
    }

    /// Whether one more session of this participant may join. Who comes again and again has used up its own, and nothing of others.
    pub fn lets_join(&self, who: ParticipantId, from: LimitOf) -> bool {
        let now = Instant::now();
        let is_new = !self.joins_of.knows(&who);
        self.joins_of.take(who, Rate::of_joins_of_one(), 1.0, now)
            && (!is_new || self.joins.take(from, Rate::of_joins(), 1.0, now))
    }
}

/// By networks, or by participants.
#[derive(Debug)]
pub(crate) struct Networks<K = OriginHash>(Mutex<Buckets<K>>);

#[derive(Debug)]
struct Buckets<K> {
    of: FxHashMap<K, Bucket>,
    /// How many there were when those were last forgotten that say nothing.
    remained: usize,
}

impl<K> Default for Networks<K> {
    fn default() -> Self {
        let of = FxHashMap::default();
        Self(Mutex::new(Buckets { of, remained: 0 }))
    }
}

/// How much of something is taken from a network: per second, and at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    per_second: f64,
    burst: f64,
}

impl Rate {
    /// Of joins.
    pub fn of_joins() -> Self {
        Self {
            per_second: f64::from(NETWORK_JOINS_PER_SECOND),
            burst: f64::from(NETWORK_JOINS_BURST),
        }
    }

    /// Of joins of one participant.
    pub fn of_joins_of_one() -> Self {
        Self {
            per_second: 1.0 / f64::from(PARTICIPANT_JOIN_SECS),
            burst: f64::from(PARTICIPANT_JOINS_BURST),
        }
    }

    /// Of what each participant may always send.
    pub fn of_share() -> Self {
        Self {
            per_second: 1.0 / f64::from(PARTICIPANT_SHARE_SECS),
            burst: f64::from(PARTICIPANT_SHARE),
        }
    }

    /// Of commands of one participant.
    pub fn of_participant(rates: RateLimits) -> Self {
        Self::times(rates, PARTICIPANT_RATES, PARTICIPANT_RATES)
    }

    fn times(rates: RateLimits, of_rate: u32, of_burst: u32) -> Self {
        Self {
            per_second: f64::from(rates.commands_per_second.saturating_mul(of_rate)),
            burst: f64::from(rates.commands_burst.saturating_mul(of_burst)),
        }
    }

    /// Of commands, where one session has these rates.
    pub fn of_commands(rates: RateLimits) -> Self {
        Self::times(rates, NETWORK_RATES, NETWORK_BURSTS)
    }
}

/// What a command costs in a room with so many sockets.
pub(crate) fn cost(sockets: usize) -> f64 {
    let hundreds = u32::try_from(sockets / NETWORK_COMMAND_SOCKETS).unwrap_or(u32::MAX);
    f64::from(hundreds.max(1))
}

impl<K: Eq + Hash> Networks<K> {
    /// Whether something was taken of it lately.
    pub fn knows(&self, network: &K) -> bool {
        let buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.of.contains_key(network)
    }

    /// Whether something that costs so much is taken from this network.
    pub fn take(&self, network: K, rate: Rate, cost: f64, now: Instant) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.of.len() > NETWORKS_KEPT.max(2 * buckets.remained) {
            buckets.of.retain(|_, bucket| !bucket.is_full(now));
            buckets.remained = buckets.of.len();
        }
        let new = || Bucket::new(rate.per_second, rate.burst, now);
        let bucket = buckets.of.entry(network).or_insert_with(new);
        bucket.take(cost.min(rate.burst), now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_network_has_so_much_and_others_have_theirs() {
        let (networks, now) = (Networks::default(), Instant::now());
        let (here, there) = (OriginHash::new([1; 32]), OriginHash::new([2; 32]));
        let rates = RateLimits::default();
        let rate = Rate::of_commands(rates);
        let taken = |sockets, now| {
            let take = |_: &_| networks.take(here, rate, cost(sockets), now);
            (0..10_000).filter(take).count()
        };
        assert_eq!(taken(150, now), (rates.commands_burst * NETWORK_BURSTS) as usize);
        assert!(networks.take(there, rate, 1.0, now));
        let per_second = (rates.commands_per_second * NETWORK_RATES) as usize;
        assert_eq!(taken(0, now + Duration::from_secs(1)), per_second);
        assert_eq!(taken(1_000, now + Duration::from_secs(2)), per_second / 10);
    }

    fn somebody(number: u128) -> ParticipantId {
        ParticipantId(uuid::Uuid::from_u128(number))
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_again_and_again_shuts_nobody_out() {
        let limits = SenderLimits::default();
        let network = LimitOf::Network(OriginHash::new([1; 32]));
        for _ in 0..2 * NETWORK_JOINS_BURST {
            for guest in 1..=2 {
                limits.lets_join(somebody(guest), network);
            }
        }
        assert!(
            !limits.lets_join(somebody(1), network),
            "of it there were too many"
        );
        assert!(limits.lets_join(somebody(3), network));
        let mut let_in = 0;
        for guest in 10..10 + 2 * u128::from(NETWORK_JOINS_BURST) {
            let_in += u32::from(limits.lets_join(somebody(guest), network));
        }
        assert!(
            let_in < NETWORK_JOINS_BURST,
            "many new ones of a network are too many"
        );
        let user = LimitOf::User(UserId(uuid::Uuid::nil()));
        assert!(limits.lets_join(somebody(5_000), user), "users have their own");
        assert!(limits.lets_join(somebody(3), network), "who was in comes back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_words_of_each_are_its_own() {
        let (limits, rates) = (SenderLimits::default(), RateLimits::default());
        let network = Some(LimitOf::Network(OriginHash::new([1; 32])));
        let room = (Audience::All, 600);
        for guest in 1..=20 {
            for _ in 0..100 {
                limits.takes((somebody(guest), network), rates, room);
            }
        }
        assert!(!limits.takes((somebody(1), network), rates, room));
        for vote in 0..PARTICIPANT_SHARE {
            assert!(limits.takes((somebody(100), network), rates, room), "vote {vote}");
        }
        let user = Some(LimitOf::User(UserId(uuid::Uuid::nil())));
        let accepts = (0..200).filter(|_| limits.takes((somebody(200), user), rates, (Audience::Few, 600)));
        assert_eq!(accepts.count(), 200, "all who wait are let in at once");
    }

    #[test]
    fn those_who_say_nothing_are_forgotten() {
        let (networks, now) = (Networks::default(), Instant::now());
        for number in 0..=NETWORKS_KEPT {
            let mut mac = [0; 32];
            mac[..8].copy_from_slice(&number.to_le_bytes());
            networks.take(OriginHash::new(mac), Rate::of_joins(), 1.0, now);
        }
        let count = || {
            networks
                .0
                .lock()
                .map(|buckets| buckets.of.len())
                .unwrap_or_default()
        };
        assert!(count() > NETWORKS_KEPT);
        networks.take(
            OriginHash::new([9; 32]),
            Rate::of_joins(),
            1.0,
            now + Duration::from_mins(1),
        );
        assert_eq!(count(), 1);
    }
}
