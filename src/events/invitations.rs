//! Inviting to events and taking that back, with the mails that tell of it: each in one transaction.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use colloquy_calendar::ics::Participation;
use uuid::Uuid;

use crate::{
    events::{Notifier, entry_of_mail, meeting},
    mail::{self, Kind, Mail, Told},
    store::{
        Db, StoreError, Tx,
        event_invites::{self, Invited, NewEventInvite, Receiver, Whom, Withdrawn},
        events::{self, exceptions},
        usage::QuotaError,
    },
};

/// Invites somebody, and queues the mail that says so. Whoever gets too many mails already is invited and not told.
pub async fn invite(db: &Db, new: NewEventInvite, notifier: Notifier) -> Result<(Invited, Told), QuotaError> {
    let outbox = notifier.outbox.clone();
    let invited = db.transaction(move |tx| {
        Box::pin(async move {
            let (event, by, now) = (new.event_id, new.created_by, new.created_at);
            let cause = notifier.cause(tx, by, now).await?;
            let invited = event_invites::invite(tx, new, &cause.limits).await?;
            let mut told = Told::Everybody;
            if let Invited::New(invite) = invited {
                let receiver = event_invites::receiver(tx, invite.id).await?;
                if let Some(mail) = mail(tx, Kind::Invite, receiver, (event, by), &notifier, now).await? {
                    told = mail::queue_invitation(tx, mail, &cause).await?;
                }
            }
            Ok::<_, QuotaError>((invited, told))
        })
    });
    let invited = invited.await?;
    outbox.wake();
    Ok(invited)
}

/// Ends an invitation, and queues the mail that says so unless the invitee has done it; what still waits about the event is
/// not sent to the invitee any more. `None` when nobody such is invited.
pub async fn withdraw(
    db: &Db,
    event: Uuid,
    whom: Whom,
    by: Uuid,
    notifier: Notifier,
    now: DateTime<Utc>,
) -> Result<Option<Withdrawn>, StoreError> {
    let outbox = notifier.outbox.clone();
    let withdrawn = db.transaction(move |tx| {
        Box::pin(async move {
            let withdrawn = event_invites::withdraw(tx, event, whom).await?;
            if let Some(withdrawn) = &withdrawn {
                let mut news = None;
                if withdrawn.user != Some(by) {
                    // To calendars it is a change of the event.
                    events::raise_revision(tx, event).await?;
                    let receiver = withdrawn.receiver.clone();
                    news = mail(tx, Kind::Uninvite, receiver, (event, by), &notifier, now).await?;
                }
                match (news, &withdrawn.receiver) {
                    (Some(news), _) => mail::queue_end(tx, vec![news], now).await?,
                    (None, Some(receiver)) => mail::take_back(tx, event, receiver, now).await?,
                    (None, None) => {}
                }
            }
            Ok::<_, StoreError>(withdrawn)
        })
    });
    let withdrawn = withdrawn.await?;
    outbox.wake();
    Ok(withdrawn)
}

/// What a receiver, if there is one, is told of an event as `by` sees it; nothing while nobody is to be told.
async fn mail(
    tx: &mut Tx,
    kind: Kind,
    receiver: Option<Receiver>,
    (event, by): (Uuid, Uuid),
    notifier: &Notifier,
    now: DateTime<Utc>,
) -> Result<Option<Mail>, StoreError> {
    let Some(receiver) = receiver.filter(|_| notifier.outbox.is_on()) else {
        return Ok(None);
    };
    let Some(seen) = events::locked(tx, by, event).await? else {
        return Ok(None);
    };
    let exceptions = exceptions::of_event(tx, event).await?;
    Ok(Some(Mail {
        kind,
        receiver,
        answer: Participation::Pending,
        event: Arc::new(entry_of_mail(&seen.event, &exceptions, None, now)),
        instance: None,
        has_lost_times: false,
        meeting: meeting(&seen, notifier.tel.as_deref()),
    }))
}
