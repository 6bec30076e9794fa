//! How users stand to rooms and events: the facts that permissions rest on, each read by one statement.

use uuid::Uuid;

use super::{Db, StoreError};
use crate::permissions::Standing;

/// The column `standing` of user `$1`, or another one that is named, to a row of rooms or events, for a query that joins the
/// invitation as `ei`.
macro_rules! standing {
    ($table:literal) => {
        $crate::store::relations::standing!($table, "$1")
    };
    ($table:literal, $user:literal) => {
        concat!(
            "CASE WHEN ",
            $table,
            ".created_by = ",
            $user,
            " THEN 'owner'
             WHEN ",
            $table,
            ".tenant_id <> (SELECT tenant_id FROM users WHERE id = ",
            $user,
            ") THEN 'foreign'
             WHEN ei.role = 'moderator' THEN 'moderator'
             WHEN ei.id IS NOT NULL THEN 'invited'
             ELSE 'stranger' END AS standing"
        )
    };
}
pub(super) use standing;

/// Joins the event `e` of room `r`, and the invitation `ei` of user `$1`, or another one that is named, to it.
macro_rules! invitation_to_room {
    () => {
        $crate::store::relations::invitation_to_room!("$1")
    };
    ($user:literal) => {
        concat!(
            " LEFT JOIN events e ON e.room_id = r.id LEFT JOIN event_invites ei ON ei.event_id = e.id AND ei.user_id = ",
            $user
        )
    };
}
pub(super) use invitation_to_room;

/// How `user` stands to a room. `None` when there is none.
pub async fn to_room(db: &Db, user: Uuid, room: Uuid) -> Result<Option<Standing>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        standing!("r"),
        " FROM rooms r",
        invitation_to_room!(),
        " WHERE r.id = $2"
    );
    found(db, SELECT, user, room).await
}

/// How `user` stands to an event. `None` when there is none.
pub async fn to_event(db: &Db, user: Uuid, event: Uuid) -> Result<Option<Standing>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        standing!("e"),
        " FROM events e LEFT JOIN event_invites ei ON ei.event_id = e.id AND ei.user_id = $1 WHERE e.id = $2"
    );
    found(db, SELECT, user, event).await
}

async fn found(
    db: &Db,
    select: &'static str,
    user: Uuid,
    resource: Uuid,
) -> Result<Option<Standing>, StoreError> {
    let name: Option<String> = read!(db, c => sqlx::query_scalar(select)
        .bind(user)
        .bind(resource)
        .fetch_optional(c)
        .await)?;
    Ok(name.as_deref().map(Standing::parse))
}
