//! The users of the configuration.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::error::DevIssuerError;
use crate::config::DevUser;

/// Users by name.
pub(super) struct Users(BTreeMap<String, User>);

/// A user who can log in.
pub(super) struct User {
    /// Stable for a name, whatever else changes.
    pub subject: Uuid,
    pub settings: DevUser,
}

impl Users {
    pub fn new(settings: &[DevUser]) -> Result<Self, DevIssuerError> {
        let mut users = BTreeMap::new();
        for settings in settings {
            if settings.username.is_empty() || settings.password.is_empty() {
                return Err(DevIssuerError::IncompleteUser);
            }
            let user = User {
                subject: subject(&settings.username),
                settings: settings.clone(),
            };
            if users.insert(settings.username.clone(), user).is_some() {
                return Err(DevIssuerError::DuplicateUser(settings.username.clone()));
            }
        }
        Ok(Self(users))
    }

    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.keys().cloned()
    }

    pub fn get(&self, username: &str) -> Option<&User> {
        self.0.get(username)
    }

    pub fn by_subject(&self, subject: &str) -> Option<&User> {
        self.0.values().find(|user| user.subject.to_string() == subject)
    }

    /// The user with this name and password. It takes the same time whether the name exists or not, and however much of
    /// the password is right.
    pub fn authenticate(&self, username: &str, password: &str) -> Option<&User> {
        let user = self.get(username);
        let expected = user.map_or("", |user| user.settings.password.as_str());
        let same = Sha256::digest(expected).ct_eq(&Sha256::digest(password));
        // An unknown user's password is the empty one, which no user has.
        user.filter(|_| bool::from(same))
    }
}

impl User {
    pub fn display_name(&self) -> String {
        let name = format!("{} {}", self.settings.given_name, self.settings.family_name);
        match name.trim() {
            "" => self.settings.username.clone(),
            name => name.to_owned(),
        }
    }
}

fn subject(username: &str) -> Uuid {
    let digest = Sha256::digest(format!("colloquy development user\n{username}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DevIssuerSettings;

    fn users() -> Users {
        Users::new(&DevIssuerSettings::default().users).expect("the default users")
    }

    #[test]
    fn a_password_opens_its_own_account_only() {
        let users = users();
        assert!(users.authenticate("alice", "alice").is_some());
        for (name, password) in [
            ("alice", "bob"),
            ("alice", ""),
            ("nobody", ""),
            ("nobody", "nobody"),
            ("", ""),
        ] {
            assert!(users.authenticate(name, password).is_none(), "{name}/{password}");
        }
    }

    #[test]
    fn subjects_are_stable_and_distinct() {
        let users = users();
        let subject = |name| users.get(name).expect("a user").subject;
        assert_eq!(
            subject("alice").to_string(),
            "887e2120-146d-8f67-ab12-adb0e3696902"
        );
        assert_ne!(subject("alice"), subject("bob"));
    }

    #[test]
    fn names_are_unique_and_passwords_set() {
        let alice = DevIssuerSettings::default().users.remove(0);
        let twice = [alice.clone(), alice.clone()];
        assert!(matches!(Users::new(&twice), Err(DevIssuerError::DuplicateUser(name)) if name == "alice"));
        let open = DevUser {
            password: String::new(),
            ..alice
        };
        assert!(matches!(Users::new(&[open]), Err(DevIssuerError::IncompleteUser)));
    }

    #[test]
    fn who_has_no_name_goes_by_the_username() {
        let users = users();
        assert_eq!(users.get("alice").expect("alice").display_name(), "Alice Adams");
        assert_eq!(
            users.get("recorder").expect("recorder").display_name(),
            "recorder"
        );
    }
}
