//! What the server itself makes of a meeting: the task that makes it may be done twice.

use std::convert::Infallible;

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use colloquy::assets::{NewDocument, ORPHAN_AGE, Orphans};
use futures_util::{future::join, stream};
use serde_json::json;
use uuid::Uuid;

use crate::rest::api::Api;

on_both_databases!(Api: what_is_stored_twice_is_one_asset_with_its_content);

async fn what_is_stored_twice_is_one_asset_with_its_content(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let room: Uuid = room.parse().expect("a UUID");
    let document = NewDocument {
        id: Uuid::new_v4(),
        room,
        namespace: "whiteboard",
        kind: "whiteboard_pdf",
        extension: "pdf",
        at: Utc::now(),
    };
    let (assets, quotas) = (&api.state.assets, api.state.config.quotas);
    let store = || {
        let content = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"%PDF-1.4"))]);
        assets.store_document(document, quotas, content)
    };
    // At once, and once more when it is there.
    let (one, other) = join(store(), store()).await;
    let third = store().await.expect("an asset");
    for asset in [one.expect("an asset"), other.expect("an asset")] {
        assert_eq!((asset.id, &asset.filename), (document.id, &third.filename));
    }
    assert_eq!(api.contents(), [document.id.to_string()]);
    let later = Utc::now() + ORPHAN_AGE + TimeDelta::seconds(5);
    let found = assets.find_orphans(later).await.expect("an answer");
    assert_eq!(found, Orphans::default());
}
