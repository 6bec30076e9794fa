//! Rules of the development issuer, whose passwords anyone can know.

use std::collections::BTreeSet;

use url::Url;

use super::Rules;
use crate::{
    config::{Config, DevIssuerSettings, LogFormat},
    loopback::is_loopback,
};

impl Rules {
    /// The development issuer's passwords are public knowledge: other machines must not reach it by accident.
    pub(super) fn dev_issuer_reach(&mut self, config: &Config) {
        if config.dev_issuer.allow_remote {
            return;
        }
        self.require(
            "http.listen",
            config.http.listen.ip().to_canonical().is_loopback(),
            "is not a loopback address while the development issuer is on, whose passwords anyone can know; \
             set oidc.authority, or dev_issuer.allow_remote = true",
        );
        let public_host = config.http.public_url.as_ref().and_then(Url::host);
        self.require(
            "http.public_url",
            public_host.is_none_or(|host| is_loopback(&host)),
            "is not on a loopback host while the development issuer is on, whose passwords anyone can know; \
             set oidc.authority, or dev_issuer.allow_remote = true",
        );
    }

    /// Settings of a server that others are meant to use, behind a proxy or beside a web client: there the authority was
    /// forgotten, and everybody could log in as anybody. `allow_remote` says nothing about them: whoever wants a proxy in
    /// development has the issuer beside the servers.
    pub(super) fn dev_issuer_company(&mut self, config: &Config) {
        let settings = [
            ("http.trusted_proxies", config.http.trusted_proxies.is_empty()),
            ("http.cors_origins", config.http.cors_origins.is_empty()),
            ("log.format", config.log.format != LogFormat::Json),
        ];
        for (key, is_default) in settings {
            self.require(
                key,
                is_default,
                "is a setting of a server that others use, and without oidc.authority anyone can log in as anyone; set \
                 oidc.authority (in development run `colloquy dev-issuer` and name its URL there), or leave this key out",
            );
        }
    }

    pub(super) fn dev_issuer(&mut self, issuer: &DevIssuerSettings) {
        for (index, uri) in issuer.redirect_uris.iter().enumerate() {
            self.require(
                &format!("dev_issuer.redirect_uris.{index}"),
                uri.fragment().is_none(),
                "must have no fragment (RFC 6749, 3.1.2)",
            );
        }
        let mut names = BTreeSet::new();
        for (index, user) in issuer.users.iter().enumerate() {
            let key = |name: &str| format!("dev_issuer.users.{index}.{name}");
            self.filled(&key("username"), &user.username);
            self.filled(&key("password"), &user.password);
            self.require(
                &key("username"),
                names.insert(&user.username),
                format!("`{}` stands twice", user.username),
            );
        }
    }
}
