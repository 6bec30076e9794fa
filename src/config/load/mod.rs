//! Layers of settings, merged: defaults < file < environment < command line.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use figment::{Figment, error::Kind, providers::Serialized};
use serde_json::{Map, Value};

use super::{
    Config, ConfigError, Problem, SettingSource,
    environment::{Environment, variable},
    file::ConfigFile,
    foreign,
    schema::{Schema, TYPING_ERRORS_MAX},
    secret_files, secret_keys,
    validate::{self, Violation},
};

/// Read from the working directory when no file is named.
const FILE_NAME: &str = "colloquy.toml";

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file that must exist; without it `colloquy.toml` in `working_dir` counts, if there is one.
    pub file: Option<PathBuf>,
    pub working_dir: PathBuf,
    pub environment: Vec<(OsString, OsString)>,
    pub overrides: Overrides,
    /// Refuse a configuration without `oidc.authority`, as `--require-oidc` says.
    pub require_oidc: bool,
}

/// Settings of the command line.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub data_dir: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
}

/// A valid configuration and what contributed to it.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    pub file: Option<PathBuf>,
    /// Names of environment variables that set something.
    pub variables: Vec<String>,
    /// Command line flags that set something.
    pub flags: Vec<&'static str>,
    /// What holds, but should be otherwise on a server for others.
    pub warnings: Vec<Problem>,
}

impl Sources {
    /// Merges all layers. Every unknown key is reported at once, then every value of a wrong type or rule.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let schema = Schema::new();
        let layers = Layers {
            file: self.config_file()?,
            environment: Environment::read(&self.environment, &schema),
            flags: self.overrides.data(),
        };
        layers.refuse_unknown(&schema)?;
        layers.refuse_double()?;
        let mut config = layers.extract()?;
        config.oidc.claims.tenant_id_is_named = layers.set_at(&["oidc", "claims", "tenant_id"]).is_some();
        refuse(layers.problems(secret_files::read_into(&mut config)))?;
        refuse(layers.problems(validate::violations(&config)))?;
        if self.require_oidc {
            refuse_development(&config)?;
        }
        Ok(Loaded {
            warnings: layers.warnings(&config),
            config,
            flags: self.overrides.flags(),
            file: layers.file.map(|file| file.path),
            variables: layers.environment.variables,
        })
    }

    fn config_file(&self) -> Result<Option<ConfigFile>, ConfigError> {
        if let Some(path) = &self.file {
            return ConfigFile::read(path).map(Some);
        }
        match ConfigFile::read(&self.working_dir.join(FILE_NAME)) {
            Err(ConfigError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(None)
            }
            file => file.map(Some),
        }
    }
}

impl Overrides {
    fn data(&self) -> Map<String, Value> {
        let mut data = Map::new();
        if let Some(path) = &self.data_dir {
            data.insert("data_dir".to_owned(), text(path));
        }
        if let Some(listen) = self.listen {
            data.insert(
                "http".to_owned(),
                serde_json::json!({"listen": listen.to_string()}),
            );
        }
        data
    }

    fn flags(&self) -> Vec<&'static str> {
        let data_dir = self.data_dir.as_ref().map(|_| "--data-dir");
        let listen = self.listen.map(|_| "--listen");
        data_dir.into_iter().chain(listen).collect()
    }
}

/// The layers over the defaults, weakest first.
struct Layers {
    file: Option<ConfigFile>,
    environment: Environment,
    flags: Map<String, Value>,
}

impl Layers {
    fn refuse_unknown(&self, schema: &Schema) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        if let Some(file) = &self.file {
            let unknown = schema.unknown(&file.data).into_iter();
            // Of a section of another controller each setting is told.
            let unknown =
                unknown.flat_map(|path| foreign::settings_below(&file.data, &path).unwrap_or(vec![path]));
            problems.extend(unknown.map(|path| Problem {
                place: file.place(&path),
                message: schema.told(&path),
                key: path.join("."),
            }));
        }
        problems.extend(self.environment.problems.iter().cloned());
        // Keys inside a value of the environment, such as an element of a list.
        problems.extend(
            schema
                .unknown(&self.environment.data)
                .into_iter()
                .map(|path| Problem {
                    place: self.place(&path),
                    message: schema.told(&path),
                    key: path.join("."),
                }),
        );
        refuse(problems)
    }

    fn extract(&self) -> Result<Config, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Config::default()));
        let file = self.file.as_ref().map(|file| &file.data);
        for data in file.into_iter().chain([&self.environment.data, &self.flags]) {
            figment = figment.merge(Serialized::defaults(data));
        }
        figment.extract().map_err(|errors| {
            let problems = errors.into_iter().map(|error| Problem {
                place: self.place(&error.path),
                key: error.path.join("."),
                message: reason(&error.path, &error.kind),
            });
            let problems = refuse(problems.collect());
            problems.err().unwrap_or(ConfigError::Problems(Vec::new()))
        })
    }

    /// A secret and a file for it: nobody knows which of them is meant.
    fn refuse_double(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        // Those of TURN servers are looked at where they are read.
        for key in secret_keys::SECRET_KEYS
            .into_iter()
            .filter(|key| !key.contains('*'))
        {
            let secret: Vec<&str> = key.split('.').collect();
            let in_file = format!("{key}_file");
            let file: Vec<&str> = in_file.split('.').collect();
            if let (Some(_), Some(place)) = (self.set_at(&secret), self.set_at(&file)) {
                problems.push(Problem {
                    place,
                    message: format!("stands beside {key}: name one of them"),
                    key: in_file,
                });
            }
        }
        refuse(problems)
    }

    fn problems(&self, violations: Vec<Violation>) -> Vec<Problem> {
        let problem = |violation: Violation| {
            let path: Vec<&str> = violation.key.split('.').collect();
            Problem {
                place: self.place(&path),
                message: violation.message,
                key: violation.key,
            }
        };
        violations.into_iter().map(problem).collect()
    }

    fn warnings(&self, config: &Config) -> Vec<Problem> {
        let mut violations = validate::warnings(config);
        violations.extend(secret_files::exposed(config));
        let mut problems = self.problems(violations);
        if let Some(file) = &self.file {
            let secret = secret_keys::secrets_in(&file.data).into_iter().next();
            if let Some(message) = secret_files::exposure(&file.path, secret.is_some()) {
                let path = secret.unwrap_or_default();
                problems.push(Problem {
                    place: file.place(&path),
                    key: if path.is_empty() {
                        "this file".to_owned()
                    } else {
                        path.join(".")
                    },
                    message,
                });
            }
        }
        problems
    }

    /// The strongest layer that says something about `path`.
    fn place<S: AsRef<str>>(&self, path: &[S]) -> SettingSource {
        self.set_at(path).unwrap_or(SettingSource::Default)
    }

    /// The same; `None` while the default holds.
    fn set_at<S: AsRef<str>>(&self, path: &[S]) -> Option<SettingSource> {
        match path.first().map(AsRef::as_ref) {
            Some("data_dir") if contains(&self.flags, path) => {
                return Some(SettingSource::Flag("--data-dir"));
            }
            Some("http") if contains(&self.flags, path) => return Some(SettingSource::Flag("--listen")),
            _ => {}
        }
        if contains(&self.environment.data, path) {
            return Some(SettingSource::Variable(self.variable(path)));
        }
        let file = self.file.as_ref()?;
        contains(&file.data, path).then(|| file.place(path))
    }

    /// The variable that set `path`, or a part of the tree around it.
    fn variable<S: AsRef<str>>(&self, path: &[S]) -> String {
        (1..=path.len())
            .rev()
            .map(|length| variable(&path[..length]))
            .find(|name| self.environment.variables.contains(name))
            .unwrap_or_else(|| variable(path))
    }
}

/// What an installation says that never wants the development issuer, also when a file or a variable got lost.
fn refuse_development(config: &Config) -> Result<(), ConfigError> {
    let problem = config.dev_issuer_enabled().then(|| Problem {
        place: SettingSource::Flag("--require-oidc"),
        key: "oidc.authority".to_owned(),
        message: "is not set; name your identity provider there (without it anyone can log in as anyone), \
                  or leave the flag out to try the server on this machine"
            .to_owned(),
    });
    refuse(problem.into_iter().collect())
}

/// What stands in the file in its order, then the rest.
fn refuse(mut problems: Vec<Problem>) -> Result<(), ConfigError> {
    problems.sort_by_key(|problem| match problem.place {
        SettingSource::File { line, .. } => line.unwrap_or(usize::MAX),
        SettingSource::Variable(_) | SettingSource::Flag(_) | SettingSource::Default => usize::MAX,
    });
    if problems.is_empty() {
        Ok(())
    } else {
        Err(ConfigError::Problems(problems))
    }
}

fn contains<S: AsRef<str>>(data: &Map<String, Value>, path: &[S]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let mut value = data.get(first.as_ref());
    for segment in rest {
        value = match value {
            Some(Value::Object(members)) => members.get(segment.as_ref()),
            // A list, or a value of a wrong type, is set as a whole.
            other => return other.is_some(),
        };
    }
    value.is_some()
}

fn reason(path: &[String], kind: &Kind) -> String {
    match kind {
        Kind::UnknownField(name, known) => {
            let path: Vec<_> = path.iter().chain([name]).cloned().collect();
            let near = known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(name, known), known))
                .filter(|(distance, _)| *distance <= TYPING_ERRORS_MAX);
            let nearest = || Some(format!("the nearest is `{}`", near.min()?.1));
            let told = foreign::told(&path).or_else(nearest);
            let told = told.map(|told| format!("; {told}")).unwrap_or_default();
            format!("unknown key `{name}`{told}")
        }
        other => secret_keys::reason(path, other),
    }
}

fn text(path: &Path) -> Value {
    Value::String(path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
