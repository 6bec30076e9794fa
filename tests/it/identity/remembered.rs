//! How long a token is good without being verified anew.

use std::sync::Arc;

use colloquy::identity::{TokenError, Verifier};
use serde_json::json;

use super::{
    forge::Key,
    issuer::{FakeIssuer, header},
};

/// A token that is good for an hour.
fn long(issuer: &FakeIssuer) -> String {
    let exp = issuer.clock.seconds() + 3_600;
    issuer.token(&issuer.claims_with("exp", json!(exp)))
}

async fn accepts(verifier: &Verifier, token: &str) {
    verifier.verify_access_token(token).await.expect("a good token");
}

fn is_refused<T>(answer: &Result<T, TokenError>) -> bool {
    matches!(answer, Err(TokenError::Invalid(_) | TokenError::TooSoon { .. }))
}

#[tokio::test]
async fn a_remembered_token_goes_with_its_key() {
    let issuer = FakeIssuer::start().await;
    let (verifier, token, next) = (issuer.verifier(), long(&issuer), Key::ec());
    accepts(&verifier, &token).await;
    issuer.answers().keys = json!({"keys": [next.jwk("next")]});
    issuer.clock.advance(10);
    accepts(&verifier, &token).await;
    // The first token of the new key brings the new set.
    let of_next = next.token(&header("ES256", "next"), &issuer.claims());
    accepts(&verifier, &of_next).await;
    let refused = verifier.verify_access_token(&token).await;
    assert!(is_refused(&refused), "{refused:?}");
    // The key was withdrawn by mistake: its tokens are good again.
    issuer.answers().keys = json!({"keys": [next.jwk("next"), issuer.ec.jwk("ec")]});
    issuer.clock.advance(10);
    accepts(&verifier, &token).await;
    accepts(&verifier, &of_next).await;
}

#[tokio::test]
async fn a_key_may_leave_while_nobody_brings_anything_new() {
    let issuer = FakeIssuer::start().await;
    let (verifier, token) = (issuer.verifier(), long(&issuer));
    accepts(&verifier, &token).await;
    // Verified anew just before the keys are looked at again, so that it is remembered for as long as it can be.
    let late = issuer.token(&issuer.claims_with("exp", json!(issuer.clock.seconds() + 3_000)));
    issuer.clock.advance(299);
    accepts(&verifier, &late).await;
    issuer.answers().keys = json!({"keys": [Key::ec().jwk("next")]});
    issuer.clock.advance(2);
    // Whoever is remembered has the keys looked up, too.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !is_refused(&verifier.verify_access_token(&late).await) {
        assert!(std::time::Instant::now() < deadline, "still good");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(issuer.key_fetches(), 2);
}

#[tokio::test]
async fn other_keys_that_leave_disturb_nobody() {
    let issuer = FakeIssuer::start().await;
    let other = Key::ec();
    issuer.answers().keys = json!({"keys": [issuer.ec.jwk("ec"), other.jwk("other")]});
    let (verifier, token) = (issuer.verifier(), long(&issuer));
    let first = verifier.verify_access_token(&token).await.expect("a good token");
    issuer.answers().keys = json!({"keys": [issuer.ec.jwk("ec")]});
    issuer.clock.advance(10);
    let of_other = other.token(&header("ES256", "another"), &issuer.claims());
    assert!(verifier.verify_access_token(&of_other).await.is_err());
    assert_eq!(issuer.key_fetches(), 2);
    let again = verifier.verify_access_token(&token).await.expect("a good token");
    assert!(Arc::ptr_eq(&first, &again), "remembered");
}

#[tokio::test]
async fn nothing_is_remembered_for_longer_than_five_minutes() {
    let issuer = FakeIssuer::start().await;
    let (verifier, token) = (issuer.verifier(), long(&issuer));
    accepts(&verifier, &token).await;
    // Nobody can be asked, and what was known of the keys is too old after an hour.
    issuer.answers().up = false;
    issuer.clock.advance(299);
    accepts(&verifier, &token).await;
    issuer.clock.advance(3_599 - 299);
    accepts(&verifier, &token).await;
    let short = issuer.token(&issuer.claims_with("exp", json!(issuer.clock.seconds() + 7_200)));
    accepts(&verifier, &short).await;
    issuer.clock.advance(302);
    assert_eq!(
        verifier.verify_access_token(&short).await,
        Err(TokenError::Unavailable)
    );
}
