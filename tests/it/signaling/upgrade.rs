//! Section 1: from the ticket to the WebSocket.

use serde_json::json;

use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Server: every_refusal_has_its_code, a_ticket_opens_one_socket, both_paths_and_both_orders_work);

async fn refused(server: &Server, protocols: Option<&str>) -> (u16, String) {
    let (status, body) = Participant::upgrade(&server.address(), protocols)
        .await
        .expect_err("refused");
    assert!(body["message"].is_string(), "{body}");
    (status, body["code"].as_str().expect("a code").to_owned())
}

async fn every_refusal_has_its_code(server: &Server) {
    let unknown = format!("opentalk-signaling-json-v1.0, ticket#{}", "a".repeat(64));
    for (protocols, status, code) in [
        (None, 400, "missing_protocol"),
        (Some("graphql-ws"), 400, "invalid_protocol"),
        (Some("ticket#abc"), 400, "invalid_protocol"),
        (Some("opentalk-signaling-json-v1.0"), 401, "missing_ticket"),
        (
            Some("opentalk-signaling-json-v1.0, ticket#"),
            401,
            "invalid_ticket",
        ),
        (
            Some("opentalk-signaling-json-v1.0, ticket#abc"),
            401,
            "invalid_ticket",
        ),
        (Some(unknown.as_str()), 401, "invalid_ticket"),
    ] {
        assert_eq!(
            refused(server, protocols).await,
            (status, code.to_owned()),
            "{protocols:?}"
        );
    }
    // A ticket names its room, but the secret part must be right.
    let meeting = Meeting::create(server, json!({})).await;
    let ticket = meeting.ask_as_guest(None).await.expect(200)["ticket"]
        .as_str()
        .expect("a ticket")
        .to_owned();
    let forged = format!(
        "opentalk-signaling-json-v1.0, ticket#{}{}",
        &ticket[..22],
        "b".repeat(42)
    );
    assert_eq!(
        refused(server, Some(&forged)).await,
        (401, "invalid_ticket".to_owned())
    );
}

async fn a_ticket_opens_one_socket(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ticket = meeting.ask_as_guest(None).await.expect(200);
    assert_eq!(ticket["ticket"].as_str().expect("a ticket").len(), 64);
    let mut first = Participant::connect(&server.address(), &ticket).await;
    let protocols = crate::support::participant::protocols(&ticket);
    assert_eq!(
        refused(server, Some(&protocols)).await,
        (401, "invalid_ticket".to_owned())
    );
    first.join("First").await;
}

async fn both_paths_and_both_orders_work(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    for path in ["/signaling", "/v1/signaling"] {
        for ticket_first in [true, false] {
            let ticket = meeting.ask_as_guest(None).await.expect(200);
            let ticket = ticket["ticket"].as_str().expect("a ticket");
            let protocols = if ticket_first {
                format!("ticket#{ticket}, opentalk-signaling-json-v1.0")
            } else {
                format!("opentalk-signaling-json-v1.0,ticket#{ticket}")
            };
            let upgrade = reqwest::Client::new()
                .get(format!("http://{}{path}", server.address()))
                .header("connection", "keep-alive, Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                .header("sec-websocket-protocol", protocols);
            let answer = upgrade.send().await.expect("an answer");
            assert_eq!(answer.status(), 101, "{path}");
            // The example of RFC 6455, section 1.3.
            assert_eq!(
                answer.headers()["sec-websocket-accept"],
                "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            );
            assert_eq!(
                answer.headers()["sec-websocket-protocol"],
                "opentalk-signaling-json-v1.0"
            );
        }
    }
}
