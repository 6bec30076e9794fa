//! JSON bodies.

mod schema;

use std::borrow::Cow;

use axum::{
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use self::schema::FINDINGS_MAX;
use super::{
    error::{ApiError, FieldError},
    slow_bodies::SlowBodies,
};

/// Largest body of an operation that takes JSON.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// A JSON body. Malformed: 400 `invalid_json`; of a wrong type: 422 with the field.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// The JSON body of the operations that begin a meeting: whatever is wrong with it is 400, because clients try
/// again for ever after a 422.
#[derive(Debug)]
pub struct StartBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + ToSchema> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        parse(&bytes(request, state).await?).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + ToSchema> FromRequest<S> for StartBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        parse(&bytes(request, state).await?).map(Self).map_err(|error| {
            let Some(first) = error.validation_errors().first() else {
                return error;
            };
            let field = first.field.as_deref().unwrap_or("body");
            ApiError::bad_request(format!(
                "{field}: {}",
                first.message.as_deref().unwrap_or("not acceptable")
            ))
        })
    }
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    if !is_json(request.headers()) {
        let message = "The body must be JSON: Content-Type: application/json";
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            message,
        ));
    }
    WholeBody::from_request(request, state).await.map(|body| body.0)
}

/// A body of whatever kind, read as a whole. The only way to do so: it takes a place while it does not come.
#[derive(Debug)]
pub struct WholeBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for WholeBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (slow, from) = (
            request.extensions().get().cloned(),
            request.extensions().get().copied(),
        );
        let slow: SlowBodies = slow.unwrap_or_default();
        let read = slow.read(from, Bytes::from_request(request, state)).await?;
        read.map(Self).map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(inner) if inner.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                ApiError::payload_too_large(BODY_BYTES_MAX as u64)
            }
            _ => ApiError::bad_request("The body could not be read"),
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn parse<T: DeserializeOwned + ToSchema>(bytes: &[u8]) -> Result<T, ApiError> {
    // What is skipped in a body would not be looked at for its encoding.
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::invalid_json("The body is no UTF-8"))?;
    let first = match parse_object(text) {
        Ok(value) => return Ok(value),
        Err(first) => first,
    };
    // The first wrong type may come before a place where the text stops being JSON. An enum that is a number, say, is a
    // syntax error to the parser: only this tells one from the other.
    let body: Value =
        serde_json::from_str(text).map_err(|_| ApiError::invalid_json("The body is no JSON"))?;
    if !body.is_object() {
        return Err(ApiError::validation(vec![invalid(None, &"must be an object")]));
    }
    let mut found = schema::findings::<T>(&body);
    if found.len() < FINDINGS_MAX && !tells(&found, first.field.as_deref()) {
        found.push(first);
    }
    Err(ApiError::validation(found))
}

/// What the parser stopped at, where it is no object `T`.
fn parse_object<T: DeserializeOwned>(text: &str) -> Result<T, FieldError> {
    // Derived implementations would take a list for an object, field by field.
    if !text.trim_start().starts_with('{') {
        return Err(invalid(None, &"must be an object"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        invalid((path != ".").then_some(path), error.inner())
    })?;
    deserializer.end().map_err(|error| invalid(None, &error))?;
    Ok(value)
}

fn invalid(field: Option<String>, message: &impl ToString) -> FieldError {
    FieldError {
        field,
        code: Cow::Borrowed("invalid_value"),
        message: Some(message.to_string()),
    }
}

/// Whether one of the findings is what the parser stopped at: it names the parent of a field that is missing.
fn tells(found: &[FieldError], first: Option<&str>) -> bool {
    let Some(first) = first else {
        return !found.is_empty();
    };
    let mut fields = found.iter().filter_map(|error| error.field.as_deref());
    fields.any(|field| {
        let rest = field.strip_prefix(first);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::store::Change;

    #[derive(Debug, Deserialize, PartialEq, ToSchema)]
    struct Inner {
        size: u8,
    }

    #[derive(Debug, Deserialize, PartialEq, ToSchema)]
    struct Sample {
        name: String,
        #[serde(default)]
        #[schema(value_type = Option<String>)]
        password: Change<String>,
        inner: Option<Inner>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize, PartialEq, ToSchema)]
    enum Kind {
        Odd,
    }

    fn refusal(text: &[u8]) -> (u16, String, Option<String>) {
        let error = parse::<Sample>(text).expect_err("refused");
        let first = error.validation_errors().first();
        let code = first.map_or_else(
            || error.code().to_owned(),
            |first| first.code.clone().into_owned(),
        );
        (
            error.status().as_u16(),
            code,
            first.and_then(|first| first.field.clone()),
        )
    }

    #[test]
    fn null_and_absent_differ_where_it_matters() {
        let password = |text: &str| parse::<Sample>(text.as_bytes()).expect("good").password;
        assert_eq!(password(r#"{"name":"a","inner":null}"#), Change::Keep);
        assert_eq!(
            password(r#"{"name":"a","password":null,"unknown":[1]}"#),
            Change::Clear
        );
        assert_eq!(
            password(r#"{"name":"a","password":"b"}"#),
            Change::Set("b".to_owned())
        );
    }

    #[test]
    fn malformed_texts_are_invalid_json() {
        for text in [
            &b""[..],
            b"{",
            b"{} x",
            b"{\"name\":1,",
            b"{\"name\":\"\xff\"}",
            b"{\"name\":\"\\ud800\"}",
            b"nul",
        ] {
            assert_eq!(refusal(text), (400, "invalid_json".to_owned(), None), "{text:?}");
        }
        assert_eq!(refusal("[".repeat(10_000).as_bytes()).1, "invalid_json");
    }

    #[test]
    fn wrong_types_name_the_field() {
        for (text, code, field) in [
            (r#"{"name":1}"#, "invalid_value", Some("name")),
            ("{}", "value_required", Some("name")),
            (
                r#"{"name":"a","inner":{"size":300}}"#,
                "invalid_value",
                Some("inner.size"),
            ),
            (r#"{"name":"a","inner":{}}"#, "value_required", Some("inner.size")),
            (r#"{"name":"a","kind":1}"#, "invalid_value", Some("kind")),
            (r#"{"name":"a","kind":"Even"}"#, "invalid_value", Some("kind")),
            (r#""text""#, "invalid_value", None),
            ("null", "invalid_value", None),
        ] {
            assert_eq!(
                refusal(text.as_bytes()),
                (422, code.to_owned(), field.map(str::to_owned)),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn beginnings_of_meetings_know_only_400() {
        for (content_type, text, status, code) in [
            ("application/json", r#"{"name":1}"#, 400, "bad_request"),
            ("application/json", "{}", 400, "bad_request"),
            ("application/json", "[]", 400, "bad_request"),
            ("application/json", "{", 400, "invalid_json"),
            ("text/plain", "{}", 415, "unsupported_media_type"),
        ] {
            let request = Request::post("/")
                .header(CONTENT_TYPE, content_type)
                .body(text.into());
            let refused = StartBody::<Sample>::from_request(request.expect("a request"), &()).await;
            let error = refused.expect_err("refused");
            assert_eq!((error.status().as_u16(), error.code()), (status, code), "{text}");
            assert!(error.validation_errors().is_empty());
        }
    }
}
