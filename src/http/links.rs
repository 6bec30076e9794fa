//! Where a list was asked for, and the links from there to its other pages (RFC 8288).

use axum::{
    Json,
    extract::{FromRequestParts, OriginalUri},
    http::{HeaderValue, Uri, header::LINK, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use url::form_urlencoded;

use super::ApiError;

/// Entries of a page when the client does not say.
pub const PER_PAGE_DEFAULT: u32 = 30;

/// Entries of a page at the most.
pub const PER_PAGE_MAX: u32 = 100;

/// Entries of a page, from a client's wish.
pub fn per_page(asked: Option<u32>) -> Result<u32, ApiError> {
    let per_page = asked.unwrap_or(PER_PAGE_DEFAULT);
    if (1..=PER_PAGE_MAX).contains(&per_page) {
        Ok(per_page)
    } else {
        Err(ApiError::bad_request(format!(
            "per_page must lie between 1 and {PER_PAGE_MAX}"
        )))
    }
}

/// Where a list was asked for, as its client wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedAt(Uri);

impl<S: Send + Sync> FromRequestParts<S> for AskedAt {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Below a nested router the URI lacks what was stripped.
        let original = parts.extensions.get::<OriginalUri>();
        Ok(Self(
            original.map_or_else(|| parts.uri.clone(), |uri| uri.0.clone()),
        ))
    }
}

impl AskedAt {
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// A link to the same list with these parameters, and with what else was asked for but for those that are `left_out`.
    pub(super) fn link(&self, own: &[(&str, &str)], left_out: &[&str], rel: &str) -> String {
        let query = self.0.query().unwrap_or_default();
        let others =
            form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| !left_out.contains(&&**name));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(own)
            .extend_pairs(others)
            .finish();
        format!("<{}?{query}>; rel=\"{rel}\"", self.0.path())
    }
}

#[cfg(test)]
impl AskedAt {
    pub(super) fn test(uri: &'static str) -> Self {
        Self(Uri::from_static(uri))
    }
}

/// A page as JSON, with links to others if there are any.
pub(super) fn linked<T: Serialize>(page: T, links: &[String]) -> Response {
    let mut response = Json(page).into_response();
    if let Ok(value) = HeaderValue::try_from(links.join(", "))
        && !links.is_empty()
    {
        response.headers_mut().insert(LINK, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_what_else_was_asked_for() {
        for (query, expected) in [
            ("", ""),
            ("page=2&per_page=1", ""),
            ("status=a,b&page=2&x=%3C%0A%3E", "&status=a%2Cb&x=%3C%0A%3E"),
            ("status=a&status=b", "&status=a&status=b"),
        ] {
            let asked = AskedAt(format!("/v1/rooms?{query}").parse().unwrap());
            let link = asked.link(&[("page", "3")], &["page", "per_page"], "next");
            assert_eq!(link, format!("</v1/rooms?page=3{expected}>; rel=\"next\""));
        }
    }

    #[test]
    fn the_header_is_absent_without_links() {
        assert!(!linked(7, &[]).headers().contains_key(LINK));
        let header = linked(7, &["<a>".to_owned(), "<b>".to_owned()]).headers()[LINK].clone();
        assert_eq!(header, "<a>, <b>");
    }

    #[test]
    fn pages_have_bounds() {
        assert_eq!(per_page(None).unwrap(), PER_PAGE_DEFAULT);
        assert_eq!(per_page(Some(1)).unwrap(), 1);
        assert_eq!(per_page(Some(100)).unwrap(), PER_PAGE_MAX);
        for bad in [0, 101] {
            assert_eq!(per_page(Some(bad)).unwrap_err().status().as_u16(), 400);
        }
    }
}
