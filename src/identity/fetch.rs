//! Reading an answer of an issuer without trusting its size or speed.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{RequestBuilder, StatusCode};
use thiserror::Error;

use super::limits::{ISSUER_RESPONSE_BYTES_MAX, ISSUER_RESPONSE_SECS_MAX};

/// Why an issuer's answer can't be used. Goes to the log only.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    #[error("the request failed")]
    Http(#[from] reqwest::Error),
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("the answer is larger than {ISSUER_RESPONSE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the answer is not the expected JSON")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Unfit(&'static str),
    #[error("the document names the issuer {says}, and oidc.authority is {authority}; they must be the same")]
    OtherIssuer { authority: String, says: String },
}

/// Sends `request` and reads the body of a successful answer, bounded in time and size.
pub(super) async fn body(request: RequestBuilder) -> Result<Bytes, FetchError> {
    body_within(request, Duration::from_secs(ISSUER_RESPONSE_SECS_MAX)).await
}

/// The same within another time.
pub(super) async fn body_within(request: RequestBuilder, time_max: Duration) -> Result<Bytes, FetchError> {
    let mut response = request.timeout(time_max).send().await?;
    if !response.status().is_success() {
        return Err(FetchError::Status(response.status()));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ISSUER_RESPONSE_BYTES_MAX {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
