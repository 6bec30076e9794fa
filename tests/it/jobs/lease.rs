//! One server runs a job at a time.

use std::time::Duration;

use chrono::TimeDelta;
use colloquy::{
    config,
    jobs::{self, Job, JobSchedule, RunError},
    store::job_leases::{self, Claim},
};
use futures_util::future::join_all;
use uuid::Uuid;

use super::{days_ago, ended, event, invite, now, room, rows, tools_at};
use crate::store::Store;

on_both_databases!(Store:
    runners_at_once_delete_everything_once,
    who_holds_the_lease_keeps_others_out_until_it_runs_out,
    a_schedule_runs_a_job_when_it_is_due_and_once_for_all_servers,
);

async fn runners_at_once_delete_everything_once(store: &Store) {
    let ada = store.user("ada").await;
    let room = room(store, &ada, now()).await;
    for _ in 0..60 {
        invite(store, room, &ada, Some(days_ago(99))).await;
    }
    let tools = tools_at(store, now());
    let defaults = Job::InviteCleanup.defaults();
    let runs = join_all((0..8).map(|_| jobs::run(&tools, Job::InviteCleanup, defaults, false))).await;
    let (mut deleted, mut ended) = (0, 0);
    for run in runs {
        match run {
            Ok(report) => {
                assert_eq!(report.kept, 0);
                (deleted, ended) = (deleted + report.deleted, ended + 1);
            }
            Err(error) => assert!(matches!(error, RunError::Running), "{error}"),
        }
    }
    assert_eq!(deleted, 60);
    assert!(ended >= 1);
    assert_eq!(rows(store).await[2], 0);
}

async fn who_holds_the_lease_keeps_others_out_until_it_runs_out(store: &Store) {
    let ada = store.user("ada").await;
    event(store, &ada, ended(days_ago(999))).await;
    let other = Claim {
        job: Job::EventCleanup.name(),
        holder: Uuid::new_v4(),
    };
    let lease = Duration::from_mins(5);
    assert!(
        job_leases::take(&store.db, other, now(), lease, now())
            .await
            .expect("a query")
    );
    let defaults = Job::EventCleanup.defaults();
    for seconds in [0, 299] {
        let tools = tools_at(store, now() + TimeDelta::seconds(seconds));
        let refused = jobs::run(&tools, Job::EventCleanup, defaults, false).await;
        assert!(matches!(refused, Err(RunError::Running)), "{refused:?}");
        // Looking needs no lease, other jobs have their own.
        assert_eq!(
            jobs::run(&tools, Job::EventCleanup, defaults, true)
                .await
                .expect("a run")
                .deleted,
            1
        );
        let another = Job::InviteCleanup;
        jobs::run(&tools, another, another.defaults(), false)
            .await
            .expect("a run");
    }
    let later = now() + TimeDelta::seconds(300);
    let report = jobs::run(&tools_at(store, later), Job::EventCleanup, defaults, false).await;
    assert_eq!(report.expect("a run").deleted, 1);
    // Whoever comes back finds the lease gone.
    assert!(
        !job_leases::renew(&store.db, other, later, lease)
            .await
            .expect("a query")
    );
}

async fn a_schedule_runs_a_job_when_it_is_due_and_once_for_all_servers(store: &Store) {
    let ada = store.user("ada").await;
    let settings = config::Jobs {
        schedule: vec![config::ScheduledJob {
            job: "event_cleanup".to_owned(),
            every_hours: 6,
            parameters: r#"{"days":10}"#.to_owned(),
        }],
    };
    let look = async |hours: i64| {
        let schedules = [0, 1].map(|_| {
            let tools = tools_at(store, now() + TimeDelta::hours(hours));
            JobSchedule::new(tools, &settings)
        });
        join_all(schedules.iter().map(JobSchedule::look)).await;
        rows(store).await[0]
    };
    event(store, &ada, ended(days_ago(11))).await;
    event(store, &ada, ended(days_ago(9))).await;
    assert_eq!(look(0).await, 1);
    event(store, &ada, ended(days_ago(11))).await;
    assert_eq!(look(5).await, 2, "not due yet");
    assert_eq!(look(6).await, 1);
    event(store, &ada, ended(days_ago(11))).await;
    assert_eq!(look(11).await, 2);
    assert_eq!(look(12).await, 1);
}
