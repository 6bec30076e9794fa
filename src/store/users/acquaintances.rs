//! Who has something in common with whom: an event, or a group.

use std::collections::HashSet;

use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::store::{Db, StoreError};

/// A condition that a user `u` is of one group or one event with another one; `{}` stands for the other one's id. `OFFSET 0` keeps
/// PostgreSQL from computing a part for all users of a table at once: it ends at the first thing that they have in common.
const IN_COMMON: [&str; 4] = [
    "EXISTS (SELECT 1 FROM user_groups theirs JOIN user_groups mine ON mine.group_id = theirs.group_id
             WHERE theirs.user_id = u.id AND mine.user_id = {} LIMIT 1 OFFSET 0)",
    "EXISTS (SELECT 1 FROM event_invites theirs JOIN event_invites mine ON mine.event_id = theirs.event_id
             WHERE theirs.user_id = u.id AND mine.user_id = {} LIMIT 1 OFFSET 0)",
    "EXISTS (SELECT 1 FROM events e JOIN event_invites mine ON mine.event_id = e.id
             WHERE e.created_by = u.id AND mine.user_id = {} LIMIT 1 OFFSET 0)",
    "EXISTS (SELECT 1 FROM event_invites theirs JOIN events e ON e.id = theirs.event_id
             WHERE theirs.user_id = u.id AND e.created_by = {} LIMIT 1 OFFSET 0)",
];

/// Those of `people` who are of one event or one group with `user`, and `user` itself. An invitation counts whatever was
/// answered, as it does for seeing the event.
pub async fn acquainted(db: &Db, user: Uuid, people: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
    let mut known: HashSet<_> = people.iter().copied().filter(|id| *id == user).collect();
    if known.len() == people.len() {
        return Ok(known);
    }
    let found: Vec<Uuid> = read!(db, c => {
        let mut select = QueryBuilder::new("SELECT u.id FROM users u WHERE u.id IN (");
        let mut ids = select.separated(", ");
        for id in people {
            ids.push_bind(*id);
        }
        select.push(") AND (");
        for (index, condition) in IN_COMMON.iter().enumerate() {
            if index > 0 {
                select.push(" OR ");
            }
            let (before, after) = condition.split_once("{}").unwrap_or((condition, ""));
            select.push(before).push_bind(user).push(after);
        }
        select.push(")").build_query_scalar().fetch_all(c).await
    })?;
    known.extend(found);
    Ok(known)
}
