//! Reading columns of either database by one text.

use sqlx::{Decode, Postgres, Row, Sqlite, Type, postgres::PgRow, sqlite::SqliteRow};

/// A row of either database. `col` reads a column by name; its type is the same in both.
pub(super) trait Columns {
    fn col<'r, T>(&'r self, name: &str) -> sqlx::Result<T>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>;
}

impl Columns for SqliteRow {
    fn col<'r, T>(&'r self, name: &str) -> sqlx::Result<T>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        self.try_get(name)
    }
}

impl Columns for PgRow {
    fn col<'r, T>(&'r self, name: &str) -> sqlx::Result<T>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        self.try_get(name)
    }
}

/// Implements `FromRow` for both databases by the type's own `read(&impl Columns)`.
macro_rules! from_columns {
    ($($row:ty),+ $(,)?) => {$(
        impl<'r, R: sqlx::Row + $crate::store::rows::Columns> sqlx::FromRow<'r, R> for $row {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                <$row>::read(row)
            }
        }
    )+};
}
pub(super) use from_columns;

/// A count, which is never negative.
pub(super) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
