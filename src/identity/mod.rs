//! Who is calling: OIDC verification and the built-in development issuer.

pub mod claims;
pub mod dev_issuer;
mod discovery;
pub mod error;
mod fetch;
mod jwks;
mod jwt;
mod keys;
pub mod limits;
mod rules;
pub mod settings;
mod token_cache;
mod userinfo;
pub mod verifier;

pub use claims::{ProfileClaims, VerifiedToken};
pub use dev_issuer::DevIssuer;
pub use error::TokenError;
pub use settings::{KeySource, SettingsError, VerifierSettings};
pub use verifier::Verifier;
