//! Every forgery is refused; what an honest issuer makes is accepted.

use colloquy::identity::{TokenError, TokenRefusal, Verifier};
use serde_json::{Value, json};

use super::{
    forge::{Key, hmac_token, unsigned_token},
    issuer::{FakeIssuer, header},
};

type Table = Vec<(&'static str, String)>;

/// The issuer's keys `ec` and `rsa` are what the attacker sees; the attacker's own are `foreign` and `foreign_rsa`.
struct Keys {
    rsa: Key,
    foreign: Key,
    foreign_rsa: Key,
}

#[tokio::test]
async fn every_forgery_is_refused() {
    let issuer = FakeIssuer::start().await;
    let keys = Keys {
        rsa: Key::rsa(),
        foreign: Key::ec(),
        foreign_rsa: Key::rsa(),
    };
    issuer.answers().keys = json!({"keys": [issuer.ec.jwk("ec"), keys.rsa.jwk("rsa")]});
    let verifier = issuer.verifier();
    let table: Table = [
        forged_signatures(&issuer, &keys),
        forged_keys(&issuer, &keys),
        forged_headers(&issuer),
        forged_claims(&issuer),
        forged_purposes(&issuer),
        damaged(&issuer),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(table.len() >= 30, "only {} forgeries", table.len());

    let genuine = issuer.token(&issuer.claims());
    verifier
        .verify_access_token(&genuine)
        .await
        .expect("the genuine token before");
    for (name, token) in &table {
        let refusal = verifier.verify_access_token(token).await.expect_err(name);
        let as_service = verifier.verify_service_token(token).await;
        // A key that nobody has heard of may be a new one, which was asked for a moment ago.
        let may_be_new = NEW_KEYS.contains(name);
        for refusal in [refusal, as_service.expect_err(name)] {
            assert_eq!(refusal.is_undecided(), may_be_new, "{name}: {refusal:?}");
        }
    }
    verifier
        .verify_access_token(&genuine)
        .await
        .expect("the genuine token after");
}

/// Forgeries that name a key which the issuer might just have made.
const NEW_KEYS: [&str; 3] = ["unknown key id", "embedded jwk", "a path as key id"];

/// What is right about the signature, and wrong about whom the token is for: no new token would help.
#[expect(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn genuine_tokens_that_are_not_for_people_here_are_refused_for_good() {
    let issuer = FakeIssuer::start().await;
    let with_audience = issuer.verifier();
    let of_clients = issuer.verifier_with(|oidc| oidc.clients = vec!["app".to_owned()]);
    let now = issuer.clock.seconds();
    let token = |changes: Value| {
        let mut claims = issuer.claims();
        for (name, value) in changes.as_object().expect("changes") {
            claims[name] = value.clone();
        }
        issuer.token(&claims)
    };
    let service = json!({"realm_access": {"roles": ["opentalk-recorder"]}, "azp": "Frontend"});
    let table: [(&str, &Verifier, Value, TokenRefusal); 14] = [
        (
            "another audience",
            &with_audience,
            json!({"aud": "Frontend"}),
            TokenRefusal::Audience,
        ),
        (
            "other audiences",
            &with_audience,
            json!({"aud": ["account", "apis"]}),
            TokenRefusal::Audience,
        ),
        (
            "audience a map",
            &with_audience,
            json!({"aud": {"api": true}}),
            TokenRefusal::Audience,
        ),
        (
            "no audience",
            &with_audience,
            json!({"aud": null}),
            TokenRefusal::Audience,
        ),
        (
            "azp of another client",
            &of_clients,
            json!({"azp": "grafana"}),
            TokenRefusal::Client,
        ),
        (
            "azp before client_id",
            &of_clients,
            json!({"azp": "grafana", "client_id": "app"}),
            TokenRefusal::Client,
        ),
        (
            "client_id of another client",
            &of_clients,
            json!({"client_id": "grafana"}),
            TokenRefusal::Client,
        ),
        (
            "cid of another client",
            &of_clients,
            json!({"cid": "grafana"}),
            TokenRefusal::Client,
        ),
        (
            "appid of another client",
            &of_clients,
            json!({"appid": "grafana"}),
            TokenRefusal::Client,
        ),
        (
            "no client, another audience",
            &of_clients,
            json!({"aud": "account"}),
            TokenRefusal::Client,
        ),
        (
            "a star as audience",
            &of_clients,
            json!({"aud": "*", "azp": "*"}),
            TokenRefusal::Client,
        ),
        (
            "a service by its role",
            &with_audience,
            service.clone(),
            TokenRefusal::Service,
        ),
        (
            "a service of a client of people",
            &of_clients,
            service,
            TokenRefusal::Service,
        ),
        (
            "good for too long",
            &of_clients,
            json!({"azp": "app", "exp": now + 24 * 3_600 + 31}),
            TokenRefusal::Lifetime,
        ),
    ];
    for (name, verifier, changes, refusal) in table {
        let refused = verifier.verify_access_token(&token(changes)).await;
        assert_eq!(refused, Err(TokenError::Refused(refusal)), "{name}");
    }
    for changes in [
        json!({"azp": "app"}),
        json!({"azp": "Frontend"}),
        json!({"aud": ["x", "app"]}),
    ] {
        let accepted = of_clients.verify_access_token(&token(changes.clone())).await;
        assert!(accepted.is_ok(), "{changes}");
    }
}

fn forged_signatures(issuer: &FakeIssuer, keys: &Keys) -> Table {
    let claims = issuer.claims();
    let pem = |key: &Key| {
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.public_der());
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    };
    vec![
        ("alg none", unsigned_token(&header("none", "ec"), &claims)),
        ("alg None", unsigned_token(&header("None", "ec"), &claims)),
        ("alg empty", unsigned_token(&header("", "ec"), &claims)),
        ("no signature", unsigned_token(&header("ES256", "ec"), &claims)),
        (
            "HS256 with the public RSA key",
            hmac_token(&header("HS256", "rsa"), &claims, &keys.rsa.public_der()),
        ),
        (
            "HS256 with the public RSA key as PEM",
            hmac_token(&header("HS256", "rsa"), &claims, pem(&keys.rsa).as_bytes()),
        ),
        (
            "HS256 with the public EC key",
            hmac_token(&header("HS256", "ec"), &claims, &issuer.ec.public_der()),
        ),
        ("HS512", hmac_token(&header("HS512", "ec"), &claims, b"secret")),
        (
            "HS256 with an empty secret",
            hmac_token(&header("HS256", "ec"), &claims, b""),
        ),
        (
            "RS256 announced, EC key named",
            issuer.ec.token(&header("RS256", "ec"), &claims),
        ),
        (
            "ES256 announced, RSA key named",
            keys.rsa.token(&header("ES256", "rsa"), &claims),
        ),
        (
            "PS256 announced, RS256 made",
            keys.rsa
                .token_signed_as("RS256", &header("PS256", "rsa"), &claims),
        ),
        (
            "RS512, which is not configured",
            keys.rsa.token(&header("RS512", "rsa"), &claims),
        ),
        (
            "ES384 announced",
            issuer.ec.token(&header("ES384", "ec"), &claims),
        ),
        (
            "EdDSA announced",
            issuer.ec.token(&header("EdDSA", "ec"), &claims),
        ),
    ]
}

fn forged_keys(issuer: &FakeIssuer, keys: &Keys) -> Table {
    let claims = issuer.claims();
    let foreign = |header: &Value| keys.foreign.token(header, &claims);
    let mut embedded = header("ES256", "foreign");
    embedded["jwk"] = keys.foreign.jwk("foreign");
    let mut embedded_same_id = header("ES256", "ec");
    embedded_same_id["jwk"] = keys.foreign.jwk("ec");
    let mut by_address = header("ES256", "ec");
    by_address["jku"] = json!(format!("{}/keys", issuer.url));
    let mut certified = header("ES256", "ec");
    certified["x5c"] = json!(["MIIB"]);
    vec![
        ("unknown key id", foreign(&header("ES256", "unknown"))),
        ("foreign key with our key id", foreign(&header("ES256", "ec"))),
        (
            "foreign RSA key with our key id",
            keys.foreign_rsa.token(&header("RS256", "rsa"), &claims),
        ),
        (
            "foreign key without a key id",
            foreign(&json!({"alg": "ES256", "typ": "JWT"})),
        ),
        ("embedded jwk", foreign(&embedded)),
        ("embedded jwk with our key id", foreign(&embedded_same_id)),
        ("jku", foreign(&by_address)),
        ("x5c", foreign(&certified)),
        (
            "our key under another id",
            issuer.ec.token(&header("ES256", "rsa"), &claims),
        ),
        ("a path as key id", foreign(&header("ES256", "../../dev/null"))),
    ]
}

fn forged_headers(issuer: &FakeIssuer) -> Table {
    let claims = issuer.claims();
    let with = |name: &str, value: Value| {
        let mut header = header("ES256", "ec");
        header[name] = value;
        issuer.ec.token(&header, &claims)
    };
    vec![
        ("typ of a logout token", with("typ", json!("logout+jwt"))),
        ("typ of a DPoP proof", with("typ", json!("dpop+jwt"))),
        ("typ of a refresh token", with("typ", json!("rt+jwt"))),
        ("typ JOSE", with("typ", json!("JOSE"))),
        ("typ empty", with("typ", json!(""))),
        ("typ a number", with("typ", json!(1))),
        ("critical extension", with("crit", json!(["b64"]))),
        ("alg a list", with("alg", json!(["ES256"]))),
    ]
}

fn forged_claims(issuer: &FakeIssuer) -> Table {
    let now = issuer.clock.seconds();
    let with = |name: &str, value: Value| issuer.token(&issuer.claims_with(name, value));
    // Userinfo may not be asked either.
    let mut nobody = issuer.claims_with("sub", Value::Null);
    nobody["scope"] = json!("email");
    let nobody = issuer.token(&nobody);
    vec![
        ("expired", with("exp", json!(now - 31))),
        ("exp zero", with("exp", json!(0))),
        ("exp negative", with("exp", json!(-1))),
        ("exp as text", with("exp", json!((now + 300).to_string()))),
        ("exp beyond all time", with("exp", json!(1e30))),
        ("exp true", with("exp", json!(true))),
        ("no exp", with("exp", Value::Null)),
        ("not yet valid", with("nbf", json!(now + 31))),
        ("nbf as text", with("nbf", json!("0"))),
        ("wrong issuer", with("iss", json!("https://evil.example"))),
        (
            "our issuer with a slash",
            with("iss", json!(format!("{}/", issuer.url))),
        ),
        (
            "our issuer in a list",
            with("iss", json!([issuer.url, "https://evil.example"])),
        ),
        ("no issuer", with("iss", Value::Null)),
        (
            "good for longer than a day",
            with("exp", json!(now + 24 * 3_600 + 31)),
        ),
        ("good for centuries", with("exp", json!(32_503_679_990_i64))),
        ("client a list", with("azp", json!(["Frontend"]))),
        ("client a number", with("client_id", json!(1))),
        ("client empty", with("azp", json!(""))),
        ("bound to a key", with("cnf", json!({"jkt": "x"}))),
        ("bound to a certificate", with("cnf", json!({"x5t#S256": "x"}))),
        ("no subject", nobody),
        ("empty subject", with("sub", json!(""))),
        ("subject a number", with("sub", json!(1))),
        ("subject with NUL", with("sub", json!("a\u{0}b"))),
    ]
}

fn forged_purposes(issuer: &FakeIssuer) -> Table {
    let with = |name: &str, value: Value| issuer.token(&issuer.claims_with(name, value));
    vec![
        ("ID token by typ", with("typ", json!("ID"))),
        ("ID token by at_hash", with("at_hash", json!("x"))),
        ("ID token by c_hash", with("c_hash", json!("x"))),
        ("refresh token", with("typ", json!("Refresh"))),
        ("offline token", with("typ", json!("Offline"))),
        ("logout token", with("typ", json!("Logout"))),
        ("typ of a bound token", with("typ", json!("DPoP"))),
        ("payload typ a list", with("typ", json!(["Bearer"]))),
        ("invite code", "7e1bba0e-3a40-4f4c-9a0c-7f6e0bca4c7d".to_owned()),
        ("empty", String::new()),
        ("a word", "token".to_owned()),
        ("dots", "..".to_owned()),
        ("binary", "\u{0}.\u{1}.\u{2}".to_owned()),
        ("huge", with("padding", json!("x".repeat(30_000)))),
    ]
}

fn damaged(issuer: &FakeIssuer) -> Table {
    let good = issuer.token(&issuer.claims());
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let (head, payload) = message.split_once('.').expect("three parts");
    let other_claims = issuer.token(&issuer.claims_with("sub", json!("s2")));
    let mut bits = signature.to_owned();
    bits.replace_range(0..1, if bits.starts_with('A') { "B" } else { "A" });
    vec![
        ("truncated signature", good[..good.len() - 4].to_owned()),
        ("signature changed", format!("{message}.{bits}")),
        ("signature twice", format!("{good}{signature}")),
        (
            "signature of zeros",
            format!("{message}.{}", "A".repeat(signature.len())),
        ),
        ("altered payload", with_signature_of(&other_claims, &good)),
        ("duplicate dots", format!("{head}..{payload}.{signature}")),
        ("a fourth part", format!("{good}.{signature}")),
        ("padding", format!("{good}==")),
        ("white space", format!(" {good}")),
        ("line feed", format!("{good}\n")),
        ("payload missing", format!("{head}..{signature}")),
        ("header missing", format!(".{payload}.{signature}")),
        (
            "JSON serialisation",
            json!({"payload": payload, "protected": head, "signature": signature}).to_string(),
        ),
    ]
}

fn with_signature_of(token: &str, other: &str) -> String {
    let (message, _) = token.rsplit_once('.').expect("three parts");
    let (_, signature) = other.rsplit_once('.').expect("three parts");
    format!("{message}.{signature}")
}
