//! A person as the directory shows one, made fit for being shown here.

use colloquy_actors::protocol::plain::plain;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    identity::limits::SUBJECT_CHARS_MAX,
    store::{
        tenants,
        users::{EMAIL_CHARS_MAX, NAME_CHARS_MAX},
    },
};

/// Somebody with an account at the identity provider, who can be invited by an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What tokens call the person.
    pub subject: String,
    /// As the directory writes it.
    pub email: String,
    /// Empty where the directory has none, or nothing that can be seen.
    pub firstname: String,
    /// The same.
    pub lastname: String,
    /// What the directory calls the tenant; absent: the default one.
    pub tenant: Option<String>,
}

/// Keycloak's `UserRepresentation`, as far as it matters here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserRepresentation {
    id: String,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    enabled: Option<bool>,
    attributes: Option<Map<String, Value>>,
}

impl UserRepresentation {
    /// The person; `None` for who is locked out there, or can't be invited for want of an address.
    pub fn person(self, tenant_attribute: &str) -> Option<Person> {
        let email = self.email.filter(|email| is_address(email))?;
        let is_subject = (1..=SUBJECT_CHARS_MAX).contains(&self.id.chars().count());
        if self.enabled == Some(false) || !is_subject {
            return None;
        }
        let attributes = self.attributes.as_ref();
        Some(Person {
            subject: self.id,
            email,
            firstname: name(self.first_name.as_deref()),
            lastname: name(self.last_name.as_deref()),
            tenant: attributes.and_then(|attributes| tenant(attributes, tenant_attribute)),
        })
    }
}

/// The same rule as for addresses that are invited.
fn is_address(email: &str) -> bool {
    email.chars().count() <= EMAIL_CHARS_MAX
        && email.parse::<lettre::Address>().is_ok()
        && !email.contains(|c: char| c.is_control() || c.is_whitespace())
}

/// People there write their names as they like.
fn name(text: Option<&str>) -> String {
    let plain = text.and_then(plain).unwrap_or_default();
    let cut: String = plain.chars().take(NAME_CHARS_MAX).collect();
    cut.trim_end().to_owned()
}

/// The first value of the attribute, written as the claim of a token is.
fn tenant(attributes: &Map<String, Value>, attribute: &str) -> Option<String> {
    if attribute.is_empty() {
        return None;
    }
    let value = match attributes.get(attribute)? {
        Value::Array(values) => values.first()?,
        value => value,
    };
    tenants::external_id(value.as_str()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn person(value: Value) -> Option<Person> {
        let user: UserRepresentation = serde_json::from_value(value).unwrap();
        user.person("tenant_id")
    }

    fn ada(field: &str, value: Value) -> Value {
        let mut ada = json!({
            "id": "s1", "username": "ada", "email": "Ada@Example.org", "firstName": "Ada", "lastName": "Lovelace",
            "enabled": true, "emailVerified": false, "attributes": {"tenant_id": ["acme", "other"]},
        });
        ada[field] = value;
        ada
    }

    #[test]
    fn people_have_names_addresses_and_tenants() {
        let expected = Person {
            subject: "s1".to_owned(),
            email: "Ada@Example.org".to_owned(),
            firstname: "Ada".to_owned(),
            lastname: "Lovelace".to_owned(),
            tenant: Some("acme".to_owned()),
        };
        assert_eq!(person(ada("unknown", json!(1))), Some(expected));
        let bare = person(json!({"id": "s1", "email": "a@example.org"})).unwrap();
        assert_eq!((bare.firstname.as_str(), bare.lastname.as_str()), ("", ""));
        assert_eq!(bare.tenant, None);
    }

    #[test]
    fn who_is_locked_out_or_has_no_address_is_left_out() {
        for (field, value) in [
            ("enabled", json!(false)),
            ("email", json!(null)),
            ("email", json!("")),
            ("email", json!("no address")),
            ("email", json!("a\u{0}@example.org")),
            ("email", json!(format!("a@{}.org", "x".repeat(250)))),
            ("id", json!("")),
            ("id", json!("x".repeat(256))),
        ] {
            assert_eq!(person(ada(field, value.clone())), None, "{field}: {value}");
        }
    }

    #[test]
    fn names_are_shown_as_those_of_users() {
        for (written, shown) in [
            ("Ann\u{202e}nnA", "AnnnnA"),
            ("  Ann \n Lee ", "Ann Lee"),
            ("\u{200b}", ""),
            ("a\0b", "ab"),
        ] {
            let person = person(ada("firstName", json!(written))).unwrap();
            assert_eq!(person.firstname, shown, "{written:?}");
        }
        let long = person(ada("lastName", json!("ü".repeat(300)))).unwrap();
        assert_eq!(long.lastname, "ü".repeat(255));
    }

    #[test]
    fn tenants_are_first_values() {
        for (attributes, expected) in [
            (json!({"tenant_id": ["acme"]}), Some("acme")),
            (json!({"tenant_id": "acme"}), Some("acme")),
            (json!({"tenant_id": [" acme "]}), Some("acme")),
            (json!({"tenant_id": []}), None),
            (json!({"tenant_id": [""]}), None),
            (json!({"tenant_id": [1]}), None),
            (json!({"tenant": ["acme"]}), None),
            (json!(null), None),
        ] {
            let person = person(ada("attributes", attributes.clone())).unwrap();
            assert_eq!(person.tenant.as_deref(), expected, "{attributes}");
        }
    }
}
