//! `/v1/mail/unsubscribe/{token}` and `/v1/mail/subscribe/{token}`.

use axum::{body::Body, http::Request};
use colloquy::{mail::Tokens, store::address_hash::AddressHash};

use super::{answer::Answer, api::Api};

on_both_databases!(Api:
    a_look_changes_nothing_and_a_click_does, twice_is_once_and_can_be_taken_back, only_whole_tokens_count,
    machines_may_not_ask_without_end);

async fn token(api: &Api, email: &str) -> String {
    let tokens = Tokens::of(&api.database.db).await.expect("a key");
    tokens.token(&AddressHash::of(email))
}

async fn refusals(api: &Api) -> i64 {
    api.database.number("SELECT count(*) FROM mail_refusals").await
}

/// What a browser or a mail program sends.
async fn ask(api: &Api, method: &str, path: &str, language: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if !language.is_empty() {
        request = request.header("accept-language", language);
    }
    let body = match method {
        "POST" => {
            request = request.header("content-type", "application/x-www-form-urlencoded");
            Body::from("List-Unsubscribe=One-Click")
        }
        _ => Body::empty(),
    };
    api.send(request.body(body).expect("a request")).await
}

async fn a_look_changes_nothing_and_a_click_does(api: &Api) {
    let path = format!("/v1/mail/unsubscribe/{}", token(api, "Bob@Example.org").await);
    for (language, word) in [
        ("", "no more mail"),
        ("de-CH, fr;q=0.5", "keine Nachrichten"),
        ("*", "no more mail"),
    ] {
        let answer = ask(api, "GET", &path, language).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(
            answer
                .header("content-security-policy")
                .contains("default-src 'none'")
        );
        let page = answer.expect(200);
        let page = page.as_str().expect("a page");
        assert!(
            page.contains(word) && page.contains("<form method=\"post\""),
            "{page}"
        );
        assert!(!page.contains("<script"), "{page}");
    }
    assert_eq!(refusals(api).await, 0);
    ask(api, "POST", &path, "").await.expect(200);
    assert_eq!(refusals(api).await, 1);
    // No address is kept.
    let hash = AddressHash::of("bob@example.org");
    let kept = colloquy::store::mail_refusals::is_refused(&api.database.db, hash).await;
    assert!(kept.expect("a query"));
}

async fn twice_is_once_and_can_be_taken_back(api: &Api) {
    let token = token(api, "bob@example.org").await;
    let (refuse, back) = (
        format!("/v1/mail/unsubscribe/{token}"),
        format!("/v1/mail/subscribe/{token}"),
    );
    for _ in 0..2 {
        let page = ask(api, "POST", &refuse, "").await.expect(200);
        assert!(page.as_str().expect("a page").contains("../subscribe/"), "{page}");
        assert_eq!(refusals(api).await, 1);
    }
    let page = ask(api, "GET", &refuse, "").await.expect(200);
    assert!(page.as_str().expect("a page").contains("../subscribe/"), "{page}");
    for _ in 0..2 {
        let page = ask(api, "POST", &back, "").await.expect(200);
        assert!(
            page.as_str().expect("a page").contains("../unsubscribe/"),
            "{page}"
        );
        assert_eq!(refusals(api).await, 0);
    }
    ask(api, "GET", &back, "")
        .await
        .refused(405, "method_not_allowed");
}

async fn only_whole_tokens_count(api: &Api) {
    let good = token(api, "bob@example.org").await;
    let other = token(api, "rob@example.org").await;
    let mixed = format!("{}{}", &good[..43], &other[43..]);
    for wrong in [
        &good[..85],
        &format!("{good}A"),
        &mixed,
        "x",
        "%20",
        "%3Cscript%3E",
    ] {
        for (method, way) in [
            ("GET", "unsubscribe"),
            ("POST", "unsubscribe"),
            ("POST", "subscribe"),
        ] {
            let answer = ask(api, method, &format!("/v1/mail/{way}/{wrong}"), "").await;
            let page = answer.expect(404);
            assert!(!page.as_str().expect("a page").contains("<form"), "{page}");
        }
    }
    assert_eq!(refusals(api).await, 0);
}

async fn machines_may_not_ask_without_end(api: &Api) {
    let path = format!("/v1/mail/unsubscribe/{}", token(api, "bob@example.org").await);
    for _ in 0..1_000 {
        let answer = ask(api, "GET", &path, "").await;
        if answer.status != 200 {
            answer.refused(429, "too_many_requests");
            return;
        }
    }
    panic!("a thousand requests at once were answered");
}
