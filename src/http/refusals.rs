//! Refusals that many operations share, for the API's description.

use utoipa::IntoResponses;

use super::error::ErrorBody;

/// Refusals of every operation.
#[derive(Debug, IntoResponses)]
pub enum Always {
    /// The server failed.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// Not at this moment; come again.
    #[response(status = 503, headers(("Retry-After" = u64, description = "Seconds to wait")))]
    Unavailable(ErrorBody),
}

/// Refusals of operations for registered users.
#[derive(Debug, IntoResponses)]
pub enum OfCallers {
    /// The access token is missing, can't be parsed, or is refused.
    #[response(status = 401, headers(("WWW-Authenticate" = String, description = "The challenge (RFC 6750)")))]
    Unauthorized(ErrorBody),
    /// The caller may not do this, e.g. because the account is disabled.
    #[response(status = 403)]
    Forbidden(ErrorBody),
}

/// Refusals of operations by which users change something.
#[derive(Debug, IntoResponses)]
pub enum OfWriters {
    /// Too many changes in too short a time (`too_many_requests`), or as many as there may be in a day (`quota_exceeded`).
    #[response(status = 429, headers(("Retry-After" = u64, description = "Seconds to wait")))]
    TooManyRequests(ErrorBody),
}

/// Refusals of operations that take a body.
#[derive(Debug, IntoResponses)]
pub enum OfBodies {
    /// The body is no JSON (`invalid_json`), or a parameter can't be parsed (`bad_request`).
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// The body is larger than 64 KiB.
    #[response(status = 413)]
    PayloadTooLarge(ErrorBody),
    /// The body is not declared as JSON.
    #[response(status = 415)]
    UnsupportedMediaType(ErrorBody),
    /// A field of the body is missing or not acceptable.
    #[response(status = 422)]
    ValidationFailed(ErrorBody),
}

/// Refusals of operations that begin a meeting: whatever is wrong with the body is 400.
#[derive(Debug, IntoResponses)]
pub enum OfStarts {
    /// `bad_request`, `invalid_json`, `no_breakout_rooms` or, for callers,
    /// `invalid_credentials`.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// The body is larger than 64 KiB.
    #[response(status = 413)]
    PayloadTooLarge(ErrorBody),
    /// The body is not declared as JSON.
    #[response(status = 415)]
    UnsupportedMediaType(ErrorBody),
}

/// Refusals of operations of which a client's address may do, or invent, only so much.
#[derive(Debug, IntoResponses)]
pub enum OfCounted {
    /// Too many requests.
    #[response(status = 429, headers(("Retry-After" = u64, description = "Seconds to wait")))]
    TooManyRequests(ErrorBody),
}

/// Refusals of operations with parameters in path or query.
#[derive(Debug, IntoResponses)]
pub enum OfParameters {
    /// A parameter can't be parsed or is out of range.
    #[response(status = 400)]
    BadRequest(ErrorBody),
}

/// Refusals of operations on one resource.
#[derive(Debug, IntoResponses)]
pub enum OfIds {
    /// It does not exist, or the caller may not see it.
    #[response(status = 404)]
    NotFound(ErrorBody),
}
