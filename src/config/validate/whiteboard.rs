//! Rules of the settings of whiteboards and meeting notes.

use super::Rules;
use crate::{
    config::{EtherpadSettings, WhiteboardSettings},
    secrets::Secret,
};

impl Rules {
    pub(super) fn whiteboard(&mut self, whiteboard: &WhiteboardSettings) {
        if let Some(url) = &whiteboard.base_url {
            self.web_url("whiteboard.base_url", url);
            self.api_key("whiteboard", whiteboard.api_key.as_ref());
        }
    }

    pub(super) fn etherpad(&mut self, etherpad: &EtherpadSettings) {
        if let Some(url) = &etherpad.base_url {
            self.web_url("etherpad.base_url", url);
            self.api_key("etherpad", etherpad.api_key.as_ref());
        }
    }

    /// A key that goes along with requests, where the service of a section is set up.
    fn api_key(&mut self, section: &str, key: Option<&Secret>) {
        let is_key = |key: &Secret| {
            let key = key.reveal();
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        self.require(
            &format!("{section}.api_key"),
            key.is_some_and(is_key),
            format!("is needed with {section}.base_url, in visible ASCII characters"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::violations;
    use crate::config::Config;

    fn keys(toml: &str) -> Vec<String> {
        let config: Config = toml::from_str(toml).unwrap();
        let violations = violations(&config).into_iter();
        violations.map(|violation| violation.key).collect()
    }

    #[test]
    fn an_address_needs_a_key() {
        let with =
            |url: &str, key: &str| keys(&format!("whiteboard = {{base_url = '{url}', api_key = '{key}'}}"));
        assert_eq!(
            with("https://board.example.org/deck", "k3y"),
            Vec::<String>::new()
        );
        for bad in ["", "k y", "kü"] {
            assert_eq!(
                with("https://board.example.org", bad),
                ["whiteboard.api_key"],
                "{bad}"
            );
        }
        assert_eq!(
            with("https://u:p@board.example.org", "k3y"),
            ["whiteboard.base_url"]
        );
        assert_eq!(
            keys("whiteboard.base_url = 'https://board.example.org'"),
            ["whiteboard.api_key"]
        );
        assert_eq!(keys("whiteboard.api_key = ''"), Vec::<String>::new());
        assert_eq!(
            keys("etherpad.base_url = 'https://pad.example.org?x=1'"),
            ["etherpad.base_url", "etherpad.api_key"]
        );
        assert_eq!(
            keys("etherpad = {base_url = 'https://pad.example.org', api_key = 'k3y', access = 'links'}"),
            Vec::<String>::new()
        );
    }
}
