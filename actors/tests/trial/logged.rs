//! A room with its log, without a shell: one input after the other, and whatever is under way is waited for.

use std::io;

use colloquy_actors::{
    journal::{Doing, JournalError, file::Staged},
    logged::{Handled, LoggedRoom, RoomFailure},
    room::{effects::Effects, input::Stamped},
};

/// Waits for what is being done with a log.
pub async fn over(doing: Doing) -> io::Result<()> {
    match doing {
        Doing::Over(written) => written,
        Doing::UnderWay(doing) => doing.await,
    }
}

/// Makes a written snapshot the log.
pub async fn adopt(
    room: &mut LoggedRoom,
    number: u64,
    staged: Result<Staged, JournalError>,
) -> Result<(), JournalError> {
    match room.adopt(number, staged)? {
        Some(doing) => room.adopted(over(doing).await),
        None => Ok(()),
    }
}

/// Writes a snapshot.
pub async fn snapshot(room: &mut LoggedRoom) -> Result<(), JournalError> {
    let staged = room.stage(None)();
    adopt(room, room.journal().last_snapshot(), staged).await
}

/// Logs a batch.
pub async fn log(room: &mut LoggedRoom, batch: &[Stamped]) -> Result<(), RoomFailure> {
    let written = over(room.log(batch)?).await;
    if let Some(leaving) = room.logged(written)? {
        let _ = over(leaving).await;
    }
    Ok(())
}

/// Handles an input that is logged; nothing comes of one that panics.
pub async fn handle(room: &mut LoggedRoom, stamped: Stamped) -> Result<Option<Effects>, RoomFailure> {
    let panicked = match room.handle(stamped) {
        Handled::Done(effects) => return Ok(Some(effects)),
        Handled::Panicked(panicked) => panicked,
    };
    let written = over(room.skip(&panicked)?).await;
    room.skip_logged(written)?;
    let again = room.rebuild(&panicked)()?;
    room.rebuilt(panicked, again)?;
    Ok(None)
}

/// Logs and handles a batch; whether each input was handled.
pub async fn play(room: &mut LoggedRoom, batch: &[Stamped]) -> Result<Vec<bool>, RoomFailure> {
    log(room, batch).await?;
    let mut done = Vec::new();
    for stamped in batch {
        done.push(handle(room, stamped.clone()).await?.is_some());
    }
    Ok(done)
}
