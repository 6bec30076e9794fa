//! The TOML file as a layer of settings, with the line of every key.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::{ConfigError, SettingSource};

/// Bytes of a file, far above what settings take.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A file that was read and is TOML.
#[derive(Debug, Clone)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    pub(super) data: Map<String, Value>,
    text: String,
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = text(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, text)
    }

    pub(super) fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        let syntax = |message: String| ConfigError::Syntax {
            path: path.to_owned(),
            message,
        };
        let data = toml::from_str(&text).map_err(|error| syntax(told(&error, &text)))?;
        Ok(Self {
            path: path.to_owned(),
            data,
            text,
        })
    }

    /// Where the key at `path` stands.
    pub(super) fn place<S: AsRef<str>>(&self, path: &[S]) -> SettingSource {
        SettingSource::File {
            path: self.path.clone(),
            line: self.line(path),
        }
    }

    /// The line of the key at `path`, or of the deepest part of it that is there.
    pub(super) fn line<S: AsRef<str>>(&self, path: &[S]) -> Option<usize> {
        let document = DeTable::parse(&self.text).ok()?;
        let offset = offset_in_table(document.get_ref(), path)?;
        let before = self.text.get(..offset)?;
        Some(1 + before.bytes().filter(|byte| *byte == b'\n').count())
    }
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it has more than {FILE_BYTES_MAX} bytes"
        )));
    }
    Ok(text)
}

/// Where a file is no TOML, and why. The error's own text shows the line, in which a secret may stand.
fn told(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let before = before.unwrap_or_default();
    let (line, last) = (before.matches('\n').count() + 1, before.rsplit('\n').next());
    let column = last.unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {}", error.message())
}

/// Byte offset of the deepest part of `path` that is there.
fn offset_in_table<S: AsRef<str>>(table: &DeTable<'_>, path: &[S]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (key, value) = table
        .iter()
        .find(|(key, _)| key.get_ref().as_ref() == first.as_ref())?;
    Some(offset_in_value(value.get_ref(), rest).unwrap_or(key.span().start))
}

fn offset_in_value<S: AsRef<str>>(value: &DeValue<'_>, path: &[S]) -> Option<usize> {
    match value {
        DeValue::Table(table) => offset_in_table(table, path),
        DeValue::Array(elements) => {
            let (first, rest) = path.split_first()?;
            let element = elements.get(first.as_ref().parse::<usize>().ok()?)?;
            Some(offset_in_value(element.get_ref(), rest).unwrap_or(element.span().start))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_keys_sections_and_list_elements() {
        let text = "data_dir = \"/x\"\n\n[http]\nlisten = \"x\"\n\n[[dev_issuer.users]]\nusername = \"a\"\n\
                    [[dev_issuer.users]]\nusername = \"b\"\n";
        let file = ConfigFile::parse(Path::new("c.toml"), text.to_owned()).unwrap();
        let line = |path: &str| file.line(&path.split('.').collect::<Vec<_>>());
        assert_eq!(line("data_dir"), Some(1));
        assert_eq!(line("http"), Some(3));
        assert_eq!(line("http.listen"), Some(4));
        assert_eq!(line("dev_issuer.users.1.username"), Some(9));
        assert_eq!(
            line("dev_issuer.users.1.password"),
            Some(8),
            "the element that lacks the key"
        );
        assert_eq!(line("log"), None);
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.toml");
        let large = "# x\n".repeat(300_000);
        std::fs::write(&path, large).unwrap();
        let error = ConfigFile::read(&path).unwrap_err().to_string();
        assert!(error.ends_with("it has more than 1048576 bytes"), "{error}");
    }

    #[test]
    fn broken_toml_names_the_file_and_the_line() {
        let error = ConfigFile::parse(Path::new("c.toml"), "[http\n".to_owned()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("c.toml: "), "{text}");
        assert!(text.contains("line 1, column "), "{text}");
    }

    #[test]
    fn broken_toml_is_not_shown() {
        for broken in [
            "[livekit]\napi_secret = \"hunter2\n",
            "[livekit]\napi_secret = hunter2\n",
            "[livekit]\napi_secret \"hunter2\"\n",
            "[livekit]\napi_secret = \"x\" hunter2\n",
            "[livekit]\napi_secret = \"\\hunter2\"\n",
            "[livekit]\napi_secret = \"a\"\napi_secret = \"hunter2\"\n",
            "[livekit]\n\"hunter2\"\n",
            "livekit = {api_secret = 'hunter2'\n",
        ] {
            let error = ConfigFile::parse(Path::new("c.toml"), broken.to_owned()).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("line "), "{text}");
            assert!(!text.contains("hunter"), "{text}");
        }
    }
}
