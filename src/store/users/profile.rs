//! The part of a user that others see.

use std::collections::HashMap;

use uuid::Uuid;

use crate::store::{Db, IDS_PER_QUERY, StoreError, rows::Columns, rows::from_columns};

/// What others see of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub id: Uuid,
    pub email: String,
    pub title: String,
    pub firstname: String,
    pub lastname: String,
    /// Never empty.
    pub display_name: String,
    /// URL of the picture that the issuer has of the user.
    pub picture: Option<String>,
    /// Whether the issuer knows that the address is the user's; `None`: it has never said.
    pub email_verified: Option<bool>,
}

/// Columns of a profile for a query that calls the table of users by the given name.
macro_rules! profile_columns {
    ($table:literal) => {
        concat!(
            $table,
            ".id AS ",
            $table,
            "_id, ",
            $table,
            ".email AS ",
            $table,
            "_email, ",
            $table,
            ".title AS ",
            $table,
            "_title, ",
            $table,
            ".firstname AS ",
            $table,
            "_firstname, ",
            $table,
            ".lastname AS ",
            $table,
            "_lastname, ",
            $table,
            ".display_name AS ",
            $table,
            "_display_name, ",
            $table,
            ".picture AS ",
            $table,
            "_picture, ",
            $table,
            ".email_verified AS ",
            $table,
            "_email_verified"
        )
    };
}
pub(in crate::store) use profile_columns;

impl Profile {
    /// The address that others see, and that stands for the user: none where the issuer says that it is not the user's. Such an
    /// address is nobody's.
    #[must_use]
    pub fn known_email(&self) -> &str {
        if self.email_verified == Some(false) {
            ""
        } else {
            &self.email
        }
    }

    /// Reads what [`profile_columns`] selected from `table`.
    pub(in crate::store) fn read(row: &impl Columns, table: &str) -> sqlx::Result<Self> {
        // One text for all names: most answers hold several profiles.
        let mut name = format!("{table}_");
        let prefix = name.len();
        name.push_str("id");
        let id = row.col(&name)?;
        name.truncate(prefix);
        name.push_str("picture");
        let picture = row.col(&name)?;
        name.truncate(prefix);
        name.push_str("email_verified");
        let email_verified = row.col(&name)?;
        let mut text = |column: &str| {
            name.truncate(prefix);
            name.push_str(column);
            row.col::<String>(&name)
        };
        Ok(Self {
            id,
            picture,
            email_verified,
            email: text("email")?,
            title: text("title")?,
            firstname: text("firstname")?,
            lastname: text("lastname")?,
            display_name: text("display_name")?,
        })
    }
}

/// A profile by itself, of a query that calls the table of users `o`.
struct Alone(Profile);

impl Alone {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Profile::read(row, "o").map(Self)
    }
}
from_columns!(Alone);

/// Those of these people who exist, by their ids.
pub async fn profiles(
    db: &Db,
    people: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Profile>, StoreError> {
    let people = Vec::from_iter(people);
    let mut found = HashMap::with_capacity(people.len());
    for chunk in people.chunks(IDS_PER_QUERY) {
        let some: Vec<Alone> = read!(db, c => {
            let mut select = sqlx::QueryBuilder::new(concat!(
                "SELECT ",
                profile_columns!("o"),
                " FROM users o WHERE o.id IN ("
            ));
            push_ids!(select, chunk);
            select.push(")").build_query_as().fetch_all(c).await
        })?;
        found.extend(some.into_iter().map(|Alone(profile)| (profile.id, profile)));
    }
    Ok(found)
}
