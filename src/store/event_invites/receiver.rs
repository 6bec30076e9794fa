//! Who hears of an invitation, or of what happens to an event.

use uuid::Uuid;

use serde::{Deserialize, Serialize};

use crate::store::{
    StoreError, Tx,
    address_hash::AddressHash,
    events::InviteStatus,
    rows::{Columns, from_columns},
};

/// Who gets a mail. It is kept in mails that wait, as it was when they were queued.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Receiver {
    /// A user of this server.
    Registered {
        id: Uuid,
        email: String,
        name: String,
        /// BCP 47 tag.
        language: String,
    },
    /// Somebody whom the identity provider knows, and who never was here.
    Unregistered { email: String, name: String },
    /// An e-mail address, whosever it is. The invite link lets its owner in as a guest.
    External {
        email: String,
        invite_code: Option<Uuid>,
    },
}

impl Receiver {
    #[must_use]
    pub fn email(&self) -> &str {
        match self {
            Self::Registered { email, .. }
            | Self::Unregistered { email, .. }
            | Self::External { email, .. } => email,
        }
    }

    /// Empty for those of whom only an address is known.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Registered { name, .. } | Self::Unregistered { name, .. } => name,
            Self::External { .. } => "",
        }
    }

    #[must_use]
    pub fn language(&self) -> Option<&str> {
        match self {
            Self::Registered { language, .. } => Some(language),
            Self::Unregistered { .. } | Self::External { .. } => None,
        }
    }

    #[must_use]
    pub fn address_hash(&self) -> AddressHash {
        AddressHash::of(self.email())
    }

    /// By which an external one comes in.
    #[must_use]
    pub fn invite_code(&self) -> Option<Uuid> {
        match self {
            Self::External { invite_code, .. } => *invite_code,
            Self::Registered { .. } | Self::Unregistered { .. } => None,
        }
    }
}

/// An invitee whom mail reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// Id of the invitation.
    pub invite: Uuid,
    pub receiver: Receiver,
    pub status: InviteStatus,
    /// Whether a mail about the event was sent.
    pub was_told: bool,
}

impl Addressee {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let user: Option<Uuid> = row.col("user_id")?;
        let status: String = row.col("status")?;
        let receiver = match user {
            Some(id) => Receiver::Registered {
                id,
                email: row.col("user_email")?,
                name: row.col("display_name")?,
                language: row.col("language")?,
            },
            None => Receiver::External {
                email: row.col("email")?,
                invite_code: row.col("invite_code")?,
            },
        };
        let status = InviteStatus::parse(&status).unwrap_or(InviteStatus::Pending);
        Ok(Self {
            invite: row.col("id")?,
            receiver,
            status,
            was_told: row.col("told")?,
        })
    }
}
from_columns!(Addressee);

/// Those whom mail reaches, and what it must know of them: not users without an address, or with one that the identity provider
/// calls unverified, nor disabled ones, nor those who have moved to another tenant, for whom the event is not there. More
/// conditions follow.
macro_rules! receivers {
    () => {
        "SELECT i.id, i.told, i.user_id, i.email, i.invite_code, i.status, u.email AS user_email, u.display_name, u.language
         FROM event_invites i JOIN events e ON e.id = i.event_id LEFT JOIN users u ON u.id = i.user_id
         WHERE (u.id IS NULL OR u.email <> '' AND u.email_verified IS NOT FALSE AND u.disabled_at IS NULL
                AND u.tenant_id = e.tenant_id)"
    };
}

/// Whoever has this invitation.
pub async fn receiver(tx: &mut Tx, invite: Uuid) -> Result<Option<Addressee>, StoreError> {
    const SELECT: &str = concat!(receivers!(), " AND i.id = $1");
    Ok(within!(tx, c => sqlx::query_as(SELECT).bind(invite).fetch_optional(c).await)?)
}

/// Everybody who is invited to an event and has not declined, in the order of their invitation.
pub async fn receivers(tx: &mut Tx, event: Uuid) -> Result<Vec<Addressee>, StoreError> {
    const SELECT: &str = concat!(
        receivers!(),
        " AND i.event_id = $1 AND i.status <> 'declined' ORDER BY i.created_at, i.id"
    );
    Ok(within!(tx, c => sqlx::query_as(SELECT).bind(event).fetch_all(c).await)?)
}
