//! Errors as clients see them. The one place that turns errors of other layers into a status and a code.

use std::{borrow::Cow, error::Error as StdError};

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    assets::{ObjectError, StorageFull, UploadError},
    deletion::DeletionError,
    identity::TokenError,
    permissions::AccessDenied,
    store::{
        StoreError,
        usage::{QuotaError, QuotaExceeded},
    },
};

/// Seconds after which a client may try again what failed for the moment.
pub const UNAVAILABLE_RETRY_SECS: u64 = 5;

/// The message by which clients tell a header that says nothing from one that is refused.
pub const NO_CREDENTIALS: &str = "Unable to parse access token or invite code";

/// The body of every error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorBody {
    /// For programs.
    #[schema(example = "not_found")]
    pub code: Cow<'static, str>,
    /// For people.
    pub message: Cow<'static, str>,
    /// What is wrong with which field of the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub validation_errors: Vec<FieldError>,
    /// Which limit was reached, of `quota_exceeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaBody>,
}

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct QuotaBody {
    /// As tariffs call it.
    #[schema(example = "rooms_max")]
    pub name: &'static str,
    /// The most there may be.
    pub max: u64,
    /// How many there are, or were in this period.
    pub used: u64,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Name of the field, with dots between levels; absent where none is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[schema(example = "too_long")]
    pub code: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// An error on its way to a client.
#[derive(Debug)]
pub struct ApiError(Box<Answer>);

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: ErrorBody,
    /// Text for `WWW-Authenticate` of a refused token.
    token_description: Option<&'static str>,
    retry_after_secs: Option<u64>,
    /// What went wrong inside: logged, never told.
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl ApiError {
    /// An error with a code of its own. 401 and 503 get the headers they must have.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Answer {
            status,
            body: ErrorBody {
                code: Cow::Borrowed(code),
                message: message.into(),
                validation_errors: Vec::new(),
                quota: None,
            },
            token_description: None,
            retry_after_secs: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(UNAVAILABLE_RETRY_SECS),
            cause: None,
        }))
    }

    #[must_use]
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// What is looked for has fewer characters than a search needs.
    #[must_use]
    pub fn query_too_short(chars_min: usize) -> Self {
        let message = format!("A search needs at least {chars_min} characters");
        Self::new(StatusCode::BAD_REQUEST, "query_too_short", message)
    }

    #[must_use]
    pub fn invalid_json(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_json", message)
    }

    /// The header that says who calls is missing or can't be parsed.
    #[must_use]
    pub fn no_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", NO_CREDENTIALS)
    }

    #[must_use]
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    #[must_use]
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    #[must_use]
    pub fn method_not_allowed() -> Self {
        let message = "This path does not know the method; see the header Allow";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    #[must_use]
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// Fields of a body that are well-formed but not acceptable.
    #[must_use]
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let message = "Some fields of the body are not acceptable";
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation_failed", message);
        error.0.body.validation_errors = errors;
        error
    }

    /// The line and the headers of a request are too much.
    #[must_use]
    pub fn head_too_large(bytes_max: usize) -> Self {
        let message = format!(
            "The head of the request is larger than {bytes_max} bytes; an access token with many roles or groups may be why"
        );
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "head_too_large",
            message,
        )
    }

    #[must_use]
    pub fn payload_too_large(bytes_max: u64) -> Self {
        let message = format!("The body is larger than {bytes_max} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message)
    }

    /// The room owner's assets take more than the tariff grants.
    #[must_use]
    pub fn storage_exceeded() -> Self {
        let message = "The storage of the room's owner is exhausted";
        Self::new(StatusCode::FORBIDDEN, "storage_exceeded", message)
    }

    /// The user's or room owner's tariff lacks a feature.
    #[must_use]
    pub fn feature_disabled_by_tariff(feature: &str) -> Self {
        let message = format!("The tariff does not include the feature {feature}");
        Self::new(StatusCode::FORBIDDEN, "feature_disabled_by_tariff", message)
    }

    #[must_use]
    pub fn too_many_requests(retry_after_secs: u64) -> Self {
        let mut error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too many attempts; try again later",
        );
        error.0.retry_after_secs = Some(retry_after_secs);
        error
    }

    /// The user has, or has done today, as much as the tariff or the server's settings allow.
    #[must_use]
    pub fn quota_exceeded(exceeded: QuotaExceeded) -> Self {
        let QuotaExceeded { quota, max, used, .. } = exceeded;
        let (status, message) = match exceeded.ends_in_secs {
            None => (StatusCode::FORBIDDEN, "There are as many as there may be"),
            Some(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "It was done as often as it may be for now",
            ),
        };
        let message = format!("{message}: the quota {} is {max}", quota.name());
        let mut error = Self::new(status, "quota_exceeded", message);
        error.0.retry_after_secs = exceeded.ends_in_secs;
        error.0.body.quota = Some(QuotaBody {
            name: quota.name(),
            max,
            used,
        });
        error
    }

    /// It is not to be had at this moment; clients come again.
    #[must_use]
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", message)
    }

    /// [`ApiError::unavailable`] for longer than usual.
    #[must_use]
    pub fn retry_after(mut self, secs: u64) -> Self {
        self.0.retry_after_secs = Some(secs);
        self
    }

    /// A failure of the inside that was reported where it happened.
    #[must_use]
    pub fn internal_server_error() -> Self {
        let message = "The server failed; the request id names the incident";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_server_error",
            message,
        )
    }

    /// A failure of the inside: logged once, here, when the answer is made.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::internal_server_error().caused_by(cause)
    }

    #[must_use]
    fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.body.code
    }

    #[must_use]
    pub fn validation_errors(&self) -> &[FieldError] {
        &self.0.body.validation_errors
    }

    fn challenge(&self) -> HeaderValue {
        self.0
            .token_description
            .and_then(|text| {
                HeaderValue::try_from(format!(
                    "Bearer error=\"invalid_token\", error_description=\"{text}\""
                ))
                .ok()
            })
            .unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_) | StoreError::Stopping => {
                Self::unavailable("The database is not available at the moment").caused_by(error)
            }
            StoreError::Duplicate(_) => Self::conflict("It exists already"),
            StoreError::Referenced(_) => Self::conflict("Something else still refers to it"),
            error => Self::internal(error),
        }
    }
}

impl From<DeletionError> for ApiError {
    fn from(error: DeletionError) -> Self {
        match error {
            DeletionError::Store(error) => error.into(),
            DeletionError::Folder(error) => error.into(),
        }
    }
}

impl From<QuotaError> for ApiError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Store(error) => error.into(),
            QuotaError::Exceeded(exceeded) => exceeded.into(),
        }
    }
}

impl From<QuotaExceeded> for ApiError {
    fn from(exceeded: QuotaExceeded) -> Self {
        Self::quota_exceeded(exceeded)
    }
}

impl From<AccessDenied> for ApiError {
    fn from(refusal: AccessDenied) -> Self {
        match refusal {
            AccessDenied::Hidden => Self::not_found("It does not exist, or it is not for you"),
            AccessDenied::Forbidden => Self::forbidden("You may not do this"),
        }
    }
}

impl From<ObjectError> for ApiError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::TooSlow | ObjectError::Unavailable(_) => {
                Self::unavailable("The asset store is not available at the moment").caused_by(error)
            }
            ObjectError::Missing => Self::not_found("The content is lost").caused_by(error),
            ObjectError::Refused(_) => {
                let message = "The asset store does not do what was asked of it";
                Self::new(StatusCode::BAD_GATEWAY, "storage_provider_unavailable", message).caused_by(error)
            }
        }
    }
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Store(error) => error.into(),
            UploadError::Object(error) => error.into(),
            error @ UploadError::Spool(_) => Self::internal(error),
            UploadError::Broken => Self::bad_request("The body broke off"),
            UploadError::Stalled => Self::bad_request("The body stopped coming"),
            UploadError::TooLarge { bytes_max } => Self::payload_too_large(bytes_max),
            UploadError::NoRoom => Self::not_found("No such room"),
            UploadError::StorageExceeded => Self::storage_exceeded(),
            UploadError::TooMany(exceeded) => exceeded.into(),
            UploadError::Full(full) => full.into(),
            UploadError::Busy => Self::unavailable("Too many uploads are under way"),
        }
    }
}

impl From<StorageFull> for ApiError {
    fn from(full: StorageFull) -> Self {
        let message = "The disk for assets is full";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage_full", message).caused_by(full)
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let description = error.description();
        match error {
            TokenError::Unavailable => return Self::unavailable(description),
            TokenError::TooSoon { retry_after_secs } => {
                return Self::unavailable(description).retry_after(retry_after_secs);
            }
            // Web clients answer 401 with a new token and the same request, at once and without end.
            TokenError::Refused(_) => return Self::forbidden(description),
            TokenError::Malformed | TokenError::Expired | TokenError::Invalid(_) => {}
        }
        let mut refusal = Self::new(StatusCode::UNAUTHORIZED, "unauthorized", description);
        refusal.0.token_description = Some(description);
        refusal
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.0.cause {
            let error: &(dyn StdError + 'static) = &**cause;
            if self.0.status.is_server_error() && self.0.status != StatusCode::SERVICE_UNAVAILABLE {
                tracing::error!(error, http.code = %self.0.body.code, "a request failed");
            } else {
                tracing::warn!(error, http.code = %self.0.body.code, "a request was refused");
            }
        }
        let challenge = (self.0.status == StatusCode::UNAUTHORIZED).then(|| self.challenge());
        let mut response = (self.0.status, Json(self.0.body)).into_response();
        let headers = response.headers_mut();
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(secs) = self.0.retry_after_secs {
            headers.insert(RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}
