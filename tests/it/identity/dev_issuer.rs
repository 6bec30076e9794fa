//! The development issuer as a browser and a web client meet it.

use colloquy::{
    config::Outgoing,
    identity::{TokenError, TokenRefusal},
};
use reqwest::StatusCode;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    dev_world::{CALLBACK, DevWorld, LISTED, answer, changed, json as body, location, text},
    forge::{claims_of, encode, header_of},
};

#[tokio::test]
async fn a_browser_logs_in_renews_and_logs_out() {
    let world = DevWorld::start().await;
    let answered = world
        .log_in(&[("state", "a&b"), ("nonce", "n<1>")], "alice", "alice")
        .await;
    assert_eq!(answered.status(), StatusCode::SEE_OTHER);
    assert!(
        location(&answered)
            .expect("a redirect")
            .as_str()
            .starts_with(CALLBACK)
    );
    assert_eq!(answer(&answered, "state").as_deref(), Some("a&b"));
    assert_eq!(answer(&answered, "iss").as_deref(), Some(world.url.as_str()));

    let code = answer(&answered, "code").expect("a code");
    let (status, tokens) = world.exchange(&[("code", &code)]).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    assert_eq!(claims_of(text(&tokens, "id_token"))["nonce"], "n<1>");

    let (status, person) = world.userinfo(text(&tokens, "access_token")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(person["sub"], claims_of(text(&tokens, "id_token"))["sub"]);
    assert_eq!(
        (text(&person, "email"), text(&person, "name")),
        ("alice@example.org", "Alice Adams")
    );

    world.clock.advance(240);
    let (status, renewed) = world.refresh(text(&tokens, "refresh_token")).await;
    assert_eq!(status, StatusCode::OK, "{renewed}");
    for name in ["access_token", "refresh_token", "id_token"] {
        assert_ne!(text(&renewed, name), text(&tokens, name), "{name} is new");
    }
    let verifier = world.verifier();
    verifier
        .verify_access_token(text(&renewed, "access_token"))
        .await
        .expect("before the logout");

    let goodbye = "http://localhost:3000/goodbye?from=room";
    let query = [
        ("id_token_hint", text(&renewed, "id_token")),
        ("post_logout_redirect_uri", goodbye),
        ("state", "s"),
    ];
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    let ended = world.get(&format!("{}?{query}", world.at("end_session"))).await;
    assert_eq!(ended.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        location(&ended).expect("a redirect").as_str(),
        format!("{goodbye}&state=s")
    );

    let refused = verifier.verify_access_token(text(&renewed, "access_token")).await;
    assert_eq!(refused, Err(TokenError::Invalid("the session has ended")));
    assert_eq!(
        world.refresh(text(&renewed, "refresh_token")).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        world.userinfo(text(&renewed, "access_token")).await.0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn tokens_say_what_the_web_client_needs() {
    let world = DevWorld::start().await;
    let code = world.code(&[]).await;
    let (_, tokens) = world.exchange(&[("code", &code)]).await;
    assert_eq!(
        (text(&tokens, "token_type"), &tokens["expires_in"]),
        ("Bearer", &json!(300))
    );
    let now = world.clock.seconds();

    let access = text(&tokens, "access_token");
    assert_eq!(
        (&header_of(access)["typ"], &header_of(access)["alg"]),
        (&json!("at+jwt"), &json!("ES256"))
    );
    let claims = claims_of(access);
    for (name, value) in [
        ("iss", json!(world.url)),
        ("aud", json!("colloquy-api")),
        ("iat", json!(now)),
        ("exp", json!(now + 300)),
        ("realm_access", json!({"roles": []})),
        ("email", json!("alice@example.org")),
        ("given_name", json!("Alice")),
        ("family_name", json!("Adams")),
        ("name", json!("Alice Adams")),
        ("preferred_username", json!("alice")),
        ("x_grp", json!([])),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    uuid::Uuid::parse_str(text(&claims, "sub")).expect("a UUID as subject");

    let id = claims_of(text(&tokens, "id_token"));
    assert_eq!((&id["typ"], &id["aud"]), (&json!("ID"), &json!("Frontend")));
    assert_eq!(text(&id, "at_hash"), encode(&Sha256::digest(access)[..16]));
    assert_eq!(id.get("nonce"), None);
    assert_eq!(
        claims_of(text(&tokens, "refresh_token"))["exp"],
        json!(now + 8 * 3_600)
    );
}

#[tokio::test]
async fn the_verifier_takes_each_token_for_what_it_is() {
    let world = DevWorld::start().await;
    let (verifier, tokens) = (world.verifier(), world.tokens("recorder").await);
    let (access, id) = (text(&tokens, "access_token"), text(&tokens, "id_token"));
    let accepted = verifier
        .verify_service_token(access)
        .await
        .expect("the access token");
    assert_eq!(accepted.roles, ["opentalk-recorder"]);
    assert_eq!(accepted.profile.name.as_deref(), Some("recorder"));
    assert_eq!(accepted.profile.email, None);
    let service = Err(TokenError::Refused(TokenRefusal::Service));
    assert_eq!(verifier.verify_access_token(access).await.map(drop), service);
    assert_eq!(verifier.verify_id_token(id).await.map(drop), service);
    assert_eq!(world.userinfo(access).await.0, StatusCode::OK);
    let bob = world.tokens("bob").await;
    let accepted = verifier
        .verify_access_token(text(&bob, "access_token"))
        .await
        .expect("the access token");
    let logged_in = verifier.verify_id_token(text(&bob, "id_token")).await;
    assert_eq!(logged_in.expect("the ID token").subject, accepted.subject);

    for (name, token) in [
        ("ID token", id),
        ("refresh token", text(&tokens, "refresh_token")),
    ] {
        let refusal = verifier.verify_access_token(token).await.expect_err(name);
        assert!(matches!(refusal, TokenError::Invalid(_)), "{name}: {refusal:?}");
        assert_eq!(world.userinfo(token).await.0, StatusCode::UNAUTHORIZED, "{name}");
    }
    for (name, token) in [
        ("access token", access),
        ("refresh token", text(&tokens, "refresh_token")),
    ] {
        assert!(verifier.verify_id_token(token).await.is_err(), "{name}");
        assert_eq!(world.refresh(access).await.0, StatusCode::BAD_REQUEST, "{name}");
    }
}

#[tokio::test]
async fn a_remote_verifier_finds_its_way_too() {
    let world = DevWorld::start().await;
    let oidc = colloquy::config::Oidc::default();
    let settings = colloquy::identity::VerifierSettings::remote(&oidc, world.url.clone()).expect("settings");
    let verifier = colloquy::identity::Verifier::new(settings, &Outgoing::default(), world.clock.clock());
    let verifier = verifier.expect("a client");
    let tokens = world.tokens("bob").await;
    let accepted = verifier
        .verify_access_token(text(&tokens, "access_token"))
        .await
        .expect("the access token");
    assert_eq!(accepted.profile.email.as_deref(), Some("bob@example.org"));
    let refresh = verifier.verify_access_token(text(&tokens, "refresh_token")).await;
    assert!(
        matches!(refresh, Err(TokenError::Invalid(_))),
        "refused without an audience, too: {refresh:?}"
    );
}

#[tokio::test]
async fn discovery_names_endpoints_that_answer() {
    let world = DevWorld::start().await;
    let found = world.get(&world.at(".well-known/openid-configuration")).await;
    assert_eq!(found.headers()["cache-control"], "no-store");
    assert_eq!(found.headers()["access-control-allow-origin"], "*");
    let (_, document) = body(found).await;
    assert_eq!(document["issuer"], json!(world.url));
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    for (name, path) in [
        ("authorization_endpoint", "authorize"),
        ("token_endpoint", "token"),
        ("userinfo_endpoint", "userinfo"),
        ("jwks_uri", "jwks"),
        ("end_session_endpoint", "end_session"),
    ] {
        assert_eq!(document[name], json!(world.at(path)));
        assert_ne!(
            world.get(text(&document, name)).await.status(),
            StatusCode::NOT_FOUND,
            "{name}"
        );
    }
    let (_, keys) = body(world.get(text(&document, "jwks_uri")).await).await;
    let key = &keys["keys"][0];
    assert_eq!(
        (text(key, "kty"), text(key, "alg"), text(key, "use")),
        ("EC", "ES256", "sig")
    );
    assert_eq!(key.get("d"), None, "the private part stays private");
    let thumbprint = format!(
        r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
        text(key, "x"),
        text(key, "y")
    );
    assert_eq!(text(key, "kid"), encode(&Sha256::digest(thumbprint)));
}

#[tokio::test]
async fn browsers_of_other_origins_may_call() {
    let world = DevWorld::start().await;
    for path in [
        ".well-known/openid-configuration",
        "jwks",
        "token",
        "userinfo",
        "end_session",
    ] {
        let preflight = world
            .http
            .request(reqwest::Method::OPTIONS, world.at(path))
            .header("origin", "http://localhost:3000")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .send()
            .await
            .expect("an answer");
        assert_eq!(preflight.status(), StatusCode::OK, "{path}");
        assert_eq!(preflight.headers()["access-control-allow-origin"], "*", "{path}");
        assert_eq!(
            preflight.headers().get("access-control-allow-credentials"),
            None,
            "{path}"
        );
    }
    let page = world.open_login(&[]).await;
    assert_eq!(
        page.headers().get("access-control-allow-origin"),
        None,
        "the login page is for people"
    );
}

#[tokio::test]
async fn the_login_page_is_plain_and_locked_down() {
    let world = DevWorld::start().await;
    let page = world
        .open_login(&[("state", r#""><script>alert(1)</script>"#), ("login_hint", "bob")])
        .await;
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .expect("text")
        .to_owned();
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self' http://localhost:3000",
        "'sha256-",
    ] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["x-frame-options"], "DENY");
    assert_eq!(page.headers()["cache-control"], "no-store");
    let html = page.text().await.expect("HTML");
    assert!(
        !html.contains("<script"),
        "no script, whatever the state says: {html}"
    );
    assert!(!html.contains("src=") && !html.contains("<link"), "no assets");
    assert!(html.contains(r#"<label for="username">"#) && html.contains(r#"value="bob""#));
}

#[tokio::test]
async fn clients_on_loopback_and_listed_ones_are_answered() {
    let world = DevWorld::start().await;
    for uri in [
        "http://localhost/",
        "http://127.0.0.1:49152/cb?tab=1",
        "http://[::1]:5173/cb",
        LISTED,
    ] {
        let redirect = [("redirect_uri", uri)];
        let code = world.code(&redirect).await;
        let (status, tokens) = world.exchange(&changed(&redirect, &[("code", &code)])).await;
        assert_eq!(status, StatusCode::OK, "{uri}: {tokens}");
    }
}

#[tokio::test]
async fn scripts_get_tokens_for_a_password() {
    let world = DevWorld::start().await;
    let tokens = world.tokens("bob").await;
    let accepted = world
        .verifier()
        .verify_access_token(text(&tokens, "access_token"))
        .await;
    assert_eq!(
        accepted.expect("the access token").profile.name.as_deref(),
        Some("Bob Burton")
    );
    assert_eq!(
        world.refresh(text(&tokens, "refresh_token")).await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn userinfo_takes_the_token_in_a_form_as_well() {
    let world = DevWorld::start().await;
    let tokens = world.tokens("carol").await;
    let form = [("access_token", text(&tokens, "access_token"))];
    let (status, person) = body(world.post("userinfo", &form).await).await;
    assert_eq!(
        (status, &person["email"]),
        (StatusCode::OK, &json!("carol@example.org"))
    );

    let nobody = world.get(&world.at("userinfo")).await;
    assert_eq!(nobody.headers()["www-authenticate"], "Bearer");
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    world.clock.advance(330);
    let late = world
        .http
        .get(world.at("userinfo"))
        .bearer_auth(text(&tokens, "access_token"));
    let late = late.send().await.expect("an answer");
    let challenge = late.headers()["www-authenticate"].to_str().expect("text");
    assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
}

#[tokio::test]
async fn a_logout_needs_nothing() {
    let world = DevWorld::start().await;
    assert_eq!(world.get(&world.at("end_session")).await.status(), StatusCode::OK);
    let foreign = format!(
        "{}?post_logout_redirect_uri=https://evil.example/",
        world.at("end_session")
    );
    assert_eq!(world.get(&foreign).await.status(), StatusCode::BAD_REQUEST);
    let listed = [
        ("post_logout_redirect_uri", "https://app.example/bye?x=1"),
        ("id_token_hint", "nonsense"),
    ];
    let answered = world.post("end_session", &listed).await;
    assert_eq!(
        location(&answered).expect("a redirect").as_str(),
        "https://app.example/bye?x=1"
    );
}
