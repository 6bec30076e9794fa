//! The pages behind the link with which somebody refuses mail: a form each, no script.

use std::sync::LazyLock;

use askama::Template;

use super::texts::Texts;
use crate::rendering::{RenderError, rendered};

static TEXTS: LazyLock<Texts> = LazyLock::new(Texts::new);

/// What a page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalPage {
    /// Asks whether the address is to get no more mail: links are followed by machines too, so that a look changes nothing.
    Question,
    /// It gets none; offers to take that back.
    Refused,
    /// It gets mail again; asks as the first one does.
    TakenBack,
    /// There is no such link.
    Wrong,
}

#[derive(Debug, Template)]
#[template(path = "mail/refusal.html")]
struct Words<'a> {
    /// BCP 47 tag.
    language: &'a str,
    title: String,
    text: String,
    /// Where its button sends, and what stands on it.
    form: Option<(&'static str, String)>,
    token: &'a str,
}

impl RefusalPage {
    /// The page as HTML, in the language of this BCP 47 tag if there is one. Its forms send to `unsubscribe/<token>` and
    /// `subscribe/<token>` beside each other.
    pub fn html(self, language: &str, token: &str) -> Result<String, RenderError> {
        let language = TEXTS.of(language);
        let form = |path, button: &str| Some((path, language.text(button)));
        let (text, form) = match self {
            Self::Question => ("refusal-question", form("unsubscribe", "refusal-button")),
            Self::Refused => ("refusal-done", form("subscribe", "refusal-back-button")),
            Self::TakenBack => ("refusal-undone", form("unsubscribe", "refusal-button")),
            Self::Wrong => ("refusal-wrong", None),
        };
        rendered(&Words {
            language: language.tag,
            title: language.text("refusal-title"),
            text: language.text(text),
            form,
            token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_its_form() {
        for (page, action) in [
            (RefusalPage::Question, Some("../unsubscribe/abc")),
            (RefusalPage::Refused, Some("../subscribe/abc")),
            (RefusalPage::TakenBack, Some("../unsubscribe/abc")),
            (RefusalPage::Wrong, None),
        ] {
            let html = page.html("de-AT", "abc").unwrap();
            assert_eq!(html.contains("<form"), action.is_some(), "{html}");
            let action = action.map(|action| format!("action=\"{action}\""));
            assert!(action.is_none_or(|action| html.contains(&action)), "{html}");
            assert!(
                html.contains("<html lang=\"de\">") && !html.contains("refusal-"),
                "{html}"
            );
        }
    }

    #[test]
    fn a_token_adds_no_markup() {
        let html = RefusalPage::Question.html("en", "\"><script>").unwrap();
        assert!(!html.contains("<script>"), "{html}");
    }
}
