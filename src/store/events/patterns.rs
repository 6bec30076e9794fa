//! Patterns of series that were stored before they had one text: written anew, a step at a time.

use chrono::{DateTime, Utc};
use colloquy_calendar::recurrence::{Recurrence, RecurrenceSet};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Times, write::set_series_end};
use crate::store::{
    Db, StoreError, Tx,
    rows::{Columns, from_columns},
};

/// How patterns are written today. Whoever changes their canonical text makes it one more, and so has the stored ones
/// rewritten.
pub(super) const FORM: i16 = 1;

/// Rows of one step.
const ROWS_MAX: i64 = 500;

struct Stored {
    id: Uuid,
    lines: Vec<String>,
    times: Option<Times>,
}

impl Stored {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let Json(lines) = row.col("recurrence")?;
        Ok(Self {
            id: row.col("id")?,
            lines,
            times: Times::read(row, "event")?,
        })
    }
}
from_columns!(Stored);

#[derive(Clone)]
struct Rewritten {
    id: Uuid,
    recurrence: Recurrence,
    /// Where today's reading may give the series another one.
    end: Option<End>,
}

/// When the last occurrence ends; `None`: never.
#[derive(Clone, Copy)]
struct End(Option<DateTime<Utc>>);

/// Writes patterns canonically that are not yet. What is done stays done when it is interrupted.
pub(in crate::store) async fn rewrite(db: &Db) -> Result<(), StoreError> {
    const SELECT: &str =
        "SELECT id, recurrence, is_all_day AS event_is_all_day, starts_at AS event_starts_at,
        starts_at_tz AS event_starts_at_tz, starts_at_skipped AS event_starts_at_skipped, ends_at AS event_ends_at, ends_at_tz AS event_ends_at_tz
        FROM events WHERE recurrence IS NOT NULL AND recurrence_form < $1 AND id > $2 ORDER BY id LIMIT $3";
    let (mut after, mut count) = (Uuid::nil(), 0);
    loop {
        let rows: Vec<Stored> = read!(db, c => sqlx::query_as(SELECT)
            .bind(FORM)
            .bind(after)
            .bind(ROWS_MAX)
            .fetch_all(c)
            .await)?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        let rewritten = tokio::task::spawn_blocking(move || rows.into_iter().filter_map(rewritten).collect());
        let rewritten: Vec<Rewritten> = rewritten.await.map_err(|_| StoreError::Stopping)?;
        count += rewritten.len();
        db.transaction(move |tx| Box::pin(async move { write(tx, rewritten).await }))
            .await?;
    }
    if count > 0 {
        tracing::info!(patterns = count, "patterns of series are written canonically now");
    }
    Ok(())
}

/// `None` for what can't be read: it is left as it is.
fn rewritten(stored: Stored) -> Option<Rewritten> {
    let Stored { id, lines, times } = stored;
    let recurrence = match Recurrence::parse(&lines) {
        Ok(recurrence) => recurrence,
        Err(error) => {
            tracing::warn!(event.id = %id, %error, "the stored pattern of a series can't be read");
            return None;
        }
    };
    // Weeks of a year without a weekday, and positions in the first week, were read otherwise.
    let is_read_otherwise = |line: &String| {
        let line = line.to_ascii_uppercase();
        line.contains("BYWEEKNO") || line.contains("BYSETPOS")
    };
    let times = times.filter(|_| lines.iter().any(is_read_otherwise));
    let end = times.and_then(|times| {
        let set = RecurrenceSet::new(&recurrence, times.local_start()).ok()?;
        Some(End(set.last_end(times.duration())))
    });
    Some(Rewritten { id, recurrence, end })
}

async fn write(tx: &mut Tx, rewritten: Vec<Rewritten>) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE events SET recurrence = $2, recurrence_form = $3 WHERE id = $1";
    for one in rewritten {
        within!(&mut *tx, c => sqlx::query(UPDATE)
            .bind(one.id)
            .bind(Json(&one.recurrence))
            .bind(FORM)
            .execute(c)
            .await
            .map(drop))?;
        if let Some(End(last_end)) = one.end {
            set_series_end(tx, one.id, last_end).await?;
        }
    }
    Ok(())
}
