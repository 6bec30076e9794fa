//! Users as they appear inside other resources.

use std::fmt::Write as _;

use md5::{Digest, Md5};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    config::{Avatars, Defaults},
    store::users::Profile,
};

/// What others see of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProfileResource {
    pub id: Uuid,
    /// Empty where a list, or its id, shows the user to somebody of no event and no group of the same.
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
            email: profile.email,
            title: profile.title,
            firstname: profile.firstname,
            lastname: profile.lastname,
            display_name: profile.display_name,
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

/// The picture that the issuer has of a user, else that of the address.
#[must_use]
pub fn picture_of(defaults: &Defaults, profile: &Profile) -> Option<String> {
    profile
        .picture
        .clone()
        .or_else(|| avatar_url(defaults, &profile.email))
}

/// The picture of an address at a libravatar server: base and md5 of the lower-cased address. `None` while pictures are off.
#[must_use]
pub fn avatar_url(defaults: &Defaults, email: &str) -> Option<String> {
    if defaults.avatars == Avatars::Off {
        return None;
    }
    let mut url = defaults.avatar_base_url.as_str().to_owned();
    for byte in Md5::digest(email.trim().to_lowercase().as_bytes()) {
        // Writing to a string can not fail.
        let _ = write!(url, "{byte:02x}");
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn avatars_ignore_the_case_of_addresses() {
        let on = Defaults {
            avatars: Avatars::Libravatar,
            ..Defaults::default()
        };
        // The address and its hash are the example of libravatar's documentation for md5("user@example.com").
        let expected = "https://seccdn.libravatar.org/avatar/b58996c504c5638798eb6b511e6f49af";
        assert_eq!(avatar_url(&on, "User@Example.com").as_deref(), Some(expected));
        let off = Defaults {
            avatars: Avatars::Off,
            ..Defaults::default()
        };
        assert_eq!(avatar_url(&off, "User@Example.com"), None);
    }
}
