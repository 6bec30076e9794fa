//! Events for tests of what hangs on them.

use chrono::{DateTime, Utc};
use colloquy::store::{
    StoreError,
    events::{self, NewEvent, Times, ZonedTime},
};
use colloquy_calendar::recurrence::Recurrence;
use colloquy_calendar::zones::Zone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::api::{Api, Person};

impl Api {
    /// The id of a new event without a time.
    pub async fn event(&self, owner: &Person) -> String {
        self.stored_event(owner, None).await
    }

    /// The id of a new event that ends, or whose series ends, at this time of the test's day.
    pub async fn event_until(&self, owner: &Person, end: DateTime<Utc>) -> String {
        self.stored_event(owner, Some(end)).await
    }

    async fn stored_event(&self, owner: &Person, end: Option<DateTime<Utc>>) -> String {
        let room = self.room(owner, json!({})).await;
        let me = self.get(owner, "/v1/users/me").await.expect(200);
        let tenant = self.tenant(&me).await;
        let zoned = |at| ZonedTime { at, zone: Zone::UTC };
        let new = NewEvent {
            id: Uuid::new_v4(),
            tenant_id: tenant,
            room_id: room.parse().expect("an id"),
            created_by: id(&me),
            created_at: self.state.clock.now(),
            title: "Chess".to_owned(),
            description: String::new(),
            is_adhoc: false,
            times: end.map(|end| Times {
                is_all_day: false,
                starts_at: zoned(end - chrono::TimeDelta::hours(1)),
                ends_at: zoned(end),
                skipped_start: None,
            }),
            recurrence: Recurrence::default(),
            series_ends_at: end,
            show_meeting_details: false,
            training_report: None,
        };
        let event = new.id;
        let db = &self.database.db;
        let stored = db.transaction(move |tx| {
            Box::pin(async move {
                events::insert(tx, &new).await?;
                Ok::<_, StoreError>(())
            })
        });
        stored.await.expect("an event");
        event.to_string()
    }

    async fn tenant(&self, me: &Value) -> Uuid {
        let user = colloquy::store::users::by_id(&self.database.db, id(me)).await;
        user.expect("a query").expect("a user").tenant_id
    }

    /// The id of a person.
    pub async fn id_of(&self, person: &Person) -> String {
        let me = self.get(person, "/v1/users/me").await.expect(200);
        me["id"].as_str().expect("an id").to_owned()
    }

    /// Invites a person, who is new to the event.
    pub async fn invite_to(&self, owner: &Person, event: &str, invitee: &Person) {
        let body = json!({"invitee": self.id_of(invitee).await});
        let path = format!("/v1/events/{event}/invites");
        self.call(owner, "POST", &path, body).await.expect(201);
    }

    /// From now on the person belongs to another tenant.
    pub async fn move_to_another_tenant(&self, person: &Person) {
        let user = self.id_of(person).await;
        let (tenant, user) = (
            self.database.literal(Uuid::new_v4()),
            self.database.literal(user.parse().expect("an id")),
        );
        let at = "'2027-01-15 08:00:00+00:00'";
        self.database
            .execute(&format!(
                "INSERT INTO tenants (id, external_id, created_at) VALUES ({tenant}, 'other', {at})"
            ))
            .await;
        self.database
            .execute(&format!(
                "UPDATE users SET tenant_id = {tenant} WHERE id = {user}"
            ))
            .await;
    }
}

fn id(me: &Value) -> Uuid {
    me["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}
