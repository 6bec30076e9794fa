//! A token and what userinfo answered to it, taken together.

use super::Answer;
use crate::identity::{ProfileClaims, VerifiedToken};

/// What both say is userinfo's: it is the newer word. `None` when the answer is about somebody else (OpenID Connect Core 1.0,
/// section 5.3.2); a token without a subject gets the answer's.
pub(in crate::identity) fn merged(token: &VerifiedToken, answer: &Answer) -> Option<VerifiedToken> {
    if !token.subject.is_empty() && token.subject != answer.subject {
        return None;
    }
    let (ours, theirs) = (token.profile.clone(), answer.profile.clone());
    let (email, email_verified) = address(&ours, &theirs);
    let profile = ProfileClaims {
        email,
        email_verified,
        given_name: theirs.given_name.or(ours.given_name),
        family_name: theirs.family_name.or(ours.family_name),
        name: theirs.name.or(ours.name),
        nickname: theirs.nickname.or(ours.nickname),
        preferred_username: theirs.preferred_username.or(ours.preferred_username),
        locale: theirs.locale.or(ours.locale),
        phone_number: theirs.phone_number.or(ours.phone_number),
        groups: theirs.groups.or(ours.groups),
        tenant_is_unreadable: theirs.tenant_is_unreadable || ours.tenant_is_unreadable,
        tenant_id: theirs.tenant_id.or(ours.tenant_id),
        tariff_id: theirs.tariff_id.or(ours.tariff_id),
        tariff_status: theirs.tariff_status.or(ours.tariff_status),
        picture: theirs.picture.or(ours.picture),
        userinfo_at: Some(answer.at),
    };
    Some(VerifiedToken {
        subject: answer.subject.clone(),
        profile,
        ..token.clone()
    })
}

/// An address together with what is known about it: the word on one address says nothing about another.
fn address(ours: &ProfileClaims, theirs: &ProfileClaims) -> (Option<String>, Option<bool>) {
    match (&theirs.email, &ours.email) {
        (Some(email), own) => {
            let is_same = own.as_ref() == Some(email);
            let verified = theirs.email_verified.or(ours.email_verified.filter(|_| is_same));
            (Some(email.clone()), verified)
        }
        (None, email) => (email.clone(), theirs.email_verified.or(ours.email_verified)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn token(subject: &str, profile: ProfileClaims) -> VerifiedToken {
        VerifiedToken {
            issuer: "i".to_owned(),
            subject: subject.to_owned(),
            client: "Frontend".to_owned(),
            session: None,
            issued_at: 7,
            expires_at: DateTime::UNIX_EPOCH,
            roles: Vec::new(),
            profile,
        }
    }

    fn answer(profile: ProfileClaims) -> Answer {
        Answer {
            version: 1,
            subject: "s".to_owned(),
            profile,
            at: 9,
        }
    }

    fn with_address(email: Option<&str>, email_verified: Option<bool>) -> ProfileClaims {
        ProfileClaims {
            email: email.map(str::to_owned),
            email_verified,
            ..ProfileClaims::default()
        }
    }

    #[test]
    fn what_both_say_is_userinfos_and_the_rest_is_kept() {
        let named = |name: &str, tenant: Option<&str>, tariff: Option<&str>| ProfileClaims {
            name: Some(name.to_owned()),
            tenant_id: tenant.map(str::to_owned),
            tariff_id: tariff.map(str::to_owned),
            ..ProfileClaims::default()
        };
        let token = token("s", named("Old", Some("acme"), None));
        let merged = merged(&token, &answer(named("New", None, Some("small")))).expect("the same subject");
        assert_eq!(merged.as_of(), 9);
        let expected = ProfileClaims {
            userinfo_at: Some(9),
            ..named("New", Some("acme"), Some("small"))
        };
        assert_eq!(merged.profile, expected);
    }

    #[test]
    fn the_subject_is_the_same_or_userinfos() {
        let about = |subject: &str| {
            let token = token(subject, ProfileClaims::default());
            merged(&token, &answer(ProfileClaims::default())).map(|token| token.subject)
        };
        assert_eq!(about("s").as_deref(), Some("s"));
        assert_eq!(about("").as_deref(), Some("s"));
        assert_eq!(about("t"), None);
    }

    #[test]
    fn the_word_on_one_address_says_nothing_about_another() {
        let (old, new) = (Some("old@example.org"), Some("new@example.org"));
        for (ours, theirs, expected) in [
            ((old, Some(true)), (new, None), (new, None)),
            ((old, Some(true)), (old, None), (old, Some(true))),
            ((old, Some(true)), (old, Some(false)), (old, Some(false))),
            ((old, None), (None, Some(true)), (old, Some(true))),
            ((None, Some(true)), (new, None), (new, None)),
        ] {
            let said = address(&with_address(ours.0, ours.1), &with_address(theirs.0, theirs.1));
            assert_eq!((said.0.as_deref(), said.1), expected, "{ours:?} {theirs:?}");
        }
    }
}
