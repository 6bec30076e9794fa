use proptest::{prelude::*, sample::Index};

use super::*;

fn id(sender: u32, counter: u32) -> MessageId {
    MessageId { sender, counter }
}

fn audit(sent: &[u32], received: &[&[(u32, u32)]]) -> Audit {
    let mut ledger = RoomLedger::default();
    for (&count, sender) in sent.iter().zip(0..) {
        ledger.sent(sender, count);
    }
    for messages in received {
        ledger.received(
            messages
                .iter()
                .map(|&(sender, counter)| id(sender, counter))
                .collect(),
        );
    }
    ledger.audit()
}

#[test]
fn an_empty_room_is_in_order() {
    assert_eq!(audit(&[], &[]), Audit::default());
    assert_eq!(audit(&[0, 0], &[&[], &[]]), Audit::default());
}

#[test]
fn the_senders_may_be_interleaved_in_any_one_way() {
    let order: &[_] = &[(1, 0), (0, 0), (0, 1), (1, 1)];
    let expected = Audit {
        expected: 8,
        received: 8,
        ..Audit::default()
    };
    assert_eq!(audit(&[2, 2], &[order, order]), expected);
}

#[test]
fn what_nobody_sent_is_unexpected() {
    let found = audit(&[1], &[&[(0, 0), (0, 1), (7, 0)]]);
    assert_eq!((found.unexpected, found.lost, found.out_of_order), (2, 0, 0));
}

#[test]
fn a_senders_messages_swapped_for_everybody_are_out_of_order() {
    let swapped: &[_] = &[(0, 1), (0, 0)];
    assert_eq!(audit(&[2], &[swapped, swapped]).out_of_order, 2);
}

#[test]
fn two_receivers_with_different_orders_are_out_of_order() {
    let found = audit(&[1, 1], &[&[(0, 0), (1, 0)], &[(1, 0), (0, 0)]]);
    assert_eq!(found.out_of_order, 1);
}

#[test]
fn holes_alone_are_no_disorder() {
    let found = audit(
        &[1, 1, 1],
        &[&[(0, 0), (2, 0)], &[(1, 0), (2, 0)], &[(0, 0), (1, 0)]],
    );
    assert_eq!((found.lost, found.out_of_order), (3, 0));
}

#[test]
fn contradictions_around_holes_are_found() {
    // a before b, b before c, c before a: no two receivers disagree about a pair that both have.
    let found = audit(
        &[1, 1, 1],
        &[&[(0, 0), (1, 0)], &[(1, 0), (2, 0)], &[(2, 0), (0, 0)]],
    );
    assert!(found.out_of_order >= 1);
}

/// Some senders' counts and one interleaving of their messages.
fn conversation() -> impl Strategy<Value = (Vec<u32>, Vec<MessageId>)> {
    prop::collection::vec(0_u32..6, 2..20).prop_map(|senders| {
        let mut sent = vec![0; 6];
        let messages = senders.into_iter().map(|sender| {
            let counter = sent[sender as usize];
            sent[sender as usize] += 1;
            id(sender, counter)
        });
        let messages = messages.collect();
        (sent, messages)
    })
}

fn ledger_of(sent: &[u32], sequences: Vec<Vec<MessageId>>) -> RoomLedger {
    RoomLedger {
        sent: sent.to_vec(),
        received: sequences,
    }
}

proptest! {
    #[test]
    fn everything_in_one_order_passes((sent, order) in conversation(), receivers in 1_usize..5) {
        let deliveries = (order.len() * receivers) as u64;
        let found = ledger_of(&sent, vec![order; receivers]).audit();
        prop_assert_eq!(found, Audit { expected: deliveries, received: deliveries, ..Audit::default() });
    }

    #[test]
    fn losses_are_counted_and_are_no_disorder(
        (sent, order) in conversation(),
        dropped in prop::collection::vec(prop::collection::vec(any::<Index>(), 0..5), 1..5),
    ) {
        let mut lost = 0;
        let sequences = dropped.iter().map(|drops| {
            let gone: HashSet<_> = drops.iter().map(|drop| *drop.get(&order)).collect();
            lost += gone.len() as u64;
            order.iter().copied().filter(|message| !gone.contains(message)).collect()
        });
        let sequences = sequences.collect();
        let found = ledger_of(&sent, sequences).audit();
        prop_assert_eq!((found.lost, found.duplicated, found.out_of_order, found.unexpected), (lost, 0, 0, 0));
    }

    #[test]
    fn repetitions_are_counted_wherever_they_come(
        (sent, order) in conversation(),
        repeated: Index,
        place: Index,
        receivers in 1_usize..4,
    ) {
        let mut with_repetition = order.clone();
        let message = *repeated.get(&order);
        with_repetition.insert(place.index(order.len() + 1), message);
        let mut sequences = vec![order.clone(); receivers];
        sequences.push(with_repetition);
        let found = ledger_of(&sent, sequences).audit();
        prop_assert_eq!((found.lost, found.duplicated), (0, 1));
    }

    #[test]
    fn a_swap_at_one_receiver_is_found((sent, order) in conversation(), place: Index, receivers in 1_usize..4) {
        let mut swapped = order.clone();
        let place = place.index(order.len() - 1);
        swapped.swap(place, place + 1);
        let mut sequences = vec![order; receivers];
        sequences.push(swapped);
        let found = ledger_of(&sent, sequences).audit();
        prop_assert!(found.out_of_order >= 1);
        prop_assert_eq!((found.lost, found.duplicated, found.unexpected), (0, 0, 0));
    }
}
