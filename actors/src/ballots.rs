//! Keys and tokens of secret votes. They live beside the registry and as long as the process: in memory alone, so that no log, snapshot
//! or copy of one says who voted for what; a room that panics or is revived finds them again. How votes are sealed is decided in
//! [ADR 0022](../../docs/adr/0022-secret-ballots.md).

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use dashmap::DashMap;

use crate::{
    ids::{LegalVoteId, RoomId, UserId},
    protocol::{
        ballot::{Ballot, SEALED_BYTES, SealedVote, Verdict},
        legal_vote::{CastVote, Tally, VoteOption, VoteResults, VotingRecord},
        vote_token::VoteToken,
    },
    task::{BallotWork, Outcome},
};

/// Of `XChaCha20`: random ones do not meet.
const NONCE_BYTES: usize = 24;

/// Option, token and zeros: with nonce and tag [`SEALED_BYTES`].
const OPENED_BYTES: usize = SEALED_BYTES - NONCE_BYTES - 16;

/// A secret vote that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVote {
    pub id: LegalVoteId,
    pub enable_abstain: bool,
    /// Each has one token.
    pub voters: Vec<UserId>,
}

/// All secret votes of a process. Cheap to clone; clones are one.
#[derive(Clone, Default)]
pub struct Ballots(Arc<DashMap<LegalVoteId, Arc<BallotBox>>>);

/// What is known of one of them.
struct BallotBox {
    room: RoomId,
    cipher: XChaCha20Poly1305,
    enable_abstain: bool,
    tokens: HashMap<UserId, VoteToken>,
    /// A look-up by a keyed hash: how long it takes says nothing of how alike a guess and a token are.
    voters: HashMap<VoteToken, UserId>,
}

impl fmt::Debug for Ballots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ballots").field("votes", &self.0.len()).finish()
    }
}

impl Ballots {
    /// A secret vote begins; `random` gives unguessable numbers.
    pub fn open(&self, room: RoomId, vote: &SecretVote, mut random: impl FnMut() -> u64) {
        let mut key = [0; 32];
        for part in key.chunks_exact_mut(8) {
            part.copy_from_slice(&random().to_le_bytes());
        }
        let (mut tokens, mut voters) = (HashMap::new(), HashMap::new());
        for user in &vote.voters {
            let mut token = VoteToken::of(random());
            while voters.contains_key(&token) {
                token = VoteToken::of(random());
            }
            tokens.insert(*user, token);
            voters.insert(token, *user);
        }
        let opened = BallotBox {
            room,
            cipher: XChaCha20Poly1305::new(&key.into()),
            enable_abstain: vote.enable_abstain,
            tokens,
            voters,
        };
        self.0.insert(vote.id, Arc::new(opened));
    }

    fn get(&self, vote: LegalVoteId) -> Option<Arc<BallotBox>> {
        self.0.get(&vote).map(|found| Arc::clone(&found))
    }

    #[must_use]
    pub fn has(&self, vote: LegalVoteId) -> bool {
        self.0.contains_key(&vote)
    }

    /// The token of a user who may vote.
    #[must_use]
    pub fn token(&self, vote: LegalVoteId, user: UserId) -> Option<VoteToken> {
        self.get(vote)?.tokens.get(&user).copied()
    }

    /// Looks at a vote, and seals it. Whether its voter has voted already, the room knows.
    pub fn seal(&self, room: RoomId, vote: &CastVote, random: impl FnMut() -> u64) -> Ballot {
        let legal_vote_id = vote.legal_vote_id;
        let opened = self.get(legal_vote_id).filter(|opened| opened.room == room);
        let verdict = opened.map_or(Verdict::UnknownVote, |opened| opened.seal(vote, random));
        Ballot {
            legal_vote_id,
            verdict,
        }
    }

    /// What somebody has voted for, and with which token.
    #[must_use]
    pub fn unseal(
        &self,
        vote: LegalVoteId,
        user: UserId,
        sealed: &SealedVote,
    ) -> Option<(VoteOption, VoteToken)> {
        self.get(vote)?.unseal(vote, user, sealed)
    }

    /// Counts a vote's ballots; none where its key is gone. What can't be read, or counts twice, makes all of it void.
    #[must_use]
    pub fn count(&self, vote: LegalVoteId, ballots: &[(UserId, SealedVote)]) -> Option<Option<VoteResults>> {
        let opened = self.get(vote)?;
        let mut tally = Tally::begin(opened.enable_abstain);
        let mut record = BTreeMap::new();
        for (user, sealed) in ballots {
            let Some((option, token)) = opened.unseal(vote, *user, sealed) else {
                return Some(None);
            };
            if record.insert(token, option).is_some() || !tally.count(option) {
                return Some(None);
            }
        }
        Some(Some(VoteResults {
            tally,
            voting_record: VotingRecord::of_tokens(record),
        }))
    }

    /// Does what a room asks for.
    #[must_use]
    pub fn perform(&self, work: &BallotWork) -> Outcome {
        let outcome = match work {
            BallotWork::Look { vote } => self.has(*vote).then_some(Outcome::Done),
            BallotWork::Count { vote, ballots } => self.count(*vote, ballots).map(Outcome::Counted),
        };
        outcome.unwrap_or(Outcome::Unavailable)
    }

    /// A vote is over: nobody can open its ballots any more.
    pub fn forget(&self, vote: LegalVoteId) {
        self.0.remove(&vote);
    }

    /// A room is gone, with all its votes.
    pub fn forget_room(&self, room: RoomId) {
        self.0.retain(|_, opened| opened.room != room);
    }
}

impl BallotBox {
    fn seal(&self, vote: &CastVote, mut random: impl FnMut() -> u64) -> Verdict {
        if vote.option == VoteOption::Abstain && !self.enable_abstain {
            return Verdict::NoAbstention;
        }
        let Some(user) = self.voters.get(&vote.token).copied() else {
            return Verdict::UnknownToken;
        };
        let mut opened = [0; OPENED_BYTES];
        let token = vote.token.as_bytes();
        opened[0] = match vote.option {
            VoteOption::Yes => 1,
            VoteOption::No => 2,
            VoteOption::Abstain => 3,
        };
        opened[1..=token.len()].copy_from_slice(token);
        let mut sealed = [0; SEALED_BYTES];
        for part in sealed[..NONCE_BYTES].chunks_exact_mut(8) {
            part.copy_from_slice(&random().to_le_bytes());
        }
        let (nonce, rest) = sealed.split_at_mut(NONCE_BYTES);
        let payload = Payload {
            msg: &opened,
            aad: &belongs_to(vote.legal_vote_id, user),
        };
        match XNonce::try_from(&*nonce).map(|nonce| self.cipher.encrypt(&nonce, payload)) {
            Ok(Ok(ciphertext)) if ciphertext.len() == rest.len() => rest.copy_from_slice(&ciphertext),
            // So few bytes can always be encrypted.
            _ => return Verdict::UnknownVote,
        }
        let sealed = SealedVote(sealed);
        Verdict::Valid { user, sealed }
    }

    fn unseal(
        &self,
        vote: LegalVoteId,
        user: UserId,
        sealed: &SealedVote,
    ) -> Option<(VoteOption, VoteToken)> {
        let (nonce, ciphertext) = sealed.0.split_at(NONCE_BYTES);
        let payload = Payload {
            msg: ciphertext,
            aad: &belongs_to(vote, user),
        };
        let opened = self
            .cipher
            .decrypt(&XNonce::try_from(nonce).ok()?, payload)
            .ok()?;
        let option = match opened.first()? {
            1 => VoteOption::Yes,
            2 => VoteOption::No,
            3 => VoteOption::Abstain,
            _ => return None,
        };
        let token = self.tokens.get(&user)?;
        (opened.get(1..=token.as_bytes().len())? == token.as_bytes()).then_some((option, *token))
    }
}

/// A ballot is good in its vote, and for its voter.
fn belongs_to(vote: LegalVoteId, user: UserId) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(vote.0.as_bytes());
    bytes[16..].copy_from_slice(user.0.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ROOM: RoomId = RoomId(Uuid::from_u128(1));
    const VOTE: LegalVoteId = LegalVoteId(Uuid::from_u128(2));
    const ALICE: UserId = UserId(Uuid::from_u128(3));
    const BOB: UserId = UserId(Uuid::from_u128(4));

    fn opened() -> Ballots {
        let ballots = Ballots::default();
        let vote = SecretVote {
            id: VOTE,
            enable_abstain: false,
            voters: vec![ALICE, BOB],
        };
        ballots.open(ROOM, &vote, rand::random);
        ballots
    }

    fn sealed(ballots: &Ballots, user: UserId, option: VoteOption) -> Verdict {
        let token = ballots.token(VOTE, user).expect("who may vote has a token");
        let vote = CastVote {
            legal_vote_id: VOTE,
            option,
            token,
        };
        ballots.seal(ROOM, &vote, rand::random).verdict
    }

    fn valid(ballots: &Ballots, user: UserId, option: VoteOption) -> SealedVote {
        match sealed(ballots, user, option) {
            Verdict::Valid { user: of, sealed } if of == user => sealed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_sealed_is_counted_and_says_nothing() {
        let ballots = opened();
        let (yes, no) = (
            valid(&ballots, ALICE, VoteOption::Yes),
            valid(&ballots, BOB, VoteOption::No),
        );
        assert_ne!(
            yes,
            valid(&ballots, ALICE, VoteOption::Yes),
            "each has a nonce of its own"
        );
        let results = ballots
            .count(VOTE, &[(ALICE, yes), (BOB, no)])
            .flatten()
            .expect("they count");
        assert_eq!(
            (results.tally.yes, results.tally.no, results.tally.abstain),
            (1, 1, None)
        );
        let token = ballots.token(VOTE, ALICE).expect("a token");
        assert_eq!(ballots.unseal(VOTE, ALICE, &yes), Some((VoteOption::Yes, token)));
        let text = serde_json::to_string(&yes).expect("it can be written");
        assert_eq!(
            text.len(),
            serde_json::to_string(&no).expect("it can be written").len()
        );
        assert_eq!(
            serde_json::from_str::<SealedVote>(&text).expect("it can be read"),
            yes
        );
    }

    #[test]
    fn a_ballot_is_good_for_its_voter_and_its_vote() {
        let ballots = opened();
        let yes = valid(&ballots, ALICE, VoteOption::Yes);
        assert_eq!(ballots.unseal(VOTE, BOB, &yes), None);
        assert_eq!(ballots.unseal(LegalVoteId(Uuid::nil()), ALICE, &yes), None);
        assert_eq!(
            ballots.count(VOTE, &[(BOB, yes)]),
            Some(None),
            "changed by somebody"
        );
        assert_eq!(
            ballots.count(VOTE, &[(ALICE, yes), (ALICE, yes)]),
            Some(None),
            "twice"
        );
        assert_eq!(
            sealed(&ballots, ALICE, VoteOption::Abstain),
            Verdict::NoAbstention
        );
        let foreign = CastVote {
            legal_vote_id: VOTE,
            option: VoteOption::Yes,
            token: VoteToken::of(7),
        };
        assert_eq!(
            ballots.seal(ROOM, &foreign, rand::random).verdict,
            Verdict::UnknownToken
        );
        let elsewhere = RoomId(Uuid::nil());
        assert_eq!(
            ballots.seal(elsewhere, &foreign, rand::random).verdict,
            Verdict::UnknownVote
        );
        ballots.forget_room(elsewhere);
        assert!(ballots.has(VOTE));
        ballots.forget(VOTE);
        assert_eq!(ballots.count(VOTE, &[(ALICE, yes)]), None);
    }
}
