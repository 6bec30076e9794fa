//! From a mail's link to the end of mail, and limits that outlive the server.

use serde_json::json;

use crate::{
    databases::Kind,
    support::{rest::Rest, server::Server, smtp::SmtpServer},
};

on_both_databases!(Strict:
    one_click_in_a_mail_ends_the_mail,
    the_limits_of_a_day_outlive_the_server,
);

/// A server with mail and a small quota.
struct Strict {
    server: Server,
    smtp: SmtpServer,
}

impl Strict {
    async fn start(kind: Kind) -> Self {
        let smtp = SmtpServer::start().await;
        let port = smtp.port.to_string();
        let environment = [
            ("COLLOQUY_MAIL__HOST", "127.0.0.1"),
            ("COLLOQUY_MAIL__PORT", &port),
            ("COLLOQUY_MAIL__TLS", "none"),
            ("COLLOQUY_MAIL__FROM_ADDRESS", "meetings@colloquy.example"),
            ("COLLOQUY_MAIL__WEB_CLIENT_URL", "https://meet.example"),
            ("COLLOQUY_HTTP__PUBLIC_URL", "http://127.0.0.1:{port}"),
            ("COLLOQUY_QUOTAS__EXTERNAL_INVITEES_PER_DAY", "2"),
        ];
        Self {
            server: Server::start_with(kind, &environment).await,
            smtp,
        }
    }

    async fn finish(self) {
        self.server.finish().await;
    }
}

/// The path of the invitations to a new event.
async fn invites_of_new_event(owner: &Rest) -> String {
    let event = json!({"title": "Chess", "description": "", "is_time_independent": true});
    let event = owner.post("/v1/events", event).await.expect(201);
    format!("/v1/events/{}/invites", event["id"].as_str().expect("an id"))
}

async fn one_click_in_a_mail_ends_the_mail(world: &Strict) {
    let Strict { server, smtp } = world;
    let anonymous = server.anonymous();
    let alice = anonymous.log_in("alice").await;
    let gwen = json!({"email": "Gwen@elsewhere.example"});
    let invites = invites_of_new_event(&alice).await;
    alice.post(&invites, gwen.clone()).await.expect(201);
    let mail = smtp.mail().await;
    let link = mail.header("list-unsubscribe").trim_matches(['<', '>']);
    let path = link
        .strip_prefix(&format!("http://{}", server.address()))
        .expect("our URL");
    assert_eq!(anonymous.get(path).await.status, 200);
    // As a mail program does it.
    let click = anonymous
        .request(reqwest::Method::POST, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    assert_eq!(click.send().await.expect("an answer").status(), 200);

    let event = invites.trim_end_matches("/invites");
    alice.patch(event, json!({"title": "Go"})).await.expect(200);
    let invites = invites_of_new_event(&alice).await;
    alice.post(&invites, gwen).await.expect(201);
    // Whoever comes after is the next to get mail.
    alice
        .post(&invites, json!({"email": "hal@elsewhere.example"}))
        .await
        .expect(201);
    let mail = smtp.mail().await;
    assert_eq!(mail.0["envelope_to"], json!(["hal@elsewhere.example"]));
    let back = path.replace("/unsubscribe/", "/subscribe/");
    assert_eq!(anonymous.post(&back, json!({})).await.status, 200);
    alice.delete(event).await.expect(204);
    let mail = smtp.mail().await;
    assert_eq!(mail.0["envelope_to"], json!(["gwen@elsewhere.example"]));
    smtp.expect_nothing().await;
}

async fn the_limits_of_a_day_outlive_the_server(world: &Strict) {
    let Strict { server, smtp } = world;
    let alice = server.anonymous().log_in("alice").await;
    let invites = invites_of_new_event(&alice).await;
    for email in ["one@elsewhere.example", "two@elsewhere.example"] {
        alice.post(&invites, json!({"email": email})).await.expect(201);
        smtp.mail().await;
    }
    let three = json!({"email": "three@elsewhere.example"});
    alice
        .post(&invites, three.clone())
        .await
        .expect_error(429, "quota_exceeded");
    server.kill9();
    server.restart().await;
    let refused = alice.post(&invites, three).await;
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .expect("a text")
        .parse()
        .expect("a number");
    assert!((1..=24 * 3_600).contains(&wait), "{wait}");
    refused.expect_error(429, "quota_exceeded");
    let listed = alice.get(&invites).await.expect(200);
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    smtp.expect_nothing().await;
}
