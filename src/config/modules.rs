//! Modules that need something beside this server, and whether it is set up.

use super::Config;
use crate::catalogue::{MEETING_NOTES, RECORDING, RECORDING_SERVICE, SERVED, SUBROOM_AUDIO, WHITEBOARD};

/// What a module needs from the operator.
struct Need {
    module: &'static str,
    /// The settings that say where it is.
    keys: &'static str,
    is_met: fn(&Config) -> bool,
}

const NEEDS: &[Need] = &[
    Need {
        module: MEETING_NOTES,
        keys: "etherpad.base_url",
        is_met: |config| config.etherpad.base_url.is_some(),
    },
    Need {
        module: RECORDING,
        keys: "recording.hand_out or recording.amqp_url",
        is_met: |config| config.recording.has_recorders(),
    },
    Need {
        module: RECORDING_SERVICE,
        keys: "recording.hand_out or recording.amqp_url",
        is_met: |config| config.recording.has_recorders(),
    },
    Need {
        module: SUBROOM_AUDIO,
        keys: "livekit.whisper_groups",
        is_met: |config| config.livekit.whisper_groups,
    },
    Need {
        module: "shared_folder",
        keys: "shared_folder.url",
        is_met: |config| config.shared_folder.url.is_some(),
    },
    Need {
        module: WHITEBOARD,
        keys: "whiteboard.base_url",
        is_met: |config| config.whiteboard.base_url.is_some(),
    },
];

impl Config {
    /// Modules that this server has to offer, before any tariff.
    pub fn modules(&self) -> impl Iterator<Item = &'static str> {
        let set_up = NEEDS.iter().filter(|need| (need.is_met)(self));
        SERVED.into_iter().chain(set_up.map(|need| need.module))
    }

    /// Modules that it could offer and does not, each with the settings that are missing.
    pub fn lacking_modules(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let lacking = NEEDS.iter().filter(|need| !(need.is_met)(self));
        lacking.map(|need| (need.module, need.keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::CATALOGUE;

    #[test]
    fn a_module_is_there_when_what_it_needs_is_set_up() {
        let mut config = Config::default();
        let has = |config: &Config| config.modules().any(|module| module == "shared_folder");
        let lacks = |config: &Config| {
            config
                .lacking_modules()
                .any(|lacking| lacking == ("shared_folder", "shared_folder.url"))
        };
        assert!(!has(&config) && lacks(&config));
        config.shared_folder.url = Some("https://cloud.example.org".parse().expect("a URL"));
        assert!(has(&config) && !lacks(&config));
    }

    #[test]
    fn every_module_with_a_need_is_in_the_catalogue_and_served_by_it_alone() {
        for need in NEEDS {
            assert!(
                CATALOGUE.iter().any(|(name, _)| *name == need.module),
                "{}",
                need.module
            );
            assert!(!SERVED.contains(&need.module), "{}", need.module);
        }
    }
}
