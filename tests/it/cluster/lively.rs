//! Rooms in which people at several nodes write, and what each of them has seen.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use crate::support::{meeting::Meeting, nodes::Nodes, participant::Participant};

/// Between two messages of one writer.
const PACE: Duration = Duration::from_millis(20);

/// How long everybody gets to have seen everything.
const SEEN_DEADLINE: Duration = Duration::from_secs(40);

/// A participant at one node that writes and listens by itself.
struct Writer {
    person: Participant,
    name: String,
    /// Messages it has got back, in the order in which they came, with their numbers.
    seen: Vec<(u64, String)>,
    sent: usize,
    got_back: usize,
    last_at: Instant,
    longest_silence: Duration,
}

impl Writer {
    fn take(&mut self, frame: &Value) {
        if frame["payload"]["message"] != "message_sent" {
            return;
        }
        let seq = frame["seq"].as_u64().expect("a number");
        let content = frame["payload"]["content"].as_str().expect("a text").to_owned();
        if frame["payload"]["source"] == *self.person.id {
            self.got_back += 1;
            self.longest_silence = self.longest_silence.max(self.last_at.elapsed());
            self.last_at = Instant::now();
        }
        self.seen.push((seq, content));
    }

    /// Writes so many messages, one after the other, each when the one before has come back.
    async fn write(&mut self, count: usize) {
        for _ in 0..count {
            let content = format!("{} {}", self.name, self.sent);
            let payload = json!({"action": "send_message", "content": content, "scope": "global"});
            assert!(
                self.person.try_send("chat", payload).await,
                "{}: the socket has ended",
                self.name
            );
            self.sent += 1;
            while self.got_back < self.sent {
                let frame = self.person.try_next().await;
                let frame = frame
                    .unwrap_or_else(|| panic!("{}: closed with {:?}", self.name, self.person.closed_with()));
                self.take(&frame);
            }
            sleep(PACE).await;
        }
    }

    async fn listen_until(&mut self, total: usize) {
        let deadline = Instant::now() + SEEN_DEADLINE;
        while self.seen.len() < total {
            assert!(
                Instant::now() < deadline,
                "{} has seen {} of {total}",
                self.name,
                self.seen.len()
            );
            let frame = self.person.try_next().await;
            let frame =
                frame.unwrap_or_else(|| panic!("{}: closed with {:?}", self.name, self.person.closed_with()));
            self.take(&frame);
        }
    }
}

/// What came of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub lost: usize,
    pub doubled: usize,
    pub reordered: usize,
    /// The longest time for which a writer waited for its own message.
    pub silence: Duration,
}

/// A room whose people are at these nodes, none at its owner's.
pub struct Lively {
    writers: Vec<Writer>,
}

impl Lively {
    /// The room is begun at node `owner`, its people sit at the nodes `at`.
    pub async fn begin(nodes: &Nodes, owner: usize, at: &[usize]) -> Self {
        let meeting = Meeting::create(&nodes.all[owner], json!({"waiting_room": false})).await;
        // Who asks first makes that node the owner.
        meeting.started(json!({})).await.expect(200);
        let mut writers = Vec::new();
        for (index, node) in at.iter().enumerate() {
            let mut person = meeting.at(&nodes.all[*node]).guest().await;
            let name = format!("guest {index} of {}", &meeting.room[..8]);
            person.join(&name).await;
            writers.push(Writer {
                person,
                name,
                seen: Vec::new(),
                sent: 0,
                got_back: 0,
                last_at: Instant::now(),
                longest_silence: Duration::ZERO,
            });
        }
        Self { writers }
    }

    /// Everybody writes so many messages.
    pub async fn write(mut self, count: usize) -> Self {
        let mut tasks = Vec::new();
        for mut writer in self.writers.drain(..) {
            writer.last_at = Instant::now();
            tasks.push(tokio::spawn(async move {
                writer.write(count).await;
                writer
            }));
        }
        for task in tasks {
            self.writers.push(task.await.expect("a writer"));
        }
        self
    }

    /// Compares what all have seen.
    pub async fn account(&mut self) -> Account {
        let total = self.writers.iter().map(|writer| writer.sent).sum();
        for writer in &mut self.writers {
            writer.listen_until(total).await;
        }
        let mut account = Account::default();
        let mut places: BTreeMap<String, u64> = BTreeMap::new();
        for writer in &self.writers {
            let mut times: BTreeMap<&str, usize> = BTreeMap::new();
            for (seq, content) in &writer.seen {
                *times.entry(content).or_default() += 1;
                // One order for all: a message has the same number everywhere.
                let place = *places.entry(content.clone()).or_insert(*seq);
                account.reordered += usize::from(place != *seq);
            }
            account.doubled += times.values().filter(|times| **times > 1).count();
            account.lost += total - times.len();
            account.reordered += writer
                .seen
                .windows(2)
                .filter(|pair| pair[0].0 >= pair[1].0)
                .count();
            account.silence = account.silence.max(writer.longest_silence);
        }
        account
    }
}

/// Nothing was lost, doubled or reordered; prints how long rooms were silent.
pub async fn assert_whole(what: &str, rooms: &mut [Lively]) {
    let mut silences = Vec::new();
    let mut sum = Account::default();
    for room in rooms {
        let account = room.account().await;
        silences.push(account.silence);
        sum.lost += account.lost;
        sum.doubled += account.doubled;
        sum.reordered += account.reordered;
    }
    silences.sort_unstable();
    let longest = silences.last().copied().unwrap_or_default();
    println!(
        "{what}: lost {}, doubled {}, reordered {}, silence p50 {:?}, max {longest:?}",
        sum.lost,
        sum.doubled,
        sum.reordered,
        silences[silences.len() / 2]
    );
    assert_eq!((sum.lost, sum.doubled, sum.reordered), (0, 0, 0), "{what}");
}
