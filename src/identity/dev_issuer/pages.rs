//! The few pages that people see: no scripts, no assets, readable by every browser.

use std::{fmt::Write, sync::LazyLock};

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

impl IntoResponse for LoginPage<'_> {
    fn into_response(self) -> Response {
        let problem = self.problem.map_or_else(String::new, |problem| {
            format!("<p class=\"problem\" role=\"alert\" id=\"problem\">{problem}</p>\n")
        });
        let described = if self.problem.is_some() {
            " aria-describedby=\"problem\""
        } else {
            ""
        };
        let body = format!(
            "<h1>Log in</h1>\n\
             <p>This is the development identity provider of Colloquy.</p>\n\
             {problem}<form method=\"post\" action=\"authorize\">\n\
             {hidden}\
             <label for=\"username\">User name</label>\n\
             <input id=\"username\" name=\"username\" value=\"{username}\" autocomplete=\"username\" \
             autocapitalize=\"none\" spellcheck=\"false\" required autofocus{described}>\n\
             <label for=\"password\">Password</label>\n\
             <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\n\
             <button>Log in</button>\n</form>",
            hidden = hidden_fields(self.parameters),
            username = escape(self.username),
        );
        page(StatusCode::OK, "Log in", &body, Some(self.redirect))
    }
}

/// Tells why there is no login.
pub(super) fn refusal(status: StatusCode, text: &'static str) -> Response {
    let body = format!("<h1>This did not work</h1>\n<p class=\"problem\" role=\"alert\">{text}</p>");
    page(status, "Refused", &body, None)
}

/// Shown after a logout that leads nowhere.
pub(super) fn logged_out() -> Response {
    let body = "<h1>Logged out</h1>\n<p>You can close this page.</p>";
    page(StatusCode::OK, "Logged out", body, None)
}

fn page(status: StatusCode, title: &str, body: &str, form_leads_to: Option<&Url>) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Colloquy</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    );
    (status, security_headers(form_leads_to), Html(html)).into_response()
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

fn hidden_fields(parameters: &Parameters) -> String {
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
    let mut html = String::new();
    for (name, value) in fields {
        if let Some(value) = value {
            // Writing to a string can not fail.
            let _ = writeln!(
                html,
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
                escape(value)
            );
        }
    }
    html
}

/// Text as content of an element or of a quoted attribute.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source_of(url: &str) -> String {
        source(&Url::parse(url).expect("URL"))
    }

    #[test]
    fn text_can_not_leave_its_place() {
        assert_eq!(escape(r#"'"><script>&"#), "&#39;&quot;&gt;&lt;script&gt;&amp;");
    }

    #[test]
    fn the_form_may_lead_to_the_client() {
        assert_eq!(source_of("http://localhost:3000/cb?x"), "http://localhost:3000");
        assert_eq!(source_of("https://app.example/cb"), "https://app.example");
        assert_eq!(source_of("http://[::1]:3000/cb"), "http:");
        assert_eq!(source_of("app.colloquy:/done"), "app.colloquy:");
    }
}
