//! `POST /v1/invite/verify`.

use serde_json::json;

use super::api::{Api, request};

on_both_databases!(Api:
    a_code_leads_to_its_room, codes_end, unknown_codes_are_not_found, any_authorization_is_ignored,
    bad_bodies_are_refused);

const PATH: &str = "/v1/invite/verify";

async fn a_code_leads_to_its_room(api: &Api) {
    let alice = api.person("alice").await;
    for (body, password_required) in [(json!({}), false), (json!({"password": "x"}), true)] {
        let room = api.room(&alice, body).await;
        let code = api.invite(&alice, &room, json!({})).await;
        let verified = api
            .call_anonymously("POST", PATH, json!({"invite_code": code, "unknown": 1}))
            .await;
        assert_eq!(
            verified.expect(201),
            json!({"room_id": room, "password_required": password_required})
        );
    }
}

async fn codes_end(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let code = api
        .invite(&alice, &room, json!({"expiration": "2027-01-15T08:01:00Z"}))
        .await;
    let verify = async || {
        api.call_anonymously("POST", PATH, json!({"invite_code": code}))
            .await
    };
    api.clock.advance(59);
    verify().await.expect(201);
    api.clock.advance(1);
    verify().await.refused(404, "not_found");
}

async fn unknown_codes_are_not_found(api: &Api) {
    let unknown = json!({"invite_code": "00000000-0000-4000-8000-000000000000"});
    api.call_anonymously("POST", PATH, unknown)
        .await
        .refused(404, "not_found");
}

async fn any_authorization_is_ignored(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let code = api.invite(&alice, &room, json!({})).await;
    for authorization in ["Bearer expired", "InviteCode nonsense", "nonsense"] {
        api.send(request(
            "POST",
            PATH,
            Some(authorization),
            &json!({"invite_code": code}),
        ))
        .await
        .expect(201);
    }
}

async fn bad_bodies_are_refused(api: &Api) {
    api.refuses_bad_bodies(None, "POST", PATH).await;
    let verify = async |body| api.call_anonymously("POST", PATH, body).await;
    verify(json!({}))
        .await
        .refused_fields(&["invite_code value_required"]);
    for wrong in [json!("x"), json!(""), json!(1), json!(null), json!("\0")] {
        verify(json!({"invite_code": wrong}))
            .await
            .refused_fields(&["invite_code invalid_value"]);
    }
}
