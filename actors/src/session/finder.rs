//! A session looks for the next life of its room: what broke was the room's shell, not the connection.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};

use super::{Link, Mailbox};
use crate::{
    ids::RoomId,
    ports::{BoxFuture, Unavailable},
    protocol::codes::CloseCode,
    shell::SessionLink as _,
};

/// Wait before a room is looked for again.
const RETRY: Duration = Duration::from_millis(50);

/// Finds rooms.
pub trait Finder: fmt::Debug + Send + Sync {
    /// The room, revived if it sleeps; none if there is no such room.
    fn find(&self, room: RoomId) -> BoxFuture<'static, Result<Option<Arc<dyn Mailbox>>, Unavailable>>;

    /// For how long a room is looked for.
    fn patience(&self) -> Duration;
}

/// Asks the room's next life to go on there. Where there is none, or not soon, the client comes back by itself.
pub(super) async fn go_on(link: Link, finder: Arc<dyn Finder>) {
    let Some((lost_at, past)) = link.lost_room() else {
        return;
    };
    let until = lost_at + finder.patience();
    while Instant::now() < until {
        match timeout_at(until, finder.find(past.id())).await {
            Ok(Ok(Some(room))) if room.life() != past.life() && !room.is_gone() => {
                return link.ask_to_go_on(&room);
            }
            Ok(Ok(None)) => break,
            _ => sleep(RETRY).await,
        }
    }
    link.close(CloseCode::Restart);
}
