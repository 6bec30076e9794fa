//! [`ClusterStore`] over Redis.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use colloquy_actors::{
    cluster::store::{
        Claim, ClaimNonce, Claimed, ClusterStore, Incarnation, LogBatch, NodeId, NodeProcess, NodeRecord,
        Renewed, StoreDown, Stored, StoredLog, Written,
    },
    ids::RoomId,
};
use futures_util::future::try_join_all;
use redis::{FromRedisValue, ToRedisArgs, Value};
use uuid::Uuid;

use crate::{
    answer::{odd, second, word, written},
    connection::{Connection, RedisError, RedisServers, Takes},
    keys::{Keys, owner},
    script::Script,
};

/// What is kept of a room for that long after its owner's last word.
const ROOM_LIFE: Duration = Duration::from_mins(15);

/// Pieces of a snapshot that nobody commits.
const STAGED_LIFE: Duration = Duration::from_mins(1);

/// A deleted room's id is refused for that long.
const GONE_LIFE: Duration = Duration::from_mins(2);

/// What is kept for post-mortem.
const ASIDE_LIFE: Duration = Duration::from_hours(24);

/// What a process owns is remembered for so long after it said so last.
const OWNED_LIFE: Duration = Duration::from_hours(24);

/// Claims in a row count together within this time.
const VAIN_WINDOW: Duration = Duration::from_mins(5);

/// Pieces in which snapshots travel.
const PIECE_BYTES: usize = 1024 * 1024;

/// How often a snapshot is staged anew, whose pieces somebody has removed.
const STAGE_TRIES: usize = 3;

/// Redis, as nodes have it in common. Clones are one.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    connection: Connection,
    /// For what takes long: leases and appends do not wait behind it.
    long: Connection,
    keys: Keys,
    scripts: Scripts,
}

struct Scripts {
    claim: Script,
    append: Script,
    piece: Script,
    commit: Script,
    touch: Script,
    release: Script,
    read: Script,
    renew: Script,
    resign: Script,
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore")
            .field("keys", &self.0.keys)
            .finish_non_exhaustive()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl RedisStore {
    /// Nothing is connected yet. All names begin with the prefix.
    pub fn new(servers: RedisServers, prefix: String) -> Result<Self, RedisError> {
        let scripts = Scripts {
            claim: Script::new(include_str!("../scripts/claim.lua")),
            append: Script::new(include_str!("../scripts/append.lua")),
            piece: Script::new(include_str!("../scripts/piece.lua")),
            commit: Script::new(include_str!("../scripts/commit.lua")),
            touch: Script::new(include_str!("../scripts/touch.lua")),
            release: Script::new(include_str!("../scripts/release.lua")),
            read: Script::new(include_str!("../scripts/read.lua")),
            renew: Script::new(include_str!("../scripts/renew.lua")),
            resign: Script::new(include_str!("../scripts/resign.lua")),
        };
        Ok(Self(Arc::new(Inner {
            connection: Connection::new(servers.clone())?,
            long: Connection::new(servers)?,
            keys: Keys::new(prefix),
            scripts,
        })))
    }

    /// How Redis treats a full memory, if it says so: whatever it evicts is a room's log. None where it may not be asked.
    pub async fn eviction_policy(&self) -> Result<Option<String>, StoreDown> {
        let asked = self
            .command(redis::cmd("CONFIG").arg("GET").arg("maxmemory-policy"))
            .await;
        match asked {
            Ok(settings) => {
                let settings: HashMap<String, String> = settings;
                Ok(settings.into_values().next())
            }
            Err(error) if error.0.contains("NOPERM") || error.0.contains("unknown command") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn command<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, StoreDown> {
        let ask = async |mut connection| command.query_async(&mut connection).await;
        self.0.connection.ask(Takes::Short, ask).await
    }

    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: impl ToRedisArgs + Clone + Send,
        takes: Takes,
    ) -> Result<T, StoreDown> {
        let ask = async |mut connection| script.run(&mut connection, keys, arguments).await;
        let connection = match takes {
            Takes::Short => &self.0.connection,
            Takes::Long => &self.0.long,
        };
        connection.ask(takes, ask).await
    }

    /// The nodes that were ever here, by name.
    async fn names(&self) -> Result<Vec<String>, StoreDown> {
        self.command(redis::cmd("SMEMBERS").arg(self.0.keys.nodes()))
            .await
    }

    async fn lease_of(&self, name: String) -> Result<Option<(NodeId, NodeRecord)>, StoreDown> {
        let node = NodeId(name);
        let key = self.0.keys.lease(&node);
        let record: Option<String> = self.command(redis::cmd("HGET").arg(key).arg("record")).await?;
        // One that another version wrote so that it can't be read is none that could be reached.
        let record = record.and_then(|text| serde_json::from_str(&text).ok());
        Ok(record.map(|record| (node, record)))
    }

    async fn add_owned(&self, process: &NodeProcess, room: RoomId) -> Result<(), StoreDown> {
        let keys = &self.0.keys;
        let owned = keys.owned(process);
        let () = self
            .command(redis::cmd("SADD").arg(keys.owners()).arg(owner(process)))
            .await?;
        let () = self
            .command(redis::cmd("SADD").arg(&owned).arg(room.to_string()))
            .await?;
        self.command(redis::cmd("PEXPIRE").arg(&owned).arg(millis(OWNED_LIFE)))
            .await
    }

    async fn make_claim(
        &self,
        room: RoomId,
        expected: Option<ClaimNonce>,
        mine: &Claim,
    ) -> Result<Claimed, StoreDown> {
        // Before it is owned: what nobody knows of nobody takes over.
        self.add_owned(&mine.owner, room).await?;
        let keys = self.0.keys.room(room);
        let text = |nonce: Option<ClaimNonce>| nonce.map(|nonce| nonce.to_string()).unwrap_or_default();
        let arguments = (
            text(expected),
            mine.nonce.to_string(),
            &mine.owner.node.0,
            mine.owner.incarnation.0,
            text(mine.replaced),
            millis(ROOM_LIFE),
            millis(VAIN_WINDOW),
        );
        let answer: Vec<Value> = self
            .run(
                &self.0.scripts.claim,
                &[&keys.claim, &keys.gone],
                arguments,
                Takes::Short,
            )
            .await?;
        match &*word(&answer)? {
            "owned" => Ok(Claimed::Owned {
                in_vain: second(&answer)?,
            }),
            "taken" => Ok(Claimed::Taken),
            "gone" => Ok(Claimed::Gone),
            other => Err(odd(other)),
        }
    }

    async fn stage(
        &self,
        room: RoomId,
        nonce: ClaimNonce,
        upto: u64,
        snapshot: &Bytes,
    ) -> Result<Written, StoreDown> {
        let keys = self.0.keys.room(room);
        let batch = LogBatch {
            number: upto,
            bytes: snapshot.clone(),
        };
        let (nonce, name) = (nonce.to_string(), format!("{upto}:{}", batch.hash()));
        let pieces = snapshot.chunks(PIECE_BYTES);
        let count = pieces.len();
        'tries: for _ in 0..STAGE_TRIES {
            for (index, piece) in snapshot.chunks(PIECE_BYTES).enumerate() {
                let arguments = (&nonce, index, millis(STAGED_LIFE), &name, piece);
                let staged: Vec<Value> = self
                    .run(
                        &self.0.scripts.piece,
                        &[&keys.claim, &keys.staged, &keys.gone],
                        arguments,
                        Takes::Long,
                    )
                    .await?;
                match written(&staged)? {
                    Some(Written::Done) => {}
                    Some(other) => return Ok(other),
                    None => continue 'tries,
                }
            }
            let all = [
                &*keys.claim,
                &*keys.staged,
                &*keys.snapshot,
                &*keys.journal,
                &*keys.gone,
            ];
            let arguments = (&nonce, upto, count, &name, millis(ROOM_LIFE));
            let committed: Vec<Value> = self
                .run(&self.0.scripts.commit, &all, arguments, Takes::Short)
                .await?;
            if let Some(written) = written(&committed)? {
                return Ok(written);
            }
        }
        Err(StoreDown("a snapshot can't be staged".to_owned()))
    }

    async fn end(&self, room: RoomId, nonce: ClaimNonce, aside: Duration) -> Result<Written, StoreDown> {
        let keys = self.0.keys.room(room);
        let all = [
            &*keys.claim,
            &*keys.journal,
            &*keys.snapshot,
            &*keys.staged,
            &*keys.journal_aside,
            &*keys.snapshot_aside,
        ];
        let arguments = (nonce.to_string(), millis(aside));
        let answer: Vec<Value> = self
            .run(&self.0.scripts.release, &all, arguments, Takes::Short)
            .await?;
        written(&answer)?.ok_or_else(|| odd("again"))
    }
}

impl ClusterStore for RedisStore {
    fn renew(&self, node: &NodeId, record: &NodeRecord, lease: Duration) -> Stored<'_, Renewed> {
        let (node, record) = (node.clone(), record.clone());
        Box::pin(async move {
            let key = self.0.keys.lease(&node);
            let text = serde_json::to_string(&record).map_err(|error| StoreDown(error.to_string()))?;
            let arguments = (record.incarnation.0, text, millis(lease));
            let renewed: String = self
                .run(&self.0.scripts.renew, &[&key], arguments, Takes::Short)
                .await?;
            let renewed = match &*renewed {
                "taken" => return Ok(Renewed::Taken),
                "kept" => Renewed::Kept,
                "made" => Renewed::Made,
                other => return Err(odd(other)),
            };
            // Each time: it may be lost alone.
            let nodes = self.0.keys.nodes();
            let () = self.command(redis::cmd("SADD").arg(nodes).arg(&node.0)).await?;
            let owned = self.0.keys.owned(&NodeProcess {
                node,
                incarnation: record.incarnation,
            });
            let () = self
                .command(redis::cmd("PEXPIRE").arg(owned).arg(millis(OWNED_LIFE)))
                .await?;
            Ok(renewed)
        })
    }

    fn resign(&self, process: &NodeProcess) -> Stored<'_, ()> {
        let process = process.clone();
        Box::pin(async move {
            let key = self.0.keys.lease(&process.node);
            let _: String = self
                .run(
                    &self.0.scripts.resign,
                    &[&key],
                    process.incarnation.0,
                    Takes::Short,
                )
                .await?;
            Ok(())
        })
    }

    fn living(&self) -> Stored<'_, Vec<(NodeId, NodeRecord)>> {
        Box::pin(async move {
            let leases = self.names().await?.into_iter().map(|name| self.lease_of(name));
            Ok(try_join_all(leases).await?.into_iter().flatten().collect())
        })
    }

    fn owners(&self) -> Stored<'_, Vec<NodeProcess>> {
        Box::pin(async move {
            let names: Vec<String> = self
                .command(redis::cmd("SMEMBERS").arg(self.0.keys.owners()))
                .await?;
            let process = |name: String| {
                let (incarnation, node) = name.split_once(':')?;
                Some(NodeProcess {
                    node: NodeId(node.to_owned()),
                    incarnation: Incarnation(incarnation.parse().ok()?),
                })
            };
            Ok(names.into_iter().filter_map(process).collect())
        })
    }

    fn owned(&self, process: &NodeProcess) -> Stored<'_, Vec<RoomId>> {
        let key = self.0.keys.owned(process);
        Box::pin(async move {
            let rooms: Vec<String> = self.command(redis::cmd("SMEMBERS").arg(key)).await?;
            let ids = rooms.iter().filter_map(|room| room.parse::<Uuid>().ok());
            Ok(ids.map(RoomId).collect())
        })
    }

    fn forget_owner(&self, process: &NodeProcess) -> Stored<'_, ()> {
        let process = process.clone();
        Box::pin(async move {
            let keys = &self.0.keys;
            let () = self
                .command(redis::cmd("SREM").arg(keys.owners()).arg(owner(&process)))
                .await?;
            self.command(redis::cmd("DEL").arg(keys.owned(&process))).await
        })
    }

    fn disown(&self, process: &NodeProcess, room: RoomId) -> Stored<'_, ()> {
        let key = self.0.keys.owned(process);
        Box::pin(async move {
            self.command(redis::cmd("SREM").arg(key).arg(room.to_string()))
                .await
        })
    }

    fn claim_of(&self, room: RoomId) -> Stored<'_, Option<Claim>> {
        Box::pin(async move {
            let key = self.0.keys.room(room).claim;
            let fields = ["nonce", "node", "incarnation", "replaced"];
            let known: Vec<Option<String>> = self.command(redis::cmd("HMGET").arg(key).arg(&fields)).await?;
            let [Some(nonce), Some(node), Some(incarnation), replaced] = &known[..] else {
                return Ok(None);
            };
            let unreadable = || StoreDown("a claim that can't be read".to_owned());
            Ok(Some(Claim {
                nonce: nonce.parse().map_err(|_| unreadable())?,
                owner: NodeProcess {
                    node: NodeId(node.clone()),
                    incarnation: Incarnation(incarnation.parse().map_err(|_| unreadable())?),
                },
                replaced: replaced.as_deref().and_then(|nonce| nonce.parse().ok()),
            }))
        })
    }

    fn claim(&self, room: RoomId, expected: Option<ClaimNonce>, mine: &Claim) -> Stored<'_, Claimed> {
        let mine = mine.clone();
        Box::pin(async move { self.make_claim(room, expected, &mine).await })
    }

    fn read(&self, room: RoomId) -> Stored<'_, StoredLog> {
        Box::pin(async move {
            let keys = self.0.keys.room(room);
            let all = [&*keys.claim, &*keys.journal, &*keys.snapshot];
            let read = self
                .run(&self.0.scripts.read, &all, &[] as &[&str], Takes::Long)
                .await?;
            let (last, pieces, batches): (u64, Vec<Vec<u8>>, Vec<Vec<u8>>) = read;
            Ok(StoredLog {
                snapshot: pieces.concat(),
                batches,
                last,
            })
        })
    }

    fn append(&self, room: RoomId, nonce: ClaimNonce, batch: &LogBatch) -> Stored<'_, Written> {
        let batch = batch.clone();
        Box::pin(async move {
            let keys = self.0.keys.room(room);
            let all = [&*keys.claim, &*keys.journal, &*keys.snapshot, &*keys.gone];
            let arguments = (
                nonce.to_string(),
                batch.number,
                batch.hash(),
                millis(ROOM_LIFE),
                &batch.bytes[..],
            );
            let answer: Vec<Value> = self
                .run(&self.0.scripts.append, &all, arguments, Takes::Short)
                .await?;
            written(&answer)?.ok_or_else(|| odd("again"))
        })
    }

    fn replace(&self, room: RoomId, nonce: ClaimNonce, upto: u64, snapshot: Bytes) -> Stored<'_, Written> {
        Box::pin(async move { self.stage(room, nonce, upto, &snapshot).await })
    }

    fn touch(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written> {
        Box::pin(async move {
            let keys = self.0.keys.room(room);
            let all = [&*keys.claim, &*keys.journal, &*keys.snapshot, &*keys.gone];
            let arguments = (nonce.to_string(), millis(ROOM_LIFE));
            let answer: Vec<Value> = self
                .run(&self.0.scripts.touch, &all, arguments, Takes::Short)
                .await?;
            written(&answer)?.ok_or_else(|| odd("again"))
        })
    }

    fn release(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written> {
        Box::pin(self.end(room, nonce, Duration::ZERO))
    }

    fn set_aside(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written> {
        Box::pin(self.end(room, nonce, ASIDE_LIFE))
    }

    fn delete(&self, room: RoomId) -> Stored<'_, ()> {
        Box::pin(async move {
            let keys = self.0.keys.room(room);
            let gone = redis::cmd("SET")
                .arg(&keys.gone)
                .arg(1)
                .arg("PX")
                .arg(millis(GONE_LIFE))
                .to_owned();
            let () = self.command(&gone).await?;
            let all = [&keys.claim, &keys.journal, &keys.snapshot, &keys.staged];
            self.command(redis::cmd("DEL").arg(&all[..])).await
        })
    }
}
