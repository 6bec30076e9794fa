//! Packs a letter for the wire: one part per kind of reader, and the calendar once more as a file.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lettre::{
    Address, Message,
    message::{
        Attachment, Mailbox, MessageBuilder, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use uuid::Uuid;

use super::{
    Mail,
    encoded_words::{self, is_look_alike},
    letter::RenderedEmail,
};
use crate::email_address::on_envelope;
use colloquy_calendar::one_line::one_line;

/// Why a mail can never be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum PackError {
    #[error("the receiver's address: {0}")]
    Address(#[from] lettre::address::AddressError),
    #[error(transparent)]
    Message(#[from] lettre::error::Error),
    #[error("the kind of a part: {0}")]
    Kind(#[from] lettre::message::header::ContentTypeErr),
}

/// The message of a queued mail. Its Message-ID comes from the id in the outbox: whoever gets it twice can tell.
pub(super) fn pack(
    sender: &Mailbox,
    mail: &Mail,
    letter: RenderedEmail,
    id: Uuid,
    queued: DateTime<Utc>,
) -> Result<Message, PackError> {
    let receiver = on_envelope(mail.receiver.email()).parse()?;
    let mut message = Message::builder().from(sender.clone());
    message = with_mailbox(message, "To", mail.receiver.name(), &receiver);
    message = with_subject(message, &letter.subject);
    message = message
        .message_id(Some(format!("<{id}@{}>", sender.email.domain())))
        .date(SystemTime::from(queued))
        // No out-of-office notes, please (RFC 3834).
        .raw_header(header("Auto-Submitted", "auto-generated"));
    if let Some(link) = letter.unsubscribe {
        // One click in a mail program (RFC 8058).
        message = message
            .raw_header(header("List-Unsubscribe", &format!("<{link}>")))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    if let Some(organizer) = &mail.event.organizer
        && let Ok(address) = on_envelope(&organizer.email).parse()
    {
        message = with_mailbox(message, "Reply-To", &organizer.name, &address);
    }
    let readable = MultiPart::alternative()
        .singlepart(SinglePart::plain(letter.plain))
        .singlepart(SinglePart::html(letter.html));
    let Some((method, calendar)) = letter.calendar else {
        return Ok(message.multipart(readable)?);
    };
    let kind = format!("text/calendar; charset=utf-8; method={}", method.as_str());
    let kind = ContentType::parse(&kind)?;
    let inline = SinglePart::builder().header(kind).body(calendar.clone());
    let file =
        Attachment::new("invite.ics".to_owned()).body(calendar, ContentType::parse("application/ics")?);
    let all = MultiPart::mixed()
        .multipart(readable.singlepart(inline))
        .singlepart(file);
    Ok(message.multipart(all)?)
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn with_subject(message: MessageBuilder, subject: &str) -> MessageBuilder {
    let subject = one_line(subject);
    if is_look_alike(&subject) {
        let name = HeaderName::new_from_ascii_str("Subject");
        message.raw_header(encoded_words::header(name, &subject))
    } else {
        message.subject(subject)
    }
}

/// A mailbox under the name of a header that may hold several.
fn with_mailbox(
    message: MessageBuilder,
    header: &'static str,
    name: &str,
    address: &Address,
) -> MessageBuilder {
    let shown = one_line(name);
    if is_look_alike(&shown) {
        let header = HeaderName::new_from_ascii_str(header);
        return message.raw_header(encoded_words::mailbox_header(header, &shown, address));
    }
    let mailbox = mailbox(&shown, address.clone());
    if header == "To" {
        message.to(mailbox)
    } else {
        message.reply_to(mailbox)
    }
}

pub(super) fn mailbox(name: &str, address: Address) -> Mailbox {
    Mailbox::new(Some(one_line(name)).filter(|name| !name.is_empty()), address)
}
