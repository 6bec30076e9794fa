//! Users by telephone number.

use uuid::Uuid;

use super::{Profile, profile_columns};
use crate::store::{
    Db, StoreError,
    rows::{Columns, from_columns},
};

/// Digits at the end of a number that are the same in every way to write it, with or without country and area.
const TAIL_DIGITS: usize = 5;

/// Users that are compared. A number whose tail more users share than this is nobody's: a switchboard.
const CANDIDATES_MAX: usize = 50;

struct Candidate {
    profile: Profile,
    phone: String,
}

impl Candidate {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            profile: Profile::read(row, "u")?,
            phone: row.col("phone")?,
        })
    }
}
from_columns!(Candidate);

/// The users of a room's tenant whose numbers may be this one, with the numbers as their issuer writes them. `None` when
/// there are too many.
pub async fn with_phone_like(
    db: &Db,
    room: Uuid,
    number: &str,
) -> Result<Option<Vec<(Profile, String)>>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        profile_columns!("u"),
        ", u.phone FROM users u JOIN rooms r ON r.tenant_id = u.tenant_id
         WHERE r.id = $1 AND u.phone_tail = $2 AND u.disabled_at IS NULL LIMIT $3"
    );
    let Some(tail) = tail(number) else {
        return Ok(Some(Vec::new()));
    };
    let limit = i64::try_from(CANDIDATES_MAX + 1).unwrap_or(i64::MAX);
    let found: Vec<Candidate> = read!(db, c => sqlx::query_as(SELECT)
        .bind(room)
        .bind(tail)
        .bind(limit)
        .fetch_all(c)
        .await)?;
    if found.len() > CANDIDATES_MAX {
        return Ok(None);
    }
    let pairs = found.into_iter().map(|found| (found.profile, found.phone));
    Ok(Some(pairs.collect()))
}

/// What numbers are looked up by. `None` for what has too few digits.
pub(super) fn tail(number: &str) -> Option<String> {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    let start = digits.len().checked_sub(TAIL_DIGITS)?;
    Some(digits[start..].iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_number_has_one_tail() {
        for number in ["+49 30 123456", "030/12 34 56", "0049-30-1 2 3 4 5 6", "23456"] {
            assert_eq!(tail(number).as_deref(), Some("23456"), "{number}");
        }
        for number in ["", "+", "1234", "none"] {
            assert_eq!(tail(number), None, "{number}");
        }
    }
}
