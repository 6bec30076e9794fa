//! The HTML of mails. Everything that comes from people is escaped.

/// A line about the meeting.
pub(super) struct Row<'a> {
    pub(super) label: &'a str,
    pub(super) value: &'a str,
    /// Whether the value is a URL of ours to click on.
    pub(super) is_link: bool,
}

/// A whole page: paragraphs, a table, and a text with its own line ends.
pub(super) fn page(
    language: &str,
    title: &str,
    paragraphs: &[String],
    rows: &[Row<'_>],
    text: &str,
) -> String {
    let paragraphs = paragraphs.iter().fold(String::new(), |mut html, text| {
        html.extend(["<p>", &escaped(text), "</p>\n"]);
        html
    });
    let rows: String = rows.iter().map(row).collect();
    let text = if text.is_empty() {
        String::new()
    } else {
        format!("<p style=\"white-space:pre-line\">{}</p>\n", escaped(text))
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n</head>\n\
         <body style=\"font-family:sans-serif\">\n{paragraphs}<table>\n{rows}</table>\n{text}</body>\n</html>\n",
        title = escaped(title),
    )
}

fn row(row: &Row<'_>) -> String {
    let (label, value) = (escaped(row.label), escaped(row.value));
    let value = if row.is_link {
        format!("<a href=\"{value}\">{value}</a>")
    } else {
        value
    };
    format!(
        "<tr><th style=\"text-align:left;vertical-align:top;padding-right:1em\">{label}</th><td>{value}</td></tr>\n"
    )
}

fn escaped(text: &str) -> String {
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
        let row = Row {
            label: evil,
            value: evil,
            is_link: true,
        };
        let page = page("en", evil, &[evil.to_owned()], &[row], evil);
        assert!(!page.contains("<script>"), "{page}");
        assert_eq!(
            page.matches("&lt;script&gt;&quot;&#39;&amp;&lt;/script&gt;")
                .count(),
            6
        );
    }
}
