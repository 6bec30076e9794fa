//! Users: who they are at their issuer, and the profile that others see.

mod acquaintances;
mod claim_rules;
mod claims;
mod compare;
mod disabled;
mod known;
mod merge;
mod names;
mod overview;
mod phone;
mod profile;
mod search;
mod seen;
mod write;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Db, StoreError,
    rows::{Columns, count, from_columns},
};

pub use acquaintances::acquainted;
pub use claim_rules::ClaimRules;
pub use claims::claimed_name;
pub use compare::differs;
pub use disabled::{DisabledUser, Switched, all_disabled, disable, enable};
pub use known::{Known, has_address, known};
pub use merge::{Identity, Merge, REFERENCES, merge};
pub use names::is_language_tag;
pub use overview::{UserFilter, UserOverview, list_all, named, overview};
pub use phone::with_phone_like;
pub(super) use profile::profile_columns;
pub use profile::{Profile, profiles};
pub use search::{find, list, with_address};
pub use seen::note_seen;
pub(super) use write::search_text_of;
pub use write::{NewUserDefaults, ProfileChange, update_profile, upsert_from_claims, upsert_from_id_token};

/// Characters of a title and of a display name.
pub const NAME_CHARS_MAX: usize = 255;

/// Characters of an e-mail address. Longer ones can not be mailed to (RFC 5321, section 4.5.3.1); they are not taken over.
pub const EMAIL_CHARS_MAX: usize = 254;

/// Characters of a language tag (RFC 5646, section 4.4.1).
pub const LANGUAGE_CHARS_MAX: usize = 35;

/// Characters of the name of a theme.
pub const THEME_CHARS_MAX: usize = 128;

/// A registered user.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    pub profile: Profile,
    pub issuer: String,
    pub subject: String,
    pub tenant_id: Uuid,
    pub tariff_id: Uuid,
    pub tariff_status: TariffStatus,
    /// Whether the user chose the display name; claims do not change it then.
    pub display_name_chosen: bool,
    /// BCP 47 tag.
    pub language: String,
    /// Whether the user chose the language; claims do not change it then.
    pub language_chosen: bool,
    pub dashboard_theme: String,
    pub conference_theme: String,
    pub phone: Option<String>,
    /// The folded address by which others invite the user; none where the issuer does not vouch for it as
    /// `oidc.email_verified` wants.
    pub invite_email: Option<String>,
    /// Since when what the issuer says about the user is so, in Unix seconds; nothing older changes it.
    pub claims_at: i64,
    /// When the user was here last, to the hour.
    pub seen_at: DateTime<Utc>,
    /// Bytes of stored assets.
    pub used_storage: u64,
    /// Since when the user may not do anything any more.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// How the user came to the tariff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TariffStatus {
    #[default]
    Default,
    Paid,
    Downgraded,
}

impl TariffStatus {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Paid => "paid",
            Self::Downgraded => "downgraded",
        }
    }

    /// `None` for a status that is not known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Default, Self::Paid, Self::Downgraded]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

impl User {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            profile: Profile::read(row, "u")?,
            issuer: row.col("issuer")?,
            subject: row.col("subject")?,
            tenant_id: row.col("tenant_id")?,
            tariff_id: row.col("tariff_id")?,
            tariff_status: TariffStatus::parse(&row.col::<String>("tariff_status")?).unwrap_or_default(),
            display_name_chosen: row.col("display_name_chosen")?,
            language: row.col("language")?,
            language_chosen: row.col("language_chosen")?,
            dashboard_theme: row.col("dashboard_theme")?,
            conference_theme: row.col("conference_theme")?,
            phone: row.col("phone")?,
            invite_email: row.col("invite_email")?,
            claims_at: row.col("claims_at")?,
            seen_at: row.col("seen_at")?,
            used_storage: count(row.col("used_storage")?),
            disabled_at: row.col("disabled_at")?,
        })
    }
}
from_columns!(User);

/// Columns of a user for a query that calls the table `u`.
macro_rules! user_columns {
    () => {
        concat!(
            profile_columns!("u"),
            ", u.issuer, u.subject, u.tenant_id, u.tariff_id, u.tariff_status, u.display_name_chosen, u.language,
             u.language_chosen, u.dashboard_theme, u.conference_theme, u.phone, u.invite_email,
             u.claims_at, u.seen_at, u.used_storage, u.disabled_at"
        )
    };
}
pub(super) use user_columns;

const BY_ID: &str = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
const BY_IDENTITY: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users u WHERE u.issuer = $1 AND u.subject = $2"
);

/// The user with this id.
pub async fn by_id(db: &Db, id: Uuid) -> Result<Option<User>, StoreError> {
    Ok(read!(db, c => sqlx::query_as(BY_ID).bind(id).fetch_optional(c).await)?)
}

/// The user that an issuer calls `subject`.
pub async fn by_identity(db: &Db, issuer: &str, subject: &str) -> Result<Option<User>, StoreError> {
    Ok(read!(db, c => sqlx::query_as(BY_IDENTITY).bind(issuer).bind(subject).fetch_optional(c).await)?)
}
