//! What is asked of userinfo, when, and what becomes of tokens meanwhile.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use colloquy::{
    config::Oidc,
    identity::{TokenError, TokenRefusal, VerifiedToken, Verifier},
    store::void_sessions::{Ended, VoidSession},
};
use serde_json::{Value, json};

use super::issuer::{FakeIssuer, Pace, eventually};

/// Longer than anybody waits.
const LONG: Duration = Duration::from_secs(30);

/// A token with a name but no e-mail.
fn lacking(issuer: &FakeIssuer) -> String {
    issuer.token(&issuer.claims_with("email", Value::Null))
}

/// A token of a login that says everything and may be asked about.
fn full(issuer: &FakeIssuer, session: &str) -> String {
    let mut claims = issuer.claims_with("scope", json!("openid"));
    claims["sid"] = json!(session);
    claims["sub"] = json!(format!("subject of {session}"));
    issuer.token(&claims)
}

/// What is known of the bearer once a question that is under way is over.
async fn heard(verifier: &Verifier, token: &str) -> Arc<VerifiedToken> {
    let mut presented = verifier.verify(token).await.expect("a good token");
    if let Some(question) = presented.take_question() {
        question.over().await;
    }
    verifier.hear(&presented, LONG).await.token
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_fetched_once_and_shared() {
    let issuer = FakeIssuer::start().await;
    issuer.answers().userinfo = Some(json!({
        "sub": "s1", "email": "ada@example.net", "name": "Countess", "given_name": "Ada", "x_grp": ["staff"],
    }));
    let (verifier, token) = (issuer.verifier(), lacking(&issuer));
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), token.clone());
            tokio::spawn(async move { heard(&verifier, &token).await })
        })
        .collect();
    for caller in callers {
        let profile = caller.await.expect("no panic").profile.clone();
        assert_eq!(profile.email.as_deref(), Some("ada@example.net"));
        assert_eq!(profile.given_name.as_deref(), Some("Ada"));
        assert_eq!(
            profile.name.as_deref(),
            Some("Countess"),
            "userinfo is the newer word"
        );
        assert_eq!(profile.groups.as_deref(), Some(&["staff".to_owned()][..]));
        assert_eq!(profile.userinfo_at, Some(issuer.clock.seconds()));
    }
    assert_eq!(issuer.userinfo_fetches(), 1);
}

#[tokio::test]
async fn only_tokens_that_lack_or_are_for_it_are_asked_about() {
    let issuer = FakeIssuer::start().await;
    issuer.answers().userinfo = Some(json!({"sub": "s1"}));
    let off = Oidc {
        userinfo: false,
        ..issuer.oidc()
    };
    let complete = issuer.token(&issuer.claims());
    let for_openid = issuer.token(&issuer.claims_with("scope", json!("email openid")));
    let mut claims = issuer.claims_with("scope", json!("email"));
    claims["email"] = Value::Null;
    let out_of_scope = issuer.token(&claims);
    for (what, verifier, token, asked) in [
        ("complete", issuer.verifier(), &complete, 0),
        ("out of scope", issuer.verifier(), &out_of_scope, 0),
        ("switched off", issuer.verifier_of(&off), &for_openid, 0),
        ("for openid", issuer.verifier(), &for_openid, 1),
        ("lacking", issuer.verifier(), &lacking(&issuer), 2),
    ] {
        heard(&verifier, token).await;
        assert_eq!(issuer.userinfo_fetches(), asked, "{what}");
    }
    issuer.answers().discovery["userinfo_endpoint"] = Value::Null;
    heard(&issuer.verifier(), &lacking(&issuer)).await;
    assert_eq!(issuer.userinfo_fetches(), 2, "no such endpoint");
}

#[tokio::test]
async fn failing_userinfo_refuses_nobody_and_is_asked_again_in_its_time() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    let long_lived = |claims: Value| {
        let mut claims = claims;
        claims["exp"] = json!(issuer.clock.seconds() + 3_600);
        issuer.token(&claims)
    };
    let token = long_lived(issuer.claims_with("email", Value::Null));
    assert_eq!(heard(&verifier, &token).await.profile.email, None);
    issuer.asked(1).await;
    let answer = json!({"sub": "s1", "email": "ada@example.net"});
    issuer.answers().userinfo = Some(answer);
    for elapsed in [0, 200, 39] {
        issuer.clock.advance(elapsed);
        let accepted = verifier.verify_access_token(&token).await.expect("a good token");
        assert_eq!(accepted.profile.name.as_deref(), Some("Ada Lovelace"));
        assert_eq!(accepted.profile.email, None);
    }
    issuer.clock.advance(122);
    let known = async || heard(&verifier, &token).await.profile.email.clone();
    assert_eq!(known().await.as_deref(), Some("ada@example.net"));
    issuer.asked(2).await;
    // A failure keeps what was said.
    issuer.answers().userinfo = None;
    issuer.clock.advance(361);
    assert_eq!(known().await.as_deref(), Some("ada@example.net"));
    issuer.asked(3).await;
    assert_eq!(known().await.as_deref(), Some("ada@example.net"));
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
        let accepted = heard(&issuer.verifier(), &lacking(&issuer)).await;
        assert_eq!(accepted.profile.email, None, "{answer}");
        assert_eq!(accepted.profile.userinfo_at, None, "{answer}");
        assert_eq!(issuer.userinfo_fetches(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_lightweight_token_speaks_for_whom_userinfo_names() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    let answer = json!({"sub": "s1", "name": "Ada", "tenant_id": "acme"});
    issuer.answers().people.insert("login".to_owned(), answer);
    let token = issuer.token(&issuer.lightweight("login"));
    let accepted = verifier.verify_access_token(&token).await.expect("asked about");
    assert_eq!(accepted.subject, "s1");
    assert_eq!(accepted.profile.tenant_id.as_deref(), Some("acme"));
    // The next token of the login is known by the same answer.
    let mut claims = issuer.lightweight("login");
    claims["jti"] = json!("another");
    let next = verifier.verify_access_token(&issuer.token(&claims)).await;
    assert_eq!(next.expect("known").subject, "s1");
    // One that names no login is asked about for itself.
    issuer.answers().userinfo = Some(json!({"sub": "s2"}));
    claims.as_object_mut().expect("claims").remove("sid");
    let alone = verifier.verify_access_token(&issuer.token(&claims)).await;
    assert_eq!(alone.expect("asked about").subject, "s2");
    assert_eq!(issuer.userinfo_fetches(), 2);
    // A failure keeps the answer for as long as the token is good.
    issuer.answers().up = false;
    issuer.clock.advance(299);
    let kept = verifier.verify_access_token(&token).await;
    assert_eq!(kept.expect("known").subject, "s1");
}

#[tokio::test]
async fn a_lightweight_token_is_void_when_its_subject_has_logged_out_everywhere() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    for (session, subject) in [("seen", "s1"), ("unseen", "s1"), ("other", "s2")] {
        let answer = json!({"sub": subject, "name": "Ada"});
        issuer.answers().people.insert(session.to_owned(), answer);
    }
    let token = |session| issuer.token(&issuer.lightweight(session));
    let seen = token("seen");
    verifier.verify_access_token(&seen).await.expect("a good token");
    verifier.revocations().add(&[VoidSession {
        issuer: issuer.url.clone(),
        client: "Frontend".to_owned(),
        ended: Ended::Subject("s1".to_owned()),
        iat: issuer.clock.seconds(),
        at: issuer.clock.clock().now(),
    }]);
    for token in [seen, token("unseen")] {
        let refused = verifier.verify_access_token(&token).await;
        assert_eq!(refused, Err(TokenError::Invalid("the login has ended")));
    }
    verifier
        .verify_access_token(&token("other"))
        .await
        .expect("a good token");
}

#[tokio::test]
async fn a_lightweight_token_without_an_answer_is_refused_by_what_came_of_it() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    let token = issuer.token(&issuer.lightweight("login"));
    let verify = async || verifier.verify_access_token(&token).await;
    assert_eq!(verify().await, Err(TokenError::Unavailable));
    // Clients are told to come again after five seconds; before that nobody is asked.
    assert_eq!(verify().await, Err(TokenError::Unavailable));
    assert_eq!(issuer.userinfo_fetches(), 1);
    issuer.clock.advance(5);
    issuer.answers().refuses = true;
    let refusal = Err(TokenError::Invalid("the token names no subject"));
    assert_eq!(verify().await, refusal);
    issuer.clock.advance(5);
    issuer.answers().refuses = false;
    issuer.answers().userinfo = Some(json!({"sub": "s1"}));
    assert_eq!(verify().await.expect("asked about").subject, "s1");
    assert_eq!(issuer.userinfo_fetches(), 3);
    // What may not ask never hears.
    let mut claims = issuer.lightweight("login");
    claims["scope"] = json!("email");
    let out_of_scope = verifier.verify_access_token(&issuer.token(&claims)).await;
    assert_eq!(out_of_scope, Err(TokenError::Refused(TokenRefusal::NoSubject)));
    // Whose time is over meanwhile comes with a new one.
    let late = issuer.token(&issuer.lightweight("late"));
    issuer.answers().up = false;
    issuer.clock.advance(310);
    assert_eq!(
        verifier.verify_access_token(&late).await,
        Err(TokenError::Expired)
    );
}

#[tokio::test]
async fn a_provider_that_hangs_holds_back_only_who_needs_it_and_they_go_first() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    issuer.answers().pace = Pace::Silent;
    issuer.answers().userinfo = Some(json!({"sub": "nobody's"}));
    for number in 0..40 {
        let token = full(&issuer, &format!("login {number}"));
        let accepted = verifier.verify(&token).await.expect("a good token");
        assert_eq!(accepted.token.profile.userinfo_at, None);
    }
    eventually("all places are taken", || issuer.userinfo_open() == 16).await;
    assert!(issuer.userinfo_order().len() < 40, "the others wait");
    let answer = json!({"sub": "s1"});
    issuer.answers().people.insert("late".to_owned(), answer);
    let token = issuer.token(&issuer.lightweight("late"));
    let mut late = pin!(verifier.verify_access_token(&token));
    let at_once = poll_fn(|cx| Poll::Ready(late.as_mut().poll(cx))).await;
    assert!(at_once.is_pending(), "{at_once:?}");
    issuer.set_pace(Pace::Prompt);
    assert_eq!(late.await.expect("asked about").subject, "s1");
    eventually("all are asked about", || issuer.userinfo_order().len() == 41).await;
    let order = issuer.userinfo_order();
    let place = order.iter().position(|session| session == "late");
    // By its time it would have been the last.
    assert!(place < Some(40), "{order:?}");
}
