//! Tokens of an external issuer, and the development issuer.

mod claims;
mod clients;
pub mod clock;
mod dev_access;
mod dev_alone;
mod dev_issuer;
mod dev_refusals;
mod dev_sessions;
mod dev_world;
mod ended;
mod foreign_clients;
mod forge;
pub mod issuer;
mod jwks;
mod login;
mod moved;
mod provider;
mod remembered;
mod tokens;
mod userinfo;
