//! Rules of the settings of recorders.

use url::Url;

use super::Rules;
use crate::{config::RecordingSettings, secrets::Secret};

/// Longest name of a queue, in bytes: AMQP has no more (section 4.2.5.3, short strings).
const QUEUE_BYTES_MAX: usize = 255;

impl Rules {
    pub(super) fn recording(&mut self, recording: &RecordingSettings) {
        let url = recording.amqp_url.as_ref().map(Secret::reveal);
        self.require(
            "recording.amqp_url",
            url.is_none_or(is_broker),
            "must be a URL such as amqp://user:password@host:5672/%2f; there is no TLS to brokers (amqps): use a private network, or a tunnel",
        );
        let queue = &recording.amqp_queue;
        self.require(
            "recording.amqp_queue",
            !queue.is_empty() && queue.len() <= QUEUE_BYTES_MAX,
            format!("must have 1 to {QUEUE_BYTES_MAX} bytes"),
        );
    }
}

fn is_broker(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        url.scheme() == "amqp"
            && url.host_str().is_some_and(|host| !host.is_empty())
            && url.fragment().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::super::violations;
    use crate::{
        config::{Config, RecordingSettings},
        secrets::Secret,
    };

    fn keys(change: impl FnOnce(&mut RecordingSettings)) -> Vec<String> {
        let mut config = Config::default();
        change(&mut config.recording);
        let violations = violations(&config).into_iter();
        violations.map(|violation| violation.key).collect()
    }

    #[test]
    fn brokers_are_urls_and_queues_have_names() {
        let url = |url: &'static str| {
            move |recording: &mut RecordingSettings| recording.amqp_url = Some(Secret::new(url))
        };
        for fine in [
            "amqp://broker",
            "amqp://colloquy:north@broker.example.org:5672/%2f",
            "amqp://[::1]:5672/vhost?heartbeat=10",
        ] {
            assert_eq!(keys(url(fine)), Vec::<String>::new(), "{fine}");
        }
        for wrong in [
            "",
            "broker:5672",
            "amqp://",
            "amqps://broker",
            "http://broker",
            "amqp://broker/#x",
        ] {
            assert_eq!(keys(url(wrong)), ["recording.amqp_url"], "{wrong}");
        }
        assert_eq!(
            keys(url("amqp://colloquy:change-me@broker")),
            ["recording.amqp_url"]
        );
        for queue in [String::new(), "q".repeat(256)] {
            assert_eq!(
                keys(|recording| recording.amqp_queue = queue),
                ["recording.amqp_queue"]
            );
        }
    }

    #[test]
    fn there_are_recorders_where_they_can_learn_of_something() {
        let mut recording = RecordingSettings::default();
        assert!(!recording.has_recorders());
        recording.amqp_url = Some(Secret::new("amqp://broker"));
        assert!(recording.has_recorders());
        (recording.amqp_url, recording.hand_out) = (None, true);
        assert!(recording.has_recorders());
    }
}
