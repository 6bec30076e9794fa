//! Locking services out. They have no rows as users, so the identity provider's name for them is all there is.

use chrono::{DateTime, Utc};
use url::Url;

use super::{printable, time};
use crate::{
    cli::database::CommandError,
    config::Config,
    store::{Db, disabled_subjects},
};

/// Services that are shown.
const SHOWN_MAX: usize = 100;

/// Who vouches for services: the configured issuer, else the development issuer of a server with this configuration.
pub(super) fn issuer(config: &Config) -> String {
    let url = config.oidc.authority.clone().or_else(|| config.dev_issuer_url());
    let url = url.as_ref().map_or("", Url::as_str);
    url.trim_end_matches('/').to_owned()
}

/// Whether this can be what an identity provider calls a service: addresses are people's.
pub(super) fn is_subject(name: &str) -> bool {
    !name.is_empty() && !name.contains(['@', ' ']) && !name.contains(char::is_control)
}

/// Locks out whoever has this subject and is no user.
pub(super) async fn disable(
    db: &Db,
    issuer: &str,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<String, CommandError> {
    let (since, is_new) = disabled_subjects::disable(db, issuer, subject, now).await?;
    let (subject, since) = (printable(subject), time(since));
    Ok(if is_new {
        format!(
            "No user is called `{subject}`. Disabled the service with this subject at {issuer}. \
             Running servers follow within 10 seconds."
        )
    } else {
        format!("Nothing to do: the service with the subject `{subject}` is disabled since {since}.")
    })
}

/// Lets in again whoever has this subject and is no user; nothing where nobody was locked out.
pub(super) async fn enable(db: &Db, issuer: &str, subject: &str) -> Result<Option<String>, CommandError> {
    let was_disabled = disabled_subjects::enable(db, issuer, subject).await?;
    let subject = printable(subject);
    Ok(was_disabled.then(|| {
        format!("Enabled the service with the subject `{subject}`. Running servers follow within 10 seconds.")
    }))
}

/// Lines about all services that are locked out.
pub(super) async fn lines(db: &Db) -> Result<Vec<String>, CommandError> {
    let all = disabled_subjects::all(db).await?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let mut lines = vec![format!("services: {}", all.len())];
    lines.extend(all.iter().take(SHOWN_MAX).map(|service| {
        let (subject, issuer) = (printable(&service.subject), printable(&service.issuer));
        format!("{subject}  of {issuer}  disabled since {}", time(service.at))
    }));
    if all.len() > SHOWN_MAX {
        lines.push("and more".to_owned());
    }
    Ok(lines)
}
