//! What the invitees of an event are told by mail.

use chrono::{DateTime, Utc};

use crate::{
    calendar::ics::Entry,
    mail::{CallIn, Kind, Mail, Meeting, Outbox},
    store::{
        StoreError, Tx, event_invites,
        events::{Exception, SeenEvent},
    },
};

/// Puts mails into the outbox, or nothing where nobody is to hear of a change.
#[derive(Debug, Clone)]
pub struct Teller {
    pub outbox: Outbox,
    /// Number of the telephone gateway, where there is one.
    pub tel: Option<String>,
}

/// What has happened to an event.
#[derive(Debug, Clone, Copy)]
pub struct News<'a> {
    pub kind: Kind,
    /// As it is now, or was at last.
    pub seen: &'a SeenEvent,
    pub exceptions: &'a [Exception],
    /// The occurrence that it happened to; `None`: the whole event.
    pub instance: Option<DateTime<Utc>>,
    pub has_lost_times: bool,
}

impl Teller {
    /// Queues a mail to everybody who is invited and has not declined.
    pub async fn tell(&self, tx: &mut Tx, news: &News<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        if !self.outbox.is_on() {
            return Ok(());
        }
        let entry = Entry {
            is_cancelled: news.kind == Kind::Cancel && news.instance.is_none(),
            ..Entry::of(&news.seen.event, news.exceptions)
        };
        let meeting = meeting(news.seen, self.tel.as_deref());
        let receivers = event_invites::receivers(tx, news.seen.event.id).await?;
        let mails: Vec<_> = receivers
            .into_iter()
            .map(|receiver| Mail {
                kind: news.kind,
                receiver,
                event: entry.clone(),
                instance: news.instance,
                has_lost_times: news.has_lost_times,
                meeting: meeting.clone(),
            })
            .collect();
        self.outbox.enqueue(tx, &mails, now).await
    }

    /// Tells the worker that mails were committed.
    pub fn wake(&self) {
        self.outbox.wake();
    }
}

/// How invitees come in. A telephone can't take part in an encrypted room.
#[must_use]
pub fn meeting(seen: &SeenEvent, tel: Option<&str>) -> Meeting {
    let sip = seen.room.sip.as_ref().filter(|_| !seen.room.e2e_encryption);
    Meeting {
        room: seen.room.id,
        password: seen.room.password.clone(),
        call_in: tel.zip(sip).map(|(number, sip)| CallIn {
            number: number.to_owned(),
            id: sip.id.clone(),
            password: sip.password.clone(),
        }),
    }
}
