//! Settings of mail.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::secrets::Secret;

/// How mail is sent.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSettings {
    /// The relay; no mail is sent while it is absent.
    pub host: Option<String>,
    pub port: u16,
    pub tls: MailTls,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// Sender of all mails; needed with a host.
    pub from_address: Option<String>,
    pub from_name: String,
    /// Base of the links in mails; needed with a host.
    pub web_client_url: Option<Url>,
    /// Whom receivers of mails tell of misuse; stands in every mail.
    pub report_address: Option<String>,
    /// Seconds until the second attempt; doubled each time, up to an hour.
    pub retry_secs: u64,
    /// Seconds after which a mail is given up.
    pub give_up_secs: u64,
    /// Whether people may be invited whom neither this server nor the identity provider knows.
    pub external_invitations: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    #[default]
    Starttls,
    Wrapped,
    None,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            host: None,
            port: 587,
            tls: MailTls::Starttls,
            user: None,
            password: None,
            password_file: None,
            from_address: None,
            from_name: "Colloquy".to_owned(),
            web_client_url: None,
            report_address: None,
            retry_secs: 30,
            give_up_secs: 2 * 24 * 3600,
            external_invitations: true,
        }
    }
}
