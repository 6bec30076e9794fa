//! Users as they appear inside other resources.

use std::fmt::Write as _;

use md5::{Digest, Md5};
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::users::Profile;

/// What others see of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProfileResource {
    pub id: Uuid,
    pub email: String,
    pub title: String,
    pub firstname: String,
    pub lastname: String,
    pub display_name: String,
    pub avatar_url: String,
}

impl ProfileResource {
    /// `avatar_base` is `defaults.avatar_base_url`.
    #[must_use]
    pub fn new(profile: Profile, avatar_base: &Url) -> Self {
        Self {
            avatar_url: avatar_url(avatar_base, &profile.email),
            id: profile.id,
            email: profile.email,
            title: profile.title,
            firstname: profile.firstname,
            lastname: profile.lastname,
            display_name: profile.display_name,
        }
    }
}

/// The picture of an address at a libravatar server: base and md5 of the lower-cased address.
#[must_use]
pub fn avatar_url(base: &Url, email: &str) -> String {
    let mut url = base.as_str().to_owned();
    for byte in Md5::digest(email.trim().to_lowercase().as_bytes()) {
        // Writing to a string can not fail.
        let _ = write!(url, "{byte:02x}");
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn avatars_ignore_the_case_of_addresses() {
        let base = Url::parse("https://seccdn.libravatar.org/avatar/").expect("URL");
        // The address and its hash are the example of libravatar's documentation for md5("user@example.com").
        let expected = "https://seccdn.libravatar.org/avatar/b58996c504c5638798eb6b511e6f49af";
        assert_eq!(avatar_url(&base, "User@Example.com"), expected);
    }
}
