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
        event_invites::{self, Addressee, Invited, NewEventInvite, Whom, Withdrawn},
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
                let addressee = event_invites::receiver(tx, invite.id).await?;
                let mail = mail(tx, Kind::Invite, addressee.as_ref(), (event, by), &notifier, now).await?;
                if let Some(mail) = mail {
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
                    let addressee = withdrawn.receiver.as_ref();
                    news = mail(tx, Kind::Uninvite, addressee, (event, by), &notifier, now).await?;
                }
                match (news, &withdrawn.receiver) {
                    (Some(news), Some(addressee)) => {
                        // The invitation is gone, and with it what was noted of it.
                        let news = Mail { invite: None, ..news };
                        mail::queue_end(tx, vec![(news, addressee.was_told)], now).await?;
                    }
                    (None, Some(addressee)) => mail::take_back(tx, event, &addressee.receiver, now).await?,
                    (_, None) => {}
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
    addressee: Option<&Addressee>,
    (event, by): (Uuid, Uuid),
    notifier: &Notifier,
    now: DateTime<Utc>,
) -> Result<Option<Mail>, StoreError> {
    let is_told = notifier.outbox.is_on() && !notifier.is_quiet;
    let Some(addressee) = addressee.filter(|_| is_told) else {
        return Ok(None);
    };
    let Some(seen) = events::locked(tx, by, event).await? else {
        return Ok(None);
    };
    let exceptions = exceptions::of_event(tx, event).await?;
    Ok(Some(Mail {
        kind,
        receiver: addressee.receiver.clone(),
        answer: Participation::Pending,
        event: Arc::new(entry_of_mail(&seen.event, &exceptions, None, now)),
        whole: None,
        invite: Some(addressee.invite),
        instance: None,
        has_lost_times: false,
        meeting: meeting(&seen, notifier.tel.as_deref(), &addressee.receiver),
    }))
}
