//! `GET /` for people who open the server's address in a browser: what this is, and where to go on. Everybody else gets the 404
//! of a path that does not exist.

use std::sync::LazyLock;

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::{
        HeaderMap, HeaderValue, Method,
        header::{
            ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{Html, IntoResponse as _, Response},
    routing::any,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::{ApiError, ApiState, api::not_found, well_known::Base};
use crate::{config::Config, rendering::rendered};

const STYLE: &str = include_str!("home.css");

/// No script, nothing from elsewhere, and the one style that the page brings along.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

#[derive(Debug, Template)]
#[template(path = "home.html")]
struct Home<'a> {
    style: &'static str,
    version: &'static str,
    has_docs: bool,
    base: &'a str,
    /// Where the signaling of this server is.
    signaling: String,
    /// While the built-in identity provider is on.
    development: Option<Development<'a>>,
}

#[derive(Debug)]
struct Development<'a> {
    users: Vec<User<'a>>,
    /// Who takes the tour.
    first: &'a str,
}

#[derive(Debug)]
struct User<'a> {
    name: &'a str,
    /// Other passwords are for those who have written them into the settings.
    is_password_its_name: bool,
}

pub(super) fn routes() -> Router<ApiState> {
    Router::new().route("/", any(home))
}

async fn home(
    State(state): State<ApiState>,
    Base(base): Base,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let is_look = method == Method::GET || method == Method::HEAD;
    if !is_look || !wants_html(&headers) {
        return Ok(not_found().await.into_response());
    }
    let page = Home {
        style: STYLE,
        version: env!("CARGO_PKG_VERSION"),
        has_docs: state.config.http.docs,
        signaling: format!("{}/signaling", base.replacen("http", "ws", 1)),
        base: &base,
        development: development(&state.config),
    };
    let html = rendered(&page).map_err(ApiError::internal)?;
    let policy = HeaderValue::from_str(&POLICY).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let about = [
        (CONTENT_SECURITY_POLICY, policy),
        (VARY, HeaderValue::from_static("accept")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((about, Html(html)).into_response())
}

fn development(config: &Config) -> Option<Development<'_>> {
    if !config.dev_issuer_enabled() {
        return None;
    }
    // Services have roles, and do not take tours.
    let people = config
        .dev_issuer
        .users
        .iter()
        .filter(|user| user.roles.is_empty());
    let users: Vec<_> = people
        .map(|user| User {
            name: &user.username,
            is_password_its_name: user.password == user.username,
        })
        .collect();
    let first = users
        .iter()
        .find(|user| user.is_password_its_name)
        .or(users.first())?;
    Some(Development {
        first: first.name,
        users,
    })
}

/// Whether a client names HTML among what it takes, as browsers do. `*/*` is what programs say.
fn wants_html(headers: &HeaderMap) -> bool {
    let asked = headers.get_all(ACCEPT).iter();
    let mut ranges = asked
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','));
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        let is_refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        !is_refused
            && (essence.eq_ignore_ascii_case("text/html")
                || essence.eq_ignore_ascii_case("application/xhtml+xml"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_want_html_and_programs_do_not() {
        let wants = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            wants_html(&headers)
        };
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "Text/HTML",
            "application/json;q=0.5, text/html;level=1",
        ] {
            assert!(wants(accept), "{accept}");
        }
        for accept in [
            "*/*",
            "application/json",
            "application/json, text/plain, */*",
            "text/html;q=0, */*",
            "",
        ] {
            assert!(!wants(accept), "{accept}");
        }
        assert!(!wants_html(&HeaderMap::new()));
    }
}
