//! A room with its log, without a shell: one input after the other, and whatever is under way is waited for.

use std::io;

use colloquy_actors::{
    journal::Append,
    logged::{Handled, LoggedRoom, RoomFailure},
    room::{effects::Effects, input::Stamped},
};

/// Waits for an append.
async fn over(append: Append) -> io::Result<()> {
    match append {
        Append::Over(written) => written,
        Append::UnderWay(append) => append.await,
    }
}

/// Logs a batch.
pub async fn log(room: &mut LoggedRoom, batch: &[Stamped]) -> Result<(), RoomFailure> {
    let written = over(room.log(batch)?).await;
    Ok(room.logged(written)?)
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
