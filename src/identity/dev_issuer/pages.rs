//! The few pages that people see, from `templates/issuer`: no scripts, no assets, readable by every browser.

use std::sync::LazyLock;

use askama::Template;
use axum::{
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS},
    },
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::authorize_request::Parameters;
use crate::rendering::rendered;

const STYLE: &str = include_str!("page.css");

/// The style sheet as a source expression: the one style that the pages may have.
static STYLE_SOURCE: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE))));

/// The login form.
pub(super) struct LoginPage<'a> {
    pub parameters: &'a Parameters,
    /// Where a successful login leads.
    pub redirect: &'a Url,
    pub username: &'a str,
    pub problem: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "issuer/login.html")]
struct Login<'a> {
    style: &'static str,
    problem: Option<&'static str>,
    /// Fields that the form sends along, with their values.
    hidden: Vec<(&'static str, &'a str)>,
    username: &'a str,
}

#[derive(Template)]
#[template(path = "issuer/message.html")]
struct Message {
    style: &'static str,
    title: &'static str,
    heading: &'static str,
    text: &'static str,
    is_problem: bool,
}

impl IntoResponse for LoginPage<'_> {
    fn into_response(self) -> Response {
        let login = Login {
            style: STYLE,
            problem: self.problem,
            hidden: hidden_fields(self.parameters),
            username: self.username,
        };
        page(StatusCode::OK, &login, Some(self.redirect))
    }
}

/// Tells why there is no login.
pub(super) fn refusal(status: StatusCode, text: &'static str) -> Response {
    let message = Message {
        style: STYLE,
        title: "Refused",
        heading: "This did not work",
        text,
        is_problem: true,
    };
    page(status, &message, None)
}

/// Shown after a logout that leads nowhere.
pub(super) fn logged_out() -> Response {
    let message = Message {
        style: STYLE,
        title: "Logged out",
        heading: "Logged out",
        text: "You can close this page.",
        is_problem: false,
    };
    page(StatusCode::OK, &message, None)
}

fn page(status: StatusCode, page: &impl Template, form_leads_to: Option<&Url>) -> Response {
    match rendered(page) {
        Ok(html) => (status, security_headers(form_leads_to), Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the development issuer can't be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn security_headers(form_leads_to: Option<&Url>) -> [(HeaderName, HeaderValue); 4] {
    // Browsers apply `form-action` to the redirect that answers the form, too.
    let form_action =
        form_leads_to.map_or_else(|| "'none'".to_owned(), |url| format!("'self' {}", source(url)));
    let policy = format!(
        "default-src 'none'; style-src {}; form-action {form_action}; base-uri 'none'; frame-ancestors 'none'",
        *STYLE_SOURCE
    );
    let strictest = HeaderValue::from_static("default-src 'none'");
    [
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_str(&policy).unwrap_or(strictest),
        ),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // With `no-referrer` browsers would send `Origin: null` with our own form.
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ]
}

/// The source expression that allows `url`. IPv6 addresses can't be written in one, and schemes such as `app:` have no
/// host: the scheme alone then.
fn source(url: &Url) -> String {
    match url.host() {
        Some(Host::Domain(_) | Host::Ipv4(_)) => url.origin().ascii_serialization(),
        _ => format!("{}:", url.scheme()),
    }
}

fn hidden_fields(parameters: &Parameters) -> Vec<(&'static str, &str)> {
    let fields = [
        ("client_id", &parameters.client_id),
        ("redirect_uri", &parameters.redirect_uri),
        ("response_type", &parameters.response_type),
        ("response_mode", &parameters.response_mode),
        ("code_challenge", &parameters.code_challenge),
        ("code_challenge_method", &parameters.code_challenge_method),
        ("scope", &parameters.scope),
        ("state", &parameters.state),
        ("nonce", &parameters.nonce),
    ];
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, &**value.as_ref()?)));
    given.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source_of(url: &str) -> String {
        source(&Url::parse(url).expect("URL"))
    }

    #[test]
    fn text_can_not_leave_its_place() {
        let evil = r#"'"><script>&"#;
        let html = rendered(&Login {
            style: STYLE,
            problem: None,
            hidden: vec![("state", evil)],
            username: evil,
        });
        let html = html.unwrap();
        assert_eq!(
            html.matches(r#"value="&#39;&#34;&#62;&#60;script&#62;&#38;""#)
                .count(),
            2,
            "{html}"
        );
        // What the policy allows is what the page has.
        assert!(html.contains(&format!("<style>{STYLE}</style>")), "{html}");
    }

    #[test]
    fn the_form_may_lead_to_the_client() {
        assert_eq!(source_of("http://localhost:3000/cb?x"), "http://localhost:3000");
        assert_eq!(source_of("https://app.example/cb"), "https://app.example");
        assert_eq!(source_of("http://[::1]:3000/cb"), "http:");
        assert_eq!(source_of("app.colloquy:/done"), "app.colloquy:");
    }
}
