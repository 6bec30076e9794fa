//! What the invitees of an event are told by mail.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use colloquy_calendar::ics::Entry;
use uuid::Uuid;

use super::entry_of_mail;
use crate::{
    config::Quotas,
    mail::{self, CallIn, Cause, Kind, Mail, Meeting, Outbox, Told},
    store::{
        StoreError, Tx,
        event_invites::{self, Receiver},
        events::{Exception, SeenEvent},
        usage,
    },
};

/// Puts mails into the outbox, or nothing where nobody is to hear of a change.
#[derive(Debug, Clone)]
pub struct Notifier {
    pub outbox: Outbox,
    /// Whether nobody is to be told (`suppress_email_notification`). What waits about an event is kept true all the same.
    pub is_quiet: bool,
    /// Number of the telephone gateway, where there is one.
    pub tel: Option<String>,
    /// Limits of mails, where the tariff of whoever brings them about names none.
    pub quotas: Quotas,
}

/// What has happened to an event.
#[derive(Debug, Clone, Copy)]
pub struct Notification<'a> {
    pub kind: Kind,
    /// As it is now, or was at last.
    pub seen: &'a SeenEvent,
    pub exceptions: &'a [Exception],
    /// The occurrence that it happened to; `None`: the whole event.
    pub instance: Option<DateTime<Utc>>,
    pub has_lost_times: bool,
}

impl Notifier {
    /// Who brings mails about. It takes the user's row until the end of the transaction, so it comes before whatever else a
    /// transaction locks.
    pub async fn cause(&self, tx: &mut Tx, by: Uuid, at: DateTime<Utc>) -> Result<Cause, StoreError> {
        let limits = usage::take_user(tx, by, self.quotas, at).await?;
        Ok(Cause { by, limits, at })
    }

    /// Queues a mail about a change to everybody who is invited and has not declined.
    pub async fn tell(
        &self,
        tx: &mut Tx,
        notification: &Notification<'_>,
        cause: &Cause,
    ) -> Result<Told, StoreError> {
        let mails = self.mails(tx, notification, cause.at).await?;
        let mails = mails.into_iter().map(|(mail, _)| mail).collect();
        if self.is_quiet {
            mail::refresh(tx, mails, cause).await?;
            return Ok(Told::Everybody);
        }
        mail::queue_change(tx, mails, cause).await
    }

    /// Queues a mail about the end of an event to the same.
    pub async fn tell_end(
        &self,
        tx: &mut Tx,
        notification: &Notification<'_>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.is_quiet {
            return mail::take_back_all(tx, notification.seen.event.id, at).await;
        }
        let mails = self.mails(tx, notification, at).await?;
        mail::queue_end(tx, mails, at).await
    }

    /// A mail for each who is invited, with whether it was ever told of the event.
    async fn mails(
        &self,
        tx: &mut Tx,
        notification: &Notification<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<(Mail, bool)>, StoreError> {
        if !self.outbox.is_on() {
            return Ok(Vec::new());
        }
        let addressees = event_invites::receivers(tx, notification.seen.event.id).await?;
        let entry = |instance| {
            let event = &notification.seen.event;
            Arc::new(Entry {
                is_cancelled: notification.kind == Kind::Cancel && notification.instance.is_none(),
                ..entry_of_mail(event, notification.exceptions, instance, now)
            })
        };
        let told = entry(notification.instance);
        let whole = notification.instance.map(|_| entry(None));
        let mails = addressees.into_iter().map(|addressee| {
            let meeting = meeting(notification.seen, self.tel.as_deref(), &addressee.receiver);
            let mail = Mail {
                kind: notification.kind,
                receiver: addressee.receiver,
                answer: addressee.status.into(),
                event: Arc::clone(&told),
                whole: whole.clone(),
                invite: Some(addressee.invite),
                instance: notification.instance,
                has_lost_times: notification.has_lost_times,
                meeting,
            };
            (mail, addressee.was_told)
        });
        Ok(mails.collect())
    }

    /// Tells the worker that mails were committed.
    pub fn wake(&self) {
        self.outbox.wake();
    }
}

/// How an invitee comes in. A telephone can't take part in an encrypted room. It does not wait as guests do, so that an address,
/// whose owner comes as one, is told of it only where guests come straight in.
#[must_use]
pub fn meeting(seen: &SeenEvent, tel: Option<&str>, receiver: &Receiver) -> Meeting {
    let room = &seen.room;
    let is_guest = matches!(receiver, Receiver::External { .. });
    let may_call = !is_guest || room.guest_access.leads_straight_in(room.waiting_room);
    let sip = room.sip.as_ref().filter(|_| may_call && !room.e2e_encryption);
    Meeting {
        room: room.id,
        password: room.password.clone(),
        call_in: tel.zip(sip).map(|(number, sip)| CallIn {
            number: number.to_owned(),
            id: sip.id.clone(),
            password: sip.password.clone(),
        }),
    }
}
