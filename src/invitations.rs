//! Inviting to events and taking that back, with the mails that tell of it: each in one transaction.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    calendar::ics::Entry,
    events::{Teller, meeting},
    mail::{Kind, Mail, Receiver},
    store::{
        Db, StoreError, Tx,
        event_invites::{self, Invited, NewEventInvite, Whom, Withdrawn},
        events::{self, exceptions},
    },
};

/// Invites somebody, and queues the mail that says so.
pub async fn invite(db: &Db, new: NewEventInvite, teller: Teller) -> Result<Invited, StoreError> {
    let outbox = teller.outbox.clone();
    let invited = db.transaction(move |tx| {
        Box::pin(async move {
            let (event, by, now) = (new.event_id, new.created_by, new.created_at);
            let invited = event_invites::invite(tx, new).await?;
            if let Invited::New(invite) = invited {
                let receiver = event_invites::receiver(tx, invite).await?;
                let news = News {
                    kind: Kind::Invite,
                    event,
                    by,
                    now,
                };
                news.tell(tx, receiver, &teller).await?;
            }
            Ok::<_, StoreError>(invited)
        })
    });
    let invited = invited.await?;
    outbox.wake();
    Ok(invited)
}

/// Ends an invitation, and queues the mail that says so unless the invitee has done it. `None` when nobody such is invited.
pub async fn withdraw(
    db: &Db,
    event: Uuid,
    whom: Whom,
    by: Uuid,
    teller: Teller,
    now: DateTime<Utc>,
) -> Result<Option<Withdrawn>, StoreError> {
    let outbox = teller.outbox.clone();
    let withdrawn = db.transaction(move |tx| {
        Box::pin(async move {
            let withdrawn = event_invites::withdraw(tx, event, whom).await?;
            if let Some(withdrawn) = &withdrawn
                && withdrawn.user != Some(by)
            {
                // To calendars it is a change of the event.
                events::raise_revision(tx, event).await?;
                let news = News {
                    kind: Kind::Uninvite,
                    event,
                    by,
                    now,
                };
                news.tell(tx, withdrawn.receiver.clone(), &teller).await?;
            }
            Ok::<_, StoreError>(withdrawn)
        })
    });
    let withdrawn = withdrawn.await?;
    outbox.wake();
    Ok(withdrawn)
}

/// What has happened to one invitation.
struct News {
    kind: Kind,
    event: Uuid,
    /// Who did it, and sees the event.
    by: Uuid,
    now: DateTime<Utc>,
}

impl News {
    async fn tell(&self, tx: &mut Tx, receiver: Option<Receiver>, teller: &Teller) -> Result<(), StoreError> {
        let Some(receiver) = receiver.filter(|_| teller.outbox.is_on()) else {
            return Ok(());
        };
        let Some(seen) = events::locked(tx, self.by, self.event).await? else {
            return Ok(());
        };
        let exceptions = exceptions::of_event(tx, self.event).await?;
        let mail = Mail {
            kind: self.kind,
            receiver,
            event: Entry::of(&seen.event, &exceptions),
            instance: None,
            has_lost_times: false,
            meeting: meeting(&seen, teller.tel.as_deref()),
        };
        teller.outbox.enqueue(tx, &[mail], self.now).await
    }
}
