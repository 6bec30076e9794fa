//! What the development issuer refuses, and how it says so.

use reqwest::StatusCode;

use super::{
    dev_world::{CALLBACK, DevWorld, answer, json as body, location, text},
    forge::claims_of,
};

#[tokio::test]
async fn bad_requests_are_told_to_the_client() {
    let world = DevWorld::start().await;
    for (change, error) in [
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (
            ("code_challenge", "too-short-to-be-the-hash-of-a-verifier"),
            "invalid_request",
        ),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("scope", "admin"), "invalid_scope"),
        (("prompt", "none"), "login_required"),
        (("request", "x.y.z"), "request_not_supported"),
    ] {
        let name = format!("{change:?}");
        let answered = world.open_login(&[change, ("state", "s")]).await;
        assert_eq!(answered.status(), StatusCode::SEE_OTHER, "{name}");
        assert!(
            location(&answered).expect(&name).as_str().starts_with(CALLBACK),
            "{name}"
        );
        assert_eq!(answer(&answered, "error").as_deref(), Some(error), "{name}");
        assert_eq!(answer(&answered, "state").as_deref(), Some("s"), "{name}");
        assert_eq!(answer(&answered, "code"), None, "{name}");
    }
}

#[tokio::test]
async fn unknown_clients_and_addresses_get_nothing() {
    let world = DevWorld::start().await;
    for changes in [
        ("client_id", "Other"),
        ("client_id", ""),
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", "https://app.example/other"),
        ("redirect_uri", "http://localhost@evil.example/"),
        ("redirect_uri", "http://localhost.evil.example/"),
        ("redirect_uri", "http://localhost/#here"),
        ("redirect_uri", "javascript:alert(1)"),
    ] {
        let answered = world.open_login(&[changes]).await;
        assert_eq!(answered.status(), StatusCode::BAD_REQUEST, "{changes:?}");
        assert_eq!(location(&answered), None, "{changes:?}");
    }
    let form = [
        ("client_id", "Frontend"),
        ("redirect_uri", "https://evil.example/"),
        ("username", "alice"),
    ];
    let posted = world.post("authorize", &form).await;
    assert_eq!(
        (posted.status(), location(&posted)),
        (StatusCode::BAD_REQUEST, None),
        "checked again on login"
    );
}

#[tokio::test]
async fn a_code_is_bound_to_its_request() {
    let world = DevWorld::start().await;
    for (name, change) in [
        (
            "wrong verifier",
            ("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong"),
        ),
        (
            "the challenge as verifier",
            ("code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ),
        (
            "another redirect URI",
            ("redirect_uri", "http://localhost:3000/other"),
        ),
    ] {
        let code = world.code(&[]).await;
        let (status, refusal) = world.exchange(&[("code", &code), change]).await;
        assert_eq!(
            (status, text(&refusal, "error")),
            (StatusCode::BAD_REQUEST, "invalid_grant"),
            "{name}"
        );
        let (status, _) = world.exchange(&[("code", &code)]).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}: the code is used up");
    }
    let code = world.code(&[]).await;
    let (_, refusal) = world.exchange(&[("code", &code), ("client_id", "Other")]).await;
    assert_eq!(text(&refusal, "error"), "invalid_client");
    let (_, refusal) = world.exchange(&[("code", &code), ("code_verifier", "")]).await;
    assert_eq!(text(&refusal, "error"), "invalid_request");
    for verifier in ["x".repeat(42), "x".repeat(129), "=".repeat(43)] {
        let (status, refusal) = world
            .exchange(&[("code", &code), ("code_verifier", &verifier)])
            .await;
        assert_eq!(
            (status, text(&refusal, "error")),
            (StatusCode::BAD_REQUEST, "invalid_request"),
            "RFC 7636, section 4.1: {verifier}"
        );
    }
    assert_eq!(
        world.exchange(&[("code", &code)]).await.0,
        StatusCode::OK,
        "what is incomplete or malformed uses up nothing"
    );
}

#[tokio::test]
async fn a_code_lives_a_minute() {
    let world = DevWorld::start().await;
    let code = world.code(&[]).await;
    world.clock.advance(59);
    assert_eq!(world.exchange(&[("code", &code)]).await.0, StatusCode::OK);
    let code = world.code(&[]).await;
    world.clock.advance(60);
    let (status, refusal) = world.exchange(&[("code", &code)]).await;
    assert_eq!(
        (status, text(&refusal, "error")),
        (StatusCode::BAD_REQUEST, "invalid_grant")
    );
}

#[tokio::test]
async fn a_code_that_comes_twice_voids_its_tokens() {
    let world = DevWorld::start().await;
    let code = world.code(&[]).await;
    let (_, tokens) = world.exchange(&[("code", &code)]).await;
    let verifier = world.verifier();
    verifier
        .verify_access_token(text(&tokens, "access_token"))
        .await
        .expect("the access token");

    let (status, refusal) = world.exchange(&[("code", &code)]).await;
    assert_eq!(
        (status, text(&refusal, "error")),
        (StatusCode::BAD_REQUEST, "invalid_grant")
    );
    assert!(
        verifier
            .verify_access_token(text(&tokens, "access_token"))
            .await
            .is_err()
    );
    assert_eq!(
        world.refresh(text(&tokens, "refresh_token")).await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn errors_of_the_token_endpoint_have_a_form() {
    let world = DevWorld::start().await;
    let client = ("client_id", "Frontend");
    for (form, error) in [
        (vec![], "invalid_request"),
        (vec![("grant_type", "authorization_code")], "invalid_request"),
        (
            vec![("grant_type", "client_credentials"), client],
            "unsupported_grant_type",
        ),
        (vec![("grant_type", "refresh_token"), client], "invalid_request"),
        (
            vec![
                ("grant_type", "refresh_token"),
                client,
                ("refresh_token", "x.y.z"),
            ],
            "invalid_grant",
        ),
        (
            vec![
                ("grant_type", "authorization_code"),
                ("grant_type", "password"),
                client,
            ],
            "invalid_request",
        ),
        (
            vec![("grant_type", "password"), client, ("username", "alice")],
            "invalid_request",
        ),
        (
            vec![("grant_type", "password"), ("client_id", "Other")],
            "invalid_client",
        ),
    ] {
        let answered = world.post("token", &form).await;
        assert_eq!(answered.headers()["cache-control"], "no-store", "{form:?}");
        assert_eq!(answered.headers()["content-type"], "application/json", "{form:?}");
        let (status, refusal) = body(answered).await;
        assert_eq!(
            (status, text(&refusal, "error")),
            (StatusCode::BAD_REQUEST, error),
            "{form:?}"
        );
        assert!(!text(&refusal, "error_description").is_empty(), "{form:?}");
    }
}

#[tokio::test]
async fn a_refresh_token_can_not_be_made_up() {
    let world = DevWorld::start().await;
    let tokens = world.tokens("alice").await;
    let stranger = super::forge::Key::ec();
    let claims = claims_of(text(&tokens, "refresh_token"));
    let header = super::forge::header_of(text(&tokens, "refresh_token"));
    let (_, refusal) = world.refresh(&stranger.token(&header, &claims)).await;
    assert_eq!(text(&refusal, "error"), "invalid_grant");
    assert_eq!(
        world.refresh(text(&tokens, "refresh_token")).await.0,
        StatusCode::OK,
        "nothing was voided"
    );
}

#[tokio::test]
async fn wrong_passwords_are_refused_and_counted() {
    let world = DevWorld::start().await;
    let page = world.log_in(&[], "alice", "wrong").await;
    assert_eq!((page.status(), location(&page)), (StatusCode::FORBIDDEN, None));
    let html = page.text().await.expect("HTML");
    assert!(
        html.contains("role=\"alert\"") && html.contains(r#"value="alice""#),
        "{html}"
    );
    assert!(!html.contains("wrong\""), "the password is not repeated");

    for _ in 0..9 {
        let (status, refusal) = world.password("alice", "wrong").await;
        assert_eq!(
            (status, text(&refusal, "error")),
            (StatusCode::BAD_REQUEST, "invalid_grant")
        );
    }
    assert_eq!(
        world.password("alice", "alice").await.0,
        StatusCode::TOO_MANY_REQUESTS
    );
    let page = world.log_in(&[], "alice", "alice").await;
    assert_eq!(page.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.headers()["retry-after"], "61");
    assert_eq!(
        world.password("bob", "bob").await.0,
        StatusCode::OK,
        "others are not shut out"
    );
    world.clock.advance(60);
    assert_eq!(world.password("alice", "alice").await.0, StatusCode::OK);
}

#[tokio::test]
async fn guessing_names_closes_the_address() {
    let world = DevWorld::start().await;
    for number in 0..30 {
        let (status, _) = world.password(&format!("guess {number}"), "wrong").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "guess {number}");
    }
    let (status, refusal) = world.password("alice", "alice").await;
    assert_eq!(
        (status, text(&refusal, "error")),
        (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable")
    );
    world.clock.advance(60);
    assert_eq!(world.password("alice", "alice").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_login_form_from_elsewhere_is_refused() {
    let world = DevWorld::start().await;
    let own = world.url.origin().ascii_serialization();
    for (header, value, status) in [
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "same-site", StatusCode::FORBIDDEN),
        ("origin", "https://evil.example", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
        // These get as far as the request itself, which is empty.
        ("sec-fetch-site", "same-origin", StatusCode::BAD_REQUEST),
        ("origin", own.as_str(), StatusCode::BAD_REQUEST),
    ] {
        let request = world.http.post(world.at("authorize")).header(header, value);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body("username=alice");
        let answered = request.send().await.expect("an answer");
        assert_eq!(answered.status(), status, "{header}: {value}");
    }
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let world = DevWorld::start().await;
    let password = "x".repeat(100 * 1024);
    let (status, refusal) = world.password("alice", &password).await;
    assert_eq!(
        (status, text(&refusal, "error")),
        (StatusCode::BAD_REQUEST, "invalid_request")
    );
}
