//! What new rooms and users get, and what people see of each other.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use url::Url;

/// What new rooms and users get.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// Features that nobody has, as `[<module>::]<feature>`.
    pub disabled_features: Vec<String>,
    /// BCP 47 tag for users whose issuer names none.
    pub user_language: String,
    /// Whether registered users may join under another name than their profile's.
    pub custom_display_names: bool,
    /// How users may look for others of their tenant.
    pub user_search: UserSearch,
    /// Whose pictures avatar URLs show.
    pub avatars: Avatars,
    /// Base of avatar URLs; the md5 of the e-mail is appended.
    pub avatar_base_url: Url,
}

/// How users find each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UserSearch {
    /// By parts of names and addresses, and in a list.
    #[default]
    On,
    /// Only who knows a whole e-mail address finds its user.
    Exact,
    Off,
}

impl UserSearch {
    const NAMES: [(&str, Self); 5] = [
        ("on", Self::On),
        ("exact", Self::Exact),
        ("off", Self::Off),
        // What the setting was called while it knew no third way.
        ("true", Self::On),
        ("false", Self::Off),
    ];
}

impl<'de> Deserialize<'de> for UserSearch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = UserSearch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"on\", \"exact\" or \"off\"")
            }

            fn visit_bool<E>(self, is_on: bool) -> Result<UserSearch, E> {
                Ok(if is_on { UserSearch::On } else { UserSearch::Off })
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<UserSearch, E> {
                let known = UserSearch::NAMES.iter().find(|(known, _)| *known == name);
                known
                    .map(|(_, search)| *search)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(name), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// Where the pictures of people come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Avatars {
    /// From a server of libravatar's protocol, under the MD5 of the e-mail address. Everybody in a meeting sees the hash, which
    /// is as good as a short address, and the server sees who looks at whom.
    #[default]
    Libravatar,
    /// There are none.
    Off,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            disabled_features: Vec::new(),
            user_language: "en".to_owned(),
            custom_display_names: true,
            user_search: UserSearch::On,
            avatars: Avatars::Libravatar,
            #[expect(
                clippy::expect_used,
                reason = "a literal URL; the configuration test loads the default"
            )]
            avatar_base_url: Url::parse("https://seccdn.libravatar.org/avatar/").expect("literal URL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_has_three_ways_and_the_names_that_it_had() {
        let read = |value: &str| {
            let settings: Result<Defaults, _> = toml::from_str(&format!("user_search = {value}"));
            settings.map(|settings| settings.user_search)
        };
        for (value, search) in [
            ("'on'", UserSearch::On),
            ("'exact'", UserSearch::Exact),
            ("'off'", UserSearch::Off),
            ("true", UserSearch::On),
            ("false", UserSearch::Off),
            // As an environment variable comes.
            ("'false'", UserSearch::Off),
        ] {
            assert_eq!(read(value), Ok(search), "{value}");
        }
        for value in ["'maybe'", "'On'", "1", "['on']"] {
            let error = read(value).expect_err("refused").to_string();
            assert!(error.contains(r#"expected "on", "exact" or "off""#), "{error}");
        }
    }
}
