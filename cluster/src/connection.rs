//! The connection to Redis: one for all, made anew when it breaks.

use std::{fmt, time::Duration};

use colloquy_actors::cluster::store::StoreDown;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo as _, Pipeline,
    RedisFuture, ServerErrorKind, TlsMode, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType},
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// Time for one answer; whatever takes longer is asked again by whoever needs it.
const ANSWER: Duration = Duration::from_millis(500);

/// Time for what brings or reads much.
const LONG_ANSWER: Duration = Duration::from_secs(5);

/// Time for a connection to stand.
const CONNECT: Duration = Duration::from_millis(500);

/// Between two attempts to connect.
const RECONNECT: Duration = Duration::from_millis(250);

/// Where Redis is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisServers {
    /// One server: `redis://user:password@host:port/database`, or `rediss:` with TLS.
    Single(String),
    /// Sentinels that know the primary of this name; user, password and database of the URLs are for the primary too.
    Sentinels { urls: Vec<String>, primary: String },
    /// Some servers of a Redis Cluster.
    Cluster(Vec<String>),
}

/// Settings of Redis that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the address of Redis: {0}")]
pub struct RedisError(#[from] redis::RedisError);

enum Servers {
    Single(Box<Client>),
    Sentinels(Box<SentinelClient>),
    Cluster(Box<ClusterClient>),
}

/// A connection of whichever kind.
#[derive(Clone)]
pub enum Connected {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connected {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(cmd, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

struct State {
    servers: Servers,
    connected: Option<Connected>,
    /// Which connection it is.
    number: u64,
    /// When it was tried last, while there is none.
    tried_at: Option<Instant>,
}

/// The connection, while there is one.
pub struct Connection(Mutex<State>);

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection(..)")
    }
}

/// How long an answer may take.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    Short,
    /// What is asked for may be large.
    Long,
}

impl Connection {
    /// Nothing is connected yet.
    pub fn new(servers: RedisServers) -> Result<Self, RedisError> {
        let servers = match servers {
            RedisServers::Single(url) => Servers::Single(Box::new(Client::open(url)?)),
            RedisServers::Sentinels { urls, primary } => {
                let node = primary_like(&urls)?;
                let client = SentinelClient::build(urls, primary, Some(node), SentinelServerType::Master)?;
                Servers::Sentinels(Box::new(client))
            }
            RedisServers::Cluster(urls) => {
                let builder = ClusterClient::builder(urls);
                let builder = builder.connection_timeout(CONNECT).response_timeout(LONG_ANSWER);
                // A repeat is the business of whoever asked.
                Servers::Cluster(Box::new(builder.retries(1).build()?))
            }
        };
        Ok(Self(Mutex::new(State {
            servers,
            connected: None,
            number: 0,
            tried_at: None,
        })))
    }

    async fn get(&self) -> Result<(Connected, u64), StoreDown> {
        let mut state = self.0.lock().await;
        if let Some(connected) = &state.connected {
            return Ok((connected.clone(), state.number));
        }
        if state.tried_at.is_some_and(|at| at.elapsed() < RECONNECT) {
            return Err(StoreDown("not connected".to_owned()));
        }
        let connected = timeout(2 * CONNECT, connect(&mut state.servers)).await;
        state.tried_at = Some(Instant::now());
        let connected = connected.unwrap_or_else(|_| Err(StoreDown("no connection in time".to_owned())))?;
        state.connected = Some(connected.clone());
        state.number += 1;
        Ok((connected, state.number))
    }

    /// A connection is of no use any more; a newer one stays.
    async fn forget(&self, number: u64) {
        let mut state = self.0.lock().await;
        if state.number == number {
            state.connected = None;
        }
    }

    /// Asks something. A connection that breaks, or that leads to a server which takes nothing, is made anew by the next question.
    pub async fn ask<T, F>(&self, takes: Takes, ask: impl FnOnce(Connected) -> F) -> Result<T, StoreDown>
    where
        F: Future<Output = Result<T, redis::RedisError>>,
    {
        let within = match takes {
            Takes::Short => ANSWER,
            Takes::Long => LONG_ANSWER,
        };
        let (connected, number) = self.get().await?;
        match timeout(within, ask(connected)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if is_of_connection(&error) {
                    self.forget(number).await;
                }
                Err(down(&error))
            }
            Err(_) => {
                // It may hang for good.
                self.forget(number).await;
                Err(StoreDown("no answer in time".to_owned()))
            }
        }
    }
}

/// The primary is reached with the user, password, database and TLS that the first address has.
fn primary_like(urls: &[String]) -> Result<SentinelNodeConnectionInfo, RedisError> {
    let first = urls.first().map_or("", String::as_str).into_connection_info()?;
    let node =
        SentinelNodeConnectionInfo::default().set_redis_connection_info(first.redis_settings().clone());
    Ok(match first.addr() {
        ConnectionAddr::TcpTls { .. } => node.set_tls_mode(TlsMode::Secure),
        _ => node,
    })
}

async fn connect(servers: &mut Servers) -> Result<Connected, StoreDown> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(LONG_ANSWER));
    let connected = match servers {
        Servers::Single(client) => client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map(Connected::One),
        Servers::Sentinels(client) => client
            .get_async_connection_with_config(&config)
            .await
            .map(Connected::One),
        Servers::Cluster(client) => client.get_async_connection().await.map(Connected::Cluster),
    };
    let connected = connected.map_err(|error| down(&error))?;
    tracing::info!("connected to Redis");
    Ok(connected)
}

/// Whether another connection may do better.
fn is_of_connection(error: &redis::RedisError) -> bool {
    error.is_io_error()
        || error.is_connection_dropped()
        || matches!(
            error.kind(),
            ErrorKind::Parse
                | ErrorKind::Server(
                    ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading
                )
        )
}

fn down(error: &redis::RedisError) -> StoreDown {
    StoreDown(error.to_string())
}
