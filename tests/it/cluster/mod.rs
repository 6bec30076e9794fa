//! Several nodes as real processes, with a real Redis and a PostgreSQL.

mod lively;
mod outages;
mod rest;
mod settings;
mod store;
mod survival;
