//! `/v1/mail/unsubscribe/{token}` and `/v1/mail/subscribe/{token}`: the way out of mail, for people and mail programs that
//! have no account (RFC 8058).

use axum::{
    Extension,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    },
    response::{IntoResponse as _, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiError, ApiState, params::InPath, refusals};
use crate::{
    client_address::ClientAddress,
    mail::{RefusalPage, Tokens},
    store::address_hash::AddressHash,
    store::mail_refusals,
};

/// The pages load nothing and run nothing, and stand in no frame.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(ask, refuse))
        .routes(routes!(take_back))
}

/// The page that asks whether an address wants no more mail
///
/// The link to it stands in every mail. Looking at it changes nothing.
#[utoipa::path(
    get, path = "/mail/unsubscribe/{token}", tag = "mail", operation_id = "ask_mail_refusal",
    params(("token" = String, Path, description = "From a mail")),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 404, description = "No mail has such a link", body = String, content_type = "text/html"),
        (status = 429, description = "Too many requests from this network", body = super::error::ErrorBody),
        refusals::OfParameters, refusals::Always,
    ),
)]
async fn ask(
    State(state): State<ApiState>,
    Extension(address): Extension<ClientAddress>,
    InPath(token): InPath<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let look = async |owner| {
        let is_refused = mail_refusals::is_refused(&state.db, owner).await?;
        Ok(if is_refused {
            RefusalPage::Refused
        } else {
            RefusalPage::Question
        })
    };
    answer(&state, address, &headers, &token, look).await
}

/// Refuse mail to an address
///
/// It gets no mail about events any more. Twice is once. The body says nothing: mail programs send
/// `List-Unsubscribe=One-Click` as a form of either kind.
#[utoipa::path(
    post, path = "/mail/unsubscribe/{token}", tag = "mail", operation_id = "refuse_mail",
    params(("token" = String, Path, description = "From a mail")),
    responses(
        (status = 200, description = "The address gets no more mail", body = String, content_type = "text/html"),
        (status = 404, description = "No mail has such a link", body = String, content_type = "text/html"),
        (status = 429, description = "Too many requests from this network", body = super::error::ErrorBody),
        refusals::OfParameters, refusals::Always,
    ),
)]
async fn refuse(
    State(state): State<ApiState>,
    Extension(address): Extension<ClientAddress>,
    InPath(token): InPath<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let add = async |owner| {
        mail_refusals::add(&state.db, owner, state.clock.now()).await?;
        Ok(RefusalPage::Refused)
    };
    answer(&state, address, &headers, &token, add).await
}

/// Take a refusal of mail back
#[utoipa::path(
    post, path = "/mail/subscribe/{token}", tag = "mail", operation_id = "take_mail_refusal_back",
    params(("token" = String, Path, description = "From a mail")),
    responses(
        (status = 200, description = "The address gets mail again", body = String, content_type = "text/html"),
        (status = 404, description = "No mail has such a link", body = String, content_type = "text/html"),
        (status = 429, description = "Too many requests from this network", body = super::error::ErrorBody),
        refusals::OfParameters, refusals::Always,
    ),
)]
async fn take_back(
    State(state): State<ApiState>,
    Extension(address): Extension<ClientAddress>,
    InPath(token): InPath<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let remove = async |owner| {
        mail_refusals::remove(&state.db, owner).await?;
        Ok(RefusalPage::TakenBack)
    };
    answer(&state, address, &headers, &token, remove).await
}

/// Does something for the owner of a token, and shows the page that comes of it. A network that asks too often is refused.
async fn answer(
    state: &ApiState,
    address: ClientAddress,
    headers: &HeaderMap,
    token: &str,
    act: impl AsyncFnOnce(AddressHash) -> Result<RefusalPage, ApiError>,
) -> Result<Response, ApiError> {
    state.start_limits.admit_refusal(address)?;
    let shown = match Tokens::of(&state.db).await?.owner(token) {
        Some(owner) => act(owner).await?,
        None => RefusalPage::Wrong,
    };
    page(state, headers, shown, token)
}

fn page(state: &ApiState, headers: &HeaderMap, page: RefusalPage, token: &str) -> Result<Response, ApiError> {
    let asked = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let first = asked
        .and_then(|asked| asked.split([',', ';']).next())
        .map(str::trim);
    let language = first
        .filter(|tag| !tag.is_empty())
        .unwrap_or(&state.config.defaults.user_language);
    let status = match page {
        RefusalPage::Wrong => StatusCode::NOT_FOUND,
        RefusalPage::Question | RefusalPage::Refused | RefusalPage::TakenBack => StatusCode::OK,
    };
    let about = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ];
    let html = page.html(language, token).map_err(ApiError::internal)?;
    Ok((status, about, html).into_response())
}
