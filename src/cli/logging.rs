//! Log output: text for people or JSON for machines, to stderr.

use std::{
    io::{self, IsTerminal as _},
    panic,
};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    config::{Log, LogFormat},
    log_output::STDERR,
};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoggingError {
    #[error("log.level: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error(transparent)]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logging for the whole process, panics included.
pub(super) fn start(log: &Log) -> Result<(), LoggingError> {
    let registry = tracing_subscriber::registry()
        .with(EnvFilter::try_new(&log.level)?)
        .with(filter_fn(shows_no_secret));
    match log.format {
        LogFormat::Text => {
            let text = fmt::layer()
                .with_writer(|| &STDERR)
                .with_ansi(io::stderr().is_terminal());
            registry.with(text).try_init()?;
        }
        LogFormat::Json => {
            let json = fmt::layer()
                .json()
                .flatten_event(true)
                .with_span_list(false)
                .with_writer(|| &STDERR);
            registry.with(json).try_init()?;
        }
    }
    panic::set_hook(Box::new(report));
    Ok(())
}

/// Parts of libraries that log secrets at any level: what sqlx does not understand of a database's URL or of `.pgpass`, it
/// repeats.
const LOUD_WITH_SECRETS: [&str; 1] = ["sqlx_postgres::options"];

/// At trace, libraries write whole messages, with tokens and passwords in them; whatever `log.level` says, they stop at debug,
/// and some say nothing at all.
fn shows_no_secret(event: &Metadata<'_>) -> bool {
    let target = event.target();
    target.starts_with("colloquy")
        || (*event.level() != Level::TRACE && !LOUD_WITH_SECRETS.iter().any(|loud| target.starts_with(loud)))
}

fn report(panic: &panic::PanicHookInfo<'_>) {
    let reason = panic.payload_as_str().unwrap_or("unknown");
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(reason, location, "a task panicked");
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        str::FromStr as _,
        sync::{Arc, Mutex},
    };

    use sqlx::postgres::PgConnectOptions;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn parameters_of_the_database_are_not_logged() {
        let written = Written::default();
        let writer = written.clone();
        let lines = fmt::layer().with_writer(move || writer.clone());
        let log = tracing_subscriber::registry()
            .with(filter_fn(shows_no_secret))
            .with(lines);
        tracing::subscriber::with_default(log, || {
            PgConnectOptions::from_str("postgres://u@localhost/db?pasword=hunter2").unwrap();
            tracing::warn!(target: "sqlx_postgres::connection", "a library's line");
            tracing::trace!(target: "sqlx_postgres::connection", "hunter2");
            tracing::trace!("a line of ours");
        });
        let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(!written.contains("hunter2"), "{written}");
        assert!(written.contains("a library's line"), "{written}");
        assert!(written.contains("a line of ours"), "{written}");
    }
}
