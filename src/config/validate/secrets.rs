//! Rules of secrets: examples that were left in place, and what can be guessed.

use url::{Url, form_urlencoded};

use super::Rules;
use crate::{
    config::{Config, Livekit},
    loopback::is_loopback,
    secrets::Secret,
};

/// Characters of a secret that signs or derives others: whoever sees one of those may try secrets without asking anybody.
const SIGNING_SECRET_CHARS_MIN: usize = 32;

impl Rules {
    /// Words of examples are no secrets, and LiveKit's development secret is one on this machine only.
    pub(super) fn placeholders(&mut self, config: &Config) {
        for (key, secret) in secrets(config) {
            self.require(
                &key,
                !is_placeholder(&secret),
                "is a placeholder of an example: choose a secret of your own",
            );
        }
        let host = config.livekit.service_url.host();
        let is_local = host.is_some_and(|host| is_loopback(&host));
        self.require(
            "livekit.api_secret",
            is_local || config.dev_issuer_enabled() || !is_development(&config.livekit),
            WELL_KNOWN,
        );
    }

    /// What a real server should have otherwise.
    pub(super) fn weak_secrets(&mut self, config: &Config) {
        self.require("livekit.api_secret", !is_development(&config.livekit), WELL_KNOWN);
        let turn = config.turn.servers.iter().enumerate();
        let turn = turn.map(|(index, server)| (format!("turn.servers.{index}.secret"), &server.secret));
        let livekit = ("livekit.api_secret".to_owned(), &config.livekit.api_secret);
        let livekit = (!is_development(&config.livekit)).then_some(livekit);
        for (key, secret) in livekit.into_iter().chain(turn) {
            self.require(
                &key,
                secret.reveal().chars().count() >= SIGNING_SECRET_CHARS_MIN,
                format!(
                    "has fewer than {SIGNING_SECRET_CHARS_MIN} characters, so that it can be guessed from what it signs; \
                     `openssl rand -base64 32` makes a good one"
                ),
            );
        }
    }
}

const WELL_KNOWN: &str = "is LiveKit's well-known development secret: anybody can join any call";

fn is_development(livekit: &Livekit) -> bool {
    livekit.api_secret == Livekit::default().api_secret
}

/// Every secret that is set, with its key.
fn secrets(config: &Config) -> Vec<(String, Secret)> {
    let turn = config.turn.servers.iter().enumerate();
    let turn = turn.map(|(index, server)| {
        (
            format!("turn.servers.{index}.secret"),
            Some(server.secret.clone()),
        )
    });
    let others = [
        (
            "database.url",
            config.database.url.as_deref().and_then(password_in),
        ),
        ("livekit.api_secret", Some(config.livekit.api_secret.clone())),
        (
            "oidc.user_search.client_secret",
            config.oidc.user_search.client_secret.clone(),
        ),
        ("mail.password", config.mail.password.clone()),
        ("shared_folder.password", config.shared_folder.password.clone()),
        ("whiteboard.api_key", config.whiteboard.api_key.clone()),
        ("etherpad.api_key", config.etherpad.api_key.clone()),
        (
            "assets.s3.secret_access_key",
            config.assets.s3.secret_access_key.clone(),
        ),
        (
            "recording.amqp_url",
            config
                .recording
                .amqp_url
                .as_ref()
                .map(Secret::reveal)
                .and_then(password_in),
        ),
        ("cluster.secret", config.cluster.secret.clone()),
        ("cluster.other_secret", config.cluster.other_secret.clone()),
        (
            "cluster.redis_url",
            config.cluster.redis_urls().find_map(password_in),
        ),
    ];
    let others = others.into_iter().map(|(key, secret)| (key.to_owned(), secret));
    others
        .chain(turn)
        .filter_map(|(key, secret)| Some((key, secret?)))
        .collect()
}

/// The password in a URL, decoded.
fn password_in(url: &str) -> Option<Secret> {
    let url = Url::parse(url).ok()?;
    // A plus sign is a plus sign there.
    let form = format!("p={}", url.password()?.replace('+', "%2B"));
    let (_, password) = form_urlencoded::parse(form.as_bytes()).next()?;
    Some(Secret::new(password))
}

/// `change-me`, `CHANGE ME (32 characters)`, `<long random text>`.
fn is_placeholder(secret: &Secret) -> bool {
    let text = secret.reveal().trim();
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    letters.contains("changeme")
        || letters.contains("replaceme")
        || (text.starts_with('<') && text.ends_with('>'))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Violation, violations, warnings},
        *,
    };

    fn keys(found: Vec<Violation>) -> Vec<String> {
        found.into_iter().map(|violation| violation.key).collect()
    }

    fn config(toml: &str) -> Config {
        toml::from_str(&format!("oidc.authority = 'https://id.example.org'\n{toml}")).unwrap()
    }

    const LONG: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn placeholders_are_refused() {
        for (toml, key) in [
            (
                "livekit.api_secret = 'change-me-as-in-livekit.yaml'",
                "livekit.api_secret",
            ),
            ("livekit.api_secret = '<long random text>'", "livekit.api_secret"),
            (
                "database.url = 'postgres://colloquy:change%20me@localhost/colloquy'",
                "database.url",
            ),
            (
                "turn.servers = [{ uris = ['turn:t'], secret = 'Change_Me' }]",
                "turn.servers.0.secret",
            ),
            (
                "assets.s3.secret_access_key = 'replace me'",
                "assets.s3.secret_access_key",
            ),
            ("mail = {user = 'a', password = 'changeme'}", "mail.password"),
            (
                "shared_folder = {url = 'https://c.example.org', username = 'a', password = 'change-me'}",
                "shared_folder.password",
            ),
            (
                "whiteboard = {base_url = 'https://b.example.org', api_key = 'change-me'}",
                "whiteboard.api_key",
            ),
            (
                "etherpad = {base_url = 'https://p.example.org', api_key = 'change-me'}",
                "etherpad.api_key",
            ),
        ] {
            let found = violations(&config(toml));
            assert!(
                !format!("{found:?}").to_lowercase().contains("change"),
                "{found:?}"
            );
            assert_eq!(keys(found), [key], "{toml}");
        }
        let good = "database.url = 'postgres://colloquy:a+b%2B@localhost/changeme'";
        assert_eq!(keys(violations(&config(good))), Vec::<String>::new());
    }

    #[test]
    fn the_development_secret_of_livekit_stays_on_this_machine() {
        let remote = "livekit.service_url = 'http://10.0.0.1:7880'";
        assert_eq!(keys(violations(&config(remote))), ["livekit.api_secret"]);
        assert_eq!(keys(violations(&config(""))), Vec::<String>::new());
        assert_eq!(keys(warnings(&config(""))), ["livekit.api_secret"]);
        let development: Config = toml::from_str(remote).unwrap();
        assert_eq!(keys(violations(&development)), Vec::<String>::new());
        assert_eq!(keys(warnings(&development)), Vec::<String>::new());
    }

    #[test]
    fn short_secrets_that_sign_are_told() {
        let short = config(&format!(
            "livekit.api_secret = 'hunter2'\nturn.servers = [{{ uris = ['turn:t'], secret = '{LONG}' }}, \
             {{ uris = ['turn:t'], secret = 'north' }}]"
        ));
        assert_eq!(keys(violations(&short)), Vec::<String>::new());
        let told = warnings(&short);
        assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
        assert_eq!(keys(told), ["livekit.api_secret", "turn.servers.1.secret"]);
        let long = config(&format!("livekit.api_secret = '{LONG}'"));
        assert_eq!(keys(warnings(&long)), Vec::<String>::new());
    }
}
