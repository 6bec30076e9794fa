//! `colloquy tariffs`: what users' rooms may use.

use std::{collections::BTreeSet, fmt::Write as _, process::ExitCode};

use clap::{Args, Subcommand};

use super::database::{self, CommandError};
use crate::{
    catalogue::{CORE, names},
    clock::Clock,
    config::Config,
    quotas::Quota,
    store::{
        Db, StoreError, Unique,
        tariffs::{self, DEFAULT_TARIFF, Definition, Deletion, TariffOverview},
    },
};

/// Characters of a tariff's name and of an external id.
const NAME_CHARS_MAX: usize = 255;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum TariffsCommand {
    /// Print all tariffs and how many users have each
    List,
    /// Make a new tariff, which limits nothing but what is named here
    Create {
        name: String,
        #[command(flatten)]
        changes: Changes,
    },
    /// Change a tariff; meetings that run keep what they began with
    Edit {
        name: String,
        /// New name
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        #[command(flatten)]
        changes: Changes,
        #[command(flatten)]
        reversals: Reversals,
    },
    /// Delete a tariff that no user has
    Delete { name: String },
}

/// What a tariff limits. Each may be given several times.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Changes {
    /// What tokens call the tariff (claim `tariff_id`)
    #[arg(long, value_name = "ID")]
    external_id: Vec<String>,
    /// A limit: `max_storage` (bytes), `room_time_limit_secs`, `room_participant_limit`, or a name of the settings'
    /// section `quotas`, before which it goes; of these 0 is no limit
    #[arg(long, value_name = "NAME=NUMBER")]
    quota: Vec<String>,
    /// A module that is off
    #[arg(long, value_name = "MODULE")]
    disable_module: Vec<String>,
    /// A feature that is off, as `<module>::<feature>`
    #[arg(long, value_name = "FEATURE")]
    disable_feature: Vec<String>,
}

/// What a tariff no longer limits. Each may be given several times.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Reversals {
    /// What tokens no longer call the tariff
    #[arg(long, value_name = "ID")]
    remove_external_id: Vec<String>,
    /// A limit that no longer holds; then that of the settings holds, if there is one
    #[arg(long, value_name = "NAME")]
    remove_quota: Vec<String>,
    /// A module that is on again
    #[arg(long, value_name = "MODULE")]
    enable_module: Vec<String>,
    /// A feature that is on again
    #[arg(long, value_name = "FEATURE")]
    enable_feature: Vec<String>,
}

pub(super) fn run(config: &Config, command: TariffsCommand) -> ExitCode {
    database::run(config, async |db| match command {
        TariffsCommand::List => list(&db).await,
        TariffsCommand::Create { name, changes } => create(&db, name, &changes).await,
        TariffsCommand::Edit {
            name,
            rename,
            changes,
            reversals,
        } => edit(&db, name, rename, changes, reversals).await,
        TariffsCommand::Delete { name } => delete(&db, name).await,
    })
}

async fn list(db: &Db) -> Result<String, CommandError> {
    let tariffs = tariffs::list(db).await?;
    let texts: Vec<_> = tariffs.iter().map(text).collect();
    Ok(texts.join("\n\n"))
}

fn text(overview: &TariffOverview) -> String {
    let tariff = &overview.tariff;
    let quotas: Vec<_> = tariff
        .quotas
        .iter()
        .map(|(name, limit)| format!("{name}={limit}"))
        .collect();
    let mut text = tariff.name.clone();
    if tariff.id == DEFAULT_TARIFF {
        text.push_str(" (of everybody who has no other)");
    }
    for (name, value) in [
        ("id", tariff.id.to_string()),
        ("external ids", joined(&overview.external_ids)),
        ("users", overview.users.to_string()),
        ("quotas", joined(&quotas)),
        ("disabled modules", joined(&tariff.disabled_modules)),
        ("disabled features", joined(&tariff.disabled_features)),
    ] {
        // Writing to a string can not fail.
        let _ = write!(text, "\n  {:<18} {value}", format!("{name}:"));
    }
    text
}

fn joined<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.into_iter().map(String::as_str).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

async fn create(db: &Db, name: String, changes: &Changes) -> Result<String, CommandError> {
    let mut new = Definition {
        name: checked_name("name", name)?,
        ..Definition::default()
    };
    changes.apply(&mut new)?;
    let done = format!("Created the tariff `{}`.", new.name);
    tariffs::create(db, new, Clock::system().now())
        .await
        .map_err(taken)?;
    Ok(done)
}

async fn edit(
    db: &Db,
    name: String,
    rename: Option<String>,
    changes: Changes,
    reversals: Reversals,
) -> Result<String, CommandError> {
    let done = format!("Changed the tariff `{name}`.");
    let unknown = unknown(&name);
    let edited = tariffs::edit(db, name, Clock::system().now(), move |definition| {
        if let Some(name) = rename {
            definition.name = checked_name("name", name)?;
        }
        reversals.apply(definition)?;
        changes.apply(definition)
    });
    let edited = edited.await.map_err(|error| match error {
        CommandError::Store(error) => taken(error),
        error => error,
    })?;
    if edited { Ok(done) } else { Err(unknown) }
}

async fn delete(db: &Db, name: String) -> Result<String, CommandError> {
    let done = format!("Deleted the tariff `{name}`.");
    let unknown = unknown(&name);
    match tariffs::delete(db, name, Clock::system().now()).await? {
        Deletion::Done => Ok(done),
        Deletion::Unknown => Err(unknown),
        Deletion::IsDefault => Err(CommandError::refused(
            "everybody who has no other tariff has this one; it can be changed and renamed",
        )),
        Deletion::InUse(users) => Err(CommandError::refused(format_args!(
            "{users} user{} this tariff; they get another one from the claims of their next login",
            if users == 1 { " has" } else { "s have" }
        ))),
    }
}

fn unknown(name: &str) -> CommandError {
    CommandError::refused(format_args!(
        "there is no tariff `{name}`; `colloquy tariffs list` shows them"
    ))
}

fn taken(error: StoreError) -> CommandError {
    match error {
        StoreError::Duplicate(Unique::TariffName) => {
            CommandError::refused("another tariff has this name already")
        }
        StoreError::Duplicate(Unique::TariffExternalId) => {
            CommandError::refused("another tariff has this external id already")
        }
        error => error.into(),
    }
}

fn checked_name(what: &str, name: String) -> Result<String, CommandError> {
    let is_good =
        !name.trim().is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.contains(char::is_control);
    if is_good {
        Ok(name)
    } else {
        Err(CommandError::refused(format_args!(
            "the {what} must have 1 to {NAME_CHARS_MAX} characters, none of them a control character"
        )))
    }
}

impl Changes {
    fn apply(&self, definition: &mut Definition) -> Result<(), CommandError> {
        for id in &self.external_id {
            definition
                .external_ids
                .insert(checked_name("external id", id.clone())?);
        }
        for quota in &self.quota {
            let (quota, limit) = parse_quota(quota)?;
            definition.quotas.insert(quota.name().to_owned(), limit);
        }
        for name in &self.disable_module {
            let module = names::module(name).map_err(CommandError::refused)?;
            if module == CORE {
                return Err(CommandError::refused(
                    "the module `core` can not be off, only its features",
                ));
            }
            definition.disabled_modules.insert(module.to_owned());
        }
        for name in &self.disable_feature {
            let feature = names::feature(name).map_err(CommandError::refused)?;
            definition.disabled_features.insert(feature);
        }
        Ok(())
    }
}

impl Reversals {
    fn apply(&self, definition: &mut Definition) -> Result<(), CommandError> {
        for id in &self.remove_external_id {
            remove(&mut definition.external_ids, "external id", id)?;
        }
        for name in &self.remove_quota {
            let quota = names::quota(name).map_err(CommandError::refused)?;
            if definition.quotas.remove(quota.name()).is_none() {
                return Err(CommandError::refused(format_args!(
                    "the tariff has no quota `{name}`"
                )));
            }
        }
        for name in &self.enable_module {
            let module = names::module(name).map_err(CommandError::refused)?;
            remove(&mut definition.disabled_modules, "disabled module", module)?;
        }
        for name in &self.enable_feature {
            let feature = names::feature(name).map_err(CommandError::refused)?;
            // Stored without a module it means the same.
            let short = feature.strip_prefix(&format!("{CORE}::")).map(str::to_owned);
            if !short.is_some_and(|short| definition.disabled_features.remove(&short)) {
                remove(&mut definition.disabled_features, "disabled feature", &feature)?;
            }
        }
        Ok(())
    }
}

fn remove(names: &mut BTreeSet<String>, what: &str, name: &str) -> Result<(), CommandError> {
    if names.remove(name) {
        Ok(())
    } else {
        Err(CommandError::refused(format_args!(
            "the tariff has no {what} `{name}`"
        )))
    }
}

fn parse_quota(text: &str) -> Result<(Quota, u64), CommandError> {
    let (name, limit) = text
        .split_once('=')
        .ok_or_else(|| CommandError::refused(format_args!("`{text}` is no quota: write <name>=<number>")))?;
    let quota = names::quota(name).map_err(CommandError::refused)?;
    let limit = limit.parse::<u64>().ok();
    let limit = limit.filter(|limit| (quota.least()..=Quota::VALUE_MAX).contains(limit));
    let limit = limit.ok_or_else(|| {
        let least = quota.least();
        CommandError::refused(format_args!("{name} must be a whole number from {least} on"))
    })?;
    Ok((quota, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().copied().map(str::to_owned).collect()
    }

    #[test]
    fn changes_and_reversals_meet_in_the_middle() {
        let mut definition = Definition::default();
        let changes = Changes {
            external_id: owned(&["gold"]),
            quota: owned(&["room_participant_limit=5", "max_storage=0"]),
            disable_module: owned(&["chat"]),
            disable_feature: owned(&["call_in", "integration::outlook"]),
        };
        changes.apply(&mut definition).unwrap();
        assert_eq!(definition.quotas["room_participant_limit"], 5);
        assert!(definition.disabled_features.contains("core::call_in"));
        let reversals = Reversals {
            remove_external_id: owned(&["gold"]),
            remove_quota: owned(&["room_participant_limit", "max_storage"]),
            enable_module: owned(&["chat"]),
            enable_feature: owned(&["core::call_in", "integration::outlook"]),
        };
        reversals.apply(&mut definition).unwrap();
        assert_eq!(definition, Definition::default());
        for reversal in [
            Reversals {
                remove_external_id: owned(&["gold"]),
                ..Reversals::default()
            },
            Reversals {
                remove_quota: owned(&["max_storage"]),
                ..Reversals::default()
            },
            Reversals {
                enable_module: owned(&["chat"]),
                ..Reversals::default()
            },
            Reversals {
                enable_feature: owned(&["call_in"]),
                ..Reversals::default()
            },
        ] {
            assert!(reversal.apply(&mut definition).is_err(), "{reversal:?}");
        }
    }

    #[test]
    fn a_feature_without_its_module_is_enabled_too() {
        let mut definition = Definition::default();
        definition.disabled_features.insert("call_in".to_owned());
        let reversals = Reversals {
            enable_feature: owned(&["call_in"]),
            ..Reversals::default()
        };
        reversals.apply(&mut definition).unwrap();
        assert_eq!(definition, Definition::default());
    }

    #[test]
    fn quotas_are_numbers_with_a_name() {
        assert_eq!(
            parse_quota("room_time_limit_secs=60").unwrap(),
            (Quota::RoomTimeLimitSecs, 60)
        );
        assert_eq!(parse_quota("rooms_max=0").unwrap(), (Quota::RoomsMax, 0));
        for (text, told) in [
            ("max_storage", "`max_storage` is no quota: write <name>=<number>"),
            ("max_storage=-1", "max_storage must be a whole number from 0 on"),
            (
                "max_storage=9223372036854775808",
                "max_storage must be a whole number from 0 on",
            ),
            (
                "room_participant_limit=0",
                "room_participant_limit must be a whole number from 1 on",
            ),
            ("room_limit=5", "there is no quota `room_limit`; did you mean"),
        ] {
            let error = parse_quota(text).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }
}
