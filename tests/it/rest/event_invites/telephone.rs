//! Who is told by mail how to come in by telephone, where callers do not wait as guests do.

use serde_json::{Value, json};

use super::mails::WithMail;
use crate::{
    databases::Kind,
    rest::{
        api::Api,
        events::{event, invite, patch, path, weekly, with},
    },
};

on_both_databases!(WithTelephone: an_address_is_told_where_guests_come_straight_in);

/// A server that sends mail, and whose rooms can be called.
struct WithTelephone(WithMail);

impl WithTelephone {
    async fn start(kind: Kind) -> Self {
        let api = Api::with(kind, |config| {
            config.mail.host = Some("smtp.example.org".to_owned());
            config.call_in.tel = Some("+49 30 1234".to_owned());
            // The clock stands still.
            config.quotas.mails_per_address_per_hour = 0;
            config.quotas.event_mails_per_hour = 0;
        });
        Self(WithMail(api.await))
    }

    async fn finish(self) {
        self.0.finish().await;
    }

    /// Whether the mails since the last call, one to the user and one to the address, tell of the telephone.
    async fn told(&self) -> (bool, bool) {
        let mails = self.0.mails().await;
        let is_told = |kind: &str| {
            let mut to = mails.iter().filter(|mail| mail["receiver"]["kind"] == kind);
            let (Some(mail), None) = (to.next(), to.next()) else {
                panic!("not one mail: {mails:?}");
            };
            mail["meeting"]["call_in"].is_object()
        };
        (is_told("registered"), is_told("external"))
    }
}

async fn an_address_is_told_where_guests_come_straight_in(world: &WithTelephone) {
    let api = &world.0;
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    for (more, is_told) in [
        (json!({}), true),
        (json!({"guest_access": "waiting_room"}), false),
        (json!({"guest_access": "disabled"}), false),
        (json!({"waiting_room": true}), false),
    ] {
        let created = event(api, &alice, with(weekly(), &more)).await;
        invite(api, &alice, &created, &bob, "user").await;
        let guest: Value = json!({"email": "guest@example.com"});
        let invites = format!("{}/invites", path(&created));
        api.call(&alice, "POST", &invites, guest).await.expect(201);
        assert_eq!(world.told().await, (true, is_told), "{more}");
        let change = json!({"title": "Neu"});
        patch(api, &alice, &path(&created), change).await.expect(200);
        assert_eq!(world.told().await, (true, is_told), "{more}");
        let opened = json!({"guest_access": "direct_access", "waiting_room": false, "title": "Offen"});
        patch(api, &alice, &path(&created), opened).await.expect(200);
        assert_eq!(world.told().await, (true, true), "{more}");
    }
}
