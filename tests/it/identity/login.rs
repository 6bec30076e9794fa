//! A login waits for an issuer that can't be asked.

use std::time::Duration;

use colloquy::identity::TokenError;
use serde_json::json;
use tokio::time::Instant;

use super::{
    forge::Key,
    issuer::{FakeIssuer, header},
};

/// Longer than anything here takes.
const TIME_LIMIT: Duration = Duration::from_secs(40);

fn id_claims(issuer: &FakeIssuer) -> serde_json::Value {
    let mut claims = issuer.claims_with("aud", json!("Frontend"));
    claims["typ"] = json!("ID");
    claims
}

#[tokio::test]
async fn a_login_waits_for_an_issuer_that_comes_back() {
    let issuer = FakeIssuer::start().await;
    issuer.answers().up = false;
    let (verifier, token) = (issuer.verifier(), issuer.token(&id_claims(&issuer)));
    let login = tokio::spawn(async move { verifier.verify_id_token(&token).await });
    // It has asked and got no answer.
    let deadline = Instant::now() + TIME_LIMIT;
    while issuer.discoveries() == 0 {
        assert!(Instant::now() < deadline, "nobody asks");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    issuer.answers().up = true;
    // The issuer may be asked every five seconds, and the clock is ours.
    issuer.clock.advance(5);
    let login = tokio::time::timeout(TIME_LIMIT, login).await.expect("an answer");
    assert_eq!(login.expect("no panic").expect("a login").subject, "s1");
}

#[tokio::test]
async fn a_login_waits_until_a_new_key_may_be_asked_for() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    verifier
        .verify_id_token(&issuer.token(&id_claims(&issuer)))
        .await
        .expect("a login");
    let next = Key::ec();
    issuer.answers().keys = json!({"keys": [issuer.ec.jwk("ec"), next.jwk("next")]});
    let token = next.token(&header("ES256", "next"), &id_claims(&issuer));
    let login = tokio::spawn(async move { verifier.verify_id_token(&token).await });
    tokio::task::yield_now().await;
    issuer.clock.advance(10);
    let login = tokio::time::timeout(TIME_LIMIT, login).await.expect("an answer");
    login.expect("no panic").expect("a login");
    assert_eq!(issuer.key_fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_login_waits_for_eight_seconds_and_no_longer() {
    let issuer = FakeIssuer::start().await;
    let (verifier, token) = (issuer.verifier(), issuer.token(&id_claims(&issuer)));
    drop(issuer);
    let began = Instant::now();
    assert_eq!(
        verifier.verify_id_token(&token).await,
        Err(TokenError::Unavailable)
    );
    let waited = began.elapsed();
    let (least, most) = (Duration::from_millis(7_500), Duration::from_millis(8_100));
    assert!((least..=most).contains(&waited), "{waited:?}");
}
