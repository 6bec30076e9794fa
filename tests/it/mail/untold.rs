//! What mails keep to themselves.

use std::sync::Arc;

use colloquy::{mail::Mail, store::event_invites::Receiver};
use uuid::Uuid;

use super::{Post, invitation, registered, sent};
use crate::support::smtp::ReceivedMail;

on_both_databases!(Post:
    a_guest_who_must_wait_is_told_of_no_telephone, an_organizer_without_an_address_is_named);

const PIN: &str = "9876543210";

/// Whether a mail tells the pin, in each of its parts or in none.
fn tells_pin(mail: &ReceivedMail) -> bool {
    let description = mail.event()["description"].as_str().expect("a text");
    let parts = [mail.text("text/plain"), mail.text("text/html"), description];
    let telling = parts.iter().filter(|text| text.contains(PIN)).count();
    assert!(telling == 0 || telling == parts.len(), "{parts:?}");
    telling > 0
}

/// As it is when the mail goes, whatever was so when it was queued.
async fn a_guest_who_must_wait_is_told_of_no_telephone(post: &Post) {
    let email = "bob@example.org".to_owned();
    post.invite_address(&email, Uuid::from_u128(9)).await;
    let guest = Mail {
        receiver: Receiver::External {
            email,
            invite_code: Some(Uuid::from_u128(9)),
        },
        ..invitation()
    };
    for (change, is_told) in [
        ("UPDATE rooms SET waiting_room = FALSE", true),
        ("UPDATE rooms SET guest_access = 'waiting_room'", false),
        ("UPDATE rooms SET guest_access = 'disabled'", false),
        ("UPDATE rooms SET guest_access = 'direct_access'", true),
        ("UPDATE rooms SET waiting_room = TRUE", false),
        ("UPDATE rooms SET waiting_room = FALSE", true),
        (
            "UPDATE tariffs SET disabled_features = '[\"guests_allowed\"]'",
            false,
        ),
    ] {
        post.store.execute(change).await;
        assert_eq!(tells_pin(&sent(post, guest.clone()).await), is_told, "{change}");
        let user = Mail {
            receiver: registered("en"),
            ..invitation()
        };
        assert!(tells_pin(&sent(post, user).await), "{change}");
    }
}

async fn an_organizer_without_an_address_is_named(post: &Post) {
    let mut mail = invitation();
    if let Some(organizer) = &mut Arc::make_mut(&mut mail.event).organizer {
        organizer.email.clear();
    }
    let mail = sent(post, mail).await;
    assert!(!mail.header_names().contains(&"reply-to"));
    let text = mail.text("text/plain");
    for line in [
        "Ada Adams invites you to a meeting.",
        "Organiser: Ada Adams",
        "You get this because Ada Adams invited you.",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(mail.event()["organizer"], "", "there is none");
}
