//! `colloquy migrate`: the database alone, for operators who want to see it happen before they start the server.

use std::process::ExitCode;

use super::database;
use crate::config::Config;

pub(super) fn run(config: &Config) -> ExitCode {
    database::run(config, async |_| Ok("The database is up to date.".to_owned()))
}
