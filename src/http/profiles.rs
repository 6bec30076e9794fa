//! Users as they appear inside other resources.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{config::Defaults, profiles::picture_of, store::users::Profile};

/// What others see of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProfileResource {
    pub id: Uuid,
    /// Empty where a list, or its id, shows the user to somebody of no event and no group of the same, and where the identity
    /// provider says that it is not the user's.
    pub email: String,
    pub title: String,
    pub firstname: String,
    pub lastname: String,
    pub display_name: String,
    /// Empty where there is none.
    pub avatar_url: String,
}

impl ProfileResource {
    #[must_use]
    pub fn new(profile: Profile, defaults: &Defaults) -> Self {
        Self {
            avatar_url: picture_of(defaults, &profile).unwrap_or_default(),
            id: profile.id,
            email: profile.known_email().to_owned(),
            title: profile.title,
            firstname: profile.firstname,
            lastname: profile.lastname,
            display_name: profile.display_name,
        }
    }

    /// The same as the last of a list, which nearly always shows the same user again.
    #[must_use]
    pub fn as_before(profile: Profile, defaults: &Defaults, last: &mut Option<Self>) -> Self {
        match last {
            Some(known) if known.id == profile.id => known.clone(),
            _ => last.insert(Self::new(profile, defaults)).clone(),
        }
    }

    /// What people see of a user with whom they have nothing in common: no address, nor the picture that tells its hash.
    #[must_use]
    pub fn of_a_stranger(profile: Profile) -> Self {
        Self {
            id: profile.id,
            email: String::new(),
            title: profile.title,
            firstname: profile.firstname,
            lastname: profile.lastname,
            display_name: profile.display_name,
            avatar_url: String::new(),
        }
    }
}
