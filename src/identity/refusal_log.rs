//! Refusals that an operator can mend, told once per client and hour: clients come again and again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::error::TokenRefusal;

/// Between two lines about the same thing.
const SILENCE: TimeDelta = TimeDelta::hours(1);

/// Things that are remembered; beyond it nothing is told until the oldest are an hour old.
const TOLD_MAX: usize = 256;

/// Characters of a client's name that are shown.
const CLIENT_CHARS_MAX: usize = 64;

/// What was told, and when.
#[derive(Debug, Default)]
pub(super) struct RefusalLog(Mutex<HashMap<(String, TokenRefusal), DateTime<Utc>>>);

impl RefusalLog {
    /// Tells that a token of `client` is refused, unless it was told within the hour.
    pub fn tell(&self, client: &str, refusal: TokenRefusal, now: DateTime<Utc>) {
        let client = shown(client);
        if self.is_news(&client, refusal, now) {
            tracing::warn!("a token of client \"{client}\" is refused{}", refusal.hint());
        }
    }

    fn is_news(&self, client: &str, refusal: TokenRefusal, now: DateTime<Utc>) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &DateTime<Utc>| (TimeDelta::zero()..SILENCE).contains(&(now - *at));
        let key = (client.to_owned(), refusal);
        if told.get(&key).is_some_and(is_recent) {
            return false;
        }
        if told.len() >= TOLD_MAX {
            told.retain(|_, at| is_recent(at));
        }
        if told.len() >= TOLD_MAX {
            return false;
        }
        told.insert(key, now);
        true
    }
}

/// A client's name on one line of a log, whoever has registered it.
fn shown(client: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_graphic() && c != '"' && c != '\\' {
            c
        } else {
            '?'
        }
    };
    client.chars().take(CLIENT_CHARS_MAX).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn each_client_and_reason_is_news_once_an_hour() {
        let log = RefusalLog::default();
        for (client, refusal, seconds, is_news) in [
            ("device", TokenRefusal::Client, 0, true),
            ("device", TokenRefusal::Client, 1, false),
            ("device", TokenRefusal::Lifetime, 1, true),
            ("grafana", TokenRefusal::Client, 1, true),
            ("device", TokenRefusal::Client, 3_599, false),
            ("device", TokenRefusal::Client, 3_600, true),
            ("device", TokenRefusal::Client, 3_601, false),
        ] {
            assert_eq!(
                log.is_news(client, refusal, at(seconds)),
                is_news,
                "{client} {refusal:?} {seconds}"
            );
        }
    }

    #[test]
    fn invented_clients_fill_neither_log_nor_memory() {
        let log = RefusalLog::default();
        let news = (0..10_000).filter(|n| log.is_news(&format!("client-{n}"), TokenRefusal::Client, at(0)));
        assert_eq!(news.count(), TOLD_MAX);
        assert_eq!(log.0.lock().unwrap().len(), TOLD_MAX);
        assert!(log.is_news("another", TokenRefusal::Client, at(3_600)));
        assert_eq!(log.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_name_stays_on_its_line() {
        assert_eq!(shown("chat-app"), "chat-app");
        assert_eq!(shown("a\nWARN \"b\"\u{202e}\\"), "a?WARN??b???");
        assert_eq!(shown(&"x".repeat(1_000)).len(), CLIENT_CHARS_MAX);
    }
}
