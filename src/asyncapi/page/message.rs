//! A message on the page: what it is for, its fields, an example.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    html::{escape, prose, text},
    types,
};

/// The fields that say what a message is: the title and the example show them.
const TAGS: &[&str] = &["action", "message"];

pub(super) fn article(key: &str, message: &Value) -> String {
    let payload = &message["payload"]["properties"]["payload"];
    let anchor = escape(key);
    let mut html = format!(
        "<article id=\"{anchor}\">\n<h4><a href=\"#{anchor}\">{}</a></h4>\n{}",
        text(&message["title"]),
        prose(&message["summary"]),
    );
    html.push_str(&types::table(payload, TAGS));
    for example in message["examples"].as_array().into_iter().flatten() {
        let json = format!("{:#}", example["payload"]);
        let _ = writeln!(
            html,
            "<details><summary>Example</summary>\n<pre>{}</pre></details>",
            escape(&json)
        );
    }
    html.push_str("</article>\n");
    html
}
