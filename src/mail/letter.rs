//! From what happened to what is written: subject, plain text, HTML, calendar.

use chrono::{DateTime, Utc};
use url::Url;

use super::{
    Kind, Mail, Receiver, Tokens, html, link, room_link,
    texts::{Language, Texts},
    unsubscribe,
};
use colloquy_calendar::{
    ics::{self, Attendee, Entry, Method, Person, Span, Timetable},
    one_line::one_line,
};

use crate::{
    config::Config,
    rendering::{RenderError, rendered},
    secrets::Secret,
};

/// A mail in words, before it is packed for the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RenderedEmail {
    /// One line.
    pub(super) subject: String,
    pub(super) plain: String,
    pub(super) html: String,
    /// For calendar programs; there is none for events without times.
    pub(super) calendar: Option<(Method, String)>,
    /// Where the receiver refuses further mails.
    pub(super) unsubscribe: Option<String>,
}

/// What letters are written with.
#[derive(Debug)]
pub(super) struct Writer {
    texts: Texts,
    /// Base of the links.
    web_client: Url,
    /// BCP 47 tag for receivers of whom none is known.
    language: String,
    /// Base of links to this server; without it there are none.
    public_url: Option<Url>,
    /// Whom receivers tell of misuse.
    report_address: Option<String>,
}

/// A line about the meeting, such as when it is.
struct Fact {
    label: String,
    value: String,
    is_link: bool,
}

impl Writer {
    /// Of a configuration that was validated; `web_client` is the base of links to meetings.
    pub(super) fn new(web_client: Url, config: &Config) -> Self {
        Self {
            texts: Texts::new(),
            web_client,
            language: config.defaults.user_language.clone(),
            public_url: config.http.public_url.clone(),
            report_address: config.mail.report_address.clone(),
        }
    }

    /// Writes a mail that was queued at `queued`, about an event with this timetable; its titles and names are one line each.
    pub(super) fn write(
        &self,
        mail: &Mail,
        timetable: Option<&Timetable>,
        queued: DateTime<Utc>,
        tokens: &Tokens,
    ) -> Result<RenderedEmail, RenderError> {
        let language = self.texts.of(mail.receiver.language().unwrap_or(&self.language));
        let kind = mail.kind.as_str();
        let title = mail.title();
        let organizer = mail.event.organizer.as_ref().map(|person| &*person.name);
        let organizer = organizer.filter(|name| !name.is_empty()).unwrap_or("Colloquy");
        let intro = match mail.instance {
            Some(_) => format!("intro-{kind}-instance"),
            None => format!("intro-{kind}"),
        };
        let hello = match mail.receiver.name() {
            "" => language.text("hello-nobody"),
            name => language.filled("hello", &[("name", name)]),
        };
        let paragraphs = [hello, language.filled(&intro, &[("organizer", organizer)])];
        let access = self.access(mail, language);
        let mut facts = about(mail, timetable, language, title, organizer);
        facts.extend(access);
        let unsubscribe = self.unsubscribe(mail, tokens);
        let (reason, ways_out) = self.footer(mail, language, unsubscribe.as_deref());
        let letter = html::LetterPage {
            language: language.tag,
            title,
            paragraphs: &paragraphs,
            rows: &rows(&facts),
            text: mail.description().trim(),
            footer: &reason,
            footer_rows: &rows(&ways_out),
        };
        Ok(RenderedEmail {
            subject: language.filled(&format!("subject-{kind}"), &[("title", title)]),
            plain: plain(&letter),
            html: rendered(&letter)?,
            calendar: self.calendar(mail, timetable, language, queued),
            unsubscribe,
        })
    }

    /// Where the receiver refuses further mails; `None` while nobody knows under which URL this server is reached.
    fn unsubscribe(&self, mail: &Mail, tokens: &Tokens) -> Option<String> {
        let token = tokens.token(&mail.receiver.address_hash());
        self.public_url.as_ref().map(|url| unsubscribe::link(url, &token))
    }

    /// Why the receiver gets this, and what can be done about it.
    fn footer(&self, mail: &Mail, language: &Language, unsubscribe: Option<&str>) -> (String, Vec<Fact>) {
        let organizer = mail.event.organizer.as_ref();
        // Who has no address that is known to be right is named.
        let inviter = organizer.map(|person| match person.email.as_str() {
            "" => person.name.as_str(),
            email => email,
        });
        let inviter = inviter.map(one_line).filter(|inviter| !inviter.is_empty());
        let reason = match inviter {
            Some(inviter) => language.filled("reason", &[("inviter", &inviter)]),
            None => language.text("reason-nobody"),
        };
        let report = self
            .report_address
            .as_deref()
            .map(|address| ("label-report", address, false));
        let unsubscribe = unsubscribe.map(|link| ("label-unsubscribe", link, true));
        let fact = |(label, value, is_link): (&str, &str, bool)| Fact {
            label: language.text(label),
            value: value.to_owned(),
            is_link,
        };
        (reason, report.into_iter().chain(unsubscribe).map(fact).collect())
    }

    /// Where one comes in; `None` for those who need not come.
    fn link(&self, mail: &Mail) -> Option<String> {
        if matches!(mail.kind, Kind::Cancel | Kind::Uninvite) {
            return None;
        }
        Some(match &mail.receiver {
            Receiver::External {
                invite_code: Some(code),
                ..
            } => link(&self.web_client, &format!("invite/{code}")),
            _ => room_link(&self.web_client, mail.meeting.room),
        })
    }

    /// How one comes in.
    fn access(&self, mail: &Mail, language: &Language) -> Vec<Fact> {
        let fact = |id: &str, value: &str, is_link| Fact {
            label: language.text(id),
            value: one_line(value),
            is_link,
        };
        let Some(link) = self.link(mail) else {
            return Vec::new();
        };
        let mut facts = vec![fact("label-join", &link, true)];
        let password = mail.meeting.password.as_ref().map(Secret::reveal);
        facts.extend(password.map(|password| fact("label-password", password, false)));
        if let Some(call_in) = &mail.meeting.call_in {
            facts.push(fact("label-telephone", &call_in.number, false));
            facts.push(fact("label-call-in-id", &call_in.id, false));
            facts.push(fact("label-call-in-pin", call_in.password.reveal(), false));
        }
        facts
    }

    fn calendar(
        &self,
        mail: &Mail,
        timetable: Option<&Timetable>,
        language: &Language,
        queued: DateTime<Utc>,
    ) -> Option<(Method, String)> {
        let method = match mail.kind {
            Kind::Cancel | Kind::Uninvite => Method::Cancel,
            Kind::Update if mail.has_lost_times => Method::Cancel,
            Kind::Invite | Kind::Update => Method::Request,
        };
        if mail.event.span.is_none() && !mail.has_lost_times {
            return None;
        }
        let details = self.access(mail, language);
        let details: Vec<_> = details
            .iter()
            .map(|fact| format!("{}: {}", fact.label, fact.value))
            .collect();
        let attendee = Attendee {
            person: Person {
                name: mail.receiver.name().to_owned(),
                email: mail.receiver.email().to_owned(),
            },
            status: mail.answer,
        };
        let entry = Entry {
            details: details.join("\n"),
            attendees: vec![attendee],
            url: self.link(mail),
            ..Entry::clone(&mail.event)
        };
        let text = match mail.instance {
            Some(original) => ics::instance(method, queued, (&entry, timetable), original),
            None => ics::calendar(method, queued, (&entry, timetable)),
        };
        Some((method, text))
    }
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Update => "update",
            Self::Cancel => "cancel",
            Self::Uninvite => "uninvite",
        }
    }
}

impl Mail {
    fn exception(&self) -> Option<&ics::Exception> {
        let original = self.instance?;
        let mut exceptions = self.event.exceptions.iter();
        exceptions.find(|exception| exception.original_starts_at == original)
    }

    fn title(&self) -> &str {
        let own = self.exception().and_then(|exception| exception.title.as_deref());
        own.unwrap_or(&self.event.title)
    }

    fn description(&self) -> &str {
        let own = self
            .exception()
            .and_then(|exception| exception.description.as_deref());
        own.unwrap_or(&self.event.description)
    }

    /// When what the mail is about takes place.
    fn span(&self, timetable: &Timetable) -> Span {
        let Some(original) = self.instance else {
            return timetable.first();
        };
        let own = self.exception().and_then(|exception| exception.span.clone());
        own.unwrap_or_else(|| timetable.at(original))
    }
}

/// What the meeting is, and when.
fn about(
    mail: &Mail,
    timetable: Option<&Timetable>,
    language: &Language,
    title: &str,
    organizer: &str,
) -> Vec<Fact> {
    let fact = |id: &str, value: String| Fact {
        label: language.text(id),
        value,
        is_link: false,
    };
    let span = timetable.map(|timetable| mail.span(timetable));
    let when = span
        .as_ref()
        .map_or_else(|| language.text("any-time"), |span| language.when(span));
    let mut facts = vec![fact("label-title", title.to_owned()), fact("label-when", when)];
    if let (Some(original), Some(series), Some(span)) = (mail.instance, &mail.event.span, &span)
        && span.starts_at.at != original
    {
        facts.push(fact("label-instead-of", language.beginning(original, series)));
    }
    if mail.instance.is_none() && !mail.event.recurrence.is_empty() {
        facts.push(fact("label-repeats", language.repetition(&mail.event.recurrence)));
    }
    facts.push(fact("label-organizer", organizer.to_owned()));
    facts
}

fn plain(letter: &html::LetterPage<'_>) -> String {
    let lines = |rows: &[html::Row<'_>]| -> Vec<String> {
        rows.iter()
            .map(|row| format!("{}: {}", row.label, row.value))
            .collect()
    };
    let mut parts = letter.paragraphs.to_vec();
    parts.push(lines(letter.rows).join("\n"));
    if !letter.text.is_empty() {
        parts.push(letter.text.to_owned());
    }
    let mut footer = vec!["-- ".to_owned(), letter.footer.to_owned()];
    footer.extend(lines(letter.footer_rows));
    parts.push(footer.join("\n"));
    format!("{}\n", parts.join("\n\n"))
}

fn rows<'a>(facts: &'a [Fact]) -> Vec<html::Row<'a>> {
    let row = |fact: &'a Fact| html::Row {
        label: &fact.label,
        value: &fact.value,
        is_link: fact.is_link,
    };
    facts.iter().map(row).collect()
}
