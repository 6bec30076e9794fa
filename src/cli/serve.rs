//! `colloquy serve`: from a valid configuration to a stopped server.

use std::{io, process::ExitCode};

use tokio::net::TcpListener;

use super::{
    explain, greeting, logging,
    logging::LoggingError,
    open_files,
    signals::{DrainSignal, Signals},
    version,
};
use crate::{
    app::{App, BuildError, ServeError},
    clock::Clock,
    config::{Config, Loaded},
};

/// Why the server did not run, or did not end as asked.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("cannot start logging: {0}")]
    Logging(#[from] LoggingError),
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: std::net::SocketAddr,
        source: io::Error,
    },
    #[error("cannot handle signals: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Serve(#[from] ServeError),
}

pub(super) fn run(loaded: Loaded) -> ExitCode {
    match start(loaded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("colloquy: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Threads of the runtime.
const THREADS_MIN: usize = 4;

fn start(loaded: Loaded) -> Result<(), RunError> {
    let Loaded { config, warnings, .. } = loaded;
    logging::start(&config.log)?;
    for problem in warnings {
        tracing::warn!(place = %problem.place, "{}: {}", problem.key, problem.message);
    }
    version::log_zones(Clock::system().now());
    open_files::raise_limit();
    let runtime = runtime().map_err(RunError::Runtime)?;
    let result = runtime.block_on(serve(config));
    // What still runs is not worth waiting for: the orderly stop is over.
    runtime.shutdown_background();
    result
}

/// A thread per processor and [`THREADS_MIN`] at least: the first write to a disk that has become slow may hold one up.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.max(THREADS_MIN))
        .enable_all()
        .build()
}

async fn serve(mut config: Config) -> Result<(), RunError> {
    let signals = Signals::install().map_err(RunError::Signals)?;
    let drain = DrainSignal::install().map_err(RunError::Signals)?;
    let (listener, address) = listen(&config).await?;
    config.http.listen = address;
    let mut stop = std::pin::pin!(signals.stop());
    // Waiting for a lock or a database may take long; nothing is half-done when it is broken off.
    let app = tokio::select! {
        app = App::build(config) => app?,
        () = &mut stop => return Ok(()),
    };
    // A closed stdout must not keep the server from running.
    let _ = greeting::print(&mut io::stdout().lock(), app.config(), app.data_folder());
    tracing::info!(http.listen = %address, "listening");
    Ok(app.serve(listener, drain.asked(), stop).await?)
}

/// Listens before anything else is opened: a second server on the same port leaves the first one's data alone.
async fn listen(config: &Config) -> Result<(TcpListener, std::net::SocketAddr), RunError> {
    let address = config.http.listen;
    let failed = |source| RunError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
