//! Is there one order of all messages that every receiver's sequence and every sender's numbering agree with?

use std::collections::{BTreeMap, HashMap};

use super::MessageId;

/// How many messages came after one that belongs behind them; 0 exactly when a common order exists. The sequences hold no
/// message twice, but may have holes.
pub fn violations(sequences: &[Vec<MessageId>]) -> u64 {
    let Some(reference) = sequences.iter().max_by_key(|sequence| sequence.len()) else {
        return 0;
    };
    let alike = sequences.iter().all(|sequence| sequence == reference);
    if (alike && keeps_senders_order(reference)) || common_order_exists(sequences) {
        return 0;
    }
    let ranks: HashMap<_, _> = reference.iter().zip(0_usize..).collect();
    let misplaced: u64 = sequences.iter().map(|sequence| misplaced(sequence, &ranks)).sum();
    // Sequences can contradict each other only in messages that the reference lacks.
    misplaced.max(1)
}

fn keeps_senders_order(sequence: &[MessageId]) -> bool {
    let mut newest = HashMap::new();
    sequence.iter().all(|message| {
        let before = newest.insert(message.sender, message.counter);
        before.is_none_or(|before| before < message.counter)
    })
}

/// Messages are the nodes, "directly before" in a sequence or in a sender's numbering the edges: an order exists unless
/// there is a cycle, that is, unless taking away nodes that nothing precedes gets stuck.
fn common_order_exists(sequences: &[Vec<MessageId>]) -> bool {
    let mut nodes: BTreeMap<MessageId, usize> =
        sequences.iter().flatten().map(|&message| (message, 0)).collect();
    for (index, node) in nodes.values_mut().enumerate() {
        *node = index;
    }
    let mut followers = vec![Vec::new(); nodes.len()];
    let mut predecessors = vec![0_u32; nodes.len()];
    let mut edge = |from: usize, to: usize| {
        followers[from].push(to);
        predecessors[to] += 1;
    };
    for sequence in sequences {
        for pair in sequence.windows(2) {
            edge(nodes[&pair[0]], nodes[&pair[1]]);
        }
    }
    // The map's order is by sender, then counter.
    for ((earlier, &from), (later, &to)) in nodes.iter().zip(nodes.iter().skip(1)) {
        if earlier.sender == later.sender {
            edge(from, to);
        }
    }
    let mut free: Vec<usize> = (0..nodes.len()).filter(|&node| predecessors[node] == 0).collect();
    let mut taken = 0;
    while let Some(node) = free.pop() {
        taken += 1;
        for &follower in &followers[node] {
            predecessors[follower] -= 1;
            if predecessors[follower] == 0 {
                free.push(follower);
            }
        }
    }
    taken == nodes.len()
}

fn misplaced(sequence: &[MessageId], ranks: &HashMap<&MessageId, usize>) -> u64 {
    let mut newest_of_sender = HashMap::new();
    let mut highest_rank = None;
    let mut count = 0;
    for message in sequence {
        let newest = newest_of_sender.entry(message.sender).or_insert(message.counter);
        let rank = ranks.get(message).copied();
        if message.counter < *newest || rank.is_some_and(|_| rank < highest_rank) {
            count += 1;
        }
        *newest = message.counter.max(*newest);
        highest_rank = highest_rank.max(rank);
    }
    count
}
