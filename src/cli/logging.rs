//! Log output: text for people or JSON for machines, to stderr.

use std::{
    io::{self, IsTerminal as _},
    panic,
};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::config::{Log, LogFormat};

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
        .with(filter_fn(is_ours_or_no_trace));
    match log.format {
        LogFormat::Text => {
            let text = fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(io::stderr().is_terminal());
            registry.with(text).try_init()?;
        }
        LogFormat::Json => {
            let json = fmt::layer()
                .json()
                .flatten_event(true)
                .with_span_list(false)
                .with_writer(io::stderr);
            registry.with(json).try_init()?;
        }
    }
    panic::set_hook(Box::new(report));
    Ok(())
}

/// At trace, libraries write whole messages, with tokens and passwords in them; whatever `log.level` says, they stop at debug.
fn is_ours_or_no_trace(event: &Metadata<'_>) -> bool {
    *event.level() != Level::TRACE || event.target().starts_with("colloquy")
}

fn report(panic: &panic::PanicHookInfo<'_>) {
    let reason = panic.payload_as_str().unwrap_or("unknown");
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(reason, location, "a task panicked");
}
