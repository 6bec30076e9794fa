//! Into the outbox within limits, so that nobody makes a flood of mails out of a few requests.
//!
//! A newer mail takes the place of those about the same event that its receiver has not got yet, so whoever must wait gets
//! the newest state at last. What exceeds the limits of an hour waits for the next free time; what exceeds those of a day is
//! left out. What tells of an end waits for nothing: there are no more of them than invitations that went out.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Kind, Mail};
use crate::{
    quotas::Quota,
    store::{
        StoreError, Tx,
        address_hash::AddressHash,
        event_invites::Receiver,
        mail_refusals,
        outbox::{self, Purpose, Slot, Waiting},
        usage::{self, Counter, Limits, QuotaError},
    },
};

type Queued = outbox::Queued<Mail>;

/// For how long a mail waits for its time at most; what would come later is left out.
pub const WAIT_MAX: TimeDelta = TimeDelta::hours(24);

/// The span of limits per hour.
const HOUR: TimeDelta = TimeDelta::hours(1);

/// The part of an address's later hours that mails of one user take at most: whoever fills them shuts nobody else out.
const SHARE: usize = 2;

/// How many times the limit of an hour holds for news of a cancelled occurrence: it is better heard in time.
const CANCELLED_FACTOR: usize = 2;

/// Who brings mails about.
#[derive(Debug, Clone)]
pub struct Cause {
    pub by: Uuid,
    pub limits: Limits,
    pub at: DateTime<Utc>,
}

/// Who hears of a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Told {
    /// Everybody who is to, maybe later.
    #[default]
    Everybody,
    /// Not everybody: there are too many mails for this day, or for somebody's next 24 hours.
    NotEverybody,
}

/// Queues the mail that tells somebody of an invitation. It counts for whoever invites, also when its receiver wants no
/// mail: nobody learns that by it.
pub async fn queue_invitation(tx: &mut Tx, mail: Mail, cause: &Cause) -> Result<Told, QuotaError> {
    usage::raise(
        tx,
        &cause.mails(),
        1,
        cause.limits.of(Quota::MailsPerDay),
        cause.at,
    )
    .await?;
    let plan = Plan {
        new: vec![New {
            mail,
            is_paid: true,
            replaces: Vec::new(),
        }],
        ..Plan::default()
    };
    Ok(plan.carry_out(tx, None, cause).await?)
}

/// Queues what invitees hear of a change of an event, whose row is locked by this transaction; `mails` has one for each.
pub async fn queue_change(tx: &mut Tx, mails: Vec<Mail>, cause: &Cause) -> Result<Told, StoreError> {
    let Some(event) = mails.first().map(|mail| mail.event.id) else {
        return Ok(Told::Everybody);
    };
    let mut waiting = by_receiver(outbox::waiting(tx, event).await?);
    let mut plan = Plan::default();
    for mail in mails {
        let of_receiver = waiting.remove(&mail.receiver.address_hash()).unwrap_or_default();
        plan.add(mail, of_receiver);
    }
    // Whoever does not hear of it has declined meanwhile, or has another address.
    plan.withdrawn
        .extend(waiting.into_values().flatten().map(|mail| mail.id));
    let wanted = plan.new.iter().filter(|new| !new.is_paid).count();
    let max = cause.limits.of(Quota::MailsPerDay);
    let granted = usage::raise_up_to(tx, &cause.mails(), number(wanted), max, cause.at).await?;
    let is_limited = granted < number(wanted);
    if is_limited {
        plan.keep_unpaid(granted);
    }
    let told = plan.carry_out(tx, Some(event), cause).await?;
    Ok(if is_limited { Told::NotEverybody } else { told })
}

/// Brings what waits about an event up to date, after a change that nobody is to be told of by itself.
pub async fn refresh(tx: &mut Tx, mails: Vec<Mail>, cause: &Cause) -> Result<(), StoreError> {
    let Some(event) = mails.first().map(|mail| mail.event.id) else {
        return Ok(());
    };
    let mut waiting = by_receiver(outbox::waiting(tx, event).await?);
    let mut plan = Plan::default();
    for mail in mails {
        if let Some(of_receiver) = waiting.remove(&mail.receiver.address_hash()) {
            plan.add(about_all(mail), of_receiver);
        }
    }
    plan.new.clear();
    plan.carry_out(tx, Some(event), cause).await?;
    Ok(())
}

/// Takes back all that waits about an event, of whose end nobody is to hear. The event's row must be locked by this transaction.
pub async fn take_back_all(tx: &mut Tx, event: Uuid, at: DateTime<Utc>) -> Result<(), StoreError> {
    let waiting = outbox::waiting(tx, event).await?;
    let mails: Vec<_> = waiting.iter().map(|mail| mail.id).collect();
    outbox::withdraw(tx, &mails, at).await
}

/// Queues what tells of the end of an event or of invitations to it, at once, each with whether its receiver was ever told of the
/// event. Whoever never heard of it hears nothing of its end: so there are no more of these mails than of others.
pub async fn queue_end(tx: &mut Tx, mails: Vec<(Mail, bool)>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let Some(event) = mails.first().map(|(mail, _)| mail.event.id) else {
        return Ok(());
    };
    let mut waiting = by_receiver(outbox::waiting(tx, event).await?);
    let mut plan = Plan::default();
    for (mail, was_told) in mails {
        let of_receiver = waiting.remove(&mail.receiver.address_hash()).unwrap_or_default();
        // What was tried may have gone out.
        if was_told || of_receiver.iter().any(|mail| mail.is_tried) {
            plan.settled.push(Queued { mail, slot_at: at });
        }
        plan.withdrawn.extend(of_receiver.iter().map(|mail| mail.id));
    }
    outbox::withdraw(tx, &plan.withdrawn, at).await?;
    insert(tx, plan.settled, None, at).await
}

/// Takes back what waits about an event for somebody who is not invited any more and is to hear nothing of that. The
/// event's row must be locked by this transaction.
pub async fn take_back(
    tx: &mut Tx,
    event: Uuid,
    receiver: &Receiver,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut waiting = by_receiver(outbox::waiting(tx, event).await?);
    let of_receiver = waiting.remove(&receiver.address_hash()).unwrap_or_default();
    let mails: Vec<_> = of_receiver.iter().map(|mail| mail.id).collect();
    outbox::withdraw(tx, &mails, at).await
}

/// What becomes of mails.
#[derive(Debug, Default)]
struct Plan {
    /// Mails that are replaced.
    withdrawn: Vec<Uuid>,
    /// They go when those would have gone whose place they take.
    settled: Vec<Queued>,
    /// They must find a time.
    new: Vec<New>,
}

#[derive(Debug, PartialEq)]
struct New {
    mail: Mail,
    /// Whether it was counted against the day's limit already.
    is_paid: bool,
    /// Mails whose place it takes. Where it is left out they stay: old news is better than none.
    replaces: Vec<Uuid>,
}

impl Plan {
    /// A mail about a change to a receiver for whom these wait.
    fn add(&mut self, mail: Mail, waiting: Vec<Waiting>) {
        if let Some(invitation) = waiting.iter().find(|one| one.is_unheard_invitation()) {
            self.settled.push(Queued {
                mail: Mail {
                    kind: Kind::Invite,
                    ..about_all(mail)
                },
                slot_at: invitation.slot_at,
            });
            self.withdrawn.extend(waiting.iter().map(|one| one.id));
            return;
        }
        let changes = waiting.into_iter().filter(|one| one.purpose == Purpose::Change);
        if mail.kind == Kind::Cancel {
            self.add_cancelled_occurrence(mail, changes);
        } else {
            self.add_update(mail, &changes.collect::<Vec<_>>());
        }
    }

    /// It replaces all that wait. Where these are about something else, it tells the whole state of the event.
    fn add_update(&mut self, mail: Mail, changes: &[Waiting]) {
        let replaces: Vec<_> = changes.iter().map(|one| one.id).collect();
        let loses_times = changes.iter().any(|one| one.has_lost_times) && mail.event.span.is_none();
        let mut mail = if changes.iter().all(|one| one.instance == mail.instance) {
            mail
        } else {
            about_all(mail)
        };
        mail.has_lost_times |= loses_times;
        let untried = changes.iter().filter(|one| !one.is_tried);
        match untried.map(|one| one.slot_at).min() {
            Some(slot_at) => {
                self.withdrawn.extend(replaces);
                self.settled.push(Queued { mail, slot_at });
            }
            // What was tried may have gone out: this is one more.
            None => self.new.push(New {
                mail,
                is_paid: false,
                replaces,
            }),
        }
    }

    /// It is told by itself, and what waits about the same occurrence is not any more. What waits about the whole event is
    /// told as the event is now.
    fn add_cancelled_occurrence(&mut self, mail: Mail, changes: impl Iterator<Item = Waiting>) {
        let (mut is_paid, mut replaces) = (false, Vec::new());
        for change in changes {
            if change.instance.is_none() {
                self.withdrawn.push(change.id);
                self.settled.push(Queued {
                    mail: Mail {
                        has_lost_times: change.has_lost_times && mail.event.span.is_none(),
                        ..about_all(mail.clone())
                    },
                    slot_at: change.slot_at,
                });
            } else if change.instance == mail.instance {
                is_paid |= !change.is_tried;
                replaces.push(change.id);
            }
        }
        self.new.push(New {
            mail,
            is_paid,
            replaces,
        });
    }

    /// Leaves out what is new and can't be counted.
    fn keep_unpaid(&mut self, granted: u64) {
        let mut left = granted;
        self.new.retain(|new| {
            let is_kept = new.is_paid || left > 0;
            left = left.saturating_sub(u64::from(!new.is_paid));
            is_kept
        });
    }

    /// Finds a time for what is new, and changes the outbox. `event` is what changed, if anything did.
    async fn carry_out(self, tx: &mut Tx, event: Option<Uuid>, cause: &Cause) -> Result<Told, StoreError> {
        let now = cause.at;
        let replaced = self.new.iter().flat_map(|new| &new.replaces);
        let withdrawn: Vec<_> = self.withdrawn.iter().chain(replaced).copied().collect();
        outbox::withdraw(tx, &withdrawn, now).await?;
        let mut queued = self.settled;
        let mut told = Told::Everybody;
        if !self.new.is_empty() {
            let receivers: Vec<_> = self
                .new
                .iter()
                .map(|new| new.mail.receiver.address_hash())
                .collect();
            let rounds = match event {
                Some(event) => outbox::rounds(tx, event, now - HOUR).await?,
                None => Vec::new(),
            };
            outbox::lock_addresses(tx, &receivers).await?;
            let slots = outbox::slots(tx, &receivers, now - HOUR).await?;
            let all = self.new.len();
            let timed = timed(self.new, &rounds, slots, cause);
            let mails = all - timed.len();
            if mails > 0 {
                tracing::info!(mails, user.id = %cause.by, "mails were left out: their receivers get too many");
                told = Told::NotEverybody;
            }
            queued.extend(timed);
        }
        insert(tx, queued, Some(cause.by), now).await?;
        Ok(told)
    }
}

/// The mails with their times, without those that would have to wait for too long.
fn timed(
    mails: Vec<New>,
    rounds: &[DateTime<Utc>],
    mut slots: HashMap<AddressHash, Vec<Slot>>,
    cause: &Cause,
) -> Vec<Queued> {
    let queued = mails.into_iter().filter_map(|New { mail, .. }| {
        let factor = if mail.kind == Kind::Cancel {
            CANCELLED_FACTOR
        } else {
            1
        };
        let limit = |quota| {
            let limit = cause.limits.of(quota)?;
            Some(
                usize::try_from(limit)
                    .unwrap_or(usize::MAX)
                    .saturating_mul(factor),
            )
        };
        let slots = slots.remove(&mail.receiver.address_hash()).unwrap_or_default();
        let (of_event, of_address) = (
            limit(Quota::EventMailsPerHour),
            limit(Quota::MailsPerAddressPerHour),
        );
        let mut full = full_hours(rounds.to_vec(), of_event);
        full.extend(full_hours(slots.iter().map(|slot| slot.at).collect(), of_address));
        let mut slot_at = next_free(cause.at, &mut full);
        if slot_at > cause.at {
            let own = slots.iter().filter(|slot| slot.by == Some(cause.by));
            let share = of_address.map(|limit| limit / SHARE);
            full.extend(full_hours(own.map(|slot| slot.at).collect(), share));
            slot_at = next_free(cause.at, &mut full);
        }
        (slot_at <= cause.at + WAIT_MAX).then_some(Queued { mail, slot_at })
    });
    queued.collect()
}

/// Between these two times, both left out, one more mail would be too much for an hour.
type Full = (DateTime<Utc>, DateTime<Utc>);

/// What times that are taken leave no room for when an hour has at most `max`, but at least one; `None`: any number.
fn full_hours(mut taken: Vec<DateTime<Utc>>, max: Option<usize>) -> Vec<Full> {
    let Some(max) = max.map(|max| max.max(1)) else {
        return Vec::new();
    };
    taken.sort_unstable();
    let hours = taken.windows(max).filter_map(|hour| {
        let (first, last) = (hour.first()?, hour.last()?);
        Some((*last - HOUR, *first + HOUR))
    });
    hours.filter(|(from, until)| from < until).collect()
}

/// The first time from `at` on that is not within any of these.
fn next_free(at: DateTime<Utc>, full: &mut [Full]) -> DateTime<Utc> {
    full.sort_unstable();
    full.iter().fold(
        at,
        |at, &(from, until)| {
            if from < at && at < until { until } else { at }
        },
    )
}

impl Cause {
    /// Counts the mails of a day.
    fn mails(&self) -> Counter {
        Counter::of_id(self.by, Quota::MailsPerDay)
    }
}

impl Waiting {
    /// Whether it is an invitation that certainly has not gone out yet.
    fn is_unheard_invitation(&self) -> bool {
        self.purpose == Purpose::Invite && !self.is_tried
    }
}

/// News of an occurrence as news of the whole event, which has the occurrence as it is now.
fn about_all(mail: Mail) -> Mail {
    Mail {
        kind: Kind::Update,
        instance: None,
        event: mail.whole.unwrap_or(mail.event),
        whole: None,
        ..mail
    }
}

fn by_receiver(waiting: Vec<Waiting>) -> HashMap<AddressHash, Vec<Waiting>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for mail in waiting {
        found.entry(mail.receiver).or_default().push(mail);
    }
    found
}

/// Queues those whose receivers want mail.
async fn insert(
    tx: &mut Tx,
    mut mails: Vec<Queued>,
    by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let receivers: Vec<_> = mails
        .iter()
        .map(|queued| queued.mail.receiver.address_hash())
        .collect();
    let refused = mail_refusals::within(tx, &receivers).await?;
    if !refused.is_empty() {
        mails.retain(|queued| !refused.contains(&queued.mail.receiver.address_hash()));
    }
    outbox::insert(tx, &mails, by, now).await
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
