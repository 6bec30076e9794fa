//! What invitees are told of events, and who of them.

use colloquy::store::{
    event_invites,
    events::{
        Exception, InviteRole, InviteStatus, Status,
        exceptions::{self, Difference},
    },
};
use colloquy_calendar::recurrence::Recurrence;
use uuid::Uuid;

use super::{
    Store, at,
    events::{editor, hour},
};

on_both_databases!(Store: mails_about_series_are_bounded, whoever_moved_to_another_tenant_hears_nothing);

/// A mail is kept once for each of a thousand receivers.
async fn mails_about_series_are_bounded(store: &Store) {
    let ada = store.user("ada").await;
    let event = store
        .event(&ada, |new| {
            new.times = Some(hour(0));
            new.recurrence = Recurrence::parse(&["RRULE:FREQ=DAILY".to_owned()]).expect("a pattern");
        })
        .await;
    let (id, editor) = (event.id, editor(&ada, 1));
    let put = store.db.transaction(move |tx| {
        Box::pin(async move {
            for day in 0..300 {
                let is_cancelled = day % 3 == 0;
                let difference = Difference {
                    description: (!is_cancelled).then(|| "x".repeat(1_000)),
                    status: if is_cancelled {
                        Status::Cancelled
                    } else {
                        Status::Ok
                    },
                    ..Difference::default()
                };
                exceptions::put(tx, id, at(day * 86_400), &difference, editor).await?;
            }
            exceptions::of_event(tx, id).await
        })
    });
    let exceptions: Vec<Exception> = put.await.expect("exceptions");
    let now = at(30 * 86_400);
    let told = colloquy::events::entry_of_mail(&event, &exceptions, None, now).exceptions;
    let cancelled = told.iter().filter(|one| one.is_cancelled).count();
    assert_eq!((cancelled, told.len()), (100, 132), "32 KiB of texts");
    let first = told.iter().find(|one| !one.is_cancelled).expect("an occurrence");
    assert!(
        first.original_starts_at >= now,
        "those to come before those that are over"
    );
    let one = colloquy::events::entry_of_mail(&event, &exceptions, Some(at(86_400)), now).exceptions;
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].original_starts_at, at(86_400));
}

async fn whoever_moved_to_another_tenant_hears_nothing(store: &Store) {
    let (ada, bob, carol) = (
        store.user("ada").await,
        store.user("bob").await,
        store.user("carol").await,
    );
    let event = store.event(&ada, |new| new.times = Some(hour(3_600))).await;
    for invited in [&bob, &carol] {
        store
            .invite(&event, invited, InviteRole::User, InviteStatus::Pending)
            .await;
    }
    let tenant = store.literal(Uuid::new_v4());
    store
        .execute(&format!(
            "INSERT INTO tenants (id, external_id, created_at) SELECT {tenant}, 'other', created_at FROM tenants LIMIT 1"
        ))
        .await;
    let user = store.literal(bob.profile.id);
    store
        .execute(&format!(
            "UPDATE users SET tenant_id = {tenant} WHERE id = {user}"
        ))
        .await;
    let id = event.id;
    let receivers = store
        .db
        .transaction(move |tx| Box::pin(event_invites::receivers(tx, id)));
    let receivers = receivers.await.expect("a query");
    let emails: Vec<_> = receivers
        .iter()
        .map(|addressee| addressee.receiver.email().to_owned())
        .collect();
    assert_eq!(emails, std::slice::from_ref(&carol.profile.email));
    for (user, number) in [(&bob, 0), (&carol, 1)] {
        let pending = event_invites::pending(&store.db, user.profile.id, at(0)).await;
        assert_eq!(pending.expect("a query"), number);
    }
}
