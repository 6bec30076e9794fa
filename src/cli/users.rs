//! `colloquy users`: who has an account here, and who is locked out.

mod subjects;

use std::{fmt::Write as _, process::ExitCode};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};

use super::database::{self, CommandError};
use crate::{
    clock::Clock,
    config::Config,
    store::{
        Db, Listed, Window,
        users::{self, Identity, Merge, Switched, User, UserFilter, UserOverview},
    },
};

/// Users of one page.
const PER_PAGE_MAX: u32 = 1_000;

/// Characters of what is searched for, and of what names a user: longer ones are stored of nobody.
const TEXT_CHARS_MAX: usize = 255;

/// Users that are named where more than one is meant.
const NAMED_MAX: usize = 20;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum UsersCommand {
    /// Print users of all tenants, those first who came first
    List(ListArgs),
    /// Print what is known of a user
    Show(Who),
    /// Lock a user out: sessions end, tokens are refused, nobody new comes into the user's rooms; or a service, by its subject
    Disable(Who),
    /// Let a user or a service in again
    Enable(Who),
    /// Make one user of two rows of the same person, e.g. one whose account was deleted and made again
    Merge(Both),
}

#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// Only those who are locked out
    #[arg(long)]
    disabled: bool,
    /// Only those in whose name or e-mail address this stands
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    search: String,
    /// Which page
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    page: u32,
    /// Users of a page
    #[arg(long, value_name = "NUMBER", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(PER_PAGE_MAX)))]
    per_page: u32,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Who {
    /// Id, e-mail address, or what the identity provider calls the user or service (`sub`)
    user: String,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Both {
    /// The row that lives on, with its id: id, e-mail address or subject
    old: String,
    /// The row whose profile, rooms, events and invitations it gets, and what the identity provider calls the user now
    new: String,
}

pub(super) fn run(config: &Config, command: UsersCommand) -> ExitCode {
    let issuer = subjects::issuer(config);
    database::run(config, async |db| match command {
        UsersCommand::List(list) => list.run(&db).await,
        UsersCommand::Show(who) => show(&db, &who).await,
        UsersCommand::Disable(who) => disable(&db, &who, &issuer).await,
        UsersCommand::Enable(who) => enable(&db, &who, &issuer).await,
        UsersCommand::Merge(both) => merge(&db, both).await,
    })
}

impl ListArgs {
    async fn run(self, db: &Db) -> Result<String, CommandError> {
        let filter = UserFilter {
            disabled: self.disabled,
            text: checked(self.search)?,
        };
        let window = Window {
            limit: self.per_page,
            offset: u64::from(self.page - 1) * u64::from(self.per_page),
        };
        let listed = users::list_all(db, &filter, window).await?;
        let mut text = page(&listed, self.page, self.per_page);
        if self.disabled {
            for line in subjects::lines(db).await? {
                text.push('\n');
                text.push_str(&line);
            }
        }
        Ok(text)
    }
}

/// The lines of a page, and where it stands among the others.
fn page(listed: &Listed<User>, page: u32, per_page: u32) -> String {
    let mut lines: Vec<_> = listed.rows.iter().map(line).collect();
    let pages = listed.total.div_ceil(u64::from(per_page)).max(1);
    lines.push(format!("users: {}, page {page} of {pages}", listed.total));
    lines.join("\n")
}

fn line(user: &User) -> String {
    let since = user
        .disabled_at
        .map(|at| format!("  disabled since {}", time(at)));
    format!(
        "{}  {}{}",
        user.profile.id,
        title(user),
        since.unwrap_or_default()
    )
}

/// Name and address, on one line whatever the identity provider has sent.
fn title(user: &User) -> String {
    let name = printable(&user.profile.display_name);
    match printable(&user.profile.email) {
        email if email.is_empty() => name,
        email => format!("{name} <{email}>"),
    }
}

/// Without what moves the cursor of a terminal.
fn printable(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn checked(text: String) -> Result<String, CommandError> {
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(CommandError::refused(format_args!(
            "nobody has a name or an address of more than {TEXT_CHARS_MAX} characters"
        )));
    }
    Ok(text)
}

/// The one user whom the operator means.
async fn meant(db: &Db, who: &Who) -> Result<User, CommandError> {
    let user = find(db, who).await?;
    user.ok_or_else(|| gone(who.user.trim()))
}

/// The same; `None` where there is no such user.
async fn find(db: &Db, who: &Who) -> Result<Option<User>, CommandError> {
    let name = checked(who.user.trim().to_owned())?;
    if name.is_empty() {
        return Err(CommandError::refused(
            "say which user by id, e-mail address or subject",
        ));
    }
    let limit = u32::try_from(NAMED_MAX + 1).unwrap_or(u32::MAX);
    let mut found = users::named(db, &name, limit).await?;
    match (found.pop(), found.len()) {
        (Some(user), 0) => Ok(Some(user)),
        (Some(last), _) => {
            found.push(last);
            Err(CommandError::refused(ambiguous(&name, &found)))
        }
        (None, _) => Ok(None),
    }
}

fn ambiguous(name: &str, found: &[User]) -> String {
    let mut text = format!("`{}` may be several users; say by id which one:", printable(name));
    for user in found.iter().take(NAMED_MAX) {
        let subject = printable(&user.subject);
        // Writing to a string can not fail.
        let _ = write!(text, "\n{}  {}  subject: {subject}", user.profile.id, title(user));
    }
    if found.len() > NAMED_MAX {
        text.push_str("\nand more");
    }
    text
}

fn gone(name: &str) -> CommandError {
    let name = printable(name);
    CommandError::refused(format_args!(
        "there is no user `{name}`; `colloquy users list` shows them"
    ))
}

async fn show(db: &Db, who: &Who) -> Result<String, CommandError> {
    let id = meant(db, who).await?.profile.id;
    let overview = users::overview(db, id).await?;
    Ok(text(&overview.ok_or_else(|| gone(&who.user))?))
}

fn text(overview: &UserOverview) -> String {
    let user = &overview.user;
    let disabled = user
        .disabled_at
        .map_or_else(|| "no".to_owned(), |at| format!("since {}", time(at)));
    let tenant = overview.tenant.as_deref().unwrap_or("none");
    let mut text = printable(&user.profile.display_name);
    for (name, value) in [
        ("id", user.profile.id.to_string()),
        ("e-mail", user.profile.email.clone()),
        ("first name", user.profile.firstname.clone()),
        ("last name", user.profile.lastname.clone()),
        ("issuer", user.issuer.clone()),
        ("subject", user.subject.clone()),
        ("tenant", format!("{} (OIDC id: {tenant})", user.tenant_id)),
        ("tariff", overview.tariff.clone()),
        ("rooms", overview.rooms.to_string()),
        ("events", overview.events.to_string()),
        ("bytes of assets", user.used_storage.to_string()),
        ("first seen", time(overview.created_at)),
        ("disabled", disabled),
    ] {
        let value = Some(printable(&value)).filter(|value| !value.is_empty());
        let value = value.as_deref().unwrap_or("none");
        // Writing to a string can not fail.
        let _ = write!(text, "\n  {:<18} {value}", format!("{name}:"));
    }
    text
}

async fn disable(db: &Db, who: &Who, issuer: &str) -> Result<String, CommandError> {
    let subject = who.user.trim();
    let user = match find(db, who).await? {
        Some(user) => user,
        None if subjects::is_subject(subject) => {
            return subjects::disable(db, issuer, subject, Clock::system().now()).await;
        }
        None => return Err(gone(subject)),
    };
    let id = user.profile.id;
    let switched = users::disable(db, id, Clock::system().now()).await?;
    let Switched { user, changed } = switched.ok_or_else(|| gone(&who.user))?;
    let (id, title) = (user.profile.id, title(&user));
    let since = user.disabled_at.map(time).unwrap_or_default();
    Ok(if changed {
        format!("Disabled {title}, {id}. Running servers follow within 10 seconds.")
    } else {
        format!("Nothing to do: {title}, {id}, is disabled since {since}.")
    })
}

async fn enable(db: &Db, who: &Who, issuer: &str) -> Result<String, CommandError> {
    let subject = who.user.trim();
    let Some(user) = find(db, who).await? else {
        let enabled = subjects::enable(db, issuer, subject).await?;
        return enabled.ok_or_else(|| gone(subject));
    };
    // It may have been locked out before anything else was known of it.
    let freed = subjects::enable(db, user.issuer.trim_end_matches('/'), &user.subject).await?;
    let switched = users::enable(db, user.profile.id).await?;
    let Switched { user, changed } = switched.ok_or_else(|| gone(&who.user))?;
    let (id, title) = (user.profile.id, title(&user));
    Ok(if changed || freed.is_some() {
        format!("Enabled {title}, {id}. Running servers follow within 10 seconds.")
    } else {
        format!("Nothing to do: {title}, {id}, is not disabled.")
    })
}

async fn merge(db: &Db, both: Both) -> Result<String, CommandError> {
    let old = meant(db, &Who { user: both.old }).await?;
    let new = meant(db, &Who { user: both.new }).await?;
    let (kept, gone) = (old.profile.id, new.profile.id);
    if kept == gone {
        return Err(CommandError::refused(format_args!(
            "both are {}, {kept}",
            title(&old)
        )));
    }
    // Nobody gets to see another tenant by a slip of the keyboard.
    if old.tenant_id != new.tenant_id {
        return Err(CommandError::refused(format_args!(
            "{kept} and {gone} are of two tenants; `colloquy users show` tells which"
        )));
    }
    let merge = Merge {
        kept,
        gone,
        identity: Identity::OfGone,
    };
    let merged = users::merge(db, merge, Clock::system().now()).await?;
    let user = merged.ok_or_else(|| CommandError::refused("one of the two is no more"))?;
    let disabled = match user.disabled_at {
        Some(_) => " It is disabled, as one of the two was.",
        None => "",
    };
    Ok(format!(
        "Merged {}, {gone}, into {kept}: {}.{disabled} Running servers follow within 10 seconds.",
        title(&new),
        title(&user)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_identity_providers_send_stays_on_its_line() {
        assert_eq!(
            printable("Ad\u{1b}[2Ja\n<Ädams>"),
            "Ad\u{fffd}[2Ja\u{fffd}<Ädams>"
        );
    }

    #[test]
    fn an_empty_list_is_one_page() {
        let nobody = Listed {
            rows: Vec::new(),
            total: 0,
        };
        assert_eq!(page(&nobody, 1, 50), "users: 0, page 1 of 1");
        let many = Listed { total: 101, ..nobody };
        assert_eq!(page(&many, 3, 50), "users: 101, page 3 of 3");
    }
}
