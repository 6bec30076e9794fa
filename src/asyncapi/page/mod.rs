//! The document as a page for people: no scripts, no assets, nothing from a network.

mod html;
mod message;
mod types;

use std::{fmt::Write as _, sync::LazyLock};

use axum::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use html::{escape, prose, text};

const STYLE: &str = include_str!("page.css");

/// The one style that the page may have; everything else is refused.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// The policy that browsers shall hold the page to.
pub(super) fn content_security_policy() -> HeaderValue {
    HeaderValue::from_str(&POLICY).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// The page of an AsyncAPI document of ours.
pub(super) fn render(document: &Value) -> String {
    let namespaces: Vec<_> = list(&document["info"]["tags"])
        .filter_map(|tag| tag["name"].as_str())
        .collect();
    let mut body = introduction(document);
    body.push_str(&contents(document, &namespaces));
    body.push_str(&connecting(document));
    for name in &namespaces {
        body.push_str(&namespace(document, name));
    }
    body.push_str(&close_codes(document));
    body.push_str(&types::section(&document["components"]["schemas"]));
    let title = text(&document["info"]["title"]);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn introduction(document: &Value) -> String {
    let info = &document["info"];
    format!(
        "<h1>{}</h1>\n<p class=\"version\">Version {}. The same for tools: <a href=\"/v1/asyncapi.json\">AsyncAPI</a>. \
         Everything but meetings: <a href=\"/docs/\">REST API</a>.</p>\n{}",
        text(&info["title"]),
        text(&info["version"]),
        prose(&info["description"]),
    )
}

fn contents(document: &Value, namespaces: &[&str]) -> String {
    let mut html =
        "<nav aria-label=\"Contents\">\n<ul>\n<li><a href=\"#connecting\">Connecting</a></li>\n".to_owned();
    for name in namespaces {
        let links = ["commands", "events"].map(|what| {
            let messages = messages(document, name, what);
            let links: Vec<_> = messages
                .map(|(key, message)| link(key, &message["title"]))
                .collect();
            format!("<li>{what}: {}</li>", links.join(", "))
        });
        let _ = writeln!(
            html,
            "<li><a href=\"#{name}\">{name}</a>\n<ul>{}</ul></li>",
            links.concat()
        );
    }
    html.push_str(
        "<li><a href=\"#close-codes\">Close codes</a></li>\n<li><a href=\"#types\">Types</a></li>\n</ul>\n</nav>\n",
    );
    html
}

fn link(key: &str, title: &Value) -> String {
    format!("<a href=\"#{}\"><code>{}</code></a>", escape(key), text(title))
}

fn connecting(document: &Value) -> String {
    let channel = &document["channels"]["signaling"];
    let headers = &channel["bindings"]["ws"]["headers"]["properties"];
    let mut html = format!(
        "<section id=\"connecting\">\n<h2>Connecting</h2>\n<p><code>GET {}</code> becomes a WebSocket.</p>\n{}",
        text(&channel["address"]),
        prose(&channel["description"]),
    );
    for (name, header) in headers.as_object().into_iter().flatten() {
        let example = text(&header["examples"][0]);
        let _ = write!(
            html,
            "<pre>{}: {example}</pre>\n{}",
            escape(name),
            prose(&header["description"])
        );
    }
    html.push_str(
        "<h3>The envelope</h3>\n<p>A command names its <code>namespace</code> and carries a <code>payload</code>, whose \
         <code>action</code> says what it is. So does an event; there the <code>message</code> of the payload says what it \
         is, and beside it stand</p>\n",
    );
    let event = &document["components"]["messages"]["event.control.joined"]["payload"];
    html.push_str(&types::table(event, &["namespace", "payload"]));
    html.push_str("<p>The fields below are those of payloads.</p>\n");
    html.push_str("</section>\n");
    html
}

fn namespace(document: &Value, name: &str) -> String {
    let about = list(&document["info"]["tags"]).find(|tag| tag["name"] == name);
    let mut html = format!("<section id=\"{name}\">\n<h2>{name}</h2>\n");
    html.push_str(&about.map_or_else(String::new, |tag| prose(&tag["description"])));
    for (what, title) in [("commands", "Commands"), ("events", "Events")] {
        let _ = writeln!(html, "<h3 id=\"{name}.{what}\">{title}</h3>");
        for (key, described) in messages(document, name, what) {
            html.push_str(&message::article(key, described));
        }
    }
    let errors = &document["x-error-codes"][name];
    if errors.is_array() {
        let _ = write!(
            html,
            "<h3 id=\"{name}.errors\">Errors</h3>\n<table>\n<thead><tr><th>error</th><th>when</th></tr></thead>\n<tbody>\n"
        );
        for row in list(errors) {
            let (error, when) = (text(&row["error"]), text(&row["description"]));
            let _ = writeln!(
                html,
                "<tr id=\"error.{name}.{error}\"><td><code>{error}</code></td><td>{when}</td></tr>"
            );
        }
        html.push_str("</tbody>\n</table>\n");
    }
    html.push_str("</section>\n");
    html
}

fn close_codes(document: &Value) -> String {
    let mut html =
        "<section id=\"close-codes\">\n<h2>Close codes</h2>\n<table>\n<thead><tr><th>code</th><th>when the \
                    server sends it</th><th>does the client reconnect?</th></tr></thead>\n<tbody>\n"
            .to_owned();
    for row in list(&document["x-close-codes"]) {
        let back = if row["clientReconnects"] == true {
            "yes"
        } else {
            "no"
        };
        let _ = writeln!(
            html,
            "<tr id=\"close.{code}\"><td><code>{code}</code></td><td>{when}</td><td>{back}</td></tr>",
            code = row["code"],
            when = text(&row["description"]),
        );
    }
    html.push_str("</tbody>\n</table>\n</section>\n");
    html
}

/// The messages of an operation, in its order.
fn messages<'a>(
    document: &'a Value,
    namespace: &str,
    what: &str,
) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
    let references = &document["operations"][format!("{namespace}.{what}")]["messages"];
    list(references).filter_map(|reference| {
        let key = reference["$ref"].as_str()?.rsplit('/').next()?;
        Some((key, &document["components"]["messages"][key]))
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
