//! Rules of `[turn]` and `[call_in]`.

use super::Rules;
use crate::config::{CallInSettings, Turn};

/// Characters of a telephone number as people read it.
const TEL_CHARS_MAX: usize = 64;

impl Rules {
    pub(super) fn turn(&mut self, turn: &Turn) {
        self.positive("turn.lifetime_secs", turn.lifetime_secs);
        self.span("turn.lifetime_secs", turn.lifetime_secs);
        for (index, server) in turn.servers.iter().enumerate() {
            let key = |name: &str| format!("turn.servers.{index}.{name}");
            self.require(
                &key("uris"),
                !server.uris.is_empty(),
                "must name at least one URI",
            );
            for uri in &server.uris {
                self.ice_uri(&key("uris"), uri, &["turn:", "turns:"]);
            }
            self.filled(&key("secret"), server.secret.reveal());
        }
        for uri in &turn.stun_uris {
            self.ice_uri("turn.stun_uris", uri, &["stun:", "stuns:"]);
        }
    }

    /// As RFC 7064 and RFC 7065 write them: no slashes before the host.
    fn ice_uri(&mut self, key: &str, uri: &str, schemes: &[&str]) {
        let rest = schemes.iter().find_map(|scheme| uri.strip_prefix(scheme));
        let has_host = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':', '?']));
        self.require(
            key,
            has_host && !uri.contains(char::is_whitespace),
            format!("`{uri}` is not {}<host>[:<port>]", schemes.join("… or ")),
        );
    }

    pub(super) fn call_in(&mut self, call_in: &CallInSettings) {
        if let Some(tel) = &call_in.tel {
            self.filled("call_in.tel", tel);
            self.require(
                "call_in.tel",
                tel.chars().count() <= TEL_CHARS_MAX,
                format!("must have at most {TEL_CHARS_MAX} characters"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::TurnServer, secrets::Secret};

    fn broken(turn: &Turn) -> Vec<String> {
        let mut rules = Rules::default();
        rules.turn(turn);
        rules.0.into_iter().map(|violation| violation.key).collect()
    }

    fn with_uri(uri: &str) -> Turn {
        Turn {
            servers: vec![TurnServer {
                uris: vec![uri.to_owned()],
                secret: Secret::new("north"),
                ..TurnServer::default()
            }],
            ..Turn::default()
        }
    }

    #[test]
    fn servers_have_uris_and_a_secret() {
        for fine in [
            "turn:turn.example.org",
            "turns:turn.example.org:5349?transport=tcp",
            "turn:[2001:db8::1]:3478",
        ] {
            assert_eq!(broken(&with_uri(fine)), Vec::<String>::new(), "{fine}");
        }
        for wrong in [
            "",
            "turn:",
            "turn://turn.example.org",
            "stun:x",
            "turn.example.org",
            "turn:a b",
        ] {
            assert_eq!(broken(&with_uri(wrong)), ["turn.servers.0.uris"], "{wrong:?}");
        }
        let empty = Turn {
            lifetime_secs: 0,
            servers: vec![TurnServer {
                uris: Vec::new(),
                secret: Secret::new(" "),
                ..TurnServer::default()
            }],
            stun_uris: vec!["turn:turn.example.org".to_owned()],
        };
        let expected = [
            "turn.lifetime_secs",
            "turn.servers.0.uris",
            "turn.servers.0.secret",
            "turn.stun_uris",
        ];
        assert_eq!(broken(&empty), expected);
    }

    #[test]
    fn a_number_for_people_is_short() {
        for (tel, violations) in [
            (None, 0),
            (Some("+49 30 1234567".to_owned()), 0),
            (Some(" ".to_owned()), 1),
            (Some("1".repeat(65)), 1),
        ] {
            let mut rules = Rules::default();
            rules.call_in(&CallInSettings {
                tel: tel.clone(),
                ..CallInSettings::default()
            });
            assert_eq!(rules.0.len(), violations, "{tel:?}");
        }
    }
}
