//! What honest issuers put into tokens, and what the verifier makes of it.

use colloquy::identity::{TokenError, TokenRefusal};
use serde_json::{Value, json};

use super::{
    forge::Key,
    issuer::{FakeIssuer, header},
};

#[expect(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn tokens_of_every_configured_algorithm_are_accepted() {
    let issuer = FakeIssuer::start().await;
    let (rsa, ed) = (Key::rsa(), Key::ed());
    issuer.answers().keys = json!({"keys": [issuer.ec.jwk("ec"), rsa.jwk("rsa"), ed.jwk("ed")]});
    let (verifier, claims) = (issuer.verifier(), issuer.claims());
    for (name, token) in [
        ("ES256", issuer.token(&claims)),
        ("RS256", rsa.token(&header("RS256", "rsa"), &claims)),
        ("PS256", rsa.token(&header("PS256", "rsa"), &claims)),
        ("EdDSA", ed.token(&header("EdDSA", "ed"), &claims)),
        (
            "without a key id",
            issuer.ec.token(&json!({"alg": "ES256"}), &claims),
        ),
        (
            "at+jwt",
            issuer
                .ec
                .token(&json!({"alg": "ES256", "kid": "ec", "typ": "AT+jwt"}), &claims),
        ),
        (
            "several audiences",
            issuer.token(&issuer.claims_with("aud", json!(["account", "api"]))),
        ),
        ("a nonce", issuer.token(&issuer.claims_with("nonce", json!("n")))),
        (
            "typ Bearer",
            issuer.token(&issuer.claims_with("typ", json!("Bearer"))),
        ),
        ("200 roles, also as groups", {
            let roles: Vec<_> = (0..200)
                .map(|n| format!("department-of-something-that-has-a-long-name-{n}"))
                .collect();
            let mut claims = issuer.claims_with("x_grp", json!(roles));
            claims["realm_access"] = json!({"roles": roles});
            let token = issuer.token(&claims);
            assert!(token.len() > 16 * 1024, "{} bytes", token.len());
            token
        }),
        ("good for a day", {
            let exp = issuer.clock.seconds() + 24 * 3_600;
            issuer.token(&issuer.claims_with("exp", json!(exp)))
        }),
        ("made an hour ahead", {
            let iat = issuer.clock.seconds() + 3_600;
            issuer.token(&issuer.claims_with("iat", json!(iat)))
        }),
        (
            "of nobody knows when",
            issuer.token(&issuer.claims_with("iat", Value::Null)),
        ),
        ("exp with a fraction", {
            let exp = issuer.clock.seconds() + 60;
            issuer.token(&issuer.claims_with(
                "exp",
                serde_json::from_str(&format!("{exp}.5")).expect("a number"),
            ))
        }),
    ] {
        let accepted = verifier.verify_access_token(&token).await.expect(name);
        assert_eq!(accepted.subject, "s1", "{name}");
        assert_eq!(accepted.issuer, issuer.url, "{name}");
        assert!(accepted.issued_at <= issuer.clock.seconds(), "{name}");
    }
}

#[tokio::test]
async fn claims_become_profile_and_roles() {
    let issuer = FakeIssuer::start().await;
    let mut claims = issuer.claims();
    claims["x_grp"] = json!(["staff"]);
    claims["tenant_id"] = json!("acme");
    claims["tariff_status"] = json!("paid");
    claims["locale"] = json!("de");
    let accepted = issuer
        .verifier()
        .verify_access_token(&issuer.token(&claims))
        .await
        .expect("a good token");
    assert!(accepted.roles.is_empty());
    // Neither the audience nor the client of a service counts.
    let mut service = issuer.claims_with("aud", json!("account"));
    service["azp"] = json!("gateway");
    service["realm_access"] = json!({"roles": ["offline_access", "opentalk-call-in"]});
    let service = issuer
        .verifier()
        .verify_service_token(&issuer.token(&service))
        .await
        .expect("a service");
    assert_eq!(service.roles, ["opentalk-call-in"]);
    assert_eq!(accepted.expires_at.timestamp(), issuer.clock.seconds() + 300);
    let profile = &accepted.profile;
    assert_eq!(profile.email.as_deref(), Some("ada@example.org"));
    assert_eq!(profile.groups.as_deref(), Some(&["staff".to_owned()][..]));
    assert_eq!(profile.tenant_id.as_deref(), Some("acme"));
    assert_eq!(profile.tariff_status.as_deref(), Some("paid"));
    assert_eq!(profile.locale.as_deref(), Some("de"));
    assert_eq!(profile.nickname, None);
}

#[tokio::test]
async fn a_remembered_token_expires_all_the_same() {
    let issuer = FakeIssuer::start().await;
    let (verifier, token) = (issuer.verifier(), issuer.token(&issuer.claims()));
    let first = verifier.verify_access_token(&token).await.expect("fresh");
    let second = verifier.verify_access_token(&token).await.expect("remembered");
    assert!(std::sync::Arc::ptr_eq(&first, &second), "verified once");
    issuer.clock.advance(300 + 29);
    verifier
        .verify_access_token(&token)
        .await
        .expect("within the leeway");
    issuer.clock.advance(1);
    assert_eq!(
        verifier.verify_access_token(&token).await,
        Err(TokenError::Expired)
    );
}

#[tokio::test]
async fn malformed_expired_and_invalid_are_told_apart() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    let expired = issuer.token(&issuer.claims_with("exp", json!(issuer.clock.seconds() - 60)));
    assert_eq!(
        verifier.verify_access_token(&expired).await,
        Err(TokenError::Expired)
    );
    let invite_code = "7e1bba0e-3a40-4f4c-9a0c-7f6e0bca4c7d";
    assert_eq!(
        verifier.verify_access_token(invite_code).await,
        Err(TokenError::Malformed)
    );
    let foreign = issuer.token(&issuer.claims_with("aud", json!("other")));
    let refusal = verifier
        .verify_access_token(&foreign)
        .await
        .expect_err("another audience");
    assert_eq!(refusal, TokenError::Refused(TokenRefusal::Audience));
    assert!(!refusal.description().contains('"'), "fit for a quoted string");
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn an_id_token_is_for_its_client() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    let id_token = |changes: &[(&str, Value)]| {
        let mut claims = issuer.claims_with("aud", json!("Frontend"));
        claims["typ"] = json!("ID");
        claims["at_hash"] = json!("x");
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        issuer.token(&claims)
    };
    let good: [&[(&str, Value)]; 4] = [
        &[],
        &[("azp", json!("Frontend"))],
        &[("aud", json!(["Frontend", "api"])), ("azp", json!("Frontend"))],
        &[("nonce", json!("n"))],
    ];
    for changes in good {
        let accepted = verifier
            .verify_id_token(&id_token(changes))
            .await
            .expect("an ID token");
        assert_eq!(accepted.profile.name.as_deref(), Some("Ada Lovelace"));
    }
    for changes in [
        ("aud", json!("api")),
        ("aud", json!(["api", "grafana"])),
        ("azp", json!("Other")),
    ] {
        let refused = verifier
            .verify_id_token(&id_token(std::slice::from_ref(&changes)))
            .await;
        assert_eq!(
            refused,
            Err(TokenError::Refused(TokenRefusal::Client)),
            "{changes:?}"
        );
    }
    let service = [("realm_access", json!({"roles": ["opentalk-recorder"]}))];
    let refused = verifier.verify_id_token(&id_token(&service)).await;
    assert_eq!(refused, Err(TokenError::Refused(TokenRefusal::Service)));
    let for_ever = [("exp", json!(32_503_679_990_i64))];
    let refused = verifier.verify_id_token(&id_token(&for_ever)).await;
    assert_eq!(refused, Err(TokenError::Refused(TokenRefusal::Lifetime)));
    let bad: [&[(&str, Value)]; 5] = [
        &[("aud", json!(null))],
        &[("azp", json!(["Frontend"]))],
        &[("typ", json!("Bearer"))],
        &[("exp", json!("never"))],
        &[("iss", json!("https://evil.example"))],
    ];
    for changes in bad {
        let refusal = verifier
            .verify_id_token(&id_token(changes))
            .await
            .expect_err("no ID token for us");
        assert!(
            matches!(refusal, TokenError::Invalid(_)),
            "{changes:?}: {refusal:?}"
        );
    }
    let access = issuer.ec.token(
        &json!({"alg": "ES256", "kid": "ec", "typ": "at+jwt"}),
        &issuer.claims(),
    );
    assert!(
        verifier.verify_id_token(&access).await.is_err(),
        "an access token is no ID token"
    );
}
