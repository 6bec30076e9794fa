//! Who hears of an invitation.

use uuid::Uuid;

use crate::{
    mail::Receiver,
    store::{
        StoreError, Tx,
        rows::{Columns, from_columns},
    },
};

struct Row(Receiver);

impl Row {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let user: Option<Uuid> = row.col("user_id")?;
        Ok(Self(match user {
            Some(id) => Receiver::Registered {
                id,
                email: row.col("user_email")?,
                name: row.col("display_name")?,
                language: row.col("language")?,
            },
            None => Receiver::External {
                email: row.col("email")?,
                invite_code: row.col("invite_code")?,
            },
        }))
    }
}
from_columns!(Row);

/// Whoever has this invitation, unless it is a user without an address or a disabled one. Who has only an address gets the
/// newest invite code of the room that never expires.
pub async fn receiver(tx: &mut Tx, invite: Uuid) -> Result<Option<Receiver>, StoreError> {
    const SELECT: &str = "SELECT i.user_id, i.email, u.email AS user_email, u.display_name, u.language,
         (SELECT n.code FROM invites n WHERE n.room_id = e.room_id AND n.active AND n.expiration IS NULL
          ORDER BY n.created_at DESC, n.code DESC LIMIT 1) AS invite_code
        FROM event_invites i JOIN events e ON e.id = i.event_id LEFT JOIN users u ON u.id = i.user_id
        WHERE i.id = $1 AND (u.id IS NULL OR u.email <> '' AND u.disabled_at IS NULL)";
    let row: Option<Row> = within!(tx, c => sqlx::query_as(SELECT).bind(invite).fetch_optional(c).await)?;
    Ok(row.map(|Row(receiver)| receiver))
}
