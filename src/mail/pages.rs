//! The pages behind the link with which somebody refuses mail: a form each, no script.

use std::sync::LazyLock;

use super::{
    html::{document, escaped},
    texts::Texts,
};

static TEXTS: LazyLock<Texts> = LazyLock::new(Texts::new);

/// What a page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Asks whether the address is to get no more mail: links are followed by machines too, so that a look changes nothing.
    Question,
    /// It gets none; offers to take that back.
    Refused,
    /// It gets mail again; asks as the first one does.
    TakenBack,
    /// There is no such link.
    Wrong,
}

impl Page {
    /// The page as HTML, in the language of this BCP 47 tag if there is one. Its forms send to `unsubscribe/<token>` and
    /// `subscribe/<token>` beside each other.
    #[must_use]
    pub fn html(self, language: &str, token: &str) -> String {
        let language = TEXTS.of(language);
        let form = |path: &str, button: &str| {
            format!(
                "<form method=\"post\" action=\"../{path}/{}\"><button>{}</button></form>\n",
                escaped(token),
                escaped(&language.text(button))
            )
        };
        let (text, form) = match self {
            Self::Question => ("refusal-question", form("unsubscribe", "refusal-button")),
            Self::Refused => ("refusal-done", form("subscribe", "refusal-back-button")),
            Self::TakenBack => ("refusal-undone", form("unsubscribe", "refusal-button")),
            Self::Wrong => ("refusal-wrong", String::new()),
        };
        let head = "<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"robots\" content=\"noindex\">\n";
        let body = format!("<p>{}</p>\n{form}", escaped(&language.text(text)));
        document(language.tag, &language.text("refusal-title"), head, &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_its_form() {
        for (page, action) in [
            (Page::Question, Some("../unsubscribe/abc")),
            (Page::Refused, Some("../subscribe/abc")),
            (Page::TakenBack, Some("../unsubscribe/abc")),
            (Page::Wrong, None),
        ] {
            let html = page.html("de-AT", "abc");
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
        let html = Page::Question.html("en", "\"><script>");
        assert!(!html.contains("<script>"), "{html}");
    }
}
