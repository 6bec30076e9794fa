//! A room that talks, first undisturbed, then while a moderator restricts and mutes everybody at a LiveKit that takes its time: do all
//! hear of it there, and does the room go on meanwhile?

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::{
    ScenarioError,
    entry::{Entry, Seat},
    listener::Load,
    participant_pool::{ParticipantPool, Stalling},
    prepare,
};
use crate::{
    api::Api,
    args::Args,
    client::{Participant, ReadBuffer},
    commands,
    figures::ratio,
    livekit::FakeLivekit,
    meetings::Meetings,
    process::Observer,
    report::{Errors, Findings},
};

pub async fn run(
    args: &Arc<Args>,
    api: &Arc<Api>,
    meetings: &Meetings,
    observer: Observer,
) -> Result<Findings, ScenarioError> {
    let livekit = FakeLivekit::serve(args.livekit, Duration::from_millis(args.livekit_delay));
    let livekit = livekit.await.map_err(ScenarioError::Livekit)?;
    let entry = || Entry::new(Arc::clone(args), Arc::clone(api));
    let rooms = prepare(args, meetings).await?;
    let seat = Seat::all(rooms.clone(), 1).into_iter().next();
    let mut pool = ParticipantPool::enter(entry()?, rooms, args.participants(), 0).await?;
    livekit.enter(pool.ids.clone());
    let load = Load::of(args);
    let alone = pool.flood(load, Stalling::Nobody, observer).await?;
    let mut errors = Errors::default();
    let moderator = match seat {
        // The owner once more, from another device.
        Some(seat) => match entry()?.enter_in_turn(&seat, ReadBuffer::Wide).await {
            Ok(entered) => Some(entered.participant),
            Err(error) => {
                errors.add(error.kind());
                None
            }
        },
        None => None,
    };
    let guests = pool.ids.get(1..).unwrap_or_default().to_vec();
    let moderating = moderate(moderator, livekit, guests, args.timeout, &mut errors);
    let (beside, mut figures) = tokio::join!(pool.flood(load, Stalling::Nobody, observer), moderating);
    let beside = beside?;
    figures.extend(ratio(beside.flow.p99_ms, alone.flow.p99_ms).map(|ratio| ("p99_ratio", ratio)));
    let mut audit = alone.audit;
    audit += beside.audit;
    let joins = pool.joins.clone();
    errors.merge(pool.leave().await);
    Ok(Findings {
        joins_attempted: args.participants_total(),
        joins,
        deliveries: crate::flow::Flow {
            count: audit.received,
            ..beside.flow.clone()
        },
        audit,
        flows: BTreeMap::from([
            ("undisturbed", alone.flow),
            ("while_all_are_moderated", beside.flow),
        ]),
        figures,
        server: beside.cost,
        errors,
        ..Findings::default()
    })
}

/// Restricts all guests, frees them again, and mutes them; each time until LiveKit was told of the last.
async fn moderate(
    moderator: Option<Participant>,
    livekit: FakeLivekit,
    guests: Vec<String>,
    time_limit: Duration,
    errors: &mut Errors,
) -> BTreeMap<&'static str, f64> {
    let mut figures = BTreeMap::new();
    let Some(mut moderator) = moderator else {
        return figures;
    };
    let orders = [
        ("restriction_secs", commands::RESTRICT_MICROPHONES.to_owned()),
        ("release_secs", commands::RELEASE_MICROPHONES.to_owned()),
        ("mute_secs", commands::force_mute(&guests).unwrap_or_default()),
    ];
    for (name, order) in orders {
        livekit.forget();
        let begin = Instant::now();
        let all = async {
            moderator.send(order).await?;
            let reading = async {
                loop {
                    moderator.text().await?;
                }
            };
            tokio::select! {
                () = livekit.reached(guests.len()) => Ok(()),
                broken = reading => broken,
            }
        };
        match timeout(time_limit, all).await {
            Ok(Ok(())) => {
                figures.insert(name, begin.elapsed().as_secs_f64());
            }
            Ok(Err::<(), crate::client::ClientError>(error)) => errors.add(error.kind()),
            Err(_) => errors.add("LiveKit was not told of all in time"),
        }
    }
    if let Err(error) = moderator.close().await {
        errors.add(error.kind());
    }
    figures
}
