use std::sync::Arc;

use super::*;
use crate::{
    config::Quotas,
    mail::{Meeting, Receiver},
};
use colloquy_calendar::{
    ics::{Entry, Participation},
    recurrence::Recurrence,
};

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

fn mail(kind: Kind, instance: Option<i64>) -> Mail {
    Mail {
        kind,
        receiver: Receiver::External {
            email: "bob@example.org".to_owned(),
            invite_code: None,
        },
        event: Arc::new(Entry {
            id: Uuid::from_u128(1),
            revision: 1,
            created_at: at(0),
            updated_at: at(0),
            title: "Planning".to_owned(),
            description: String::new(),
            details: String::new(),
            span: None,
            recurrence: Recurrence::default(),
            exceptions: Vec::new(),
            is_cancelled: false,
            organizer: None,
            attendees: Vec::new(),
            url: None,
        }),
        answer: Participation::Pending,
        whole: None,
        invite: None,
        instance: instance.map(at),
        has_lost_times: false,
        meeting: Meeting {
            room: Uuid::from_u128(2),
            password: None,
            call_in: None,
        },
    }
}

fn waiting(id: u128, purpose: Purpose, instance: Option<i64>, is_tried: bool) -> Waiting {
    Waiting {
        id: Uuid::from_u128(id),
        receiver: AddressHash::of("bob@example.org"),
        purpose,
        instance: instance.map(at),
        has_lost_times: false,
        is_tried,
        slot_at: at(100 + i64::try_from(id).unwrap()),
    }
}

type Queued = (Kind, Option<i64>, Option<i64>);

/// What becomes of a mail: the kind and occurrence of each that is queued, with its time unless it must find one, and the
/// ids of those withdrawn.
fn planned(mail: Mail, waiting: Vec<Waiting>) -> (Vec<Queued>, Vec<u128>) {
    let mut plan = Plan::default();
    plan.add(mail, waiting);
    let minute = |time: DateTime<Utc>| time.timestamp() / 60;
    let settled = plan
        .settled
        .iter()
        .map(|one| (&one.mail, Some(minute(one.slot_at))));
    let new = plan.new.iter().map(|one| (&one.mail, None));
    let told = settled.chain(new);
    let told = told
        .map(|(mail, slot)| (mail.kind, mail.instance.map(minute), slot))
        .collect();
    let replaced = plan.new.iter().flat_map(|new| &new.replaces);
    let withdrawn = plan.withdrawn.iter().chain(replaced);
    (told, withdrawn.map(Uuid::as_u128).collect())
}

#[test]
fn what_nobody_waits_for_finds_a_time() {
    assert_eq!(
        planned(mail(Kind::Update, None), vec![]),
        (vec![(Kind::Update, None, None)], vec![])
    );
}

#[test]
fn a_newer_change_replaces_older_ones_and_keeps_their_time() {
    let older = vec![
        waiting(1, Purpose::Change, None, false),
        waiting(2, Purpose::Change, None, true),
    ];
    assert_eq!(
        planned(mail(Kind::Update, None), older),
        (vec![(Kind::Update, None, Some(101))], vec![1, 2])
    );
    // One that may be on its way keeps no place.
    let tried = vec![waiting(2, Purpose::Change, None, true)];
    assert_eq!(
        planned(mail(Kind::Update, None), tried),
        (vec![(Kind::Update, None, None)], vec![2])
    );
}

#[test]
fn changes_of_several_occurrences_become_one_of_the_event() {
    let same = vec![waiting(1, Purpose::Change, Some(7), false)];
    assert_eq!(
        planned(mail(Kind::Update, Some(7)), same.clone()),
        (vec![(Kind::Update, Some(7), Some(101))], vec![1])
    );
    for instance in [Some(8), None] {
        assert_eq!(
            planned(mail(Kind::Update, instance), same.clone()),
            (vec![(Kind::Update, None, Some(101))], vec![1])
        );
    }
}

#[test]
fn a_cancelled_occurrence_is_told_by_itself() {
    let older = vec![
        waiting(1, Purpose::Change, Some(7), false),
        waiting(2, Purpose::Change, Some(8), false),
        waiting(3, Purpose::Change, None, false),
    ];
    // What waits about the event tells the new state; what waits about another occurrence is as true as before.
    assert_eq!(
        planned(mail(Kind::Cancel, Some(7)), older),
        (
            vec![(Kind::Update, None, Some(103)), (Kind::Cancel, Some(7), None)],
            vec![3, 1]
        )
    );
}

#[test]
fn an_invitation_that_waits_tells_the_newest_state() {
    let older = vec![
        waiting(1, Purpose::Invite, None, false),
        waiting(2, Purpose::Change, None, false),
    ];
    for news in [mail(Kind::Update, None), mail(Kind::Cancel, Some(7))] {
        assert_eq!(
            planned(news, older.clone()),
            (vec![(Kind::Invite, None, Some(101))], vec![1, 2])
        );
    }
    // It may have gone out: the change is told beside it.
    let tried = vec![waiting(1, Purpose::Invite, None, true)];
    assert_eq!(
        planned(mail(Kind::Update, None), tried),
        (vec![(Kind::Update, None, None)], vec![])
    );
}

#[test]
fn times_that_were_lost_are_not_forgotten() {
    let mut older = waiting(1, Purpose::Change, None, false);
    older.has_lost_times = true;
    let mut plan = Plan::default();
    plan.add(mail(Kind::Update, None), vec![older]);
    assert!(plan.settled[0].mail.has_lost_times);
}

#[test]
fn a_day_s_rest_goes_to_the_first_and_to_what_is_counted_already() {
    let new = |is_paid| New {
        mail: mail(Kind::Update, None),
        is_paid,
        replaces: Vec::new(),
    };
    let mut plan = Plan {
        new: vec![new(false), new(true), new(false), new(true), new(false)],
        ..Plan::default()
    };
    plan.keep_unpaid(2);
    let kept: Vec<_> = plan.new.iter().map(|new| new.is_paid).collect();
    assert_eq!(kept, [false, true, false, true]);
}

fn cause(mails_per_address_per_hour: u64, minute: i64) -> Cause {
    Cause {
        by: Uuid::from_u128(3),
        limits: Limits::new(
            std::collections::BTreeMap::default(),
            Quotas {
                mails_per_address_per_hour,
                ..Quotas::NONE
            },
        ),
        at: at(minute),
    }
}

/// The minute at which an invitation goes, or nothing where it would wait for too long. `taken` has minutes, and whether the
/// mails then are of the same sender.
fn slot(cause: &Cause, kind: Kind, taken: &[(i64, bool)]) -> Option<i64> {
    let new = New {
        mail: mail(kind, None),
        is_paid: true,
        replaces: Vec::new(),
    };
    let slots = taken.iter().map(|&(minute, is_own)| Slot {
        at: at(minute),
        by: is_own.then_some(cause.by),
    });
    let slots = HashMap::from([(AddressHash::of("bob@example.org"), slots.collect())]);
    let timed = timed(vec![new], &[], slots, cause);
    timed.first().map(|queued| queued.slot_at.timestamp() / 60)
}

#[test]
fn no_hour_has_more_than_its_limit() {
    let next = |limit, taken: &[i64], kind| {
        let taken: Vec<_> = taken.iter().map(|&minute| (minute, false)).collect();
        slot(&cause(limit, 50), kind, &taken).expect("soon")
    };
    assert_eq!(next(3, &[], Kind::Invite), 50);
    assert_eq!(next(3, &[20, 10], Kind::Invite), 50);
    assert_eq!(next(3, &[30, 10, 20], Kind::Invite), 70);
    assert_eq!(next(3, &[30, 20, 90, 80, 70], Kind::Invite), 130);
    assert_eq!(next(3, &[30, 10, 20], Kind::Cancel), 50);
    assert_eq!(next(3, &[10, 20, 30, 40, 45, 49], Kind::Cancel), 70);
    assert_eq!(next(0, &[49; 100], Kind::Invite), 50, "no limit");
    // Between what goes now and what goes late there is room.
    assert_eq!(next(2, &[50, 50, 200, 200], Kind::Invite), 110);
    assert_eq!(next(1, &[50, 169], Kind::Invite), 229);
}

#[test]
fn later_hours_are_not_one_sender_s_alone() {
    let next = |taken: &[(i64, bool)]| slot(&cause(4, 50), Kind::Invite, taken);
    // What may go at once goes.
    assert_eq!(next(&[(50, true); 3]), Some(50));
    let full = [(50, true), (50, true), (50, true), (50, true)];
    assert_eq!(next(&full), Some(110));
    let half = [full.as_slice(), &[(110, true), (110, true)]].concat();
    assert_eq!(next(&half), Some(170));
    let of_others = [full.as_slice(), &[(110, false), (110, false)]].concat();
    assert_eq!(next(&of_others), Some(110));
    let most_of_others = [full.as_slice(), &[(110, false), (110, false), (110, true)]].concat();
    assert_eq!(next(&most_of_others), Some(110));
    // Where an hour has one mail only, it may be anybody's.
    assert_eq!(slot(&cause(1, 50), Kind::Invite, &[(50, true)]), Some(110));
}

#[test]
fn nothing_waits_for_longer_than_a_day() {
    let next = |hours: i64| {
        let taken: Vec<_> = (0..hours).map(|hour| (hour * 60, false)).collect();
        slot(&cause(1, 0), Kind::Invite, &taken)
    };
    assert_eq!(next(24), Some(24 * 60));
    assert_eq!(next(25), None);
}
