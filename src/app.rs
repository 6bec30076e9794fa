//! The one place where parts meet. Nothing is static: several servers may run in one process.

mod issuer;
mod node;
mod watch;

use std::{
    fmt,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use colloquy_actors::live::{Live, LiveError};
use colloquy_cluster::RedisError;
use tokio::{net::TcpListener, sync::Semaphore, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    assets::{Assets, Objects, OpenError as AssetsError, Recordings},
    clock::Clock,
    config::{Config, DEV_ISSUER_PATH, DataFolderError, prepare_data_folder},
    deletion::Deleter,
    disabled_users::DisabledUsers,
    http::{
        self, ApiState, api::Parts, auth::person::VISIT_NOTES_MAX, calendar_places::CalendarPlaces,
        caller_limits::CallerLimits, health, layers, starts::StartLimits,
    },
    identity::{DevIssuer, SettingsError, Verifier, VerifierSettings, dev_issuer::DevIssuerError},
    jobs::{JobSchedule, Tools},
    known_users::KnownUsers,
    listener::{self, ConnectionLimits, Shutdown},
    livekit::{RoomService, Sweep, Webhook},
    mail::{MailError, Outbox, Worker},
    meetings::{self, Tasks},
    origins::Origins,
    people::People,
    readiness::Readiness,
    recorders::Recorders,
    reports::Renderer,
    seals::Seals,
    shared_folders::SharedFolders,
    signaling::Signaling,
    store::{Db, ServerLock, StoreError, users::ClaimRules},
    tariffs::Offer,
};

/// Time from the signal until connections are told to end: for what [`App::on_stop`] registered, in seconds.
const HOOKS_SECS_MAX: u64 = 6;

/// How often a draining server looks whether its last room has ended.
const DRAIN_LOOK: Duration = Duration::from_millis(500);

/// Time for connections to end after that, in seconds. Together with the hooks it stays below ten.
const CONNECTIONS_SECS_MAX: u64 = 3;

type Hook = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server that is ready to listen.
pub struct App {
    config: Config,
    data_folder: PathBuf,
    db: Db,
    readiness: Readiness,
    live: Live,
    lock: ServerLock,
    router: Router,
    stop_hooks: Vec<(&'static str, Hook)>,
}

/// Why no server came together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot open the development issuer: {0}")]
    DevIssuer(#[from] DevIssuerError),
    #[error(transparent)]
    Assets(#[from] AssetsError),
    #[error("cannot make the folder of recordings: {0}")]
    Recordings(#[source] std::io::Error),
    #[error("cannot find this program: {0}")]
    Renderer(#[source] std::io::Error),
    #[error(transparent)]
    Verifier(#[from] SettingsError),
    #[error("cannot prepare requests to other services: {0}")]
    HttpClient(#[from] reqwest::Error),
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error("cannot start the live core: {0}")]
    Live(#[from] LiveError),
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error(
        "the clocks of this machine and of the database differ by {0} s: nodes of a cluster need the same time"
    )]
    Clocks(i64),
}

/// Why a server ended otherwise than asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the listener ended by itself")]
    ListenerEnded,
    #[error("another server works with the database")]
    DatabaseTaken,
}

/// Where LiveKit tells of what happens in it.
fn webhook(config: &Config, live: &Live, media: &Arc<RoomService>) -> Router {
    let webhook = Webhook::new(&config.livekit);
    http::livekit_webhook::router(webhook, live.clone(), Arc::clone(media))
}

/// Whoever does what rooms want done outside.
fn tasks_of_rooms(
    config: &Config,
    db: &Db,
    (media, recorders): (&Arc<RoomService>, &Recorders),
    assets: &Assets,
) -> Result<Tasks, BuildError> {
    let renderer = Renderer::of_this_program().map_err(BuildError::Renderer)?;
    let outside = (Arc::clone(media), recorders.clone());
    Ok(Tasks::new(config, db, outside, (assets, renderer))?)
}

impl App {
    /// Puts a server together: everything that may fail at start fails here. `config.http.listen` holds the address
    /// of the listener that [`Self::serve`] will get, with its real port.
    pub async fn build(config: Config) -> Result<Self, BuildError> {
        let data_folder = prepare_data_folder(&config).await?;
        let db = Db::connect(&config.database, &data_folder).await?;
        // Before the tables change: a server that goes on with them must not find others.
        let lock = db.lock_server(node::sharing(&config)).await?;
        db.migrate().await?;
        let disabled_users = DisabledUsers::load(&db, &config.oidc.former_issuers).await?;
        let (origins, seals) = (Origins::load(&db, &config).await?, Seals::load(&db).await?);
        let readiness = Readiness::default();
        let media = Arc::new(RoomService::new(&config.outgoing, &config.livekit)?);
        let objects = Objects::open(&config.outgoing, &config.assets, &data_folder)?;
        let assets = Assets::new(db.clone(), objects, &config.assets);
        let recorders = Recorders::new(&config.recording);
        let tasks = tasks_of_rooms(&config, &db, (&media, &recorders), &assets)?;
        let of_rooms = (origins.clone(), seals.clone());
        let ports = meetings::ports(db.clone(), tasks, &config.call_in, of_rooms);
        let live = Live::start(node::live_settings(&config, &data_folder, &db).await?, ports).await?;
        // After the journals: a second server must not read sessions that the first one still changes.
        let dev_issuer = open_dev_issuer(&config, &data_folder).await?;
        let outbox = Outbox::new(config.mail.host.is_some());
        let mail = Worker::new(&config, db.clone(), outbox.clone(), Clock::system())?;
        let recordings = Recordings::open(assets.clone(), &data_folder, config.assets.free_bytes_min)
            .map_err(BuildError::Recordings)?;
        let api = api_state(
            &config,
            (assets.clone(), recordings.clone(), recorders.clone()),
            (db.clone(), disabled_users.clone()),
            dev_issuer.clone(),
            &live,
            (
                StartLimits::new(&config, readiness.clone(), origins.clone()),
                seals,
            ),
            outbox,
        )?;
        let (deleter, issuer_work) = (api.deleter(), Box::pin(issuer::prepare(&api)).await?);
        let inner = health::router(readiness.clone()).merge(http::router(api));
        let inner = with_dev_issuer(inner.merge(webhook(&config, &live, &media)), dev_issuer);
        let signaling = Signaling::new(
            &config,
            live.clone(),
            readiness.clone(),
            disabled_users.clone(),
            origins.clone(),
        );
        // Not under the layers for REST: a session has no deadline and is not compressed.
        let inner = layers::rest(inner).merge(signaling.router());
        let router = layers::every(inner, &config.http).merge(http::well_known::router(&config.http));
        let mut app = Self {
            config,
            data_folder,
            db,
            readiness,
            live,
            lock,
            router,
            stop_hooks: Vec::new(),
        };
        app.begin_issuer_work(issuer_work);
        app.begin(deleter, disabled_users, (assets, recordings), mail);
        app.begin_outside(media, &recorders);
        Ok(app)
    }

    /// Begins what works beside the requests about identities.
    fn begin_issuer_work(&mut self, work: issuer::IssuerWork) {
        let notices = work.notices;
        self.on_stop("identity notices", background(|stop| notices.watch(stop)));
        if self.config.oidc.authority.is_some() {
            let (readiness, verifier) = (self.readiness.clone(), work.verifier);
            self.on_stop(
                "identity provider",
                background(|stop| issuer::watch(verifier, readiness, work.taking_over, stop)),
            );
        }
    }

    /// Begins what looks after those whom meetings need: LiveKit, and recorders.
    fn begin_outside(&mut self, media: Arc<RoomService>, recorders: &Recorders) {
        if let Some(broker) = recorders.broker() {
            self.on_stop(
                "message broker",
                background(|stop| async move { broker.run(stop).await }),
            );
        }
        let sweep = Sweep::new(self.db.clone(), self.live.clone(), media);
        self.on_stop("sweep of LiveKit", background(|stop| sweep.run(stop)));
    }

    /// Begins what works beside the requests, and says what ends at a stop, in this order.
    fn begin(
        &mut self,
        deleter: Deleter,
        disabled_users: DisabledUsers,
        (assets, recordings): (Assets, Recordings),
        mail: Option<Worker>,
    ) {
        self.on_stop("disabled users", {
            let (db, live) = (self.db.clone(), self.live.clone());
            background(|stop| disabled_users.watch(db, live, stop))
        });
        self.on_stop("live core", {
            let live = self.live.clone();
            async move { live.stop().await }
        });
        tokio::spawn(store_left(recordings.clone()));
        self.on_stop("recordings", async move { recordings.stop().await });
        if let Some(worker) = mail {
            self.on_stop("mail", background(|stop| worker.run(stop)));
        } else {
            tracing::info!("mail is off: mail.host is not set");
        }
        let tools = Tools {
            db: self.db.clone(),
            clock: Clock::system(),
            assets,
            deleter,
            ended_logins_kept: self.config.oidc.ended_logins_kept(),
        };
        let schedule = JobSchedule::new(tools, &self.config.jobs);
        self.on_stop("jobs", background(|stop| schedule.run(stop)));
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Absolute path of the folder with everything that the server keeps.
    #[must_use]
    pub fn data_folder(&self) -> &Path {
        &self.data_folder
    }

    /// Where parts report what keeps them from working.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// The live core: rooms, their participants and sessions.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Registers what happens at a stop after readiness is gone and before connections end. Hooks run one after the
    /// other in the order of their registration and share six seconds.
    pub fn on_stop(&mut self, name: &'static str, hook: impl Future<Output = ()> + Send + 'static) {
        self.stop_hooks.push((name, Box::pin(hook)));
    }

    /// Serves until `shutdown`, then stops within ten seconds: `/health/ready` and `start` say 503, the hooks run, no
    /// connection is accepted any more, requests in flight end.
    ///
    /// From `drain` on no room begins, and `/health/ready` says 503; when the last room has ended, or after
    /// `rooms.drain_secs`, all sessions are sent away, and the process waits for `shutdown`.
    pub async fn serve(
        self,
        listener: TcpListener,
        drain: impl Future<Output = ()> + Send,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let token = CancellationToken::new();
        let stop = Shutdown {
            token: token.clone(),
            grace: Duration::from_secs(CONNECTIONS_SECS_MAX),
        };
        // Whoever drops this future ends the listener too.
        let _guard = token.clone().drop_guard();
        let lost = CancellationToken::new();
        let watch = watch::watch(self.readiness.clone(), self.lock, self.live.clone(), lost.clone());
        let watching = AbortOnDrop(tokio::spawn(watch));
        let _looking = AbortOnDrop(tokio::spawn(watch::look_for_missed(self.live.clone())));
        let limits = ConnectionLimits::of(&self.config);
        let mut listening = tokio::spawn(listener::serve(listener, self.router, limits, stop));

        tokio::select! {
            () = shutdown => {}
            () = lost.cancelled() => {}
            never = drained(&self.config, &self.readiness, &self.live, drain) => match never {},
            _ = &mut listening => return Err(ServeError::ListenerEnded),
        }

        tracing::info!("stopping");
        self.readiness.stop();
        run_hooks(self.stop_hooks).await;
        token.cancel();
        let ended = listening.await.map_err(|_| ServeError::ListenerEnded)?;
        if ended.connections_open > 0 {
            tracing::warn!(
                connections_open = ended.connections_open,
                "cut connections that did not end in time"
            );
        }
        drop(watching);
        self.db.close().await;
        tracing::info!("stopped");
        if lost.is_cancelled() {
            return Err(ServeError::DatabaseTaken);
        }
        Ok(())
    }
}

/// Drains when asked to.
async fn drained(
    config: &Config,
    readiness: &Readiness,
    live: &Live,
    asked: impl Future<Output = ()>,
) -> std::convert::Infallible {
    asked.await;
    tracing::info!(
        drain_secs = config.rooms.drain_secs,
        "draining: no room begins any more"
    );
    readiness.unready("server", "draining");
    live.drain();
    let drain = Duration::from_secs(config.rooms.drain_secs);
    let end = tokio::time::Instant::now() + drain;
    // Others have them from then on; the sockets stay here.
    live.hand_over(drain).await;
    while (!live.is_empty() || live.open_sessions() > 0) && tokio::time::Instant::now() < end {
        tokio::time::sleep(DRAIN_LOOK).await;
    }
    live.stop().await;
    tracing::info!("drained; the process can be stopped");
    std::future::pending().await
}

/// Connects for a command, which brings the tables up to date, as `colloquy migrate` does. Beside a server that works with the
/// database it leaves them alone: they must be those that it knows.
pub async fn open_database(config: &Config, data_folder: &Path) -> Result<Db, StoreError> {
    let db = Db::connect(&config.database, data_folder).await?;
    match db.try_lock_server().await? {
        Some(_lock) => db.migrate().await?,
        None => db.check_migrations().await?,
    }
    Ok(db)
}

/// Threads that leave others as many.
fn half_of_the_processor() -> usize {
    let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (all / 2).max(1)
}

/// The development issuer answers at the server's own address, where there is one.
fn with_dev_issuer(router: Router, issuer: Option<Arc<DevIssuer>>) -> Router {
    match issuer {
        Some(issuer) => router.nest(DEV_ISSUER_PATH, issuer.router()),
        None => router,
    }
}

async fn open_dev_issuer(
    config: &Config,
    data_folder: &Path,
) -> Result<Option<Arc<DevIssuer>>, DevIssuerError> {
    let Some(url) = config.dev_issuer_url() else {
        return Ok(None);
    };
    let issuer = DevIssuer::of_config(config, &url, config.http.listen.ip(), data_folder).await?;
    Ok(Some(Arc::new(issuer)))
}

/// What the REST handlers work with. Tokens are those of the configured authority, else of the development issuer.
fn api_state(
    config: &Config,
    (assets, recordings, recorders): (Assets, Recordings, Recorders),
    (db, disabled_users): (Db, DisabledUsers),
    dev_issuer: Option<Arc<DevIssuer>>,
    live: &Live,
    (start_limits, seals): (StartLimits, Seals),
    outbox: Outbox,
) -> Result<ApiState, BuildError> {
    let issuer = match (&config.oidc.authority, &dev_issuer) {
        // Clients append to it.
        (Some(authority), _) => authority.as_str().trim_end_matches('/').into(),
        (None, Some(issuer)) => issuer.issuer().into(),
        (None, None) => return Err(SettingsError::NoIssuer.into()),
    };
    let settings = VerifierSettings::from_config(&config.oidc, dev_issuer)?;
    let verifier = Verifier::new(settings, &config.outgoing, Clock::system())?;
    let caller_limits = CallerLimits::new(config.http.writes_per_second, db.reads_max());
    Ok(ApiState::from(Parts {
        config: Arc::new(config.clone()),
        db,
        verifier,
        issuer,
        offer: Arc::new(Offer::from_config(config)),
        clock: Clock::system(),
        live: live.clone(),
        assets,
        recordings,
        recorders,
        start_limits,
        caller_limits,
        known_users: KnownUsers::default(),
        disabled_users,
        outbox,
        people: People::new(config, Clock::system())?,
        shared_folders: SharedFolders::new(&config.outgoing, &config.shared_folder)?,
        seals,
        claim_rules: ClaimRules::new(&config.oidc),
        visits: Arc::new(Semaphore::new(VISIT_NOTES_MAX)),
        calendar_places: CalendarPlaces::new(half_of_the_processor()),
    }))
}

/// Takes up recordings that an earlier process did not bring to their end.
async fn store_left(recordings: Recordings) {
    if let Err(error) = recordings.store_left().await {
        tracing::warn!(%error, "the folder of recordings can't be read");
    }
}

/// Starts what works beside the requests; the future that comes back stops it and waits for its end. Dropping that
/// future stops it too.
fn background<W>(work: impl FnOnce(CancellationToken) -> W) -> impl Future<Output = ()>
where
    W: Future<Output = ()> + Send + 'static,
{
    let stop = CancellationToken::new();
    let task = tokio::spawn(work(stop.clone()));
    let stop = stop.drop_guard();
    async move {
        drop(stop);
        // A panic was reported where it happened.
        let _ = task.await;
    }
}

/// A task that ends with whoever started it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run_hooks(hooks: Vec<(&'static str, Hook)>) {
    let deadline = Instant::now() + Duration::from_secs(HOOKS_SECS_MAX);
    for (name, hook) in hooks {
        if tokio::time::timeout_at(deadline, hook).await.is_err() {
            tracing::error!(part = name, "did not stop in time");
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration holds secrets.
        f.debug_struct("App")
            .field("data_folder", &self.data_folder)
            .field("readiness", &self.readiness)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
