//! Keys of the issuer: rotation, the limit of fetches, an issuer that is down.

use std::time::{Duration, Instant};

use axum::response::Redirect;
use colloquy::identity::{TokenError, Verifier};
use serde_json::json;

use super::{
    forge::Key,
    issuer::{FakeIssuer, header},
};

const UNKNOWN_KEY: TokenError = TokenError::Invalid("the signing key is unknown");

/// A good token that was not seen before.
fn fresh(issuer: &FakeIssuer, number: u32) -> String {
    issuer.token(&issuer.claims_with("jti", json!(number)))
}

async fn accepts(verifier: &Verifier, token: &str) {
    verifier.verify_access_token(token).await.expect("a good token");
}

/// Waits until `reached`, and says what was last seen.
async fn until(what: &str, mut reached: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Err(last) = reached() {
        assert!(Instant::now() < deadline, "{what}: {last}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_and_an_old_one_dropped() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    accepts(&verifier, &fresh(&issuer, 0)).await;

    let next = Key::ec();
    issuer.answers().keys = json!({"keys": [next.jwk("next")]});
    issuer.clock.advance(10);
    accepts(&verifier, &next.token(&header("ES256", "next"), &issuer.claims())).await;
    assert_eq!(issuer.key_fetches(), 2);
    issuer.clock.advance(10);
    assert_eq!(
        verifier.verify_access_token(&fresh(&issuer, 1)).await,
        Err(UNKNOWN_KEY)
    );
}

#[tokio::test]
async fn a_second_new_key_soon_after_the_first_is_no_reason_to_send_anybody_away() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    accepts(&verifier, &fresh(&issuer, 0)).await;
    issuer.clock.advance(10);
    let mut fetches = 1;
    for name in ["second", "third"] {
        let key = Key::ec();
        let token = key.token(&header("ES256", name), &issuer.claims());
        issuer.answers().keys = json!({"keys": [key.jwk(name)]});
        if fetches > 1 {
            for wait in [10, 7] {
                let undecided = verifier.verify_access_token(&token).await;
                assert_eq!(
                    undecided,
                    Err(TokenError::TooSoon {
                        retry_after_secs: wait
                    }),
                    "{name}"
                );
                issuer.clock.advance(if wait == 10 { 3 } else { 7 });
            }
            assert_eq!(issuer.key_fetches(), fetches);
        }
        accepts(&verifier, &token).await;
        fetches += 1;
        assert_eq!(issuer.key_fetches(), fetches);
    }
}

/// A server that sends everybody on to somebody else.
async fn redirecting(to: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = axum::Router::new().fallback(async move || Redirect::temporary(&to));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test]
async fn keys_are_those_of_the_issuer_and_not_of_whom_it_leads_to() {
    let issuer = FakeIssuer::start().await;
    let elsewhere = redirecting(format!("{}/keys", issuer.url)).await;
    issuer.answers().discovery["jwks_uri"] = json!(format!("{elsewhere}/keys"));
    let verifier = issuer.verifier();
    assert_eq!(
        verifier.verify_access_token(&fresh(&issuer, 0)).await,
        Err(TokenError::Unavailable)
    );
    assert_eq!((issuer.discoveries(), issuer.key_fetches()), (1, 0));
}

#[tokio::test]
async fn an_unknown_key_id_makes_one_fetch_in_ten_seconds() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    accepts(&verifier, &fresh(&issuer, 0)).await;
    let stranger = Key::ec();
    let unknown =
        |number: u32| stranger.token(&header("ES256", &format!("unknown {number}")), &issuer.claims());

    for (elapsed, fetches, wait) in [(9, 1, 1), (1, 2, 10), (9, 2, 1), (1, 3, 10)] {
        issuer.clock.advance(elapsed);
        let undecided = Err(TokenError::TooSoon {
            retry_after_secs: wait,
        });
        // Who may ask learns the truth; whoever comes after it may have a key that was made since.
        let first = verifier.verify_access_token(&unknown(0)).await;
        assert_eq!(
            first,
            if elapsed == 1 {
                Err(UNKNOWN_KEY)
            } else {
                undecided.clone()
            }
        );
        for number in 1..5 {
            assert_eq!(verifier.verify_access_token(&unknown(number)).await, undecided);
        }
        assert_eq!(issuer.key_fetches(), fetches);
    }
    assert_eq!(issuer.discoveries(), 3);
    accepts(&verifier, &fresh(&issuer, 1)).await;
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_no_reason_to_ask() {
    let issuer = FakeIssuer::start().await;
    let (verifier, rsa) = (issuer.verifier(), Key::rsa());
    accepts(&verifier, &fresh(&issuer, 0)).await;
    issuer.clock.advance(10);
    let unfit = rsa.token(&header("RS256", "ec"), &issuer.claims());
    let refused = verifier.verify_access_token(&unfit).await;
    assert!(matches!(refused, Err(TokenError::Invalid(_))), "{refused:?}");
    assert_eq!(issuer.key_fetches(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_callers_share_a_fetch() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    let callers: Vec<_> = (0..50)
        .map(|number| {
            let (verifier, token) = (verifier.clone(), fresh(&issuer, number));
            tokio::spawn(async move { verifier.verify_access_token(&token).await })
        })
        .collect();
    for caller in callers {
        caller.await.expect("no panic").expect("a good token");
    }
    assert_eq!(issuer.key_fetches(), 1);
}

#[tokio::test]
async fn keys_are_looked_up_again_in_the_background() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    accepts(&verifier, &fresh(&issuer, 0)).await;
    issuer.clock.advance(301);
    accepts(&verifier, &fresh(&issuer, 1)).await;
    until("a second fetch", || match issuer.key_fetches() {
        2 => Ok(()),
        other => Err(format!("{other} fetches")),
    })
    .await;
}

#[tokio::test]
async fn old_keys_work_for_an_hour_while_the_issuer_is_down() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    accepts(&verifier, &fresh(&issuer, 0)).await;
    issuer.answers().up = false;

    issuer.clock.advance(3_600);
    accepts(&verifier, &fresh(&issuer, 1)).await;
    let rotated = Key::ec().token(&header("ES256", "rotated"), &issuer.claims());
    assert_eq!(
        verifier.verify_access_token(&rotated).await,
        Err(TokenError::Unavailable)
    );
    issuer.clock.advance(61);
    let late = fresh(&issuer, 2);
    assert_eq!(
        verifier.verify_access_token(&late).await,
        Err(TokenError::Unavailable)
    );

    issuer.answers().up = true;
    issuer.clock.advance(5);
    accepts(&verifier, &late).await;
}

#[tokio::test]
async fn without_an_issuer_nothing_is_decided() {
    let issuer = FakeIssuer::start().await;
    let (verifier, token) = (issuer.verifier(), fresh(&issuer, 0));
    drop(issuer);
    assert_eq!(
        verifier.verify_access_token(&token).await,
        Err(TokenError::Unavailable)
    );
    let malformed = verifier.verify_access_token("no token").await;
    assert_eq!(malformed, Err(TokenError::Malformed), "known without the issuer");
}

#[tokio::test]
async fn an_issuer_that_comes_up_late_is_found() {
    let issuer = FakeIssuer::start().await;
    issuer.answers().up = false;
    let verifier = issuer.verifier();
    let token = fresh(&issuer, 0);
    assert_eq!(
        verifier.verify_access_token(&token).await,
        Err(TokenError::Unavailable)
    );
    issuer.answers().up = true;
    assert_eq!(
        verifier.verify_access_token(&token).await,
        Err(TokenError::Unavailable),
        "not asked at once"
    );
    assert_eq!(issuer.discoveries(), 1);
    issuer.clock.advance(5);
    accepts(&verifier, &token).await;
}

#[tokio::test]
async fn answers_that_make_no_sense_are_no_keys() {
    let nonsense = [
        ("no keys", json!({"keys": []})),
        (
            "secret keys only",
            json!({"keys": [{"kty": "oct", "kid": "ec", "k": "c2VjcmV0"}]}),
        ),
        ("another document", json!(["keys"])),
        (
            "too large",
            json!({"keys": [], "padding": "x".repeat(300 * 1024)}),
        ),
    ];
    for (name, keys) in nonsense {
        let issuer = FakeIssuer::start().await;
        issuer.answers().keys = keys;
        let refusal = issuer.verifier().verify_access_token(&fresh(&issuer, 0)).await;
        assert_eq!(refusal, Err(TokenError::Unavailable), "{name}");
    }
    let issuer = FakeIssuer::start().await;
    issuer.answers().discovery["issuer"] = json!("https://other.example");
    let refusal = issuer.verifier().verify_access_token(&fresh(&issuer, 0)).await;
    assert_eq!(
        refusal,
        Err(TokenError::Unavailable),
        "a document of another issuer"
    );
}
