//! The HTML of mails, from `templates/mail/letter.html`. Everything that comes from people is escaped there.

use askama::Template;

/// A line about the meeting.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) label: &'a str,
    pub(super) value: &'a str,
    /// Whether the value is a URL of ours to click on.
    pub(super) is_link: bool,
}

/// What stands in a mail: paragraphs, a table, a text, and what stands below it.
#[derive(Debug, Template)]
#[template(path = "mail/letter.html")]
pub(super) struct LetterPage<'a> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rendering::rendered;

    #[test]
    fn markup_of_people_stays_text() {
        let evil = "<script>\"'&</script>";
        let row = || Row {
            label: evil,
            value: evil,
            is_link: true,
        };
        let letter = LetterPage {
            language: "en",
            title: evil,
            paragraphs: &[evil.to_owned()],
            rows: &[row()],
            text: evil,
            footer: evil,
            footer_rows: &[row()],
        };
        let page = rendered(&letter).unwrap();
        assert!(!page.contains("<script>"), "{page}");
        assert_eq!(
            page.matches("&#60;script&#62;&#34;&#39;&#38;&#60;/script&#62;")
                .count(),
            10
        );
    }
}
