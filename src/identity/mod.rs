//! Who is calling: OIDC verification and the built-in development issuer.

pub mod claims;
pub mod clients;
pub mod dev_issuer;
pub mod directory;
mod discovery;
pub mod error;
mod fetch;
mod issuer_report;
mod issuer_urls;
mod jwks;
mod jwt;
mod keys;
pub mod limits;
mod logout_token;
mod presented;
mod refusal_log;
pub mod revocations;
mod rules;
pub mod settings;
mod token_cache;
mod userinfo;
pub mod verifier;

pub use crate::verified_token::{ProfileClaims, VerifiedToken};
pub use dev_issuer::DevIssuer;
pub use error::{TokenError, TokenRefusal};
pub use issuer_report::{AskError, IssuerReport, Reachability, ask_issuer};
pub use issuer_urls::IssuerUrls;
pub use logout_token::LogoutToken;
pub use presented::{Absence, Presented, Question};
pub use revocations::Revocations;
pub use settings::{KeySource, SettingsError, VerifierSettings};
pub use verifier::Verifier;
