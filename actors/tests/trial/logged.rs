//! A room with its log, without a shell: one input after the other, and whatever is under way is waited for.

use colloquy_actors::{
    logged::{Handled, LoggedRoom, Logging, RoomFailure},
    room::{effects::Effects, input::Stamped},
};

/// Logs a batch.
pub async fn log(room: &mut LoggedRoom, batch: &[Stamped]) -> Result<(), RoomFailure> {
    if let Logging::UnderWay(append) = room.log(batch)? {
        room.logged(append.await)?;
    }
    Ok(())
}

/// Handles an input that is logged; nothing comes of one that panics.
pub async fn handle(room: &mut LoggedRoom, stamped: Stamped) -> Result<Option<Effects>, RoomFailure> {
    let panicked = match room.handle(stamped) {
        Handled::Done(effects) => return Ok(Some(effects)),
        Handled::Panicked(panicked) => panicked,
    };
    if let Logging::UnderWay(append) = room.skip(&panicked)? {
        room.skip_logged(append.await)?;
    }
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
