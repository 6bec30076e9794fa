//! Who hears of what happens to an event.

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
                email: row.col("invite_email")?,
                invite_code: row.col("invite_code")?,
            },
        }))
    }
}
from_columns!(Row);

/// Everybody who is invited to an event and has not declined, in the order of their invitation. Users without an address
/// are left out; who has only an address gets the newest invite of the room that never expires.
pub async fn receivers(tx: &mut Tx, event: Uuid) -> Result<Vec<Receiver>, StoreError> {
    const SELECT: &str = "SELECT i.user_id, i.email AS invite_email, u.email AS user_email, u.display_name, u.language,
         (SELECT n.code FROM invites n WHERE n.room_id = v.room_id AND n.active AND n.expiration IS NULL
          ORDER BY n.created_at DESC, n.code DESC LIMIT 1) AS invite_code
        FROM event_invites i JOIN events v ON v.id = i.event_id LEFT JOIN users u ON u.id = i.user_id
        WHERE i.event_id = $1 AND i.status <> 'declined' AND (u.id IS NULL OR u.email <> '' AND u.disabled_at IS NULL)
        ORDER BY i.created_at, i.id";
    let rows: Vec<Row> = within!(tx, c => sqlx::query_as(SELECT).bind(event).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|Row(receiver)| receiver).collect())
}
