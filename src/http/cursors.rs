//! Lists that go on from a cursor, with `Link` headers (RFC 8288). A cursor is opaque to clients.

use axum::{
    Json,
    extract::{FromRequestParts, OriginalUri},
    http::{HeaderValue, Uri, header::LINK, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use colloquy_actors::encoding;
use serde::{Serialize, de::DeserializeOwned};
use url::form_urlencoded;

use super::{
    ApiError,
    pages::{PER_PAGE_DEFAULT, PER_PAGE_MAX},
};

/// Bytes of a cursor, far more than ours have.
const CURSOR_BYTES_MAX: usize = 512;

/// Names of the parameter that carries a cursor; the first one is ours.
const PARAMETERS: [&str; 2] = ["after", "cursor"];

/// Where a list was asked for, as its client wrote it.
#[derive(Debug, Clone)]
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

    fn link(&self, cursor: &impl Serialize, rel: &str) -> Result<String, ApiError> {
        let query = self.0.query().unwrap_or_default();
        let others =
            form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| !PARAMETERS.contains(&&**name));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(others)
            .append_pair(PARAMETERS[0], &encode(cursor)?)
            .finish();
        Ok(format!("<{}?{query}>; rel=\"{rel}\"", self.0.path()))
    }

    /// The answer: a page as JSON, with links to its neighbours.
    pub fn answer<T: Serialize, C: Serialize>(
        &self,
        page: &[T],
        before: Option<C>,
        after: Option<C>,
    ) -> Result<Response, ApiError> {
        let links: Vec<_> = [(before, "before"), (after, "after")]
            .into_iter()
            .filter_map(|(cursor, rel)| Some(self.link(&cursor?, rel)))
            .collect::<Result<_, _>>()?;
        let mut response = Json(page).into_response();
        if let Ok(value) = HeaderValue::try_from(links.join(", "))
            && !links.is_empty()
        {
            response.headers_mut().insert(LINK, value);
        }
        Ok(response)
    }
}

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

/// Reads a cursor that a link has carried.
pub fn decode<C: DeserializeOwned>(text: &str) -> Result<C, ApiError> {
    let bytes = (text.len() <= CURSOR_BYTES_MAX).then(|| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
    bytes
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| ApiError::bad_request("The cursor is none that this server has given"))
}

fn encode(cursor: &impl Serialize) -> Result<String, ApiError> {
    let json = encoding::encode(cursor).map_err(ApiError::internal)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_what_else_was_asked_for() {
        let asked = AskedAt(Uri::from_static(
            "/v1/events?adhoc=false&after=x&status=a,b&cursor=y",
        ));
        let link = asked.link(&7, "after").unwrap();
        assert_eq!(
            link,
            "</v1/events?adhoc=false&status=a%2Cb&after=Nw>; rel=\"after\""
        );
        let header = asked.answer(&[1], Some(6), Some(7)).unwrap().headers()[LINK].clone();
        let header = header.to_str().expect("text");
        assert!(
            header.contains("rel=\"before\", <") && header.ends_with("rel=\"after\""),
            "{header}"
        );
        assert!(
            !asked
                .answer::<u8, u8>(&[], None, None)
                .unwrap()
                .headers()
                .contains_key(LINK)
        );
    }

    #[test]
    fn only_cursors_are_read() {
        assert_eq!(decode::<u8>(&encode(&7).unwrap()).expect("a cursor"), 7);
        for bad in ["", "7", "Nw==", "****", "bnVsbA", &"a".repeat(513)] {
            assert_eq!(
                decode::<u8>(bad).expect_err("refused").status().as_u16(),
                400,
                "{bad}"
            );
        }
    }
}
