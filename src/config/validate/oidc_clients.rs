//! Whose tokens count.

use super::Rules;
use crate::config::{ANY_AUDIENCE, CLIENT_CHARS_MAX, Oidc};

/// Most clients of a list.
const CLIENTS_MAX: usize = 100;

/// Least time that a token may be good for, in seconds: below it clients would do nothing but renew them.
const TOKEN_LIFETIME_SECS_MIN: u64 = 60;

impl Rules {
    /// Clients are named by what a token can hold.
    pub(super) fn oidc_clients(&mut self, oidc: &Oidc) {
        for (key, clients) in [
            ("oidc.clients", &oidc.clients),
            ("oidc.service_clients", &oidc.service_clients),
        ] {
            self.require(
                key,
                clients.len() <= CLIENTS_MAX,
                format!("must name at most {CLIENTS_MAX} clients"),
            );
            for (index, client) in clients.iter().enumerate() {
                self.require(
                    &format!("{key}.{index}"),
                    is_client(client),
                    format!("must be a client id: 1 to {CLIENT_CHARS_MAX} characters, no space around them"),
                );
            }
        }
        let secs = oidc.token_lifetime_max_secs;
        self.require(
            "oidc.token_lifetime_max_secs",
            secs >= TOKEN_LIFETIME_SECS_MIN,
            format!("must be at least {TOKEN_LIFETIME_SECS_MIN}"),
        );
        self.span("oidc.token_lifetime_max_secs", secs);
    }

    /// A check that is off is told.
    pub(super) fn any_client(&mut self, oidc: &Oidc) {
        self.require(
            "oidc.audience",
            oidc.audience.as_deref() != Some(ANY_AUDIENCE),
            "is `*`: whatever application of the identity provider gets a token can act here as its user; \
             name the applications in oidc.clients, or an audience that only tokens for this server have",
        );
    }
}

fn is_client(client: &str) -> bool {
    client.trim() == client
        && (1..=CLIENT_CHARS_MAX).contains(&client.chars().count())
        && !client.contains(char::is_control)
}
