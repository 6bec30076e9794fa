//! Lists that go on from a cursor, with `Link` headers (RFC 8288). A cursor is opaque to clients.

use axum::response::Response;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use colloquy_actors::encoding;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    ApiError,
    links::{AskedAt, linked},
};

/// Bytes of a cursor, far more than ours have.
const CURSOR_BYTES_MAX: usize = 512;

/// Names of the parameter that carries a cursor; the first one is ours.
const PARAMETERS: [&str; 2] = ["after", "cursor"];

impl AskedAt {
    /// The answer: a page as JSON, with links to its neighbours.
    pub fn answer<T: Serialize, C: Serialize>(
        &self,
        page: &[T],
        before: Option<C>,
        after: Option<C>,
    ) -> Result<Response, ApiError> {
        let link = |cursor: C, rel: &str| {
            let cursor = encode(&cursor)?;
            Ok::<_, ApiError>(self.link(&[(PARAMETERS[0], &cursor)], &PARAMETERS, rel))
        };
        let links: Vec<_> = [(before, "before"), (after, "after")]
            .into_iter()
            .filter_map(|(cursor, rel)| Some(link(cursor?, rel)))
            .collect::<Result<_, _>>()?;
        Ok(linked(page, &links))
    }
}

/// Reads a cursor that a link has carried.
pub fn decode<C: DeserializeOwned>(text: &str) -> Result<C, ApiError> {
    let bytes = (text.len() <= CURSOR_BYTES_MAX).then(|| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
    bytes
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(unknown)
}

/// The refusal of a cursor that this server has not given.
#[must_use]
pub fn unknown() -> ApiError {
    ApiError::bad_request("The cursor is none that this server has given")
}

fn encode(cursor: &impl Serialize) -> Result<String, ApiError> {
    let json = encoding::encode(cursor).map_err(ApiError::internal)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(json))
}

#[cfg(test)]
mod tests {
    use axum::http::header::LINK;

    use super::*;

    #[test]
    fn links_lead_on_from_a_cursor() {
        let asked = AskedAt::test("/v1/events?adhoc=false&after=x&status=a&cursor=y");
        let answer = asked.answer(&[1], Some(6), Some(7)).unwrap();
        assert_eq!(
            answer.headers()[LINK],
            "</v1/events?after=Ng&adhoc=false&status=a>; rel=\"before\", </v1/events?after=Nw&adhoc=false&status=a>; rel=\"after\""
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
