//! How the claims of a token change a user: a pure function of both.

use uuid::Uuid;

use super::{
    EMAIL_CHARS_MAX, NAME_CHARS_MAX, Profile, TariffStatus, User,
    names::{fallback_name, is_language_tag},
};
use crate::{
    identity::claims::{ProfileClaims, VerifiedToken},
    store::{fold, tariffs::DEFAULT_TARIFF, tenants::DEFAULT_TENANT, text::cleaned},
};

const PHONE_CHARS_MAX: usize = 64;

/// As whose own device looks: what a user has who has chosen none.
const FIRST_THEME: &str = "system";

/// Tenant and tariff that the claims name, already looked up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Assigned {
    pub tenant: Option<Uuid>,
    pub tariff: Option<Uuid>,
}

/// A user as the first token shows it.
pub(super) fn new_user(id: Uuid, token: &VerifiedToken, assigned: Assigned, language: &str) -> User {
    let mut user = User {
        profile: Profile {
            id,
            email: String::new(),
            title: String::new(),
            firstname: String::new(),
            lastname: String::new(),
            display_name: String::new(),
        },
        issuer: token.issuer.clone(),
        subject: token.subject.clone(),
        tenant_id: DEFAULT_TENANT,
        tariff_id: DEFAULT_TARIFF,
        tariff_status: TariffStatus::Default,
        display_name_chosen: false,
        language: language.to_owned(),
        language_chosen: false,
        dashboard_theme: FIRST_THEME.to_owned(),
        conference_theme: FIRST_THEME.to_owned(),
        phone: None,
        invite_email: None,
        used_storage: 0,
        disabled_at: None,
    };
    apply(&mut user, &token.profile, assigned);
    user
}

/// Takes over what the claims say; absent ones leave alone what is stored, and so does what the user has chosen.
pub(super) fn apply(user: &mut User, claims: &ProfileClaims, assigned: Assigned) {
    let had_fallback_name =
        user.profile.display_name.is_empty() || user.profile.display_name == fallback_name(&user.profile);
    if let Some(email) = claims
        .email
        .as_deref()
        .filter(|email| email.chars().count() <= EMAIL_CHARS_MAX)
    {
        user.profile.email = cleaned(Some(email), EMAIL_CHARS_MAX).unwrap_or_default();
        user.invite_email = Some(fold(&user.profile.email)).filter(|email| !email.is_empty());
    }
    // Whoever may claim any address must not get what others meant for its owner.
    if claims.email_verified == Some(false) {
        user.invite_email = None;
    }
    set(&mut user.profile.firstname, text(claims.given_name.as_deref()));
    set(&mut user.profile.lastname, text(claims.family_name.as_deref()));
    if !user.display_name_chosen {
        match claimed_name(claims) {
            Some(name) => user.profile.display_name = name,
            None if had_fallback_name => user.profile.display_name = fallback_name(&user.profile),
            None => {}
        }
    }
    if !user.language_chosen {
        // Some issuers write `en_US`.
        let locale = claims.locale.as_deref().map(|locale| locale.replace('_', "-"));
        set(&mut user.language, locale.filter(|tag| is_language_tag(tag)));
    }
    if let Some(phone) = &claims.phone_number {
        user.phone = cleaned(Some(phone), PHONE_CHARS_MAX);
    }
    if let Some(status) = &claims.tariff_status {
        user.tariff_status = TariffStatus::parse(status).unwrap_or_default();
    }
    if let Some(tenant) = assigned.tenant {
        user.tenant_id = tenant;
    }
    if let Some(tariff) = assigned.tariff {
        user.tariff_id = tariff;
    }
}

/// What the issuer calls the user, if it says so.
#[must_use]
pub fn claimed_name(claims: &ProfileClaims) -> Option<String> {
    text(claims.name.as_deref()).or_else(|| text(claims.nickname.as_deref()))
}

fn text(claim: Option<&str>) -> Option<String> {
    cleaned(claim, NAME_CHARS_MAX)
}

fn set(stored: &mut String, claimed: Option<String>) {
    if let Some(claimed) = claimed {
        *stored = claimed;
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn token(profile: ProfileClaims) -> VerifiedToken {
        VerifiedToken {
            issuer: "https://issuer.example".to_owned(),
            subject: "1".to_owned(),
            expires_at: DateTime::UNIX_EPOCH,
            roles: Vec::new(),
            profile,
        }
    }

    fn ada() -> ProfileClaims {
        ProfileClaims {
            email: Some("ada@example.org".to_owned()),
            given_name: Some("Ada".to_owned()),
            family_name: Some("Adams".to_owned()),
            ..ProfileClaims::default()
        }
    }

    fn user(profile: ProfileClaims) -> User {
        new_user(Uuid::nil(), &token(profile), Assigned::default(), "en")
    }

    #[expect(clippy::unnecessary_wraps, reason = "shortens the tables of claims")]
    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn an_empty_token_makes_a_usable_user() {
        let user = user(ProfileClaims::default());
        assert_eq!(
            (user.profile.display_name.as_str(), user.language.as_str()),
            ("User", "en")
        );
        assert_eq!((user.tenant_id, user.tariff_id), (DEFAULT_TENANT, DEFAULT_TARIFF));
    }

    #[test]
    fn the_name_is_name_then_nickname_then_made_up() {
        let mut claims = ProfileClaims {
            name: some("Countess"),
            nickname: some("Ada"),
            ..ada()
        };
        assert_eq!(user(claims.clone()).profile.display_name, "Countess");
        claims.name = some("  ");
        assert_eq!(user(claims.clone()).profile.display_name, "Ada");
        claims.nickname = None;
        assert_eq!(user(claims).profile.display_name, "Ada Adams");
    }

    #[test]
    fn a_made_up_name_follows_its_parts_and_a_given_one_stays() {
        let married = ProfileClaims {
            family_name: some("Byron"),
            ..ProfileClaims::default()
        };
        let mut made_up = user(ada());
        apply(&mut made_up, &married, Assigned::default());
        assert_eq!(made_up.profile.display_name, "Ada Byron");
        let mut given = user(ProfileClaims {
            name: some("Countess"),
            ..ada()
        });
        apply(&mut given, &married, Assigned::default());
        assert_eq!(given.profile.display_name, "Countess");
    }

    #[test]
    fn what_the_user_chose_stays() {
        let mut user = user(ada());
        user.profile.display_name = "Me".to_owned();
        (user.display_name_chosen, user.language_chosen) = (true, true);
        let claims = ProfileClaims {
            name: some("Other"),
            locale: some("fr"),
            ..ada()
        };
        apply(&mut user, &claims, Assigned::default());
        assert_eq!(
            (user.profile.display_name.as_str(), user.language.as_str()),
            ("Me", "en")
        );
    }

    #[test]
    fn absent_claims_leave_alone_and_unusable_ones_do_no_harm() {
        let mut user = user(ProfileClaims {
            tariff_status: some("paid"),
            phone_number: some("+49 1"),
            ..ada()
        });
        let before = user.clone();
        apply(&mut user, &ProfileClaims::default(), Assigned::default());
        assert_eq!(user, before);
        let odd = ProfileClaims {
            email: Some("x".repeat(300)),
            given_name: some("\0"),
            locale: some("not a tag"),
            tariff_status: some("gold"),
            ..ProfileClaims::default()
        };
        apply(&mut user, &odd, Assigned::default());
        assert_eq!(
            user,
            User {
                tariff_status: TariffStatus::Default,
                ..before
            }
        );
    }

    #[test]
    fn nobody_is_invited_by_an_address_that_anybody_may_claim() {
        let with = |email: &str, email_verified| ProfileClaims {
            email: some(email),
            email_verified,
            ..ProfileClaims::default()
        };
        for (claims, expected) in [
            (with("Ada@Example.org", None), some("ada@example.org")),
            (with("ada@example.org", Some(true)), some("ada@example.org")),
            (with("ada@example.org", Some(false)), None),
            (ProfileClaims::default(), None),
        ] {
            assert_eq!(user(claims).invite_email, expected);
        }
        let mut changed = user(with("ada@example.org", None));
        apply(
            &mut changed,
            &with("victim@example.org", Some(false)),
            Assigned::default(),
        );
        assert_eq!(
            (changed.profile.email.as_str(), changed.invite_email),
            ("victim@example.org", None)
        );
    }

    #[test]
    fn locales_with_underscores_are_understood() {
        assert_eq!(
            user(ProfileClaims {
                locale: some("de_AT"),
                ..ada()
            })
            .language,
            "de-AT"
        );
    }
}
