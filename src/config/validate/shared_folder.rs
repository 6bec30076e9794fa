//! Rules of the settings of shared folders.

use super::Rules;
use crate::{config::SharedFolderSettings, secrets::Secret};

/// Longest time until links end, in days.
const EXPIRY_DAYS_MAX: u32 = 10_000;

impl Rules {
    pub(super) fn shared_folder(&mut self, folder: &SharedFolderSettings) {
        if let Some(url) = &folder.url {
            self.web_url("shared_folder.url", url);
            let filled = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
            self.require(
                "shared_folder.username",
                filled(folder.username.as_deref()),
                "is needed with shared_folder.url",
            );
            self.require(
                "shared_folder.password",
                filled(folder.password.as_ref().map(Secret::reveal)),
                "is needed with shared_folder.url",
            );
        }
        self.require(
            "shared_folder.directory",
            is_directory(&folder.directory),
            "must be the path of a folder such as meetings/colloquy, without a slash at its ends",
        );
        if let Some(days) = folder.expiry_days {
            self.require(
                "shared_folder.expiry_days",
                (1..=EXPIRY_DAYS_MAX).contains(&days),
                format!("must lie between 1 and {EXPIRY_DAYS_MAX}"),
            );
        }
    }
}

fn is_directory(path: &str) -> bool {
    !path.contains(|c: char| c.is_control() || c == '\\')
        && path
            .split('/')
            .all(|segment| !segment.trim().is_empty() && segment != "." && segment != "..")
}

#[cfg(test)]
mod tests {
    use super::super::violations;
    use crate::{
        config::{Config, SharedFolderSettings},
        secrets::Secret,
    };

    fn keys(change: impl FnOnce(&mut SharedFolderSettings)) -> Vec<String> {
        let mut config = Config {
            shared_folder: SharedFolderSettings {
                url: "https://cloud.example.org/nextcloud".parse().ok(),
                username: Some("colloquy".to_owned()),
                password: Some(Secret::new("app password")),
                ..SharedFolderSettings::default()
            },
            ..Config::default()
        };
        change(&mut config.shared_folder);
        violations(&config)
            .into_iter()
            .map(|violation| violation.key)
            .collect()
    }

    #[test]
    fn a_provider_needs_an_account() {
        assert_eq!(keys(|_| {}), Vec::<String>::new());
        assert_eq!(keys(|folder| folder.username = None), ["shared_folder.username"]);
        assert_eq!(
            keys(|folder| folder.password = Some(Secret::new(""))),
            ["shared_folder.password"]
        );
        assert_eq!(
            keys(|folder| folder.url = "https://u:p@cloud.example.org".parse().ok()),
            ["shared_folder.url"]
        );
        let nothing = |folder: &mut SharedFolderSettings| {
            (folder.url, folder.username, folder.password) = (None, None, None);
        };
        assert_eq!(keys(nothing), Vec::<String>::new());
    }

    #[test]
    fn directories_are_paths_within_the_account() {
        for bad in [
            "", "/", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "a\nb", " ",
        ] {
            assert_eq!(
                keys(|folder| folder.directory = bad.to_owned()),
                ["shared_folder.directory"],
                "{bad:?}"
            );
        }
        let nested =
            |folder: &mut SharedFolderSettings| folder.directory = "Meetings ü/of colloquy".to_owned();
        assert_eq!(keys(nested), Vec::<String>::new());
        assert_eq!(
            keys(|folder| folder.expiry_days = Some(0)),
            ["shared_folder.expiry_days"]
        );
    }
}
