//! What several nodes have in common, kept in Redis (6.2 or newer) or Valkey: leases, claims of rooms, and the rooms' logs.
//!
//! Each change of a room is one script on the keys of that room, which Redis Cluster keeps in one slot: it looks at the claim and changes
//! what stands under it, or says why not. A repeat of a script that was done says so and changes nothing.

mod answer;
mod connection;
mod keys;
mod script;
mod store;

pub use self::{
    connection::{RedisError, RedisServers},
    store::RedisStore,
};
