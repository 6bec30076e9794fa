//! The logs of rooms when a server begins.

use std::sync::Arc;

use tokio::net::TcpListener;

use super::{JournalMode, LiveError};
use crate::{cluster::Cluster, ids::RoomId, journal::folder::Folder, ports::Ports};

/// Where logs lie, and which are there already.
#[derive(Default)]
pub(super) struct Logs {
    pub folder: Option<Arc<Folder>>,
    pub revive: Vec<RoomId>,
    pub cluster: Option<(Cluster, TcpListener)>,
}

impl Logs {
    pub async fn open(mode: JournalMode, ports: &Ports) -> Result<Self, LiveError> {
        match mode {
            JournalMode::Memory => Ok(Self::default()),
            JournalMode::Cluster(settings) => Ok(Self {
                cluster: Some(Cluster::join(settings, Arc::clone(&ports.random)).await?),
                ..Self::default()
            }),
            JournalMode::Files {
                folder,
                fsync,
                age_max,
            } => {
                let open = move || -> Result<_, LiveError> {
                    let folder = Folder::open(&folder, fsync)?;
                    let revive = folder.index(age_max).map_err(LiveError::Index)?;
                    Ok(Self {
                        folder: Some(Arc::new(folder)),
                        revive,
                        cluster: None,
                    })
                };
                let opened = tokio::task::spawn_blocking(open).await;
                opened.map_err(|error| LiveError::Index(std::io::Error::other(error)))?
            }
        }
    }
}
