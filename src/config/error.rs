//! What can be wrong with settings, and where it stands.

use std::{fmt, path::PathBuf};

/// Why no configuration came out. Its text is meant for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {message}", path.display())]
    Syntax { path: PathBuf, message: String },
    /// Every problem that was found, not only the first.
    #[error("{}", join(.0))]
    Problems(Vec<Problem>),
}

/// One setting that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub place: SettingSource,
    /// Dotted path, e.g. `http.listen`; elements of lists by index.
    pub key: String,
    pub message: String,
}

/// Where a setting stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingSource {
    File { path: PathBuf, line: Option<usize> },
    Variable(String),
    Flag(&'static str),
    Default,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.key, self.message)
    }
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "{name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

fn join(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
