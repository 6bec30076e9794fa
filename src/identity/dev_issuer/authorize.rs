//! `/authorize`: the login page and what it leads to.

use std::sync::Arc;

use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{
        HeaderMap, StatusCode,
        header::{HOST, ORIGIN, RETRY_AFTER},
    },
    response::{IntoResponse, Redirect as SeeOther, Response},
};
use serde::Deserialize;
use url::Url;

use super::{
    DevIssuer,
    authorize_request::{AuthorizationRequest, AuthorizeRefusal, Parameters},
    codes::Grant,
    oauth_error::{OAuthError, seconds_up},
    pages::{self, LoginPage},
    routes::ClientNetwork,
    tokens::random_text,
};

/// The login form: what was typed, and the request it answers. The request is checked again, nothing is kept in between.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(flatten)]
    parameters: Parameters,
}

/// `GET /authorize`
pub(super) async fn show(
    State(issuer): State<Arc<DevIssuer>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let Ok(Query(parameters)) = parameters else {
        return pages::refusal(StatusCode::BAD_REQUEST, "The request names a parameter twice.");
    };
    match issuer.check_request(&parameters) {
        Ok(request) => LoginPage {
            parameters: &parameters,
            redirect: &request.redirect.to,
            username: parameters.login_hint.as_deref().unwrap_or_default(),
            problem: None,
        }
        .into_response(),
        Err(refusal) => issuer.refuse(refusal),
    }
}

/// `POST /authorize`
pub(super) async fn submit(
    State(issuer): State<Arc<DevIssuer>>,
    ClientNetwork(address): ClientNetwork,
    headers: HeaderMap,
    form: Result<Form<LoginForm>, FormRejection>,
) -> Response {
    if !issuer.comes_from_our_page(&headers) {
        return pages::refusal(StatusCode::FORBIDDEN, "The form was sent by another site.");
    }
    let Ok(Form(form)) = form else {
        return pages::refusal(StatusCode::BAD_REQUEST, "The form can not be read.");
    };
    let request = match issuer.check_request(&form.parameters) {
        Ok(request) => request,
        Err(refusal) => return issuer.refuse(refusal),
    };
    let now = issuer.clock.now();
    match issuer.log_in((&form.username, &form.password), address, now) {
        Ok(user) => {
            let answer = issuer.issue_code(request, &user.settings.username);
            SeeOther::to(answer.as_str()).into_response()
        }
        Err(error) => again(&form, &request, error),
    }
}

impl DevIssuer {
    /// A login form that another site sends could log a person in under a stranger's name. Browsers say who sends a form;
    /// what says nothing is no browser and has no victim.
    fn comes_from_our_page(&self, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if let Some(site) = text("sec-fetch-site") {
            return site == "same-origin";
        }
        let Some(origin) = text(ORIGIN.as_str()) else {
            return true;
        };
        let Ok(origin) = Url::parse(origin) else {
            return false;
        };
        let ours = Url::parse(&self.issuer).is_ok_and(|issuer| issuer.origin() == origin.origin());
        let authority = origin
            .as_str()
            .trim_end_matches('/')
            .split_once("://")
            .map(|(_, rest)| rest);
        ours || (authority.is_some() && authority == text(HOST.as_str()))
    }

    fn issue_code(&self, request: AuthorizationRequest, username: &str) -> Url {
        let code = random_text();
        let grant = Grant {
            session: random_text(),
            username: username.to_owned(),
            client_id: self.client_id.clone(),
            redirect_uri: request.redirect_uri,
            challenge: request.challenge,
            nonce: request.nonce,
            scope: request.scope,
        };
        self.codes().issue(&code, grant, self.clock.now());
        request.redirect.with(&self.issuer, &[("code", &code)])
    }

    fn refuse(&self, refusal: AuthorizeRefusal) -> Response {
        match refusal {
            AuthorizeRefusal::Page(text) => pages::refusal(StatusCode::BAD_REQUEST, text),
            AuthorizeRefusal::Redirect {
                redirect,
                error,
                description,
            } => {
                let answers = [("error", error), ("error_description", description)];
                SeeOther::to(redirect.with(&self.issuer, &answers).as_str()).into_response()
            }
        }
    }
}

/// The login page once more, saying what was wrong.
fn again(form: &LoginForm, request: &AuthorizationRequest, error: OAuthError) -> Response {
    let page = |problem| LoginPage {
        parameters: &form.parameters,
        redirect: &request.redirect.to,
        username: &form.username,
        problem: Some(problem),
    };
    match error {
        OAuthError::TooManyAttempts(wait) => {
            let retry_after = [(RETRY_AFTER, seconds_up(wait).to_string())];
            let page = page("Too many failed attempts. Please wait a minute.");
            (StatusCode::TOO_MANY_REQUESTS, retry_after, page).into_response()
        }
        // Not 401, which would have to name an HTTP authentication scheme.
        _ => (StatusCode::FORBIDDEN, page("User name or password is wrong.")).into_response(),
    }
}
