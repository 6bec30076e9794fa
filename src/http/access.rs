//! Asks the permissions on behalf of handlers: one line before anything is done.

use uuid::Uuid;

use super::{ApiError, ApiState, auth::Caller};
use crate::{
    permissions::{AccessDenied, Operation, Standing, Subject, check},
    store::{
        guest_access::GuestAccess,
        relations,
        rooms::{self, MeetingFacts, Related, Room},
        tariffs::Tariff,
        users::User,
    },
};

/// The room, if the user may do this to it.
pub async fn room(state: &ApiState, user: &User, room: Uuid, operation: Operation) -> Result<Room, ApiError> {
    related_room(state, user, room, operation)
        .await
        .map(|related| related.room)
}

/// The room and how the user stands to it, if the user may do this to it.
pub async fn related_room(
    state: &ApiState,
    user: &User,
    room: Uuid,
    operation: Operation,
) -> Result<Related, ApiError> {
    let related = rooms::related(&state.db, user.profile.id, room).await?;
    let related = related.ok_or(AccessDenied::Hidden)?;
    check(Subject::User(related.standing), operation)?;
    Ok(related)
}

/// Nobody new comes into the room of somebody who is locked out: what its meetings need to know is refused.
pub fn open(facts: MeetingFacts) -> Result<MeetingFacts, ApiError> {
    if facts.owner_disabled {
        return Err(owner_disabled());
    }
    Ok(facts)
}

pub(super) fn owner_disabled() -> ApiError {
    ApiError::forbidden("The account of the room's owner is disabled")
}

/// Refuses guests where the room's owner, its tariff or the operator lets none in.
pub(super) fn guests_in(state: &ApiState, access: GuestAccess, tariff: &Tariff) -> Result<(), ApiError> {
    if state.offer.are_guests_out(access, tariff) {
        return Err(ApiError::forbidden("Nobody comes into this room by a link"));
    }
    Ok(())
}

/// Refuses a caller, who may be a guest, that may not do this to the room.
pub async fn caller_to_room(
    state: &ApiState,
    caller: &Caller,
    room: Uuid,
    operation: Operation,
) -> Result<(), ApiError> {
    let subject = match caller {
        Caller::Guest(invite) => Subject::Guest {
            of_this_room: invite.room_id == room,
        },
        Caller::User(user) => {
            let standing = relations::to_room(&state.db, user.profile.id, room).await?;
            Subject::User(standing.ok_or(AccessDenied::Hidden)?)
        }
    };
    Ok(check(subject, operation)?)
}

/// How the user stands to the event. Refuses a user who may not do this to it.
pub async fn event(
    state: &ApiState,
    user: &User,
    event: Uuid,
    operation: Operation,
) -> Result<Standing, ApiError> {
    let standing = relations::to_event(&state.db, user.profile.id, event).await?;
    let standing = standing.ok_or(AccessDenied::Hidden)?;
    check(Subject::User(standing), operation)?;
    Ok(standing)
}
