//! Settings of the identity provider.

use std::path::PathBuf;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::secrets::Secret;

/// Longest name of a client.
pub const CLIENT_CHARS_MAX: usize = 255;

/// The audience that switches its check off.
pub const ANY_AUDIENCE: &str = "*";

/// Who vouches for users.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oidc {
    /// Issuer URL; the built-in development issuer serves when absent.
    pub authority: Option<Url>,
    /// The URL by which this server reaches the issuer, where it is another one.
    pub service_authority: Option<Url>,
    /// URLs under which the same realm was known before.
    pub former_issuers: Vec<String>,
    /// Whether a service authority beyond private networks may be asked in clear.
    pub allow_plain: bool,
    /// Name shown by `GET /auth/login`.
    pub name: String,
    /// OIDC client id of the web frontend, the audience of ID tokens.
    pub client_id: String,
    /// Further clients of the realm whose tokens speak for people.
    pub clients: Vec<String>,
    /// Clients whose tokens speak for services; any when empty.
    pub service_clients: Vec<String>,
    /// Audience that access tokens of people must name; `*`: no client and no audience is checked.
    pub audience: Option<String>,
    /// Accepted signature algorithms, asymmetric only.
    pub algorithms: Vec<String>,
    /// Seconds from now that a token may be good for at the most.
    pub token_lifetime_max_secs: u64,
    /// Whether the issuer's userinfo is asked.
    pub userinfo: bool,
    /// Seconds between two questions about one login.
    pub userinfo_secs: u64,
    /// Whether e-mail invitations need the issuer's word that the address is the user's.
    pub email_verified: EmailVerified,
    /// Whether somebody whose token names no tenant is refused.
    pub tenant_required: bool,
    pub claims: ClaimNames,
    /// Realm role of SIP gateways.
    pub call_in_role: String,
    /// Realm role of recorders.
    pub recorder_role: String,
    pub user_search: UserDirectory,
}

/// What an address counts as that the issuer says nothing about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailVerified {
    /// Not the user's.
    #[default]
    Required,
    /// The user's.
    Assumed,
}

/// Names of the claims that differ between issuers; an empty one switches a claim off.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimNames {
    pub groups: String,
    pub tenant_id: String,
    pub tariff_id: String,
    pub tariff_status: String,
    pub picture: String,
    /// Values of `tariff_status` that mean a paid tariff.
    pub paid_states: Vec<String>,
    /// Values of `tariff_status` that mean a downgraded one.
    pub downgraded_states: Vec<String>,
    /// Name of the tariff of whoever is downgraded; that of the token when empty.
    pub downgraded_tariff: String,
    /// Whether the operator's file or environment names the claim of tenants, whatever the name: tenants matter there.
    #[serde(skip)]
    pub tenant_id_is_named: bool,
}

impl Oidc {
    /// Whether a missing tenant may be more than a person of the default one, as far as the settings say: it must not be
    /// taken for that before the issuer has been asked.
    #[must_use]
    pub fn wants_tenants(&self) -> bool {
        !self.claims.tenant_id.is_empty() && (self.tenant_required || self.claims.tenant_id_is_named)
    }
}

/// The issuer's own directory of people, asked beside the database (Keycloak's admin API of the realm).
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserDirectory {
    /// The realm's admin API, e.g. `https://id.example.org/admin/realms/colloquy`; not asked when absent.
    pub api_url: Option<Url>,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    /// A file with the secret.
    pub client_secret_file: Option<PathBuf>,
    /// Attribute of people that holds their tenant; the name of the claim when empty.
    pub tenant_attribute: String,
}

impl Oidc {
    /// Whether this client of the realm is one whose tokens speak for people here.
    #[must_use]
    pub fn is_own_client(&self, client: &str) -> bool {
        client == self.client_id || self.clients.iter().any(|own| own == client)
    }

    /// How long it is known that a login has ended: as long as a token of it may be good.
    #[must_use]
    pub fn ended_logins_kept(&self) -> TimeDelta {
        // A year; more is not good for anything.
        const SECS_MAX: u64 = 365 * 24 * 3_600;
        let secs = self.token_lifetime_max_secs.min(SECS_MAX);
        TimeDelta::seconds(i64::try_from(secs).unwrap_or_default())
    }
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            authority: None,
            service_authority: None,
            former_issuers: Vec::new(),
            allow_plain: false,
            name: "Colloquy".to_owned(),
            client_id: "Frontend".to_owned(),
            clients: Vec::new(),
            service_clients: Vec::new(),
            audience: None,
            algorithms: ["RS256", "ES256", "EdDSA", "PS256"].map(str::to_owned).to_vec(),
            token_lifetime_max_secs: 24 * 3_600,
            userinfo: true,
            userinfo_secs: 300,
            email_verified: EmailVerified::default(),
            tenant_required: false,
            claims: ClaimNames::default(),
            call_in_role: "opentalk-call-in".to_owned(),
            recorder_role: "opentalk-recorder".to_owned(),
            user_search: UserDirectory::default(),
        }
    }
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            groups: "x_grp".to_owned(),
            tenant_id: "tenant_id".to_owned(),
            tariff_id: "tariff_id".to_owned(),
            tariff_status: "tariff_status".to_owned(),
            picture: String::new(),
            paid_states: vec!["paid".to_owned()],
            downgraded_states: vec!["downgraded".to_owned()],
            downgraded_tariff: String::new(),
            tenant_id_is_named: false,
        }
    }
}
