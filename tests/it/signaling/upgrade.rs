//! Section 1: from the ticket to the WebSocket.

use reqwest::RequestBuilder;
use serde_json::json;

use super::Quiet;
use crate::support::{
    meeting::Meeting,
    participant::{Participant, protocols},
    rest::{Answer, receive},
    server::Server,
};

on_both_databases!(Quiet:
    every_refusal_has_its_code, tickets_that_open_nothing, a_refused_upgrade_costs_no_ticket,
    a_ticket_opens_one_socket, both_paths_and_every_order_work);

const PROTOCOL: &str = "opentalk-signaling-json-v1.0";
const PATHS: [&str; 2] = ["/signaling", "/v1/signaling"];

fn upgrade(server: &Server, path: &str) -> RequestBuilder {
    server.anonymous().upgrade(path)
}

/// The refusal of an upgrade with these protocols, each in a header of its own.
async fn refusal(server: &Server, path: &str, offered: &[&str]) -> Answer {
    let headers = offered.iter().fold(upgrade(server, path), |request, value| {
        request.header("sec-websocket-protocol", *value)
    });
    receive(headers, format!("upgrade {path} {offered:?}")).await
}

async fn every_refusal_has_its_code(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ticket = meeting.ask_as_guest(None).await.expect(200);
    let ticket = format!("ticket#{}", ticket["ticket"].as_str().expect("a ticket"));
    for (offered, status, code) in [
        (&[][..], 400, "missing_protocol"),
        (&[""], 400, "invalid_protocol"),
        (&["graphql-ws"], 400, "invalid_protocol"),
        (
            &["opentalk-signaling-json-v2.0", &ticket],
            400,
            "invalid_protocol",
        ),
        (
            &["OpenTalk-Signaling-JSON-v1.0", &ticket],
            400,
            "invalid_protocol",
        ),
        (&[&ticket], 400, "invalid_protocol"),
        (&[PROTOCOL], 401, "missing_ticket"),
        (&[PROTOCOL, "graphql-ws"], 401, "missing_ticket"),
        (&[PROTOCOL, "ticket"], 401, "missing_ticket"),
    ] {
        for path in PATHS {
            let refused = refusal(server, path, offered).await;
            refused.expect_error(status, code);
        }
    }
}

async fn tickets_that_open_nothing(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let elsewhere = Meeting::create(server, json!({})).await;
    let ticket = async |meeting: &Meeting| {
        let issued = meeting.ask_as_guest(None).await.expect(200);
        issued["ticket"].as_str().expect("a ticket").to_owned()
    };
    let (good, foreign) = (ticket(&meeting).await, ticket(&elsewhere).await);
    // A ticket names its room in its first 22 characters; the rest must be one of that room.
    let (other_room, other_secret) = (&foreign[..22], &foreign[22..]);
    for bad in [
        String::new(),
        "abc".to_owned(),
        good[..63].to_owned(),
        format!("{good}a"),
        format!("{}-", &good[..63]),
        "a".repeat(64),
        "z".repeat(64),
        "x".repeat(4_000),
        format!("{other_room}{}", &good[22..]),
        format!("{}{other_secret}", &good[..22]),
        good.to_uppercase(),
    ] {
        let refused = refusal(server, "/signaling", &[PROTOCOL, &format!("ticket#{bad}")]).await;
        refused.expect_error(401, "invalid_ticket");
    }
    for (meeting, ticket) in [(&meeting, good), (&elsewhere, foreign)] {
        let ticket = json!({"ticket": ticket, "resumption": ""});
        meeting.connect(&ticket).await.join("Gus").await;
    }
}

async fn a_refused_upgrade_costs_no_ticket(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ticket = meeting.ask_as_guest(None).await.expect(200);
    let bare = format!("ticket#{}", ticket["ticket"].as_str().expect("a ticket"));
    let refused = refusal(server, "/signaling", &[&bare]).await;
    refused.expect_error(400, "invalid_protocol");
    // A request that is no upgrade, and upgrades to something else.
    let offered = protocols(&ticket);
    for (left_out, value) in [
        ("connection", "keep-alive"),
        ("upgrade", "h2c"),
        ("sec-websocket-version", "8"),
    ] {
        let plain = upgrade(server, "/signaling").header("sec-websocket-protocol", &offered);
        let mut request = plain.build().expect("a request");
        request
            .headers_mut()
            .insert(left_out, value.parse().expect("a value"));
        let request = RequestBuilder::from_parts(reqwest::Client::new(), request);
        let refused = receive(request, format!("{left_out}: {value}")).await;
        refused.expect_error(400, "bad_request");
    }
    let posted = server.anonymous().post("/signaling", json!({})).await;
    assert_eq!(posted.headers["allow"], "GET,HEAD");
    posted.expect_error(405, "method_not_allowed");

    meeting.connect(&ticket).await.join("Gus").await;
}

async fn a_ticket_opens_one_socket(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ticket = meeting.ask_as_guest(None).await.expect(200);
    let mut first = meeting.connect(&ticket).await;
    for path in PATHS {
        let refused = refusal(server, path, &[&protocols(&ticket)]).await;
        refused.expect_error(401, "invalid_ticket");
    }
    first.join("First").await;
    // Many at once: one of them gets in.
    let ticket = meeting.ask_as_guest(None).await.expect(200);
    let (address, offered) = (server.address(), protocols(&ticket));
    let all = (0..20).map(|_| Participant::upgrade(&address, Some(&offered)));
    let answers = futures_util::future::join_all(all).await;
    let opened = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(opened, 1);
    for refused in answers.into_iter().filter_map(Result::err) {
        assert_eq!((refused.0, &refused.1["code"]), (401, &json!("invalid_ticket")));
    }
}

async fn both_paths_and_every_order_work(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    for path in PATHS {
        for order in [
            &["{ticket}, {protocol}"][..],
            &["{protocol},{ticket}"],
            &["{ticket}", "{protocol}"],
            &["other,  {protocol} ,{ticket}, another"],
        ] {
            let ticket = meeting.ask_as_guest(None).await.expect(200);
            let ticket = format!("ticket#{}", ticket["ticket"].as_str().expect("a ticket"));
            let request = order.iter().fold(upgrade(server, path), |request, value| {
                let value = value.replace("{ticket}", &ticket).replace("{protocol}", PROTOCOL);
                request.header("sec-websocket-protocol", value)
            });
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 101, "{path} {order:?}");
            // The example of RFC 6455, section 1.3.
            assert_eq!(
                answer.headers()["sec-websocket-accept"],
                "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            );
            let selected: Vec<_> = answer
                .headers()
                .get_all("sec-websocket-protocol")
                .iter()
                .collect();
            assert_eq!(selected, [PROTOCOL]);
        }
    }
}
