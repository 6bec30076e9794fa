//! Rules of the settings of the identity provider's directory of people.

use super::Rules;
use crate::{config::Oidc, secrets::Secret};

/// Characters of the name of an attribute (Keycloak: 255).
const ATTRIBUTE_CHARS_MAX: usize = 255;

impl Rules {
    pub(super) fn user_search(&mut self, oidc: &Oidc) {
        let search = &oidc.user_search;
        if let Some(url) = &search.api_url {
            self.web_url("oidc.user_search.api_url", url);
            self.require(
                "oidc.authority",
                oidc.authority.is_some(),
                "is needed with oidc.user_search.api_url: its token endpoint lets this server in there",
            );
            let secret = search.client_secret.as_ref().map(Secret::reveal);
            for (key, text) in [
                ("oidc.user_search.client_id", search.client_id.as_str()),
                ("oidc.user_search.client_secret", secret.unwrap_or_default()),
            ] {
                self.require(
                    key,
                    !text.trim().is_empty(),
                    "is needed with oidc.user_search.api_url",
                );
            }
        }
        let attribute = &search.tenant_attribute;
        self.require(
            "oidc.user_search.tenant_attribute",
            attribute.chars().count() <= ATTRIBUTE_CHARS_MAX && !attribute.contains(char::is_control),
            format!("must have at most {ATTRIBUTE_CHARS_MAX} characters in one line"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::violations;
    use crate::{
        config::{Config, Oidc},
        secrets::Secret,
    };

    fn keys(change: impl FnOnce(&mut Oidc)) -> Vec<String> {
        let mut config = Config::default();
        config.oidc.authority = "https://id.example.org/realms/a".parse().ok();
        let search = &mut config.oidc.user_search;
        search.api_url = "https://id.example.org/admin/realms/a".parse().ok();
        search.client_id = "colloquy-search".to_owned();
        search.client_secret = Some(Secret::new("a long random text"));
        config.livekit.api_secret = Secret::new("another long random text");
        change(&mut config.oidc);
        let keys = violations(&config).into_iter().map(|violation| violation.key);
        keys.collect()
    }

    #[test]
    fn a_directory_needs_an_issuer_and_an_account() {
        assert_eq!(keys(|_| {}), Vec::<String>::new());
        assert_eq!(keys(|oidc| oidc.authority = None), ["oidc.authority"]);
        for url in [
            "ldap://id.example.org",
            "https://u:p@id.example.org",
            "https://id.example.org/?a=b",
        ] {
            assert_eq!(
                keys(|oidc| oidc.user_search.api_url = url.parse().ok()),
                ["oidc.user_search.api_url"],
                "{url}"
            );
        }
        assert_eq!(
            keys(|oidc| oidc.user_search.client_id = " ".to_owned()),
            ["oidc.user_search.client_id"]
        );
        for secret in [None, Some(Secret::new(""))] {
            assert_eq!(
                keys(|oidc| oidc.user_search.client_secret = secret),
                ["oidc.user_search.client_secret"]
            );
        }
        assert_eq!(
            keys(|oidc| oidc.user_search.client_secret = Some(Secret::new("change-me"))),
            ["oidc.user_search.client_secret"]
        );
    }

    #[test]
    fn without_a_directory_nothing_is_needed() {
        let nothing = |oidc: &mut Oidc| *oidc = Oidc::default();
        assert_eq!(keys(nothing), Vec::<String>::new());
    }

    #[test]
    fn the_attribute_is_one_line() {
        for attribute in ["a\nb".to_owned(), "x".repeat(256)] {
            assert_eq!(
                keys(|oidc| oidc.user_search.tenant_attribute = attribute),
                ["oidc.user_search.tenant_attribute"]
            );
        }
        assert_eq!(
            keys(|oidc| oidc.user_search.tenant_attribute = "tenant id".to_owned()),
            Vec::<String>::new()
        );
    }
}
