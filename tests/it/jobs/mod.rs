//! Maintenance jobs, in this process and by the command line.

mod cleanup;
mod command;
mod folders;
mod lease;
mod order;
mod scheduled;

use chrono::{DateTime, TimeDelta, Utc};
use colloquy::{
    assets::{Assets, Objects},
    clock::Clock,
    config::{self, Outgoing, Quotas},
    deletion::{Deleter, Meetings},
    jobs::{self, Job, Report, Tools},
    shared_folders::SharedFolders,
    store::{
        events::{self, NewEvent, Times, ZonedTime},
        guest_access::GuestAccess,
        invites::{self, NewInvite},
        rooms::{self, NewRoom},
        users::User,
    },
};
use colloquy_calendar::recurrence::Recurrence;
use serde_json::Value;
use uuid::Uuid;

use crate::store::{Store, at};

/// Now, in all of these tests.
pub fn now() -> DateTime<Utc> {
    at(0)
}

pub fn days_ago(days: i64) -> DateTime<Utc> {
    now() - TimeDelta::days(days)
}

pub fn tools_at(store: &Store, now: DateTime<Utc>) -> Tools {
    tools_with(store, now, &config::SharedFolderSettings::default())
}

/// The same with a storage provider.
pub fn tools_with(store: &Store, now: DateTime<Utc>, folders: &config::SharedFolderSettings) -> Tools {
    let clock = Clock::from_fn(move || now);
    let deleter = Deleter {
        db: store.db.clone(),
        clock: clock.clone(),
        meetings: Meetings::Unknown,
        assets: assets(store),
        shared_folders: SharedFolders::new(&Outgoing::default(), folders).expect("a client"),
    };
    Tools {
        db: store.db.clone(),
        clock,
        assets: assets(store),
        deleter,
        ended_logins_kept: TimeDelta::days(1),
    }
}

/// The asset store beside the database.
pub fn assets(store: &Store) -> Assets {
    let settings = config::AssetSettings::default();
    let objects =
        Objects::open_beside(&Outgoing::default(), &settings, store.folder.path()).expect("a store");
    Assets::new(store.db.clone(), objects, &settings)
}

/// Looks what the job would do, which must change nothing, then does it: it must be the same.
pub async fn run(store: &Store, job: Job, parameters: &Value) -> Report {
    let parameters = job.parameters(&parameters.to_string()).expect("parameters");
    let tools = tools_at(store, now());
    let before = rows(store).await;
    let planned = jobs::run(&tools, job, parameters, true).await.expect("a dry run");
    assert_eq!(rows(store).await, before, "a dry run changes nothing");
    let done = jobs::run(&tools, job, parameters, false).await.expect("a run");
    assert_eq!((planned.dry_run, done.dry_run), (true, false));
    assert_eq!(
        (planned.deleted, &planned.examples),
        (done.deleted, &done.examples),
        "what is said is done"
    );
    let again = jobs::run(&tools, job, parameters, false).await.expect("a run");
    assert_eq!(again.deleted, 0, "nothing is left to do");
    done
}

/// Numbers of rows of what jobs touch.
pub async fn rows(store: &Store) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in [
        "events",
        "rooms",
        "invites",
        "users",
        "outbox",
        "event_invites",
        "job_leases",
        "usage_counters",
        "void_sessions",
        "merged_users",
        "vote_minutes",
    ] {
        counts.push(store.number(&format!("SELECT count(*) FROM {table}")).await);
    }
    counts
}

pub async fn room(store: &Store, owner: &User, created_at: DateTime<Utc>) -> Uuid {
    let new = NewRoom {
        id: Uuid::new_v4(),
        tenant_id: owner.tenant_id,
        created_by: owner.profile.id,
        created_at,
        password: None,
        waiting_room: false,
        guest_access: GuestAccess::default(),
        e2e_encryption: false,
        sip: true,
    };
    rooms::create(&store.db, new, Quotas::NONE)
        .await
        .expect("a room")
        .id
}

pub async fn invite(store: &Store, room: Uuid, creator: &User, expiration: Option<DateTime<Utc>>) -> Uuid {
    let new = NewInvite {
        code: Uuid::new_v4(),
        room_id: room,
        created_by: creator.profile.id,
        created_at: days_ago(100),
        expiration,
    };
    let created = invites::create(&store.db, new, Quotas::NONE)
        .await
        .expect("a query");
    created.expect("an invite").code
}

/// What differs between the events of these tests.
pub struct Plan {
    pub created_at: DateTime<Utc>,
    pub ends_at: Option<DateTime<Utc>>,
    pub is_adhoc: bool,
    /// `Some`: a series that ends then, or never.
    #[expect(clippy::option_option, reason = "no series, one without end, one with an end")]
    pub series: Option<Option<DateTime<Utc>>>,
}

/// An event that was planned long ago and ended then.
pub fn ended(ends_at: DateTime<Utc>) -> Plan {
    Plan {
        created_at: days_ago(200),
        ends_at: Some(ends_at),
        is_adhoc: false,
        series: None,
    }
}

pub async fn event(store: &Store, owner: &User, plan: Plan) -> Uuid {
    let room_id = room(store, owner, plan.created_at).await;
    let id = Uuid::new_v4();
    let zoned = |at| ZonedTime {
        at,
        zone: "Europe/Berlin".parse().expect("a zone"),
    };
    let new = NewEvent {
        id,
        tenant_id: owner.tenant_id,
        room_id,
        created_by: owner.profile.id,
        created_at: plan.created_at,
        title: "Planning".to_owned(),
        description: String::new(),
        is_adhoc: plan.is_adhoc,
        times: plan.ends_at.map(|ends_at| Times {
            is_all_day: false,
            starts_at: zoned(ends_at - TimeDelta::hours(1)),
            ends_at: zoned(ends_at),
            skipped_start: None,
        }),
        recurrence: match plan.series {
            Some(_) => Recurrence::parse(&["RRULE:FREQ=DAILY"]).expect("a pattern"),
            None => Recurrence::default(),
        },
        series_ends_at: plan.series.unwrap_or(plan.ends_at),
        show_meeting_details: false,
        training_report: None,
    };
    let inserted = store
        .db
        .transaction(move |tx| Box::pin(async move { events::insert(tx, &new).await }));
    inserted.await.expect("an event");
    id
}
