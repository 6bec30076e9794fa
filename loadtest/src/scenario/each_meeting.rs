//! Scenarios whose meetings have nothing to do with one another.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::try_join_all;
use tokio::task::JoinError;

use super::entry::{Entry, Seat};
use crate::meetings::Meeting;

/// Holds all meetings at once, each in a task of its own; what came of each, in the order of the rooms.
pub async fn hold<A, F>(
    entry: Entry,
    rooms: Vec<Meeting>,
    meet: impl Fn(Arc<Entry>, Vec<Seat>) -> F,
) -> Result<Vec<A>, JoinError>
where
    A: Send + 'static,
    F: Future<Output = A> + Send + 'static,
{
    let entry = Arc::new(entry);
    let mut seats: BTreeMap<usize, Vec<Seat>> = BTreeMap::new();
    for seat in Seat::all(rooms, entry.args.participants()) {
        seats.entry(seat.room).or_default().push(seat);
    }
    let meetings = seats
        .into_values()
        .map(|seats| tokio::spawn(meet(Arc::clone(&entry), seats)));
    try_join_all(meetings).await
}
