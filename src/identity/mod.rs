//! Who is calling: OIDC verification and the built-in development issuer.

pub mod claims;
