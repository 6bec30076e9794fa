//! Rules of the names under which an issuer is known: to clients, to this server, and before.

use url::Url;

use super::{Rules, is_web_url};
use crate::config::{Config, DEV_ISSUER_PATH};

/// Names that a realm had before.
const FORMER_ISSUERS_MAX: usize = 20;

/// Characters of a name.
const NAME_CHARS_MAX: usize = 2_048;

impl Rules {
    pub(super) fn issuer_names(&mut self, config: &Config) {
        let oidc = &config.oidc;
        if let Some(url) = &oidc.service_authority {
            self.web_url("oidc.service_authority", url);
            self.require(
                "oidc.service_authority",
                oidc.authority.is_some(),
                "is where this server reaches the issuer that clients know as oidc.authority, which is not set",
            );
        }
        self.require(
            "oidc.former_issuers",
            oidc.former_issuers.is_empty() || oidc.authority.is_some(),
            "hands accounts over to the issuer at oidc.authority, which is not set",
        );
        self.require(
            "oidc.former_issuers",
            oidc.former_issuers.len() <= FORMER_ISSUERS_MAX,
            format!("must be at most {FORMER_ISSUERS_MAX}"),
        );
        for (index, name) in oidc.former_issuers.iter().enumerate() {
            let key = format!("oidc.former_issuers.{index}");
            match Url::parse(name) {
                Ok(url) if is_web_url(&url) && name.chars().count() <= NAME_CHARS_MAX => {
                    self.former_issuer(&key, &url, oidc.authority.as_ref());
                }
                _ => self.require(
                    &key,
                    false,
                    "must be an http or https URL without user, query and fragment",
                ),
            }
        }
    }

    fn former_issuer(&mut self, key: &str, former: &Url, authority: Option<&Url>) {
        let base = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        self.require(
            key,
            authority.is_none_or(|authority| base(authority) != base(former)),
            "is oidc.authority, whose people need no handing over",
        );
        self.require(
            key,
            !former.path().trim_end_matches('/').ends_with(DEV_ISSUER_PATH),
            "is a development issuer, whose passwords anyone can know: whoever was called alice there is not whom the \
             issuer at oidc.authority calls so",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::violations;
    use crate::config::Config;

    fn keys(oidc: &str) -> Vec<String> {
        let toml = format!("[oidc]\n{oidc}");
        let config: Config = toml::from_str(&toml).unwrap();
        let violations = violations(&config).into_iter();
        violations.map(|violation| violation.key).collect()
    }

    #[test]
    fn former_issuers_are_others_than_the_present_one() {
        let authority = "authority = 'https://id.example.org/realms/a'";
        for (names, refused) in [
            (
                "['https://old.example.org/realms/a', 'http://127.0.0.1:8080/auth/realms/a/']",
                None,
            ),
            (
                "['https://id.example.org/realms/a']",
                Some("oidc.former_issuers.0"),
            ),
            (
                "['https://id.example.org/realms/a/']",
                Some("oidc.former_issuers.0"),
            ),
            (
                "['https://ID.example.org:443/realms/a']",
                Some("oidc.former_issuers.0"),
            ),
            (
                "['https://b.example', 'http://127.0.0.1:11311/dev-issuer']",
                Some("oidc.former_issuers.1"),
            ),
            (
                "['https://id.example.org/dev-issuer/']",
                Some("oidc.former_issuers.0"),
            ),
            ("['urn:issuer']", Some("oidc.former_issuers.0")),
            ("['realm']", Some("oidc.former_issuers.0")),
            ("['https://u:p@old.example.org']", Some("oidc.former_issuers.0")),
            ("['https://old.example.org/?x=1']", Some("oidc.former_issuers.0")),
        ] {
            let found = keys(&format!("{authority}\nformer_issuers = {names}"));
            assert_eq!(found, Vec::from_iter(refused.map(str::to_owned)), "{names}");
        }
        let many = vec!["'https://old.example.org'"; 21].join(", ");
        let found = keys(&format!("{authority}\nformer_issuers = [{many}]"));
        assert_eq!(found, ["oidc.former_issuers"]);
        assert_eq!(
            keys("former_issuers = ['https://old.example.org']"),
            ["oidc.former_issuers"]
        );
    }

    #[test]
    fn a_service_authority_is_another_way_to_an_authority() {
        assert_eq!(
            keys("service_authority = 'http://keycloak:8080'"),
            ["oidc.service_authority"]
        );
        let authority = "authority = 'https://id.example.org'";
        for (service, is_fine) in [
            ("http://keycloak:8080/realms/a", true),
            ("https://id.internal", true),
            ("ftp://keycloak", false),
            ("http://keycloak/?x=1", false),
        ] {
            let found = keys(&format!("{authority}\nservice_authority = '{service}'"));
            assert_eq!(found.is_empty(), is_fine, "{service}: {found:?}");
        }
    }
}
