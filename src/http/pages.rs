//! Lists in pages, with `Link` headers (RFC 8288).

use axum::{
    Json,
    extract::{FromRequestParts, OriginalUri},
    http::{HeaderValue, header::LINK, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use utoipa::IntoParams;

use super::{ApiError, params::InQuery};
use crate::store::{Listed, Window};

/// Entries of a page when the client does not say.
pub const PER_PAGE_DEFAULT: u32 = 30;

/// Entries of a page at the most.
pub const PER_PAGE_MAX: u32 = 100;

/// The page that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Entries per page.
    #[serde(default = "per_page_default")]
    #[param(minimum = 1, maximum = 100, default = 30)]
    pub per_page: u32,
    /// Number of the page, counted from 1.
    #[serde(default = "page_default")]
    #[param(value_type = u64, minimum = 1, maximum = 4_294_967_295_u32, default = 1)]
    pub page: u32,
}

const fn per_page_default() -> u32 {
    PER_PAGE_DEFAULT
}

const fn page_default() -> u32 {
    1
}

/// A page that exists at least as a number, and where it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    query: PageQuery,
    path: String,
    /// The other parameters, such as filters, each behind an `&`: they are the same on every page.
    others: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let InQuery(query) = InQuery::<PageQuery>::from_request_parts(parts, state).await?;
        if !(1..=PER_PAGE_MAX).contains(&query.per_page) {
            return Err(ApiError::bad_request(format!(
                "per_page must lie between 1 and {PER_PAGE_MAX}"
            )));
        }
        if query.page == 0 {
            return Err(ApiError::bad_request("page must be at least 1"));
        }
        // Below a nested router the URI lacks what was stripped.
        let original = parts.extensions.get::<OriginalUri>();
        let path = original
            .map_or_else(|| parts.uri.path(), |uri| uri.path())
            .to_owned();
        let others = others(parts.uri.query().unwrap_or_default());
        Ok(Self { query, path, others })
    }
}

fn others(query: &str) -> String {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let others = pairs.filter(|(name, _)| name != "page" && name != "per_page");
    let others = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .finish();
    if others.is_empty() {
        others
    } else {
        format!("&{others}")
    }
}

impl Page {
    /// The rows of this page.
    #[must_use]
    pub fn window(&self) -> Window {
        Window {
            limit: self.query.per_page,
            offset: u64::from(self.query.page - 1) * u64::from(self.query.per_page),
        }
    }

    /// The answer: the rows as JSON, with links when there is more than one page.
    pub fn answer<Row, Resource: Serialize>(
        &self,
        listed: Listed<Row>,
        resource: impl FnMut(Row) -> Resource,
    ) -> Response {
        self.answer_as(listed, |rows| {
            rows.into_iter().map(resource).collect::<Vec<Resource>>()
        })
    }

    /// The same for rows that stand inside something else.
    pub fn answer_as<Row, Body: Serialize>(
        &self,
        listed: Listed<Row>,
        body: impl FnOnce(Vec<Row>) -> Body,
    ) -> Response {
        let total = listed.total;
        let mut response = Json(body(listed.rows)).into_response();
        if let Some(links) = self
            .links(total)
            .and_then(|links| HeaderValue::try_from(links).ok())
        {
            response.headers_mut().insert(LINK, links);
        }
        response
    }

    fn links(&self, total: u64) -> Option<String> {
        let PageQuery { per_page, page } = self.query;
        let last = total.div_ceil(u64::from(per_page));
        if last < 2 {
            return None;
        }
        let page = u64::from(page);
        let Self { path, others, .. } = self;
        let link =
            |rel: &str, page: u64| format!("<{path}?per_page={per_page}&page={page}{others}>; rel=\"{rel}\"");
        let mut links = vec![link("first", 1)];
        if page > 1 {
            links.push(link("prev", (page - 1).min(last)));
        }
        if page < last {
            links.push(link("next", page + 1));
        }
        links.push(link("last", last));
        Some(links.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(page: u32, per_page: u32) -> Page {
        Page {
            query: PageQuery { per_page, page },
            path: "/v1/rooms".to_owned(),
            others: String::new(),
        }
    }

    fn rels(links: Option<String>) -> Vec<(String, u64)> {
        let links = links.unwrap_or_default();
        let entry = |link: &str| {
            let number = link.split("&page=").nth(1)?.split('>').next()?.parse().ok()?;
            Some((link.split('"').nth(1)?.to_owned(), number))
        };
        links.split(", ").filter_map(entry).collect()
    }

    #[test]
    fn one_page_has_no_links() {
        assert_eq!(page(1, 30).links(0), None);
        assert_eq!(page(1, 30).links(30), None);
    }

    #[test]
    fn links_lead_to_the_neighbours() {
        for (current, expected) in [
            (1, vec![("first", 1), ("next", 2), ("last", 3)]),
            (2, vec![("first", 1), ("prev", 1), ("next", 3), ("last", 3)]),
            (3, vec![("first", 1), ("prev", 2), ("last", 3)]),
            (9, vec![("first", 1), ("prev", 3), ("last", 3)]),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(rel, page)| (rel.to_owned(), page))
                .collect();
            assert_eq!(rels(page(current, 30).links(61)), expected, "page {current}");
        }
        let links = page(1, 30).links(31).expect("two pages");
        assert!(
            links.starts_with("</v1/rooms?per_page=30&page=1>; rel=\"first\""),
            "{links}"
        );
    }

    #[test]
    fn links_keep_what_else_was_asked_for() {
        for (query, expected) in [
            ("", ""),
            ("page=2&per_page=1", ""),
            ("status=a,b&page=2&x=<%0A>", "&status=a%2Cb&x=%3C%0A%3E"),
            ("status=a&status=b", "&status=a&status=b"),
        ] {
            assert_eq!(others(query), expected);
        }
        let filtered = Page {
            others: "&status=a".to_owned(),
            ..page(1, 30)
        };
        let links = filtered.links(31).expect("two pages");
        assert!(
            links.contains("</v1/rooms?per_page=30&page=2&status=a>; rel=\"next\""),
            "{links}"
        );
    }

    #[test]
    fn the_largest_page_number_does_not_overflow() {
        assert_eq!(page(u32::MAX, 100).window().offset, 429_496_729_400);
    }
}
