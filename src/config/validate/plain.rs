//! What goes to other machines goes encrypted: keys, passwords and tokens travel with it.

use std::net::Ipv6Addr;

use url::{Host, Url};

use super::Rules;
use crate::{
    config::{Config, MailSettings, MailTls, Oidc, Outgoing},
    loopback::is_loopback,
    private_network::is_near,
};

impl Rules {
    /// Nothing leaves private networks in clear, unless somebody says so.
    pub(super) fn encrypted(&mut self, config: &Config) {
        if config.outgoing.allow_plain {
            return;
        }
        let services = [
            ("oidc.authority", asked_authority(&config.oidc)),
            (
                "oidc.user_search.api_url",
                config.oidc.user_search.api_url.as_ref(),
            ),
            ("livekit.service_url", Some(&config.livekit.service_url)),
            ("shared_folder.url", config.shared_folder.url.as_ref()),
            ("whiteboard.base_url", config.whiteboard.base_url.as_ref()),
            ("etherpad.base_url", config.etherpad.base_url.as_ref()),
            ("assets.s3.endpoint", config.assets.s3.endpoint.as_ref()),
        ];
        for (key, url) in services {
            self.require(
                key,
                !url.is_some_and(is_in_clear),
                "must be https (or wss): it is beyond this machine and private networks, and secrets go there; \
                 outgoing.allow_plain = true allows it",
            );
        }
        self.encrypted_service_authority(&config.oidc);
        self.encrypted_mail(&config.mail);
    }

    /// Where this server asks for keys and profiles, where that is not where clients do.
    fn encrypted_service_authority(&mut self, oidc: &Oidc) {
        self.require(
            "oidc.service_authority",
            oidc.allow_plain || !oidc.service_authority.as_ref().is_some_and(is_in_clear),
            "must be https: it is beyond this machine and private networks, and tokens go there; oidc.allow_plain = true \
             allows it",
        );
    }

    /// Mails hold passwords and pins of rooms. The password of the mail server is more than that, and does not even cross a
    /// private network in clear.
    fn encrypted_mail(&mut self, mail: &MailSettings) {
        let host = mail.host.as_deref().and_then(host);
        let (Some(host), MailTls::None) = (host, mail.tls) else {
            return;
        };
        let (is_fine, reason) = if mail.user.is_some() {
            (is_loopback(&host), "while a password goes to another machine")
        } else {
            let reason = "beyond this machine and private networks: mails hold passwords and pins";
            (is_near(&host), reason)
        };
        self.require(
            "mail.tls",
            is_fine,
            format!("must not be none {reason}; outgoing.allow_plain = true allows it"),
        );
    }

    /// The same of what browsers and clients ask, who may see it otherwise than this server does.
    pub(super) fn encrypted_for_clients(&mut self, config: &Config) {
        let urls = [
            ("http.public_url", config.http.public_url.as_ref()),
            ("oidc.authority", unasked_authority(&config.oidc)),
            ("livekit.public_url", Some(&config.livekit.public_url)),
            ("mail.web_client_url", config.mail.web_client_url.as_ref()),
            ("defaults.avatar_base_url", Some(&config.defaults.avatar_base_url)),
        ];
        for (key, url) in urls {
            self.require(
                key,
                !url.is_some_and(is_in_clear),
                "is not https (or wss): browsers send and get everything in clear there",
            );
        }
    }

    pub(super) fn outgoing(&mut self, outgoing: &Outgoing) {
        if let Some(proxy) = &outgoing.proxy {
            self.web_url("outgoing.proxy", proxy);
        }
        for (index, host) in outgoing.no_proxy.iter().enumerate() {
            let is_host = Host::parse(host.trim_start_matches('.')).is_ok();
            self.require(
                &format!("outgoing.no_proxy.{index}"),
                is_host && !host.contains('*'),
                format!("`{host}` is no host name or address; a domain stands for all below it"),
            );
        }
    }
}

/// The authority, where this server asks it itself.
fn asked_authority(oidc: &Oidc) -> Option<&Url> {
    oidc.authority
        .as_ref()
        .filter(|_| oidc.service_authority.is_none())
}

/// The authority, where only clients ask it.
fn unasked_authority(oidc: &Oidc) -> Option<&Url> {
    oidc.authority
        .as_ref()
        .filter(|_| oidc.service_authority.is_some())
}

/// Whether a URL leads beyond private networks without TLS.
fn is_in_clear(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "ws") && !url.host().is_some_and(|host| is_near(&host))
}

/// A host that stands alone: IPv6 addresses have no brackets there, as they have in URLs.
pub(super) fn host(text: &str) -> Option<Host> {
    match text.parse::<Ipv6Addr>() {
        Ok(ip) => Some(Host::Ipv6(ip)),
        Err(_) => Host::parse(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::violations, *};

    fn keys(toml: &str) -> Vec<String> {
        let config: Config = toml::from_str(toml).unwrap();
        violations(&config)
            .into_iter()
            .map(|violation| violation.key)
            .collect()
    }

    const MAIL: &str = "mail = {host = 'HOST', tls = 'none', from_address = 'a@example.org', \
                        web_client_url = 'https://meet.example.org'}";

    #[test]
    fn nothing_leaves_private_networks_in_clear() {
        for (toml, key) in [
            ("oidc.authority = 'http://HOST/realms/a'", "oidc.authority"),
            (
                "oidc = {authority = 'https://id.internal', user_search = {api_url = 'http://HOST/a', client_id = 'a', \
                 client_secret = 'b'}}",
                "oidc.user_search.api_url",
            ),
            ("livekit.service_url = 'http://HOST:7880'", "livekit.service_url"),
            ("livekit.service_url = 'ws://HOST:7880'", "livekit.service_url"),
            (
                "shared_folder = {url = 'http://HOST', username = 'a', password = 'b'}",
                "shared_folder.url",
            ),
            (
                "whiteboard = {base_url = 'http://HOST', api_key = 'b'}",
                "whiteboard.base_url",
            ),
            (
                "etherpad = {base_url = 'http://HOST', api_key = 'b'}",
                "etherpad.base_url",
            ),
            ("assets.s3.endpoint = 'http://HOST:9000'", "assets.s3.endpoint"),
            (MAIL, "mail.tls"),
        ] {
            for far in ["id.example.org", "192.0.2.1", "203.0.113.9"] {
                let toml = toml.replace("HOST", far);
                assert_eq!(keys(&toml), [key], "{toml}");
                let allowed = format!("outgoing.allow_plain = true\n{toml}");
                assert_eq!(keys(&allowed), Vec::<String>::new(), "{allowed}");
                let encrypted = toml.replace("http:", "https:").replace("ws:", "wss:");
                let encrypted = encrypted.replace("'none'", "'starttls'");
                assert_eq!(keys(&encrypted), Vec::<String>::new(), "{encrypted}");
            }
            for near in [
                "localhost",
                "127.0.0.1",
                "10.1.2.3",
                "192.168.0.7",
                "keycloak",
                "id.internal",
            ] {
                let toml = toml.replace("HOST", near);
                assert_eq!(keys(&toml), Vec::<String>::new(), "{toml}");
            }
        }
    }

    #[test]
    fn the_url_that_is_asked_decides() {
        let check = |authority: &str, service: &str, more: &str| {
            keys(&format!(
                "[oidc]\nauthority = '{authority}'\nservice_authority = '{service}'\n{more}"
            ))
        };
        let (outside, inside) = ("https://id.example.org/r", "http://keycloak:8080/r");
        let in_clear = "http://id.example.net/r";
        assert_eq!(check(outside, inside, ""), Vec::<String>::new());
        assert_eq!(
            check(in_clear, inside, ""),
            Vec::<String>::new(),
            "only clients ask it"
        );
        assert_eq!(check(outside, in_clear, ""), ["oidc.service_authority"]);
        assert_eq!(
            check(outside, in_clear, "allow_plain = true"),
            Vec::<String>::new()
        );
        let everywhere = "[outgoing]\nallow_plain = true";
        assert_eq!(check(outside, in_clear, everywhere), Vec::<String>::new());
    }

    #[test]
    fn a_proxy_is_a_url_without_a_password() {
        for (toml, key) in [
            ("outgoing.proxy = 'socks5://proxy:1080'", "outgoing.proxy"),
            ("outgoing.proxy = 'http://u:p@proxy:3128'", "outgoing.proxy"),
            (
                "outgoing.no_proxy = ['a.example', '*.example']",
                "outgoing.no_proxy.1",
            ),
            ("outgoing.no_proxy = ['']", "outgoing.no_proxy.0"),
        ] {
            assert_eq!(keys(toml), [key], "{toml}");
        }
        let fine = "outgoing.proxy = 'http://proxy:3128'\noutgoing.no_proxy = ['.example.org', '10.0.0.1', 'keycloak']";
        assert_eq!(keys(fine), Vec::<String>::new());
    }
}
