//! The command line.

mod check;
mod crypto;
mod database;
mod greeting;
mod jobs;
mod logging;
mod migrate;
mod open_files;
mod serve;
mod signals;
mod tariffs;
mod tenants;
mod users;

use std::{env, error::Error, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

pub use self::crypto::install_crypto;
use self::{tariffs::TariffsCommand, tenants::TenantsCommand, users::UsersCommand};
use crate::config::{CONFIG_FILE_VARIABLE, ConfigError, Loaded, Overrides, Sources};

/// A real-time conference controller: rooms, invitations and live signaling.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// Configuration file; without it `colloquy.toml` in the working directory, if there is one
    #[arg(long, global = true, value_name = "FILE", env = CONFIG_FILE_VARIABLE)]
    config: Option<PathBuf>,

    /// Folder for the embedded database, journals and keys
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,

    /// Address and port of the listener, such as 127.0.0.1:11311
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Default, Subcommand)]
enum Command {
    /// Run the server (the default)
    #[default]
    Serve,
    /// Bring the database up to date and end; `serve` does so too at its start
    Migrate,
    /// See and change what users' rooms may use
    #[command(subcommand)]
    Tariffs(TariffsCommand),
    /// See tenants and what tokens call them
    #[command(subcommand)]
    Tenants(TenantsCommand),
    /// See users, lock them out and let them in again
    #[command(subcommand)]
    Users(UsersCommand),
    /// Maintenance: clear away what nobody needs any more
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ConfigCommand {
    /// Print where the settings come from and `ok`, or what is wrong with them
    Check,
}

impl Cli {
    /// Runs the command. Errors go to stderr, in words for the operator.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let loaded = match self.load() {
            Ok(loaded) => loaded,
            Err(error) => {
                eprintln!("The configuration is not valid:\n{error}");
                return ExitCode::FAILURE;
            }
        };
        match self.command.unwrap_or_default() {
            Command::Serve => serve::run(loaded.config),
            Command::Migrate => migrate::run(&loaded.config),
            Command::Tariffs(command) => tariffs::run(&loaded.config, command),
            Command::Tenants(command) => tenants::run(&loaded.config, command),
            Command::Users(command) => users::run(&loaded.config, command),
            Command::Jobs(command) => jobs::run(&loaded.config, &command),
            Command::Config(ConfigCommand::Check) => check::run(&loaded),
        }
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        Sources {
            file: self.config.clone(),
            working_dir: PathBuf::new(),
            environment: env::vars_os().collect(),
            overrides: Overrides {
                data_dir: self.data_dir.clone(),
                listen: self.listen,
            },
        }
        .load()
    }
}

/// The text of an error with its causes, each once.
fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.ends_with(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_stand_before_and_after_subcommands() {
        let cli = Cli::parse_from(["colloquy", "--data-dir", "/x", "serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(cli.data_dir, Some("/x".into()));
        assert_eq!(cli.listen, Some("127.0.0.1:0".parse().unwrap()));
        assert!(matches!(cli.command, Some(Command::Serve)));
    }

    #[test]
    fn nothing_means_serve() {
        let cli = Cli::parse_from(["colloquy"]);
        assert!(matches!(cli.command.unwrap_or_default(), Command::Serve));
    }

    #[test]
    fn an_error_is_explained_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::fmt::Error);
        #[derive(Debug, thiserror::Error)]
        #[error("shown: {0}")]
        struct Shown(#[source] Outer);

        let error = Shown(Outer(std::fmt::Error));
        let cause = std::fmt::Error.to_string();
        assert_eq!(explain(&error), format!("shown: outer: {cause}"));
    }
}
