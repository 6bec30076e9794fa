//! Text as HTML.

use std::fmt::Write as _;

use serde_json::Value;

/// Text without a meaning in HTML, also inside quotes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A line of Markdown as we write it: only `code` is marked.
pub(super) fn line(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            html.push_str("<code>");
            html.push_str(&escape(part));
            html.push_str("</code>");
        } else {
            html.push_str(&escape(part));
        }
    }
    html
}

/// A line that a field of the document holds; empty when it holds none.
pub(super) fn text(value: &Value) -> String {
    line(value.as_str().unwrap_or_default())
}

/// Paragraphs. Tables of the Markdown are left out: the page has its own.
pub(super) fn prose(value: &Value) -> String {
    let paragraphs = value.as_str().unwrap_or_default().split("\n\n");
    let shown = paragraphs.filter(|paragraph| !paragraph.is_empty() && !paragraph.starts_with('|'));
    shown.fold(String::new(), |mut html, paragraph| {
        // Writing to a string does not fail.
        let _ = writeln!(html, "<p>{}</p>", line(paragraph));
        html
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_marked() {
        assert_eq!(line("a `b<c` & d"), "a <code>b&lt;c</code> &amp; d");
        assert_eq!(line("<script>\"'"), "&lt;script&gt;&quot;&#39;");
    }

    #[test]
    fn tables_are_left_out_of_prose() {
        let text = Value::from("One.\n\n| a | b |\n|---|---|\n\nTwo.");
        assert_eq!(prose(&text), "<p>One.</p>\n<p>Two.</p>\n");
    }
}
