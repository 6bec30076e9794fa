//! The HTML of mails. Everything that comes from people is escaped.

/// A line about the meeting.
pub(super) struct Row<'a> {
    pub(super) label: &'a str,
    pub(super) value: &'a str,
    /// Whether the value is a URL of ours to click on.
    pub(super) is_link: bool,
}

/// What stands in a mail.
pub(super) struct Letter<'a> {
    /// BCP 47 tag.
    pub(super) language: &'a str,
    pub(super) title: &'a str,
    pub(super) paragraphs: &'a [String],
    pub(super) rows: &'a [Row<'a>],
    /// With its own line ends; may be empty.
    pub(super) text: &'a str,
    pub(super) footer: &'a str,
    pub(super) footer_rows: &'a [Row<'a>],
}

/// A whole page: paragraphs, a table, a text, and what stands below it.
pub(super) fn page(letter: &Letter<'_>) -> String {
    let paragraphs = letter.paragraphs.iter().fold(String::new(), |mut html, text| {
        html.extend(["<p>", &escaped(text), "</p>\n"]);
        html
    });
    let text = if letter.text.is_empty() {
        String::new()
    } else {
        format!("<p style=\"white-space:pre-line\">{}</p>\n", escaped(letter.text))
    };
    let footer = letter
        .footer_rows
        .iter()
        .fold(escaped(letter.footer), |mut html, row| {
            html.extend(["<br>\n", &escaped(row.label), ": ", &value(row)]);
            html
        });
    let rows: String = letter.rows.iter().map(row).collect();
    let body = format!("{paragraphs}<table>\n{rows}</table>\n{text}<hr>\n<p><small>{footer}</small></p>\n");
    document(letter.language, letter.title, "", &body)
}

/// An HTML document; `head` and `body` are HTML.
pub(super) fn document(language: &str, title: &str, head: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n{head}</head>\n\
         <body style=\"font-family:sans-serif\">\n{body}</body>\n</html>\n",
        title = escaped(title),
    )
}

fn row(row: &Row<'_>) -> String {
    let (label, value) = (escaped(row.label), value(row));
    format!(
        "<tr><th style=\"text-align:left;vertical-align:top;padding-right:1em\">{label}</th><td>{value}</td></tr>\n"
    )
}

fn value(row: &Row<'_>) -> String {
    let value = escaped(row.value);
    if row.is_link {
        format!("<a href=\"{value}\">{value}</a>")
    } else {
        value
    }
}

pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_people_stays_text() {
        let evil = "<script>\"'&</script>";
        let row = || Row {
            label: evil,
            value: evil,
            is_link: true,
        };
        let page = page(&Letter {
            language: "en",
            title: evil,
            paragraphs: &[evil.to_owned()],
            rows: &[row()],
            text: evil,
            footer: evil,
            footer_rows: &[row()],
        });
        assert!(!page.contains("<script>"), "{page}");
        assert_eq!(
            page.matches("&lt;script&gt;&quot;&#39;&amp;&lt;/script&gt;")
                .count(),
            10
        );
    }
}
