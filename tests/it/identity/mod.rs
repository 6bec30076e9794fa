//! Tokens of an external issuer, and the development issuer.

mod claims;
pub mod clock;
mod dev_alone;
mod dev_door;
mod dev_issuer;
mod dev_refusals;
mod dev_sessions;
mod dev_world;
mod forge;
pub mod issuer;
mod jwks;
mod tokens;
mod userinfo;
