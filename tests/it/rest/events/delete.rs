//! `DELETE /v1/events/{event_id}`.

use serde_json::{Value, json};

use super::{Api, WEEKS, event, invite, patch, path, text, weekly, with};

on_both_databases!(Api: a_deleted_event_takes_everything_along, contents_of_the_room_go_along, flags_must_parse);

async fn a_deleted_event_takes_everything_along(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let target = json!({
        "name": "n", "kind": "custom", "streaming_endpoint": "rtmp://example.org", "streaming_key": "k",
        "public_url": "https://example.org",
    });
    let body = json!({"streaming_targets": [target], "show_meeting_details": true});
    let created = event(api, &alice, with(weekly(), &body)).await;
    invite(api, &alice, &created, &bob, "user").await;
    let favorite = format!("/v1/users/me/event_favorites/{}", text(&created["id"]));
    api.call(&bob, "PUT", &favorite, Value::Null).await.expect(201);
    let instance = format!("{}/instances/{}", path(&created), WEEKS[1]);
    patch(api, &alice, &instance, json!({"status": "cancelled"}))
        .await
        .expect(200);
    // Its room stays as long as it needs one.
    let room = format!("/v1/rooms/{}", text(&created["room"]["id"]));
    api.call(&alice, "DELETE", &room, Value::Null)
        .await
        .refused(409, "conflict");
    let query = "?force_delete_reference_if_external_services_fail=true\
                 &force_delete_reference_if_shared_folder_deletion_fails=true&suppress_email_notification=true";
    let deleted = api
        .call(
            &alice,
            "DELETE",
            &format!("{}{query}", path(&created)),
            Value::Null,
        )
        .await;
    assert_eq!(deleted.expect(204), Value::Null);
    for gone in [&path(&created), &room] {
        api.get(&alice, gone).await.refused(404, "not_found");
        api.get(&bob, gone).await.refused(404, "not_found");
    }
    for table in [
        "events",
        "event_exceptions",
        "event_invites",
        "event_favorites",
        "rooms",
        "invites",
        "streaming_targets",
        "sip_configs",
    ] {
        assert_eq!(
            api.database
                .number(&format!("SELECT count(*) FROM {table}"))
                .await,
            0,
            "{table}"
        );
    }
    api.call(&alice, "DELETE", &path(&created), Value::Null)
        .await
        .refused(404, "not_found");
}

async fn contents_of_the_room_go_along(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let query = "kind=recording&file_extension=mkv";
    api.upload(&alice, text(&created["room"]["id"]), query, "content")
        .await
        .expect(200);
    assert_eq!(api.contents().len(), 1);
    api.call(&alice, "DELETE", &path(&created), Value::Null)
        .await
        .expect(204);
    api.wait_for_contents(&[]).await;
    assert_eq!(
        api.get(&alice, "/v1/users/me").await.expect(200)["used_storage"],
        0
    );
}

async fn flags_must_parse(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    api.call(
        &alice,
        "DELETE",
        &format!("{}?suppress_email_notification=1", path(&created)),
        Value::Null,
    )
    .await
    .refused(400, "bad_request");
    api.call(&alice, "DELETE", &path(&created), Value::Null)
        .await
        .expect(204);
}
