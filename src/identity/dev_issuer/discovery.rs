//! What the issuer says about itself (OpenID Connect Discovery 1.0), and its public keys.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::DevIssuer;

/// `GET /.well-known/openid-configuration`
pub(super) async fn configuration(State(issuer): State<Arc<DevIssuer>>) -> Json<Value> {
    let at = |path: &str| format!("{}/{path}", issuer.issuer);
    Json(json!({
        "issuer": issuer.issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at("jwks"),
        "end_session_endpoint": at("end_session"),
        "scopes_supported": ["openid", "profile", "email"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "password"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "name", "given_name",
            "family_name", "preferred_username", "email", "email_verified", "x_grp", "realm_access",
        ],
    }))
}

/// `GET /jwks`
pub(super) async fn keys(State(issuer): State<Arc<DevIssuer>>) -> Json<Value> {
    Json(json!({ "keys": [issuer.signer.public_key()] }))
}
