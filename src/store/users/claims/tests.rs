use super::*;
use crate::config::{ClaimNames, EmailVerified, Oidc};

const SMALL: Uuid = Uuid::from_u128(1);
const ACME: Uuid = Uuid::from_u128(2);
const LATE: Uuid = Uuid::from_u128(3);

fn token(profile: ProfileClaims) -> VerifiedToken {
    VerifiedToken {
        issuer: "https://issuer.example".to_owned(),
        subject: "1".to_owned(),
        client: "Frontend".to_owned(),
        session: None,
        issued_at: 0,
        expires_at: DateTime::UNIX_EPOCH,
        roles: Vec::new(),
        profile,
    }
}

/// The same of another client.
fn of_device(profile: ProfileClaims) -> VerifiedToken {
    VerifiedToken {
        client: "device".to_owned(),
        ..token(profile)
    }
}

fn ada() -> ProfileClaims {
    ProfileClaims {
        email: some("ada@example.org"),
        given_name: some("Ada"),
        family_name: some("Adams"),
        ..ProfileClaims::default()
    }
}

/// Claims of a token that userinfo has completed.
fn complete(profile: ProfileClaims) -> ProfileClaims {
    ProfileClaims {
        userinfo_at: Some(1),
        ..profile
    }
}

fn made(token: &VerifiedToken, rules: &ClaimRules) -> User {
    let id = (Uuid::nil(), DateTime::UNIX_EPOCH);
    new_user(id, token, &Assigned::default(), ("en", rules))
}

fn user(profile: ProfileClaims) -> User {
    made(&token(profile), &ClaimRules::default())
}

fn told(user: &mut User, profile: ProfileClaims) {
    apply(
        user,
        &token(profile),
        &Assigned::default(),
        &ClaimRules::default(),
    );
}

fn rules(change: impl FnOnce(&mut Oidc)) -> ClaimRules {
    let mut oidc = Oidc::default();
    change(&mut oidc);
    ClaimRules::new(&oidc)
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
fn names_come_in_an_order_and_each_without_what_can_not_be_seen() {
    let all = ProfileClaims {
        nickname: some("Nicky"),
        name: some("Nora Nick"),
        given_name: some("N\u{202e}ora"),
        family_name: some("Nick\u{200b}"),
        preferred_username: some("nora.n"),
        email: some("nora@example.org"),
        ..ProfileClaims::default()
    };
    let blanks: [fn(&mut ProfileClaims); 5] = [
        |claims| claims.nickname = some(" \u{2069}"),
        |claims| claims.name = some("\u{200b}"),
        |claims| (claims.given_name, claims.family_name) = (None, some("\u{202e}")),
        |claims| claims.preferred_username = None,
        |claims| claims.email = some("@example.org"),
    ];
    let mut claims = all;
    let mut expected = ["Nicky", "Nora Nick", "Nora Nick", "nora.n", "nora", "User"].into_iter();
    let mut check = |claims: &ProfileClaims| {
        let expected = expected.next().expect("another name");
        let user = user(claims.clone());
        assert_eq!(user.profile.display_name, expected);
        assert_eq!(
            claimed_name(claims).unwrap_or_else(|| "User".to_owned()),
            expected
        );
    };
    check(&claims);
    for blank in blanks {
        blank(&mut claims);
        check(&claims);
    }
}

#[test]
fn names_are_stored_without_what_can_not_be_seen() {
    let user = user(ProfileClaims {
        given_name: some("A\u{202e}da"),
        family_name: some("\u{200b}"),
        ..ProfileClaims::default()
    });
    assert_eq!(
        (user.profile.firstname.as_str(), user.profile.lastname.as_str()),
        ("Ada", "")
    );
}

#[test]
fn a_made_up_name_follows_its_parts_and_a_given_one_stays() {
    let married = ProfileClaims {
        family_name: some("Byron"),
        ..ProfileClaims::default()
    };
    let mut made_up = user(ada());
    told(&mut made_up, married.clone());
    assert_eq!(made_up.profile.display_name, "Ada Byron");
    let mut given = user(ProfileClaims {
        name: some("Countess"),
        ..ada()
    });
    told(&mut given, married.clone());
    assert_eq!(given.profile.display_name, "Countess");
    // Until token and userinfo both know nothing of it.
    told(&mut given, complete(married));
    assert_eq!(given.profile.display_name, "Ada Byron");
}

#[test]
fn a_name_for_logging_in_gives_way_to_a_better_one() {
    let only_login = ProfileClaims {
        preferred_username: some("ada.a"),
        ..ProfileClaims::default()
    };
    let mut user = user(only_login.clone());
    assert_eq!(user.profile.display_name, "ada.a");
    told(
        &mut user,
        ProfileClaims {
            given_name: some("Ada"),
            ..only_login
        },
    );
    assert_eq!(user.profile.display_name, "Ada");
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
    told(&mut user, claims);
    assert_eq!(
        (user.profile.display_name.as_str(), user.language.as_str()),
        ("Me", "en")
    );
}

#[test]
fn absent_claims_leave_alone_and_unusable_ones_do_no_harm() {
    let mut user = user(ProfileClaims {
        phone_number: some("+49 1"),
        ..ada()
    });
    let before = user.clone();
    told(&mut user, ProfileClaims::default());
    assert_eq!(user, before);
    let odd = ProfileClaims {
        email: Some("x".repeat(300)),
        given_name: some("\0"),
        locale: some("not a tag"),
        ..ProfileClaims::default()
    };
    told(&mut user, odd);
    assert_eq!(user, before);
}

#[test]
fn nothing_older_changes_anything() {
    let named = |name: &str, issued_at: i64| VerifiedToken {
        issued_at,
        ..token(ProfileClaims {
            name: some(name),
            ..ada()
        })
    };
    let rules = ClaimRules::default();
    let mut user = made(&named("Now", 100), &rules);
    assert_eq!(user.claims_at, 100);
    let mut tell = |token: VerifiedToken| {
        let counts = apply(&mut user, &token, &Assigned::default(), &rules);
        (counts, user.profile.display_name.clone())
    };
    assert_eq!(tell(named("Before", 99)), (false, "Now".to_owned()));
    assert_eq!(tell(named("Same", 100)), (true, "Same".to_owned()));
    // Userinfo is as of when it was asked, however old the token.
    let mut old = named("Userinfo", 7);
    old.profile.userinfo_at = Some(101);
    assert_eq!(tell(old), (true, "Userinfo".to_owned()));
}

#[test]
fn tokens_of_other_clients_fill_and_change_nothing() {
    let rules = ClaimRules::default();
    let mut user = made(&of_device(ProfileClaims::default()), &rules);
    assert_eq!((user.profile.display_name.as_str(), user.claims_at), ("User", 0));
    let full = ProfileClaims {
        email_verified: Some(true),
        phone_number: some("+49 1"),
        ..ada()
    };
    let counts = apply(&mut user, &of_device(full), &Assigned::default(), &rules);
    assert!(!counts);
    assert_eq!(user.profile.display_name, "Ada Adams");
    assert_eq!(
        (user.phone.as_deref(), user.invite_email.as_deref()),
        (Some("+49 1"), Some("ada@example.org"))
    );
    let before = user.clone();
    let other = ProfileClaims {
        email: some("eve@example.org"),
        email_verified: Some(false),
        name: some("Eve"),
        given_name: some("Eve"),
        phone_number: some("+49 2"),
        userinfo_at: Some(9),
        ..ProfileClaims::default()
    };
    let assigned = Assigned {
        tenant: Said::Is(ACME),
        ..Assigned::default()
    };
    assert!(!apply(&mut user, &of_device(other), &assigned, &rules));
    assert_eq!(user, before);
}

#[test]
fn nobody_is_invited_by_an_address_that_the_issuer_does_not_vouch_for() {
    let with = |email: &str, email_verified| ProfileClaims {
        email: some(email),
        email_verified,
        ..ProfileClaims::default()
    };
    let (required, assumed) = (
        ClaimRules::default(),
        rules(|oidc| oidc.email_verified = EmailVerified::Assumed),
    );
    for (email_verified, if_required, if_assumed) in [
        (Some(true), some("ada@example.org"), some("ada@example.org")),
        (None, None, some("ada@example.org")),
        (Some(false), None, None),
    ] {
        let token = token(with("Ada@Example.org", email_verified));
        assert_eq!(made(&token, &required).invite_email, if_required);
        assert_eq!(made(&token, &assumed).invite_email, if_assumed);
    }
    // The word on an address is for that address.
    let mut changed = user(with("ada@example.org", Some(true)));
    told(&mut changed, with("ADA@example.org", None));
    assert_eq!(changed.invite_email.as_deref(), Some("ada@example.org"));
    told(&mut changed, with("victim@example.org", None));
    assert_eq!(
        (changed.profile.email_verified, changed.invite_email),
        (None, None)
    );
}

#[test]
fn locales_with_underscores_are_understood() {
    let austrian = ProfileClaims {
        locale: some("de_AT"),
        ..ada()
    };
    assert_eq!(user(austrian).language, "de-AT");
}

#[test]
fn pictures_are_addresses_that_the_operator_wants_to_be_looked_at() {
    let on = rules(|oidc| oidc.claims.picture = "picture".to_owned());
    let with = |picture: &str| {
        token(ProfileClaims {
            picture: some(picture),
            ..ada()
        })
    };
    let long = format!("https://a.example/{}", "x".repeat(PICTURE_CHARS_MAX));
    for (picture, kept) in [
        ("https://a.example/1.png", some("https://a.example/1.png")),
        ("HTTPS://A.example", some("https://a.example/")),
        ("http://a.example/1.png", None),
        ("https://a.example/1.png?size=9", None),
        ("https://u:p@a.example/1.png", None),
        ("javascript:alert(1)", None),
        ("/1.png", None),
        (long.as_str(), None),
    ] {
        assert_eq!(made(&with(picture), &on).profile.picture, kept, "{picture}");
        assert_eq!(made(&with(picture), &ClaimRules::default()).profile.picture, None);
    }
    let mut user = made(&with("https://a.example/1.png"), &on);
    apply(&mut user, &token(ada()), &Assigned::default(), &on);
    assert!(user.profile.picture.is_some(), "nothing was said");
    let gone = token(complete(ada()));
    apply(&mut user, &gone, &Assigned::default(), &on);
    assert_eq!(user.profile.picture, None);
}

/// What comes of claims of a token about tenant, tariff, state and groups.
fn assigned(profile: ProfileClaims, rules: &ClaimRules) -> Assigned {
    let rows = Rows {
        tenant: profile.tenant_id.as_deref().map(|_| ACME),
        tariff: profile
            .tariff_id
            .as_deref()
            .filter(|name| *name == "small")
            .map(|_| SMALL),
        downgraded: (rules.names().downgraded_tariff == "Late").then_some(LATE),
    };
    Assigned::of(&token(profile), rows, rules)
}

fn everything() -> ProfileClaims {
    ProfileClaims {
        tenant_id: some("acme"),
        tariff_id: some("small"),
        tariff_status: some("paid"),
        groups: Some(vec!["staff".to_owned()]),
        ..ProfileClaims::default()
    }
}

#[test]
fn only_what_token_and_userinfo_both_lack_is_absent() {
    let usual = ClaimRules::default();
    let said = assigned(everything(), &usual);
    assert_eq!(
        (said.tenant, said.tariff, said.status),
        (Said::Is(ACME), Said::Is(SMALL), Said::Is(TariffStatus::Paid))
    );
    assert_eq!(assigned(ProfileClaims::default(), &usual), Assigned::default());
    let absent = assigned(complete(ProfileClaims::default()), &usual);
    let nothing_left = Assigned {
        tenant: Said::Absent,
        tariff: Said::Absent,
        status: Said::Absent,
        groups: Said::Absent,
        downgrade: Downgrade::ToNothingElse,
    };
    assert_eq!(absent, nothing_left);
    // A tenant that is required is no other one because it lacks.
    let required = rules(|oidc| oidc.tenant_required = true);
    let kept = assigned(complete(ProfileClaims::default()), &required);
    assert_eq!((kept.tenant, kept.groups), (Said::Nothing, Said::Absent));
}

#[test]
fn claims_that_are_switched_off_say_that_there_is_nothing() {
    let off = rules(|oidc| {
        oidc.claims = ClaimNames {
            groups: String::new(),
            tenant_id: String::new(),
            tariff_id: String::new(),
            tariff_status: String::new(),
            ..ClaimNames::default()
        };
    });
    let said = assigned(everything(), &off);
    assert_eq!((said.tenant, said.tariff), (Said::Absent, Said::Absent));
    assert_eq!((said.status, said.groups), (Said::Absent, Said::Absent));
}

#[test]
fn an_unknown_tariff_or_state_keeps_the_tariff() {
    let mut user = user(ada());
    user.tariff_id = SMALL;
    let unknown = ProfileClaims {
        tariff_id: some("gold"),
        tariff_status: some("sold"),
        ..everything()
    };
    let said = assigned(complete(unknown), &ClaimRules::default());
    said.apply(&mut user, &ClaimRules::default());
    assert_eq!(
        (user.tariff_id, user.tariff_status),
        (SMALL, TariffStatus::Default)
    );
}

#[test]
fn whoever_is_downgraded_has_the_tariff_for_that_until_it_is_over() {
    let late = rules(|oidc| oidc.claims.downgraded_tariff = "Late".to_owned());
    let with = |tariff: Option<&str>, status: Option<&str>| ProfileClaims {
        tariff_id: tariff.map(str::to_owned),
        tariff_status: status.map(str::to_owned),
        ..ProfileClaims::default()
    };
    let mut user = user(ada());
    let mut tell = |claims: ProfileClaims| {
        assigned(claims, &late).apply(&mut user, &late);
        user.tariff_id
    };
    assert_eq!(tell(with(Some("small"), Some("paid"))), SMALL);
    assert_eq!(tell(with(Some("small"), Some("downgraded"))), LATE);
    // An ID token that holds the one without the other changes nothing.
    assert_eq!(tell(with(Some("small"), None)), LATE);
    assert_eq!(tell(with(None, Some("downgraded"))), LATE);
    assert_eq!(tell(with(Some("small"), Some("paid"))), SMALL);
    assert_eq!(tell(with(None, Some("downgraded"))), LATE);
    assert_eq!(tell(with(None, Some("default"))), DEFAULT_TARIFF);

    let nowhere = rules(|oidc| oidc.claims.downgraded_tariff = "Nowhere".to_owned());
    user.tariff_id = SMALL;
    let downgraded = with(Some("small"), Some("downgraded"));
    assigned(downgraded, &nowhere).apply(&mut user, &nowhere);
    assert_eq!(
        (user.tariff_id, user.tariff_status),
        (SMALL, TariffStatus::Downgraded)
    );
}
