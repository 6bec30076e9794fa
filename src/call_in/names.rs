//! How a caller is shown in a meeting: by number, or as the user whose number it is.

use std::time::Duration;

use colloquy_actors::{
    ids::{OriginHash, RoomId},
    ports::{self, BoxFuture},
};
use phonenumber::country;

use super::Number;
use crate::{
    config::CallInSettings,
    origins::Origins,
    profiles::profile_name,
    store::{
        Db,
        users::{self, Profile},
    },
};

/// A caller does not wait any longer for its name than this.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);

/// Answers the live core, by configuration.
#[derive(Debug)]
pub struct CallerNames {
    db: Db,
    default_country: country::Id,
    show_names_of_users: bool,
    origins: Origins,
    mask_numbers: bool,
}

impl CallerNames {
    #[must_use]
    pub fn new(db: Db, config: &CallInSettings, origins: Origins) -> Self {
        Self {
            db,
            default_country: config.default_country,
            show_names_of_users: config.show_names_of_users,
            origins,
            mask_numbers: config.mask_numbers,
        }
    }

    /// The name of the one user of the room's tenant with this number.
    async fn user(&self, room: RoomId, number: &Number) -> Option<String> {
        if !self.show_names_of_users {
            return None;
        }
        let asked = users::with_phone_like(&self.db, room.0, number.e164());
        let candidates = match tokio::time::timeout(LOOKUP_TIMEOUT, asked).await {
            Ok(Ok(candidates)) => candidates?,
            Ok(Err(error)) => return complain(&error),
            Err(_elapsed) => return complain(&"the database is slow"),
        };
        let (number, country) = (number.clone(), self.default_country);
        let only = tokio::task::spawn_blocking(move || only_owner(candidates, &number, country));
        let owner = only.await.ok().flatten()?;
        Some(profile_name(&owner).as_str().to_owned())
    }
}

fn complain(error: &dyn std::fmt::Display) -> Option<String> {
    tracing::warn!(%error, "a caller is shown by number: the users could not be looked through");
    None
}

fn only_owner(candidates: Vec<(Profile, String)>, number: &Number, country: country::Id) -> Option<Profile> {
    let is_same = |phone: &str| Number::parse(phone, country).is_some_and(|other| other == *number);
    let mut owners = candidates
        .into_iter()
        .filter(|(_, phone)| is_same(phone))
        .map(|(profile, _)| profile);
    let first = owners.next()?;
    owners.next().is_none().then_some(first)
}

impl ports::CallerNames for CallerNames {
    fn origin(&self, given: &str) -> Option<OriginHash> {
        Some(self.origins.of_caller(given))
    }

    fn name(&self, room: RoomId, given: String) -> BoxFuture<'_, String> {
        Box::pin(async move {
            // The first number of a country costs some milliseconds, for its patterns.
            let (text, country) = (given.clone(), self.default_country);
            let parsed = tokio::task::spawn_blocking(move || Number::parse(&text, country)).await;
            let Ok(Some(number)) = parsed else { return given };
            let user = self.user(room, &number).await;
            user.unwrap_or_else(|| {
                if self.mask_numbers {
                    number.masked()
                } else {
                    number.international().to_owned()
                }
            })
        })
    }
}
