//! The event of a room, as far as its meeting and its guests are told of it.

use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Db, StoreError,
    events::TrainingReport,
    rows::{Columns, from_columns},
};
use crate::secrets::Secret;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomEvent {
    pub id: Uuid,
    pub title: String,
    pub is_adhoc: bool,
    /// When a training's participants are asked whether they are there.
    pub training_report: Option<TrainingReport>,
    /// How to reach the meeting by other ways, if its participants shall see that.
    pub details: Option<Details>,
}

/// How to reach a meeting by other ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// The newest active invite that never expires.
    pub invite_code: Option<Uuid>,
    /// Id and password that callers type.
    pub sip: Option<(String, Secret)>,
}

struct Row {
    event: RoomEvent,
    show_details: bool,
    invite_code: Option<Uuid>,
    sip: Option<(String, Secret)>,
}

impl Row {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let sip_id: Option<String> = row.col("sip_id")?;
        let sip_password: Option<String> = row.col("sip_password")?;
        let training: Option<Json<TrainingReport>> = row.col("training_participation_report")?;
        let event = RoomEvent {
            id: row.col("id")?,
            title: row.col("title")?,
            is_adhoc: row.col("is_adhoc")?,
            training_report: training.map(|Json(report)| report),
            details: None,
        };
        Ok(Self {
            event,
            show_details: row.col("show_meeting_details")?,
            invite_code: row.col("invite_code")?,
            sip: sip_id.zip(sip_password.map(Secret::new)),
        })
    }
}
from_columns!(Row);

/// The event of a room. `None` when the room has none or is gone.
pub async fn of_room(db: &Db, room: Uuid) -> Result<Option<RoomEvent>, StoreError> {
    const SELECT: &str = "SELECT e.id, e.title, e.is_adhoc, e.show_meeting_details,
        e.training_participation_report, s.sip_id,
        s.password AS sip_password,
        (SELECT i.code FROM invites i WHERE i.room_id = e.room_id AND i.active AND i.expiration IS NULL
         ORDER BY i.created_at DESC, i.code DESC LIMIT 1) AS invite_code
        FROM events e LEFT JOIN sip_configs s ON s.room_id = e.room_id WHERE e.room_id = $1";
    let row: Option<Row> = read!(db, c => sqlx::query_as(SELECT).bind(room).fetch_optional(c).await)?;
    let Some(mut row) = row else { return Ok(None) };
    if row.show_details {
        row.event.details = Some(Details {
            invite_code: row.invite_code,
            sip: row.sip,
        });
    }
    Ok(Some(row.event))
}
