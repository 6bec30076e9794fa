//! `GET /v1/asyncapi.json` and `GET /docs/signaling`.

use std::collections::BTreeSet;

use colloquy::asyncapi;

use crate::{
    databases::Kind,
    support::{
        rest::{Answer, Rest},
        server::Server,
    },
};

/// What stands between `name="` and the next quotation mark, each time.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    let values = html.split(&start).skip(1);
    values
        .map(|rest| rest.split('"').next().unwrap_or_default())
        .collect()
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer
        .headers
        .get(name)
        .expect("the header")
        .to_str()
        .expect("text")
}

#[tokio::test]
async fn the_protocol_can_be_read_without_a_network() {
    let server = Server::start(Kind::Sqlite).await;
    let anyone = server.anonymous();
    the_document_is_served(&anyone).await;
    the_page_stands_alone(&anyone).await;
    for path in ["/v1/asyncapi.json", "/docs/signaling"] {
        assert_eq!(
            anyone.post(path, serde_json::json!({})).await.status,
            405,
            "{path}"
        );
    }
    let rest = anyone.get("/v1/openapi.json").await;
    let about = rest.json["info"]["description"].as_str().expect("a description");
    assert!(about.contains("(/docs/signaling)"), "{about}");
    server.finish().await;
}

async fn the_document_is_served(anyone: &Rest) {
    let answer = anyone.get("/v1/asyncapi.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(header(&answer, "content-type"), "application/json");
    assert_eq!(answer.json, asyncapi::document());
    assert_eq!(answer.json["asyncapi"], "3.0.0");
}

async fn the_page_stands_alone(anyone: &Rest) {
    let answer = anyone.get("/docs/signaling").await;
    assert_eq!(answer.status, 200);
    assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
    assert!(header(&answer, "content-security-policy").starts_with("default-src 'none'; style-src 'sha256-"));
    let html = answer.text.as_str();
    for outside in [
        "<script", "<link", "<img", "<iframe", " src=", "url(", "@import", " style=",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    let anchors = attributes(html, "id");
    let unique: BTreeSet<_> = anchors.iter().copied().collect();
    assert_eq!(unique.len(), anchors.len(), "two things have one anchor");
    for link in attributes(html, "href") {
        let leads_here = link
            .strip_prefix('#')
            .is_some_and(|anchor| unique.contains(anchor));
        assert!(
            leads_here || ["/v1/asyncapi.json", "/docs/"].contains(&link),
            "{link} leads away, or nowhere"
        );
    }
    everything_is_on_the_page(html, &unique);
}

fn everything_is_on_the_page(html: &str, anchors: &BTreeSet<&str>) {
    let document = asyncapi::document();
    let names = |object: &serde_json::Value| {
        let keys = object.as_object().expect("an object").keys();
        keys.cloned().collect::<Vec<_>>()
    };
    let mut wanted = names(&document["components"]["messages"]);
    let types = names(&document["components"]["schemas"]);
    wanted.extend(types.iter().map(|name| format!("type.{name}")));
    for (namespace, errors) in document["x-error-codes"].as_object().expect("namespaces") {
        for row in errors.as_array().expect("errors") {
            wanted.push(format!(
                "error.{namespace}.{}",
                row["error"].as_str().expect("a name")
            ));
        }
    }
    for row in document["x-close-codes"].as_array().expect("codes") {
        wanted.push(format!("close.{}", row["code"]));
        let about = row["description"]
            .as_str()
            .expect("a description")
            .replace('\'', "&#39;");
        assert!(html.contains(&about), "{about}");
    }
    assert!(wanted.len() > 180, "only {}", wanted.len());
    for anchor in &wanted {
        assert!(anchors.contains(anchor.as_str()), "{anchor} is not on the page");
    }
}
