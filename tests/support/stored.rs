//! What a test changes in the database because no request does: it counts from the next `start` on.

use colloquy::store::Db;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{binary, planted, server::Server};

impl Server {
    /// Every tariff has these quotas, such as `{"room_participant_limit": 2}`.
    pub async fn set_quotas(&self, quotas: &Value) {
        self.execute(format!("UPDATE tariffs SET quotas = '{quotas}'"))
            .await;
    }

    /// Every tariff lacks these modules, a list of names.
    pub async fn disable_modules(&self, names: &Value) {
        self.execute(format!("UPDATE tariffs SET disabled_modules = '{names}'"))
            .await;
    }

    /// Every tariff lacks these features, a list of names.
    pub async fn disable_features(&self, names: &Value) {
        self.execute(format!("UPDATE tariffs SET disabled_features = '{names}'"))
            .await;
    }

    /// The issuer says that a user, who has called already, has this telephone number.
    pub async fn give_phone(&self, email: &str, number: &str) {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let tail = &digits[digits.len() - 5..];
        let set =
            format!("UPDATE users SET phone = '{number}', phone_tail = '{tail}' WHERE email = '{email}'");
        self.execute(set).await;
    }

    /// Every room now belongs to this user, who has called already. Only owners come in as registered users: that is how
    /// a second one does. Whoever is inside stays what it is.
    pub async fn hand_rooms_to(&self, email: &str) {
        let user = format!("SELECT id FROM users WHERE email = '{email}'");
        self.execute(format!("UPDATE rooms SET created_by = ({user})"))
            .await;
    }

    /// What an operator types beside the running server.
    pub fn operate(&self, arguments: &[&str]) {
        let mut command = binary::colloquy();
        if let Some(url) = &self.database().url {
            command.env("COLLOQUY_DATABASE__URL", url);
        }
        let status = command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data_dir())
            .status();
        assert!(status.expect("a process").success(), "{arguments:?}");
    }

    /// Invites a user, who has called already, to an event in this room, which has none yet.
    pub async fn invite_to_room(&self, room: &str, email: &str, role: &str) {
        let db = Db::connect(&self.database(), &self.data_dir()).await;
        let db = db.expect("a database");
        let event = planted::event(&db, room.parse().expect("an id")).await;
        planted::invitation(&db, event, email, role, "accepted").await;
        db.close().await;
    }

    /// The id of an event of the owner's in this room, which has none yet.
    pub async fn plant_event(&self, room: &str) -> String {
        let db = Db::connect(&self.database(), &self.data_dir()).await;
        let db = db.expect("a database");
        let event = planted::event(&db, room.parse().expect("an id")).await;
        db.close().await;
        event.to_string()
    }

    /// Every invite is withdrawn and nobody is invited as a moderator, and no room has heard of it.
    pub async fn withdraw_unheard(&self) {
        self.execute("UPDATE invites SET active = FALSE".to_owned()).await;
        self.execute("UPDATE event_invites SET role = 'user'".to_owned())
            .await;
    }

    /// No room takes people who come by a link, and none has heard of it.
    pub async fn shut_guests_out_unheard(&self) {
        self.execute("UPDATE rooms SET guest_access = 'disabled'".to_owned())
            .await;
    }

    /// The code of the only address that is invited to anything.
    pub async fn code_of_an_address(&self) -> String {
        const SELECT: &str = "SELECT invite_code FROM event_invites WHERE invite_code IS NOT NULL";
        let db = Db::connect(&self.database(), &self.data_dir()).await;
        let db = db.expect("a database");
        let code: sqlx::Result<Uuid> = match &db {
            Db::Sqlite { read, .. } => sqlx::query_scalar(SELECT).fetch_one(&**read).await,
            Db::Postgres(pool) => sqlx::query_scalar(SELECT).fetch_one(&**pool).await,
        };
        db.close().await;
        code.expect("an invited address").to_string()
    }

    /// Every invite is good again.
    pub async fn renew_invites(&self) {
        self.execute("UPDATE invites SET active = TRUE".to_owned()).await;
    }

    /// Whatever the outbox holds waits no longer, as if time had passed.
    pub async fn set_all_mails_due(&self) {
        self.execute("UPDATE outbox SET due_at = created_at".to_owned())
            .await;
    }

    /// Rooms that were deleted were so by this many seconds earlier.
    pub async fn let_deleted_rooms_age(&self, secs: u32) {
        self.execute(format!(
            "UPDATE deleted_rooms SET deleted_at = deleted_at - {secs}"
        ))
        .await;
    }

    /// Jobs of the schedule are due at once.
    pub async fn forget_when_jobs_ran(&self) {
        self.execute("UPDATE job_leases SET ran_at = NULL".to_owned())
            .await;
    }

    async fn execute(&self, sql: String) {
        let db = Db::connect(&self.database(), &self.data_dir()).await;
        let db = db.expect("a database");
        let sql = AssertSqlSafe(sql);
        let rows = match &db {
            Db::Sqlite { write, .. } => sqlx::query(sql)
                .execute(&**write)
                .await
                .map(|done| done.rows_affected()),
            Db::Postgres(pool) => sqlx::query(sql)
                .execute(&**pool)
                .await
                .map(|done| done.rows_affected()),
        };
        db.close().await;
        assert_ne!(rows.expect("a statement"), 0, "nothing was changed");
    }
}
