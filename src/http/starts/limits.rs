//! Who may ask for tickets, and how often.

use std::{sync::Arc, time::Duration};

use colloquy_actors::room::access::Origin;
use ipnet::IpNet;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::{
    client_address::{ClientAddress, Networks},
    config::Config,
    http::{
        ApiError,
        guessing::{FailureLimit, Guess, Hold, RoomGuess, RoomPasswords},
        inventions::{Inventions, too_soon},
    },
    origins::Origins,
    readiness::Readiness,
    throttle::{Key, Throttle},
};

/// Seconds whose tickets may be asked for at once: a class behind one address comes within a minute.
const TICKETS_BURST_SECS: u32 = 10;

/// How many times as many tickets are issued for good resumption tokens, which are not counted otherwise.
const RESUMPTIONS_FACTOR: u32 = 25;

/// Pages on which mails are refused, for one network in a minute, all at once or one by one.
const REFUSALS_PER_MINUTE: u32 = 60;

/// Guards the operations that need no access token or cost much. Clones are one.
#[derive(Debug, Clone)]
pub struct StartLimits {
    readiness: Readiness,
    tickets: Arc<Throttle<Asker>>,
    resumptions: Arc<Throttle<Asker>>,
    refusals: Arc<Throttle<IpNet>>,
    /// Guests who get credentials of relays: as many as may get tickets, so that a class behind one address does.
    relays: Arc<Throttle<Asker>>,
    passwords: RoomPasswords,
    pins: Arc<FailureLimit<String>>,
    /// Invented invite codes.
    pub codes: Inventions,
    /// Invented tokens of calendars.
    pub feeds: Inventions,
    origins: Origins,
    gateways: Networks,
    loopback_exempt: bool,
}

/// Whose requests for tickets are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Asker {
    Network(IpNet),
    /// A user behind a gateway, by the subject of the access token.
    User(String),
    /// The guests with this invite code behind a gateway.
    Invite(Uuid),
    /// In development many come from this machine.
    Exempt,
}

impl Key for Asker {
    fn around(&self) -> Vec<(Self, u32)> {
        match self {
            Self::Network(network) => {
                let around = network.around().into_iter();
                around
                    .map(|(network, times)| (Self::Network(network), times))
                    .collect()
            }
            Self::User(_) | Self::Invite(_) | Self::Exempt => Vec::new(),
        }
    }
}

impl StartLimits {
    #[must_use]
    pub fn new(config: &Config, readiness: Readiness, origins: Origins) -> Self {
        let tickets = config.signaling.tickets_per_address_per_second;
        let per_second = |count| Arc::new(Throttle::per_second(count, TICKETS_BURST_SECS));
        Self {
            readiness,
            tickets: per_second(tickets),
            resumptions: per_second(tickets.saturating_mul(RESUMPTIONS_FACTOR)),
            refusals: Arc::new(Throttle::new(
                Duration::from_mins(1) / REFUSALS_PER_MINUTE,
                REFUSALS_PER_MINUTE,
            )),
            relays: per_second(tickets),
            passwords: RoomPasswords::new(config.http.password_failures_per_room_per_hour),
            pins: Arc::default(),
            codes: Inventions::new(config),
            feeds: Inventions::of_everybody(),
            origins,
            gateways: Networks::new(config.http.gateways.clone()),
            loopback_exempt: config.dev_issuer_enabled(),
        }
    }

    /// Where a request comes from, as rooms compare it.
    #[must_use]
    pub fn origin(&self, address: ClientAddress) -> Origin {
        self.origins.of(address)
    }

    /// Refuses while the server stops: for services, each of which is one address for many people.
    pub fn admit_service(&self) -> Result<(), ApiError> {
        if self.readiness.is_stopping() {
            Err(stopping())
        } else {
            Ok(())
        }
    }

    /// Whom a request from here is counted for: its network, or `behind` when it comes from a gateway.
    pub fn asker(&self, address: ClientAddress, behind: impl FnOnce() -> Asker) -> Asker {
        if self.loopback_exempt && address.0.is_loopback() {
            Asker::Exempt
        } else if self.gateways.contains(address.0) {
            behind()
        } else {
            Asker::Network(address.counted())
        }
    }

    /// Refuses while the server stops, and whoever asks too often. A request with a resumption token is not counted yet:
    /// see [`Self::count`].
    pub fn admit(&self, asker: &Asker, has_token: bool) -> Result<(), ApiError> {
        self.admit_service()?;
        let now = now();
        let admitted = match asker {
            Asker::Exempt => Ok(()),
            asker if has_token => self
                .tickets
                .look(asker, now)
                .and_then(|()| self.resumptions.take(asker.clone(), now)),
            asker => self.tickets.take(asker.clone(), now),
        };
        admitted.map_err(too_soon)
    }

    /// Counts a request whose resumption token was not good.
    pub fn count(&self, asker: Asker) {
        if asker != Asker::Exempt {
            self.tickets.charge(asker, now());
        }
    }

    /// Refuses a network that asks too often for pages on which mails are refused.
    pub fn admit_refusal(&self, address: ClientAddress) -> Result<(), ApiError> {
        self.refusals.take(address.counted(), now()).map_err(too_soon)
    }

    /// Refuses a guest who wants credentials of relays too often.
    pub fn admit_to_relays(&self, asker: Asker) -> Result<(), ApiError> {
        match asker {
            Asker::Exempt => Ok(()),
            asker => self.relays.take(asker, now()).map_err(too_soon),
        }
    }

    /// Lets `is_right` look at a room's password unless this address has failed too often, or too many have failed at
    /// the room. A guess that was held comes with its hold.
    pub fn guess(
        &self,
        address: ClientAddress,
        room: Uuid,
        hold: Option<Hold>,
        is_right: impl FnOnce() -> bool,
    ) -> RoomGuess {
        self.passwords
            .guess((address.network(), room), hold, now(), is_right)
    }

    /// Waits until a held guess is to be judged; not while the server stops.
    pub async fn wait(&self, hold: Hold) -> Result<Hold, ApiError> {
        tokio::select! {
            () = sleep_until(hold.ends.into()) => Ok(hold),
            () = self.readiness.stopping() => Err(stopping()),
        }
    }

    /// Lets `is_right` look at the pin of a SIP id, known or not, unless callers have failed too often at it.
    pub fn guess_pin(&self, sip_id: &str, is_right: impl FnOnce() -> bool) -> Guess {
        self.pins.guess(sip_id.to_owned(), now(), is_right)
    }
}

fn stopping() -> ApiError {
    ApiError::unavailable("The server is stopping")
}

/// The time as timers see it, so that a guess that has waited finds its wait over.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::guessing::HOLD;

    const ROOM: Uuid = Uuid::nil();

    fn door(configure: impl FnOnce(&mut Config)) -> (StartLimits, Readiness) {
        let mut config = Config::default();
        config.oidc.authority = "https://id.example.org".parse().ok();
        configure(&mut config);
        let readiness = Readiness::default();
        {
            let origins = Origins::new(b"key", &config);
            (StartLimits::new(&config, readiness.clone(), origins), readiness)
        }
    }

    fn address(text: &str) -> ClientAddress {
        ClientAddress(text.parse().expect("an address"))
    }

    fn guest(door: &StartLimits, text: &str) -> Asker {
        door.asker(address(text), || Asker::Invite(ROOM))
    }

    /// How many of these are admitted.
    fn admitted(door: &StartLimits, asker: &Asker, has_token: bool, times: usize) -> usize {
        (0..times)
            .filter(|_| door.admit(asker, has_token).is_ok())
            .count()
    }

    /// A hold at a room with two failures.
    fn held(door: &StartLimits) -> Hold {
        for guesser in ["192.0.2.1", "192.0.2.2"] {
            let guess = door.guess(address(guesser), ROOM, None, || false);
            assert!(matches!(guess, RoomGuess::Wrong));
        }
        match door.guess(address("192.0.2.3"), ROOM, None, || panic!("looked at")) {
            RoomGuess::Held(hold) => hold,
            guess => panic!("{guess:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn good_tokens_cost_nothing_and_invented_ones_are_counted() {
        let (door, _) = door(|_| {});
        let asker = guest(&door, "192.0.2.1");
        assert_eq!(admitted(&door, &asker, true, 1_000), 1_000);
        assert_eq!(admitted(&door, &asker, false, 150), 150);
        for _ in 0..50 {
            door.admit(&asker, true).expect("one is left");
            door.count(asker.clone());
        }
        for has_token in [true, false] {
            let refused = door.admit(&asker, has_token).expect_err("none is left");
            assert_eq!(refused.status(), 429);
        }
        door.admit(&guest(&door, "192.0.2.2"), false)
            .expect("another address");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(admitted(&door, &asker, false, 100), 20);
        // Even good ones have an end.
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(admitted(&door, &asker, true, 6_000), 5_000);
    }

    #[tokio::test(start_paused = true)]
    async fn behind_a_gateway_people_are_counted_and_not_the_gateway() {
        let (door, _) = door(|config| {
            config.signaling.tickets_per_address_per_second = 1;
            config.http.gateways = vec!["192.0.2.0/24".parse().expect("a network")];
        });
        let user = |name: &str| door.asker(address("192.0.2.1"), || Asker::User(name.to_owned()));
        assert_eq!(admitted(&door, &user("ann"), false, 20), 10);
        assert_eq!(admitted(&door, &user("ben"), false, 20), 10);
        assert_eq!(admitted(&door, &guest(&door, "192.0.2.2"), false, 20), 10);
        assert_eq!(
            admitted(&door, &guest(&door, "192.0.2.3"), false, 20),
            0,
            "the same code"
        );
        assert_eq!(
            guest(&door, "198.51.100.1"),
            Asker::Network(address("198.51.100.1").counted())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn relays_are_for_as_many_guests_of_a_network_as_tickets() {
        let (door, _) = door(|config| {
            config.signaling.tickets_per_address_per_second = 1;
            config.http.gateways = vec!["203.0.113.0/24".parse().expect("a network")];
        });
        let admitted = |asker: &Asker, times: usize| {
            let ask = |_: &usize| door.admit_to_relays(asker.clone()).is_ok();
            (0..times).filter(ask).count()
        };
        let here = guest(&door, "192.0.2.1");
        assert_eq!(admitted(&here, 20), 10);
        assert_eq!(admitted(&guest(&door, "192.0.2.2"), 20), 10, "another network");
        assert_eq!(admitted(&guest(&door, "203.0.113.1"), 20), 10, "another code");
        let refused = door.admit_to_relays(here.clone()).expect_err("none is left");
        assert_eq!(refused.status(), 429);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(admitted(&here, 20), 2);
        assert_eq!(admitted(&Asker::Exempt, 100), 100);
    }

    #[test]
    fn only_in_development_is_this_machine_free() {
        let (production, _) = door(|_| {});
        let (development, _) = door(|config| config.oidc.authority = None);
        for (door, is_exempt) in [(production, false), (development, true)] {
            for loopback in ["127.0.0.1", "::1"] {
                assert_eq!(guest(&door, loopback) == Asker::Exempt, is_exempt);
                (0..100).for_each(|_| door.codes.count(address(loopback)));
                assert_eq!(door.codes.admit(address(loopback)).is_ok(), is_exempt);
            }
            (0..100).for_each(|_| door.codes.count(address("192.0.2.1")));
            door.codes.admit(address("192.0.2.1")).expect_err("too many");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_held_guess_is_judged_when_its_time_has_come() {
        let (door, _) = door(|config| config.http.password_failures_per_room_per_hour = 2);
        let (hold, began) = (held(&door), Instant::now());
        let hold = door.wait(hold).await.expect("no stop");
        assert!(began.elapsed() >= HOLD);
        let guess = door.guess(address("192.0.2.3"), ROOM, Some(hold), || true);
        assert!(matches!(guess, RoomGuess::Right), "{guess:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_held_guesses() {
        let (door, readiness) = door(|config| config.http.password_failures_per_room_per_hour = 2);
        let (hold, began) = (held(&door), Instant::now());
        let stop = async { readiness.stop() };
        let (waited, ()) = tokio::join!(door.wait(hold), stop);
        assert_eq!(waited.expect_err("a stop").status(), 503);
        assert!(began.elapsed() < HOLD);
        door.admit(&Asker::Exempt, false).expect_err("a stop");
    }
}
