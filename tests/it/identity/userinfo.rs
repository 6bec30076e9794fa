//! Profiles that the access token lacks.

use serde_json::{Value, json};

use super::issuer::FakeIssuer;

/// A token with a name but no e-mail.
fn lacking(issuer: &FakeIssuer) -> String {
    issuer.token(&issuer.claims_with("email", Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_fetched_once_and_shared() {
    let issuer = FakeIssuer::start().await;
    issuer.answers().userinfo = Some(json!({
        "sub": "s1", "email": "ada@example.net", "name": "Somebody Else", "given_name": "Ada", "x_grp": ["staff"],
    }));
    let (verifier, token) = (issuer.verifier(), lacking(&issuer));
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), token.clone());
            tokio::spawn(async move { verifier.verify_access_token(&token).await })
        })
        .collect();
    for caller in callers {
        let accepted = caller.await.expect("no panic").expect("a good token");
        assert_eq!(accepted.profile.email.as_deref(), Some("ada@example.net"));
        assert_eq!(accepted.profile.given_name.as_deref(), Some("Ada"));
        assert_eq!(
            accepted.profile.name.as_deref(),
            Some("Ada Lovelace"),
            "the token's own claims count"
        );
        assert_eq!(
            accepted.profile.groups.as_deref(),
            Some(&["staff".to_owned()][..])
        );
    }
    assert_eq!(issuer.userinfo_fetches(), 1);
}

#[tokio::test]
async fn a_complete_token_needs_no_userinfo() {
    let issuer = FakeIssuer::start().await;
    let token = issuer.token(&issuer.claims());
    issuer
        .verifier()
        .verify_access_token(&token)
        .await
        .expect("a good token");
    assert_eq!(issuer.userinfo_fetches(), 0);
}

#[tokio::test]
async fn failing_userinfo_refuses_nobody_and_is_asked_again_after_a_minute() {
    let issuer = FakeIssuer::start().await;
    let (verifier, token) = (issuer.verifier(), lacking(&issuer));
    for (elapsed, fetches) in [(0, 1), (59, 1), (1, 2)] {
        issuer.clock.advance(elapsed);
        let accepted = verifier.verify_access_token(&token).await.expect("a good token");
        assert_eq!(accepted.profile.email, None);
        assert_eq!(accepted.profile.name.as_deref(), Some("Ada Lovelace"));
        assert_eq!(issuer.userinfo_fetches(), fetches);
    }
    issuer.answers().userinfo = Some(json!({"sub": "s1", "email": "ada@example.net"}));
    issuer.clock.advance(60);
    let accepted = verifier.verify_access_token(&token).await.expect("a good token");
    assert_eq!(accepted.profile.email.as_deref(), Some("ada@example.net"));
}

#[tokio::test]
async fn userinfo_about_somebody_else_is_ignored() {
    for answer in [
        json!({"sub": "s2", "email": "eve@example.net"}),
        json!({"email": "eve@example.net"}),
        json!([]),
    ] {
        let issuer = FakeIssuer::start().await;
        issuer.answers().userinfo = Some(answer.clone());
        let accepted = issuer
            .verifier()
            .verify_access_token(&lacking(&issuer))
            .await
            .expect("a good token");
        assert_eq!(accepted.profile.email, None, "{answer}");
        assert_eq!(issuer.userinfo_fetches(), 1, "{answer}");
    }
}
