//! The folder that holds everything the server keeps: database, journals, assets, keys.

use std::{
    io,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy as _;

use super::Config;

const FOLDER_NAME: &str = "colloquy";

/// Only the server's user may look inside: journals hold conversations, and keys lie here.
#[cfg(unix)]
const FOLDER_MODE: u32 = 0o700;

/// Why there is no data folder.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    #[error("there is no home folder to put data into; set data_dir")]
    NoHome,
    #[error("cannot create the data folder {}: {source}", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("cannot use {} as the data folder: it is not a folder", path.display())]
    NotAFolder { path: PathBuf },
}

impl Config {
    /// Absolute path of the data folder: `data_dir`, or `colloquy` in the platform's folder for users' data.
    pub fn data_folder(&self) -> Result<PathBuf, DataFolderError> {
        let Some(path) = &self.data_dir else {
            let base = etcetera::choose_base_strategy().map_err(|_| DataFolderError::NoHome)?;
            return Ok(base.data_dir().join(FOLDER_NAME));
        };
        std::path::absolute(path).map_err(|source| DataFolderError::Create {
            path: path.clone(),
            source,
        })
    }
}

/// Creates the data folder where it is missing, private to the server's user. Returns its absolute path.
pub async fn prepare_data_folder(config: &Config) -> Result<PathBuf, DataFolderError> {
    let path = config.data_folder()?;
    match tokio::fs::metadata(&path).await {
        Ok(metadata) if !metadata.is_dir() => return Err(DataFolderError::NotAFolder { path }),
        Ok(metadata) => warn_when_open(&path, &metadata),
        Err(_) => create(&path).await.map_err(|source| DataFolderError::Create {
            path: path.clone(),
            source,
        })?,
    }
    Ok(path)
}

async fn create(path: &Path) -> io::Result<()> {
    let mut builder = tokio::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(FOLDER_MODE);
    builder.create(path).await
}

#[cfg(unix)]
fn warn_when_open(path: &Path, metadata: &std::fs::Metadata) {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = metadata.permissions().mode() & 0o777;
    if mode & !FOLDER_MODE != 0 {
        tracing::warn!(
            folder = %path.display(),
            mode = format!("{mode:o}"),
            "other users of this machine can look into the data folder"
        );
    }
}

#[cfg(not(unix))]
fn warn_when_open(_path: &Path, _metadata: &std::fs::Metadata) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(path: impl Into<PathBuf>) -> Config {
        Config {
            data_dir: Some(path.into()),
            ..Config::default()
        }
    }

    #[test]
    fn a_relative_folder_becomes_absolute() {
        let folder = config("data/x").data_folder().unwrap();
        assert_eq!(folder, std::env::current_dir().unwrap().join("data/x"));
    }

    #[test]
    fn the_default_folder_is_named_after_the_server() {
        let folder = Config::default().data_folder().unwrap();
        assert!(
            folder.is_absolute() && folder.ends_with(FOLDER_NAME),
            "{folder:?}"
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_new_folder_is_private_and_an_old_one_is_kept() {
        use std::os::unix::fs::PermissionsExt as _;

        let parent = tempfile::tempdir().unwrap();
        let config = config(parent.path().join("a/b"));
        let path = prepare_data_folder(&config).await.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, FOLDER_MODE);

        std::fs::write(path.join("kept"), "x").unwrap();
        prepare_data_folder(&config).await.unwrap();
        assert!(path.join("kept").exists());
    }

    #[tokio::test]
    async fn a_file_in_its_place_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(
            prepare_data_folder(&config(&file)).await,
            Err(DataFolderError::NotAFolder { .. })
        ));
        assert!(matches!(
            prepare_data_folder(&config(file.join("below"))).await,
            Err(DataFolderError::Create { .. })
        ));
    }
}
