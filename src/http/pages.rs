//! Lists in pages, with `Link` headers (RFC 8288).

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
    response::Response,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{
    ApiError, ApiState,
    links::{AskedAt, PER_PAGE_DEFAULT, linked, per_page},
    params::InQuery,
};
use crate::store::{self, Listed, TIME_MAX, TIME_MIN, Window};

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
    asked: AskedAt,
    /// As of when a list that begins with the newest is shown.
    as_of: Option<DateTime<Utc>>,
}

/// As of when a list that begins with the newest is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AsOfQuery {
    /// What was made later is left out; links to other pages carry it, so that what is made meanwhile shifts nothing.
    #[param(required = false)]
    as_of: Option<DateTime<Utc>>,
}

/// A page of a list that begins with the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestPage {
    page: Page,
    as_of: DateTime<Utc>,
}

impl<S> FromRequestParts<S> for NewestPage
where
    S: Send + Sync,
    ApiState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let page = Page::from_request_parts(parts, state).await?;
        let InQuery(query) = InQuery::<AsOfQuery>::from_request_parts(parts, state).await?;
        let asked = query.as_of.map(|asked| asked.clamp(TIME_MIN, TIME_MAX));
        let now = || ApiState::from_ref(state).clock.now();
        Ok(Self {
            page: Page {
                as_of: Some(store::micros(asked.unwrap_or_else(now))),
                ..page
            },
            // Without it everything is shown, also what a clock that was set back takes for later.
            as_of: asked.unwrap_or(TIME_MAX),
        })
    }
}

impl NewestPage {
    /// The rows of this page.
    #[must_use]
    pub fn window(&self) -> store::NewestFirst {
        store::NewestFirst {
            window: self.page.window(),
            as_of: self.as_of,
        }
    }

    /// The answer, with links to the same list as of the same time.
    #[must_use]
    pub fn page(&self) -> &Page {
        &self.page
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let InQuery(query) = InQuery::<PageQuery>::from_request_parts(parts, state).await?;
        per_page(Some(query.per_page))?;
        if query.page == 0 {
            return Err(ApiError::bad_request("page must be at least 1"));
        }
        let asked = AskedAt::from_request_parts(parts, state).await?;
        Ok(Self {
            query,
            asked,
            as_of: None,
        })
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
        let links = self.links(listed.total);
        linked(body(listed.rows), &links)
    }

    /// None while there is only one page.
    fn links(&self, total: u64) -> Vec<String> {
        let PageQuery { per_page, page } = self.query;
        let last = total.div_ceil(u64::from(per_page));
        if last < 2 {
            return Vec::new();
        }
        let page = u64::from(page);
        let as_of = self.as_of;
        let as_of = as_of.map(|as_of| as_of.to_rfc3339_opts(SecondsFormat::Micros, true));
        let link = |rel: &str, page: u64| {
            let (per_page, page) = (per_page.to_string(), page.to_string());
            let mut own = vec![("per_page", &*per_page), ("page", &page)];
            own.extend(as_of.as_deref().map(|as_of| ("as_of", as_of)));
            self.asked.link(&own, &["per_page", "page", "as_of"], rel)
        };
        let mut links = vec![link("first", 1)];
        if page > 1 {
            links.push(link("prev", (page - 1).min(last)));
        }
        if page < last {
            links.push(link("next", page + 1));
        }
        links.push(link("last", last));
        links
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(page: u32, per_page: u32) -> Page {
        Page {
            query: PageQuery { per_page, page },
            asked: AskedAt::test("/v1/rooms"),
            as_of: None,
        }
    }

    fn rels(links: &[String]) -> Vec<(String, u64)> {
        let entry = |link: &String| {
            let number = link.split("&page=").nth(1)?.split('>').next()?.parse().ok()?;
            Some((link.split('"').nth(1)?.to_owned(), number))
        };
        links.iter().filter_map(entry).collect()
    }

    #[test]
    fn one_page_has_no_links() {
        assert!(page(1, 30).links(0).is_empty());
        assert!(page(1, 30).links(30).is_empty());
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
            assert_eq!(rels(&page(current, 30).links(61)), expected, "page {current}");
        }
        let links = page(1, 30).links(31);
        assert_eq!(links[0], "</v1/rooms?per_page=30&page=1>; rel=\"first\"");
    }

    #[test]
    fn the_largest_page_number_does_not_overflow() {
        assert_eq!(page(u32::MAX, 100).window().offset, 429_496_729_400);
    }
}
