//! The command line.

mod advice;
mod check;
mod crypto;
mod database;
mod dev_issuer;
mod greeting;
mod import;
mod jobs;
mod logging;
mod migrate;
mod online;
mod open_files;
mod render;
mod serve;
mod signals;
mod tariffs;
mod tenants;
mod users;
mod version;

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

pub use self::crypto::install_crypto;
use self::{tariffs::TariffsCommand, tenants::TenantsCommand, users::UsersCommand};
use crate::config::{CONFIG_FILE_VARIABLE, ConfigError, Loaded, Overrides, Sources};

/// A real-time conference controller: rooms, invitations and live signaling.
#[derive(Debug, Parser)]
#[command(about, disable_version_flag = true)]
pub struct Cli {
    /// Print the version
    #[arg(short = 'V', long)]
    version: bool,

    /// With --version: print that of the time zones' data, too
    #[arg(short = 'v', long, requires = "version")]
    verbose: bool,

    /// Configuration file; without it `colloquy.toml` in the working directory, if there is one
    #[arg(long, global = true, value_name = "FILE", env = CONFIG_FILE_VARIABLE)]
    config: Option<PathBuf>,

    /// Folder for the embedded database, journals and keys
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,

    /// Address and port of the listener, such as 127.0.0.1:11311
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// Refuse to run without `oidc.authority`, also when a file or a variable got lost: no development issuer
    #[arg(long, global = true)]
    require_oidc: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Default, Subcommand)]
enum Command {
    /// Run the server (the default)
    #[default]
    Serve,
    /// Run the development issuer alone, as the `oidc.authority` of servers on this machine
    ///
    /// It takes users and client id from the configuration, and listens at --listen, else where a loopback
    /// `oidc.authority` says, else at 127.0.0.1:11399.
    DevIssuer,
    /// Bring the database up to date and end; `serve` does so too at its start
    Migrate,
    /// See and change what users' rooms may use
    #[command(subcommand)]
    Tariffs(TariffsCommand),
    /// See tenants and what tokens call them
    #[command(subcommand)]
    Tenants(TenantsCommand),
    /// See users, lock them out and let them in again, make one of two
    #[command(subcommand)]
    Users(UsersCommand),
    /// Maintenance: clear away what nobody needs any more
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make the PDF of a report: what the server runs for each, in little memory
    #[command(hide = true)]
    Render,
}

#[derive(Debug, Clone, Subcommand)]
enum ConfigCommand {
    /// Print where the settings come from and `ok`, or what is wrong with them
    Check {
        /// Also ask the identity provider, as the server does at its start
        #[arg(long)]
        online: bool,
    },
    /// Print a configuration file that says what the `controller.toml` of another controller says
    ///
    /// Settings without a counterpart become comments. Nothing else is read, and nothing is changed; secrets are printed
    /// with the rest.
    Import {
        /// The file, such as /etc/opentalk/controller.toml
        file: PathBuf,
    },
}

impl Cli {
    /// Runs the command. Errors go to stderr, in words for the operator.
    #[must_use]
    pub fn run(self) -> ExitCode {
        // Files and folders that are made here are nobody else's, whatever the folders above them are.
        rustix::process::umask(rustix::fs::Mode::from(0o077));
        if self.version {
            return version::run(self.verbose);
        }
        if self.require_oidc && self.is_issuer() {
            eprintln!("colloquy: --require-oidc wants no development issuer, and dev-issuer is one");
            return ExitCode::FAILURE;
        }
        // It needs no configuration, as it makes one.
        if let Some(Command::Config(ConfigCommand::Import { file })) = &self.command {
            return import::run(file);
        }
        // Nor does it: it has neither its folder nor its variables.
        if matches!(self.command, Some(Command::Render)) {
            return render::run();
        }
        let loaded = match self.load() {
            Ok(loaded) => loaded,
            Err(error) => {
                eprintln!("The configuration is not valid:\n{error}");
                return ExitCode::FAILURE;
            }
        };
        match self.command.unwrap_or_default() {
            Command::Serve => serve::run(loaded),
            Command::DevIssuer => dev_issuer::run(&loaded.config, self.listen),
            Command::Migrate => migrate::run(&loaded.config),
            Command::Tariffs(command) => tariffs::run(&loaded.config, command),
            Command::Tenants(command) => tenants::run(&loaded.config, command),
            Command::Users(command) => users::run(&loaded.config, command),
            Command::Jobs(command) => jobs::run(&loaded.config, &command),
            Command::Config(ConfigCommand::Check { online }) => check::run(&loaded, online),
            Command::Config(ConfigCommand::Import { file }) => import::run(&file),
            Command::Render => render::run(),
        }
    }

    fn is_issuer(&self) -> bool {
        matches!(self.command, Some(Command::DevIssuer))
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        Sources {
            file: self.config.clone(),
            working_dir: PathBuf::new(),
            environment: env::vars_os().collect(),
            overrides: Overrides {
                data_dir: self.data_dir.clone(),
                // The issuer's listener is not the server's.
                listen: self.listen.filter(|_| !self.is_issuer()),
            },
            require_oidc: self.require_oidc,
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

/// Writes a line to stdout. Whoever has stopped reading it (`| head`) wants no more.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
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

    /// The words after the program's name.
    fn arguments(line: &str) -> Vec<&str> {
        line.split_whitespace().collect()
    }

    #[test]
    fn the_installations_that_we_ship_want_no_development_issuer() {
        let unit = include_str!("../../config/colloquy.service");
        let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart="));
        let cli = Cli::parse_from(arguments(start.unwrap()));
        assert!(cli.require_oidc && matches!(cli.command.unwrap_or_default(), Command::Serve));

        let image = include_str!("../../config/Containerfile");
        let start = image.lines().find_map(|line| line.strip_prefix("ENTRYPOINT "));
        let start: Vec<String> = serde_json::from_str(start.unwrap()).unwrap();
        let cli = Cli::parse_from(start);
        assert!(cli.require_oidc && cli.command.is_none());
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
