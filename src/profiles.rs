//! How people are shown: names and pictures.

use std::fmt::Write as _;

use colloquy_actors::protocol::names::DisplayName;
use md5::{Digest, Md5};

use crate::{
    config::{Avatars, Defaults},
    store::users::Profile,
};

/// The display name, else first and last name, else the address before `@`, else `User`.
#[must_use]
pub fn profile_name(profile: &Profile) -> DisplayName {
    let full = format!("{} {}", profile.firstname, profile.lastname);
    let local = profile.email.split('@').next().unwrap_or_default();
    let names = [profile.display_name.as_str(), &full, local];
    let first = names.into_iter().find(|name| !name.trim().is_empty());
    DisplayName::from_profile(first.unwrap_or_default())
}

/// The picture that the issuer has of a user, else that of the address, as far as that is the user's.
#[must_use]
pub fn picture_of(defaults: &Defaults, profile: &Profile) -> Option<String> {
    profile
        .picture
        .clone()
        .or_else(|| avatar_url(defaults, profile.known_email()))
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
