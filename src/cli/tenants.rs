//! `colloquy tenants`: closed circles of users, each with an id at the identity provider.

use std::process::ExitCode;

use clap::Subcommand;
use uuid::Uuid;

use super::database::{self, CommandError};
use crate::{
    config::Config,
    store::{
        Db, StoreError, Unique,
        tenants::{self, DEFAULT_TENANT, EXTERNAL_ID_CHARS_MAX, Tenant},
    },
};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum TenantsCommand {
    /// Print all tenants and how many users each has
    List,
    /// Say what tokens call a tenant (claim `tenant_id`)
    SetOidcId {
        /// Id of the tenant, as `list` shows it
        tenant: Uuid,
        /// What tokens call it from now on
        oidc_id: String,
    },
}

pub(super) fn run(config: &Config, command: TenantsCommand) -> ExitCode {
    database::run(config, async |db| match command {
        TenantsCommand::List => list(&db).await,
        TenantsCommand::SetOidcId { tenant, oidc_id } => set_oidc_id(&db, tenant, oidc_id).await,
    })
}

async fn list(db: &Db) -> Result<String, CommandError> {
    let tenants = tenants::list(db).await?;
    let lines: Vec<_> = tenants.iter().map(line).collect();
    Ok(lines.join("\n"))
}

fn line(tenant: &Tenant) -> String {
    let oidc_id = tenant.external_id.as_deref().unwrap_or("none");
    let note = if tenant.id == DEFAULT_TENANT {
        " (of everybody whose token names none)"
    } else {
        ""
    };
    format!("{}  users: {}  OIDC id: {oidc_id}{note}", tenant.id, tenant.users)
}

async fn set_oidc_id(db: &Db, tenant: Uuid, oidc_id: String) -> Result<String, CommandError> {
    let oidc_id = oidc_id.trim().to_owned();
    let is_good = (1..=EXTERNAL_ID_CHARS_MAX).contains(&oidc_id.chars().count()) && !oidc_id.contains('\0');
    if !is_good {
        return Err(CommandError::refused(format_args!(
            "the OIDC id must have 1 to {EXTERNAL_ID_CHARS_MAX} characters"
        )));
    }
    let done = format!("Tokens call the tenant {tenant} `{oidc_id}` from now on.");
    match tenants::set_external_id(db, tenant, oidc_id).await {
        Ok(true) => Ok(done),
        Ok(false) => Err(CommandError::refused(format_args!(
            "there is no tenant {tenant}; `colloquy tenants list` shows them"
        ))),
        Err(StoreError::Duplicate(Unique::TenantExternalId)) => {
            Err(CommandError::refused("another tenant has this OIDC id already"))
        }
        Err(error) => Err(error.into()),
    }
}
