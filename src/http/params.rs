//! Parameters in paths and queries. One that does not parse is 400.

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{Uri, request::Parts},
};
use serde::de::DeserializeOwned;

use super::ApiError;

/// Parameters in the path.
#[derive(Debug)]
pub struct InPath<T>(pub T);

/// Parameters in the query.
#[derive(Debug)]
pub struct InQuery<T>(pub T);

/// The values of a list in the query: separated by commas, repeated, or both. Empty ones do not count.
#[must_use]
pub fn list_in_query(uri: &Uri, name: &str) -> Vec<String> {
    let query = uri.query().unwrap_or_default().as_bytes();
    let pairs = url::form_urlencoded::parse(query).filter(|(key, _)| key == name);
    pairs
        .flat_map(|(_, value)| {
            value
                .split(',')
                .map(|value| value.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|value| !value.is_empty())
        .collect()
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(params)) => Ok(Self(params)),
            Err(_) => Err(ApiError::bad_request("A parameter in the path can not be parsed")),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for InQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(ApiError::bad_request(rejection.body_text())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_in_two_notations() {
        for (query, expected) in [
            ("", &[][..]),
            ("status", &[]),
            ("status=", &[]),
            ("status=,", &[]),
            ("status=a", &["a"]),
            ("status=a,b", &["a", "b"]),
            ("status=a%2Cb", &["a", "b"]),
            ("status=a&page=2&status=b,c", &["a", "b", "c"]),
            ("other=a", &[]),
        ] {
            let uri = format!("/list?{query}").parse().expect("a URI");
            assert_eq!(list_in_query(&uri, "status"), expected, "{query}");
        }
    }
}
